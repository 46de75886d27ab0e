"""Rules about SBD: fencing through small disks that the members of the cluster share."""

from __future__ import annotations

from typing import Final

from b2ct.check.fencing import said_at
from b2ct.check.report import Report, few
from b2ct.model import SBD_AGENT, WATCHDOG_PATHS_S, Lun, Sbd, Site
from b2ct.places import Path
from b2ct.suggest import did_you_mean

_SBD: Path = ("cluster", "sbd")
_DISKS: Path = (*_SBD, "disks")
#: What b2ct says to the agent from cluster.sbd.
_OWN: Final = frozenset({"devices", "method", "plug", "port", "power_timeout", "sbd_path"})
#: More than two: with one disk its loss is that of the SAN, with three one may be lost.
_COUNTS: Final = (1, 3)


def agents(report: Report) -> None:
    """The agent fence_sbd has disks, stands alone in its level, and is told nothing."""
    site = report.site
    judged: set[Path] = set()
    for name, node in site.resolved.items():
        for position, device in enumerate(node.fence):
            path = said_at(site, name, position)
            if device.agent != SBD_AGENT:
                continue
            if name in site.ha_nodes:
                report.problem(
                    (*path, "agent"),
                    f"{SBD_AGENT} is for members of the cluster, and {name} is one of the failover"
                    " pair",
                    f"give {name} a fence: of its own, with its management board",
                    rests_on=[("nodes", name), ("ha",)],
                )
            elif path not in judged:
                judged.add(path)
                together = [one for one in node.fence if one.level == device.level]
                _agent(report, path, [*device.options, *(["plug"] if device.plug else [])],
                       alone=len(together) == 1)  # fmt: skip


def _agent(report: Report, path: Path, options: list[str], *, alone: bool) -> None:
    if report.site.sbd is None:
        report.problem(
            (*path, "agent"),
            f"{SBD_AGENT} needs a disk that all members of the cluster share",
            "describe it under cluster: sbd: {disks: …} (docs/storage.md)",
            rests_on=[("cluster",)],
        )
    for option in options:
        if option in _OWN:
            report.problem(
                (*path, "options"), f"b2ct itself tells {SBD_AGENT} its {option}", "remove it"
            )
    if not alone:
        report.problem(
            path,
            f"{SBD_AGENT} switches off by itself, and never on again with another device",
            "make it a level of its own: no with_previous at it, nor at the entry after it",
        )


def members(report: Report) -> None:
    """Somebody is fenced with the disks, and control nodes have another way."""
    site = report.site
    if site.sbd is None:
        return
    known = [name for name in dict.fromkeys(site.cluster_nodes) if name in site.resolved]
    fences = {name: [one.agent for one in site.resolved[name].fence] for name in known}
    without = [name for name in known if SBD_AGENT not in fences[name]]
    rests: list[Path] = [("nodes",), ("hardware",)]
    if known and len(without) == len(known):
        report.problem(
            _SBD,
            "no member is fenced with it",
            f"add an entry agent: {SBD_AGENT} under fence of the members, or remove sbd",
            rests_on=rests,
        )
    elif without:
        report.note(
            _SBD,
            f"{few(without)} {'is' if len(without) == 1 else 'are'} not fenced with it",
            f"add an entry agent: {SBD_AGENT} under fence",
            rests_on=rests,
        )
    only = [name for name in known if fences[name] and set(fences[name]) == {SBD_AGENT}]
    if only:
        report.note(
            _SBD,
            f"control nodes see none of its disks and cannot switch off {few(only)}: OpenNebula"
            " does not start their virtual machines elsewhere",
            "write the management board as the first entry of fence, and this as the second",
            rests_on=rests,
        )


def disks(report: Report) -> None:
    """One disk or three, each for this alone."""
    sbd = report.site.sbd
    if sbd is None:
        return
    _count(report, sbd)
    seen: dict[str, str] = {}
    for name, disk in sbd.disks.items():
        path = (*_DISKS, name)
        if disk.wwid in seen:
            report.problem(
                (*path, "wwid"),
                f"is the same disk as {seen[disk.wwid]!r}",
                "write the WWID of another disk, or remove one",
                rests_on=[(*_DISKS, seen[disk.wwid])],
            )
        seen.setdefault(disk.wwid, name)
        _used(report, path, disk)
    for position, name in enumerate(sbd.erase):
        if name not in sbd.disks:
            report.problem(
                (*_SBD, "erase", position),
                f"there is no disk {name!r}",
                did_you_mean(name, sbd.disks),
                rests_on=[(*_DISKS, name)],
            )


