"""How long the failover pair takes to be there again, on virtual machines: the drills, repeated.

    .venv/bin/python benchmarks/failover.py [--site tests/lab/sites/ha2] [--count 5] [--kind kill …]

Brings up the lab of the site, makes a pair of its machines (stage `ha`), and takes the active node
away again and again, under a load of acknowledged writes: `kill` ends its QEMU as a pulled plug
does, `power` and `crash` are those of `b2ct ha drill`, `switch` is a planned one. Prints a table of
when each step was reached, in seconds since the last write before the gap: the median and the
worst, and how many acknowledged writes were lost. `--running` takes a lab that is up instead.
Without KVM machines are emulated: compare rows within one run.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from b2ct.ha import drill as drills  # noqa: E402
from b2ct.ha.drill import DrillReport, Strike  # noqa: E402
from b2ct.lab.lab import Lab  # noqa: E402
from b2ct.lab.open import find  # noqa: E402
from tests.lab.pairs import MOUNT, PATIENCE_S, LabPair, install_unit, open_lab_pair  # noqa: E402
from tests.lab.runs import lab_of  # noqa: E402

_STEPS = (
    *("detected", "fenced", "promoting", "mounting", "address", "starting", "complete"),
    *("address answers", "first answer"),
)
_KILL = "kill"


def strike_of(pair: LabPair, kind: str) -> Strike:
    """Give what takes the active node away."""
    return pair.killed if kind == _KILL else drills.strike_of(drills.Kind(kind))


def measure(pair: LabPair, kinds: Sequence[str], count: int) -> dict[str, list[DrillReport]]:
    """Do the drills of each kind."""
    found: dict[str, list[DrillReport]] = {}
    for kind in kinds:
        for number in range(1, count + 1):
            pair.wait_whole()
            load = os.getloadavg()[0]
            report = drills.drill(
                pair.nodes, kind, strike_of(pair, kind), lambda *_: None, limit_s=PATIENCE_S
            )
            found.setdefault(kind, []).append(report)
            there = report.phases.get("address answers", report.outage)
            told = f"{kind} {number}: {there:.1f} / {report.outage:.1f} s, {len(report.lost)} lost"
            print(f"{told} (load {load:.1f})", file=sys.stderr, flush=True)
    return found


def table(found: dict[str, list[DrillReport]]) -> str:
    """Write the reports as a table of medians and worst cases."""
    heads = ["what", "drills", *_STEPS, "worst of both", "as before", "acknowledged", "lost"]
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for kind, reports in found.items():
        steps = [_median([one.phases[step] for one in reports if step in one.phases])
                 for step in _STEPS]  # fmt: skip
        worst = f"{_worst(reports, 'address answers')} / {_worst(reports, 'first answer')}"
        back = _median([one.returned for one in reports if one.returned is not None])
        sums = [sum(one.acknowledged for one in reports), sum(len(one.lost) for one in reports)]
        words = [kind, str(len(reports)), *steps, worst, back, *map(str, sums)]
        lines.append(f"| {' | '.join(words)} |")
    return "\n".join(lines)


def _worst(reports: Sequence[DrillReport], step: str) -> str:
    return f"{max(one.phases.get(step, 0.0) for one in reports):.1f}"


def _median(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.1f}" if values else ""


def main() -> None:
    """Bring the lab up, measure, print, and remove it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--site", type=Path, default=ROOT / "tests/lab/sites/ha2")
    parser.add_argument("--count", type=int, default=5, help="drills of each kind")
    parser.add_argument(
        "--kind",
        nargs="+",
        choices=[_KILL, *drills.Kind],
        default=[_KILL, "switch"],
        metavar="KIND",
    )
    parser.add_argument("--running", action="store_true", help="the lab is up, and has its pair")
    given = parser.parse_args()
    if given.running:
        report(find(given.site), given.kind, given.count)
        return
    with (
        tempfile.TemporaryDirectory(prefix="b2ct-failover-") as temporary,
        lab_of(given.site, Path(temporary)) as lab,
    ):
        install_unit(lab)
        with open_lab_pair(lab) as pair:
            print("running the stage ha", file=sys.stderr, flush=True)
            pair.play()
        report(lab, given.kind, given.count)


def report(lab: Lab, kinds: Sequence[str], count: int) -> None:
    """Do the drills in a lab whose roles have run, and print the table."""
    with open_lab_pair(lab) as pair:
        pair.wait_whole()
        assert pair.nodes.run(pair.active(), f"echo one > {MOUNT}/name").code == 0
        found = measure(pair, kinds, count)
        section = pair.nodes.pair.section
        print(
            f"{pair.nodes.pair.engine.value}, deadtime {section.deadtime} s, {lab.running.accel},"
            f" {os.cpu_count()} cores, load {os.getloadavg()[2]:.1f}. Seconds, medians.\n"
        )
    print(table(found))


if __name__ == "__main__":
    main()
