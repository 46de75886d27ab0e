"""A node with everything that is said elsewhere filled in: what templates and checks read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from typing import Literal

from b2ct.model.cluster import SBD_AGENT
from b2ct.model.fencing import ResolvedDevice, resolved_devices
from b2ct.model.network import Network, Purpose
from b2ct.model.node import Addresses, Attachment, Bond, Hardware, Node
from b2ct.model.releases import RELEASES, Release
from b2ct.model.site import Site
from b2ct.model.storage import Disk, Volume
from b2ct.model.types import Role


class Kind(StrEnum):
    """Which kickstart a node gets: services, or a hypervisor only."""

    CONTROL = "control"
    HYPERVISOR = "hypervisor"


@dataclass(frozen=True)
class Link:
    """A node's connection to one network, ready to be written down.

    ``device`` is the card or bond; ``vlan`` is the tag that this node puts on frames, None
    for untagged; ``interface`` is where the addresses live (bridge, VLAN device or device).
    """

    network_name: str
    network: Network
    device: str
    vlan: int | None
    bridge: str | None
    interface: str
    ipv4: IPv4Interface | Literal["dhcp"] | None
    ipv6: IPv6Interface | Literal["auto"] | None

    @property
    def is_service(self) -> bool:
        """Whether installation and ssh run over this link."""
        return self.network.purpose is Purpose.SERVICE

    @property
    def has_route(self) -> bool:
        """Whether a default route over IPv4 can be had here."""
        if self.ipv4 == "dhcp":
            return True
        net = self.network.ipv4
        return self.ipv4 is not None and net is not None and net.gateway is not None


@dataclass(frozen=True)
class ResolvedNode:
    """One machine, with nothing left to look up.

    ``mirror`` is the base address of the release's packages. ``nics`` are all card names,
    ``macs`` the MAC address of those that are known.
    """

    name: str
    fqdn: str
    kind: Kind
    roles: tuple[Role, ...]
    release: Release
    mirror: str
    serial: str | None
    nics: tuple[str, ...]
    macs: Mapping[str, str]
    bonds: Mapping[str, Bond]
    links: tuple[Link, ...]
    disk: Disk | None
    volumes: Mapping[str, Volume]
    fence: tuple[ResolvedDevice, ...] = ()

    @property
    def service_link(self) -> Link | None:
        """The link to the service network."""
        return next((link for link in self.links if link.is_service), None)

    @property
    def fence_from_outside(self) -> tuple[ResolvedDevice, ...]:
        """The devices that others than the cluster's members can use; SBD's disks only they see."""
        return tuple(device for device in self.fence if device.agent != SBD_AGENT)

    @property
    def default_link(self) -> Link | None:
        """The link with the default route: public first, then service, then private."""
        order = {Purpose.PUBLIC: 0, Purpose.SERVICE: 1, Purpose.PRIVATE: 2}
        routed = [link for link in self.links if link.has_route]
        return min(routed, key=lambda link: order[link.network.purpose], default=None)

    def link_on(self, network: str) -> Link | None:
        """Give the link to a network; a node has one at the most."""
        return next((link for link in self.links if link.network_name == network), None)


def as_addresses(value: Addresses | IPv4Address | IPv6Address | Literal["dhcp"]) -> Addresses:
    """Spell out the short form of a node's addresses."""
    if isinstance(value, Addresses):
        return value
    if isinstance(value, IPv6Address):
        return Addresses(ipv4=None, ipv6=value)
    return Addresses(ipv4=value, ipv6=None)


def merged_hardware(site: Site, node: Node) -> Hardware:
    """Give what the node says, over what its hardware description says."""
    base = site.hardware.get(node.hardware) if node.hardware else None
    if base is None:
        nics = tuple(dict.fromkeys((*node.nics, *node.macs)))
        return node if nics == node.nics else node.model_copy(update={"nics": nics})
    return Hardware.model_construct(
        nics=tuple(dict.fromkeys((*base.nics, *node.nics, *node.macs))),
        bonds={**base.bonds, **node.bonds},
        attach={**base.attach, **node.attach},
        disk=_merged_disk(base.disk, node.disk),
        volumes={**base.volumes, **node.volumes},
        fence=node.fence or base.fence,
    )


def _merged_disk(base: Disk | None, own: Disk | None) -> Disk | None:
    """A node that names its own drive keeps the size and the consent of its hardware.

    A selector of its own replaces the hardware's; none of its own keeps it.
    """
    if base is None or own is None:
        return own or base
    selectors = {"by_id", "by_path", "serial", "rule", "device"}
    kept = {"size", "erase", "consent_to_unstable_name"} - own.model_fields_set
    if not own.model_fields_set & selectors:
        kept |= selectors
    return own.model_copy(update={key: getattr(base, key) for key in kept})


def resolve(site: Site, name: str, node: Node) -> ResolvedNode:
    """Fill in one node. Names that lead nowhere are left out: the checks report them."""
    release = RELEASES[node.release or site.install.release]
    mirror = site.install.mirrors.get(release.id)
    hardware = merged_hardware(site, node)
    return ResolvedNode(
        name=name,
        fqdn=f"{name}.{site.site.domain}",
        kind=Kind.HYPERVISOR if set(node.roles) == {Role.HYPERVISOR} else Kind.CONTROL,
        roles=node.roles,
        release=release,
        mirror=mirror.url if mirror else release.url,
        serial=node.serial,
        nics=hardware.nics,
        macs=node.macs,
        bonds=hardware.bonds,
        links=tuple(
            _link(site.networks[network_name], network_name, attachment, node)
            for network_name, attachment in hardware.attach.items()
            if network_name in site.networks
        ),
        disk=hardware.disk,
        volumes=hardware.volumes,
        fence=resolved_devices(name, hardware.fence),
    )


def _link(network: Network, name: str, attachment: Attachment, node: Node) -> Link:
    vlan = network.vlan if attachment.tagged is not False else None
    device = attachment.device
    said = node.addresses.get(name)
    addresses = as_addresses(said) if said is not None else None
    ipv4 = addresses.ipv4 if addresses else None
    ipv6 = addresses.ipv6 if addresses else None
    if isinstance(ipv4, IPv4Address):
        prefix = network.ipv4.subnet.prefixlen if network.ipv4 else ipv4.max_prefixlen
        ipv4 = IPv4Interface((ipv4, prefix))
    if isinstance(ipv6, IPv6Address):
        prefix = network.ipv6.subnet.prefixlen if network.ipv6 else ipv6.max_prefixlen
        ipv6 = IPv6Interface((ipv6, prefix))
    return Link(
        network_name=name,
        network=network,
        device=device,
        vlan=vlan,
        bridge=attachment.bridge,
        interface=attachment.bridge or (f"{device}.{vlan}" if vlan else device),
        ipv4=ipv4,
        ipv6=ipv6,
    )
