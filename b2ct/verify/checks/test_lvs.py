"""What the role ``lvs`` promises: service addresses that are there, and servers behind them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from testinfra.host import Host

GROUPS = ("lvs",)
UNITS = ("keepalived", "b2ct-lvs-held")

Wanted = Mapping[str, Any]
#: Connects to an address and port, and says so. Python is there for Ansible's sake.
CONNECT = """\
import socket, sys
socket.create_connection((sys.argv[1], int(sys.argv[2])), 10).close()
print("connected")
"""


@pytest.fixture
def services(wanted: Wanted) -> Sequence[Mapping[str, Any]]:
    """Give what a director passes on."""
    if not wanted["lvs_director"]:
        pytest.skip("this machine is a server, no director")
    found: Sequence[Mapping[str, Any]] = wanted["lvs_services"]
    return found


@pytest.fixture
def held(wanted: Wanted) -> Sequence[str]:
    """Give the addresses for which a server answers."""
    found: Sequence[str] = wanted["lvs_held_addresses"]
    if not found:
        pytest.skip("this machine is a director, no server")
    return found


def _has(host: Host, address: str, device: str) -> bool:
    told = host.check_output("ip -oneline -4 address show dev %s", device)
    return f" {address}/" in told


def _active(host: Host, wanted: Wanted, name: str) -> bool:
    """Whether this director holds the addresses of a network."""
    (instance,) = [one for one in wanted["lvs_instances"] if one["name"] == name]
    return all(_has(host, one, instance["interface"]) for one in instance["addresses"])


def test_director_runs(host: Host, services: Sequence[Mapping[str, Any]]) -> None:
    """keepalived runs, and starts with the machine."""
    assert host.service("keepalived").is_running, "start it: systemctl start keepalived"
    assert host.service("keepalived").is_enabled, "enable it: systemctl enable keepalived"


def test_configuration_is_accepted(host: Host, services: Sequence[Mapping[str, Any]]) -> None:
    """keepalived accepts its configuration as it stands on the disk."""
    done = host.run("keepalived --config-test 2>&1")
    assert done.rc == 0, done.stdout[-500:]


def test_addresses_are_together(
    host: Host, wanted: Wanted, services: Sequence[Mapping[str, Any]]
) -> None:
    """A director holds all addresses of a network, or none of them."""
    for instance in wanted["lvs_instances"]:
        here = [one for one in instance["addresses"] if _has(host, one, instance["interface"])]
        assert here in ([], list(instance["addresses"])), f"only {', '.join(here)} is here"


def test_packets_are_marked(
    host: Host, wanted: Wanted, services: Sequence[Mapping[str, Any]]
) -> None:
    """Packets of each service are marked; of one's own service only while one is active."""
    rules = host.run("nft list ruleset").stdout
    for service in services:
        mark = re.search(
            rf"ip daddr {re.escape(service['address'])} tcp dport {service['port']} "
            rf"meta mark set 0x0*{service['mark']:x} notrack",
            rules,
        )
        answers = service["address"] in wanted["lvs_held_addresses"] and any(
            _is_me(host, server["address"]) for server in service["servers"]
        )
        due = _active(host, wanted, service["instance"]) if answers else True
        assert bool(mark) == due, (
            f"{service['name']} is {'not ' if due else ''}marked: systemctl restart keepalived"
        )


def _is_me(host: Host, address: str) -> bool:
    return f" {address}/" in host.check_output("ip -oneline -4 address show")


def test_servers_are_well(host: Host, services: Sequence[Mapping[str, Any]]) -> None:
    """Every server of every service is well, in the kernel's table, by direct routing."""
    table = host.check_output("ipvsadm --save --numeric")
    for service in services:
        mark = service["mark"]
        (line,) = re.findall(rf"^-A -f {mark} (.*)$", table, re.M) or [""]
        assert f"-s {service.get('scheduler', 'wlc')}" in line, (
            f"{service['name']} is not in the kernel's table as it should be: {line or 'missing'}"
        )
        found = dict(re.findall(rf"^-a -f {mark} -r ([\d.]+):\d+ -g -w (\d+)", table, re.M))
        for server in service["servers"]:
            if server.get("weight", 1) == 0:
                continue
            assert found.get(server["address"], "0") != "0", (
                f"{server['name']} is left out of {service['name']}: its service does not answer"
            )
        strangers = set(found) - {server["address"] for server in service["servers"]}
        assert not strangers, f"{service['name']} has servers of nobody's: {strangers}"


def test_connections_are_told_to_the_other_director(
    host: Host, services: Sequence[Mapping[str, Any]]
) -> None:
    """The active director tells the other one of its connections."""
    told = host.check_output("ipvsadm --list --daemon")
    assert re.search(r"(master|backup) sync daemon", told), "no daemon tells connections"


def test_kernel_gives_up_lost_servers(host: Host, services: Sequence[Mapping[str, Any]]) -> None:
    """A connection whose server was left out is given up at once."""
    assert host.check_output("sysctl -n net.ipv4.vs.expire_nodest_conn") == "1"


def test_addresses_are_held(host: Host, held: Sequence[str]) -> None:
    """A server answers for the service addresses, from the start of the machine on."""
    for address in held:
        assert _has(host, address, "lo"), f"{address} is not on lo: systemctl restart b2ct-lvs-held"
    assert host.service("b2ct-lvs-held").is_enabled, "systemctl enable b2ct-lvs-held"


def test_addresses_are_not_told(host: Host, held: Sequence[str]) -> None:
    """A server tells nobody on the network that it has the service addresses."""
    for name, least in (("arp_ignore", 1), ("arp_announce", 2)):
        value = int(host.check_output(f"sysctl -n net.ipv4.conf.all.{name}"))
        assert value >= least, f"net.ipv4.conf.all.{name} is {value}: run the stage lvs again"


def test_services_answer_here(host: Host, wanted: Wanted, held: Sequence[str]) -> None:
    """A server that is a director too answers at the service addresses by itself."""
    services = wanted["lvs_services"]
    if not services:
        pytest.skip("only a director knows the ports")
    for service in services:
        mine = any(_is_me(host, server["address"]) for server in service["servers"])
        if mine:
            done = host.run(
                "python3 -c %s %s %s", CONNECT, service["address"], str(service["port"])
            )
            assert done.rc == 0, f"{service['name']} does not answer: {done.stderr[-200:]}"


def test_services_answer_over_the_network(
    host: Host, wanted: Wanted, services: Sequence[Mapping[str, Any]]
) -> None:
    """Seen from the director that stands by, every service answers at its address."""
    asked = 0
    for service in services:
        if service["address"] in wanted["lvs_held_addresses"]:
            continue
        if _active(host, wanted, service["instance"]):
            continue
        asked += 1
        done = host.run("python3 -c %s %s %s", CONNECT, service["address"], str(service["port"]))
        assert done.rc == 0, (
            f"{service['name']} does not answer at {service['address']}: {done.stderr[-200:]}"
        )
    if not asked:
        pytest.skip("this director is the active one, or a server itself")
