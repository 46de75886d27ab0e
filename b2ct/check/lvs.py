"""Rules about ``lvs``: who directs, who answers, and that direct routing can work at all."""

from __future__ import annotations

from ipaddress import IPv6Address
from typing import Final

from b2ct.check.named import at, each_once
from b2ct.check.report import Report
from b2ct.model import Lvs, LvsKind, LvsService, Role
from b2ct.model.lvs_resolved import (
    address_on,
    network_of,
    own_port,
    own_servers,
    server_names,
)
from b2ct.places import Path
from b2ct.suggest import did_you_mean

#: What the nodes must be to answer for a kind, in words.
_ABLE: Final = {
    LvsKind.SQUID: ("runs no squid", "name cache nodes"),
    LvsKind.FIREEDGE: ("runs no web front", "name control nodes"),
    LvsKind.ROCCI: ("runs no rOCCI-server", "name the node of the section rocci"),
}
_NONE: Final = {
    LvsKind.SQUID: "give nodes roles: [cache]",
    LvsKind.FIREEDGE: "give nodes roles: [control]",
    LvsKind.ROCCI: "switch it on: rocci: {enabled: true, …}",
}


def directors(report: Report) -> None:
    """Two different nodes direct: one that holds the addresses, and one that takes over."""
    site = report.site
    if site.lvs is None:
        return
    named = site.lvs.directors
    each_once(report, "nodes", at(("lvs", "directors"), named), again="name another node")
    if len(named) != 2:
        report.problem(
            ("lvs", "directors"),
            f"there are two directors, one that stands by among them, not {len(named)}",
            "name two nodes, the preferred one first",
        )


def addresses(report: Report) -> None:
    """Each service has an address and port of its own, which nobody else moves."""
    site = report.site
    if site.lvs is None:
        return
    known = [name for net in site.networks.values() for name in net.service_addresses]
    used: dict[tuple[str, int], str] = {}
    for name, service in site.lvs.services.items():
        path: Path = ("lvs", "services", name, "address")
        network = network_of(site, service.address)
        if network is None:
            report.problem(
                path,
                f"no network has a service address {service.address!r}",
                did_you_mean(service.address, known)
                if known
                else "add it under service_addresses of a network",
                rests_on=[("networks",)],
            )
            continue
        rests: list[Path] = [("networks", network)]
        if isinstance(site.networks[network].service_addresses[service.address], IPv6Address):
            report.problem(
                path,
                f"{service.address} of {network} is an IPv6 address, directors take IPv4 only",
                "name an IPv4 address under service_addresses",
                rests_on=rests,
            )
        elif (
            site.ha is not None
            and site.ha.address == service.address
            and network == site.service_network
        ):
            report.problem(
                path,
                f"{service.address!r} moves with the failover pair (line"
                f" {report.line(('ha', 'address'))})",
                "give this service an address of its own under service_addresses",
                rests_on=[*rests, ("ha",)],
            )
        port = service.port or own_port(site, service.kind)
        if port is None:
            continue
        other = used.setdefault((service.address, port), name)
        if other != name:
            report.problem(
                path,
                f"port {port} of {service.address!r} is that of {other!r} already",
                "give it another address, or another port",
                rests_on=[("lvs", "services", other)],
            )


def ports(report: Report) -> None:
    """Direct routing leaves the port as it is: it is the one on which the servers listen."""
    site = report.site
    for name, service in _services(report):
        own = own_port(site, service.kind)
        path: Path = ("lvs", "services", name)
        if own is None and service.port is None:
            report.problem(
                path,
                f"nobody knows the port of a service of kind {service.kind.value}",
                "add port: with the one on which the servers listen",
            )
        elif own is not None and service.port not in (None, own):
            report.problem(
                (*path, "port"),
                f"{service.kind.value} listens on {own}, and direct routing leaves the port as"
                " it is",
                "remove this key",
                rests_on=[("rocci",)] if service.kind is LvsKind.ROCCI else (),
            )


