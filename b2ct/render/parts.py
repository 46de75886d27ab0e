"""What the texts of every installer are made of: fragments, target files, disk selectors."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from b2ct import __version__
from b2ct.errors import B2ctError
from b2ct.model import (
    Admin,
    Disk,
    Erase,
    Kind,
    Network,
    Release,
    ResolvedNode,
    Role,
    Site,
    Volume,
    VolumePurpose,
)
from b2ct.render.rendered import Hashes

#: The volume group of every installation that b2ct makes.
VOLUME_GROUP = "b2ct"
MIB = 1 << 20
#: What a volume that takes the rest must at least get, and what LVM and the partition table
#: take for themselves, in MiB.
LEAST_REST = 1024
OVERHEAD = 64
#: What a machine gets whose kind no node of the site has.
PLAIN_VOLUMES = {
    "root": Volume(size=20 << 30, mount="/"),
    "swap": Volume(size=4 << 30, purpose=VolumePurpose.SWAP),
}


@dataclass(frozen=True)
class Fragment:
    """A part of the answers that the script on the machine writes, gaps filled in."""

    name: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class TargetFile:
    """A file of the installed system: absolute ``path``, ``mode`` in octal, its lines."""

    path: str
    mode: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Selector:
    """How the disk is found. ``kind`` is a field of the model's Disk; sizes are bytes."""

    kind: str
    value: str
    disk_type: str
    min_size: int
    max_size: int
    erase: Erase


@dataclass(frozen=True)
class Account:
    """An account with a locked password (``hashed`` is None) or a hashed one."""

    name: str
    comment: str
    hashed: str | None
    ssh_keys: tuple[str, ...]


def account(admin: Admin, hashes: Hashes) -> Account:
    """Give an admin's account."""
    return Account(admin.name, admin.full_name, hashes.hashed(admin.name), admin.ssh_keys)


def selector(node: ResolvedNode) -> Selector:
    """Give the selector of a node's install disk; :class:`B2ctError` if it has none."""
    disk = node.disk
    if disk is None:
        raise B2ctError(
            f"{node.name} has no install disk", "name one below disk: by_id, by_path, serial, rule"
        )
    return _selector(disk)


def _selector(disk: Disk) -> Selector:
    kinds = {"by_id": disk.by_id, "by_path": disk.by_path, "serial": disk.serial}
    if disk.consent_to_unstable_name:
        kinds["device"] = disk.device
    kind, value = next(((kind, value) for kind, value in kinds.items() if value), ("rule", ""))
    rule = disk.rule
    return Selector(
        kind=kind,
        value=value or "",
        disk_type=rule.type.value if rule else "any",
        min_size=(rule.min_size if rule else None) or 0,
        max_size=(rule.max_size if rule else None) or 0,
        erase=disk.erase,
    )


def node_cards(node: ResolvedNode) -> tuple[str, ...]:
    """Give ``NAME=MAC`` of every card in use; nothing follows where the MAC is not known."""
    devices = dict.fromkeys(link.device for link in node.links)
    names = [
        name
        for device in devices
        for name in (node.bonds[device].members if device in node.bonds else (device,))
    ]
    return tuple(f"{name}={node.macs.get(name, '')}" for name in dict.fromkeys(names))


def size_mib(volume: Volume) -> int:
    """Give the size of a volume in whole MiB; 0 for one that takes the rest."""
    return 0 if volume.size == "rest" else -(-volume.size // MIB)


def installed_json(
    site: Site, *, release: Release, name: str, kind: Kind, roles: Iterable[Role]
) -> TargetFile:
    """Give ``/etc/b2ct/installed.json``; the script on the machine fills in hash and time.

    One key a line, so that a shell script can do that without parsing JSON.
    """
    values: dict[str, object] = {
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
    body = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in values.items()]
    lines = ("{", *(f"{line}," for line in body[:-1]), body[-1], "}")
    return TargetFile("/etc/b2ct/installed.json", "0644", lines)


def taken_ranges(site: Site) -> tuple[str, ...]:
    """Give every IPv4 address of the service network that the site file gives to somebody.

    Ranges ``FIRST-LAST`` of addresses as numbers, which is what a shell can compare.
    """
    return tuple(f"{first}-{last}" for first, last in site.taken_service_ipv4)


def service_network(site: Site) -> tuple[str, Network]:
    """Give name and description of the network of installation, ssh and storage."""
    name = site.service_network
    if name is None:
        raise B2ctError("the site has no service network", "give one network `purpose: service`")
    return name, site.networks[name]
