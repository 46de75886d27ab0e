"""What every way of showing a site shows: networks, nodes, and the words for them."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface

from b2ct.check.volumes import reserved
from b2ct.model import (
    Disk,
    DiskType,
    Link,
    Network,
    Purpose,
    ResolvedNode,
    Role,
    Site,
    format_size,
)

#: Buses from left to right: where a machine is installed first, then what it serves.
_ORDER = {Purpose.SERVICE: 0, Purpose.PRIVATE: 1, Purpose.PUBLIC: 2}
_HEADINGS = {
    Role.CONTROL: "Control",
    Role.HYPERVISOR: "Hypervisors",
    Role.CACHE: "Caches",
}


@dataclass(frozen=True)
class Bus:
    """A network. ``facts`` are its tag, MTU and subnets, each a few words."""

    name: str
    purpose: Purpose
    tag: str
    mtu: int
    subnets: tuple[str, ...]
    gateways: tuple[str, ...]
    vm_ranges: tuple[str, ...]
    service_addresses: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Stop:
    """Where a node meets a network: the device that carries it, and its addresses there."""

    bus: str
    interface: str
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class Slice:
    """A part of a disk, in bytes; ``size`` 0 where it takes a rest of unknown size."""

    name: str
    purpose: str
    size: int
    text: str
    mount: str


@dataclass(frozen=True)
class Row:
    """A node."""

    name: str
    roles: tuple[str, ...]
    release: str
    hardware: str
    known_by: str
    disk: str
    slices: tuple[Slice, ...]
    stops: tuple[Stop, ...]

    def stop(self, bus: str) -> Stop | None:
        """Give the row's stop at a bus."""
        return next((stop for stop in self.stops if stop.bus == bus), None)


@dataclass(frozen=True)
class Section:
    """Nodes of the same first role, under its heading."""

    heading: str
    role: Role
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Picture:
    """A site, ready to be drawn. ``facts`` are pairs of a label and what is true."""

    title: str
    domain: str
    facts: tuple[tuple[str, str], ...]
    buses: tuple[Bus, ...]
    sections: tuple[Section, ...]

    @property
    def rows(self) -> tuple[Row, ...]:
        """Every node."""
        return tuple(row for section in self.sections for row in section.rows)


def picture(site: Site) -> Picture:
    """Put a site into words and rows."""
    buses = sorted(
        (_bus(name, network) for name, network in site.networks.items()),
        key=lambda bus: _ORDER[bus.purpose],
    )
    sections = []
    for role in Role:
        rows = tuple(
            _row(site, node) for node in site.resolved.values() if _first_role(node) is role
        )
        if rows:
            sections.append(Section(_HEADINGS[role], role, rows))
    return Picture(site.site.name, site.site.domain, _facts(site), tuple(buses), tuple(sections))


def _first_role(node: ResolvedNode) -> Role:
    return next(role for role in Role if role in node.roles)


def _facts(site: Site) -> tuple[tuple[str, str], ...]:
    general = site.site
    return (
        ("Domain", general.domain),
        ("Volume label", general.label),
        ("Release", ", ".join(release.title for release in site.releases)),
        ("OpenNebula", site.opennebula.version),
        ("Time zone", general.timezone),
        ("Keyboard", general.keyboard),
        ("Language", general.language),
        ("Admins", ", ".join(admin.name for admin in general.admins)),
        ("Name servers", ", ".join(str(server) for server in general.dns.servers)),
        ("Time servers", ", ".join(general.time_servers)),
    )


def _bus(name: str, network: Network) -> Bus:
    sides = [side for side in (network.ipv4, network.ipv6) if side is not None]
    return Bus(
        name=name,
        purpose=network.purpose,
        tag=f"VLAN {network.vlan}" if network.vlan else "untagged",
        mtu=network.mtu,
        subnets=tuple(str(side.subnet) for side in sides),
        gateways=tuple(str(side.gateway) for side in sides if side.gateway),
        vm_ranges=tuple(f"{span.first} – {span.last}" for side in sides for span in side.vm_ranges),
        service_addresses=tuple(
            (vip, str(address)) for vip, address in network.service_addresses.items()
        ),
    )


def _row(site: Site, node: ResolvedNode) -> Row:
    known = [f"serial {node.serial}"] if node.serial else []
    if node.macs:
        known.append(f"{len(node.macs)} MAC address{'es' if len(node.macs) > 1 else ''}")
    return Row(
        name=node.name,
        roles=tuple(role.value for role in node.roles),
        release=node.release.title,
        hardware=site.nodes[node.name].hardware or "",
        known_by=", ".join(known) or "its installer asks",
        disk=_disk(node.disk) if node.disk else "none",
        slices=_slices(node),
        stops=tuple(_stop(node, link) for link in node.links),
    )


def _stop(node: ResolvedNode, link: Link) -> Stop:
    addresses = []
    for address in (link.ipv4, link.ipv6):
        if isinstance(address, IPv4Interface | IPv6Interface):
            addresses.append(str(address.ip))
        elif address == "dhcp":
            addresses.append("DHCP")
        elif address == "auto":
            addresses.append("IPv6 auto")
    below = f"{link.device}.{link.vlan}" if link.vlan else link.device
    carrier = f"{link.bridge} on {below}" if link.bridge else below
    bond = node.bonds.get(link.device)
    if bond is not None and not link.bridge and not link.vlan:
        carrier = f"{link.device} ({'+'.join(bond.members)})"
    return Stop(link.network_name, carrier, tuple(addresses))


def _drive(size: int) -> str:
    """Write a drive's size as its maker does, where it is such a number."""
    for unit, name in ((10**12, "TB"), (10**9, "GB")):
        if size % unit == 0:
            return f"{size // unit} {name}"
    return format_size(size)


def _disk(disk: Disk) -> str:
    size = f", {_drive(disk.size)}" if disk.size else ""
    if disk.by_id:
        return f"{disk.by_id}{size}"
    if disk.by_path:
        return f"{disk.by_path}{size}"
    if disk.serial:
        return f"drive {disk.serial}{size}"
    if disk.rule:
        return _rule(disk) + size
    return f"/dev/{disk.device}{size}"


def _rule(disk: Disk) -> str:
    assert disk.rule is not None
    low, high = disk.rule.min_size, disk.rule.max_size
    kind = {
        DiskType.ANY: "the disk",
        DiskType.NVME: "the NVMe disk",
        DiskType.SSD: "the SSD",
        DiskType.HDD: "the hard disk",
    }[disk.rule.type]
    if low and high:
        return f"{kind} of {_drive(low)} to {_drive(high)}"
    if low or high:
        return f"{kind} of {_drive(low or high or 0)} or {'more' if low else 'less'}"
    return f"the only {kind.removeprefix('the ')}"


def _slices(node: ResolvedNode) -> tuple[Slice, ...]:
    room = node.disk.size if node.disk else None
    own = reserved(node.release)
    said = sum(volume.size for volume in node.volumes.values() if volume.size != "rest")
    slices = [Slice("boot", "boot", own, format_size(own), "/boot, EFI")]
    for name, volume in node.volumes.items():
        size = max((room or 0) - own - said, 0) if volume.size == "rest" else volume.size
        text = format_size(size) if size else "the rest"
        slices.append(Slice(name, volume.purpose.value, size, text, volume.mount or ""))
    free = (room or 0) - sum(part.size for part in slices)
    if room and free > 0:
        slices.append(Slice("free", "free", free, format_size(free), ""))
    return tuple(slices)
