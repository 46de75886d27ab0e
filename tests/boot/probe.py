"""What a guest with the probing initrd (tests/media/probe-init.sh) said on its console."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.boot.qemu import Bus, Drive, Firmware, Machine, MachineSpec
from tests.media.bases import Style, cached_base
from tests.media.initrd import kernel_image, probe_initrd

#: Seconds that firmware, menu, kernel and probe may take on a loaded machine.
LIMIT_S = 300


@dataclass(frozen=True)
class Found:
    """Devices carry the name they had in the guest, labels udev's spelling of them."""

    firmware: str
    secure_boot: bool
    cmdline: str
    volumes: tuple[tuple[str, str], ...]  #: device, label
    stage2: tuple[tuple[str, str, str, int], ...]  #: label or "-", device, file, bytes
    kickstarts: tuple[tuple[str, str, str], ...]  #: label:path, device, SHA-256
    missing: tuple[str, ...]  #: "KS …" and "STAGE2 …" that were not found
    preseed: str | None  #: SHA-256 of /preseed.cfg
    errors: tuple[str, ...]
    cpu_s: float = 0.0
    wall_s: float = 0.0


def read_console(console: str) -> Found:
    """Read the probe's lines; raise ValueError when it has not come to its end."""
    lines = [line.partition("B2CT-")[2].strip() for line in console.splitlines() if "B2CT-" in line]
    if "END" not in lines:
        raise ValueError("the guest's probe did not come to its end")
    said: dict[str, list[str]] = {}
    for line in lines:
        kind, _, rest = line.partition(" ")
        said.setdefault(kind, []).append(rest)
    missing = tuple(
        f"{kind} {rest}"
        for kind in ("KS", "STAGE2")
        for rest in said.get(kind, [])
        if rest.endswith(" MISSING")
    )
    return Found(
        firmware=said["FIRMWARE"][0],
        secure_boot="SECUREBOOT" in said,
        cmdline=said["CMDLINE"][0],
        volumes=tuple((device, label) for device, label in _words(said, "VOLUME", 2)),
        stage2=tuple(
            (label, device, file, int(size))
            for label, device, file, size in _words(said, "STAGE2", 4)
        ),
        kickstarts=tuple(
            (where, device, digest) for where, device, digest in _words(said, "KS", 3)
        ),
        missing=missing,
        preseed=said.get("PRESEED", [None])[0],
        errors=tuple(said.get("ERROR", [])),
    )


def _words(said: dict[str, list[str]], kind: str, count: int) -> Iterator[list[str]]:
    for rest in said.get(kind, []):
        if rest.endswith(" MISSING"):
            continue
        words = rest.split()
        if len(words) != count:
            raise ValueError(f"the guest's line is not whole: {kind} {rest!r}")
        yield words


def boot(
    medium: Path,
    folder: Path,
    *,
    firmware: Firmware,
    bus: Bus,
    others: tuple[Drive, ...] = (),
    limit_s: float = LIMIT_S,
) -> Found:
    """Boot ``medium`` and return what the guest found."""
    spec = MachineSpec(
        name=f"{medium.stem}-{firmware}-{bus}",
        firmware=firmware,
        drives=(Drive(medium, bus, boot=True), *others),
    )
    with Machine(spec, folder) as machine:
        machine.wait_for(r"^B2CT-END", limit_s=limit_s)
        machine.wait_exit(limit_s=60)
        found = read_console(machine.console)
    return Found(**{**vars(found), "cpu_s": machine.cpu_s, "wall_s": machine.wall_s})


def bootable_base(
    style: Style,
    *,
    console: str | None = None,
    timeout_s: int = 60,
    label: str | None = None,
    signed: bool = False,
) -> Path:
    """Return the shared base ISO of ``style`` with a real kernel and the probing initrd.

    Without ``console`` its menus are the vendors': a build must bring its own serial console.
    """
    return cached_base(
        style,
        kernel=kernel_image(),
        initrd=probe_initrd(),
        console=console,
        timeout_s=timeout_s,
        label=label,
        signed=signed,
    )
