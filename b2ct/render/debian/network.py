"""The network of a node: files of systemd-networkd, and what the installation itself needs.

systemd-networkd is part of every Debian since it has systemd, knows bonds, VLANs and bridges
without further packages, and finds a card by its MAC address whatever its name. ifupdown
stays installed and keeps the loopback.

The installer's netcfg knows neither bonds nor VLANs. Its kernel does; so our script brings up
the service link itself, from a list of directives, and netcfg never starts:

``card NAME`` up · ``bond NAME MODE CARD…`` · ``vlan PARENT TAG`` ·
``address DEVICE ADDRESS/PREFIX`` · ``gateway ADDRESS DEVICE`` · ``dhcp DEVICE`` ·
``auto DEVICE`` (router advertisements) · ``dns ADDRESS`` · ``search DOMAIN``.
"""

from __future__ import annotations

from collections.abc import Iterable

from b2ct.errors import B2ctError
from b2ct.model import BondMode, Link, ResolvedNode, Site
from b2ct.render.interfaces import Interface, Ip, Layer, interfaces, link_ip
from b2ct.render.parts import TargetFile

_FOLDER = "/etc/systemd/network"
#: Devices first, then what stands on them: networkd sorts by name.
_NETDEV_PREFIX, _NETWORK_PREFIX = "20-b2ct", "30-b2ct"
_HASHED = {BondMode.LACP, BondMode.BALANCE_XOR}


def card(name: str) -> str:
    """Give the placeholder that the script replaces by the kernel's name of a card."""
    return f"@{{nic:{name}}}"


def install_link(node: ResolvedNode) -> Link:
    """Give the link to install over: service, unless only another one leads to the mirror."""
    service, default = node.service_link, node.default_link
    if service is None or (service.ipv4 is None and service.ipv6 is None):
        raise B2ctError(
            f"{node.name} has no address on the service network",
            "give it one below addresses: installation and ssh run over that network",
        )
    if service.has_route or service.ipv4 is None or default is None:
        return service
    return default


def install_directives(site: Site, node: ResolvedNode) -> tuple[str, ...]:
    """Write what brings up the network of the installation."""
    link = install_link(node)
    ip = link_ip(site, node, link)
    assert ip is not None
    lines: list[str] = []
    if bond := node.bonds.get(link.device):
        cards = " ".join(card(member) for member in bond.members)
        lines.append(f"bond {link.device} {bond.mode.value} {cards}")
        device = link.device
    else:
        device = card(link.device)
        lines.append(f"card {device}")
    if link.vlan is not None:
        lines.append(f"vlan {device} {link.vlan}")
        device = f"{device}.{link.vlan}"
    lines += _address_directives(link, ip, device)
    lines += [f"dns {server}" for server in site.site.dns.servers]
    return (*lines, f"search {' '.join(site.site.dns.search or (site.site.domain,))}")


def _address_directives(link: Link, ip: Ip, device: str) -> list[str]:
    lines = []
    if ip.ipv4 == "dhcp":
        lines.append(f"dhcp {device}")
    elif ip.ipv4:
        lines.append(f"address {device} {ip.ipv4}")
        if link.network.ipv4 and link.network.ipv4.gateway:
            lines.append(f"gateway {link.network.ipv4.gateway} {device}")
    gateway6 = link.network.ipv6.gateway if link.network.ipv6 else None
    if ip.ipv6 == "auto":
        lines.append(f"auto {device}")
    elif ip.ipv6:
        lines.append(f"address {device} {ip.ipv6}")
        lines.append(f"gateway {gateway6} {device}" if gateway6 else f"auto {device}")
    return lines


def profile_directives(
    vlan: int | None, prefix: int, search: Iterable[str], *, ipv4: bool
) -> tuple[str, ...]:
    """Write the same for a machine that the site does not know, by the dialog's answers."""
    lines = ["card @{card}"]
    device = "@{card}"
    if vlan:
        lines.append(f"vlan {device} {vlan}")
        device = f"{device}.{vlan}"
    if ipv4:
        lines += [
            f"@static address {device} @{{address}}/{prefix}",
            f"@static @gateway gateway @{{gateway}} {device}",
            f"@dhcp dhcp {device}",
        ]
    else:
        lines.append(f"auto {device}")
    return (*lines, "dns @{dns}", f"search {' '.join(search)}")


def network_files(site: Site, node: ResolvedNode) -> tuple[TargetFile, ...]:
    """Write every device of a node for systemd-networkd, and the name servers."""
    found = interfaces(site, node)
    files: list[TargetFile] = []
    for interface in found:
        if interface.layer is not Layer.CARD:
            files.append(_file(_NETDEV_PREFIX, interface.name, "netdev", _netdev(interface)))
        vlans = [other.name for other in found if other.parent == interface.name]
        files.append(_file(_NETWORK_PREFIX, interface.name, "network", _network(interface, vlans)))
    return tuple(files)


def hosts(site: Site, name: str, addresses: Iterable[str]) -> TargetFile:
    """Write /etc/hosts: a node's own name leads to its address, which OpenNebula relies on.

    ``@static `` before an address keeps its line where the dialog gave one.
    """
    names = f"{name}.{site.site.domain} {name}"
    own = [f"{address} {names}" for address in addresses]
    return TargetFile(
        "/etc/hosts",
        "0644",
        (
            "127.0.0.1 localhost",
            "::1 localhost ip6-localhost ip6-loopback",
            *(own or [f"127.0.1.1 {names}"]),
        ),
    )


