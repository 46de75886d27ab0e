"""What is true of a site and of its nodes, as variables ``b2ct_*`` and ``ansible_host``."""

from __future__ import annotations

from ipaddress import IPv4Interface, IPv6Interface
from typing import Any

from b2ct.model import RELEASES, Link, ResolvedNode, Site


def site_facts(site: Site) -> dict[str, Any]:
    """Give what is true of the whole site: variables of the group ``all``."""
    general = site.site.model_dump(mode="json")
    service = site.service_network
    return {
        "b2ct_site": general["name"],
        "b2ct_domain": general["domain"],
        "b2ct_timezone": general["timezone"],
        "b2ct_keyboard": general["keyboard"],
        "b2ct_language": general["language"],
        "b2ct_admins": general["admins"],
        "b2ct_dns_servers": general["dns"]["servers"],
        "b2ct_dns_search": general["dns"]["search"] or [general["domain"]],
        "b2ct_time_servers": general["time_servers"],
        "b2ct_service_network": service,
        "b2ct_networks": {
            name: network.model_dump(mode="json") for name, network in site.networks.items()
        },
        "b2ct_service_addresses": {
            vip: str(address)
            for network in site.networks.values()
            for vip, address in network.service_addresses.items()
        },
        "b2ct_repositories": [
            repository.model_dump(mode="json") for repository in site.install.repositories
        ],
        "b2ct_packages": list(site.install.packages),
        "b2ct_opennebula": site.opennebula.model_dump(mode="json"),
    }


def host_facts(node: ResolvedNode) -> dict[str, Any]:
    """Give what is true of one node: variables of its host."""
    release = RELEASES[node.release.id]
    default = node.default_link
    return {
        "ansible_host": ansible_host(node),
        "b2ct_fqdn": node.fqdn,
        "b2ct_kind": node.kind.value,
        "b2ct_roles": [role.value for role in node.roles],
        "b2ct_release": release.id.value,
        "b2ct_mirror": node.mirror,
        "b2ct_serial": node.serial,
        "b2ct_nics": list(node.nics),
        "b2ct_macs": dict(node.macs),
        "b2ct_bonds": {name: bond.model_dump(mode="json") for name, bond in node.bonds.items()},
        "b2ct_links": {link.network_name: _link(link) for link in node.links},
        "b2ct_default_network": default.network_name if default else None,
        "b2ct_disk": node.disk.model_dump(mode="json", exclude_none=True) if node.disk else None,
        "b2ct_volumes": {
            name: volume.model_dump(mode="json") for name, volume in node.volumes.items()
        },
        "b2ct_fence": fence_levels(node),
    } | ({"ansible_python_interpreter": release.python} if release.python else {})


def fence_levels(node: ResolvedNode) -> list[dict[str, Any]]:
    """Give how a node is switched off, in the order in which that is tried; no secrets."""
    return [
        {
            "name": device.name,
            "agent": device.agent,
            "level": device.level,
            "plug": device.plug or node.name,
            "options": dict(device.options),
        }
        for device in node.fence
    ]


def ansible_host(node: ResolvedNode) -> str:
    """Give the address on the service network; the full name where DHCP gives the address."""
    link = node.service_link
    if link is not None:
        for address in (link.ipv4, link.ipv6):
            if isinstance(address, IPv4Interface | IPv6Interface):
                return str(address.ip)
    return node.fqdn


def _link(link: Link) -> dict[str, Any]:
    return {
        "purpose": link.network.purpose.value,
        "device": link.device,
        "vlan": link.vlan,
        "bridge": link.bridge,
        "interface": link.interface,
        "mtu": link.network.mtu,
        "ipv4": _side(link.ipv4, link.network.ipv4),
        "ipv6": _side(link.ipv6, link.network.ipv6),
    }


def _side(address: Any, network: Any) -> dict[str, Any] | None:  # noqa: ANN401 - of either version
    """Give ``method``, ``address`` and ``prefix`` (if static) and ``gateway`` of one protocol."""
    if address is None:
        return None
    gateway = str(network.gateway) if network is not None and network.gateway else None
    if isinstance(address, str):
        return {"method": address, "address": None, "prefix": None, "gateway": gateway}
    return {
        "method": "static",
        "address": str(address.ip),
        "prefix": address.network.prefixlen,
        "gateway": gateway,
    }
