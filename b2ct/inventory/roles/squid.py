"""The role ``squid``: the cache nodes, and what they may fetch for whom."""

from __future__ import annotations

from typing import Any, Final

from b2ct.inventory.facts import ansible_host
from b2ct.inventory.ports import Ports, site_subnets
from b2ct.model import SQUID_PORT, ResolvedNode, Role, Site

PORT: Final = SQUID_PORT
#: Between siblings (ICP), and for who watches the cache (SNMP).
ICP_PORT: Final = 3130
SNMP_PORT: Final = 3401


def caches(site: Site) -> dict[str, str]:
    """Give the cache nodes' addresses on the service network, by name."""
    return {
        name: ansible_host(node) for name, node in site.resolved.items() if Role.CACHE in node.roles
    }


def proxies(site: Site) -> list[str]:
    """Give the caches as address:port."""
    return [
        f"[{address}]:{PORT}" if ":" in address else f"{address}:{PORT}"
        for address in caches(site).values()
    ]


def stratum_ones(site: Site) -> list[str]:
    """Give the hosts of the repositories: those named, and those of the site's own domains."""
    own = [
        server.split("://", 1)[1].split("/", 1)[0].rsplit(":", 1)[0]
        for domain in site.cvmfs.domains.values()
        for server in domain.servers
    ]
    listed = list(dict.fromkeys([*site.cvmfs.stratum_ones, *own]))
    # Squid refuses a name beside one that covers it.
    return [
        host
        for host in listed
        if not any(
            other.startswith(".") and other != host and f".{host.lstrip('.')}".endswith(other)
            for other in listed
        )
    ]


def clients(site: Site) -> list[str]:
    """Give who may use the caches: the site's networks, and those that it names besides."""
    return list(dict.fromkeys([*site_subnets(site), *map(str, site.squid.clients)]))


def ports(site: Site, node: ResolvedNode) -> tuple[Ports, ...]:
    """Give what a cache node listens on."""
    if Role.CACHE not in node.roles:
        return ()
    opened = [Ports("squid", (PORT,), tuple(clients(site)))]
    if siblings := [address for name, address in caches(site).items() if name != node.name]:
        opened.append(Ports("squid siblings", (ICP_PORT,), tuple(siblings), "udp"))
    if site.squid.monitors:
        monitors = tuple(map(str, site.squid.monitors))
        opened.append(Ports("squid SNMP", (SNMP_PORT,), monitors, "udp"))
    return tuple(opened)


def site_variables(site: Site) -> dict[str, Any]:
    """Give what every cache node has in common."""
    squid = site.squid
    variables: dict[str, Any] = {
        "squid_flavour": squid.flavour.value,
        "squid_client_networks": clients(site),
        "squid_monitors": [str(subnet) for subnet in squid.monitors],
        "squid_stratum_ones": stratum_ones(site),
        "squid_conditions_servers": list(site.belle2.conditions_servers),
        "squid_image_hosts": list(squid.images),
        "squid_package_hosts": list(squid.packages),
        "squid_further_hosts": list(squid.destinations),
        "squid_tunnels": squid.tunnels,
        "squid_memory": squid.memory,
        "squid_maximum_object": squid.maximum_object,
    }
    if squid.size is not None:
        variables["squid_cache_size"] = squid.size
    return variables


def host_variables(site: Site, node: ResolvedNode) -> dict[str, Any]:
    """Give a cache node its name and its siblings."""
    if Role.CACHE not in node.roles:
        return {}
    return {
        "squid_visible_name": node.fqdn,
        "squid_siblings": [address for name, address in caches(site).items() if name != node.name],
    }
