"""Debian's /etc/network/interfaces: take devices out of ifupdown's hands."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

MARK = "# b2ct sets this up: "
_STANZAS = frozenset(
    {"iface", "mapping", "auto", "source", "source-directory", "rename", "template"}
)
#: Options of a stanza that name devices which it stands on.
_STANDS_ON = frozenset(
    {
        "bond-slaves",
        "bond_slaves",
        "bridge-ports",
        "bridge_ports",
        "slaves",
        "vlan-raw-device",
        "vlan_raw_device",
    }
)


@dataclass(frozen=True)
class Taken:
    """A text without some devices, and the devices that it had set up."""

    text: str
    devices: tuple[str, ...]


def take_devices(text: str, devices: Collection[str]) -> Taken:
    """Comment out what sets up ``devices``, or stands on them. The loopback stays.

    Lines are joined by a final backslash, as interfaces(5) has it.
    """
    groups = _groups(text)
    taken = {name for group in groups if (name := _device(group)) and _uses(group, name, devices)}
    lines: list[str] = []
    for group in groups:
        if _device(group) in taken:
            lines += [f"{MARK}{line}" if line.strip() else line for line in group]
        else:
            lines += _without_auto(group, taken)
    return Taken("".join(f"{line}\n" for line in lines) if taken else text, tuple(sorted(taken)))


def _groups(text: str) -> list[list[str]]:
    """Split a text into stanzas; comments and blank lines belong to what precedes them."""
    groups: list[list[str]] = [[]]
    joined = False
    for line in text.splitlines():
        words = line.split()
        first = words[0] if words else ""
        if not joined and (first in _STANZAS or first.startswith(("allow-", "no-"))):
            groups.append([])
        groups[-1].append(line)
        joined = line.endswith("\\")
    return [group for group in groups if group]


def _device(group: list[str]) -> str:
    words = group[0].split()
    return words[1].partition(":")[0] if words[:1] == ["iface"] and len(words) > 1 else ""


def _uses(group: list[str], name: str, devices: Collection[str]) -> bool:
    if name == "lo":
        return False
    if name in devices or name.rpartition(".")[0] in devices:
        return True
    options = (line.split() for line in group[1:])
    return any(
        words[0] in _STANDS_ON and set(words[1:]) & set(devices) for words in options if words
    )


def _without_auto(group: list[str], taken: Collection[str]) -> list[str]:
    words = group[0].split()
    if not words or not (words[0] == "auto" or words[0].startswith(("allow-", "no-auto-down"))):
        return group
    kept = [word for word in words[1:] if word not in taken]
    if len(kept) == len(words) - 1:
        return group
    old = [f"{MARK}{group[0]}"]
    return [*old, *([" ".join([words[0], *kept])] if kept else []), *group[1:]]
