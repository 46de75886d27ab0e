"""Changes of the network, good and bad, on systemd-networkd and NetworkManager at once.

Each test writes another site.yml for the running containers and lets Ansible apply it. Bad ones
cut ssh: the hosts must be back by themselves, and the play must say so.
"""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

SCENARIO = Path(__file__).parents[1]
HOSTS = {"control1": "10.89.0.11", "node1": "10.89.0.21"}
#: The shortest time that the role takes, so that the tests of bad changes do not wait.
SECONDS = 30
#: What is to stay gets more, for the test machine may be slow.
PATIENCE = 120
FILES = {
    "control1": "/etc/systemd/network/30-b2ct-eth0.network",
    "node1": "/etc/NetworkManager/system-connections/b2ct-eth0.nmconnection",
}
Site = dict[str, Any]


def podman(host: str, script: str) -> str:
    """Run a script in a container, whatever its network is like."""
    done = subprocess.run(
        ["podman", "exec", host, "sh", "-c", script],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, f"{host}: {script}: {done.stdout}{done.stderr}"
    return done.stdout


def answers(address: str) -> bool:
    """Whether a new ssh connection to an address can be made."""
    command = ["ssh", "-o", "BatchMode=yes", "-o", "ControlPath=none", "-o", "ConnectTimeout=5",
               "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
               "-l", "ada", "-i", identity(), address, "true"]  # fmt: skip
    return subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0


def identity() -> str:
    return os.environ["ANSIBLE_PRIVATE_KEY_FILE"]


def state(host: str) -> dict[str, str]:
    """All that a change of the network could alter on a host, and that must come back."""
    return {
        # NetworkManager gives a device that it sets up again another metric.
        "addresses": without_lifetimes(podman(host, "ip -o address show scope global")),
        "routes": re.sub(r" metric \d+", "", podman(host, "ip -4 route; ip -6 route")),
        "devices": podman(
            host,
            "cd /sys/class/net; for d in *; do echo $d $(cat $d/mtu) $(readlink $d/master); done",
        ),
        "files": podman(
            host,
            "cd /etc; sha256sum systemd/network/* NetworkManager/system-connections/*"
            " NetworkManager/conf.d/* network/interfaces 2>/dev/null || :",
        ),
        # A container's start writes it anew.
        "names": podman(host, "cat /etc/resolv.conf"),
        "modes": podman(
            host,
            "stat -c '%a %U %n' /etc/systemd/network/* /etc/NetworkManager/system-connections/*"
            " 2>/dev/null || :",
        ),
    }


def without_lifetimes(text: str) -> str:
    return "".join(f"{' '.join(line.split()[1:4])}\n" for line in sorted(text.splitlines()))


def transaction(host: str) -> str:
    return podman(host, "/usr/libexec/b2ct/network-transaction state").strip()


def timers(host: str) -> str:
    return podman(host, "systemctl list-timers --all --no-legend | grep b2ct-network || :")


@pytest.fixture
def site() -> Site:
    """The scenario's site, to be altered."""
    return copy.deepcopy(yaml.safe_load((SCENARIO / "inventory/site.yml").read_text()))


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., list[str]]:
    """Give a function that writes a site and gives the command that applies it."""

    def command(site: Site, *arguments: str, seconds: int = SECONDS) -> list[str]:
        inventory = tmp_path / "inventory"
        shutil.rmtree(inventory, ignore_errors=True)
        shutil.copytree(SCENARIO / "inventory", inventory)
        (inventory / "site.yml").write_text(yaml.safe_dump(site))
        return ["ansible-playbook", "-i", str(inventory),
                "-e", f"network_confirm_seconds={seconds}",
                str(SCENARIO / "converge.yml"), *arguments]  # fmt: skip

    return command


def reached_at(addresses: dict[str, str]) -> list[str]:
    return ["-e", json.dumps({"network_current_addresses": addresses})]


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=400)


