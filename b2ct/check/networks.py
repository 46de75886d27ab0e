"""Rules about the networks: subnets, gateways, virtual addresses, ranges, tags."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from b2ct.check.report import Report
from b2ct.model import IPv4, IPv6, Network, Purpose, Range4, Range6
from b2ct.places import Path

Address = IPv4Address | IPv6Address
Subnet = IPv4Network | IPv6Network


@dataclass(frozen=True)
class Span:
    """A range of addresses that virtual machines get, and where it is written."""

    path: Path
    first: int
    last: int
    text: str


@dataclass(frozen=True)
class Side:
    """The IPv4 or the IPv6 side of a network, alike for the rules."""

    network: str
    version: int
    subnet: Subnet
    gateway: Address | None
    spans: tuple[Span, ...]

    @property
    def path(self) -> Path:
        """Where it is written."""
        return ("networks", self.network, f"ipv{self.version}")

    def unusable(self, address: Address) -> str | None:
        """Say why an address can be given to nobody: it lies outside, or means all or none."""
        if address not in self.subnet:
            return f"{address} is outside of the subnet {self.subnet}"
        # RFC 3021: both addresses of a /31 are hosts'.
        if self.subnet.prefixlen >= self.subnet.max_prefixlen - 1:
            return None
        if address == self.subnet.network_address:
            return f"{address} is the address of the subnet {self.subnet} itself"
        if self.version == 4 and address == self.subnet.broadcast_address:
            return f"{address} is the broadcast address of {self.subnet}"
        return None

    def span_of(self, address: Address) -> Span | None:
        """Give the range for virtual machines that holds an address."""
        number = int(address)
        return next((span for span in self.spans if span.first <= number <= span.last), None)


def sides(name: str, network: Network) -> Iterator[Side]:
    """Give the IPv4 and IPv6 sides that a network has."""
    both: tuple[tuple[int, IPv4 | IPv6 | None], ...] = ((4, network.ipv4), (6, network.ipv6))
    for version, side in both:
        if side is None:
            continue
        ranges: tuple[Range4 | Range6, ...] = side.vm_ranges
        spans = tuple(
            Span(
                ("networks", name, f"ipv{version}", "vm_ranges", position),
                int(found.first),
                int(found.last),
                f"{found.first} to {found.last}",
            )
            for position, found in enumerate(ranges)
        )
        yield Side(name, version, side.subnet, side.gateway, spans)


def all_sides(report: Report) -> list[Side]:
    """Give every side of every network."""
    return [side for name, net in report.site.networks.items() for side in sides(name, net)]


def service(report: Report) -> None:
    """Exactly one network is the service network, and it has a subnet."""
    found = [name for name, net in report.site.networks.items() if net.purpose is Purpose.SERVICE]
    if not found:
        report.problem(
            ("networks",),
            "no network has purpose: service",
            "give it to the network of installation, ssh and storage",
        )
        return
    for name in found[1:]:
        line = report.line(("networks", found[0]))
        report.problem(
            ("networks", name, "purpose"),
            f"a second service network, beside {found[0]!r} on line {line}",
            "keep one and make this one private",
        )
    first = report.site.networks[found[0]]
    if first.ipv4 is None and first.ipv6 is None:
        report.problem(
            ("networks", found[0]),
            "the service network has no subnet",
            "add ipv4: {subnet: …} or ipv6: {subnet: …}",
        )


def subnets(report: Report) -> None:
    """Subnets are for hosts, have room, and do not overlap."""
    for version in (4, 6):
        found = [side for side in all_sides(report) if side.version == version]
        for side in found:
            _subnet_itself(report, side)
        found.sort(key=lambda side: (int(side.subnet.network_address), side.subnet.prefixlen))
        for position, below in enumerate(found):
            for above in found[position + 1 :]:
                if int(above.subnet.network_address) > int(below.subnet.broadcast_address):
                    break
                # Told at the one that stands later in the file.
                earlier, later = sorted((below, above), key=lambda side: report.line(side.path))
                report.problem(
                    (*later.path, "subnet"),
                    f"{later.subnet} overlaps {earlier.subnet} of network {earlier.network!r}"
                    f" on line {report.line((*earlier.path, 'subnet'))}",
                    "give each network a subnet of its own",
                    rests_on=[(*earlier.path, "subnet")],
                )


def _subnet_itself(report: Report, side: Side) -> None:
    subnet = side.subnet
    for what, wrong in (
        ("for multicast", subnet.is_multicast),
        ("of the loopback device", subnet.is_loopback),
        ("link-local", subnet.is_link_local),
    ):
        if wrong:
            report.problem(
                (*side.path, "subnet"),
                f"{subnet} is {what}, not for hosts",
                "write the subnet that your network really has",
            )
    if subnet.num_addresses < 2:
        report.problem(
            (*side.path, "subnet"), f"{subnet} has one address", "correct the prefix length"
        )


def gateways(report: Report) -> None:
    """A gateway is a usable address of its subnet, or link-local with IPv6."""
    for side in all_sides(report):
        if side.gateway is None or (side.version == 6 and side.gateway.is_link_local):
            continue
        reason = side.unusable(side.gateway)
        if reason:
            report.problem(
                (*side.path, "gateway"),
                reason,
                "write the router's own address in this subnet",
                rests_on=[(*side.path, "subnet")],
            )


def service_addresses(report: Report) -> None:
    """A virtual address is usable, used once, and neither the gateway nor a VM's."""
    seen: dict[Address, Path] = {}
    for name, net in report.site.networks.items():
        by_version = {side.version: side for side in sides(name, net)}
        for vip, address in net.service_addresses.items():
            path = ("networks", name, "service_addresses", vip)
            if address in seen:
                report.problem(
                    path,
                    f"{address} is used already, on line {report.line(seen[address])}",
                    "give each service an address of its own",
                )
            seen.setdefault(address, path)
            side = by_version.get(address.version)
            if side is None:
                report.problem(
                    path,
                    f"{address} is of IPv{address.version}, which this network does not have",
                    f"add ipv{address.version}: with its subnet, or correct the address",
                    rests_on=[("networks", name, f"ipv{address.version}")],
                )
                continue
            _service_address(report, path, address, side)


