"""A real block device that looks like a USB stick: a loop device, and a /sys that says so."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from iso_builder.devices import Host
from tests.media.fakehost import FakeHost

STICK = 24 << 20


@dataclass
class Stick:
    backing: Path
    node: str
    link: Path
    host: Host
    machine: FakeHost

    def content(self) -> bytes:
        subprocess.run(["blockdev", "--flushbufs", self.node], check=True)
        return self.backing.read_bytes()


def attach(machine: FakeHost, backing: Path, size: int) -> Stick:
    node = subprocess.run(
        ["losetup", "-f", "--show", backing], check=True, capture_output=True, text=True
    ).stdout.strip()
    number = Path(node).stat().st_rdev
    name = Path(node).name
    major, minor = os.major(number), os.minor(number)
    link = machine.disk(name, f"{major}:{minor}", size=size)
    (machine.root / "dev" / name).unlink()
    os.mknod(machine.root / "dev" / name, 0o600 | 0o060000, number)
    return Stick(backing, node, link, machine.host, machine)


@contextlib.contextmanager
def plugged_in(folder: Path) -> Iterator[Stick]:
    """Give a stick of 24 MiB that was used before."""
    backing = folder / "backing"
    # What an old stick holds: a partition table and data everywhere.
    old = b"old bootable content".ljust(510, b"!") + b"\x55\xaa"
    backing.write_bytes(old + b"#" * (STICK - 512))
    made = attach(FakeHost(folder / "machine"), backing, STICK)
    try:
        yield made
    finally:
        subprocess.run(["losetup", "-d", made.node], check=True)
