"""Rules about names and about how a machine is recognised."""

from __future__ import annotations

from typing import Final

from b2ct.check.report import Report
from b2ct.model import RELEASES, Family, Role
from b2ct.places import Path

#: What makers leave in the DMI serial number; such a number names no machine.
_FILLERS: Final = frozenset(
    {
        "0",
        "00000000",
        "0123456789",
        "1234567890",
        "123456789",
        "default",
        "empty",
        "invalid",
        "n/a",
        "na",
        "none",
        "notspecified",
        "null",
        "oem",
        "serial",
        "systemserialnumber",
        "unknown",
        "xxxxxxxxxx",
    }
)


def names(report: Report) -> None:
    """A node's name is no group of the inventory, and not the machine at hand."""
    groups = {role.value for role in Role} | {family.value for family in Family}
    groups |= {release.group for release in RELEASES.values()} | {
        "all",
        "cvmfs",
        "database",
        "ungrouped",
    }
    for name in report.site.nodes:
        if name in groups:
            report.problem(
                ("nodes", name),
                f"{name!r} is a group of the inventory too",
                "choose another name, such as " + repr(f"{name}1"),
            )
        elif name in ("localhost", "localhost4", "localhost6"):
            report.problem(
                ("nodes", name), f"{name!r} is every machine itself", "choose another name"
            )


def macs(report: Report) -> None:
    """A MAC address belongs to one card of one node."""
    seen: dict[str, Path] = {}
    for name, node in report.site.nodes.items():
        for card, mac in node.macs.items():
            path: Path = ("nodes", name, "macs", card)
            if mac == "00:00:00:00:00:00":
                report.problem(path, f"{mac} is no card's address", "read it with: ip link")
            elif mac in seen:
                _, other, _, other_card = seen[mac]
                report.problem(
                    path,
                    f"{mac} is the address of {other}'s card {other_card} already,"
                    f" on line {report.line(seen[mac])}",
                    "read each card's own with: ip link",
                )
            seen.setdefault(mac, path)


def serials(report: Report) -> None:
    """A serial number belongs to one machine, and names one."""
    seen: dict[str, str] = {}
    for name, node in report.site.nodes.items():
        if node.serial is None:
            continue
        path: Path = ("nodes", name, "serial")
        plain = node.serial.lower()
        if plain.strip("._-") in _FILLERS or len(set(plain)) == 1:
            report.problem(
                path,
                f"{node.serial!r} is a filler that many machines carry",
                "remove it and recognise the node by macs:",
            )
        elif plain in seen:
            line = report.line(("nodes", seen[plain], "serial"))
            report.problem(
                path,
                f"{node.serial!r} is the serial number of {seen[plain]} already, on line {line}",
                "read each machine's own with: dmidecode -s system-serial-number",
            )
        seen.setdefault(plain, name)


def recognition(report: Report) -> None:
    """The media can tell which node a machine is, or ask."""
    for name, node in report.site.nodes.items():
        if node.serial is not None or node.macs:
            continue
        path: Path = ("nodes", name)
        rests: list[Path] = [(*path, "serial"), (*path, "macs"), ("install", "ask")]
        message = "nothing tells this machine from others: no MAC address and no serial number"
        if report.site.install.ask:
            report.note(
                path, message, "add macs: or serial:, else its installer will ask", rests_on=rests
            )
        else:
            report.problem(
                path, message, "add macs: or serial:, or let install.ask ask", rests_on=rests
            )
