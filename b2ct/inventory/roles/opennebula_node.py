"""The role ``opennebula_node``: the hypervisors."""

from __future__ import annotations

from typing import Any, Final

from b2ct.inventory.facts import ansible_host
from b2ct.inventory.ports import Ports, service_subnets
from b2ct.inventory.roles.opennebula_frontend import (
    control_nodes,
    peers,
    repository,
    service_networks,
)
from b2ct.model import ResolvedNode, Role, Site

#: Live migration, as the role tells libvirt.
MIGRATION_PORTS: Final = "49152-49215"
#: oned gives a virtual machine's console port 5900 plus its id, below what it reserves.
CONSOLE_PORTS: Final = "5900-32767"


def ports(site: Site, node: ResolvedNode) -> tuple[Ports, ...]:
    """Give what a hypervisor listens on: for its like, and consoles for the front-ends."""
    if Role.HYPERVISOR not in node.roles:
        return ()
    front = tuple(ansible_host(control) for control in control_nodes(site))
    migration = Ports("live migration", (MIGRATION_PORTS,), service_subnets(site))
    return (migration, Ports("consoles", (CONSOLE_PORTS,), front)) if front else (migration,)


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
