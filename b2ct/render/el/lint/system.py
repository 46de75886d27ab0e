"""The installed system: guarded, and nothing left to be asked."""

from __future__ import annotations

from collections.abc import Iterator

from b2ct.errors import Problem
from b2ct.render.el.parse import Parsed

#: Without one of these the installer stops and asks.
_NEEDED = (
    (frozenset({"lang"}), "the language"),
    (frozenset({"keyboard"}), "the keyboard"),
    (frozenset({"timezone"}), "the time zone"),
    (frozenset({"rootpw"}), "root's password"),
    (frozenset({"url", "cdrom", "nfs", "harddrive", "liveimg", "ostreesetup"}), "the packages"),
    (frozenset({"bootloader"}), "the boot loader"),
    (frozenset({"part", "partition", "autopart"}), "the partitions"),
)


def problems(parsed: Parsed) -> Iterator[Problem]:
    """Judge SELinux, the firewall, and whether the installation runs without questions."""
    seen: set[str] = set()
    for command in parsed.commands:
        name, words = command.words[0], command.words
        seen.add(name)
        if name == "selinux" and "--enforcing" not in words:
            yield Problem(
                parsed.path, command.number, "SELinux is switched off", "write selinux --enforcing"
            )
        if name == "firewall" and ({"--disabled", "--disable"} & set(words)):
            yield Problem(
                parsed.path,
                command.number,
                "the firewall is switched off",
                "write firewall --enabled --service=ssh",
            )
    for name in ("selinux", "firewall"):
        if name not in seen:
            yield Problem(
                parsed.path, 0, f"there is no {name} command", f"write {name} --en… explicitly"
            )
    for names, what in _NEEDED:
        if not names & seen:
            yield Problem(
                parsed.path,
                0,
                f"the installer will ask for {what}: there is no {' or '.join(sorted(names))}",
                "an unattended installation answers everything",
            )
