"""The role ``control_ha``: the failover pair on Pacemaker."""

from __future__ import annotations

from typing import Any

from b2ct.inventory.pair import FENCE_DELAY_S, drbd_minor, kernel_name, pair, units
from b2ct.model import HaEngine, ResolvedNode, Site


def host_variables(site: Site, node: ResolvedNode) -> dict[str, Any]:
    """Give a node of the pair what moves."""
    found = pair(site)
    if found is None or found.engine is not HaEngine.PACEMAKER:
        return {}
    if node.name not in {one.name for one in found.nodes}:
        return {}
    section = found.section
    return {
        "control_ha_nodes": [{"name": kernel_name(one), "host": one.name} for one in found.nodes],
        "control_ha_address": str(found.address),
        "control_ha_volumes": [
            {
                "resource": name,
                "device": f"/dev/drbd{drbd_minor(section, name)}",
                "mount": str(volume.mount),
                "filesystem": volume.filesystem.value,
            }
            for name, volume in section.volumes.items()
        ],
        "control_ha_units": units(site),
        "control_ha_fence_delay": FENCE_DELAY_S,
    }
