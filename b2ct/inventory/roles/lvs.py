"""The role ``lvs``: directors and servers of the service addresses."""

from __future__ import annotations

from typing import Any, Final

from b2ct.inventory.ports import Ports, site_subnets
from b2ct.inventory.roles import opennebula_frontend, squid
from b2ct.model import LvsKind, ResolvedNode, Site
from b2ct.model.lvs_resolved import Balanced, address_on, balanced, interface_on, networks

#: On which the active director tells the other one of its connections (UDP, multicast).
SYNC_PORT: Final = 8848
#: VRRP's priority of the preferred director, and of the other one.
_PRIORITIES: Final = (150, 100)
_OWN: Final = (LvsKind.TCP, LvsKind.HTTP, LvsKind.HTTPS)


def clients(site: Site, service: Balanced) -> tuple[str, ...]:
    """Give who may use a service: an empty answer is everybody."""
    kind = service.section.kind
    if kind is LvsKind.SQUID:
        return tuple(squid.clients(site))
    if kind is LvsKind.ROCCI:
        named = map(str, site.rocci.clients)
        return (*opennebula_frontend.service_networks(site), *named)
    if kind is LvsKind.FIREEDGE:
        return ()
    return tuple(map(str, service.section.clients)) or site_subnets(site)


def _peer(site: Site, node: ResolvedNode) -> ResolvedNode | None:
    """Give the other director; None for a node that is no director."""
    section = site.lvs
    if section is None or node.name not in section.directors:
        return None
    others = [name for name in section.directors if name != node.name]
    return site.resolved.get(others[0]) if others else None


def ports(site: Site, node: ResolvedNode) -> tuple[Ports, ...]:
    """Give what directors take from each other, and what is open for clients and questions."""
    services = balanced(site)
    opened: list[Ports] = []
    peer = _peer(site, node)
    if peer is not None and services:
        sources = tuple(address_on(peer, network) for network in networks(services))
        opened.append(Ports("LVS directors", (), sources, "vrrp"))
        opened.append(Ports("LVS connections", (SYNC_PORT,), sources[:1], "udp"))
    seen: set[tuple[int, tuple[str, ...]]] = set()
    for service in services:
        answers = node in service.servers
        # What b2ct sets up itself is open already, for the same clients.
        if (answers and service.section.kind not in _OWN) or not (answers or peer):
            continue
        sources = clients(site, service)
        if answers and sources:
            sources = tuple(dict.fromkeys((*sources, *_asking(site, service))))
        if (service.port, sources) not in seen:
            seen.add((service.port, sources))
            opened.append(Ports(f"LVS {service.name}", (service.port,), sources))
    return tuple(opened)


def _asking(site: Site, service: Balanced) -> list[str]:
    """Give the addresses from which the directors ask whether a server is well."""
    section = site.lvs
    names = section.directors if section is not None else ()
    return [address_on(site.resolved[name], service.network) for name in names]


def host_variables(site: Site, node: ResolvedNode) -> dict[str, Any]:
    """Give a director what it passes on, and a server the addresses for which it answers."""
    services = balanced(site)
    section = site.lvs
    held = [str(service.address) for service in services if node in service.servers]
    peer = _peer(site, node)
    if section is None or not (held or peer):
        return {}
    variables: dict[str, Any] = {"lvs_held_addresses": list(dict.fromkeys(held))}
    if peer is None:
        return variables | {"lvs_director": False}
    return variables | {
        "lvs_director": True,
        "lvs_instances": [
            {
                "name": network,
                "interface": interface_on(node, network),
                "source": address_on(node, network),
                "peer": address_on(peer, network),
                "priority": _PRIORITIES[section.directors.index(node.name)],
                "addresses": list(
                    dict.fromkeys(str(one.address) for one in services if one.network == network)
                ),
            }
            for network in networks(services)
        ],
        "lvs_services": [_service(service) for service in services],
        "lvs_interval": section.interval,
        "lvs_timeout": section.timeout,
        "lvs_retries": section.retries,
        "lvs_advertise": section.advertise,
    }


def _service(service: Balanced) -> dict[str, Any]:
    said: dict[str, Any] = {
        "name": service.name,
        "instance": service.network,
        "address": str(service.address),
        "port": service.port,
        "mark": service.mark,
        "scheduler": service.section.scheduler.value,
        "persistence": service.section.persistence,
        "check": service.question.protocol,
        "servers": [
            {
                "name": server.name,
                "address": address_on(server, service.network),
                "weight": service.section.weights.get(server.name, 1),
            }
            for server in service.servers
        ],
    }
    if service.question.protocol != "tcp":
        said["path"] = service.question.path
    if service.question.status is not None:
        said["status"] = service.question.status
    return said
