"""SBD on real kernels: two nodes, a shared disk for poison pills, watchdogs that bite.

One node has a watchdog card (QEMU's i6300esb), the other one softdog. Nothing but the disk fences:
the lab's power switch is asked by nobody. The tests build on each other and run in their order.
"""

from __future__ import annotations

import json
import time
from functools import partial

import pytest

from plugins.module_utils import cluster_state
from tests.lab import runs
from tests.lab.conftest import MakeLab
from tests.lab.runs import BOOT_ID, StorageLab, b2ct, changed, told

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("lab-sbd")]

NODES = ("node1", "node2")
DISK = "/dev/disk/by-id/scsi-350000b2c70000001"
#: Seconds of the site file.
WATCHDOG_S, MSGWAIT_S = 40, 80
#: Emulated on a busy host, everything takes several times as long as on hardware.
until = partial(runs.until, limit_s=1200.0)


class Sbd(StorageLab):
    """The site in its lab."""

    def header(self, node: str) -> str:
        """Give the sums of what SBD writes once: a header that is written anew has another UUID."""
        return self.said(node, f"dd if={DISK} iflag=direct bs=512 count=1 status=none | sha256sum")

    def has_started_anew(self, node: str, boot: str) -> bool:
        """Tell whether a node answers, and not from the start that is known."""
        return self.answer(node, BOOT_ID, limit_s=30) not in {None, "", boot}

    def await_back(self, node: str, boot: str) -> float:
        """Wait until a node has started anew and is in the cluster; give how long it took."""
        other = NODES[1 - NODES.index(node)]

        def is_back() -> bool:
            if not self.has_started_anew(node, boot):
                return False
            asked = self.lab.run(other, "crm_mon --one-shot --output-as=xml", limit_s=60)
            return asked.returncode == 0 and node in cluster_state.read(asked.stdout).online

        return until(f"{node} is back", is_back)

    def fencings(self, node: str, asked_of: str) -> list[str]:
        """Give what Pacemaker remembers of a node's fencing, where it succeeded."""
        found = self.said(asked_of, f"stonith_admin --history {node} --verbose 2>/dev/null; true")
        return [
            line for line in found.splitlines() if "successful" in line or " was able to " in line
        ]


@pytest.fixture(scope="module")
def sbd(make_lab: MakeLab) -> Sbd:
    return Sbd(make_lab("sbd2"))


def test_a_disk_that_holds_something_is_refused(sbd: Sbd) -> None:
    sbd.said("node2", f"mke2fs -q -F -L home {DISK} 4M && sync {DISK}")
    before = sbd.said("node2", f"dd if={DISK} iflag=direct bs=1M status=none | sha256sum")
    code, words = sbd.play()
    assert code == 2, words
    assert f"sbd1 ({DISK}) holds a signature of ext" in words
    assert "labelled home" in words
    assert "If that may be lost, write erase: [sbd1] under cluster, sbd in site.yml" in words
    # Nothing was written on it, and no cluster runs that believes in it.
    after = sbd.said("node2", f"dd if={DISK} iflag=direct bs=1M status=none | sha256sum")
    assert after == before
    for node in NODES:
        assert sbd.said(node, "systemctl is-active corosync; true") == "inactive"


def test_with_consent_the_members_fence_with_it(sbd: Sbd) -> None:
    sbd.change("    disks:\n", "    erase: [sbd1]\n    disks:\n")
    code, words = sbd.play()
    assert code == 0, words
    # The node without a card is warned of, the other one is not.
    assert "node2 has no watchdog of the hardware" in words
    assert "node1 has no watchdog of the hardware" not in words
    times = sbd.said("node2", f"sbd -d {DISK} dump")
    assert f"Timeout (watchdog) : {WATCHDOG_S}" in times
    assert f"Timeout (msgwait)  : {MSGWAIT_S}" in times


def test_a_second_run_changes_nothing(sbd: Sbd) -> None:
    """The consent still stands in the site file, and the header is not written again."""
    before = sbd.header("node1")
    for arguments in (("--check", "--diff"), ()):
        code, words = sbd.play(*arguments)
        assert code == 0, words
        assert changed(words) == dict.fromkeys(NODES, 0), words
    assert sbd.header("node1") == before


