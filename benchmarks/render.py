"""How long a site's kickstarts take to render and validate, against bare pykickstart.

    .venv/bin/python benchmarks/render.py [--counts 10 100 1000 5000] [--rounds 3]

`render and validate` is `b2ct.render.render_all`: template, pykickstart and b2ct's linter for
every node. `bare parse` is what nobody can leave out: pykickstart reading the same texts, in
as many processes, with nothing around it. The target is at most 1.3 times that, and growth
that is linear in the number of nodes.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from pykickstart.parser import KickstartParser  # noqa: E402
from pykickstart.version import makeVersion  # noqa: E402

from b2ct.load import load_site  # noqa: E402
from b2ct.render import NoHashes, render_all  # noqa: E402
from benchmarks.sites import site_text  # noqa: E402

COUNTS = (10, 100, 1_000, 5_000)
TARGET = 1.3


def bare_parse(item: tuple[str, str]) -> None:
    """Let pykickstart read one text; what %pre writes is not there to be included."""
    handler, text = item
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parser = KickstartParser(makeVersion(handler), missingIncludeIsFatal=False)
        parser.readKickstartFromString(text)


def bare_parse_all(items: list[tuple[str, str]], processes: int) -> None:
    """Read all texts, in several processes where b2ct uses several too."""
    if processes < 2:
        for item in items:
            bare_parse(item)
        return
    with ProcessPoolExecutor(processes, multiprocessing.get_context("fork")) as pool:
        for _ in pool.map(bare_parse, items, chunksize=12):
            pass


def timed(work: Callable[[], object]) -> float:
    """Give the seconds of wall time that ``work`` takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def row(count: int, rounds: int) -> str:
    """Measure one size; both ways take turns, so that a busy moment hits both."""
    with tempfile.TemporaryDirectory(prefix="b2ct-bench-") as folder:
        file = Path(folder) / "site.yml"
        file.write_text(site_text(count))
        site = load_site(file)
    # The same rule as in b2ct.render.run: below 24 nodes a process costs more than it gives.
    processes = min(len(os.sched_getaffinity(0)), count // 24)
    texts = [(text.release.handler, text.text) for text in render_all(site, NoHashes())]
    ours, bare = [], []
    for _ in range(rounds):
        bare.append(timed(lambda: bare_parse_all(texts, processes)))
        ours.append(timed(lambda: render_all(site, NoHashes())))
    middle, limit = statistics.median(ours), statistics.median(bare)
    return (
        f"| {count:,} | {middle:.2f} | {limit:.2f} | {middle / limit:.2f} |"
        f" ≤ {TARGET} | {1e3 * middle / count:.2f} |"
    )


def main() -> None:
    """Print a Markdown table, a line a size as it is measured."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--counts", type=int, nargs="+", default=COUNTS)
    arguments.add_argument("--rounds", type=int, default=3)
    options = arguments.parse_args()
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores, medians of {options.rounds}\n"
    )
    print("| nodes | render and validate s | bare parse s | ratio | target | ms a node |")
    print("|---|---|---|---|---|---|")
    for count in options.counts:
        print(row(count, options.rounds), flush=True)


if __name__ == "__main__":
    main()
