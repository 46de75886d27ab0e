"""The kickstart's ``network`` lines: what the installation itself needs, and no more.

All releases bring up a card or a bond; EL 7 and later a VLAN too, on a bond only when the
bond has a line of its own (rhel7-branch and rhel-8 of anaconda read one or the other from a
line). Bridges are not needed to install: the address sits on what the bridge will stand on.
"""

from __future__ import annotations

from ipaddress import IPv4Interface

from b2ct.errors import B2ctError
from b2ct.model import Link, ResolvedNode, Site
from b2ct.render.el.facts import Facts
from b2ct.render.el.network_files import bond_options, card
from b2ct.render.interfaces import Ip, link_ip


def install_links(node: ResolvedNode) -> tuple[Link, ...]:
    """The service link, and the one with the default route if the service link has none."""
    service, default = node.service_link, node.default_link
    if service is None or (service.ipv4 is None and service.ipv6 is None):
        raise B2ctError(
            f"{node.name} has no address on the service network",
            "give it one below addresses: installation and ssh run over that network",
        )
    if default is None or default is service or service.has_route:
        return (service,)
    return (service, default)


def network_lines(facts: Facts, site: Site, node: ResolvedNode) -> tuple[str, ...]:
    """Write the ``network`` commands of a node, with placeholders for card names."""
    lines = [f"network --hostname={node.fqdn}"]
    bonds: set[str] = set()
    links = install_links(node)
    servers = nameservers(facts, site)
    for link in links:
        if link.vlan is not None and not facts.vlan_at_install:
            raise B2ctError(
                f"{node.name}: the installer of EL {facts.major} brings up no VLAN, "
                f"and network {link.network_name} is tagged on {link.device}",
                "use an untagged port for the service network (tagged: false), or a later release",
            )
        ip = link_ip(site, node, link)
        assert ip is not None
        routed = link is links[-1]
        lines += _link_lines(
            facts, node, link, ip, routed=routed, name_servers=servers, bonds=bonds
        )
    return tuple(lines)


def _link_lines(
    facts: Facts,
    node: ResolvedNode,
    link: Link,
    ip: Ip,
    *,
    routed: bool,
    name_servers: str,
    bonds: set[str],
) -> list[str]:
    """Write the line of one link, after the line of the bond that a VLAN stands on.

    ``bonds`` collects the bonds that have a line already.
    """
    mtu = f"--mtu={link.network.mtu}"
    bond = node.bonds.get(link.device)
    device = link.device if bond else card(link.device)
    own = [f"--device={device}"]
    lines: list[str] = []
    if bond and link.device not in bonds:
        bonds.add(link.device)
        members = ",".join(card(member) for member in bond.members)
        options = ",".join(f"{key}={value}" for key, value in bond_options(bond.mode).items())
        of_bond = [f"--bondslaves={members}", f"--bondopts={options}"]
        if link.vlan is None:
            own += of_bond
        else:
            lines.append(
                " ".join(
                    ["network", *own, *of_bond, "--noipv4 --noipv6", mtu, "--onboot=yes --activate"]
                )
            )
    if link.vlan is not None:
        own.append(f"--vlanid={link.vlan}")
    words = ["network", *own, *_address_words(facts, link, ip, routed=routed)]
    if routed:
        words.append(name_servers)
    lines.append(" ".join([*words, mtu, "--onboot=yes --activate"]))
    return lines


def _address_words(facts: Facts, link: Link, ip: Ip, *, routed: bool) -> list[str]:
    words: list[str] = []
    net4, net6 = link.network.ipv4, link.network.ipv6
    if isinstance(ip.ipv4, IPv4Interface):
        words += ["--bootproto=static", f"--ip={ip.ipv4.ip}", f"--netmask={ip.ipv4.netmask}"]
        if routed and net4 and net4.gateway:
            words.append(f"--gateway={net4.gateway}")
    else:
        words.append("--bootproto=dhcp" if ip.ipv4 else "--noipv4")
    if ip.ipv6 is None:
        words.append("--noipv6")
    else:
        words.append(f"--ipv6={ip.ipv6}")
        if routed and net6 and net6.gateway and ip.ipv6 != "auto" and facts.ipv6_gateway:
            words.append(f"--ipv6gateway={net6.gateway}")
    if not routed:
        words.append("--nodefroute")
    return words


def nameservers(facts: Facts, site: Site) -> str:
    """Give ``--nameserver``: EL 6 takes IPv4 addresses only."""
    servers = [
        str(server) for server in site.site.dns.servers if server.version == 4 or facts.systemd
    ]
    return f"--nameserver={','.join(servers)}"