def node_addresses(node: ResolvedNode) -> tuple[str, ...]:
    """Give the fixed addresses that a node's name leads to."""
    link = node.service_link
    if link is None:
        return ()
    return tuple(
        str(address.ip)
        for address in (link.ipv4, link.ipv6)
        if address is not None and not isinstance(address, str)
    )


def profile_network_files(
    vlan: int | None, mtu: int, prefix: int, *, ipv4: bool
) -> tuple[TargetFile, ...]:
    """Write the one card of a machine that the site does not know."""
    address = [
        "[Network]",
        *(("@dhcp DHCP=ipv4",) if ipv4 else ("IPv6AcceptRA=yes",)),
        *((f"@static Address=@{{address}}/{prefix}",) if ipv4 else ()),
        *(("@static @gateway Gateway=@{gateway}",) if ipv4 else ()),
        *(("IPv6AcceptRA=no", "LinkLocalAddressing=no") if ipv4 else ()),
    ]
    match = ["[Match]", "PermanentMACAddress=@{mac}", "", "[Link]", f"MTUBytes={mtu}", ""]
    if not vlan:
        return (_file(_NETWORK_PREFIX, "@{card}", "network", [*match, *address]),)
    name = f"@{{card}}.{vlan}"
    nothing = ["[Network]", f"VLAN={name}", "LinkLocalAddressing=no", "IPv6AcceptRA=no"]
    netdev = ["[NetDev]", f"Name={name}", "Kind=vlan", "", "[VLAN]", f"Id={vlan}"]
    return (
        _file(_NETWORK_PREFIX, "@{card}", "network", [*match, *nothing]),
        _file(_NETDEV_PREFIX, name, "netdev", netdev),
        _file(_NETWORK_PREFIX, name, "network", ["[Match]", f"Name={name}", "", *address]),
    )


def _file(prefix: str, name: str, kind: str, lines: Iterable[str]) -> TargetFile:
    return TargetFile(f"{_FOLDER}/{prefix}-{name}.{kind}", "0644", tuple(lines))


def _netdev(interface: Interface) -> list[str]:
    kind = interface.layer.value
    lines = ["[NetDev]", f"Name={interface.name}", f"Kind={kind}"]
    if interface.layer is Layer.BOND:
        assert interface.mode is not None
        lines += ["", "[Bond]", f"Mode={interface.mode.value}", "MIIMonitorSec=100ms"]
        if interface.mode in _HASHED:
            lines.append("TransmitHashPolicy=layer3+4")
        if interface.mode is BondMode.LACP:
            lines.append("LACPTransmitRate=fast")
    elif interface.layer is Layer.VLAN:
        lines += ["", "[VLAN]", f"Id={interface.vlan}"]
    elif interface.layer is Layer.BRIDGE:
        lines += ["", "[Bridge]", "STP=no", "ForwardDelaySec=0"]
    return lines


def _network(interface: Interface, vlans: list[str]) -> list[str]:
    if interface.layer is Layer.CARD:
        # A bond gives its cards one common address: only the burnt-in one tells them apart.
        known = f"PermanentMACAddress=@{{mac:{interface.name}}}" if interface.mac else None
        match = known or f"Name={card(interface.name)}"
    else:
        match = f"Name={interface.name}"
    lines = ["[Match]", match, "", "[Link]", f"MTUBytes={interface.mtu}"]
    if interface.ip is None:
        lines.append("RequiredForOnline=no")
    lines += ["", "[Network]"]
    if interface.controller_layer is Layer.BOND:
        lines.append(f"Bond={interface.controller}")
    elif interface.controller_layer is Layer.BRIDGE:
        lines.append(f"Bridge={interface.controller}")
    lines += [f"VLAN={name}" for name in vlans]
    if interface.ip is None:
        lines += ["LinkLocalAddressing=no", "IPv6AcceptRA=no"]
        return lines
    return lines + _ip(interface.ip)


def _ip(ip: Ip) -> list[str]:
    lines = []
    if ip.ipv4 == "dhcp":
        lines.append("DHCP=ipv4")
    elif ip.ipv4:
        lines.append(f"Address={ip.ipv4}")
        if ip.gateway4:
            lines.append(f"Gateway={ip.gateway4}")
    listens = ip.ipv6 == "auto" or (ip.ipv6 is not None and not ip.gateway6 and ip.default6)
    if ip.ipv6 and ip.ipv6 != "auto":
        lines.append(f"Address={ip.ipv6}")
        if ip.gateway6:
            lines.append(f"Gateway={ip.gateway6}")
    lines.append(f"IPv6AcceptRA={'yes' if listens else 'no'}")
    if ip.ipv6 is None:
        lines.append("LinkLocalAddressing=no")
    if ip.ipv4 == "dhcp":
        # Name servers are the site's; a route only where the default one may run.
        lines += ["", "[DHCPv4]", "UseDNS=no"]
        if not ip.default4:
            lines.append("UseGateway=no")
    if listens and not ip.default6:
        lines += ["", "[IPv6AcceptRA]", "UseGateway=no"]
    return lines
