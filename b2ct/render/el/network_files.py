"""The network of an installed node as files: NetworkManager keyfiles, or ifcfg files.

The kickstart's ``network`` command brings up what the installation itself needs; bridges on
VLANs on bonds are beyond it on most releases. So %post removes what the installer wrote and
puts these files in its place: they are the same text whatever the installer can do.

Card names are written as ``@{nic:NAME}``: %pre knows the kernel's name of the card that has
the MAC address which the site file gives for NAME.
"""

from __future__ import annotations

from collections.abc import Iterable

from b2ct.model import BondMode
from b2ct.render.el.facts import Facts, NetworkFiles
from b2ct.render.interfaces import Interface, Ip, Layer
from b2ct.render.parts import TargetFile

_BOND_OPTIONS = {
    BondMode.ACTIVE_BACKUP: {"miimon": "100"},
    BondMode.LACP: {"lacp_rate": "fast", "miimon": "100", "xmit_hash_policy": "layer3+4"},
    BondMode.BALANCE_ALB: {"miimon": "100"},
    BondMode.BALANCE_XOR: {"miimon": "100", "xmit_hash_policy": "layer3+4"},
}


def bond_options(mode: BondMode) -> dict[str, str]:
    """Give the bonding driver's options for ``mode``, the mode itself first."""
    return {"mode": mode.value, **_BOND_OPTIONS[mode]}


def card(name: str) -> str:
    """Give the placeholder that %pre replaces by the kernel's name of a card."""
    return f"@{{nic:{name}}}"


def card_mac(name: str) -> str:
    """Give the placeholder that %pre replaces by the MAC address of a card."""
    return f"@{{mac:{name}}}"


def network_files(facts: Facts, interfaces: Iterable[Interface]) -> tuple[TargetFile, ...]:
    """Write every interface the way the release reads it."""
    write = _keyfile if facts.network_files is NetworkFiles.KEYFILE else _ifcfg
    return tuple(write(facts, interface) for interface in interfaces)


def _device(interface: Interface) -> str:
    return card(interface.name) if interface.layer is Layer.CARD else interface.name


_KEYFILE_TYPES = {
    Layer.CARD: "ethernet",
    Layer.BOND: "bond",
    Layer.VLAN: "vlan",
    Layer.BRIDGE: "bridge",
}


def _keyfile(_facts: Facts, interface: Interface) -> TargetFile:
    lines = [
        "[connection]",
        f"id={interface.name}",
        f"uuid={interface.uuid}",
        f"type={_KEYFILE_TYPES[interface.layer]}",
        # Connections that others have made for the same device give way.
        "autoconnect-priority=100",
    ]
    if not interface.mac:
        # A card that is known by its MAC address is found by it, whatever its name.
        lines.append(f"interface-name={_device(interface)}")
    if interface.controller and interface.controller_layer:
        lines.append(f"master={interface.controller}")
        lines.append(f"slave-type={interface.controller_layer.value}")
    lines += ["", "[ethernet]", f"mtu={interface.mtu}"]
    if interface.mac:
        lines.append(f"mac-address={card_mac(interface.name)}")
    if interface.mode:
        lines += ["", "[bond]"]
        lines += [f"{key}={value}" for key, value in bond_options(interface.mode).items()]
    if interface.layer is Layer.VLAN:
        lines += ["", "[vlan]", f"id={interface.vlan}", f"parent={interface.parent_uuid}"]
    if interface.layer is Layer.BRIDGE:
        lines += ["", "[bridge]", "stp=false"]
    if not interface.controller:
        lines += ["", "[ipv4]", *_keyfile_ipv4(interface.ip)]
        lines += ["", "[ipv6]", *_keyfile_ipv6(interface.ip)]
    path = f"/etc/NetworkManager/system-connections/b2ct-{interface.name}.nmconnection"
    return TargetFile(path, "0600", tuple(lines))


def _keyfile_ipv4(ip: Ip | None) -> list[str]:
    if ip is None or ip.ipv4 is None:
        return ["method=disabled"]
    servers = [str(server) for server in ip.dns if server.version == 4]
    lines = ["method=auto"] if ip.ipv4 == "dhcp" else ["method=manual", f"address1={ip.ipv4}"]
    if ip.gateway4:
        lines.append(f"gateway={ip.gateway4}")
    if not ip.default4:
        lines.append("never-default=true")
    return lines + _keyfile_dns(servers, ip.search)


