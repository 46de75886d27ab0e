"""The role ``cluster``: who is a member, and how members are switched off."""

from __future__ import annotations

from ipaddress import IPv4Interface, IPv6Interface
from typing import Any, Final

from b2ct.inventory.facts import fence_levels
from b2ct.inventory.ports import Ports
from b2ct.inventory.values import Secret
from b2ct.model import ResolvedNode, SanDriver, Site

#: Corosync's first link; each further one has the next port.
COROSYNC_PORT: Final = 5405
#: The lock manager of the kernel; SCTP where there are several links.
DLM_PORT: Final = 21064


def cluster_members(site: Site) -> tuple[str, ...]:
    """Give the nodes of the group ``cluster``."""
    return site.cluster_nodes if site.cluster is not None else ()


def ports(site: Site, node: ResolvedNode) -> tuple[Ports, ...]:
    """Give what a member listens on, for the other members."""
    members = cluster_members(site)
    if node.name not in members:
        return ()
    others = tuple(
        address
        for name in members
        if name != node.name
        for address in _addresses(site, site.resolved[name])
    )
    links = len(site.cluster_links)
    last = COROSYNC_PORT + links - 1
    heard = Ports("Corosync", (f"{COROSYNC_PORT}-{last}",) if links > 1 else (COROSYNC_PORT,),
                  others, "udp")  # fmt: skip
    return (heard, Ports("dlm", (DLM_PORT,), others, "sctp" if links > 1 else "tcp"))


def host_variables(site: Site, node: ResolvedNode) -> dict[str, Any]:
    """Give a member its part."""
    members = cluster_members(site)
    if node.name not in members or site.cluster is None:
        return {}
    nodes = [site.resolved[name] for name in members]
    fencing = {one.name: fence_levels(one) for one in nodes if one.fence}
    return {
        "cluster_name": site.cluster.name,
        "cluster_members": {
            one.name: {"id": _number(site, one), "addresses": _addresses(site, one)}
            for one in nodes
        },
        "cluster_token": site.cluster.token,
        "cluster_locks": site.san is not None and site.san.driver is SanDriver.GFS2,
        "cluster_fencing": fencing,
        "cluster_fence_passwords": Secret("vault_fence_passwords", optional=True),
    }


def _addresses(site: Site, node: ResolvedNode) -> list[str]:
    """Give the fixed address of a node on each link, the preferred one first."""
    found = []
    for network in site.cluster_links:
        for link in node.links:
            sides = [
                side
                for side in (link.ipv4, link.ipv6)
                if link.network_name == network and isinstance(side, IPv4Interface | IPv6Interface)
            ]
            found += [str(side.ip) for side in sides[:1]]
    return found


def _number(site: Site, node: ResolvedNode) -> int:
    """Give a number that stays a member's own when others come and go: its host address."""
    for network in site.cluster_links:
        for link in node.links:
            side = link.ipv4
            if link.network_name == network and isinstance(side, IPv4Interface):
                return int(side.ip) - int(side.network.network_address)
    return list(site.nodes).index(node.name) + 1
