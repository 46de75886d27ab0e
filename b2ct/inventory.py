"""A site as an Ansible inventory: groups, hosts and their variables as plain data.

The inventory plugin ``b2ct.cloud.site`` hands this to Ansible. All variables begin with
``b2ct_``, except for ``ansible_host``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface
from typing import Any

from b2ct.model import RELEASES, Link, ResolvedNode, Role, Site

#: Put before a hardware's name: ``hardware_control`` is not the role ``control``.
HARDWARE_PREFIX = "hardware_"


@dataclass(frozen=True)
class Group:
    """A group: the hosts that are directly in it, and its child groups."""

    name: str
    hosts: tuple[str, ...]
    children: tuple[str, ...] = ()


@dataclass(frozen=True)
class Inventory:
    """Everything that Ansible learns from a site. Variables hold JSON's types only."""

    groups: tuple[Group, ...]
    site_variables: Mapping[str, Any]
    host_variables: Mapping[str, Mapping[str, Any]]


def inventory(site: Site) -> Inventory:
    """Describe a site to Ansible.

    Groups: one of each role (also where no node has it, so that a play for it is no error),
    one of each release (``el9``, ``debian13``) below its family (``el``, ``debian``), one of
    each hardware (``hardware_<name>``).
    """
    return Inventory(
        groups=(*_role_groups(site), *_release_groups(site), *_hardware_groups(site)),
        site_variables=_site_variables(site),
        host_variables={name: _host_variables(node) for name, node in site.resolved.items()},
    )


def _role_groups(site: Site) -> tuple[Group, ...]:
    return tuple(
        Group(role.value, tuple(name for name, node in site.nodes.items() if role in node.roles))
        for role in Role
    )


def _release_groups(site: Site) -> tuple[Group, ...]:
    members: dict[str, list[str]] = {}
    families: dict[str, list[str]] = {}
    for name, node in site.resolved.items():
        release = node.release
        members.setdefault(release.group, []).append(name)
        below = families.setdefault(release.family.value, [])
        if release.group not in below:
            below.append(release.group)
    return (
        *(Group(name, tuple(hosts)) for name, hosts in sorted(members.items())),
        *(Group(name, (), tuple(sorted(below))) for name, below in sorted(families.items())),
    )


def _hardware_groups(site: Site) -> tuple[Group, ...]:
    return tuple(
        Group(
            HARDWARE_PREFIX + hardware,
            tuple(name for name, node in site.nodes.items() if node.hardware == hardware),
        )
        for hardware in site.hardware
    )


def _site_variables(site: Site) -> dict[str, Any]:
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


def _host_variables(node: ResolvedNode) -> dict[str, Any]:
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
    }


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
