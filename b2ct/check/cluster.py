"""Rules about the cluster of the hypervisors."""

from __future__ import annotations

from ipaddress import IPv4Interface, IPv6Interface

from b2ct.check.named import at, each_once
from b2ct.check.report import Report, few
from b2ct.model import Link, Role, Site
from b2ct.places import Path

_NODES: Path = ("cluster", "nodes")


def members(report: Report) -> None:
    """The members are hypervisors of the site, each once, and two at least."""
    site = report.site
    if site.cluster is None:
        return
    hypervisors = [name for name, node in site.nodes.items() if Role.HYPERVISOR in node.roles]

    def is_hypervisor(path: Path, name: str) -> bool:
        if name in hypervisors:
            return True
        report.problem(
            path,
            f"{name!r} is no hypervisor",
            "name hypervisors only, or add the role to the node",
            rests_on=[("nodes", name)],
        )
        return False

    named = at(_NODES, site.cluster.nodes)
    each_once(report, "nodes", named, among=hypervisors, fits=is_hypervisor)
    if len(_known(site)) < 2:
        report.problem(
            _NODES if site.cluster.nodes else ("cluster",),
            f"a cluster of {len(_known(site))} shares nothing",
            "name two hypervisors at least, or remove the section",
            rests_on=[("nodes",)],
        )


def releases(report: Report) -> None:
    """The members run one family of systems: Pacemaker and dlm differ between them."""
    site = report.site
    if site.cluster is None:
        return
    kinds: dict[str, list[str]] = {}
    for name in _known(site):
        kinds.setdefault(site.resolved[name].release.group, []).append(name)
    if len(kinds) < 2:
        return
    families = {site.resolved[names[0]].release.family for names in kinds.values()}
    told = ", ".join(
        f"{few(names)} {'has' if len(names) == 1 else 'have'} {kind}"
        for kind, names in kinds.items()
    )
    rests: list[Path] = [("nodes",), ("install", "release")]
    path = _NODES if site.cluster.nodes else ("cluster",)
    if len(families) > 1:
        report.problem(
            path,
            f"members of different systems do not make one cluster: {told}",
            "name the members of one system in cluster.nodes",
            rests_on=rests,
        )
    else:
        report.note(
            path,
            f"members of different releases work together only while one is replaced: {told}",
            "bring all to one release",
            rests_on=rests,
        )


def links(report: Report) -> None:
    """Each link is a network on which each member has a fixed address."""
    site = report.site
    if site.cluster is None:
        return
    named = at(("cluster", "links"), site.cluster.links)
    for path, network in each_once(report, "networks", named):
        _fixed(report, path, network)
    if not site.cluster.links and site.service_network is not None:
        _fixed(report, ("cluster",), site.service_network)
    if len(site.cluster_links) == 1:
        _second_link(report)


def _fixed(report: Report, path: Path, network: str) -> None:
    site = report.site
    without = [name for name in _known(site) if not _has_fixed(site, name, network)]
    has = "has" if len(without) == 1 else "have"
    if without:
        report.problem(
            path,
            f"{few(without)} {has} no fixed address on {network!r}",
            f"write one under addresses.{network} of each member, or name another network",
            rests_on=[("networks", network), *(("nodes", name) for name in without), ("hardware",)],
        )


def _second_link(report: Report) -> None:
    site = report.site
    names = _known(site)
    for network in site.networks:
        if network not in site.cluster_links and all(
            _has_fixed(site, name, network) for name in names
        ):
            report.note(
                ("cluster", "links") if site.cluster and site.cluster.links else ("cluster",),
                "the members hear each other on one network only, and all have an address on"
                f" {network!r} too",
                f"write links: [{site.cluster_links[0]}, {network}]",
                rests_on=[("networks",), ("nodes",)],
            )
            return


def fenced(report: Report) -> None:
    """Each member can be switched off by the others: nothing is shared without."""
    site = report.site
    if site.cluster is None and site.san is None:
        return
    what = "cluster" if site.cluster is not None else "san"
    for name in _known(site):
        if not site.resolved[name].fence:
            report.problem(
                ("nodes", name),
                f"no fencing: the members of the {what} cannot switch {name} off, and what it holds"
                " would stay locked or be written by two",
                "add fence: with its management board (docs/storage.md), or remove the section"
                f" {what}",
                rests_on=[(what,), ("hardware",)],
            )


def use(report: Report) -> None:
    """A cluster is there for something."""
    if report.site.cluster is not None and report.site.san is None:
        report.note(
            ("cluster",),
            "there is no san, so it has nothing to share",
            "add a section san",
        )


def _known(site: Site) -> list[str]:
    return [
        name
        for name in dict.fromkeys(site.cluster_nodes)
        if name in site.nodes and Role.HYPERVISOR in site.nodes[name].roles
    ]


def _has_fixed(site: Site, name: str, network: str) -> bool:
    link = site.resolved[name].link_on(network)
    return link is not None and _address(link)


def _address(link: Link) -> bool:
    return any(isinstance(side, IPv4Interface | IPv6Interface) for side in (link.ipv4, link.ipv6))
