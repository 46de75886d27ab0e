"""Service addresses: who is told what, and what keepalived, nft and sh make of the role's files."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import Environment

from b2ct.inventory import Inventory, inventory
from b2ct.load import load_site
from b2ct.verify.checks.test_base import _of_rule, _rules
from tests.unit.test_check_lvs import PORTAL, SITE

ROLE = Path(__file__).parents[2] / "roles/lvs"
MARK = "/usr/libexec/keepalived/b2ct-lvs-mark"
#: node1 directs and answers.
BOTH = SITE.replace("directors: [control1, control2]", "directors: [control1, node1]")
#: A network of one's own, with a card that keepalived finds.
NETWORK = """\
set -eu
ip link set lo up
ip link add eno1 type veth peer name other
ip address add 10.20.0.11/24 dev eno1
ip link set eno1 up
"""


def described(folder: Path, text: str = SITE) -> Inventory:
    (folder / "site.yml").write_text(text)
    return inventory(load_site(folder))


def rendered(folder: Path, host: str, name: str, text: str = SITE) -> str:
    """Give a file of the role as a host gets it."""
    given = described(folder, text).host_variables[host]
    variables: dict[str, Any] = {
        **yaml.safe_load((ROLE / "defaults/main.yml").read_text()),
        **given,
        "inventory_hostname": host,
        "ansible_managed": "managed",
        "__lvs_mark": MARK,
        "__lvs_label": "lo:b2ct",
        "__lvs_modules": ["ip_vs", "ip_vs_wlc"],
    }
    # As Ansible's template module renders it.
    environment = Environment(trim_blocks=True, keep_trailing_newline=True)
    environment.filters |= {"comment": "# {}".format}
    source = (ROLE / "templates" / f"{name}.j2").read_text()
    return environment.from_string(source).render(variables)


def alone(script: str) -> subprocess.CompletedProcess[str]:
    """Run a script as root of a network of its own."""
    return subprocess.run(
        ["unshare", "--map-root-user", "--net", "sh", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
    )


# -- what the inventory tells


def test_the_group_has_directors_and_servers(tmp_path: Path) -> None:
    groups = {group.name: group.hosts for group in described(tmp_path).groups}
    assert groups["lvs"] == ("control1", "control2", "node1", "cache1", "cache2")


def test_a_director_knows_all_and_holds_nothing(tmp_path: Path) -> None:
    variables = described(tmp_path).host_variables["control2"]
    assert variables["lvs_director"] is True
    assert variables["lvs_held_addresses"] == []
    assert variables["lvs_instances"] == [
        {
            "name": "service",
            "interface": "eno1",
            "source": "10.20.0.12",
            "peer": "10.20.0.11",
            "priority": 100,
            "addresses": ["10.20.0.6"],
        }
    ]
    proxy, portal = variables["lvs_services"]
    assert proxy == {
        "name": "proxy",
        "instance": "service",
        "address": "10.20.0.6",
        "port": 3128,
        "mark": 0x0B2C7001,
        "scheduler": "wlc",
        "persistence": 0,
        "check": "http",
        "path": "/",
        "status": 400,
        "servers": [
            {"name": "cache1", "address": "10.20.0.31", "weight": 1},
            {"name": "cache2", "address": "10.20.0.32", "weight": 1},
        ],
    }
    assert [server["name"] for server in portal["servers"]] == ["cache1", "cache2", "node1"]
    assert "status" not in portal
    assert portal["mark"] != proxy["mark"]


def test_both_directors_are_told_the_same(tmp_path: Path) -> None:
    hosts = described(tmp_path).host_variables
    assert hosts["control1"]["lvs_services"] == hosts["control2"]["lvs_services"]
    assert hosts["control1"]["lvs_instances"][0]["priority"] == 150


def test_a_server_holds_its_addresses_once(tmp_path: Path) -> None:
    hosts = described(tmp_path).host_variables
    for name in ("cache1", "node1"):
        assert hosts[name]["lvs_held_addresses"] == ["10.20.0.6"]
        assert hosts[name]["lvs_director"] is False
        assert "lvs_services" not in hosts[name]


def test_another_question_has_another_answer(tmp_path: Path) -> None:
    text = SITE.replace("address: cache}", "address: cache, check: {path: /x}}")
    (proxy, _) = described(tmp_path, text).host_variables["control1"]["lvs_services"]
    assert proxy["path"] == "/x"
    assert "status" not in proxy


def test_the_firewall_lets_in_the_other_director_and_clients_only(tmp_path: Path) -> None:
    hosts = described(tmp_path).host_variables

    def of_lvs(name: str) -> dict[str, dict[str, Any]]:
        rules = hosts[name]["base_firewall_rules"]
        return {rule["name"]: rule for rule in rules if rule["name"].startswith("LVS")}

    found = of_lvs("control1")
    assert found["LVS directors"] == {
        "name": "LVS directors",
        "protocol": "vrrp",
        "ports": [],
        "sources": ["10.20.0.12"],
    }
    assert found["LVS connections"]["sources"] == ["10.20.0.12"]
    subnets = ["10.20.0.0/24", "198.51.100.0/24", "2001:db8:40::/64"]
    assert found["LVS proxy"]["sources"] == subnets
    assert set(of_lvs("node1")) == {"LVS portal"}
    # squid's port is open already, by its own role; the directors ask from its networks.
    assert set(of_lvs("cache1")) == {"LVS portal"}
    assert of_lvs("cache1")["LVS portal"]["sources"] == [*subnets, "10.20.0.11", "10.20.0.12"]


def test_clients_of_a_service_of_one_s_own(tmp_path: Path) -> None:
    text = SITE.replace(PORTAL, PORTAL.replace("}", ", clients: [192.0.2.0/24]}"))
    rules = described(tmp_path, text).host_variables["control1"]["base_firewall_rules"]
    (portal,) = [rule for rule in rules if rule["name"] == "LVS portal"]
    assert portal["sources"] == ["192.0.2.0/24"]


def test_a_node_without_a_part_is_told_nothing(tmp_path: Path) -> None:
    text = SITE.replace("servers: [cache, node1]", "servers: [cache]")
    variables = described(tmp_path, text).host_variables["node1"]
    assert not [name for name in variables if name.startswith("lvs")]


def load_firewall(folder: Path, host: str, text: str = SITE) -> set[tuple[str, str, str]]:
    """Let nft load the firewall of the role ``base``; give what verify's check reads of it."""
    rules = described(folder, text).host_variables[host]["base_firewall_rules"]
    environment = Environment(trim_blocks=True, keep_trailing_newline=True)
    environment.filters |= {"comment": "# {}".format}
    environment.tests |= {"search": lambda value, pattern: re.search(pattern, value) is not None}
    source = (ROLE.parent / "base/templates/etc/nftables.conf.j2").read_text()
    variables = {"__base_rules": rules, "__base_ssh_ports": [22], "ansible_managed": "managed"}
    file = folder / "nftables.conf"
    file.write_text(environment.from_string(source).render(variables))
    done = alone(f"nft --file {file} && nft --json list chain inet b2ct input")
    assert done.returncode == 0, done.stderr
    parts = json.loads(done.stdout)["nftables"]
    return {found for part in parts if "rule" in part for found in _of_rule(part["rule"]["expr"])}