def _count(report: Report, sbd: Sbd) -> None:
    count = len(sbd.disks)
    if count in _COUNTS:
        return
    if count == 0 and len(report.site.cluster_nodes) == 2:
        told = "without a disk none of two members knows which one goes on: neither is a majority"
    elif count == 0:
        told = "without a disk nobody learns that a member is off; b2ct sets up SBD with disks"
    elif count == 2:
        told = "with two disks nobody is fenced any more once one of them is lost"
    else:
        told = f"SBD reads three disks at most, here are {count}"
    report.problem(_DISKS, told, "name one disk, or three on different arrays")


def _used(report: Report, path: Path, disk: Lun) -> None:
    """Report a disk that holds something else, and a name that another disk has."""
    site = report.site
    luns = site.san.luns if site.san is not None else {}
    for other, lun in luns.items():
        if lun.wwid == disk.wwid:
            report.problem(
                (*path, "wwid"),
                f"is the disk {other!r} of the san, which holds data",
                "give SBD a disk of its own; a few MiB are enough",
                rests_on=[("san", "luns", other)],
            )
    if path[-1] in luns:
        report.problem(
            path,
            "a disk of the san has this name, and both would be /dev/mapper/" + str(path[-1]),
            "choose another name",
            rests_on=[("san", "luns", str(path[-1]))],
        )
    for name in _installed_on(site, disk):
        report.problem(
            (*path, "wwid"),
            f"is the disk on which {name} is installed",
            "write the WWID of a disk that all members share",
            rests_on=[("nodes", name), ("hardware",)],
        )


def _installed_on(site: Site, disk: Lun) -> list[str]:
    """Give the members whose own disk it is, as far as that is named by its WWID."""
    name = disk.wwid[1:] if disk.wwid[0] in "23" else disk.wwid
    return [
        node
        for node in site.cluster_nodes
        if node in site.resolved
        and (own := site.resolved[node].disk) is not None
        and name in (own.by_id or "")
    ]


def paths(report: Report) -> None:
    """Several paths are joined by the part of b2ct that sets up the SAN."""
    site = report.site
    if site.sbd is None or site.san is not None:
        return
    for name, disk in site.sbd.disks.items():
        if disk.paths > 1:
            report.problem(
                (*_DISKS, name),
                f"{disk.paths} paths are joined where the disks of a san are set up, and there is"
                " none",
                "add a section san, or write paths: 1",
                rests_on=[("san",)],
            )


def times(report: Report) -> None:
    """A pill counts as taken only when the watchdog has bitten for sure."""
    site = report.site
    if site.sbd is None:
        return
    found = site.sbd_times
    if found.msgwait < 2 * found.watchdog:
        report.problem(
            (*_SBD, "msgwait"),
            f"{found.msgwait} s: a member would count as dead while its watchdog of"
            f" {found.watchdog} s may still let it write",
            f"write {2 * found.watchdog} at least, or leave it out",
            rests_on=[(*_SBD, "watchdog_timeout"), ("san",)],
        )
    elif 5 * found.fence <= 6 * found.msgwait:
        report.problem(
            (*_SBD, "fence_timeout"),
            f"Pacemaker would give up after {found.fence} s, before a pill counts as taken"
            f" ({found.msgwait} s)",
            f"write {6 * found.msgwait // 5 + 1} at least, or leave it out",
            rests_on=[(*_SBD, "msgwait"), (*_SBD, "watchdog_timeout"), ("san",)],
        )
    if site.sbd_has_paths and found.watchdog < WATCHDOG_PATHS_S:
        report.note(
            (*_SBD, "watchdog_timeout"),
            f"a path that dies may be noticed only after 25 s, and a watchdog of {found.watchdog} s"
            " resets the members before",
            f"write {WATCHDOG_PATHS_S}, or leave it out",
            rests_on=[("san",)],
        )
