"""The network devices of a node, in the order in which they stand on each other.

The same plan is written as NetworkManager keyfiles, as ifcfg files or as Debian's interfaces:
cards first, then bonds, VLANs and bridges.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from typing import Final, Literal

from b2ct.errors import B2ctError
from b2ct.model import BondMode, Link, Purpose, ResolvedNode, Site

#: IFNAMSIZ less the final NUL: the longest name that the kernel takes.
LONGEST_NAME = 15
#: Names of connections must not change from one rendering to the next.
_NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_DNS, "b2ct")
_ORDER: Final = {Purpose.PUBLIC: 0, Purpose.SERVICE: 1, Purpose.PRIVATE: 2}


class Layer(StrEnum):
    """What kind of device an interface is."""

    CARD = "card"
    BOND = "bond"
    VLAN = "vlan"
    BRIDGE = "bridge"


@dataclass(frozen=True)
class Ip:
    """The addresses of one interface.

    ``default4`` and ``default6`` say whether the default route may run over it; a gateway is
    given only then. ``ipv6`` with an address and no gateway believes router advertisements.
    """

    ipv4: IPv4Interface | Literal["dhcp"] | None
    gateway4: IPv4Address | None
    default4: bool
    ipv6: IPv6Interface | Literal["auto"] | None
    gateway6: IPv6Address | None
    default6: bool
    dns: tuple[IPv4Address | IPv6Address, ...]
    search: tuple[str, ...]


@dataclass(frozen=True)
class Interface:
    """One network device as it shall be on the installed node.

    ``controller`` is the bond or bridge that it is a port of, ``parent`` the device that
    carries a VLAN, ``vlan`` its tag. ``mac`` is known for cards only, and not always.
    """

    name: str
    layer: Layer
    uuid: str
    mtu: int
    ip: Ip | None = None
    controller: str | None = None
    controller_layer: Layer | None = None
    mac: str | None = None
    mode: BondMode | None = None
    members: tuple[str, ...] = ()
    parent: str | None = None
    parent_layer: Layer | None = None
    parent_uuid: str | None = None
    vlan: int | None = None


def connection_uuid(site: Site, node_name: str, interface: str) -> str:
    """Give the same UUID for the same interface of the same node at each rendering."""
    return str(uuid.uuid5(_NAMESPACE, f"{site.site.domain}/{node_name}/{interface}"))


def default_link6(node: ResolvedNode) -> Link | None:
    """The link with the IPv6 default route: public first, then service, then private."""
    # Where the site file names no router, router advertisements are believed.
    routed = [link for link in node.links if link.ipv6]
    return min(routed, key=lambda link: _ORDER[link.network.purpose], default=None)


def link_ip(site: Site, node: ResolvedNode, link: Link) -> Ip | None:
    """Give the addresses of one link, None if it has none."""
    if link.ipv4 is None and link.ipv6 is None:
        return None
    net4, net6 = link.network.ipv4, link.network.ipv6
    default4 = link is node.default_link
    default6 = link is default_link6(node)
    named = node.default_link or default_link6(node) or node.service_link
    dns = site.site.dns
    return Ip(
        ipv4=link.ipv4,
        gateway4=net4.gateway if default4 and net4 and link.ipv4 != "dhcp" else None,
        default4=default4,
        ipv6=link.ipv6,
        gateway6=net6.gateway if default6 and net6 and link.ipv6 != "auto" else None,
        default6=default6,
        dns=dns.servers if link is named else (),
        search=(dns.search or (site.site.domain,)) if link is named else (),
    )


def interfaces(site: Site, node: ResolvedNode) -> tuple[Interface, ...]:
    """Give every device of ``node`` that a network needs.

    Raises :class:`B2ctError` for what no system can set up: two untagged networks on one
    device, or a name that the kernel does not take.
    """
    devices = list(dict.fromkeys(link.device for link in node.links))
    mtu = {
        device: max(link.network.mtu for link in node.links if link.device == device)
        for device in devices
    }

    def new(name: str, layer: Layer, mtu: int) -> Interface:
        return Interface(name, layer, connection_uuid(site, node.name, name), mtu)

    def bare(interface: Interface) -> Interface:
        return _with_untagged(interface, _untagged(node, interface.name), site, node)

    cards: list[Interface] = []
    bonds: list[Interface] = []
    for device in devices:
        bond = node.bonds.get(device)
        if bond is None:
            cards.append(
                bare(replace(new(device, Layer.CARD, mtu[device]), mac=node.macs.get(device)))
            )
            continue
        for member in bond.members:
            card = replace(new(member, Layer.CARD, mtu[device]), mac=node.macs.get(member))
            cards.append(replace(card, controller=device, controller_layer=Layer.BOND))
        made = replace(new(device, Layer.BOND, mtu[device]), mode=bond.mode, members=bond.members)
        bonds.append(bare(made))
    vlans: list[Interface] = []
    bridges: list[Interface] = []
    for link in node.links:
        if link.vlan is not None:
            tagged = replace(
                new(f"{link.device}.{link.vlan}", Layer.VLAN, link.network.mtu),
                vlan=link.vlan,
                parent=link.device,
                parent_layer=Layer.BOND if link.device in node.bonds else Layer.CARD,
                parent_uuid=connection_uuid(site, node.name, link.device),
            )
            vlans.append(_with_untagged(tagged, link, site, node))
        if link.bridge:
            bridge = new(link.bridge, Layer.BRIDGE, link.network.mtu)
            bridges.append(replace(bridge, ip=link_ip(site, node, link)))
    found = (*cards, *bonds, *vlans, *bridges)
    _refuse_bad_names(node, found)
    return found


def _untagged(node: ResolvedNode, device: str) -> Link | None:
    links = [link for link in node.links if link.device == device and link.vlan is None]
    if len(links) > 1:
        names = " and ".join(link.network_name for link in links)
        raise B2ctError(
            f"{node.name}: networks {names} are both untagged on {device}",
            "give one of them a VLAN, or attach it to another device",
        )
    return links[0] if links else None


def _with_untagged(
    interface: Interface, link: Link | None, site: Site, node: ResolvedNode
) -> Interface:
    """Let a device carry the addresses of ``link``, or be a port of its bridge."""
    if link is None:
        return interface
    if link.bridge:
        return replace(interface, controller=link.bridge, controller_layer=Layer.BRIDGE)
    return replace(interface, ip=link_ip(site, node, link))


def _refuse_bad_names(node: ResolvedNode, found: Sequence[Interface]) -> None:
    names = [interface.name for interface in found]
    for name in names:
        if len(name) > LONGEST_NAME:
            raise B2ctError(
                f"{node.name}: device name {name} has {len(name)} characters, "
                f"the kernel takes {LONGEST_NAME}",
                "shorten the name of the card, bond or bridge",
            )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise B2ctError(
            f"{node.name}: {', '.join(twice)} would be set up twice",
            "use each card in one bond or network, and each bridge for one network",
        )
