"""The lab itself: two nodes are who the site says, share a disk, and can be hurt and healed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from b2ct.errors import B2ctError
from b2ct.lab.inventory import FOLDER
from b2ct.lab.lab import Lab
from tests.lab import runs
from tests.lab.conftest import Clock, MakeLab, qemu_s

pytestmark = pytest.mark.lab

WWID = "350000b2c70000001"
until = partial(runs.until, limit_s=120, pause_s=0.3)


@pytest.fixture(scope="module")
def lab(make_lab: MakeLab) -> Lab:
    return make_lab("pair")


def said(lab: Lab, node: str, command: str) -> str:
    done = lab.run(node, command)
    assert done.returncode == 0, f"{node}: {command}: {done.stderr}"
    return done.stdout.strip()


def test_nodes_are_who_the_site_says(lab: Lab) -> None:
    for name, address in (("node1", "10.77.0.21"), ("node2", "10.77.0.22")):
        assert said(lab, name, "hostname") == name
        assert said(lab, name, "hostname -f") == f"{name}.lab.example.org"
        told = json.loads(said(lab, name, "ip -j -4 address show dev lan0"))
        assert [info["local"] for info in told[0]["addr_info"]] == [address]
        clock = float(said(lab, name, "date +%s"))
        assert abs(clock - time.time()) < 30
    keys = {said(lab, name, "cat /etc/machine-id") for name in ("node1", "node2")}
    assert len(keys) == 2
    chance = {said(lab, name, "cat /proc/sys/kernel/random/uuid") for name in ("node1", "node2")}
    assert len(chance) == 2


def test_a_node_s_journal_is_its_own(lab: Lab) -> None:
    told = said(
        lab,
        "node1",
        "logger -t b2ct-here found; journalctl --sync; journalctl -b -t b2ct-here -o cat",
    )
    assert told == "found"


def test_the_admin_has_sudo_and_nobody_a_password(lab: Lab) -> None:
    argv = [*lab.ssh_argv("node1"), "id -un; sudo -n id -un"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["ada", "root"]


def test_nodes_reach_each_other_on_both_networks(lab: Lab) -> None:
    for address in ("10.77.0.22", "10.78.0.22"):
        said(lab, "node1", f"ping -c 2 -W 5 {address}")
    # The site's route is the machine's; what it does not lead to goes out over the host.
    assert "via 10.77.0.1 dev lan0" in said(lab, "node1", "ip route show default")
    assert "dev lab0" in said(lab, "node1", "ip route get 192.0.2.1")


def test_both_see_one_disk_over_two_paths(lab: Lab) -> None:
    for name in ("node1", "node2"):
        rows = json.loads(said(lab, name, "lsblk -J -S -o NAME,SERIAL,WWN"))["blockdevices"]
        assert [row["wwn"] for row in rows] == ["0x50000b2c70000001"] * 2
        ids = said(lab, name, "for d in sda sdb; do /lib/udev/scsi_id -g -u -d /dev/$d; done")
        assert ids.split() == [WWID, WWID]
    said(lab, "node1", "echo from-node1 | dd of=/dev/sda bs=512 seek=8 conv=sync oflag=direct")
    read = said(lab, "node2", "dd if=/dev/sdb bs=512 skip=8 count=1 iflag=direct | tr -d '\\0'")
    assert read.strip() == "from-node1"
    said(lab, "node1", "mkdir -p /etc/multipath; printf 'defaults {\\nfind_multipaths no\\n}\\n"
         "blacklist {\\ndevnode \"^vd\"\\n}\\n' >/etc/multipath.conf; multipath")  # fmt: skip
    listed = said(lab, "node1", "multipath -ll")
    assert WWID in listed
    assert len([line for line in listed.splitlines() if " sd" in line]) == 2


def test_the_volume_of_drbd_is_there(lab: Lab) -> None:
    assert said(lab, "node2", "lvs --noheadings -o vg_name,lv_name,lv_size --units m").split() == [
        "b2ct", "database", "64.00m",
    ]  # fmt: skip


def test_services_of_the_cluster_are_there_and_off(lab: Lab) -> None:
    units = "corosync pacemaker dlm lvmlockd heartbeat drbd multipathd iscsid mariadb keepalived"
    told = lab.run("node1", f"systemctl is-enabled {units}; systemctl is-active {units}").stdout
    words = told.split()
    assert words[:10] == ["disabled"] * 10
    assert "active" not in words[10:]
    said(lab, "node1", "modprobe -a dlm gfs2 drbd dm_multipath softdog")


def test_a_pulled_cable_is_pulled(lab: Lab) -> None:
    lab.pull("node1", "lan1")
    try:
        until("no carrier", lambda: said(lab, "node1", "cat /sys/class/net/lan1/carrier") == "0")
        assert lab.run("node1", "ping -c 1 -W 2 10.78.0.22").returncode != 0
        said(lab, "node1", "ping -c 1 -W 5 10.77.0.22")
    finally:
        lab.plug("node1", "lan1")
    until("ping", lambda: lab.run("node1", "ping -c 1 -W 2 10.78.0.22").returncode == 0)
    with pytest.raises(B2ctError, match="lan7"):
        lab.pull("node1", "lan7")


def test_a_frozen_node_does_nothing_and_goes_on(lab: Lab) -> None:
    lab.freeze("node2")
    assert lab.run("node1", "ping -c 1 -W 2 10.77.0.22").returncode != 0
    assert lab.power("node2", "status") == "on"
    lab.thaw("node2")
    until("ping", lambda: lab.run("node1", "ping -c 1 -W 2 10.77.0.22").returncode == 0)


def test_a_broken_path_fails_and_is_mended(lab: Lab) -> None:
    read = "dd if=/dev/{} of=/dev/null bs=512 count=1 iflag=direct"
    lab.break_disk("node2", "lun0-path1")
    assert "Input/output error" in lab.run("node2", read.format("sdb")).stderr
    said(lab, "node2", read.format("sda"))
    lab.mend_disk("node2", "lun0-path1")
    said(lab, "node2", read.format("sdb"))
    lab.break_disk("node2", "own")
    assert "Input/output error" in lab.run("node2", read.format("vdb")).stderr
    lab.mend_disk("node2", "own")
    said(lab, "node2", read.format("vdb"))


def test_ansible_reaches_the_nodes(lab: Lab) -> None:
    inventory = lab.folder / FOLDER / "site.yml"
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "adhoc", "-i", str(inventory), "all", "--become",
         "-m", "ansible.builtin.command", "-a", "id -un"],
        capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("root") == 2


def test_a_node_fences_the_other(lab: Lab, lab_clock: Clock) -> None:
    lab.pull("node2", "lan1")
    fence = "printf 'action=%s\\nplug=node2\\n' {} | fence_b2ctlab"
    said(lab, "node1", fence.format("monitor"))
    assert said(lab, "node1", fence.format("status")) == "Status: ON"
    said(lab, "node2", "echo before >/root/kept; sync")
    machine = lab.process("node2")
    assert machine is not None
    said(lab, "node1", fence.format("off"))
    assert not machine.alive
    assert lab.run("node1", fence.format("status")).returncode == 2
    said(lab, "node1", fence.format("off"))
    assert lab.power("node2", "status") == "off"
    begun = time.monotonic()
    said(lab, "node1", fence.format("on"))
    guest = lab.running.guest("node2")
    lab.greet(guest)
    lab.await_ssh(guest)
    again = lab.process("node2")
    assert again is not None
    lab_clock.note("one node boots after a fence", begun, again.cpu_s)
    assert said(lab, "node2", "hostname; cat /root/kept").split() == ["node2", "before"]
    told = json.loads(said(lab, "node2", "ip -j -4 address show dev lan0"))
    assert [info["local"] for info in told[0]["addr_info"]] == ["10.77.0.22"]
    assert said(lab, "node2", "cat /sys/class/net/lan1/carrier") == "0", "a cable stays out"
    lab.plug("node2", "lan1")
    until("ping", lambda: lab.run("node1", "ping -c 1 -W 2 10.78.0.22").returncode == 0)
    log = (lab.folder / "keeper.log").read_text()
    assert "node2: off asked by an agent" in log


def test_reboot_from_within_is_the_same_machine(lab: Lab) -> None:
    before = said(lab, "node1", "cat /proc/sys/kernel/random/boot_id")
    process = lab.process("node1")
    lab.run("node1", "systemctl reboot")
    until("another boot", lambda: _boot_id(lab, "node1") not in {"", before}, limit_s=600)
    assert lab.process("node1") == process


def _boot_id(lab: Lab, name: str) -> str:
    try:
        return lab.run(name, "cat /proc/sys/kernel/random/boot_id", limit_s=30).stdout.strip()
    except B2ctError:
        return ""


def test_down_leaves_nothing(lab: Lab, lab_clock: Clock) -> None:
    processes = [lab.process("node1"), lab.process("node2"), lab.keeper]
    assert all(processes)
    used = qemu_s(lab)
    begun = time.monotonic()
    lab.down()
    lab_clock.note("down", begun, used)
    assert not any(process.alive for process in processes if process is not None)
    assert not lab.folder.exists()
    assert not lab.running.sockets.exists()
    left = subprocess.run(["pgrep", "-f", str(lab.folder)], capture_output=True, check=False)
    assert left.stdout == b""
