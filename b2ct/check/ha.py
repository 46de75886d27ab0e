"""Rules about the failover pair: two alike nodes that can watch, copy to and fence each other."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Final

from b2ct.check.named import at, each_once
from b2ct.check.report import Report
from b2ct.inventory.pair import pair
from b2ct.model import (
    DatabaseMode,
    Family,
    HaEngine,
    HaService,
    OpenNebulaDatabase,
    Role,
    VolumePurpose,
    as_addresses,
    format_size,
    merged_hardware,
)
from b2ct.places import Path
from b2ct.suggest import did_you_mean

#: A busy node misses a sign of life now and then: fewer than this many in a row are no death.
_LEAST_MISSED: Final = 5
#: DRBD notices a broken link within 5 s, asks the other node for 5 s more, and fences.
_LEAST_DEADTIME: Final = 15
#: Where each service keeps what the other node must have.
_MARIADB_DATA: Final = "/var/lib/mysql"
_ONEADMIN_HOME: Final = "/var/lib/one"


def nodes(report: Report) -> None:
    """The pair is two control nodes of one family."""
    site = report.site
    if site.ha is None:
        return
    named = at(("ha", "nodes"), site.ha.nodes)
    again = "name the other node of the pair"
    each_once(report, "nodes", named, again=again, fits=lambda *one: _controls(report, *one))
    if len(site.ha_nodes) != 2:
        report.problem(
            ("ha", "nodes") if site.ha.nodes else ("ha",),
            f"a failover pair is two nodes, not {len(site.ha_nodes)}",
            "name the two under nodes; three or more want OpenNebula's own way",
            rests_on=[("nodes",)],
        )
        return
    releases = [site.resolved[name].release for name in site.ha_nodes if name in site.resolved]
    if len({release.family for release in releases}) > 1:
        report.problem(
            ("ha",),
            f"{site.ha_nodes[0]} runs {releases[0].title}, {site.ha_nodes[1]} {releases[1].title}:"
            " a service cannot move between them",
            "give both the same release",
            rests_on=[("nodes",), ("install", "release")],
        )


def _controls(report: Report, path: Path, name: str) -> bool:
    if Role.CONTROL in report.site.nodes[name].roles:
        return True
    report.problem(
        path,
        f"{name!r} is no control node",
        "name a node with roles: [control]",
        rests_on=[("nodes", name, "roles")],
    )
    return False


def engine(report: Report) -> None:
    """Heartbeat exists for Debian only."""
    site = report.site
    if site.ha is None or site.ha.engine is not HaEngine.HEARTBEAT:
        return
    for name in site.ha_nodes:
        node = site.resolved.get(name)
        if node is not None and node.release.family is not Family.DEBIAN:
            report.problem(
                ("ha", "engine"),
                f"{name} runs {node.release.title}, for which Heartbeat is not packaged",
                "use pacemaker, or leave the key out",
                rests_on=[("nodes", name, "release"), ("install", "release")],
            )
            return


def one_cluster(report: Report) -> None:
    """A machine is a member of one cluster: the pair's own, or the hypervisors'."""
    site = report.site
    if site.ha is None or site.cluster is None:
        return
    for name in site.ha_nodes:
        if name in site.cluster_nodes:
            report.problem(
                ("ha",),
                f"{name} is in the hypervisors' cluster too",
                "make the pair of two nodes that are no hypervisors",
                rests_on=[("nodes", name), ("cluster",)],
            )


def fencing(report: Report) -> None:
    """Each node of the pair can be switched off by the other one."""
    site = report.site
    for name in site.ha_nodes:
        if name in site.resolved and not site.resolved[name].fence:
            report.problem(
                ("ha",),
                f"nothing can switch {name} off: both nodes could write at once",
                "add fence: to the node, such as [{agent: fence_ipmilan, options: {ip: …}}]",
                rests_on=[("nodes", name), ("hardware",)],
            )


def address(report: Report) -> None:
    """The address that moves is one of the service network's."""
    site = report.site
    if site.ha is None or site.service_network is None:
        return
    moving = site.networks[site.service_network].service_addresses
    if site.ha.address not in moving:
        report.problem(
            ("ha", "address"),
            f"the network {site.service_network!r} has no service address {site.ha.address!r}",
            did_you_mean(site.ha.address, moving)
            if moving
            else f"add it under networks.{site.service_network}.service_addresses",
            rests_on=[("networks", site.service_network)],
        )
    elif isinstance(moving[site.ha.address], IPv6Address):
        report.problem(
            ("ha", "address"),
            f"{moving[site.ha.address]} is an IPv6 address, the pair moves IPv4 only",
            "name an IPv4 address under service_addresses",
            rests_on=[("networks", site.service_network)],
        )


def links(report: Report) -> None:
    """Both nodes have a fixed IPv4 address on every link."""
    site = report.site
    if site.ha is None:
        return
    wanted = site.ha.links or ((site.service_network,) if site.service_network else ())
    if site.ha.links:
        named = at(("ha", "links"), wanted)
    else:
        named = [(("ha",), network) for network in wanted]
    for path, network in each_once(report, "networks", named, again="name another network"):
        for name in site.ha_nodes:
            said = site.nodes[name].addresses.get(network) if name in site.nodes else None
            if name in site.nodes and (
                said is None or not isinstance(as_addresses(said).ipv4, IPv4Address)
            ):
                report.problem(
                    path,
                    f"{name} has no fixed IPv4 address on {network!r}",
                    f"add addresses: {{{network}: …}} to the node, or name another network",
                    rests_on=[("nodes", name)],
                )
    if len(wanted) == 1:
        report.note(
            ("ha", "links") if site.ha.links else ("ha",),
            "the nodes watch each other over one network: when it fails, one of them is fenced",
            "name a second network under links",
            rests_on=[("networks",)],
        )


