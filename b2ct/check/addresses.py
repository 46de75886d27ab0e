"""Rules about the nodes' addresses."""

from __future__ import annotations

from b2ct.check.named import missing
from b2ct.check.networks import Address, Side, all_sides
from b2ct.check.report import Report, few
from b2ct.model import Addresses, Node, Site, as_addresses, merged_hardware
from b2ct.places import Path


def node_addresses(report: Report) -> None:
    """A node's address is on a network it is attached to, usable, and no one else's."""
    site = report.site
    by_network = {(side.network, side.version): side for side in all_sides(report)}
    taken: dict[Address, Path] = {}
    vips: dict[Address, Path] = {
        address: ("networks", name, "service_addresses", vip)
        for name, net in site.networks.items()
        for vip, address in net.service_addresses.items()
    }
    for name, node in site.nodes.items():
        attached = _attached(site, node)
        for network, said in node.addresses.items():
            path: Path = ("nodes", name, "addresses", network)
            if network not in site.networks:
                missing(report, "networks", path, network)
                continue
            if attached is not None and network not in attached:
                report.problem(
                    path,
                    f"{name} has an address on {network!r} but is not attached to it",
                    f"add attach: {{{network}: {{device: …}}}}, or remove the address",
                    rests_on=_attach_paths(name, node),
                )
            for version, address in _literal(as_addresses(said)):
                side = by_network.get((network, version))
                if side is None:
                    report.problem(
                        path,
                        f"network {network!r} has no IPv{version} subnet for {address}",
                        f"add ipv{version}: {{subnet: …}} to the network",
                        rests_on=[("networks", network, f"ipv{version}")],
                    )
                    continue
                if not _usable(report, path, address, side, vips):
                    continue
                if address in taken:
                    report.problem(
                        path,
                        f"{address} is taken by {taken[address][1]}"
                        f" on line {report.line(taken[address])}",
                        "give each node an address of its own",
                    )
                taken.setdefault(address, path)
            _router_advertisements(report, path, as_addresses(said), network)


def _literal(said: Addresses) -> list[tuple[int, Address]]:
    found: list[tuple[int, Address]] = []
    if said.ipv4 is not None and said.ipv4 != "dhcp":
        found.append((4, said.ipv4))
    if said.ipv6 is not None and said.ipv6 != "auto":
        found.append((6, said.ipv6))
    return found


def _attached(site: Site, node: Node) -> set[str] | None:
    if node.hardware is not None and node.hardware not in site.hardware:
        return None
    base = site.hardware[node.hardware].attach if node.hardware else {}
    return {*base, *node.attach}


def _attach_paths(name: str, node: Node) -> list[Path]:
    paths: list[Path] = [("nodes", name, "attach"), ("nodes", name, "hardware")]
    if node.hardware:
        paths.append(("hardware", node.hardware, "attach"))
    return paths


def _usable(
    report: Report, path: Path, address: Address, side: Side, vips: dict[Address, Path]
) -> bool:
    reason = side.unusable(address)
    span = side.span_of(address)
    subnet = (*side.path, "subnet")
    if reason:
        report.problem(path, reason, "choose a free address inside", rests_on=[subnet])
    elif address == side.gateway:
        line = report.line((*side.path, "gateway"))
        report.problem(path, f"{address} is the gateway of line {line}", "choose a free address")
    elif address in vips:
        report.problem(
            path,
            f"{address} is the service address {vips[address][-1]!r}"
            f" of line {report.line(vips[address])}",
            "service addresses move between nodes: choose a free one for the node",
        )
    elif span:
        report.problem(
            path,
            f"{address} lies in the VM range {span.text} of line {report.line(span.path)}",
            "choose an address outside, or shorten the range",
            rests_on=[span.path],
        )
    else:
        return True
    return False


