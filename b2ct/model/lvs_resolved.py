"""The service addresses of ``lvs`` with everything filled in, for checks and variables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface
from typing import Final

from b2ct.model.cache import SQUID_PORT
from b2ct.model.lvs import LvsKind, LvsService
from b2ct.model.resolved import ResolvedNode
from b2ct.model.site import Site
from b2ct.model.types import Role

HTTPS_PORT: Final = 443
#: Firewall marks by which the directors' kernels know the services, from this one on. Below
#: 2**31: ipvsadm writes larger ones as negative numbers.
FIRST_MARK: Final = 0x0B2C7001
#: What a healthy server says: squid calls a request that names no server a bad one, FireEdge's
#: page is there, and rOCCI-server asks who it is that asks.
_QUESTIONS: Final[dict[LvsKind, tuple[str, int | None]]] = {
    LvsKind.SQUID: ("/", 400),
    LvsKind.FIREEDGE: ("/fireedge/sunstone", None),
    LvsKind.ROCCI: ("/", 401),
}
_PROTOCOLS: Final = {
    LvsKind.SQUID: "http",
    LvsKind.FIREEDGE: "https",
    LvsKind.ROCCI: "https",
}


@dataclass(frozen=True)
class Question:
    """How a server is asked whether it is well: ``protocol`` is tcp, http or https."""

    protocol: str
    path: str
    status: int | None


@dataclass(frozen=True)
class Balanced:
    """One service: its address lives on ``network``; ``mark`` is the kernel's name for it."""

    name: str
    section: LvsService
    network: str
    address: IPv4Address
    port: int
    servers: tuple[ResolvedNode, ...]
    question: Question
    mark: int


def network_of(site: Site, address: str) -> str | None:
    """Name the network that has a service address of this name, the service network first."""
    names = sorted(site.networks, key=lambda name: name != site.service_network)
    return next((name for name in names if address in site.networks[name].service_addresses), None)


def own_port(site: Site, kind: LvsKind) -> int | None:
    """Give the port on which the servers of a kind listen; None where only its admin knows."""
    return {
        LvsKind.SQUID: SQUID_PORT,
        LvsKind.FIREEDGE: HTTPS_PORT,
        LvsKind.ROCCI: site.rocci.port,
    }.get(kind)


def own_servers(site: Site, kind: LvsKind) -> tuple[str, ...]:
    """Name the nodes that can answer for a kind; none where only its admin knows."""
    role = {LvsKind.SQUID: Role.CACHE, LvsKind.FIREEDGE: Role.CONTROL, LvsKind.ROCCI: Role.CONTROL}
    found = tuple(name for name, node in site.nodes.items() if role.get(kind) in node.roles)
    if kind is not LvsKind.ROCCI:
        return found
    if not site.rocci.enabled:
        return ()
    return (site.rocci.node,) if site.rocci.node else found[:1]


def server_names(site: Site, service: LvsService) -> tuple[str, ...]:
    """Name the servers of a service; a role stands for its nodes, in the order of the file."""
    roles = {role.value: role for role in Role}
    found: list[str] = []
    for said in service.servers:
        if said in site.nodes or said not in roles:
            found.append(said)
        else:
            found += [name for name, node in site.nodes.items() if roles[said] in node.roles]
    return tuple(dict.fromkeys(found)) if service.servers else own_servers(site, service.kind)


def question(service: LvsService) -> Question:
    """Say how the servers of a service are asked."""
    path, status = _QUESTIONS.get(service.kind, ("/", None))
    said = service.check
    return Question(
        _PROTOCOLS.get(service.kind, service.kind.value),
        said.path or path,
        # Another question has another answer.
        said.status if said.status is not None or said.path else status,
    )


def balanced(site: Site) -> tuple[Balanced, ...]:
    """Give every service; none where the site is narrowed so far that a director is missing."""
    section = site.lvs
    if section is None or not set(section.directors) <= set(site.resolved):
        return ()
    found = []
    for position, (name, service) in enumerate(section.services.items()):
        network = network_of(site, service.address)
        address = site.networks[network].service_addresses[service.address] if network else None
        port = service.port or own_port(site, service.kind)
        servers = [site.resolved.get(one) for one in server_names(site, service)]
        if network is None or not isinstance(address, IPv4Address) or port is None:
            continue
        found.append(
            Balanced(
                name,
                service,
                network,
                address,
                port,
                tuple(server for server in servers if server is not None),
                question(service),
                FIRST_MARK + position,
            )
        )
    return tuple(found)


def networks(services: Sequence[Balanced]) -> tuple[str, ...]:
    """Name the networks on which services have their addresses, each once."""
    return tuple(dict.fromkeys(service.network for service in services))


def address_on(node: ResolvedNode, network: str) -> str:
    """Give a node's fixed IPv4 address on a network; empty without one."""
    link = node.link_on(network)
    fixed = link.ipv4 if link is not None else None
    return str(fixed.ip) if isinstance(fixed, IPv4Interface) else ""


def interface_on(node: ResolvedNode, network: str) -> str:
    """Give the network device of a node that carries a network; empty without one."""
    link = node.link_on(network)
    return link.interface if link is not None else ""


def lvs_members(site: Site) -> tuple[str, ...]:
    """Name the directors and servers, in the order of the file."""
    services = balanced(site)
    if site.lvs is None or not services:
        return ()
    wanted = {*site.lvs.directors, *(one.name for each in services for one in each.servers)}
    return tuple(name for name in site.nodes if name in wanted)