def times(report: Report) -> None:
    """A node is given up after several missed signs of life, not after one."""
    section = report.site.ha
    if section is not None and section.deadtime < _LEAST_MISSED * section.keepalive:
        report.problem(
            ("ha", "deadtime"),
            f"a node would be fenced after {section.deadtime} s,"
            f" with a sign of life every {section.keepalive} s",
            f"write {_LEAST_MISSED * section.keepalive} or more; 20 is usual",
            rests_on=[("ha", "keepalive")],
        )
    found = pair(report.site)
    if (
        section is not None
        and found is not None
        and found.engine is HaEngine.HEARTBEAT
        and section.deadtime < _LEAST_DEADTIME
    ):
        report.problem(
            ("ha", "deadtime"),
            f"with Heartbeat {section.deadtime} s are too few: when all links break, both nodes"
            " would switch each other off at once",
            f"write {_LEAST_DEADTIME} or more; 20 is usual",
            rests_on=[("ha", "engine")],
        )


def volumes(report: Report) -> None:
    """Each volume is on both nodes, for DRBD, of one size, and mounted in a place of its own."""
    site = report.site
    if site.ha is None:
        return
    mounted: dict[str, str] = {}
    for volume, said in site.ha.volumes.items():
        path: Path = ("ha", "volumes", volume)
        sizes: dict[str, int | str] = {}
        for name in site.ha_nodes:
            if name not in site.nodes:
                continue
            known = merged_hardware(site, site.nodes[name]).volumes
            rests: list[Path] = [("nodes", name), ("hardware",)]
            if volume not in known:
                drbd = [other for other, one in known.items() if one.purpose is VolumePurpose.DRBD]
                report.problem(
                    path,
                    f"{name} has no volume {volume!r}",
                    did_you_mean(volume, drbd)
                    if drbd
                    else "add it to the node's volumes with purpose: drbd",
                    rests_on=rests,
                )
                continue
            if known[volume].purpose is not VolumePurpose.DRBD:
                report.problem(
                    path,
                    f"on {name} this volume is of purpose {known[volume].purpose.value}",
                    "write purpose: drbd there, and remove its mount",
                    rests_on=rests,
                )
            for other, one in known.items():
                if one.mount == said.mount:
                    report.problem(
                        (*path, "mount"),
                        f"on {name} the volume {other!r} is mounted at {said.mount}",
                        "mount one of them elsewhere",
                        rests_on=rests,
                    )
            sizes[name] = known[volume].size
        if len(set(sizes.values())) > 1:
            both = [
                f"{format_size(size) if isinstance(size, int) else size} on {name}"
                for name, size in sizes.items()
            ]
            report.problem(
                path,
                f"the copies differ in size: {' and '.join(both)}",
                "give both the same size",
                rests_on=[("nodes",), ("hardware",)],
            )
        if said.mount in mounted:
            report.problem(
                (*path, "mount"),
                f"{mounted[said.mount]!r} is mounted at {said.mount} already",
                "mount one of them elsewhere",
            )
        mounted.setdefault(said.mount, volume)


def services(report: Report) -> None:
    """Every service that moves finds its data on a replicated volume."""
    site = report.site
    if site.ha is None:
        return
    for position, service in enumerate(site.ha.services):
        if service in site.ha.services[:position]:
            report.problem(
                ("ha", "services", position), f"{service.value} is named twice", "remove one"
            )
    mariadb = site.opennebula.database is OpenNebulaDatabase.MARIADB
    if HaService.OPENNEBULA in site.ha.services and mariadb:
        _database_of_opennebula(report)
    if HaService.MARIADB in site.ha.services and not mariadb:
        report.problem(
            ("ha", "services"),
            f"OpenNebula keeps its data in {site.opennebula.database.value}: there is no MariaDB",
            "remove mariadb, or write opennebula: {database: mariadb}",
            rests_on=[("opennebula", "database")],
        )
    if HaService.MARIADB in site.ha.services:
        _data(report, HaService.MARIADB, _MARIADB_DATA)
    if HaService.OPENNEBULA in site.ha.services and not mariadb:
        _data(report, HaService.OPENNEBULA, _ONEADMIN_HOME)


def _database_of_opennebula(report: Report) -> None:
    site = report.site
    assert site.ha is not None
    if site.mariadb.mode is DatabaseMode.GALERA:
        report.problem(
            ("ha",),
            "a Galera cluster has its own copies on all nodes: a failover pair moves one server",
            "write mariadb: {mode: single}, or remove this section",
            rests_on=[("mariadb", "mode")],
        )
        return
    order = list(site.ha.services)
    if HaService.MARIADB not in order:
        report.problem(
            ("ha", "services"),
            "OpenNebula would move away from its database",
            "write services: [mariadb, opennebula]",
            rests_on=[("opennebula", "database")],
        )
    elif order.index(HaService.MARIADB) > order.index(HaService.OPENNEBULA):
        report.problem(
            ("ha", "services"),
            "OpenNebula would start before its database",
            "write services: [mariadb, opennebula]",
        )
    if site.mariadb.nodes:
        report.problem(
            ("mariadb", "nodes"),
            "the database moves with the failover pair",
            "remove this key, or the section ha",
            rests_on=[("ha",)],
        )


def _data(report: Report, service: HaService, folder: str) -> None:
    section = report.site.ha
    assert section is not None
    if not any(
        folder == volume.mount or folder.startswith(f"{volume.mount}/")
        for volume in section.volumes.values()
    ):
        report.problem(
            ("ha", "volumes"),
            f"{folder} of {service.value} is on no replicated volume: its data would stay behind",
            f"mount a volume at {folder}",
            rests_on=[("ha", "services"), ("opennebula", "database")],
        )
