"""The role ``opennebula_node``: the hypervisors."""

from __future__ import annotations

from typing import Any

from b2ct.inventory.roles.opennebula_frontend import (
    control_nodes,
    peers,
    repository,
    service_networks,
)
from b2ct.model import ResolvedNode, Role, Site


def host_variables(site: Site, node: ResolvedNode) -> dict[str, Any]:
    """Give a hypervisor's part."""
    if Role.HYPERVISOR not in node.roles:
        return {}
    return {
        **repository(site, node, "opennebula_node"),
        "opennebula_node_frontends": [control.name for control in control_nodes(site)],
        "opennebula_node_peers": peers(site),
        "opennebula_node_networks": service_networks(site),
    }
