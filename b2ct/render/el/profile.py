"""What an unknown machine gets: the layout of its kind, and a network from the dialog.

Its network is one card on the service network; the rest follows when the machine has been
written into the site file. Lines that begin with ``@static ``, ``@dhcp ``, ``@auto ``,
``@gateway `` or ``@nogateway `` are kept by %pre where the dialog's answers say so.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network

from b2ct.model import Kind, Release, Role, Site
from b2ct.render.el.facts import Facts, NetworkFiles
from b2ct.render.el.network_install import nameservers
from b2ct.render.el.node import (
    boot_loader,
    common_files,
    package_lines,
    packages_of,
)
from b2ct.render.el.storage import needed_mib, storage_lines
from b2ct.render.parts import (
    PLAIN_VOLUMES,
    Fragment,
    Selector,
    TargetFile,
    selector,
    service_network,
    taken_ranges,
)
from b2ct.render.rendered import Hashes

_KEYFILES = "/etc/NetworkManager/system-connections"
_IFCFG = "/etc/sysconfig/network-scripts"


@dataclass(frozen=True)
class ProfileView:
    """What an unknown machine gets that is made a node of ``kind``.

    ``first`` and ``last`` are the numbers of the service subnet's own and its broadcast
    address, 0 without IPv4; ``taken`` are ranges ``FIRST-LAST`` of such numbers. ``rule`` is a
    disk rule that suggests a disk, no more. ``default`` is how it gets an address if nobody
    says: ``dhcp`` or ``auto`` (IPv6 router advertisements).
    """

    kind: Kind
    rule: Selector | None
    need_mib: int
    network: str
    subnet: str
    first: int
    last: int
    gateway: str
    dns: str
    taken: tuple[str, ...]
    vlan: int
    default: str
    fragments: tuple[Fragment, ...]
    files: tuple[TargetFile, ...]


@dataclass(frozen=True)
class _Card:
    """The one card of an unknown machine: how frames and addresses look on it."""

    facts: Facts
    vlan: int | None
    mtu: int
    subnet: IPv4Network | None
    search: tuple[str, ...]
    name_servers: str
    domain: str


def profile_view(
    facts: Facts, site: Site, release: Release, kind: Kind, hashes: Hashes
) -> ProfileView:
    """Describe what an unknown machine gets: laid out as the first node of its kind."""
    model = next(
        (node for node in site.resolved.values() if node.kind is kind and node.release == release),
        None,
    )
    roles = (Role.CONTROL,) if kind is Kind.CONTROL else (Role.HYPERVISOR,)
    volumes = dict(model.volumes) if model else PLAIN_VOLUMES
    name, network = service_network(site)
    link = model.service_link if model else None
    subnet = network.ipv4.subnet if network.ipv4 else None
    vlan = link.vlan if link else network.vlan
    card = _Card(
        facts=facts,
        vlan=vlan if facts.vlan_at_install else None,
        mtu=network.mtu,
        subnet=subnet,
        search=site.site.dns.search or (site.site.domain,),
        name_servers=nameservers(facts, site),
        domain=site.site.domain,
    )
    files = _keyfiles(card) if facts.network_files is NetworkFiles.KEYFILE else _ifcfg(card)
    return ProfileView(
        kind=kind,
        rule=selector(model) if model and model.disk and model.disk.rule else None,
        need_mib=needed_mib(facts, volumes),
        network=name,
        subnet=str(subnet or ""),
        first=int(subnet.network_address) if subnet else 0,
        last=int(subnet.broadcast_address) if subnet else 0,
        gateway=str(network.ipv4.gateway or "") if network.ipv4 else "",
        dns=",".join(str(server) for server in site.site.dns.servers),
        taken=taken_ranges(site),
        vlan=card.vlan or 0,
        default="dhcp" if subnet else "auto",
        fragments=(
            Fragment("network.ks", _network_lines(card)),
            Fragment("storage.ks", storage_lines(facts, volumes, boot_loader(site, hashes))),
            Fragment("packages.ks", package_lines(packages_of(facts, site, roles))),
        ),
        files=(
            *files,
            *common_files(
                site,
                release=release,
                name="@{hostname}",
                kind=kind,
                roles=roles,
                volumes=volumes,
            ),
        ),
    )


def _network_lines(card: _Card) -> tuple[str, ...]:
    device = "--device=@{card}" + (f" --vlanid={card.vlan}" if card.vlan else "")
    end = f"--mtu={card.mtu} --onboot=yes --activate"
    given = f"{card.name_servers} {end}"
    lines = [f"network --hostname=@{{hostname}}.{card.domain}"]
    if card.subnet:
        static = f"network {device} --bootproto=static --ip=@{{address}}"
        static += f" --netmask={card.subnet.netmask} --nameserver=@{{dns}} --noipv6 {end}"
        lines += [
            f"@static @gateway {static} --gateway=@{{gateway}}",
            f"@static @nogateway {static}",
            f"@dhcp network {device} --bootproto=dhcp --noipv6 {given}",
        ]
    else:
        lines.append(f"network {device} --noipv4 --ipv6=auto {given}")
    return tuple(lines)


def _keyfiles(card: _Card) -> tuple[TargetFile, ...]:
    ethernet = (
        "[connection]",
        "id=@{card}",
        "type=ethernet",
        "",
        "[ethernet]",
        "mac-address=@{mac}",
        f"mtu={card.mtu}",
        "",
    )
    path = f"{_KEYFILES}/b2ct-@{{card}}.nmconnection"
    addresses = _keyfile_addresses(card)
    if not card.vlan:
        return (TargetFile(path, "0600", (*ethernet, *addresses)),)
    nothing = ("[ipv4]", "method=disabled", "", "[ipv6]", "method=disabled")
    name = f"@{{card}}.{card.vlan}"
    tagged = (
        *("[connection]", f"id={name}", "type=vlan", f"interface-name={name}", ""),
        *("[ethernet]", f"mtu={card.mtu}", ""),
        *("[vlan]", f"id={card.vlan}", "parent=@{card}", ""),
        *addresses,
    )
    return (
        TargetFile(path, "0600", (*ethernet, *nothing)),
        TargetFile(f"{_KEYFILES}/b2ct-{name}.nmconnection", "0600", tagged),
    )


def _keyfile_addresses(card: _Card) -> tuple[str, ...]:
    if card.subnet is None:
        return ("[ipv4]", "method=disabled", "", "[ipv6]", "method=auto")
    return (
        "[ipv4]",
        "@dhcp method=auto",
        "@static method=manual",
        f"@static address1=@{{address}}/{card.subnet.prefixlen}",
        "@static @gateway gateway=@{gateway}",
        "@static dns=@{dns4}",
        f"@static dns-search={';'.join(card.search)};",
        "",
        "[ipv6]",
        "method=disabled",
    )


def _ifcfg(card: _Card) -> tuple[TargetFile, ...]:
    managed = () if card.facts.systemd else ("NM_CONTROLLED=no",)
    common = ("ONBOOT=yes", *managed, f"MTU={card.mtu}")
    ethernet = ("DEVICE=@{card}", "TYPE=Ethernet", "HWADDR=@{mac}", *common)
    path = f"{_IFCFG}/ifcfg-@{{card}}"
    addresses = _ifcfg_addresses(card)
    if not card.vlan:
        return (TargetFile(path, "0644", (*ethernet, *addresses)),)
    name = f"@{{card}}.{card.vlan}"
    tagged = (f"DEVICE={name}", "TYPE=Vlan", "VLAN=yes", "PHYSDEV=@{card}", *common)
    return (
        TargetFile(path, "0644", (*ethernet, "BOOTPROTO=none", "IPV6INIT=no")),
        TargetFile(f"{_IFCFG}/ifcfg-{name}", "0644", (*tagged, *addresses)),
    )


def _ifcfg_addresses(card: _Card) -> tuple[str, ...]:
    if card.subnet is None:
        return ("BOOTPROTO=none", "IPV6INIT=yes", "IPV6_AUTOCONF=yes")
    return (
        "@dhcp BOOTPROTO=dhcp",
        "@static BOOTPROTO=none",
        "@static IPADDR=@{address}",
        f"@static NETMASK={card.subnet.netmask}",
        "@static @gateway GATEWAY=@{gateway}",
        "@static DNS1=@{dns1}",
        f'@static DOMAIN="{" ".join(card.search)}"',
        "IPV6INIT=no",
    )
