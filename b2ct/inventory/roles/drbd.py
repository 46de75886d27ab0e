"""The role ``drbd``: the replicated volumes of the failover pair."""

from __future__ import annotations

from typing import Any

from b2ct.inventory.pair import DRBD_PORT, VOLUME_GROUP, drbd_minor, kernel_name, pair
from b2ct.inventory.ports import Ports
from b2ct.model import ResolvedNode, Site


def ports(site: Site, node: ResolvedNode) -> tuple[Ports, ...]:
    """Give the ports of the replication, for the other node."""
    found = pair(site)
    if found is None or node.name not in {one.name for one in found.nodes}:
        return ()
    last = DRBD_PORT + len(found.section.volumes) - 1
    opened = f"{DRBD_PORT}-{last}" if last > DRBD_PORT else DRBD_PORT
    return (Ports("DRBD", (opened,), (found.link_address(found.peer(node), found.links[0]),)),)


def host_variables(site: Site, node: ResolvedNode) -> dict[str, Any]:
    """Give a node of the pair what it replicates, and with whom."""
    found = pair(site)
    if found is None or node.name not in {one.name for one in found.nodes}:
        return {}
    section = found.section
    return {
        "drbd_nodes": [
            {
                "name": kernel_name(one),
                "host": one.name,
                "address": found.link_address(one, found.links[0]),
            }
            for one in found.nodes
        ],
        "drbd_resources": [
            {
                "name": name,
                "minor": drbd_minor(section, name),
                "port": DRBD_PORT + drbd_minor(section, name),
                "disk": f"/dev/{VOLUME_GROUP}/{name}",
                "mount": volume.mount,
                "filesystem": volume.filesystem.value,
            }
            for name, volume in section.volumes.items()
        ],
        "drbd_engine": found.engine.value,
        "drbd_deadtime": section.deadtime,
        "drbd_resync_rate": section.resync_rate,
        "drbd_verify_day": section.verify_day,
    }
