"""The SAN on real kernels: three nodes, one disk over two paths, GFS2, fencing, a pulled plug.

The tests build on each other and run in their order.
"""

from __future__ import annotations

import base64
import itertools
import json
import re
import time
from pathlib import Path

import pytest

from tests.lab import runs
from tests.lab.conftest import MakeLab
from tests.lab.runs import b2ct, changed
from tests.lab.sans import MOUNT, San, lost, until, writers

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("lab-san")]

NODES = ("node1", "node2", "node3")


@pytest.fixture(scope="module")
def san(make_lab: MakeLab) -> San:
    return San(make_lab("san3"))


def test_a_disk_that_holds_something_is_refused(san: San) -> None:
    san.said("node1", "mke2fs -q -F -L home /dev/sda 4M")
    code, words = san.play()
    assert code == 2, words
    assert "lun0 (/dev/mapper/lun0) holds a signature of ext" in words
    assert "labelled home" in words
    assert "If that may be lost, write erase: [lun0] under san in site.yml" in words
    # The cluster is there, and nothing was written on the disk.
    assert "labelled" not in san.said("node2", "blkid -p -o value -s LABEL /dev/sdb")
    assert san.said("node2", "blkid -p -o value -s LABEL /dev/sdb") == "home"
    assert san.said("node1", "vgs --noheadings -o vg_name").split() == []


def test_with_consent_all_members_share_it(san: San) -> None:
    san.change("  luns:\n", "  erase: [lun0]\n  luns:\n")
    code, words = san.play("--tags", "san")
    assert code == 0, words
    for name in NODES:
        assert san.said(name, f"findmnt -n -o FSTYPE {MOUNT}") == "gfs2"
        assert san.said(name, f"stat -c %u:%g:%a {MOUNT}") == "9869:9869:750"
    assert san.said("node2", "vgs --noheadings -o vg_lock_type vg-san") == "dlm"
    # What one writes the others read.
    san.said("node3", f"echo of-node3 >{MOUNT}/note && sync {MOUNT}/note")
    assert san.said("node1", f"cat {MOUNT}/note") == "of-node3"


def test_a_second_run_changes_nothing(san: San) -> None:
    code, words = san.play()
    assert code == 0, words
    assert changed(words) == dict.fromkeys(NODES, 0)


def test_devices_and_disks_are_reported(san: San) -> None:
    asked = b2ct("fence", "status", str(san.site), "--json")
    assert asked.returncode == 0, asked.stdout + asked.stderr
    found = json.loads(asked.stdout)
    assert [one["node"] for one in found["devices"]] == list(NODES)
    assert found["good"]
    # Nobody watches the device that is for himself.
    assert all(one["watched_by"] not in {"", one["node"]} for one in found["devices"])
    asked = b2ct("san", "status", str(san.site), "--json")
    assert asked.returncode == 0, asked.stdout + asked.stderr
    assert [one["paths"] for one in json.loads(asked.stdout)["members"]] == [{"lun0": 2}] * 3


def test_a_member_that_dies_under_load_is_fenced_and_nothing_is_lost(
    san: San, tmp_path: Path
) -> None:
    boot = san.boot("node3")
    with writers(san, NODES, tmp_path) as found:
        until("all write", lambda: all(len(one.numbers()) > 10 for one in found.values()))
        begun = time.monotonic()
        # Its processors stop at once; nobody but the others' fencing starts it again.
        san.lab.power("node3", "off")
        at = {name: len(found[name].numbers()) for name in NODES}
        # One that waits for the journal of the dead one goes on when that is replayed.
        until(
            "the others write on",
            lambda: all(len(found[name].numbers()) > at[name] + 20 for name in ("node1", "node2")),
        )
        stalled = time.monotonic() - begun
        runs.told(f"the others wrote on {stalled:.0f} s after the plug was pulled")
    log = (san.lab.folder / "keeper.log").read_text()
    lines = san.lines()
    torn = [line for line in lines if not re.fullmatch(r"node[123] \d+", line)]
    assert torn == []
    assert len(lines) == len(set(lines)), "a record is there twice"
    assert lost(lines, found) == []
    # The node returns by itself: fencing switched it on again, and Pacemaker mounts.
    back = san.await_mounted("node3")
    runs.told(f"node3 has mounted again {back:.0f} s later")
    assert san.boot("node3") != boot
    assert len(san.said("node3", f"cat {MOUNT}/all").split("\n")) >= len(lines)
    assert "node3" in log


