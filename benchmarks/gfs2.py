"""GFS2 on the shared disk against ext4 on the node's own disk, in the same virtual machines.

    .venv/bin/python benchmarks/gfs2.py [--site tests/lab/sites/san3] [--rounds 3] [--running]

Brings up the lab of the site and runs the stage `storage`; `--running` takes a lab that is up and
has its datastore mounted. Each round measures on one node, with the others at rest, then on all
nodes at once (the same work on each): a file written and synced, read again without the cache;
small files made, looked at and removed. Prints medians and the ratio to ext4. Emulated machines
are slow: the ratios count, not the rates.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from b2ct.lab.inventory import write_inventory  # noqa: E402
from b2ct.lab.lab import Lab  # noqa: E402
from b2ct.lab.open import find  # noqa: E402
from tests.lab.runs import lab_of, played  # noqa: E402

SHARED, OWN = "/var/lib/one/datastores", "/var/tmp"
#: Runs on a node; prints the rates in MiB/s and files/s. Arguments: folder, MiB, files.
WORK = r"""
import json, os, shutil, sys, tempfile, time
place, mib, files = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
folder = tempfile.mkdtemp(prefix="b2ct-bench-", dir=place)
found = {}
def timed(name, amount, work):
    begun = time.monotonic(); work(); found[name] = amount / (time.monotonic() - begun)
try:
    big, block = os.path.join(folder, "big"), os.urandom(1 << 20)
    def write():
        with open(big, "wb", buffering=0) as file:
            for _ in range(mib): file.write(block)
            os.fsync(file.fileno())
    timed("write", mib, write)
    handle = os.open(big, os.O_RDONLY)
    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    def read():
        while os.read(handle, 1 << 20): pass
    timed("read", mib, read)
    os.close(handle)
    names = [os.path.join(folder, f"f{n}") for n in range(files)]
    def make():
        for name in names: os.close(os.open(name, os.O_CREAT | os.O_WRONLY))
        os.sync()
    timed("create", files, make)
    timed("stat", files, lambda: [os.stat(name) for name in names])
    def remove():
        for name in names: os.unlink(name)
        os.sync()
    timed("remove", files, remove)
finally:
    shutil.rmtree(folder)
print(json.dumps(found))
"""


def on(lab: Lab, node: str, place: str, mib: int, files: int) -> dict[str, float]:
    """Do the work on one node."""
    command = f"python3 - {place} {mib} {files}"
    done = lab.run(node, command, typed=WORK, limit_s=3600)
    if done.returncode:
        raise SystemExit(f"{node}: {done.stderr.strip()}")
    found: dict[str, float] = json.loads(done.stdout)
    return found


def measure(lab: Lab, rounds: int, mib: int, files: int) -> dict[str, list[dict[str, float]]]:
    """Measure every case in turn, so that what else the host does meets them all."""
    nodes = [guest.name for guest in lab.running.guests]
    found: dict[str, list[dict[str, float]]] = {}
    for number in range(1, rounds + 1):
        print(f"round {number} (load {os.getloadavg()[0]:.1f})", file=sys.stderr, flush=True)
        for case, place, used in (
            ("ext4", OWN, nodes[:1]),
            ("gfs2", SHARED, nodes[:1]),
            (f"ext4, {len(nodes)} nodes", OWN, nodes),
            (f"gfs2, {len(nodes)} nodes", SHARED, nodes),
        ):
            with ThreadPoolExecutor(len(used)) as pool:
                rates = list(
                    pool.map(lambda node, place=place: on(lab, node, place, mib, files), used)
                )
            # What all of them got done together.
            found.setdefault(case, []).append(
                {name: sum(rate[name] for rate in rates) for name in rates[0]}
            )
    return found


def table(found: dict[str, list[dict[str, float]]]) -> str:
    """Write medians, and behind GFS2's how they compare with ext4's."""
    names = list(next(iter(found.values()))[0])
    units = {"write": "MiB/s", "read": "MiB/s"}
    heads = [f"{name} {units.get(name, 'files/s')}" for name in names]
    lines = [f"| file system | {' | '.join(heads)} |", f"|{'---|' * (len(names) + 1)}"]
    middle = {
        case: {name: statistics.median(one[name] for one in rounds) for name in names}
        for case, rounds in found.items()
    }
    for case, values in middle.items():
        words = [f"{values[name]:.1f}" for name in names]
        if case.startswith("gfs2"):
            plain = middle[case.replace("gfs2", "ext4")]
            words = [
                f"{word} ({values[name] / plain[name]:.2f} ×)"
                for word, name in zip(words, names, strict=True)
            ]
        lines.append(f"| {case} | {' | '.join(words)} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Bring the lab up, measure, print, and remove it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--site", type=Path, default=ROOT / "tests/lab/sites/san3")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mib", type=int, default=64, help="size of the file")
    parser.add_argument("--files", type=int, default=300, help="number of small files")
    parser.add_argument("--running", action="store_true", help="the lab is up, and mounted")
    given = parser.parse_args(arguments)
    if given.running:
        print(table(measure(find(given.site), given.rounds, given.mib, given.files)))
        return
    with (
        tempfile.TemporaryDirectory(prefix="b2ct-gfs2-") as temporary,
        lab_of(given.site, Path(temporary)) as lab,
    ):
        print("running the stage storage", file=sys.stderr, flush=True)
        played(write_inventory(lab.folder, lab.running), ROOT / "playbooks" / "storage.yml")
        print(table(measure(lab, given.rounds, given.mib, given.files)))


if __name__ == "__main__":
    main()
