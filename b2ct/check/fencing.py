"""Rules about fencing: how nodes are switched off by others."""

from __future__ import annotations

import re
from ipaddress import ip_address

from b2ct.check.report import Report
from b2ct.model import BOARD_AGENTS, FENCE_AGENTS, FenceDevice, Site
from b2ct.places import Path
from b2ct.suggest import nearest

_SECRET = re.compile(r"pass(?:w(?:or)?d)?(?:_script)?|passphrase|token|.*_password|secret")
#: What b2ct itself says to an agent and to Pacemaker.
_OWN = frozenset({"action", "pcmk_host_list", "pcmk_host_map", "pcmk_host_check", "nodename"})


def devices(report: Report) -> None:
    """A device's agent is spelt right, and its options hold no secret and nothing of b2ct's."""
    for path, found in _places(report.site):
        for position, device in enumerate(found):
            _device(report, (*path, position), device)


def _device(report: Report, path: Path, device: FenceDevice) -> None:
    agent = device.agent
    near = None if agent in FENCE_AGENTS else nearest(agent, FENCE_AGENTS, likeness=0.88)
    if near is not None:
        report.problem(
            (*path, "agent"), f"there is no fence agent {agent!r}", f"did you mean {near!r}?"
        )
    for name in device.options:
        place = (*path, "options", name)
        if _SECRET.fullmatch(name):
            report.problem(
                place,
                "a secret does not belong into site.yml",
                "put it into vault.yml as vault_fence_passwords: {NODE: …} and remove it here",
            )
        elif name in _OWN:
            report.problem(place, f"b2ct itself decides {name}", "remove it")
    if agent in BOARD_AGENTS and "ip" not in device.options:
        report.problem(
            (*path, "options"), f"{agent} needs the address of the board", "add ip: ADDRESS"
        )
    if device.with_previous and path[-1] == 0:
        report.problem((*path, "with_previous"), "there is no entry before the first", "remove it")


def targets(report: Report) -> None:
    """No board belongs to two nodes, and none is a node's own address."""
    site = report.site
    owners: dict[str, str] = {}
    own = {
        str(side.ip): node.name
        for node in site.resolved.values()
        for link in node.links
        for side in (link.ipv4, link.ipv6)
        if side is not None and not isinstance(side, str)
    }
    for name, node in site.resolved.items():
        for position, device in enumerate(node.fence):
            address = _plain(device.options.get("ip", ""))
            if device.agent not in BOARD_AGENTS or not address:
                continue
            path = (*said_at(site, name, position), "options")
            if address in own:
                report.problem(
                    path,
                    f"{address} is an address of {own[address]} itself, which is silent when it"
                    " must be switched off",
                    "write the address of its management board",
                    rests_on=[("nodes", own[address])],
                )
            target = f"{address} {device.options.get('ipport', '')} {device.plug or ''}"
            if owners.setdefault(target, name) != name:
                report.problem(
                    path,
                    f"{address} would switch off {owners[target]} as well as {name}",
                    "write each node's own board, or {node} in its name",
                    rests_on=[("nodes", owners[target]), ("hardware",)],
                )


def _plain(address: str) -> str:
    try:
        return str(ip_address(address))
    except ValueError:
        return address.lower()


def _places(site: Site) -> list[tuple[Path, tuple[FenceDevice, ...]]]:
    """Give every list of devices with its place."""
    found: list[tuple[Path, tuple[FenceDevice, ...]]] = []
    found += [(("hardware", name, "fence"), kind.fence) for name, kind in site.hardware.items()]
    found += [(("nodes", name, "fence"), node.fence) for name, node in site.nodes.items()]
    return found


def said_at(site: Site, name: str, position: int) -> Path:
    """Give the place of a node's device: its own, or that of its hardware."""
    node = site.nodes[name]
    if node.fence or node.hardware is None:
        return ("nodes", name, "fence", position)
    return ("hardware", node.hardware, "fence", position)