def test_nft_and_the_check_know_vrrp(tmp_path: Path) -> None:
    found = load_firewall(tmp_path, "control1")
    assert {rule for rule in found if rule[0] == "vrrp"} == {("vrrp", "", "10.20.0.12")}
    wanted = _rules(described(tmp_path).host_variables["control1"])
    assert found - {("tcp", "22", "")} == wanted


def test_a_firewall_without_vrrp_lets_none_in(tmp_path: Path) -> None:
    assert not [rule for rule in load_firewall(tmp_path, "cache1") if rule[0] == "vrrp"]


# -- what the role writes


@pytest.mark.parametrize(
    ("service", "question"),
    [
        ("{kind: squid, address: cache}", "HTTP_GET"),
        ("{kind: fireedge, address: cache}", "SSL_GET"),
        ("{kind: tcp, address: cache, port: 22, servers: [cache], persistence: 300}", "TCP_CHECK"),
        (
            "{kind: https, address: cache, port: 22, servers: [cache], scheduler: rr,"
            " weights: {cache1: 0, cache2: 3}, check: {path: /a?b=c, status: 204}}",
            "SSL_GET",
        ),
    ],
)
def test_keepalived_takes_the_configuration(tmp_path: Path, service: str, question: str) -> None:
    text = SITE.replace("{kind: squid, address: cache}", service)
    written = rendered(tmp_path, "control1", "etc/keepalived/keepalived.conf", text)
    assert f"        {question} {{\n" in written
    file = tmp_path / "keepalived.conf"
    # The program that is told of changes must be there.
    file.write_text(written.replace(MARK, "/bin/true"))
    done = alone(f"{NETWORK}keepalived --config-test --use-file {file}")
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    # The test sees faults at all.
    file.write_text(written.replace(MARK, "/bin/true").replace("delay_loop", "delay_lop"))
    assert alone(f"{NETWORK}keepalived --config-test --use-file {file}").returncode != 0


