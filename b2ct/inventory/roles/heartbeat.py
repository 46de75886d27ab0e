"""The role ``heartbeat``: the failover pair on Debian."""

from __future__ import annotations

from typing import Any

from b2ct.inventory.pair import HEARTBEAT_PORT, Pair, drbd_minor, kernel_name, pair, units
from b2ct.inventory.ports import Ports
from b2ct.model import HaEngine, ResolvedNode, Site


def _pair(site: Site, node: ResolvedNode) -> Pair | None:
    found = pair(site)
    if found is None or found.engine is not HaEngine.HEARTBEAT:
        return None
    return found if node.name in {one.name for one in found.nodes} else None


def ports(site: Site, node: ResolvedNode) -> tuple[Ports, ...]:
    """Give the port of the signs of life, for the other node on every link."""
    found = _pair(site, node)
    if found is None:
        return ()
    peer = found.peer(node)
    sources = tuple(found.link_address(peer, network) for network in found.links)
    return (Ports("Heartbeat", (HEARTBEAT_PORT,), sources, "udp"),)


def host_variables(site: Site, node: ResolvedNode) -> dict[str, Any]:
    """Give a node of the pair its links, and what moves."""
    found = _pair(site, node)
    if found is None:
        return {}
    section = found.section
    peer = found.peer(node)
    return {
        "heartbeat_nodes": [{"name": kernel_name(one), "host": one.name} for one in found.nodes],
        "heartbeat_links": [
            {
                "interface": found.link(node, network).interface,
                "peer": found.link_address(peer, network),
            }
            for network in found.links
        ],
        "heartbeat_keepalive": section.keepalive,
        "heartbeat_deadtime": section.deadtime,
        "heartbeat_address": str(found.address),
        "heartbeat_volumes": [
            {
                "resource": name,
                "device": f"/dev/drbd{drbd_minor(section, name)}",
                "mount": str(volume.mount),
                "filesystem": volume.filesystem.value,
            }
            for name, volume in section.volumes.items()
        ],
        "heartbeat_units": units(site),
    }
