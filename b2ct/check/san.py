"""Rules about shared storage: what is refused before a disk is touched."""

from __future__ import annotations

import re

from b2ct.check.report import Report, few
from b2ct.model import Family, Lun, San, SanDriver, SanTransport, format_size
from b2ct.places import Path
from b2ct.suggest import did_you_mean

#: Volume group of the installed system (b2ct.render.parts).
_SYSTEM_GROUP = "b2ct"
_LVM_GROUP = re.compile(r"vg-one-[0-9]+")
#: What gfs2_jadd(8) of gfs2-utils 3 takes; mkfs.gfs2 would take less.
_LEAST_JOURNAL, _MOST_JOURNAL = 32 << 20, 1 << 30
#: Transfer drivers of OpenNebula for a file system that all hosts share.
_SHARED = ("shared", "qcow2")


def disks(report: Report) -> None:
    """Each disk is named once, and has as many paths as the transport can give."""
    san = report.site.san
    if san is None:
        return
    seen: dict[str, str] = {}
    for name, lun in san.luns.items():
        path: Path = ("san", "luns", name)
        if lun.wwid in seen:
            report.problem(
                (*path, "wwid"),
                f"is the same disk as {seen[lun.wwid]!r}",
                "write the WWID of another disk, or remove one",
                rests_on=[("san", "luns", seen[lun.wwid])],
            )
        seen.setdefault(lun.wwid, name)
        if lun.paths == 1 and san.transport is not SanTransport.ATTACHED:
            report.note(
                (*path, "paths"),
                "there is one path only: a cable or a controller that fails stops all nodes",
                "bring a second path, and write paths: 2",
            )
    for position, name in enumerate(san.erase):
        if name not in san.luns:
            report.problem(
                ("san", "erase", position),
                f"there is no disk {name!r}",
                did_you_mean(name, san.luns),
                rests_on=[("san", "luns", name)],
            )


def transport(report: Report) -> None:
    """What is said of iSCSI fits the transport."""
    san = report.site.san
    if san is None:
        return
    if san.transport is not SanTransport.ISCSI:
        if san.iscsi is not None:
            report.problem(
                ("san", "iscsi"),
                f"the transport is {san.transport.value}",
                "remove it, or write transport: iscsi",
                rests_on=[("san", "transport")],
            )
        return
    if san.iscsi is None:
        report.problem(
            ("san", "transport"),
            "iSCSI needs to know where to log in",
            "add iscsi: with portals and targets",
            rests_on=[("san", "iscsi")],
        )
        return
    most = len(san.iscsi.portals) * len(san.iscsi.targets)
    places: list[tuple[Path, Lun]] = [
        (("san", "luns", name), lun) for name, lun in san.luns.items()
    ]
    if report.site.sbd is not None:
        disks = report.site.sbd.disks
        places += [(("cluster", "sbd", "disks", name), disk) for name, disk in disks.items()]
    for path, lun in places:
        if lun.paths > most:
            report.problem(
                (*path, "paths"),
                f"{most} login{'s' * (most != 1)} cannot make {lun.paths} paths",
                "name another portal in san.iscsi, or write fewer paths",
                rests_on=[("san", "iscsi")],
            )
    for kind, entries in (("portals", san.iscsi.portals), ("targets", san.iscsi.targets)):
        for position, entry in enumerate(entries):
            if entry in entries[:position]:
                report.problem(
                    ("san", "iscsi", kind, position), f"{entry!r} is named twice", "remove one"
                )
    initiator = san.iscsi.initiator
    if initiator is not None and "{node}" not in initiator:
        report.problem(
            ("san", "iscsi", "initiator"),
            "all nodes would have the same name, and the target ends one's session for another's",
            "put {node} into it",
        )


def driver(report: Report) -> None:
    """The driver exists on the members' releases, and has what it needs."""
    site = report.site
    san = site.san
    if san is None:
        return
    if san.driver is SanDriver.LVM:
        _lvm(report, san)
        return
    if site.cluster is None:
        report.problem(
            ("san", "driver"),
            "GFS2 needs a cluster, which decides who may write",
            "add a section cluster with a name, or write driver: lvm",
            rests_on=[("cluster",)],
        )
    for name in site.cluster_nodes:
        node = site.resolved.get(name)
        if node is not None and node.release.family is Family.EL and node.release.major >= 10:
            report.problem(
                ("san", "driver"),
                f"{name} has {node.release.title}, which ships no GFS2",
                "use lvm: OpenNebula's LVM drivers on the same disks (docs/storage.md)",
                rests_on=[("nodes", name), ("install", "release"), ("cluster",)],
            )
            break
    if san.volume_group == _SYSTEM_GROUP:
        report.problem(
            ("san", "volume_group"),
            f"{_SYSTEM_GROUP!r} is the volume group of the installed systems",
            "write another name, such as vg-san",
        )


def _lvm(report: Report, san: San) -> None:
    if not _LVM_GROUP.fullmatch(san.volume_group):
        report.problem(
            ("san", "volume_group"),
            "OpenNebula's LVM drivers look for vg-one-<number of the datastore>",
            "write vg-one-100 for the first datastore of a new OpenNebula (docs/storage.md)",
            rests_on=[("san", "driver")],
        )
    if "filesystem" in san.model_fields_set:
        report.problem(
            ("san", "filesystem"),
            "with the driver lvm there is no shared file system",
            "remove it, or write driver: gfs2",
            rests_on=[("san", "driver")],
        )


def journals(report: Report) -> None:
    """Each member has a journal."""
    site = report.site
    if site.san is None or site.san.driver is not SanDriver.GFS2:
        return
    size = site.san.filesystem.journal_size
    if not _LEAST_JOURNAL <= size <= _MOST_JOURNAL:
        report.problem(
            ("san", "filesystem", "journal_size"),
            f"gfs2_jadd, which adds journals for new members, makes none of {format_size(size)}",
            "write 32MiB to 1GiB; 128MiB is usual",
        )
    count = len(site.cluster_nodes)
    if site.journals < count:
        report.problem(
            ("san", "filesystem", "journals"),
            f"{site.journals} journal{'s' * (site.journals != 1)} for {count} members: a node"
            " without one cannot mount",
            f"write {count} at least; {count + 1} leave room for one more node",
            rests_on=[("cluster",), ("nodes",)],
        )


def mount(report: Report) -> None:
    """The place of the shared file system is no node's own volume."""
    site = report.site
    if site.san is None or site.san.driver is not SanDriver.GFS2:
        return
    place = site.san.filesystem.mount
    taken = [
        name
        for name in site.cluster_nodes
        if name in site.resolved
        and any(volume.mount == place for volume in site.resolved[name].volumes.values())
    ]
    if taken:
        report.problem(
            ("san", "filesystem", "mount"),
            f"{few(taken)} {'has' if len(taken) == 1 else 'have'} an own volume at {place}",
            "choose another place, or remove that volume",
            rests_on=[("nodes",), ("hardware",)],
        )


def datastores(report: Report) -> None:
    """OpenNebula is told of what is shared."""
    site = report.site
    san = site.san
    if san is None:
        return
    found = {one.tm_mad for one in site.opennebula.datastores.values()}
    wanted = _SHARED if san.driver is SanDriver.GFS2 else ("fs_lvm", "fs_lvm_ssh", "lvm")
    if not found & set(wanted):
        report.note(
            ("san", "driver"),
            f"no datastore of OpenNebula has the transfer driver {' or '.join(wanted)}, so its"
            " virtual machines do not use the SAN",
            "add one under opennebula.datastores (docs/storage.md)",
            rests_on=[("opennebula",)],
        )
