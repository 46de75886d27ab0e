"""What %pre must know of one node: how to recognise it, its disk, what is written for it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from b2ct import __version__
from b2ct.model import Kind, Release, ResolvedNode, Role, Site, Volume
from b2ct.render.el.facts import Facts, Packages
from b2ct.render.el.network_files import TargetFile, network_files
from b2ct.render.el.network_install import network_lines
from b2ct.render.el.storage import Selector, needed_mib, raw_volumes, selector, storage_lines
from b2ct.render.interfaces import interfaces

#: Where the volumes that %post makes are listed until it has made them.
VOLUMES_LIST = "/etc/b2ct/volumes"


@dataclass(frozen=True)
class Fragment:
    """A part of the kickstart that %pre writes and the main text includes."""

    name: str
    lines: tuple[str, ...]


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


def kernel_append(site: Site) -> str:
    """What the installed kernel is told besides the vendor's own arguments."""
    serial = site.install.serial_console
    return f"console=tty0 console={serial}" if serial else ""


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


def node_view(facts: Facts, site: Site, node: ResolvedNode) -> NodeView:
    """Resolve one node into what its kickstart says."""
    planned = interfaces(site, node)
    volumes = dict(node.volumes)
    lines = package_lines(packages_of(facts, site, node.roles))
    cards = [name for link in node.links for name in _cards(node, link.device)]
    return NodeView(
        name=node.name,
        kind=node.kind,
        serial=node.serial or "",
        macs=tuple(node.macs.values()),
        cards=tuple(f"{name}={node.macs.get(name, '')}" for name in dict.fromkeys(cards)),
        disk=selector(node),
        need_mib=needed_mib(facts, volumes),
        package_lines=lines,
        fragments=(
            Fragment("network.ks", network_lines(facts, site, node)),
            Fragment("storage.ks", storage_lines(facts, volumes, kernel_append(site))),
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


def _cards(node: ResolvedNode, device: str) -> tuple[str, ...]:
    bond = node.bonds.get(device)
    return bond.members if bond else (device,)


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
    installed: dict[str, object] = {
        "site": site.site.name,
        "node": name,
        "kind": kind.value,
        "roles": [role.value for role in roles],
        "release": release.id.value,
        "b2ct_version": __version__,
        "kickstart_sha256": "@{kickstart_sha256}",
        "installed_at": None,
        "scrubbed": False,
    }
    files = [TargetFile("/etc/b2ct/installed.json", "0644", tuple(_json_lines(installed)))]
    if raw := raw_volumes(volumes):
        lines = tuple(f"{volume.name} {volume.mib}" for volume in raw)
        files.append(TargetFile(VOLUMES_LIST, "0644", lines))
    return tuple(files)


def _json_lines(values: dict[str, object]) -> list[str]:
    """One key a line, so that a shell script can fill in a value without parsing JSON."""
    body = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in values.items()]
    return ["{", *(f"{line}," for line in body[:-1]), body[-1], "}"]