def test_disks_and_watchdogs_are_reported(sbd: Sbd) -> None:
    asked = b2ct("fence", "status", str(sbd.site), "--json")
    assert asked.returncode == 0, asked.stdout + asked.stderr
    found = json.loads(asked.stdout)
    assert found["good"]
    assert [(one["node"], one["agent"]) for one in found["devices"]] == [
        (name, "fence_sbd") for name in NODES
    ]
    first, second = found["sbd"]
    assert first["watchdog"] == "i6300ESB timer"
    assert second["watchdog"] == "Software Watchdog"
    assert (first["software"], second["software"]) == (False, True)
    for one in found["sbd"]:
        assert (one["running"], one["armed"], one["timeout"]) == (True, True, WATCHDOG_S)
        assert one["disks"] == [
            {
                "device": DISK,
                "watchdog": WATCHDOG_S,
                "msgwait": MSGWAIT_S,
                "slots": dict.fromkeys(NODES, "clear"),
            }
        ]


def test_checks_of_verify_accept_it(sbd: Sbd) -> None:
    done = b2ct("verify", str(sbd.site), *NODES, "--only", "cluster", "--only", "sbd")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_pill_kills_and_the_member_comes_back(sbd: Sbd) -> None:
    boot = sbd.boot("node2")
    begun = time.monotonic()
    done = b2ct("fence", "test", str(sbd.site), "node2", "--consent", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    (fenced,) = json.loads(done.stdout)["fenced"]
    told(f"fence test: {fenced}, {time.monotonic() - begun:.0f} s in all")
    # It counts as off only when the pill has had its time.
    assert fenced["off_and_on_s"] >= MSGWAIT_S
    assert sbd.boot("node2") != boot
    # What switched it off was the disk: the power switch of the lab heard nothing.
    log = (sbd.lab.folder / "keeper.log").read_text()
    assert "asked by an agent" not in log
    assert "ended by itself" not in log


def test_a_member_that_is_cut_off_takes_its_pill(sbd: Sbd) -> None:
    """It lives, hears nobody, and reads the disk: one member is left, and it is known which one."""
    boots = {name: sbd.boot(name) for name in NODES}
    before = len(sbd.fencings("node2", "node1"))
    begun = time.monotonic()
    with runs.unplugged(sbd.lab, "node2", "lan0", "lan1"):
        until("node2 has started anew", lambda: sbd.has_started_anew("node2", boots["node2"]))
        told(f"node2 was shot and had started {time.monotonic() - begun:.0f} s after the pull")
        until(
            "node1 knows that node2 is off",
            lambda: len(sbd.fencings("node2", "node1")) > before,
        )
        told(f"node1 knew it {time.monotonic() - begun:.0f} s after the pull")
        assert sbd.boot("node1") == boots["node1"], "the first member shoots first, and is left"
    told(f"node2 is back {sbd.await_back('node2', boots['node2']):.0f} s after the cables were in")
    assert sbd.boot("node1") == boots["node1"]


@pytest.mark.parametrize("node", NODES)
def test_the_watchdog_bites_where_sbd_hangs(sbd: Sbd, node: str) -> None:
    """The card of the first member, softdog of the second: SBD hangs, and its member is reset."""
    boot = sbd.boot(node)
    begun = time.monotonic()
    sbd.said(node, "pkill -STOP -x sbd")
    until(f"{node} was reset", lambda: sbd.has_started_anew(node, boot))
    told(f"{node} was reset and had started {time.monotonic() - begun:.0f} s after SBD stopped")
    told(f"{node} is back {sbd.await_back(node, boot):.0f} s later")


def test_the_disk_is_as_it_was(sbd: Sbd) -> None:
    """All is well again, and no pill is left on the disk."""
    # A member that has just started takes its devices up after a while.
    until("every device answers", lambda: b2ct("fence", "status", str(sbd.site)).returncode == 0)
    done = b2ct("verify", str(sbd.site), *NODES, "--only", "cluster", "--only", "sbd")
    assert done.returncode == 0, done.stdout + done.stderr
