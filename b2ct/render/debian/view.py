"""Everything that the preseed templates see."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from b2ct import __version__
from b2ct.model import Kind, Question, Release, ResolvedNode, Role, Site
from b2ct.render.debian import network
from b2ct.render.debian.answers import answers
from b2ct.render.debian.facts import (
    SERVICES,
    SSHD,
    keyboard,
    packages,
    roles_of_kind,
)
from b2ct.render.debian.sources import (
    AptRepository,
    debian_source,
    key_addresses,
    repositories,
    repository_file,
)
from b2ct.render.debian.storage import needed_mib, raw_volumes, storage_lines
from b2ct.render.parts import (
    PLAIN_VOLUMES,
    VOLUME_GROUP,
    Account,
    Fragment,
    Selector,
    TargetFile,
    account,
    installed_json,
    node_cards,
    selector,
    service_network,
    taken_ranges,
)
from b2ct.render.rendered import Hashes

#: What the script gives to the installer when it knows the disk.
ANSWERS = "answers.cfg"
#: How the installation's network is brought up, and the volumes that stay empty.
NETWORK, RAW = "network", "raw"

_NFTABLES = (
    "#!/usr/sbin/nft -f",
    "# Written by b2ct: ssh is what comes in; roles of the site open more.",
    "flush ruleset",
    "table inet filter {",
    "    chain input {",
    "        type filter hook input priority filter; policy drop;",
    "        ct state established,related accept",
    "        ct state invalid drop",
    "        iifname lo accept",
    "        meta l4proto { icmp, ipv6-icmp } accept",
    "        udp sport 547 udp dport 546 accept",
    "        tcp dport ssh accept",
    "    }",
    "    chain forward {",
    "        type filter hook forward priority filter; policy accept;",
    "    }",
    "    chain output {",
    "        type filter hook output priority filter; policy accept;",
    "    }",
    "}",
)


@dataclass(frozen=True)
class NodeView:
    """One node: how it is recognised, its disk, and everything that is written for it.

    ``cards`` are ``NAME=MAC`` of every card that is used, with nothing after the equals sign
    where the MAC address is not known. ``need_mib`` is the smallest disk that will do.
    """

    name: str
    kind: Kind
    serial: str
    macs: tuple[str, ...]
    cards: tuple[str, ...]
    disk: Selector
    need_mib: int
    fragments: tuple[Fragment, ...]
    files: tuple[TargetFile, ...]


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
class PreseedView:
    """One preseed: of a node, or of a whole site (then ``node`` is None).

    ``nodes`` are those that the script can tell apart, ``profiles`` what unknown machines
    get. ``answers`` are the preseed's own lines; ``files`` go to every machine.
    ``passwords`` are pairs of account and hash. ``repository_keys`` are ``NAME=ADDRESS``.
    """

    title: str
    version: str
    site: str
    domain: str
    label: str
    release: Release
    group: str
    node: NodeView | None
    nodes: tuple[NodeView, ...]
    profiles: tuple[ProfileView, ...]
    questions: tuple[str, ...]
    ask_timeout: int
    answers: tuple[str, ...]
    files: tuple[TargetFile, ...]
    admins: tuple[Account, ...]
    passwords: tuple[tuple[str, str], ...]
    repository_keys: tuple[str, ...]
    services: tuple[str, ...] = SERVICES


def node_preseed(site: Site, node: ResolvedNode, hashes: Hashes) -> PreseedView:
    """Give the view of one node's preseed."""
    view = _node(site, node)
    profile = _profile(site, node.release, node.kind)
    return _view(
        site, node.release, node.mirror, hashes, node=view, nodes=(view,), profiles=(profile,)
    )


def site_preseed(site: Site, release: Release, hashes: Hashes) -> PreseedView:
    """Give the view of the preseed that serves every node of ``release``."""
    nodes = tuple(_node(site, node) for node in site.resolved.values() if node.release == release)
    profiles = tuple(_profile(site, release, kind) for kind in Kind)
    mirror = site.install.mirrors.get(release.id)
    base = mirror.url if mirror else release.url
    return _view(site, release, base, hashes, node=None, nodes=nodes, profiles=profiles)


def _view(
    site: Site,
    release: Release,
    mirror: str,
    hashes: Hashes,
    *,
    node: NodeView | None,
    nodes: tuple[NodeView, ...],
    profiles: tuple[ProfileView, ...],
) -> PreseedView:
    what = f"node {node.name}" if node else "every node and unknown machines"
    admins = tuple(account(admin, hashes) for admin in site.site.admins)
    passwords = [("root", hashes.hashed("root"))]
    passwords += [(admin.name, admin.hashed) for admin in admins]
    order = list(Question)
    further = repositories(site, release)
    return PreseedView(
        title=f"b2ct preseed: site {site.site.name}, {what}, {release.title}",
        version=__version__,
        site=site.site.name,
        domain=site.site.domain,
        label=site.site.label,
        release=release,
        group=VOLUME_GROUP,
        node=node,
        nodes=nodes,
        profiles=profiles,
        questions=tuple(ask.value for ask in sorted(site.install.ask, key=order.index)),
        ask_timeout=site.install.ask_timeout,
        answers=answers(site, release, mirror),
        files=_common_files(site, release, mirror, admins, further),
        admins=admins,
        passwords=tuple((name, hashed) for name, hashed in passwords if hashed),
        repository_keys=tuple(f"{n}={url}" for n, url in key_addresses(further).items()),
    )


