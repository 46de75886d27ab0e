"""A site as virtual machines: cards, segments, disks. Plain values, nothing is started here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from b2ct.errors import B2ctError
from b2ct.lab.settings import WWID, Lun, Settings
from b2ct.model import ReleaseId, ResolvedNode, Site, VolumePurpose
from b2ct.suggest import did_you_mean

#: What the image of the guests is made of; other releases have no image.
RELEASE: Final = ReleaseId.DEBIAN_12
#: The card towards the host; the image knows it by this address, alike in every guest.
HOST_MAC: Final = "52:54:00:b2:c7:00"
#: Serial number of the node's own disk, and what LVM needs of it besides the volumes.
OWN_DISK: Final = "b2ctown"
_LVM_ROOM: Final = 16 << 20


@dataclass(frozen=True)
class Card:
    """A network card of a guest. ``segment`` counts the lab's private networks from 0."""

    name: str
    mac: str
    segment: int


@dataclass(frozen=True)
class SharedDisk:
    """A disk that several guests see, over several paths."""

    name: str
    size: int
    wwid: str
    paths: int

    @property
    def wwn(self) -> str:
        """The name as QEMU wants it."""
        return f"0x{self.wwid[1:]}"


@dataclass(frozen=True)
class Guest:
    """One node as a virtual machine. ``volumes`` are DRBD's, on a disk of the node's own."""

    node: ResolvedNode
    cards: tuple[Card, ...]
    volumes: Mapping[str, int]
    disks: tuple[SharedDisk, ...]
    memory_mib: int
    cpus: int
    watchdog: bool = False

    @property
    def name(self) -> str:
        """The node's name."""
        return self.node.name

    @property
    def own_disk(self) -> int:
        """Bytes of the node's own disk; 0 without one."""
        return sum(self.volumes.values()) + _LVM_ROOM if self.volumes else 0


@dataclass(frozen=True)
class Plan:
    """All guests of a lab. ``segments`` names the networks of each private network."""

    name: str
    guests: tuple[Guest, ...]
    segments: tuple[tuple[str, ...], ...]
    #: Seconds from the power to the start.
    self_test_s: int = 0

    @property
    def disks(self) -> tuple[SharedDisk, ...]:
        """The shared disks, each once."""
        return tuple(dict.fromkeys(disk for guest in self.guests for disk in guest.disks))


def plan(site: Site, settings: Settings) -> Plan:
    """Turn a site into virtual machines.

    :raises B2ctError: a node of another release, a lab.yml that names unknown nodes.
    """
    of_luns = [node for lun in settings.luns.values() for node in lun.nodes]
    for name in (*settings.nodes, *settings.watchdogs, *of_luns):
        if name not in site.nodes:
            raise B2ctError(
                f"lab.yml names {name!r}, which is no node", did_you_mean(name, site.nodes)
            )
    nodes = [
        node for node in site.resolved.values() if not settings.nodes or node.name in settings.nodes
    ]
    for node in nodes:
        if node.release.id is not RELEASE:
            raise B2ctError(
                f"{node.name} runs {node.release.id.value}; a lab has machines of {RELEASE.value}",
                f"give the node 'release: {RELEASE.value}', or leave it out: lab.yml, nodes",
            )
    segments = _segments(nodes)
    return Plan(
        site.site.name,
        tuple(_guest(site, node, segments, settings) for node in nodes),
        tuple(tuple(sorted(names)) for names in segments),
        settings.self_test,
    )


def _guest(
    site: Site, node: ResolvedNode, segments: list[frozenset[str]], settings: Settings
) -> Guest:
    cards = []
    for link in node.links:
        segment = next(
            number for number, names in enumerate(segments) if link.network_name in names
        )
        bond = node.bonds.get(link.device)
        for name in bond.members if bond else (link.device,):
            mac = node.macs.get(name) or _mac(site.site.name, node.name, name)
            cards.append(Card(name, mac, segment))
    disks = [
        _disk(site, name, lun)
        for name, lun in settings.luns.items()
        if not lun.nodes or node.name in lun.nodes
    ]
    return Guest(
        node,
        tuple(dict.fromkeys(cards)),
        _volumes(node),
        tuple(disks),
        settings.memory,
        settings.cpus,
        node.name in settings.watchdogs,
    )


def _disk(site: Site, name: str, lun: Lun) -> SharedDisk:
    """Give a shared disk; what lab.yml leaves open is as in the site's ``san`` or ``sbd``."""
    described = {
        **(site.san.luns if site.san is not None else {}),
        **(site.sbd.disks if site.sbd is not None else {}),
    }
    known = described.get(name)
    wwid = lun.wwid or (known.wwid if known is not None else None)
    if wwid is None:
        raise B2ctError(
            f"lab.yml: the disk {name} has no WWID, and site.yml has no LUN of that name",
            "give it one, such as wwid: 350000b2c70000001",
        )
    if not WWID.fullmatch(wwid):
        raise B2ctError(
            f"the LUN {name} is {wwid} in site.yml, which no disk of QEMU can be",
            "in a lab's site.yml a WWID is 35 and 15 digits 0 to f",
        )
    if known is not None and known.wwid != wwid:
        raise B2ctError(
            f"the disk {name} is {wwid} in lab.yml and {known.wwid} in site.yml",
            "leave it out of lab.yml",
        )
    return SharedDisk(name, lun.size, wwid, lun.paths or (known.paths if known else 2))


def _volumes(node: ResolvedNode) -> dict[str, int]:
    found = {}
    for name, volume in node.volumes.items():
        if volume.purpose is VolumePurpose.DRBD:
            if volume.size == "rest":
                raise B2ctError(
                    f"{node.name}: the volume {name} takes the rest of a disk, which a lab lacks",
                    "give it a size, such as 256MiB",
                )
            found[name] = int(volume.size)
    return found


def _segments(nodes: Iterable[ResolvedNode]) -> list[frozenset[str]]:
    """Group networks that reach some node over one card or bond: they share a wire."""
    groups: list[frozenset[str]] = []
    for node in nodes:
        wires: dict[str, set[str]] = {}
        for link in node.links:
            wires.setdefault(link.device, set()).add(link.network_name)
        for wire in wires.values():
            joined = frozenset(wire).union(*(group for group in groups if group & wire))
            groups = [group for group in groups if not group & wire] + [joined]
    return groups


def _mac(site: str, node: str, card: str) -> str:
    digest = hashlib.sha256(f"{site}/{node}/{card}".encode()).hexdigest()
    return f"52:54:00:{digest[:2]}:{digest[2:4]}:{digest[4:6]}"
