"""Everything that the kickstart templates see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from b2ct import __version__
from b2ct.model import Kind, Question, Release, ResolvedNode, Site
from b2ct.render.el.facts import FACTS, Facts, TimeStyle
from b2ct.render.el.node import NodeView, node_view
from b2ct.render.el.profile import ProfileView, profile_view
from b2ct.render.parts import VOLUME_GROUP, Account, account
from b2ct.render.quoting import kickstart_quote as q
from b2ct.render.rendered import Hashes


@dataclass(frozen=True)
class YumRepository:
    """A package repository of the installed system; its packages are always verified.

    ``signed_metadata``: so is the list of them, which not every vendor signs.
    """

    name: str
    title: str
    url: str
    gpg_key: str
    signed_metadata: bool


@dataclass(frozen=True)
class KickstartView:
    """One kickstart: of a node, or of a whole site (then ``node`` is None).

    ``nodes`` are those that %pre can tell apart, ``profiles`` what unknown machines get.
    ``commands`` are the kickstart's own lines, ready to be written.
    """

    title: str
    version: str
    site: str
    domain: str
    label: str
    release: Release
    facts: Facts
    group: str
    node: NodeView | None
    nodes: tuple[NodeView, ...]
    profiles: tuple[ProfileView, ...]
    questions: tuple[str, ...]
    ask_timeout: int
    commands: Mapping[str, tuple[str, ...]]
    admins: tuple[Account, ...]
    repositories: tuple[YumRepository, ...]
    time_servers: tuple[str, ...]


def node_kickstart(site: Site, node: ResolvedNode, hashes: Hashes) -> KickstartView:
    """Give the view of one node's kickstart."""
    facts = FACTS[node.release.major]
    view = node_view(facts, site, node, hashes)
    profile = profile_view(facts, site, node.release, node.kind, hashes)
    return _view(
        site,
        release=node.release,
        mirror=node.mirror,
        hashes=hashes,
        node=view,
        nodes=(view,),
        profiles=(profile,),
    )


def site_kickstart(site: Site, release: Release, hashes: Hashes) -> KickstartView:
    """Give the view of the kickstart that serves every node of ``release``."""
    facts = FACTS[release.major]
    nodes = tuple(node for node in site.resolved.values() if node.release == release)
    views = tuple(node_view(facts, site, node, hashes) for node in nodes)
    profiles = tuple(profile_view(facts, site, release, kind, hashes) for kind in Kind)
    mirror = site.install.mirrors.get(release.id)
    base = mirror.url if mirror else release.url
    return _view(
        site,
        release=release,
        mirror=base,
        hashes=hashes,
        node=None,
        nodes=views,
        profiles=profiles,
    )


def _view(
    site: Site,
    *,
    release: Release,
    mirror: str,
    hashes: Hashes,
    node: NodeView | None,
    nodes: tuple[NodeView, ...],
    profiles: tuple[ProfileView, ...],
) -> KickstartView:
    facts = FACTS[release.major]
    what = f"node {node.name}" if node else "every node and unknown machines"
    admins = tuple(account(admin, hashes) for admin in site.site.admins)
    order = list(Question)
    return KickstartView(
        title=f"b2ct kickstart: site {site.site.name}, {what}, {release.title}",
        version=__version__,
        site=site.site.name,
        domain=site.site.domain,
        label=site.site.label,
        release=release,
        facts=facts,
        group=VOLUME_GROUP,
        node=node,
        nodes=nodes,
        profiles=profiles,
        questions=tuple(ask.value for ask in sorted(site.install.ask, key=order.index)),
        ask_timeout=site.install.ask_timeout,
        commands={
            "source": _source(facts, mirror),
            "system": _system(facts, site),
            "accounts": _accounts(facts, admins, hashes.hashed("root")),
        },
        admins=admins,
        repositories=_repositories(facts, site, release),
        time_servers=site.site.time_servers,
    )


def _source(facts: Facts, mirror: str) -> tuple[str, ...]:
    (_, tree), *more = facts.trees
    lines = [f"url --url={q(f'{mirror}/{tree}')}"]
    lines += [f"repo --name={name} --baseurl={q(f'{mirror}/{path}')}" for name, path in more]
    return tuple(lines)


def _system(facts: Facts, site: Site) -> tuple[str, ...]:
    general = site.site
    keyboard = f"keyboard {facts.keyboard}{q(general.keyboard)}"
    zone = f"timezone {q(general.timezone)} --utc"
    servers = general.time_servers
    lines = [f"lang {q(general.language)}", keyboard]
    if facts.time_style is TimeStyle.TIMEZONE:
        lines.append(f"{zone} --ntpservers={q(','.join(servers))}")
    else:
        lines.append(zone)
    if facts.time_style is TimeStyle.TIMESOURCE:
        lines += [f"timesource --ntp-server={q(server)}" for server in servers]
    drop = "".join(f" --remove-service={name}" for name in facts.firewall_drop)
    lines += [
        "selinux --enforcing",
        f"firewall --enabled --service=ssh{drop}",
        f"services --enabled={','.join(facts.services)}",
        "firstboot --disable",
        "skipx",
    ]
    if facts.eula:
        lines.append("eula --agreed")
    lines.append("reboot --eject")
    return tuple(lines)


def _accounts(facts: Facts, admins: tuple[Account, ...], root: str | None) -> tuple[str, ...]:
    lines = [f"rootpw --iscrypted {q(root)}" if root else facts.root_locked]
    for admin in admins:
        comment = f" --gecos={q(admin.comment)}" if admin.comment else ""
        password = f"--iscrypted --password={q(admin.hashed)}" if admin.hashed else "--lock"
        lines.append(f"user --name={q(admin.name)} --groups=wheel{comment} {password}")
    if facts.sshkey:
        lines += [
            f"sshkey --username={q(admin.name)} {q(key)}"
            for admin in admins
            for key in admin.ssh_keys
        ]
    return tuple(lines)


def _repositories(facts: Facts, site: Site, release: Release) -> tuple[YumRepository, ...]:
    found = []
    if facts.opennebula:
        # The vendor builds for AlmaLinux and for Red Hat; the other rebuilds take the latter's.
        system = "AlmaLinux" if release.vendor == "almalinux" else "RedHat"
        cloud = site.opennebula
        base = f"{cloud.repository}/{cloud.version}/{system}/{release.major}/x86_64"
        title = f"OpenNebula {cloud.version}"
        found.append(YumRepository("opennebula", title, base, cloud.gpg_key, True))
    for repository in site.install.repositories:
        found.append(
            YumRepository(
                repository.name,
                repository.name,
                _fill(repository.url, release),
                _fill(repository.gpg_key, release),
                repository.signed_metadata,
            )
        )
    return tuple(found)


def _fill(url: str, release: Release) -> str:
    return url.replace("{major}", str(release.major)).replace("{arch}", "x86_64")