def _node(site: Site, node: ResolvedNode) -> NodeView:
    return NodeView(
        name=node.name,
        kind=node.kind,
        serial=node.serial or "",
        macs=tuple(node.macs.values()),
        cards=node_cards(node),
        disk=selector(node),
        need_mib=needed_mib(node.volumes),
        fragments=(
            Fragment(NETWORK, network.install_directives(site, node)),
            *_answers(site, node.roles, storage_lines(node.volumes), raw_volumes(node.volumes)),
        ),
        files=(
            *network.network_files(site, node),
            network.hosts(site, node.name, network.node_addresses(node)),
            installed_json(
                site, release=node.release, name=node.name, kind=node.kind, roles=node.roles
            ),
        ),
    )


def _answers(
    site: Site, roles: Iterable[Role], storage: tuple[str, ...], raw: tuple[str, ...]
) -> tuple[Fragment, ...]:
    chosen = f"d-i pkgsel/include string {' '.join(packages(site, roles))}"
    found = (Fragment(ANSWERS, (*storage, chosen)),)
    return (*found, Fragment(RAW, raw)) if raw else found


def _profile(site: Site, release: Release, kind: Kind) -> ProfileView:
    """Describe what an unknown machine gets: laid out as the first node of its kind."""
    model = next(
        (node for node in site.resolved.values() if node.kind is kind and node.release == release),
        None,
    )
    roles = roles_of_kind(kind)
    volumes = dict(model.volumes) if model else PLAIN_VOLUMES
    name, net = service_network(site)
    link = model.service_link if model else None
    vlan = link.vlan if link else net.vlan
    subnet = net.ipv4.subnet if net.ipv4 else None
    prefix = subnet.prefixlen if subnet else 0
    wide = subnet is not None
    search = site.site.dns.search or (site.site.domain,)
    return ProfileView(
        kind=kind,
        rule=selector(model) if model and model.disk and model.disk.rule else None,
        need_mib=needed_mib(volumes),
        network=name,
        subnet=str(subnet or ""),
        first=int(subnet.network_address) if subnet else 0,
        last=int(subnet.broadcast_address) if subnet else 0,
        gateway=str(net.ipv4.gateway or "") if net.ipv4 else "",
        dns=",".join(str(server) for server in site.site.dns.servers),
        taken=taken_ranges(site),
        vlan=vlan or 0,
        default="dhcp" if subnet else "auto",
        fragments=(
            Fragment(NETWORK, network.profile_directives(vlan, prefix, search, ipv4=wide)),
            *_answers(site, roles, storage_lines(volumes), raw_volumes(volumes)),
        ),
        files=(
            *network.profile_network_files(vlan, net.mtu, prefix, ipv4=wide),
            network.hosts(
                site, "@{hostname}", ("@static @{address}", "@dhcp 127.0.1.1") if wide else ()
            ),
            installed_json(site, release=release, name="@{hostname}", kind=kind, roles=roles),
        ),
    )


def _common_files(
    site: Site,
    release: Release,
    mirror: str,
    admins: tuple[Account, ...],
    further: tuple[AptRepository, ...],
) -> tuple[TargetFile, ...]:
    layout, variant = keyboard(site)
    servers = tuple(f"server {server} iburst" for server in site.site.time_servers)
    return (
        debian_source(mirror, release),
        *(repository_file(repository) for repository in further),
        TargetFile("/etc/chrony/sources.d/b2ct.sources", "0644", servers),
        TargetFile(
            "/etc/default/keyboard",
            "0644",
            (
                'XKBMODEL="pc105"',
                f'XKBLAYOUT="{layout}"',
                f'XKBVARIANT="{variant}"',
                'XKBOPTIONS=""',
                'BACKSPACE="guess"',
            ),
        ),
        TargetFile("/etc/nftables.conf", "0755", _NFTABLES),
        TargetFile("/etc/ssh/sshd_config.d/01-b2ct.conf", "0644", SSHD),
        *(
            TargetFile(
                f"/etc/sudoers.d/b2ct-{admin.name}",
                "0440",
                (f"{admin.name} ALL=(ALL) NOPASSWD: ALL",),
            )
            for admin in admins
        ),
    )


__all__ = ["ANSWERS", "NETWORK", "RAW", "PreseedView", "node_preseed", "site_preseed"]
