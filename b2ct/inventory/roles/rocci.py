"""The role ``rocci``: OCCI on one control node, where the site wants it."""

from __future__ import annotations

from typing import Any

from b2ct.inventory.ports import Ports
from b2ct.inventory.roles.opennebula_frontend import (
    CERTIFICATE,
    control_nodes,
    front_names,
    service_networks,
)
from b2ct.model import ResolvedNode, Role, Site


def rocci_node(site: Site) -> str | None:
    """Give the node that runs it: the one named, else the first control node."""
    control = control_nodes(site)
    return site.rocci.node or (control[0].name if control else None)


def ports(site: Site, node: ResolvedNode) -> tuple[Ports, ...]:
    """Give the one port of the TLS front, for its clients."""
    if not site.rocci.enabled or rocci_node(site) != node.name:
        return ()
    clients = (*service_networks(site), *map(str, site.rocci.clients))
    return (Ports("rOCCI", (site.rocci.port,), clients),)


def host_variables(site: Site, node: ResolvedNode) -> dict[str, Any]:
    """Switch it on where it belongs, and off on the other control nodes."""
    if Role.CONTROL not in node.roles:
        return {}
    if not site.rocci.enabled or rocci_node(site) != node.name:
        return {"rocci_enabled": False}
    return {
        "rocci_enabled": True,
        "rocci_names": front_names(site, node),
        "rocci_port": site.rocci.port,
        "rocci_clients": [*service_networks(site), *map(str, site.rocci.clients)],
        "rocci_certificate": f"/etc/b2ct/tls/{CERTIFICATE}",
        "rocci_keystone": site.rocci.keystone or "",
    }