def _keyfile_ipv6(ip: Ip | None) -> list[str]:
    if ip is None or ip.ipv6 is None:
        return ["method=disabled"]
    servers = [str(server) for server in ip.dns if server.version == 6]
    # "auto" with an address keeps the address and believes router advertisements.
    manual = ip.ipv6 != "auto" and (ip.gateway6 is not None or not ip.default6)
    lines = [f"method={'manual' if manual else 'auto'}"]
    if ip.ipv6 != "auto":
        lines.append(f"address1={ip.ipv6}")
    if ip.gateway6:
        lines.append(f"gateway={ip.gateway6}")
    if not ip.default6:
        lines.append("never-default=true")
    return lines + _keyfile_dns(servers, ip.search)


def _keyfile_dns(servers: list[str], search: tuple[str, ...]) -> list[str]:
    lines = []
    if servers:
        lines += ["ignore-auto-dns=true", f"dns={';'.join(servers)};"]
    if search:
        lines.append(f"dns-search={';'.join(search)};")
    return lines


_IFCFG_TYPES = {
    Layer.CARD: "Ethernet",
    Layer.BOND: "Bond",
    Layer.VLAN: "Vlan",
    Layer.BRIDGE: "Bridge",
}


def _ifcfg_parent(interface: Interface) -> str:
    parent = interface.parent or ""
    return card(parent) if interface.parent_layer is Layer.CARD else parent


def _ifcfg_device(interface: Interface) -> str:
    """The network scripts demand that a VLAN is called after the kernel's name of its parent."""
    if interface.layer is Layer.VLAN:
        return f"{_ifcfg_parent(interface)}.{interface.vlan}"
    return _device(interface)


def _ifcfg(facts: Facts, interface: Interface) -> TargetFile:
    device = _ifcfg_device(interface)
    lines = [f"DEVICE={device}", f"TYPE={_IFCFG_TYPES[interface.layer]}", "ONBOOT=yes"]
    if facts.systemd:
        lines += [f"NAME={interface.name}", f"UUID={interface.uuid}"]
    else:
        # EL 6's NetworkManager knows no bridges; the network service brings up everything.
        lines.append("NM_CONTROLLED=no")
    lines.append(f"MTU={interface.mtu}")
    if interface.mac:
        lines.append(f"HWADDR={card_mac(interface.name)}")
    if interface.mode:
        options = " ".join(f"{key}={value}" for key, value in bond_options(interface.mode).items())
        lines += ["BONDING_MASTER=yes", f'BONDING_OPTS="{options}"']
    if interface.layer is Layer.VLAN:
        lines += ["VLAN=yes", f"PHYSDEV={_ifcfg_parent(interface)}", f"VLAN_ID={interface.vlan}"]
    if interface.layer is Layer.BRIDGE:
        lines += ["STP=no", "DELAY=0"]
    if interface.controller_layer is Layer.BOND:
        lines += [f"MASTER={interface.controller}", "SLAVE=yes"]
    elif interface.controller_layer is Layer.BRIDGE:
        lines.append(f"BRIDGE={interface.controller}")
    lines += _ifcfg_ip(interface.ip)
    return TargetFile(f"/etc/sysconfig/network-scripts/ifcfg-{device}", "0644", tuple(lines))


def _ifcfg_ip(ip: Ip | None) -> list[str]:
    if ip is None:
        return ["BOOTPROTO=none", "IPV6INIT=no"]
    lines = [f"BOOTPROTO={'dhcp' if ip.ipv4 == 'dhcp' else 'none'}"]
    if ip.ipv4 and ip.ipv4 != "dhcp":
        lines += [f"IPADDR={ip.ipv4.ip}", f"NETMASK={ip.ipv4.netmask}"]
    if ip.gateway4:
        lines.append(f"GATEWAY={ip.gateway4}")
    lines.append(f"DEFROUTE={'yes' if ip.default4 else 'no'}")
    if ip.ipv6 is None:
        lines.append("IPV6INIT=no")
    else:
        auto = ip.ipv6 == "auto" or (ip.gateway6 is None and ip.default6)
        lines += ["IPV6INIT=yes", f"IPV6_AUTOCONF={'yes' if auto else 'no'}"]
        if ip.ipv6 != "auto":
            lines.append(f"IPV6ADDR={ip.ipv6}")
        if ip.gateway6:
            lines.append(f"IPV6_DEFAULTGW={ip.gateway6}")
    if ip.dns:
        lines.append("PEERDNS=no")
        lines += [f"DNS{index}={server}" for index, server in enumerate(ip.dns, 1)]
    if ip.search:
        lines.append(f'DOMAIN="{" ".join(ip.search)}"')
    return lines
