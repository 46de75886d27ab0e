"""The role ``cluster``: who is a member, and how members are switched off."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface
from typing import Any, Final

from b2ct.inventory.facts import fence_levels
from b2ct.inventory.pair import FENCE_DELAY_S, pair
from b2ct.inventory.ports import Ports
from b2ct.inventory.roles.san import luns
from b2ct.inventory.values import Secret
from b2ct.model import HaEngine, ResolvedNode, SanDriver, Site

#: Corosync's first link; each further one has the next port.
COROSYNC_PORT: Final = 5405
#: The lock manager of the kernel; SCTP where there are several links.
DLM_PORT: Final = 21064


def cluster_members(site: Site) -> tuple[str, ...]:
    """Give the nodes of the group ``cluster``."""
    return site.cluster_nodes if site.cluster is not None else ()


@dataclass(frozen=True)
class _Cluster:
    """A cluster of which a node is a member."""

    name: str
    members: tuple[str, ...]
    links: tuple[str, ...]
    token: int
    locks: bool
    #: Whether what the members run decides which one of two is left.
    priority: bool = False


def _cluster_of(site: Site, node: ResolvedNode) -> _Cluster | None:
    """Give the cluster of a node: that of the hypervisors, or the failover pair's own."""
    if site.cluster is not None and node.name in cluster_members(site):
        locks = site.san is not None and site.san.driver is SanDriver.GFS2
        section = site.cluster
        return _Cluster(section.name, site.cluster_nodes, site.cluster_links, section.token, locks)
    found = pair(site)
    if found is None or found.engine is not HaEngine.PACEMAKER:
        return None
    members = tuple(one.name for one in found.nodes)
    if node.name not in members:
        return None
    # Corosync waits as long again, and a fifth, before it tells Pacemaker, which gives the active
    # node a head start: deadtime is all of it.
    silence = max(found.section.deadtime - FENCE_DELAY_S, 2)
    token = silence * 1000 * 10 // 22
    name = f"{site.site.name[:12].rstrip('-')}-ha"
    return _Cluster(name, members, found.links, token, locks=False, priority=True)


def ports(site: Site, node: ResolvedNode) -> tuple[Ports, ...]:
    """Give what a member listens on, for the other members."""
    cluster = _cluster_of(site, node)
    if cluster is None:
        return ()
    others = tuple(
        address
        for name in cluster.members
        if name != node.name
        for address in _addresses(cluster, site.resolved[name])
    )
    links = len(cluster.links)
    last = COROSYNC_PORT + links - 1
    heard = Ports("Corosync", (f"{COROSYNC_PORT}-{last}",) if links > 1 else (COROSYNC_PORT,),
                  others, "udp")  # fmt: skip
    if not cluster.locks:
        return (heard,)
    return (heard, Ports("dlm", (DLM_PORT,), others, "sctp" if links > 1 else "tcp"))


def host_variables(site: Site, node: ResolvedNode) -> dict[str, Any]:
    """Give a member its part."""
    cluster = _cluster_of(site, node)
    if cluster is None:
        return {}
    nodes = [site.resolved[name] for name in cluster.members]
    fencing = {one.name: fence_levels(one) for one in nodes if one.fence}
    return {
        "cluster_name": cluster.name,
        "cluster_members": {
            one.name: {"id": _number(site, cluster, one), "addresses": _addresses(cluster, one)}
            for one in nodes
        },
        "cluster_token": cluster.token,
        "cluster_locks": cluster.locks,
        "cluster_fencing": fencing,
        **({"cluster_fence_delay": 0} if cluster.priority else _sbd(site)),
        "cluster_fence_passwords": Secret("vault_fence_passwords", optional=True),
    }


def sbd_members(site: Site) -> tuple[str, ...]:
    """Give the nodes of the group ``sbd``."""
    return cluster_members(site) if site.sbd is not None else ()


def _sbd(site: Site) -> dict[str, Any]:
    """Give the hypervisors' cluster its disks for poison pills."""
    sbd = site.sbd
    if sbd is None:
        return {}
    times = site.sbd_times
    return {
        "cluster_sbd_disks": luns(sbd.disks),
        "cluster_sbd_erase": list(sbd.erase),
        "cluster_sbd_watchdog": sbd.watchdog,
        "cluster_sbd_watchdog_module": sbd.watchdog_module or "",
        "cluster_sbd_watchdog_timeout": times.watchdog,
        "cluster_sbd_msgwait": times.msgwait,
        "cluster_fence_timeout": times.fence,
    }


def _addresses(cluster: _Cluster, node: ResolvedNode) -> list[str]:
    """Give the fixed address of a node on each link, the preferred one first."""
    found = []
    for network in cluster.links:
        link = node.link_on(network)
        sides = (link.ipv4, link.ipv6) if link is not None else ()
        fixed = [side for side in sides if isinstance(side, IPv4Interface | IPv6Interface)]
        found += [str(side.ip) for side in fixed[:1]]
    return found


def _number(site: Site, cluster: _Cluster, node: ResolvedNode) -> int:
    """Give a number that stays a member's own when others come and go: its host address."""
    for network in cluster.links:
        link = node.link_on(network)
        side = link.ipv4 if link is not None else None
        if isinstance(side, IPv4Interface):
            return int(side.ip) - int(side.network.network_address)
    return list(site.nodes).index(node.name) + 1
