"""Processes by number and start time: a number alone may belong to somebody else by now."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Process:
    """A process, for as long as it lives."""

    pid: int
    #: Clock ticks between the host's start and that of the process.
    started: int

    @property
    def alive(self) -> bool:
        """Whether this very process still runs; a zombie does not."""
        found = _stat(self.pid)
        return found is not None and found[0] != "Z" and int(found[19]) == self.started

    @property
    def cpu_s(self) -> float:
        """CPU seconds that it has used; 0 when it is gone."""
        found = _stat(self.pid)
        if found is None or int(found[19]) != self.started:
            return 0.0
        return (int(found[11]) + int(found[12])) / _TICKS

    def kill(self, patience_s: float = 10.0) -> None:
        """End it at once and wait until it is gone; do nothing if it is."""
        deadline = time.monotonic() + patience_s
        while self.alive and time.monotonic() < deadline:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            time.sleep(0.02)


def process(pid: int) -> Process | None:
    """Give the process that has this number now."""
    found = _stat(pid)
    return Process(pid, int(found[19])) if found is not None else None


def tied(argv: list[str]) -> list[str]:
    """Give a command that the kernel ends with the thread that starts it."""
    return ["setpriv", "--pdeathsig", "KILL", "--", *argv]


def _stat(pid: int) -> list[str] | None:
    """Give the fields of /proc/PID/stat from the state (field 3) on."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
