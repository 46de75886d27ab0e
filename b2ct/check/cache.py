"""Rules about the cache and CVMFS: who may use it, what it may fetch, and whether it fits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from b2ct.check.report import Report, few
from b2ct.model import (
    RELEASES,
    Family,
    Role,
    Site,
    SquidFlavour,
    Volume,
    format_size,
    merged_hardware,
)
from b2ct.places import Path

#: Where each flavour keeps its objects.
_FOLDERS: Final = {
    SquidFlavour.DISTRIBUTION: "/var/spool/squid",
    SquidFlavour.FRONTIER: "/var/cache/squid",
}
#: The part of a partition of its own that squid may fill; the rest is for its index and the
#: file system (Squid's own advice).
_OWN_SHARE: Final = 0.8
#: The same where it shares a partition with the system, as the role ``squid`` does it.
_SYSTEM_SHARE: Final = 0.5
_SYSTEM: Final = ("/", "/var", "/var/spool", "/var/cache")
_LEAST: Final = 1 << 30
#: A shorter prefix is no site: the smallest registries' blocks are smaller than these.
_WIDEST: Final = {4: 8, 6: 24}


def _caches(site: Site) -> list[str]:
    return [name for name, node in site.nodes.items() if Role.CACHE in node.roles]


def room(volumes: Mapping[str, Volume], folder: str) -> tuple[str, str, int | None, int]:
    """Give what squid may fill: volume, mount point, its size (None: the rest), and per cent."""
    best, mount, size = "", "", None
    for name, volume in volumes.items():
        here = volume.mount
        if here is None or not f"{folder}/".startswith(here.rstrip("/") + "/"):
            continue
        if len(here) > len(mount):
            best, mount = name, here
            size = volume.size if isinstance(volume.size, int) else None
    share = _SYSTEM_SHARE if mount in _SYSTEM else _OWN_SHARE
    return best, mount, size, round(share * 100)


def size(report: Report) -> None:
    """The disk cache fits on the volume that it will lie on, and is worth having."""
    wanted = report.site.squid.size
    if wanted is not None and wanted < _LEAST:
        report.problem(
            ("squid", "size"),
            f"{format_size(wanted)} hold too little to be of use",
            "give 1GiB or more, or leave the key out",
        )
        return
    folder = _FOLDERS[report.site.squid.flavour]
    for name in _caches(report.site):
        node = report.site.nodes[name]
        _, mount, volume, percent = room(merged_hardware(report.site, node).volumes, folder)
        if volume is None:
            continue
        most = volume * percent // 100
        where = f"{mount} of {name} has {format_size(volume)}"
        if wanted is not None and wanted > most:
            report.problem(
                ("squid", "size"),
                f"{format_size(wanted)} do not fit: {where}, of which the cache may fill"
                f" {percent} %, that is {format_size(most)}",
                f"write less, or give the node a larger volume at {folder}",
                rests_on=[("nodes", name), ("hardware",)],
            )
        elif mount in _SYSTEM:
            report.note(
                ("nodes", name),
                f"its cache shares {mount} with the system",
                f"give it a volume of its own: mount: {folder}",
                rests_on=[("hardware",)],
            )


def clients(report: Report) -> None:
    """Nobody opens the cache, or its statistics, to the world."""
    for key, subnets in (
        ("clients", report.site.squid.clients),
        ("monitors", report.site.squid.monitors),
    ):
        for position, subnet in enumerate(subnets):
            if subnet.prefixlen < _WIDEST[subnet.version]:
                report.problem(
                    ("squid", key, position),
                    f"{subnet} is not a site: an open proxy is abused within hours",
                    "name the networks of the machines that use the cache",
                )


def destinations(report: Report) -> None:
    """A host stands once in each list, and tunnels have somewhere to go."""
    site = report.site
    lists: tuple[tuple[Path, Iterable[str]], ...] = (
        (("squid", "images"), site.squid.images),
        (("squid", "packages"), site.squid.packages),
        (("squid", "destinations"), site.squid.destinations),
        (("cvmfs", "stratum_ones"), site.cvmfs.stratum_ones),
        (("belle2", "conditions_servers"), site.belle2.conditions_servers),
    )
    for path, hosts in lists:
        seen: dict[str, int] = {}
        for position, host in enumerate(hosts):
            above = next(
                (
                    other
                    for other in seen
                    if host == other or (other.startswith(".") and f".{host}".endswith(other))
                ),
                None,
            )
            if above is not None:
                report.problem(
                    (*path, position),
                    f"{host!r} is covered by {above!r}"
                    f" on line {report.line((*path, seen[above]))} already",
                    "remove one of the two",
                )
            seen.setdefault(host, position)
    squid = site.squid
    if squid.tunnels and not (squid.images or squid.packages or squid.destinations):
        report.problem(
            ("squid", "tunnels"),
            "there is nowhere to tunnel to",
            "name hosts in images, packages or destinations, or remove this key",
        )


def flavour(report: Report) -> None:
    """frontier-squid exists for EL only, and in no repository of the distribution."""
    if report.site.squid.flavour is not SquidFlavour.FRONTIER:
        return
    site = report.site
    strangers = [
        name
        for name in _caches(site)
        if RELEASES[site.nodes[name].release or site.install.release].family is not Family.EL
    ]
    if strangers:
        report.problem(
            ("squid", "flavour"),
            f"frontier-squid is packaged for EL only, {few(strangers)} runs another release",
            "choose distribution, or an EL release for the node",
            rests_on=[("nodes", strangers[0], "release"), ("install", "release")],
        )
    elif not site.install.repositories:
        report.problem(
            ("squid", "flavour"),
            "no repository is named that could hold frontier-squid",
            "add it to install.repositories, with its gpg_key",
            rests_on=[("install", "repositories")],
        )


def cvmfs(report: Report) -> None:
    """CVMFS clients have a cache to ask, and every repository has servers."""
    site = report.site
    section = site.cvmfs
    if section.clients and not _caches(site):
        report.note(
            ("cvmfs", "clients"),
            "no node has the role cache, so the clients will ask the stratum-1 servers directly",
            "give a node roles: [cache]",
            rests_on=[("nodes",)],
        )
    seen: set[str] = set()
    for position, repository in enumerate(section.repositories):
        if repository in seen:
            report.problem(
                ("cvmfs", "repositories", position), f"{repository!r} is named twice", "remove one"
            )
        seen.add(repository)


def without_clients(report: Report) -> None:
    """What is said of the cache is said to somebody."""
    site = report.site
    said = site.squid.model_fields_set
    if said and not _caches(site):
        report.note(
            ("squid",),
            "no node has the role cache, so nothing of this is used",
            "give a node roles: [cache], or remove the section",
            rests_on=[("nodes",)],
        )
