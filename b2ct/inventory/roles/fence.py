"""The role ``fence``: how control nodes switch other machines of the site off."""

from __future__ import annotations

from typing import Any

from b2ct.inventory.values import Secret
from b2ct.model import BOARD_AGENTS, ResolvedNode, Role, Site

PASSWORDS = "vault_fence_passwords"


def host_variables(site: Site, node: ResolvedNode) -> dict[str, Any]:
    """Give a control node the devices of all machines that have some."""
    if Role.CONTROL not in node.roles:
        return {}
    return {
        "fence_nodes": {
            other.name: devices(other)
            for other in site.resolved.values()
            if other.fence_from_outside
        },
        "fence_passwords": Secret(PASSWORDS, optional=True),
    }


def devices(node: ResolvedNode) -> list[dict[str, Any]]:
    """Give the devices of a machine with the options that its agents read."""
    found = []
    for device in node.fence_from_outside:
        options = dict(device.options)
        if device.plug is not None or device.agent not in BOARD_AGENTS:
            options["plug"] = device.plug or node.name
        found.append({"agent": device.agent, "level": device.level, "options": options})
    return found
