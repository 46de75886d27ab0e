"""Rules about OpenNebula's database."""

from __future__ import annotations

from b2ct.check.named import at, each_once, missing
from b2ct.check.report import Report
from b2ct.model import DatabaseMode, OpenNebulaDatabase, Role
from b2ct.places import Path


def nodes(report: Report) -> None:
    """The servers and the arbitrator are nodes of the site, each once."""
    site = report.site
    section = site.mariadb
    each_once(report, "nodes", at(("mariadb", "nodes"), section.nodes))
    arbitrator = section.arbitrator
    if arbitrator is None:
        return
    path: Path = ("mariadb", "arbitrator")
    if section.mode is not DatabaseMode.GALERA:
        report.problem(path, "a single server needs no vote", "remove it, or write mode: galera")
    elif arbitrator not in site.nodes:
        missing(report, "nodes", path, arbitrator)
    elif arbitrator in site.database_nodes:
        report.problem(
            path,
            f"{arbitrator!r} holds the data already, and has a vote",
            "name another node, or remove it",
            rests_on=[("nodes",)],
        )


def votes(report: Report) -> None:
    """A majority is left when one of the members of a cluster fails."""
    site = report.site
    section = site.mariadb
    servers = site.database_nodes
    if section.mode is not DatabaseMode.GALERA:
        if len(section.nodes) > 1:
            report.problem(
                ("mariadb", "nodes"),
                f"{len(section.nodes)} servers are named, mode single has one",
                "name one, or write mode: galera",
            )
        return
    members = len(servers) + (section.arbitrator is not None)
    rests: list[Path] = [("nodes",), ("mariadb", "nodes"), ("mariadb", "arbitrator")]
    path: Path = ("mariadb", "mode")
    if len(servers) < 2:
        report.problem(
            path,
            f"a Galera cluster of {len(servers)} server{'s' * (len(servers) != 1)} replicates"
            " nothing",
            "name two servers and an arbitrator, or three servers, in nodes",
            rests_on=rests,
        )
    elif members % 2 == 0:
        report.problem(
            path,
            f"{members} votes have no majority when the site splits in halves",
            "add an arbitrator, or make the number of servers odd",
            rests_on=rests,
        )


def local(report: Report) -> None:
    """OpenNebula asks the database on its own machine only: nothing of it is in the network."""
    site = report.site
    servers = site.database_nodes
    if site.opennebula.database is not OpenNebulaDatabase.MARIADB or not site.mariadb.nodes:
        return
    control = [name for name, node in site.nodes.items() if Role.CONTROL in node.roles]
    if site.mariadb.mode is DatabaseMode.SINGLE:
        control = control[:1]
    for name in control:
        if name not in servers:
            report.problem(
                ("mariadb", "nodes"),
                f"{name} runs OpenNebula, which asks the database on its own machine only",
                f"add {name}, or leave the key out",
                rests_on=[("nodes", name), ("opennebula", "database")],
            )