def test_a_member_that_is_cut_off_is_fenced_before_two_write(san: San, tmp_path: Path) -> None:
    """It lives and goes on writing, as far as it knows; nothing of it comes after the fencing."""
    boot = san.boot("node3")
    with writers(san, NODES, tmp_path, first=100_000) as found:
        until("all write", lambda: all(len(one.numbers()) > 10 for one in found.values()))
        with runs.unplugged(san.lab, "node3", "lan0", "lan1"):
            at = {name: len(found[name].numbers()) for name in NODES}
            until(
                "the others write on",
                lambda: all(
                    len(found[name].numbers()) > at[name] + 20 for name in ("node1", "node2")
                ),
            )
        lines = san.lines()
    # What the one that was cut off acknowledged before it was switched off is there as well.
    assert lost(lines, {"node3": found["node3"]}) == []
    fenced = san.said("node1", "stonith_admin --history node3 --verbose 2>/dev/null | tail -n 5")
    assert "reboot" in fenced or "off" in fenced, fenced
    san.await_mounted("node3")
    assert san.boot("node3") != boot


def test_after_a_power_cut_of_all_everything_is_mounted(san: San) -> None:
    lines = san.said("node1", f"wc -l <{MOUNT}/all")
    for name in NODES:
        san.lab.power(name, "off")
    for name in NODES:
        san.lab.power(name, "on")
    for name in NODES:
        san.await_mounted(name)
        assert san.said(name, f"wc -l <{MOUNT}/all") == lines
        assert san.said(name, "lvs --noheadings -o lv_active vg-san/one") == "active"


def test_room_and_a_journal_are_added_while_all_is_in_use(san: San) -> None:
    before = int(san.said("node2", f"df --block-size=1M --output=size {MOUNT} | tail -n 1"))
    san.change("journals: 3, journal_size: 32MiB, size: 1GiB", "journals: 4, journal_size: 32MiB")
    for name, path in itertools.product(NODES, ("lun0-path0", "lun0-path1")):
        san.lab.monitor(name, "block_resize", **{"node-name": path, "size": 3 << 30})
    code, words = san.play("--tags", "san", "--check", "--diff")
    assert code == 0, words
    assert "take over that lun0 has grown by 1024 MiB" in words
    assert "grow the volume vg-san/one by" in words
    assert int(san.said("node2", f"df --block-size=1M --output=size {MOUNT} | tail -n 1")) == before
    grown = b2ct("san", "grow", str(san.site))
    assert grown.returncode == 0, grown.stdout + grown.stderr
    after = int(san.said("node2", f"df --block-size=1M --output=size {MOUNT} | tail -n 1"))
    assert after > before + 1500
    for name in NODES:
        assert int(san.said(name, "blockdev --getsize64 /dev/vg-san/one")) > 2 << 30
    found = san.said("node1", "gfs2_edit -p jindex /dev/vg-san/one")
    assert len(set(re.findall(r"\bjournal(\d+)\b", found))) == 4


def test_checks_of_verify_accept_it(san: San) -> None:
    done = b2ct("verify", str(san.site), *NODES, "--only", "cluster", "--only", "san")
    assert done.returncode == 0, done.stdout + done.stderr


