"""What the role ``network`` promises: devices, addresses, routes and name servers of site.yml."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from testinfra.host import Host

GROUPS = ("all",)
UNITS = ("systemd-networkd", "NetworkManager", "b2ct-network-undo", "b2ct-network-restore")

Interface = Mapping[str, Any]
Link = Mapping[str, Any]


@pytest.fixture(scope="session")
def interfaces(wanted: Mapping[str, Any]) -> Sequence[Interface]:
    """Give the devices that site.yml wants."""
    found: Sequence[Interface] = wanted.get("network_interfaces") or ()
    if not found:
        pytest.skip("the inventory says nothing about this host's network")
    return found


@pytest.fixture(scope="session")
def links(host: Host, interfaces: Sequence[Interface]) -> dict[str, Link]:
    """Give what the kernel says of each device, by the name that site.yml gives it."""
    shown = json.loads(host.check_output("ip -details -json address show"))
    # Cards are known by their burnt-in address, which a port of a bond does not use.
    by_mac = {str(link.get("permaddr") or link.get("address")): link for link in shown}
    by_name = {str(link["ifname"]): link for link in shown}
    found = {}
    for interface in interfaces:
        link = by_mac.get(interface["mac"]) if interface.get("mac") else None
        link = link or by_name.get(interface["name"])
        if link is not None:
            found[interface["name"]] = link
    return found


def of_type(interfaces: Sequence[Interface], kind: str) -> list[Interface]:
    """Give the devices of one kind; the check is skipped where there is none."""
    found = [interface for interface in interfaces if interface["type"] == kind]
    if not found:
        pytest.skip(f"this host has no {kind}")
    return found


def test_devices_are_up(interfaces: Sequence[Interface], links: Mapping[str, Link]) -> None:
    """Every network device of site.yml is there and up."""
    missing = [each["name"] for each in interfaces if each["name"] not in links]
    assert not missing, f"missing: {', '.join(missing)}"
    down = [name for name, link in links.items() if "UP" not in link["flags"]]
    assert not down, f"down: {', '.join(down)}"
    silent = [name for name, link in links.items() if "NO-CARRIER" in link["flags"]]
    assert not silent, f"no link (cable, switch port?): {', '.join(silent)}"


def test_addresses(interfaces: Sequence[Interface], links: Mapping[str, Link]) -> None:
    """Every address of site.yml is set, or one came from DHCP or a router where it shall."""
    problems = []
    for interface in interfaces:
        link = links.get(interface["name"], {"addr_info": []})
        for family, side in (("inet", "ipv4"), ("inet6", "ipv6")):
            said = interface.get(side)
            if not said:
                continue
            has = [
                f"{address['local']}/{address['prefixlen']}"
                for address in link["addr_info"]
                if address["family"] == family and address["scope"] == "global"
            ]
            if said.get("address"):
                if said["address"] not in has:
                    problems.append(
                        f"{interface['name']} has {', '.join(has) or 'none'}"
                        f" instead of {said['address']}"
                    )
            elif not has:
                problems.append(f"{interface['name']} has no address from {said['method']}")
    assert not problems, "; ".join(problems)


def test_no_duplicate_address(links: Mapping[str, Link]) -> None:
    """No IPv6 address of this host is used by another machine too."""
    failed = [
        f"{address['local']} on {name}"
        for name, link in links.items()
        for address in link["addr_info"]
        if address.get("dadfailed")
    ]
    assert not failed, f"used twice: {', '.join(failed)}"


def test_mtu(interfaces: Sequence[Interface], links: Mapping[str, Link]) -> None:
    """Every device has the MTU of site.yml."""
    problems = [
        f"{each['name']} has {links[each['name']]['mtu']} instead of {each['mtu']}"
        for each in interfaces
        if each["name"] in links and links[each["name"]]["mtu"] != each["mtu"]
    ]
    assert not problems, "; ".join(problems)


def test_vlans(interfaces: Sequence[Interface], links: Mapping[str, Link]) -> None:
    """Every VLAN has its tag and stands on its card or bond."""
    problems = []
    for each in of_type(interfaces, "vlan"):
        link = links.get(each["name"], {})
        data = link.get("linkinfo", {}).get("info_data", {})
        parent = links.get(each["parent"], {}).get("ifname")
        if (data.get("id"), link.get("link")) != (each["vlan"], parent):
            problems.append(
                f"{each['name']} has tag {data.get('id')} on {link.get('link')}"
                f" instead of {each['vlan']} on {parent or each['parent']}"
            )
    assert not problems, "; ".join(problems)


def test_ports(interfaces: Sequence[Interface], links: Mapping[str, Link]) -> None:
    """Every port is in its bond or bridge."""
    ports = [each for each in interfaces if each.get("controller")]
    if not ports:
        pytest.skip("this host has neither bonds nor bridges")
    problems = [
        f"{each['name']} is in {has or 'none'} instead of {each['controller']}"
        for each in ports
        if (has := links.get(each["name"], {}).get("master")) != each["controller"]
    ]
    assert not problems, "; ".join(problems)


def test_bonds(interfaces: Sequence[Interface], links: Mapping[str, Link]) -> None:
    """Every bond has its mode, and each of its ports works."""
    problems = []
    for each in of_type(interfaces, "bond"):
        info = links.get(each["name"], {}).get("linkinfo", {})
        mode = info.get("info_data", {}).get("mode")
        if mode != each["mode"]:
            problems.append(f"{each['name']} has mode {mode} instead of {each['mode']}")
        for name, link in links.items():
            if link.get("master") != each["name"]:
                continue
            state = link.get("linkinfo", {}).get("info_slave_data", {}).get("mii_status")
            if state != "UP":
                problems.append(f"port {name} of {each['name']} is {state or 'in no known state'}")
    assert not problems, "; ".join(problems)


@pytest.mark.parametrize("version", [4, 6])
def test_default_route(
    host: Host, interfaces: Sequence[Interface], links: Mapping[str, Link], version: int
) -> None:
    """The default route leads over the device, and to the router, of site.yml."""
    side = f"ipv{version}"
    wanted = [each for each in interfaces if _routed(each.get(side) or {})]
    if not wanted:
        pytest.skip(f"site.yml names no router of IPv{version} for this host")
    routes = json.loads(host.check_output(f"ip -{version} -json route show default") or "[]")
    (interface,) = wanted
    device = links.get(interface["name"], {}).get("ifname")
    gateway = interface[side].get("gateway")
    chosen = [route for route in routes if route.get("dev") == device]
    shown = "; ".join(f"{route.get('gateway')} on {route.get('dev')}" for route in routes)
    assert chosen, f"default route: {shown or 'none'}, instead of one on {device}"
    if gateway:
        routers = [route.get("gateway") for route in chosen]
        assert gateway in routers, (
            f"default route over {', '.join(map(str, routers))}, not {gateway}"
        )
    others = [route for route in routes if route.get("dev") != device]
    best = min(int(route.get("metric", 0)) for route in chosen)
    rivals = [route for route in others if int(route.get("metric", 0)) <= best]
    assert not rivals, f"another default route is as good or better: {shown}"


def _routed(side: Mapping[str, Any]) -> bool:
    """Whether a default route must be there; router advertisements need not bring one."""
    return bool(side.get("default")) and (bool(side.get("gateway")) or side["method"] == "dhcp")


def test_name_servers(host: Host, wanted: Mapping[str, Any]) -> None:
    """The host asks the name servers of site.yml."""
    servers = list(wanted.get("network_dns_servers") or ())
    if not servers:
        pytest.skip("site.yml names no name servers")
    used = host.check_output("cat /etc/resolv.conf")
    if "nameserver 127.0.0.53" in used.splitlines():
        used = host.check_output("resolvectl dns")
    words = used.split()
    missing = [server for server in servers if server not in words]
    assert not missing, f"not asked: {', '.join(missing)}"


def test_starts_at_boot(host: Host, interfaces: Sequence[Interface]) -> None:
    """The network is set up at the next start too, by one service."""
    enabled = [
        unit
        for unit in ("systemd-networkd.service", "NetworkManager.service")
        if host.run(f"systemctl is-enabled {unit}").stdout.strip() == "enabled"
    ]
    assert len(enabled) == 1, f"enabled: {', '.join(enabled) or 'none'}, instead of one"


def test_no_change_is_pending(host: Host) -> None:
    """No change of the network waits for its confirmation."""
    program = "/usr/libexec/b2ct/network-transaction"
    if not host.file(program).exists:
        pytest.fail("the role network has not run on this host: b2ct deploy --stage network")
    state = host.check_output(f"{program} state")
    assert not state.startswith("pending"), f"{state}: see /var/log/b2ct/network.log"
