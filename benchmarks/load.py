"""How long a site file takes to load and check.

    .venv/bin/python benchmarks/load.py [--rounds 5]

The time is that of `b2ct.load.load_site` in a running process: reading, YAML, model, rules.
The target is 5,000 nodes in under 5 s, growing linearly.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from b2ct.errors import ProblemsError  # noqa: E402
from b2ct.load import load_site  # noqa: E402
from benchmarks.sites import site_text  # noqa: E402

COUNTS = (10, 100, 1_000, 5_000)


def seconds(text: str, rounds: int) -> float:
    """Give the median time of loading a text."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "site.yml"
        file.write_text(text)
        taken = []
        for _ in range(rounds):
            begun = time.perf_counter()
            with contextlib.suppress(ProblemsError):
                load_site(file)
            taken.append(time.perf_counter() - begun)
        return statistics.median(taken)


def table(rounds: int) -> str:
    """Measure every size, and the largest with a fault in each node; give a Markdown table."""
    lines = ["| load and check | s | µs a node | target |", "|---|---|---|---|"]
    for count in COUNTS:
        taken = seconds(site_text(count), rounds)
        target = "< 5 s" if count == COUNTS[-1] else ""
        lines.append(f"| {count:,} nodes | {taken:.3f} | {1e6 * taken / count:.0f} | {target} |")
    broken = site_text(COUNTS[-1]).replace("roles: [hypervisor]", "roles: [hypervsor]")
    taken = seconds(broken, rounds)
    lines.append(
        f"| {COUNTS[-1]:,} nodes, each with a fault | {taken:.3f} | {1e6 * taken / count:.0f} | |"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    print(table(parser.parse_args().rounds))
