"""A site as an Ansible inventory: groups, hosts and their variables as plain data.

The inventory plugin ``b2ct.cloud.site`` hands this to Ansible. Facts of the site begin with
``b2ct_``; the variables of the roles with the role's name (``b2ct.inventory.roles``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from b2ct.inventory import roles
from b2ct.inventory.facts import ansible_host, host_facts, site_facts
from b2ct.inventory.groups import Group, groups
from b2ct.inventory.values import Secret
from b2ct.model import Site

__all__ = ["Group", "Inventory", "Secret", "ansible_host", "inventory"]


@dataclass(frozen=True)
class Inventory:
    """Everything that Ansible learns from a site. Variables hold JSON's types and ``Secret``."""

    groups: tuple[Group, ...]
    site_variables: Mapping[str, Any]
    host_variables: Mapping[str, Mapping[str, Any]]


def inventory(site: Site) -> Inventory:
    """Describe a site to Ansible."""
    return Inventory(
        groups=groups(site),
        site_variables={**site_facts(site), **roles.site_variables(site)},
        host_variables={
            name: {**host_facts(node), **roles.host_variables(site, node)}
            for name, node in site.resolved.items()
        },
    )
