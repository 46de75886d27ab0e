"""Watchdogs of a machine, as its kernel shows them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

CLASS = Path("/sys/class/watchdog")
#: What softdog calls itself: a timer of the kernel, which hangs when the kernel does.
SOFTWARE = "Software Watchdog"
SOFT_MODULE = "softdog"


@dataclass(frozen=True)
class Watchdog:
    """A watchdog. ``timeout`` is in seconds; ``active`` means that somebody has it armed."""

    name: str
    identity: str
    active: bool
    timeout: int

    @property
    def is_software(self) -> bool:
        """Whether no hardware stands behind it."""
        return self.identity == SOFTWARE


def watchdogs(folder: Path = CLASS) -> dict[str, Watchdog]:
    """Give the watchdogs that the kernel has, by name (``watchdog0``)."""
    found = {}
    for place in sorted(folder.iterdir()) if folder.is_dir() else ():
        timeout = _text(place / "timeout")
        found[place.name] = Watchdog(
            place.name,
            _text(place / "identity") or "a watchdog without a name",
            _text(place / "state") == "active",
            int(timeout) if timeout.isdigit() else 0,
        )
    return found


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def kernel_name(device: str) -> str:
    """Give the kernel's name of a watchdog's device; ``/dev/watchdog`` is also the first one's."""
    name = device.rpartition("/")[2]
    return "watchdog0" if name == "watchdog" else name


def behind(device: str, found: dict[str, Watchdog]) -> Watchdog | None:
    """Give the watchdog of a device."""
    return found.get(kernel_name(os.path.realpath(device)))


def module_for(wanted: str, found: dict[str, Watchdog]) -> str:
    """Give the kernel module that must be loaded at every start; empty for none."""
    if wanted:
        return wanted
    return "" if any(not one.is_software for one in found.values()) else SOFT_MODULE


def loaded(module: str, folder: Path = Path("/sys/module")) -> bool:
    """Tell whether a kernel module is loaded, or part of the kernel."""
    return (folder / re.sub("-", "_", module)).is_dir()