def _service_address(report: Report, path: Path, address: Address, side: Side) -> None:
    reason = side.unusable(address)
    span = side.span_of(address)
    if reason:
        report.problem(path, reason, "choose a free one inside", rests_on=[(*side.path, "subnet")])
    elif address == side.gateway:
        report.problem(path, f"{address} is the gateway's address", "choose a free one")
    elif span:
        report.problem(
            path,
            f"{address} lies in the VM range {span.text} on line {report.line(span.path)}",
            "choose one outside, or shorten the range",
            rests_on=[span.path],
        )


def vm_ranges(report: Report) -> None:
    """A VM range is in order, inside its subnet, apart from the others and the gateway."""
    for side in all_sides(report):
        for position, span in enumerate(side.spans):
            rests = [(*side.path, "subnet")]
            if span.first > span.last:
                report.problem(
                    span.path, f"the range {span.text} runs backwards", "swap first and last"
                )
                continue
            low, high = int(side.subnet.network_address), int(side.subnet.broadcast_address)
            if span.first < low or span.last > high:
                report.problem(
                    span.path,
                    f"the range {span.text} is outside of the subnet {side.subnet}",
                    "keep both ends inside",
                    rests_on=rests,
                )
                continue
            edge = span.first == low or (side.version == 4 and span.last == high)
            if edge and side.subnet.prefixlen < side.subnet.max_prefixlen - 1:
                report.problem(
                    span.path,
                    f"the range {span.text} holds the subnet's own or its broadcast address",
                    "shorten it by one address",
                    rests_on=rests,
                )
            if side.gateway is not None and span.first <= int(side.gateway) <= span.last:
                report.problem(
                    span.path,
                    f"the range {span.text} holds the gateway {side.gateway}",
                    "shorten the range",
                    rests_on=[(*side.path, "gateway")],
                )
            for other in side.spans[:position]:
                if span.first <= other.last and other.first <= span.last:
                    report.problem(
                        span.path,
                        f"the range {span.text} overlaps {other.text}"
                        f" on line {report.line(other.path)}",
                        "make them one range, or keep them apart",
                        rests_on=[other.path],
                    )


def vlans(report: Report) -> None:
    """A VLAN tag belongs to one network."""
    seen: dict[int, str] = {}
    for name, net in report.site.networks.items():
        if net.vlan is None:
            continue
        if net.vlan in seen:
            line = report.line(("networks", seen[net.vlan], "vlan"))
            report.problem(
                ("networks", name, "vlan"),
                f"VLAN {net.vlan} is network {seen[net.vlan]!r} already, on line {line}",
                "correct one of the two tags",
            )
        seen.setdefault(net.vlan, name)


def servers(report: Report) -> None:
    """Name and time servers have addresses that a server can have."""
    general = report.site.site
    found: list[tuple[Path, Address]] = [
        (("site", "dns", "servers", position), address)
        for position, address in enumerate(general.dns.servers)
    ]
    for position, server in enumerate(general.time_servers):
        with contextlib.suppress(ValueError):  # a name is no address
            found.append((("site", "time_servers", position), ip_address(server)))
    by_address: dict[tuple[str | int, Address], Path] = {}
    every = all_sides(report)
    for path, address in found:
        if (path[1], address) in by_address:
            report.problem(path, f"{address} is named twice", "remove one")
        by_address.setdefault((path[1], address), path)
        if address.is_multicast or address.is_unspecified or address.is_loopback:
            report.problem(path, f"{address} is no server's address", "write the server's own")
            continue
        for side in every:
            if address.version != side.version or address not in side.subnet:
                continue
            span = side.span_of(address)
            reason = side.unusable(address)
            if reason:
                report.problem(path, reason, "write the server's own address")
            elif span:
                report.problem(
                    path,
                    f"{address} lies in the VM range {span.text} on line {report.line(span.path)}",
                    "shorten the range, or a virtual machine will take the address",
                )
