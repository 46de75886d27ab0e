"""Labs for tests: made in the test's folder, ended with the test run whatever happens."""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from b2ct.lab.lab import Lab
from b2ct.lab.open import create
from b2ct.load import read_site

SITES = Path(__file__).parent / "sites"
#: How a test asks for a lab: the name of a site below ``sites``.
MakeLab = Callable[[str], Lab]


class Clock:
    """What each step took: wall time, and CPU time of QEMU."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, what: str, begun: float, cpu_s: float) -> None:
        self.lines.append(f"{what}: {time.monotonic() - begun:.1f} s, {cpu_s:.1f} CPU s in QEMU")
        sys.stderr.write(f"\nlab: {self.lines[-1]}")


@pytest.fixture(scope="session")
def lab_clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session", autouse=True)
def _cache() -> None:
    os.environ.setdefault("B2CT_LAB_CACHE", str(Path(__file__).parents[2] / "build/lab"))


@pytest.fixture(scope="module")
def make_lab(tmp_path_factory: pytest.TempPathFactory, lab_clock: Clock) -> Iterator[MakeLab]:
    """Give a function that brings up the lab of a site; its machines die with the tests."""
    labs: list[Lab] = []

    def made(name: str) -> Lab:
        begun = time.monotonic()
        before = _children_s()
        folder = tmp_path_factory.mktemp(name) / "lab"
        lab = create(read_site(SITES / name), folder, print)
        lab_clock.note(f"{name}: image and saved machine", begun, _children_s() - before)
        begun = time.monotonic()
        labs.append(lab)
        lab.start_keeper(with_me=True)
        lab.begin(lambda what, done, total: None)
        lab_clock.note(f"{name}: {len(lab.running.guests)} nodes ready", begun, qemu_s(lab))
        return lab

    yield made
    for lab in labs:
        lab.down()


def qemu_s(lab: Lab) -> float:
    """Give the CPU seconds of a lab's machines that are on."""
    found = (lab.process(guest.name) for guest in lab.running.guests)
    return sum(process.cpu_s for process in found if process is not None)


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
