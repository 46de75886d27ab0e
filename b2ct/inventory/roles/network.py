"""Variables of the role ``network``: every device of a node, as its install medium sets it up."""

from __future__ import annotations

from typing import Any

from b2ct.model import ResolvedNode, Site
from b2ct.render.interfaces import Interface, Ip, interfaces


def site_variables(site: Site) -> dict[str, Any]:
    """Give the name servers, which are the same everywhere."""
    dns = site.site.dns
    return {
        "network_dns_servers": [str(server) for server in dns.servers],
        "network_dns_search": list(dns.search or (site.site.domain,)),
    }


def host_variables(site: Site, node: ResolvedNode) -> dict[str, Any]:
    """Give the devices of one node, each with what it stands on before or after it."""
    return {"network_interfaces": [_interface(found) for found in interfaces(site, node)]}


def _interface(found: Interface) -> dict[str, Any]:
    said = {
        "name": found.name,
        "type": found.layer.value,
        "uuid": found.uuid,
        "mtu": found.mtu,
        "mac": found.mac,
        "controller": found.controller,
        "mode": found.mode.value if found.mode else None,
        "parent": found.parent,
        "vlan": found.vlan,
        **(_ip(found.ip) if found.ip else {}),
    }
    return {key: value for key, value in said.items() if value is not None}


def _ip(ip: Ip) -> dict[str, Any]:
    said: dict[str, Any] = {"dns": bool(ip.dns)}
    for version, address, gateway, default in (
        ("ipv4", ip.ipv4, ip.gateway4, ip.default4),
        ("ipv6", ip.ipv6, ip.gateway6, ip.default6),
    ):
        if address is None:
            continue
        if isinstance(address, str):
            side: dict[str, Any] = {"method": address}
        else:
            side = {"method": "static", "address": str(address)}
        if gateway:
            side["gateway"] = str(gateway)
        said[version] = {**side, "default": default}
    return said
