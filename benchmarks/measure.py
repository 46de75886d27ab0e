"""Run commands one after the other and say how long they took and what they needed."""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Case:
    """A thing to measure: a command, run in a folder of its own that is emptied before.

    ``baselines`` name the cases that it is compared with, the slowest of them; ``target`` is
    the largest ratio.
    """

    name: str
    argv: tuple[str, ...]
    baselines: tuple[str, ...] = ()
    target: float | None = None


@dataclass
class Result:
    """What was measured: seconds of each round, and the largest resident memory in MB."""

    case: Case
    seconds: list[float] = field(default_factory=list)
    peak_mb: float = 0.0

    @property
    def median(self) -> float:
        """Seconds of the middle round."""
        return statistics.median(self.seconds)


def python(code: str, *arguments: str | Path) -> tuple[str, ...]:
    """Give the command that runs a piece of Python with this interpreter."""
    return (sys.executable, "-c", code, *(str(argument) for argument in arguments))


def measure(
    cases: Sequence[Case], folder: Path, *, rounds: int, before: Callable[[], None]
) -> list[Result]:
    """Measure every case ``rounds`` times, round by round, so that a busy moment hits all.

    Between two runs the folder is emptied and the disk's queue is drained; ``before`` then
    warms what shall be in the page cache. A command that fails ends the benchmark.
    """
    results = [Result(case) for case in cases]
    for _ in range(rounds):
        for result in results:
            _empty(folder)
            before()
            os.sync()
            seconds, peak = _run(result.case.argv, folder)
            result.seconds.append(seconds)
            result.peak_mb = max(result.peak_mb, peak)
    _empty(folder)
    return results


def table(results: Sequence[Result]) -> str:
    """Write the results as a Markdown table, with the ratios to their baselines."""
    medians = {result.case.name: result.median for result in results}
    lines = [
        "| what | median s | best s | ratio | target | peak MB |",
        "|---|---|---|---|---|---|",
    ]
    for result in results:
        case = result.case
        ratio = baseline = ""
        if case.baselines:
            ratio = f"{result.median / max(medians[name] for name in case.baselines):.2f}"
            names = ", ".join(case.baselines)
            baseline = f" × max({names})" if len(case.baselines) > 1 else f" × {names}"
        target = f"≤ {case.target}" if case.target else ""
        lines.append(
            f"| {case.name} | {result.median:.2f} | {min(result.seconds):.2f} |"
            f" {ratio}{baseline} | {target} | {result.peak_mb:.0f} |"
        )
    return "\n".join(lines)


def _run(argv: tuple[str, ...], folder: Path) -> tuple[float, float]:
    begun = time.monotonic()
    # posix_spawn: a forked child would count this process's memory as its own.
    environment = {**os.environ, "OUT": str(folder)}
    pid = os.posix_spawnp(argv[0], argv, environment)
    _, status, usage = os.wait4(pid, 0)
    seconds = time.monotonic() - begun
    if status:
        raise SystemExit(f"failed ({os.waitstatus_to_exitcode(status)}): {argv[0]} {argv[-1]}")
    return seconds, usage.ru_maxrss / 1000


def _empty(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink()
