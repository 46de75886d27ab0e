"""Run the checks of a site's hosts, several hosts at a time, each in a process of its own."""

from __future__ import annotations

import multiprocessing
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Final

from b2ct import __version__
from b2ct.errors import B2ctError
from b2ct.verify import worker
from b2ct.verify.areas import OWN, SITE_CHECKS, Area, areas, chosen
from b2ct.verify.connection import NodeBackend, connect
from b2ct.verify.fleet import Fleet, Target
from b2ct.verify.job import Job
from b2ct.verify.model import CONNECTION, Check, HostResult, Outcome, Report

#: What a single command may take, and a whole host, in seconds.
COMMAND_LIMIT_S: Final = 60.0
HOST_LIMIT_S: Final = 1800.0
_LOOK_S: Final = 0.5
#: Of the 107 letters that a socket's path may have, less our names and ssh's own ending.
_LONGEST_PLACE: Final = 55

#: Told after each host: how many are done, of how many.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Limits:
    """How many hosts at a time, and how long each may take, in seconds.

    ``narrow``: only some areas were asked for, and hosts that they do not concern are left out;
    otherwise a host without checks is a failure.
    """

    workers: int = 8
    narrow: bool = False
    command_s: float = COMMAND_LIMIT_S
    host_s: float = HOST_LIMIT_S


def find_areas(site_folder: Path, names: Iterable[str]) -> tuple[Area, ...]:
    """Find b2ct's own checks and those of the site's admin.

    :raises B2ctError: for a file that does not say for whom it is, or a name that there is not.
    """
    found = chosen(areas((OWN, site_folder / SITE_CHECKS)), names)
    if not found:
        raise B2ctError("there are no checks: nothing would be verified")
    return found


def verify(
    site: str,
    fleet: Fleet,
    found: tuple[Area, ...],
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> Report:
    """Check every target of a fleet, and report what was found.

    :raises B2ctError: nothing would be checked at all.
    """
    limits = limits or Limits()
    plan = [(target, _concerning(found, target)) for target in fleet.targets]
    if not any(mine for _, mine in plan):
        names = ", ".join(area.name for area in found)
        raise B2ctError(f"none of the hosts is meant by these checks: {names}")
    if limits.narrow:
        plan = [(target, mine) for target, mine in plan if mine]
    # A path of a socket is short: not below a long TMPDIR.
    place = tempfile.gettempdir()
    place = place if len(place) <= _LONGEST_PLACE else "/tmp"  # noqa: S108 - mkdtemp makes it safe
    sockets = Path(tempfile.mkdtemp(prefix="b2ct-", dir=place))
    begun, epoch = datetime.now(UTC), time.time()
    try:
        runs = []
        for target, mine in plan:
            host = connect(target.way, sockets, limits.command_s)
            runs.append(_Run(Job(target, mine, fleet.groups, host, epoch), limits))
        _run_all(runs, limits, progress)
    finally:
        shutil.rmtree(sockets, ignore_errors=True)
    return Report(
        site=site,
        begun=begun,
        seconds=time.time() - epoch,
        version=__version__,
        hosts=tuple(run.result() for run in runs),
    )


def _concerning(found: tuple[Area, ...], target: Target) -> tuple[Area, ...]:
    return tuple(area for area in found if area.concerns(target.groups))


class _Run:
    """The process of one host, and what it has sent."""

    def __init__(self, job: Job, limits: Limits) -> None:
        self.target = job.target
        self._job = job
        self._limits = limits
        self._checks: list[Check] = []
        self._process: ForkProcess | None = None
        self._deadline = 0.0
        self.pipe: Connection | None = None

    def start(self) -> None:
        context = multiprocessing.get_context("fork")
        self.pipe, theirs = context.Pipe(duplex=False)
        self._deadline = time.monotonic() + self._limits.host_s
        self._process = context.Process(target=_child, args=(self._job, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def read(self) -> bool:
        """Take what is there; say whether the host is done."""
        assert self.pipe is not None
        assert self._process is not None
        try:
            while self.pipe.poll():
                self._checks.append(self.pipe.recv())
        except (EOFError, OSError):
            self._process.join()
            if self._process.exitcode:
                self._fail(f"the checks ended with code {self._process.exitcode}")
            return True
        if time.monotonic() > self._deadline:
            self.kill()
            self._fail(f"the checks did not end within {self._limits.host_s:.0f} s")
            return True
        return False

    def kill(self) -> None:
        if self._process is not None and self._process.is_alive():
            self._process.terminate()
            self._process.join(5)
            if self._process.is_alive():
                self._process.kill()

    def _fail(self, why: str) -> None:
        now = time.time() - self._job.epoch
        words = "The checks run to their end"
        self._checks.append(
            Check(self.target.name, CONNECTION, "ended", words, Outcome.FAILED, now, 0.0, why)
        )

    def close(self) -> None:
        backend = self._job.host.backend
        assert isinstance(backend, NodeBackend)
        backend.close()

    def result(self) -> HostResult:
        target = self.target
        return HostResult(target.name, target.groups, target.way.address, tuple(self._checks))


def _child(job: Job, pipe: Connection) -> None:
    worker.run(job, pipe.send)
    pipe.close()


def _run_all(runs: list[_Run], limits: Limits, progress: Progress | None) -> None:
    waiting, done = list(runs), 0
    running: list[_Run] = []
    try:
        while waiting or running:
            while waiting and len(running) < max(limits.workers, 1):
                run = waiting.pop(0)
                run.start()
                running.append(run)
            wait([run.pipe for run in running if run.pipe is not None], _LOOK_S)
            for run in list(running):
                if run.read():
                    running.remove(run)
                    run.close()
                    done += 1
            if progress is not None:
                progress("verify", done, len(runs))
    finally:
        for run in running:
            run.kill()
            run.close()