def recap(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, int]]:
    """Give Ansible's counts by host."""
    lines = done.stdout.split("PLAY RECAP")[1].splitlines()
    return {
        line.split()[0]: {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", line)}
        for line in lines
        if "ok=" in line
    }


@pytest.fixture
def as_before(play: Callable[..., list[str]]) -> Iterator[None]:
    """Bring back the scenario's own network after a change that stays."""
    yield
    original = yaml.safe_load((SCENARIO / "inventory/site.yml").read_text())
    done = run(play(original, seconds=PATIENCE))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def on_wrong_card(site: Site) -> None:
    """The service network on the card that leads nowhere."""
    attach = site["hardware"]["machine"]["attach"]
    attach["service"]["device"], attach["private"]["device"] = "eth1", "eth0"


def on_wrong_vlan(site: Site) -> None:
    """A tag that the switch does not know (nor does this kernel: all the same from outside)."""
    site["networks"]["service"]["vlan"] = 7


def wrong_address(site: Site) -> None:
    """A subnet that the controller does not reach, and a router that is not there."""
    site["networks"]["service"]["ipv4"] = {"subnet": "10.99.0.0/24", "gateway": "10.99.0.1"}
    for name, number in (("control1", 11), ("node1", 21)):
        site["nodes"][name]["addresses"]["service"] = f"10.99.0.{number}"
    site["site"]["dns"]["servers"] = ["10.99.0.1"]


BAD = {"card": on_wrong_card, "vlan": on_wrong_vlan, "address": wrong_address}


@pytest.mark.parametrize("what", BAD)
def test_a_change_that_cuts_ssh_is_undone(
    what: str, site: Site, play: Callable[..., list[str]]
) -> None:
    BAD[what](site)
    before = {host: state(host) for host in HOSTS}
    command = play(site)
    if what == "address":
        command += reached_at(HOSTS)
    done = run(command)
    assert done.returncode == 2, done.stdout[-3000:]
    said = " ".join(done.stdout.split())
    for host, address in HOSTS.items():
        new = address.replace("10.89", "10.99") if what == "address" else address
        assert f"{host} could not be reached over ssh at {new} within {SECONDS} seconds" in said, (
            done.stdout[-5000:]
        )
        assert f"the host answers at {address}. Undone: " in said
        assert f"change {FILES[host]}" in said
        assert transaction(host).startswith("undone ")
        # The timer goes with the unit that it has started, which tells the neighbours first.
        wait(lambda host=host: timers(host) == "", SECONDS)
        assert state(host) == before[host]
        assert answers(address)
        assert "begins; without confirmation it is undone in 30 seconds" in podman(
            host, "tail -n 20 /var/log/b2ct/network.log"
        )


def test_a_wrong_gateway_is_undone(
    site: Site, play: Callable[..., list[str]], request: pytest.FixtureRequest
) -> None:
    """The controller is in another subnet: only the default route leads back to it."""
    subprocess.run(["ip", "address", "add", "192.0.2.1/32", "dev", "lo"], check=True)
    request.addfinalizer(
        lambda: subprocess.run(["ip", "address", "del", "192.0.2.1/32", "dev", "lo"], check=True)
    )
    before = {host: state(host) for host in HOSTS}
    site["networks"]["service"]["ipv4"]["gateway"] = "10.89.0.77"
    far = ["-e", "ansible_ssh_common_args='-o BindAddress=192.0.2.1'"]
    done = run([*play(site), *far])
    assert done.returncode == 2, done.stdout[-3000:]
    assert "The change is undone and the former state is back" in " ".join(done.stdout.split())
    assert {host: state(host) for host in HOSTS} == before


@pytest.mark.parametrize("restarted", [False, True], ids=["killed", "killed-and-restarted"])
def test_killing_ansible_in_the_middle_restores_the_former_state(
    restarted: bool, site: Site, play: Callable[..., list[str]]
) -> None:
    before = {host: state(host) for host in HOSTS}
    on_wrong_card(site)
    running = subprocess.Popen(
        play(site), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        wait(lambda: all(transaction(host).endswith(" applied") for host in HOSTS), 120)
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    for host, address in HOSTS.items():
        assert not answers(address)
        assert "eth1" in podman(host, f"cat {FILES[host].replace('eth0', 'eth1')}")
    if restarted:
        for host in HOSTS:
            subprocess.run(["podman", "restart", "--time=1", host], check=True, capture_output=True)
    for host, address in HOSTS.items():
        wait(lambda host=host: transaction(host).startswith("undone "), SECONDS + 30)
        wait(lambda address=address: answers(address), 60)
        after = state(host)
        assert (after["files"], after["modes"]) == (before[host]["files"], before[host]["modes"])
        if restarted:
            # The second card was made by hand and is gone with the container's start.
            podman(host, "ip link add eth1 type veth peer name nowhere && ip link set nowhere up")
        else:
            assert after == before[host]


def wait(true: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(1)


def test_a_run_meets_a_change_that_waits(site: Site, play: Callable[..., list[str]]) -> None:
    for host in HOSTS:
        podman(host, "mkdir -p /var/lib/b2ct/network/pending")
        podman(host, "cd /var/lib/b2ct/network/pending; echo x >id; echo networkd >backend")
        podman(host, "echo applied >/var/lib/b2ct/network/pending/state")
    done = run(play(site))
    for host in HOSTS:
        podman(host, "rm -r /var/lib/b2ct/network/pending")
    assert done.returncode == 2
    assert done.stdout.count("waits for its confirmation") >= len(HOSTS)


def test_check_mode_shows_and_touches_nothing(site: Site, play: Callable[..., list[str]]) -> None:
    before = {host: state(host) for host in HOSTS}
    said = {host: transaction(host) for host in HOSTS}
    on_wrong_card(site)
    done = run(play(site, "--check", "--diff"))
    assert done.returncode == 0, done.stdout[-3000:]
    assert all(counts["changed"] == 1 for counts in recap(done).values())
    assert "-Address=10.89.0.11/24" in done.stdout
    assert "-address1=10.89.0.21/24" in done.stdout
    assert f"+++ after: {FILES['control1']}" in done.stdout
    assert {host: state(host) for host in HOSTS} == before
    assert {host: transaction(host) for host in HOSTS} == said
    assert all(timers(host) == "" for host in HOSTS)


@pytest.mark.usefixtures("as_before")
def test_a_good_change_stays(site: Site, play: Callable[..., list[str]]) -> None:
    """ssh's own network moves to a bridge, and gets another MTU: one transaction."""
    site["hardware"]["machine"]["attach"]["service"]["bridge"] = "br-service"
    site["networks"]["service"]["mtu"] = 1450
    done = run(play(site, seconds=PATIENCE))
    confirmed = time.monotonic()
    assert done.returncode == 0, done.stdout[-3000:]
    again = run(play(site, seconds=PATIENCE))
    assert all(counts["changed"] == 0 for counts in recap(again).values()), again.stdout
    # Longer than an unconfirmed change stays.
    time.sleep(max(0.0, confirmed + PATIENCE + 3 - time.monotonic()))
    for host, address in HOSTS.items():
        assert transaction(host).startswith("confirmed ")
        assert timers(host) == ""
        assert f"{address}/24" in podman(host, "ip -o address show dev br-service")
        assert podman(host, "cat /sys/class/net/br-service/mtu") == "1450\n"
        assert "br-service" in podman(host, "readlink /sys/class/net/eth0/master")
        assert "dev br-service" in podman(host, "ip route show default")
        assert answers(address)


@pytest.mark.usefixtures("as_before")
def test_a_bridge_that_is_not_wanted_any_more_goes(
    site: Site, play: Callable[..., list[str]]
) -> None:
    """Files of ours that are stale go with their devices; those of others stay."""
    others = {
        "control1": "/etc/systemd/network/50-admin.network",
        "node1": "/etc/NetworkManager/system-connections/admin.nmconnection",
    }
    podman("control1", f"printf '[Match]\\nName=tun9\\n' >{others['control1']}")
    podman(
        "node1",
        f"umask 077; printf '[connection]\\nid=admin\\nuuid=6a7a3b8e-0f0b-4d4e-9d53-3f8a50a5f0a1\\n"
        f"type=bridge\\ninterface-name=br-admin\\nautoconnect=false\\n' >{others['node1']}",
    )
    podman("node1", "nmcli connection reload")
    del site["hardware"]["machine"]["attach"]["private"]
    for node in site["nodes"].values():
        del node["addresses"]["private"]
    del site["networks"]["private"]
    done = run(play(site, seconds=PATIENCE))
    assert done.returncode == 0, done.stdout[-3000:]
    for host in HOSTS:
        assert "br-private" not in podman(host, "ls /sys/class/net")
        assert "private" not in podman(
            host, "ls /etc/systemd/network /etc/NetworkManager/system-connections 2>/dev/null || :"
        )
        assert podman(host, "ip -o address show dev eth1 scope global") == ""
        podman(host, f"test -s {others[host]} && rm {others[host]}")
    podman("node1", "nmcli connection reload")


@pytest.mark.usefixtures("as_before")
def test_a_node_gets_another_address(site: Site, play: Callable[..., list[str]]) -> None:
    new = {"control1": "10.89.0.111", "node1": "10.89.0.121"}
    for name, address in new.items():
        site["nodes"][name]["addresses"]["service"] = address
    before = reached_at(HOSTS)
    shown = run([*play(site), *before, "--check"])
    assert all(counts["changed"] == 1 for counts in recap(shown).values()), shown.stdout
    done = run([*play(site, seconds=PATIENCE), *before])
    assert done.returncode == 0, done.stdout[-3000:]
    for host, address in new.items():
        assert answers(address)
        assert HOSTS[host] + "/" not in podman(host, "ip -o address show dev eth0")
    # And back, from there.
    site = yaml.safe_load((SCENARIO / "inventory/site.yml").read_text())
    back = reached_at(new)
    done = run([*play(site, seconds=PATIENCE), *back])
    assert done.returncode == 0, done.stdout[-3000:]
    assert all(answers(address) for address in HOSTS.values())
