"""Disks: nothing is erased that nobody looked at, and never the stick itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from b2ct.errors import Problem
from b2ct.render.el.fragments import gaps
from b2ct.render.el.lint.options import option
from b2ct.render.el.parse import Command, Parsed

_ERASING = frozenset({"clearpart", "zerombr", "autopart"})
_PLACING = frozenset({"part", "partition", "raid", "clearpart", "ignoredisk", "bootloader"})
_OPTIONS = ("--drives", "--ondisk", "--ondrive", "--only-use", "--boot-drive", "--driveorder")
_KERNEL_NAME = re.compile(r"(?:/dev/)?(?:[shv]d[a-z]+|xvd[a-z]+|nvme\d+n\d+|mmcblk\d+|\*)")
_USB = re.compile(r"by-id/usb-|by-path/.*usb", re.IGNORECASE)
_CONDITION = re.compile(r"@[a-z]+")
_FUNCTION = re.compile(r"^([a-z_]+)\(\) \{")
#: (function, what it calls, what it must have called before): the fragments of a known node
#: need the guard, those of an unknown machine the dialog, and the dialog its last screen.
_BEFORE = (("node_files", "guard_disk"), ("profile_files", "run_dialog"))
_WITHIN = ("run_dialog", "last_screen")


def problems(parsed: Parsed) -> Iterator[Problem]:
    """Judge the commands that erase, partition and boot."""
    limited = [
        command
        for command in parsed.commands
        if command.words[0] == "ignoredisk" and option(command, "--only-use")
    ]
    for command in parsed.commands:
        if command.in_fragment:
            continue
        yield from _erasing(parsed, command, limited)
        yield from _placing(parsed, command)
    yield from _fragments(parsed)


def _erasing(parsed: Parsed, command: Command, limited: list[Command]) -> Iterator[Problem]:
    name = command.words[0]
    if name not in _ERASING or "--none" in command.words:
        return
    yield Problem(
        parsed.path,
        command.number,
        f"{name} erases a disk that no script has looked at",
        "write it into an %include file in %pre, after the disk and its content were checked",
    )
    if not limited and not option(command, "--drives"):
        yield Problem(
            parsed.path,
            command.number,
            f"{name} takes every disk, the install key included",
            "limit it: ignoredisk --only-use=DISK",
        )


def _placing(parsed: Parsed, command: Command) -> Iterator[Problem]:
    if command.words[0] not in _PLACING:
        return
    for name in _OPTIONS:
        for disk in (option(command, name) or "").split(","):
            if _KERNEL_NAME.fullmatch(disk):
                yield Problem(
                    parsed.path,
                    command.number,
                    f"{name}={disk} can be the install key: kernel names change between boots",
                    "use a name below /dev/disk/by-id, or choose the disk in %pre",
                )
            elif _USB.search(disk):
                yield Problem(
                    parsed.path,
                    command.number,
                    f"{name}={disk} is a USB device, as the install key is",
                    "name a fixed disk",
                )


def _fragments(parsed: Parsed) -> Iterator[Problem]:
    """Fragments of %pre: the disk must be the chosen one, and a guard must come before."""
    erasing = False
    for fragments in parsed.sets:
        for line in fragments.fragments.get("storage.ks", ()):
            words = [word for word in line.text.split() if not _CONDITION.fullmatch(word)]
            if not words:
                continue
            name = words[0]
            erasing = erasing or name in _ERASING
            named = [word for word in words if word.startswith(_OPTIONS)]
            if any(("disk", "") not in gaps(word) for word in named):
                yield Problem(
                    parsed.path,
                    line.number,
                    f"{name} names another disk than the one that %pre has checked",
                    "write @{disk} there",
                )
            if name in {"clearpart", "ignoredisk"} and not named:
                yield Problem(
                    parsed.path,
                    line.number,
                    f"{name} takes every disk, the install key included",
                    "limit it to @{disk}",
                )
    if erasing and not _guarded(parsed):
        yield Problem(
            parsed.path,
            0,
            "%pre writes clearpart without asking whether the disk may be erased",
            "call guard_disk, or last_screen in the dialog, before the fragments are written",
        )


def _guarded(parsed: Parsed) -> bool:
    """Whether each function of %pre that writes fragments has asked for the disk before."""
    functions = _calls(parsed)
    for writer, guard in _BEFORE:
        for calls in functions.values():
            if writer in calls and guard not in calls[: calls.index(writer)]:
                return False
    outer, inner = _WITHIN
    return inner in functions.get(outer, ()) and any("node_files" in c for c in functions.values())


def _calls(parsed: Parsed) -> dict[str, list[str]]:
    """The first words of the lines of each function of %pre: its calls, and more."""
    functions: dict[str, list[str]] = {}
    current: list[str] = []
    for section in parsed.sections:
        if section.name != "%pre":
            continue
        for line in section.body:
            if match := _FUNCTION.match(line):
                current = functions.setdefault(match[1], [])
            elif line[:1] == " " and (words := line.split(None, 1)):
                current.append(words[0])
    return functions
