"""The variables of each Ansible role, from the site: one module a role, named as the role.

A module offers ``site_variables(site)`` (for the group ``all``), ``host_variables(site, node)``,
or both. Its ``ports(site, node)`` (``b2ct.inventory.ports``) are opened in the node's firewall.
Each name begins with the role's, and is declared in the role's
``meta/argument_specs.yml``: a contract test compares. What a site says nothing about is left
to the role's defaults, so that ``group_vars`` and ``host_vars`` can set anything else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any, Final

from b2ct.inventory.ports import Ports
from b2ct.inventory.roles import (
    base,
    cluster,
    control_ha,
    cvmfs_client,
    drbd,
    fence,
    heartbeat,
    lvs,
    mariadb,
    monitoring,
    network,
    opennebula_frontend,
    opennebula_node,
    opennebula_objects,
    precheck,
    rocci,
    san,
    squid,
    tls,
    wpad,
)
from b2ct.model import ResolvedNode, Site

#: In the order of the stages.
ROLES: Final[tuple[ModuleType, ...]] = (
    precheck,
    base,
    network,
    cluster,
    san,
    tls,
    fence,
    drbd,
    heartbeat,
    control_ha,
    mariadb,
    opennebula_frontend,
    opennebula_node,
    opennebula_objects,
    squid,
    wpad,
    cvmfs_client,
    rocci,
    lvs,
    monitoring,
)


def site_variables(site: Site) -> dict[str, Any]:
    """Give the roles' variables that are the same on every node."""
    return _merged(module.site_variables(site) for module in ROLES if _offers(module, "site"))


def host_variables(site: Site, node: ResolvedNode) -> dict[str, Any]:
    """Give the roles' variables of one node."""
    variables = _merged(
        module.host_variables(site, node) for module in ROLES if _offers(module, "host")
    )
    return variables | {"base_firewall_rules": [port.as_rule() for port in ports(site, node)]}


def ports(site: Site, node: ResolvedNode) -> tuple[Ports, ...]:
    """Give what the roles of a node listen on."""
    return tuple(
        port for module in ROLES if hasattr(module, "ports") for port in module.ports(site, node)
    )


def _offers(module: ModuleType, whose: str) -> bool:
    return hasattr(module, f"{whose}_variables")


def _merged(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return {name: value for part in parts for name, value in part.items()}