#: Boots in a virtual machine of a member, and writes a numbered block a second to its disk.
TICK = """\
#!/bin/busybox sh
export PATH=/bin
busybox mount -t devtmpfs dev /dev
for name in virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk; do
    [ ! -e /modules/$name.ko ] || busybox insmod /modules/$name.ko
done
number=0
while :; do
    number=$((number + 1))
    busybox printf '%-511s\\n' "tick $number" |
        busybox dd of=/dev/vda bs=512 seek=$number conv=fsync 2>/dev/null
    busybox sleep 1
done
"""
DOMAIN = f"""\
<domain type='kvm'>
  <name>tick</name>
  <memory unit='MiB'>160</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    <kernel>{MOUNT}/tick/kernel</kernel>
    <initrd>{MOUNT}/tick/initrd</initrd>
    <cmdline>console=ttyS0 mitigations=off quiet</cmdline>
  </os>
  <cpu mode='host-passthrough'/>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw' cache='none'/>
      <source file='{MOUNT}/tick/disk'/>
      <target dev='vda' bus='virtio'/>
    </disk>
    <memballoon model='none'/>
  </devices>
</domain>
"""
PREPARE = f"""\
set -eu
mkdir -p {MOUNT}/tick /tmp/tree/bin /tmp/tree/dev /tmp/tree/modules
cp /boot/vmlinuz-$(uname -r) {MOUNT}/tick/kernel
for name in virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk; do
    for file in $(find /lib/modules/$(uname -r) -name "$name.ko*"); do
        case $file in
            *.xz) xz -dc "$file" >/tmp/tree/modules/$name.ko ;;
            *) cp "$file" /tmp/tree/modules/$name.ko ;;
        esac
    done
done
base64 -d >/tmp/tree/bin/busybox
chmod 755 /tmp/tree/bin/busybox /tmp/tree/init
(cd /tmp/tree && find . | cpio -o -H newc --quiet) >{MOUNT}/tick/initrd
truncate -s 4M {MOUNT}/tick/disk
"""
#: OpenNebula lets its virtual machines run as oneadmin; here root does.
AS_ROOT = """\
printf 'user = "root"\\ngroup = "root"\\nsecurity_driver = "none"\\n' >>/etc/libvirt/qemu.conf
modprobe kvm_amd && systemctl restart libvirtd
"""


def ticks(san: San, node: str) -> list[int]:
    """Give the numbers on the virtual machine's disk, as a member reads them."""
    said = san.said(node, f"tr -d '\\0' <{MOUNT}/tick/disk")
    return [int(number) for number in re.findall(r"^tick (\d+) *$", said, re.M)]


def test_a_running_machine_is_migrated_while_it_ticks(san: San) -> None:
    san.said("node1", f"mkdir -p /tmp/tree && cat >/tmp/tree/init <<'END'\n{TICK}END")
    busybox = base64.b64encode(Path("/bin/busybox").read_bytes()).decode()
    done = san.lab.run("node1", PREPARE, typed=busybox, limit_s=600)
    assert done.returncode == 0, done.stderr
    key = san.said(
        "node1",
        "mkdir -p -m 700 /root/.ssh; [ -e /root/.ssh/id_ed25519 ] ||"
        " ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519; cat /root/.ssh/id_ed25519.pub",
    )
    san.said("node2", f"mkdir -p -m 700 /root/.ssh && echo '{key}' >>/root/.ssh/authorized_keys")
    for node in ("node1", "node2"):
        san.said(node, AS_ROOT)
    san.said("node1", f"virsh -q create /dev/stdin <<'END'\n{DOMAIN}END")
    until("it ticks", lambda: len(ticks(san, "node1")) > 5)
    begun = time.monotonic()
    san.said(
        "node1",
        "virsh -q migrate --live --migrateuri tcp://10.77.0.22 tick"
        " 'qemu+ssh://root@10.77.0.22/system?no_verify=1'",
    )
    runs.told(f"migrated in {time.monotonic() - begun:.0f} s")
    assert san.said("node1", "virsh -q list --name") == ""
    assert san.said("node2", "virsh -q list --name") == "tick"
    seen = len(ticks(san, "node3"))
    until("it ticks on", lambda: len(ticks(san, "node3")) > seen + 5)
    found = ticks(san, "node3")
    assert found == list(range(1, len(found) + 1)), "it went on where it was, and missed nothing"
    san.said("node2", "virsh -q destroy tick")
