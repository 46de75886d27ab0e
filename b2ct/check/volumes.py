"""Rules about the logical volumes: they fit, mount in sane places and carry legal names."""

from __future__ import annotations

import re
from typing import Final

from b2ct.check.report import Report
from b2ct.check.setups import Setup, setups
from b2ct.model import Family, FileSystem, Release, Volume, VolumePurpose, format_size
from b2ct.places import Path

MIB: Final = 1 << 20
GIB: Final = 1 << 30
#: What the partition table and LVM's own data take, generously.
_TABLES: Final = 64 * MIB
#: What a volume that takes the rest must at least get.
LEAST_REST: Final = 1 * GIB
#: A minimal system with libvirt takes 3 GiB; updates need room for one more kernel and its cache.
_LEAST_ROOT: Final = 4 * GIB
_GOOD_ROOT: Final = 10 * GIB
#: mkfs.xfs refuses smaller ones since xfsprogs 5.19.
_LEAST_XFS: Final = 300 * MIB
#: Mount points that the system itself makes, or needs before volumes are mounted.
_NOT_APART: Final = ("/bin", "/dev", "/etc", "/lib", "/lib64", "/proc", "/run", "/sbin", "/sys")
#: lvm(8): names that LVM keeps for itself, and what its hidden volumes have in theirs.
_LVM_OWN: Final = re.compile(
    r"(?:snapshot|pvmove).*|.*_(?:cdata|cmeta|corig|imeta|iorig|mimage|mlog|pmspare|rimage|rmeta"
    r"|tdata|tmeta|vdata|vorigin)\d*.*"
)
_MOUNTED: Final = frozenset({VolumePurpose.SYSTEM, VolumePurpose.DATASTORE, VolumePurpose.DATA})


def reserved(release: Release) -> int:
    """Give the bytes that /boot, the EFI partition, the partition table and LVM take.

    /boot: 2 GiB from EL 10 on, as Anaconda proposes there, 1 GiB elsewhere; EFI: 600 MiB.
    """
    boot = 2 * GIB if release.family is Family.EL and release.major >= 10 else GIB
    return boot + 600 * MIB + _TABLES


def layout(report: Report) -> None:
    """There is a root, one volume takes the rest, and none is mounted where another is."""
    for setup in setups(report.site):
        if not setup.nodes:
            continue
        volumes = setup.hardware.volumes
        where: Path = ("nodes", setup.node) if setup.node else ("hardware", setup.name or "")
        if not any(volume.mount == "/" for volume in volumes.values()):
            report.problem(
                where,
                "no volume is mounted at /",
                "add volumes: with root: {size: 20GiB, mount: /}",
                rests_on=setup.rests_on("volumes"),
            )
        mounted: dict[str, str] = {}
        rest = ""
        for name, volume in volumes.items():
            path = setup.path("volumes", name)
            if volume.size == "rest":
                if rest:
                    report.problem(
                        (*path, "size"),
                        f"{rest!r} takes the rest already",
                        "give one of the two a size",
                    )
                rest = rest or name
            if volume.mount is not None and volume.mount in mounted:
                report.problem(
                    (*path, "mount"),
                    f"{mounted[volume.mount]!r} is mounted at {volume.mount} already",
                    "mount one of them elsewhere",
                )
            elif volume.mount is not None:
                mounted[volume.mount] = name
            _one(report, path, name, volume)


def _one(report: Report, path: Path, name: str, volume: Volume) -> None:
    purpose = volume.purpose.value
    if volume.purpose in _MOUNTED:
        if volume.mount is None:
            report.problem(
                path, f"a {purpose} volume needs a mount point", "add mount:, such as /var/lib/one"
            )
    else:
        if volume.mount is not None:
            report.problem(
                (*path, "mount"), f"a {purpose} volume is not mounted", "remove this key"
            )
        if volume.filesystem is not None:
            report.problem(
                (*path, "filesystem"), f"a {purpose} volume has no file system", "remove this key"
            )
    if _LVM_OWN.fullmatch(name):
        report.problem(path, f"LVM keeps names such as {name!r} for itself", "choose another name")
    if volume.mount is not None:
        top = "/" + volume.mount.split("/")[1]
        if top == "/boot":
            report.problem(
                (*path, "mount"),
                f"b2ct makes {volume.mount} itself, outside of LVM, where firmware can read it",
                "remove this volume",
            )
        elif top in _NOT_APART:
            report.problem(
                (*path, "mount"),
                f"{volume.mount} must be on the root volume",
                "remove this volume, or mount it elsewhere",
            )


