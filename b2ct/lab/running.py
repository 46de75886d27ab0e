"""What is written down of a lab in its folder, so that any process finds it again."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from b2ct.errors import B2ctError
from b2ct.lab.process import Process
from iso_builder.atomic import atomic_output

RUNNING_FILE: Final = "lab.json"
KEEPER_FILE: Final = "keeper.json"
CONTROL: Final = "control"


@dataclass(frozen=True)
class RunningGuest:
    """How a guest is started and reached."""

    name: str
    argv: tuple[str, ...]
    sockets: Path
    folder: Path
    ssh_port: int
    memory_mib: int
    #: The saved state that it resumes from at its first start; none boots.
    resume: Path | None = None


@dataclass(frozen=True)
class Running:
    """A lab as it was made. ``token`` opens the power switch; the file is its owner's only."""

    name: str
    site_file: Path
    user: str
    accel: str
    sockets: Path
    power_port: int
    token: str
    segments: tuple[tuple[str, ...], ...]
    guests: tuple[RunningGuest, ...]
    #: Seconds from the power to the start of a guest's processors.
    self_test_s: int = 0

    def guest(self, name: str) -> RunningGuest:
        """Give a guest by its name."""
        for guest in self.guests:
            if guest.name == name:
                return guest
        known = ", ".join(guest.name for guest in self.guests)
        raise B2ctError(f"the lab {self.name} has no node {name!r}", f"it has {known}")


def write(folder: Path, running: Running) -> None:
    """Write a lab down, readable by its owner only."""
    text = json.dumps(dataclasses.asdict(running), indent=1, default=str)
    with atomic_output(folder / RUNNING_FILE, mode=0o600) as part:
        part.write_text(text + "\n", encoding="utf-8")


def read(folder: Path) -> Running | None:
    """Read a lab; None where there is none, or it was never made whole."""
    try:
        data = json.loads((folder / RUNNING_FILE).read_text(encoding="utf-8"))
        guests = tuple(_guest(guest) for guest in data.pop("guests"))
        segments = tuple(tuple(names) for names in data.pop("segments"))
        for key in ("site_file", "sockets"):
            data[key] = Path(data[key])
        return Running(guests=guests, segments=segments, **data)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise B2ctError(
            f"{folder / RUNNING_FILE} is damaged: {error}", "remove the lab: b2ct lab down"
        ) from None


def _guest(data: dict[str, Any]) -> RunningGuest:
    for key in ("sockets", "folder", "resume"):
        data[key] = Path(data[key]) if data[key] else None
    return RunningGuest(**{**data, "argv": tuple(data["argv"])})


def note_process(file: Path, found: Process) -> None:
    """Write down a process."""
    with atomic_output(file, mode=0o600) as part:
        part.write_text(json.dumps(dataclasses.asdict(found)) + "\n", encoding="utf-8")


def noted_process(file: Path) -> Process | None:
    """Give a process that was written down, whether it lives or not."""
    try:
        return Process(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