def servers(report: Report) -> None:
    """Every server is there, can answer for its service, and there are two of them or more."""
    site = report.site
    for name, service in _services(report):
        path: Path = ("lvs", "services", name)
        unknown = False
        for position, said in enumerate(service.servers):
            here: Path = (*path, "servers", position)
            if said in service.servers[:position]:
                report.problem(here, f"{said!r} is named twice", "remove one")
            elif said not in site.nodes and said not in list(Role):
                unknown = True
                hint = did_you_mean(said, [*site.nodes, *(role.value for role in Role)])
                report.problem(
                    here,
                    f"there is no node and no role {said!r}",
                    hint,
                    rests_on=[("nodes", said)],
                )
        found = server_names(site, service)
        if not found:
            _no_servers(report, path, service)
            continue
        able = own_servers(site, service.kind)
        for server in found:
            if service.kind in _ABLE and server in site.nodes and server not in able:
                what, hint = _ABLE[service.kind]
                report.problem(
                    (*path, "servers"),
                    f"{server} {what}",
                    hint,
                    rests_on=[("nodes", server), ("rocci",)],
                )
        if len(found) == 1 and not unknown:
            report.note(
                path,
                f"{found[0]} is the only server: when it fails, the service is gone",
                "name a second one under servers",
                rests_on=[("nodes",)],
            )


def _no_servers(report: Report, path: Path, service: LvsService) -> None:
    if service.servers:
        report.problem(
            (*path, "servers"),
            f"no node has the role {service.servers[0]!r}",
            "name nodes, or give nodes that role",
            rests_on=[("nodes",)],
        )
    else:
        report.problem(
            path,
            f"no node answers for kind {service.kind.value}",
            _NONE.get(service.kind, "add servers: with the names of the nodes"),
            rests_on=[("nodes",), ("rocci",)],
        )


def routing(report: Report) -> None:
    """Directors and servers stand on the address's own network: frames go between them."""
    site = report.site
    for name, service in _services(report):
        network = network_of(site, service.address)
        if network is None:
            continue
        assert site.lvs is not None
        lacking = [
            one
            for one in dict.fromkeys((*site.lvs.directors, *server_names(site, service)))
            if one in site.resolved and not address_on(site.resolved[one], network)
        ]
        for one in lacking:
            report.problem(
                ("lvs", "services", name),
                f"{one} has no fixed IPv4 address on {network!r}, the network of"
                f" {service.address!r}: direct routing passes frames on, not packets",
                f"add addresses: {{{network}: …}} to the node, or name another node",
                rests_on=[("nodes", one), ("networks", network), ("hardware",)],
            )


def weights(report: Report) -> None:
    """Weights are for servers, and somebody is left who works."""
    site = report.site
    for name, service in _services(report):
        path: Path = ("lvs", "services", name, "weights")
        found = server_names(site, service)
        for one in service.weights:
            if one not in found:
                report.problem(
                    (*path, one),
                    f"{one!r} is no server of {name}",
                    did_you_mean(one, found),
                    rests_on=[("nodes",)],
                )
        if found and all(service.weights.get(one) == 0 for one in found):
            report.problem(
                path,
                "every server has weight 0: nobody would answer",
                "give one of them 1 or more",
                rests_on=[("nodes",)],
            )


def questions(report: Report) -> None:
    """What is said is used: a question needs HTTP, and clients a service of the admin's own."""
    for name, service in _services(report):
        path: Path = ("lvs", "services", name)
        if service.kind is LvsKind.TCP and service.check.model_fields_set:
            report.problem(
                (*path, "check"),
                "a service of kind tcp is asked for nothing but a connection",
                "write kind: http or kind: https, or remove this key",
            )
        if service.clients and service.kind in _ABLE:
            section = {
                LvsKind.SQUID: "write them under squid: clients",
                LvsKind.ROCCI: "write them under rocci: clients",
            }
            report.problem(
                (*path, "clients"),
                f"who may use {service.kind.value} is said in its own section",
                section.get(service.kind, "remove this key: the web front is for everybody"),
            )


def _services(report: Report) -> list[tuple[str, LvsService]]:
    section: Lvs | None = report.site.lvs
    return list(section.services.items()) if section is not None else []