def sizes(report: Report) -> None:
    """The volumes fit on the disk, and each is large enough for what it holds."""
    for setup in setups(report.site):
        for name, volume in setup.hardware.volumes.items():
            if volume.size != "rest":
                _one_size(report, setup, name, volume, volume.size)
        disk = setup.hardware.disk
        if disk is None or not setup.releases:
            continue
        room = disk.size or (disk.rule.min_size if disk.rule else None)
        if room is None:
            report.note(
                setup.path("disk"),
                "without the disk's size nobody can tell whether the volumes fit",
                "add size:, such as 480GB",
                rests_on=setup.rests_on("disk"),
            )
            continue
        _sum(report, setup, room, "disk" if disk.size else "smallest disk that the rule takes")


def _sum(report: Report, setup: Setup, room: int, what: str) -> None:
    volumes = setup.hardware.volumes
    overhead = max(reserved(release) for release in setup.releases)
    wanted = sum(volume.size for volume in volumes.values() if volume.size != "rest")
    rest = next((name for name, volume in volumes.items() if volume.size == "rest"), None)
    free = room - overhead - wanted
    rests = [*setup.rests_on("volumes"), *setup.rests_on("disk")]
    own = f"/boot, EFI and LVM take {format_size(overhead)}"
    if free < 0:
        report.problem(
            setup.path("volumes", next(iter(volumes))) if volumes else setup.path("volumes"),
            f"the volumes want {format_size(wanted)}, the {what} has {format_size(room)}"
            f" ({own}): {format_size(-free)} too much",
            "make volumes smaller",
            rests_on=rests,
        )
    elif rest is not None and free < LEAST_REST:
        report.problem(
            (*setup.path("volumes", rest), "size"),
            f"the rest is only {format_size(free)} of {format_size(room)} ({own})",
            "make other volumes smaller",
            rests_on=rests,
        )


def _one_size(report: Report, setup: Setup, name: str, volume: Volume, size: int) -> None:
    path = (*setup.path("volumes", name), "size")
    if volume.mount == "/" and size < _LEAST_ROOT:
        report.problem(
            path,
            f"{format_size(size)} hold no system",
            f"give / {format_size(_GOOD_ROOT)} or more",
        )
    elif volume.mount == "/" and size < _GOOD_ROOT:
        report.note(
            path,
            f"{format_size(size)} for / are few: updates and logs fill them",
            f"{format_size(_GOOD_ROOT)} or more is usual",
        )
    if volume.purpose not in _MOUNTED or size >= _LEAST_XFS:
        return
    default_xfs = any(release.family is Family.EL for release in setup.releases)
    xfs = volume.filesystem is FileSystem.XFS or (volume.filesystem is None and default_xfs)
    if xfs:
        report.problem(
            path,
            f"{format_size(size)} are too small for an xfs file system",
            "give it 300 MiB or more, or filesystem: ext4",
        )


def file_systems(report: Report) -> None:
    """The release's installer makes the file system."""
    for setup in setups(report.site):
        if not any(release.major == 6 for release in setup.releases):
            continue
        for name, volume in setup.hardware.volumes.items():
            if volume.filesystem is FileSystem.XFS:
                report.problem(
                    (*setup.path("volumes", name), "filesystem"),
                    "the installer of CentOS 6 makes no xfs",
                    "use ext4, or leave the choice to the release",
                    rests_on=[("install", "release")],
                )


def replicas(report: Report) -> None:
    """DRBD backing volumes of the same name are of the same size."""
    seen: dict[str, tuple[int | str, str, Path]] = {}
    for setup in setups(report.site):
        for name, volume in setup.hardware.volumes.items():
            if volume.purpose is not VolumePurpose.DRBD or not setup.nodes:
                continue
            path = (*setup.path("volumes", name), "size")
            size, other, place = seen.setdefault(name, (volume.size, setup.nodes[0], path))
            if size != volume.size:
                report.note(
                    path,
                    f"{name!r} has another size than on {other}, line {report.line(place)}:"
                    " DRBD uses the smaller one",
                    "give both the same size",
                )