def marks(folder: Path, host: str, text: str, *steps: str) -> list[set[str]]:
    """Run the marking program step by step; give the marked addresses and ports after each."""
    program = folder / "mark"
    program.write_text(rendered(folder, host, "usr/libexec/keepalived/b2ct-lvs-mark", text))
    script = "set -eu\n"
    for step in steps:
        script += f"sh {program} {step}\nnft list ruleset\necho ===\n"
    done = alone(script)
    assert done.returncode == 0, done.stderr
    return [
        {
            " ".join(line.split()[5:9:3])
            for line in part.splitlines()
            if line.strip().startswith('iifname != "lo" ip daddr')
            and "notrack" in line
            and "meta mark set 0x0b2c7" in line
        }
        for part in done.stdout.split("===\n")[:-1]
    ]


def test_a_director_marks_from_the_start_on(tmp_path: Path) -> None:
    """Before it is told to be active, too: the first packet after a take-over is passed on."""
    steps = ("start", "INSTANCE service BACKUP 100", "INSTANCE service MASTER 100", "again", "stop")
    both = {"10.20.0.6 3128", "10.20.0.6 8080"}
    assert marks(tmp_path, "control1", SITE, *steps) == [both, both, both, both, set()]


def test_a_director_that_answers_marks_only_while_it_is_active(tmp_path: Path) -> None:
    """What the active director sends the other one is for it, and not passed on once more."""
    steps = (
        *("start", "again", "INSTANCE service MASTER 100", "again"),
        *("INSTANCE service BACKUP 100", "INSTANCE service FAULT 100", "stop"),
    )
    less, both = {"10.20.0.6 3128"}, {"10.20.0.6 3128", "10.20.0.6 8080"}
    assert marks(tmp_path, "node1", BOTH, *steps) == [less, less, both, both, less, less, set()]


def test_parameters_come_before_the_addresses(tmp_path: Path) -> None:
    """Else the network would be told of an address on lo for a moment."""
    unit = rendered(tmp_path, "cache1", "etc/systemd/system/b2ct-lvs-held.service")
    started = [line for line in unit.splitlines() if line.startswith("ExecStart=")]
    assert "sysctl" in started[0]
    assert started[-1] == (
        "ExecStart=/sbin/ip address replace 10.20.0.6/32 dev lo scope host label lo:b2ct"
    )
    parameters = rendered(tmp_path, "cache1", "etc/sysctl.d/65-b2ct-lvs.conf")
    assert "arp_ignore = 1" in parameters
    assert "net.ipv4.vs" not in parameters


