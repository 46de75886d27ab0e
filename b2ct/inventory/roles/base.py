"""The role ``base``: names, time, admins, ssh, firewall, updates."""

from __future__ import annotations

from ipaddress import IPv4Interface, IPv6Interface
from typing import Any

from b2ct.model import Family, Link, ResolvedNode, Site


def site_variables(site: Site) -> dict[str, Any]:
    """Give what is the same on every node."""
    return {
        "base_hosts": _hosts(site),
        "base_time_servers": list(site.site.time_servers),
        "base_admins": [
            {"name": admin.name, "comment": admin.full_name, "ssh_keys": list(admin.ssh_keys)}
            for admin in site.site.admins
        ],
    }


def host_variables(_site: Site, node: ResolvedNode) -> dict[str, Any]:
    """Give a node its name, as its installer did: the full one on EL, the short one on Debian."""
    short = node.release.family is Family.DEBIAN
    return {
        "base_hostname": node.name if short else node.fqdn,
        "base_fqdn": node.fqdn,
    }


def _hosts(site: Site) -> list[dict[str, Any]]:
    """Give every fixed address of the site with its names, those of the service network first.

    A node's name means its address on the service network. On another network it is known as
    ``<name>-<network>``.
    """
    service, other = [], []
    for node in site.resolved.values():
        for link in node.links:
            for address in _addresses(link):
                if link.network_name == site.service_network:
                    service.append({"address": address, "names": [node.fqdn, node.name]})
                else:
                    name = f"{node.name}-{link.network_name.replace('_', '-')}"
                    names = [f"{name}.{site.site.domain}", name]
                    other.append({"address": address, "names": names})
    taken = set(site.resolved)
    for network in site.networks.values():
        for vip, moving in network.service_addresses.items():
            name = vip.replace("_", "-")
            if name not in taken:
                names = [f"{name}.{site.site.domain}", name]
                other.append({"address": str(moving), "names": names})
    return service + other


def _addresses(link: Link) -> list[str]:
    return [
        str(side.ip)
        for side in (link.ipv4, link.ipv6)
        if isinstance(side, IPv4Interface | IPv6Interface)
    ]
