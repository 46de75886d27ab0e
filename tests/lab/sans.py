"""Members of a cluster that share a file system, in their lab, and writers on it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.lab import runs
from tests.lab.runs import StorageLab

MOUNT = "/var/lib/one/datastores"
#: Emulated on a busy host, everything takes several times as long as on hardware.
until = partial(runs.until, limit_s=900.0)
#: Appends a record to a file that all share, syncs it, and only then tells that it is there. GFS2
#: looks for the end of the file before it locks: members that append at once overwrite each
#: other's records, unless they take a lock as here (fcntl's, which hold for the whole cluster).
WRITER = f"""\
import fcntl, os, sys, time
name, first = sys.argv[1], int(sys.argv[2])
own = os.open("{MOUNT}/all", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
for number in range(first, first + 100000):
    fcntl.lockf(own, fcntl.LOCK_EX)
    os.write(own, f"{{name}} {{number}}\\n".encode())
    os.fsync(own)
    fcntl.lockf(own, fcntl.LOCK_UN)
    print(number, flush=True)
    time.sleep(0.2)
"""


class San(StorageLab):
    """The site in its lab."""

    def await_mounted(self, node: str) -> float:
        """Wait until a member has the file system; give how long it took."""
        shown = f"findmnt -n -t gfs2 {MOUNT}"
        return until(f"{node} has mounted", lambda: self.answer(node, shown) is not None)

    def lines(self) -> list[str]:
        """Give what the writers have written."""
        return self.said("node1", f"cat {MOUNT}/all").split("\n")


@dataclass
class Writer:
    """A writer on a node; ``acknowledged`` is what it told, with the time of each."""

    name: str
    process: subprocess.Popen[bytes]
    file: Path

    def numbers(self) -> list[int]:
        lines = self.file.read_text().split("\n")[:-1]
        return [int(line) for line in lines if line.isdigit()]


def lost(lines: Iterable[str], found: Mapping[str, Writer]) -> list[tuple[str, int]]:
    """Give what writers were told to be there and is not."""
    written = {tuple(line.split()) for line in lines}
    return [
        (name, number)
        for name, one in found.items()
        for number in one.numbers()
        if (name, str(number)) not in written
    ]


@contextmanager
def writers(
    san: San, nodes: Sequence[str], folder: Path, first: int = 0
) -> Iterator[dict[str, Writer]]:
    """Let nodes write, until it ends.

    :param first: where they count from; the same number twice would hide that one was lost.
    """
    found: dict[str, Writer] = {}
    try:
        for name in nodes:
            san.said(name, f"cat >/root/writer.py <<'END'\n{WRITER}END")
            file = folder / name
            argv = [*san.lab.ssh_argv(name), f"sudo -n python3 /root/writer.py {name} {first}"]
            with file.open("w") as stream:
                process = subprocess.Popen(
                    argv, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.DEVNULL
                )
            found[name] = Writer(name, process, file)
        yield found
    finally:
        for writer in found.values():
            writer.process.kill()
            writer.process.wait()