def test_addresses_are_held_and_those_of_before_are_gone(tmp_path: Path) -> None:
    """The unit's commands, run one after the other."""
    unit = rendered(tmp_path, "cache1", "etc/systemd/system/b2ct-lvs-held.service")
    begin = [
        line.partition("=")[2].lstrip("-")
        for line in unit.splitlines()
        if line.startswith("ExecStart=") and "/ip " in line
    ]
    stop = unit.partition("ExecStop=-")[2].partition("\n")[0]
    show = "ip -oneline -4 address show dev lo"
    old = "ip address add 10.20.0.9/32 dev lo label lo:b2ct"
    commands = [NETWORK, old, *begin, show, *begin, show, "echo ===", stop, show]
    done = alone("\n".join(commands))
    assert done.returncode == 0, done.stderr
    before, after = done.stdout.split("===")
    assert before.count(" 10.20.0.6/32 scope host lo:b2ct") == 2
    assert "10.20.0.9" not in before
    assert "127.0.0.1/8" in after
    assert "10.20.0.6" not in after


#: Knocks at two ports of a server, of which nobody listens, and says how each one ended.
KNOCK = """\
import socket
for address in ("10.20.0.6", "10.20.0.31"):
    try:
        socket.create_connection((address, 8080), 0.5)
    except OSError as error:
        print(type(error).__name__)
"""


#: Lets through what is not tracked at the service address, and what is elsewhere.
SITE_RULES = """\
table inet site {
    chain input {
        type filter hook input priority filter; policy drop;
        ip daddr 10.20.0.6 ct state untracked accept
        ip daddr 127.0.0.1 ct state new,established accept
    }
    chain output {
        type filter hook output priority filter; policy drop;
        ip saddr 10.20.0.6 ct state untracked accept
        ip saddr 127.0.0.1 ct state new,established accept
    }
}
"""
ANSWER = """\
import socket
for address in ("10.20.0.6", "127.0.0.1"):
    with socket.create_server((address, 8080)) as door:
        link = socket.create_connection((address, 8080), 2, (address, 0))
        link.sendall(b"x")
        print(door.accept()[0].recv(1).decode())
"""


def test_connections_to_the_service_address_are_not_tracked(tmp_path: Path) -> None:
    """A table of them would be full after some minutes of work."""
    rules = tmp_path / "held.nft"
    rules.write_text(rendered(tmp_path, "cache1", "etc/b2ct/lvs/held.nft"))
    (tmp_path / "site.nft").write_text(SITE_RULES)
    (tmp_path / "answer.py").write_text(ANSWER)
    done = alone(
        f"""
        set -eu
        ip link set lo up
        ip address add 10.20.0.6/32 dev lo
        nft --file {tmp_path}/site.nft
        nft --file {rules}
        python3 {tmp_path}/answer.py
        nft delete table inet b2ct_lvs_held
        ! python3 {tmp_path}/answer.py 2> /dev/null
        """
    )
    assert done.stdout.split() == ["x", "x"], done.stderr


def test_a_dead_service_is_silent_at_the_service_address_only(tmp_path: Path) -> None:
    """Asked at the server's own address, as the director does, it refuses at once."""
    rules = tmp_path / "held.nft"
    rules.write_text(rendered(tmp_path, "cache1", "etc/b2ct/lvs/held.nft"))
    (tmp_path / "knock.py").write_text(KNOCK)
    done = alone(
        f"""
        set -eu
        unshare --net sleep 20 & server=$!
        sleep 0.5
        ip link add client type veth peer name eth0 netns $server
        ip address add 10.20.0.21/24 dev client
        ip link set client up
        nsenter --net=/proc/$server/ns/net sh -euc '
            ip link set lo up
            ip address add 10.20.0.31/24 dev eth0
            ip address add 10.20.0.6/24 dev eth0
            ip link set eth0 up
            nft --file {rules}'
        python3 {tmp_path}/knock.py
        kill $server
        """
    )
    assert done.stdout.split() == ["TimeoutError", "ConnectionRefusedError"], done.stderr
