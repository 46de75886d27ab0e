"""What %pre must know of one node: how to recognise it, its disk, what is written for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from b2ct.model import Kind, Release, ResolvedNode, Role, Site, Volume
from b2ct.render.el.facts import Facts, Packages
from b2ct.render.el.network_files import network_files
from b2ct.render.el.network_install import network_lines
from b2ct.render.el.storage import BootLoader, needed_mib, raw_volumes, storage_lines
from b2ct.render.interfaces import interfaces
from b2ct.render.parts import Fragment, Selector, TargetFile, installed_json, node_cards, selector
from b2ct.render.rendered import Hashes

#: Where the volumes that %post makes are listed until it has made them.
VOLUMES_LIST = "/etc/b2ct/volumes"


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
    package_lines: tuple[str, ...]
    fragments: tuple[Fragment, ...]
    files: tuple[TargetFile, ...]


def boot_loader(site: Site, hashes: Hashes) -> BootLoader:
    """Give what the installed boot loader shall do: the serial console, a guarded menu."""
    serial = site.install.serial_console
    append = f"console=tty0 console={serial}" if serial else ""
    return BootLoader(append, hashes.bootloader_hash())


def packages_of(facts: Facts, site: Site, roles: Iterable[Role]) -> Packages:
    """Give what %packages names for a node with these roles."""
    base = facts.hypervisor if Role.HYPERVISOR in roles else facts.control
    names = tuple(sorted({*base.packages, *site.install.packages}))
    return Packages(base.environment, base.groups, names)


def package_lines(packages: Packages) -> tuple[str, ...]:
    """Write the lines of %packages."""
    environment = (f"@^{packages.environment}",) if packages.environment else ()
    groups = tuple(f"@{group}" for group in packages.groups)
    return (*environment, *groups, *packages.packages)


def node_view(facts: Facts, site: Site, node: ResolvedNode, hashes: Hashes) -> NodeView:
    """Resolve one node into what its kickstart says."""
    planned = interfaces(site, node)
    volumes = dict(node.volumes)
    lines = package_lines(packages_of(facts, site, node.roles))
    return NodeView(
        name=node.name,
        kind=node.kind,
        serial=node.serial or "",
        macs=tuple(node.macs.values()),
        cards=node_cards(node),
        disk=selector(node),
        need_mib=needed_mib(facts, volumes),
        package_lines=lines,
        fragments=(
            Fragment("network.ks", network_lines(facts, site, node)),
            Fragment("storage.ks", storage_lines(facts, volumes, boot_loader(site, hashes))),
            Fragment("packages.ks", lines),
        ),
        files=(
            *network_files(facts, planned),
            *common_files(
                site,
                release=node.release,
                name=node.name,
                kind=node.kind,
                roles=node.roles,
                volumes=volumes,
            ),
        ),
    )


def common_files(
    site: Site,
    *,
    release: Release,
    name: str,
    kind: Kind,
    roles: Iterable[Role],
    volumes: Mapping[str, Volume],
) -> tuple[TargetFile, ...]:
    """Write what every node has: the record of its installation, the volumes left to %post."""
    files = [installed_json(site, release=release, name=name, kind=kind, roles=roles)]
    if raw := raw_volumes(volumes):
        lines = tuple(f"{volume.name} {volume.mib}" for volume in raw)
        files.append(TargetFile(VOLUMES_LIST, "0644", lines))
    return tuple(files)
