"""From a site.yml to a lab's folder: disks, keys, command lines. Nothing runs yet."""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from b2ct.errors import B2ctError
from b2ct.lab import inventory, running
from b2ct.lab.identity import identity
from b2ct.lab.image import Golden, Image, demand_room
from b2ct.lab.keys import new_key, write_private
from b2ct.lab.plan import Guest, Plan, SharedDisk
from b2ct.lab.qemu import PROGRAM, Surroundings, Wire, argv
from b2ct.lab.running import Running, RunningGuest
from b2ct.model import Site

IDENTITY_FILE: Final = "identity.json"
LUNS: Final = "luns"
#: What a guest's disks and logs grow by in an ordinary run, in bytes.
_ROOM_A_GUEST: Final = 1 << 30
_PROGRAMS: Final = {
    PROGRAM: "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "setpriv": "util-linux",
    "ssh": "openssh-client",
    "zstd": "zstd",
}


def demand_programs() -> None:
    """Refuse where a program is missing."""
    for program, package in _PROGRAMS.items():
        if shutil.which(program) is None:
            raise B2ctError(
                f"a lab needs {program}, which is not here", f"install it: apt install {package}"
            )


def demand_memory(plan: Plan) -> None:
    """Refuse where the guests would not fit into the host's memory."""
    needed = sum(guest.memory_mib + 128 for guest in plan.guests)
    free = free_memory_mib()
    if free < needed:
        raise B2ctError(
            f"{len(plan.guests)} nodes need {needed} MiB of memory, and {free} MiB are free",
            "give them less (lab.yml, memory), or take fewer (lab.yml, nodes)",
        )


def free_memory_mib() -> int:
    """Give the memory that this host can still hand out."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) >> 10 for line in lines if line.startswith("MemAvailable:"))


def make(
    site: Site,
    site_file: Path,
    plan: Plan,
    *,
    image: Image,
    folder: Path,
    accel: str,
    saved: Mapping[str, Golden],
) -> Running:
    """Lay out a lab in a folder that does not exist yet.

    :param saved: guests that resume from a saved machine; the others boot.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    demand_room(folder.parent, len(plan.guests) * _ROOM_A_GUEST, "a lab of this size")
    folder.mkdir(mode=0o700)
    sockets = Path(tempfile.mkdtemp(prefix="b2ct-lab-"))
    lab_key = new_key(f"b2ct-lab-{plan.name}")
    write_private(folder / inventory.KEY_FILE, lab_key.private)
    token = secrets.token_urlsafe(24)
    ports = free_ports(len(plan.guests) + 1)
    wires = tuple(_wire() for _ in plan.segments)
    known = []
    _make_disks(folder, plan.disks)
    guests = []
    for guest, port in zip(plan.guests, ports[1:], strict=True):
        host_key = new_key(guest.node.fqdn)
        known.append(f"{guest.name} {host_key.public}")
        told = identity(
            site,
            guest,
            lab_key=lab_key.public,
            host_key=host_key,
            power_port=ports[0],
            token=token,
        )
        guests.append(
            _guest(
                guest,
                image=image,
                lab=folder,
                sockets=sockets,
                port=port,
                accel=accel,
                wires=wires,
                saved=saved.get(guest.name),
            )
        )
        write_private(guests[-1].folder / IDENTITY_FILE, json.dumps(told))
    (folder / inventory.KNOWN_HOSTS).write_text("".join(known))
    made = Running(
        name=plan.name,
        site_file=site_file.absolute(),
        user=site.site.admins[0].name,
        accel=accel,
        sockets=sockets,
        power_port=ports[0],
        token=token,
        segments=plan.segments,
        guests=tuple(guests),
        self_test_s=plan.self_test_s,
    )
    running.write(folder, made)
    inventory.write_inventory(folder, made)
    return made


def _guest(
    guest: Guest,
    *,
    image: Image,
    lab: Path,
    sockets: Path,
    port: int,
    accel: str,
    wires: tuple[Wire, ...],
    saved: Golden | None,
) -> RunningGuest:
    folder = lab / guest.name
    folder.mkdir(mode=0o700)
    (sockets / guest.name).mkdir(mode=0o700)
    around = Surroundings(
        lab=lab.parent.name,
        accel=accel,
        kernel=image.kernel,
        initrd=image.initrd,
        root=folder / "root.qcow2",
        own=folder / "own.raw",
        luns=lab / LUNS,
        console_log=folder / "console.log",
        sockets=sockets / guest.name,
        ssh_port=port,
        wires=wires,
    )
    if saved is not None:
        overlay(around.root, saved.root, "qcow2")
    else:
        overlay(around.root, image.root, "raw")
    if guest.own_disk:
        _sparse(around.own, guest.own_disk)
    return RunningGuest(
        name=guest.name,
        argv=tuple(argv(guest, around)),
        sockets=around.sockets,
        folder=folder,
        ssh_port=port,
        memory_mib=guest.memory_mib,
        resume=saved.state if saved is not None else None,
    )


def lay_out_saved(guest: Guest, name: str, *, image: Image, folder: Path, accel: str) -> Running:
    """Lay out a lab of one machine without a name, in the shape of a guest, to be saved."""
    folder.mkdir(mode=0o700)
    _make_disks(folder, guest.disks)
    blank = dataclasses.replace(guest, node=dataclasses.replace(guest.node, name=name))
    ssh, power = free_ports(2)
    sockets = Path(tempfile.mkdtemp(prefix="b2ct-lab-"))
    wires = tuple(
        _wire() for _ in range(1 + max((card.segment for card in guest.cards), default=0))
    )
    made = Running(
        name=name,
        site_file=folder,
        user="root",
        accel=accel,
        sockets=sockets,
        power_port=power,
        token=secrets.token_urlsafe(24),
        segments=(),
        guests=(
            _guest(
                blank,
                image=image,
                lab=folder,
                sockets=sockets,
                port=ssh,
                accel=accel,
                wires=wires,
                saved=None,
            ),
        ),
    )
    running.write(folder, made)
    return made


def _make_disks(folder: Path, disks: Iterable[SharedDisk]) -> None:
    (folder / LUNS).mkdir()
    for disk in disks:
        _sparse(folder / LUNS / f"{disk.name}.raw", disk.size)


def overlay(target: Path, below: Path, form: str) -> None:
    """Make a disk that begins as another one, and keeps its writes to itself."""
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", form, "-b", str(below)]
    done = subprocess.run([*command, str(target)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise B2ctError(f"qemu-img cannot make {target}: {done.stderr.strip()}")


def _sparse(path: Path, size: int) -> None:
    with path.open("xb") as stream:
        os.truncate(stream.fileno(), size)


def free_ports(count: int) -> list[int]:
    """Give TCP ports of the loopback that nobody has now."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def _wire() -> Wire:
    """Choose a multicast group of the kind that leaves no site; three random bytes set it apart."""
    one, two, three = secrets.token_bytes(3)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return Wire(f"239.{one}.{two}.{three}", int(probe.getsockname()[1]))
