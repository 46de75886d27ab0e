"""Variables of the role ``opennebula_objects``: what is kept inside OpenNebula."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from b2ct.inventory.pair import pair
from b2ct.inventory.values import Secret
from b2ct.model import HaService, Network, ResolvedNode, Role, Site
from b2ct.model.cloud import CloudHost, CloudNetwork, Quota, SecurityRule
from b2ct.model.cloud_resolved import bridge_of, default_tm_mad, virtual_networks

#: Of the vault: a mapping of users to their passwords.
PASSWORDS = "vault_opennebula_user_passwords"
_OWNED = {"owner", "group", "mode", "attributes"}


def site_variables(site: Site) -> dict[str, Any]:
    """Give the objects, each kind in the order of the file."""
    cloud = site.opennebula
    variables: dict[str, Any] = {
        "opennebula_objects_clusters": _named(cloud.clusters.items()),
        "opennebula_objects_hosts": _hosts(site),
        "opennebula_objects_datastores": [
            {**one, "tm_mad": one.get("tm_mad", default_tm_mad(site))}
            for one in _named(cloud.datastores.items())
        ],
        "opennebula_objects_networks": [
            _network(site, name, network) for name, network in virtual_networks(site).items()
        ],
        "opennebula_objects_security_groups": [
            {**_plain(name, group, _OWNED | {"description"}), "rules": _rules(group.rules)}
            for name, group in cloud.security_groups.items()
        ],
        "opennebula_objects_images": [
            {**one, **({"size": one["size"] >> 20} if "size" in one else {})}
            for one in _named(cloud.images.items())
        ],
        "opennebula_objects_templates": _named(cloud.templates.items()),
        "opennebula_objects_groups": [
            _plain(name, group, {"admins", "attributes"}) for name, group in cloud.groups.items()
        ],
        "opennebula_objects_users": [
            _plain(name, user, {"groups", "auth_driver", "enabled", "attributes"})
            for name, user in cloud.users.items()
        ],
        "opennebula_objects_quotas": _quotas(site),
        "opennebula_objects_acls": [rule.model_dump(mode="json") for rule in cloud.acls],
        "opennebula_objects_hooks": _named(cloud.hooks.items()),
    }
    variables = {name: value for name, value in variables.items() if value}
    if any(user.auth_driver == "core" for user in cloud.users.values()):
        variables["opennebula_objects_user_passwords"] = Secret(PASSWORDS)
    return variables


def host_variables(site: Site, node: ResolvedNode) -> dict[str, Any]:
    """Say which control node speaks to oned: the active front-end, else the first one."""
    if Role.CONTROL not in node.roles:
        return {}
    found = pair(site)
    if found is not None and HaService.OPENNEBULA in found.section.services:
        return {"opennebula_objects_failover_address": str(found.address.ip)}
    first = next(name for name, one in site.nodes.items() if Role.CONTROL in one.roles)
    return {"opennebula_objects_here": node.name == first}


def _named(objects: Iterable[tuple[str, Any]]) -> list[dict[str, Any]]:
    return [_plain(name, one) for name, one in objects]


def _plain(name: str, one: Any, only: set[str] | None = None) -> dict[str, Any]:  # noqa: ANN401
    """Give an object as the role takes it: what is said of it, and its name."""
    said = one.model_dump(mode="json", exclude_none=True, include=only)
    return {"name": name, **{key: value for key, value in said.items() if value != {}}}


def _hosts(site: Site) -> list[dict[str, Any]]:
    said = site.opennebula.hosts
    return [
        _plain(name, said.get(name, CloudHost.model_validate({})))
        for name, node in site.nodes.items()
        if Role.HYPERVISOR in node.roles
    ]


def _rules(rules: Iterable[SecurityRule]) -> list[dict[str, Any]]:
    names = {"direction": "rule_type", "ports": "range", "first": "ip"}
    return [
        {
            names.get(key, key): value
            for key, value in rule.model_dump(mode="json", exclude_none=True).items()
        }
        for rule in rules
    ]


def _network(site: Site, name: str, said: CloudNetwork) -> dict[str, Any]:
    plain = _plain(name, said, _OWNED | {"vn_mad", "bridge", "clusters", "security_groups"})
    below = said.network or name
    attributes: dict[str, Any] = {}
    ranges: list[dict[str, Any]] = []
    if below in site.networks:
        network = site.networks[below]
        attributes = _attributes(site, network)
        ranges = _ranges(network)
        bridge = bridge_of(site, below)
        if bridge is not None:
            plain.setdefault("bridge", bridge)
    if said.ranges is not None:
        ranges = [part.model_dump(mode="json", exclude_none=True) for part in said.ranges]
    plain["attributes"] = {**attributes, **plain.get("attributes", {})}
    if ranges:
        plain["ranges"] = ranges
    return plain


def _attributes(site: Site, network: Network) -> dict[str, Any]:
    """Give what virtual machines learn about a network."""
    found: dict[str, Any] = {"GUEST_MTU": network.mtu}
    servers = [str(one) for one in site.site.dns.servers if isinstance(one, IPv4Address)]
    if network.ipv4 is not None:
        found["NETWORK_ADDRESS"] = str(network.ipv4.subnet.network_address)
        found["NETWORK_MASK"] = str(network.ipv4.subnet.netmask)
        if network.ipv4.gateway is not None:
            found["GATEWAY"] = str(network.ipv4.gateway)
    else:
        servers = [str(one) for one in site.site.dns.servers if isinstance(one, IPv6Address)]
    if network.ipv6 is not None and network.ipv6.gateway is not None:
        found["GATEWAY6"] = str(network.ipv6.gateway)
    if servers:
        found["DNS"] = " ".join(servers)
    return found


def _ranges(network: Network) -> list[dict[str, Any]]:
    """Give the addresses for virtual machines as OpenNebula describes ranges.

    Where each protocol has one range, they make one of both, so that a machine gets an address
    of each.
    """
    four = [
        {"ip": str(part.first), "size": int(part.last) - int(part.first) + 1}
        for part in (network.ipv4.vm_ranges if network.ipv4 else ())
    ]
    six = [
        {
            "ip6": str(part.first),
            "prefix_length": network.ipv6.subnet.prefixlen,
            "size": int(part.last) - int(part.first) + 1,
        }
        for part in (network.ipv6.vm_ranges if network.ipv6 else ())
        if network.ipv6 is not None
    ]
    if len(four) == len(six) == 1:
        size = min(int(str(four[0]["size"])), int(str(six[0]["size"])))
        return [{"type": "IP4_6_STATIC", **four[0], **six[0], "size": size}]
    return [
        *({"type": "IP4", **part} for part in four),
        *({"type": "IP6_STATIC", **part} for part in six),
    ]


def _quotas(site: Site) -> list[dict[str, Any]]:
    cloud = site.opennebula
    found = []
    for kind, objects in (("group", cloud.groups), ("user", cloud.users)):
        for name, one in objects.items():
            quota: Quota | None = one.quota
            if quota is not None:
                limits = quota.model_dump(mode="json")
                found.append({kind: name, **{key: part for key, part in limits.items() if part}})
    return found