def _router_advertisements(report: Report, path: Path, said: Addresses, network: str) -> None:
    if said.ipv6 != "auto":
        return
    side = report.site.networks[network].ipv6
    if side is not None and side.subnet.prefixlen != 64:
        report.problem(
            path,
            f"auto needs a /64, the network has {side.subnet}",
            "write the node's address, or correct the subnet",
            rests_on=[("networks", network, "ipv6")],
        )


def service_address(report: Report) -> None:
    """Every node has an address on the service network that can be told beforehand.

    DHCP counts when the card that asks is known by its MAC address: only then can the
    DHCP server keep an address for it. So do router advertisements.
    """
    site = report.site
    service = site.service_network
    if service is None:
        return
    for name, node in site.nodes.items():
        attached = _attached(site, node)
        if attached is None:
            continue
        path: Path = ("nodes", name, "addresses", service)
        rests: list[Path] = [("networks",), *_attach_paths(name, node), path]
        if service not in attached and service in node.addresses:
            continue  # told as an address without attachment
        if service not in attached:
            report.problem(
                ("nodes", name),
                f"is not attached to the service network {service!r}",
                f"add attach: {{{service}: {{device: …}}}}",
                rests_on=rests,
            )
            continue
        said = node.addresses.get(service)
        addresses = as_addresses(said) if said is not None else Addresses(ipv4=None, ipv6=None)
        if addresses.ipv4 is None and addresses.ipv6 is None:
            report.problem(
                ("nodes", name),
                f"has no address on the service network {service!r}",
                f"add addresses: {{{service}: …}}",
                rests_on=[*rests, ("nodes", name, "addresses")],
            )
        elif not _literal(addresses) and not _asker_is_known(site, node, service):
            report.problem(
                path,
                "no address can be kept for a card whose MAC address is unknown",
                "add the card's MAC address to macs:, or write the node's address",
                rests_on=[*rests, ("nodes", name, "macs")],
            )


def _asker_is_known(site: Site, node: Node, network: str) -> bool:
    hardware = merged_hardware(site, node)
    device = hardware.attach[network].device
    bond = hardware.bonds.get(device)
    return any(card in node.macs for card in (bond.members if bond else (device,)))


def routes(report: Report) -> None:
    """Every node can reach its name servers."""
    site = report.site
    stranded: dict[frozenset[str], list[str]] = {}
    for name, node in site.nodes.items():
        attached = _attached(site, node)
        if attached is None or any(network not in site.networks for network in attached):
            continue
        if site.service_network not in attached & set(node.addresses):
            continue  # told by the rule above
        if any(_has_route(site, node, network) for network in attached):
            continue
        if not all(_on_link(site, attached, server) for server in site.site.dns.servers):
            stranded.setdefault(frozenset(attached), []).append(name)
    for networks, names in stranded.items():
        report.problem(
            ("nodes", names[0]),
            f"{few(names)} cannot reach the name servers: none of the networks"
            f" {', '.join(sorted(networks))} has a gateway",
            "add gateway: to the service network",
            rests_on=[("networks",), ("site", "dns"), ("hardware",), ("nodes", names[0])],
        )


def _has_route(site: Site, node: Node, network: str) -> bool:
    net = site.networks[network]
    said = node.addresses.get(network)
    if said is None:
        return False
    addresses = as_addresses(said)
    if addresses.ipv4 == "dhcp" or addresses.ipv6 == "auto":
        return True
    routed4 = addresses.ipv4 is not None and net.ipv4 is not None and net.ipv4.gateway is not None
    # Without an IPv6 gateway of its own a network believes router advertisements.
    routed6 = addresses.ipv6 is not None and net.ipv6 is not None and net.ipv6.gateway is not None
    return routed4 or routed6


def _on_link(site: Site, networks: set[str], server: Address) -> bool:
    for name in networks:
        net = site.networks[name]
        for side in (net.ipv4, net.ipv6):
            if side is not None and server in side.subnet:
                return True
    return False
