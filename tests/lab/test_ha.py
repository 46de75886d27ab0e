"""The failover pair on real kernels: DRBD, Heartbeat or Pacemaker, fencing, pulled plugs, cables.

The tests build on each other and run in their order: each leaves a whole pair to the next one.
``-k heartbeat`` and ``-k pacemaker`` choose an engine; ``B2CT_LAB_DRILLS`` says how many drills
are done in a row.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import time
from collections.abc import Iterator

import pytest

from b2ct.errors import B2ctError
from b2ct.ha import drill as drills
from b2ct.ha import text
from b2ct.ha.recorder import Recorder
from b2ct.ha.status import status
from b2ct.ha.switch import switch
from b2ct.model import HaEngine
from tests.lab.pairs import MOUNT, PATIENCE_S, LabPair, install_unit, open_lab_pair
from tests.lab.runs import SITES, b2ct, lab_of, unplugged

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("lab-ha")]

DEADTIME_S = 20.0
DRILLS = int(os.environ.get("B2CT_LAB_DRILLS", "3"))


def _progress(*_: object) -> None:
    pass


@pytest.fixture(
    scope="module",
    params=[pytest.param("ha2", id="heartbeat"), pytest.param("ha2p", id="pacemaker")],
)
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LabPair]:
    with lab_of(SITES / request.param, tmp_path_factory.mktemp("pair")) as lab:
        install_unit(lab)
        with open_lab_pair(lab) as found:
            yield found


def test_the_roles_make_a_pair(pair: LabPair) -> None:
    pair.play()
    pair.wait_whole()
    assert pair.active() == "control1"
    assert pair.nodes.run("control1", f"echo one > {MOUNT}/name").code == 0
    assert pair.answer() == "one"


def test_a_second_run_changes_nothing_in_check_mode_or_for_real(pair: LabPair) -> None:
    for arguments in (("--check", "--diff"), ()):
        said = pair.play(*arguments)
        changed = re.findall(r"changed=(\d+)", said)
        assert changed == ["0", "0"], said[-6000:]


def test_a_planned_switch_and_back_loses_nothing(pair: LabPair) -> None:
    for target in ("control2", "control1"):
        report = drills.drill(pair.nodes, "switch", drills.strike_of(drills.Kind.SWITCH), _progress)
        print(text.drilled(report))
        assert report.good, report
        assert pair.active() == target
        assert pair.answer() == "one"


def test_the_active_node_s_plug_is_pulled_under_load(pair: LabPair) -> None:
    """The other node fences, takes over, and nothing acknowledged is lost; the node returns."""
    source = pair.active()
    starts = pair.starts(source)
    report = drills.drill(pair.nodes, "kill -9", pair.killed, _progress, limit_s=PATIENCE_S)
    print(text.drilled(report))
    assert report.good, report
    assert report.target == pair.nodes.other(source)
    # Fenced before anything of it was taken over, though it was off already.
    assert report.phases["detected"] < report.phases["fenced"]
    assert report.phases["fenced"] < report.phases["promoting"] < report.phases["mounting"]
    if pair.nodes.pair.engine is HaEngine.HEARTBEAT:
        assert report.phases["detected"] > DEADTIME_S - 5
    assert report.returned is not None
    assert pair.starts(source) == starts + 1, "the fencing has switched it on again, once"
    assert pair.active() == report.target, "nothing moves back by itself"
    assert pair.answer() == "one"


def test_a_broken_replication_moves_nothing(pair: LabPair) -> None:
    """The other copy is outdated over the second link, and the active node goes on."""
    active = pair.active()
    standby = pair.nodes.other(active)
    starts = pair.starts(standby)
    heartbeat = pair.nodes.pair.engine is HaEngine.HEARTBEAT
    with Recorder(pair.nodes, active, "replication") as recorder:
        assert recorder.wait(10, 60), recorder.told
        with unplugged(pair.lab, standby, "lan1"):
            pair.wait_volume(active, r"UpToDate/Outdated")
            assert recorder.wait(10, PATIENCE_S), "writes go on"
            assert pair.active() == active
            found = status(pair.nodes)
            # Heartbeat's copy is told so itself; Pacemaker is told who may be active.
            why = "Outdated" if heartbeat else f"{standby} may not take over"
            assert any(why in problem for problem in found.problems), text.status(found)
            with pytest.raises(B2ctError, match="not ready for a switch"):
                switch(pair.nodes, None, _progress)
        pair.wait_whole()
    assert pair.starts(standby) == starts, "nobody was fenced"
    assert {number for number, _ in recorder.acknowledged} <= pair.kept("replication")


def test_with_both_links_pulled_one_node_is_fenced(pair: LabPair) -> None:
    """The active one wins, the other one is switched off: there is no split brain."""
    active = pair.active()
    standby = pair.nodes.other(active)
    starts = {name: pair.starts(name) for name in pair.nodes.names}
    with unplugged(pair.lab, standby, "lan0", "lan1"):
        # The cables of a machine that is switched on anew are still pulled: it waits.
        pair.wait(f"{standby} is fenced", lambda: pair.starts(standby) > starts[standby])
        assert pair.nodes.run(active, f"echo two > {MOUNT}/name && sync -f {MOUNT}").code == 0
        assert pair.active() == active
        pair.lab.await_ssh(pair.lab.running.guest(standby), PATIENCE_S)
        if pair.nodes.pair.engine is HaEngine.HEARTBEAT:
            asked = "systemctl is-active heartbeat"
            pair.wait(
                f"{standby} waits for the other node",
                lambda: pair.nodes.run(standby, asked).text == "activating",
            )
        # Longer than it takes a lone node to give the other one up.
        time.sleep(2 * DEADTIME_S)
        assert pair.nodes.run(standby, f"mountpoint -q {MOUNT}").code != 0, (
            "it does not start alone"
        )
        assert pair.starts(active) == starts[active], "the active node is left alone"
        assert pair.starts(standby) == starts[standby] + 1, "it was switched off once"
    pair.wait_whole()
    assert pair.active() == active
    assert pair.answer() == "two"
    for name in pair.nodes.names:
        said = pair.nodes.run(name, "journalctl --no-pager -t b2ct-drbd | grep -c split.brain")
        assert said.text == "0", f"{name} has seen a split brain"


def test_links_that_break_one_after_the_other_leave_the_active_node_alone(pair: LabPair) -> None:
    """The other copy is outdated when the second link breaks: it could not take over, and waits."""
    active = pair.active()
    standby = pair.nodes.other(active)
    starts = pair.starts(active)
    with Recorder(pair.nodes, active, "one-by-one") as recorder:
        assert recorder.wait(10, 60), recorder.told
        with unplugged(pair.lab, standby, "lan1"):
            pair.wait_volume(active, r"UpToDate/Outdated")
            if pair.nodes.pair.engine is HaEngine.HEARTBEAT:
                pair.wait_volume(standby, r"Outdated/DUnknown")
            with unplugged(pair.lab, standby, "lan0"):
                # Longer than it takes a node to give the other one up.
                time.sleep(3 * DEADTIME_S)
                assert pair.active() == active
                assert recorder.wait(10, PATIENCE_S), "writes go on"
        pair.wait_whole()
    assert pair.active() == active
    assert pair.starts(active) == starts, "the active node is left alone"
    assert {number for number, _ in recorder.acknowledged} <= pair.kept("one-by-one")


def test_a_disk_that_fails_is_left_and_the_active_node_goes_on(pair: LabPair) -> None:
    """The active node reads and writes the other one's copy until its disk is mended."""
    active = pair.active()
    with Recorder(pair.nodes, pair.nodes.other(active), "disk") as recorder:
        assert recorder.wait(10, 60), recorder.told
        pair.lab.break_disk(active, "own")
        pair.wait_volume(active, r"Diskless/UpToDate")
        assert recorder.wait(20, PATIENCE_S), "writes go on"
    assert pair.active() == active
    found = status(pair.nodes)
    assert f"{active}: its copy of database is Diskless" in found.problems
    told = pair.nodes.run(active, "journalctl --no-pager -t b2ct-drbd -o cat").text
    assert "this machine's disk failed" in told
    pair.lab.mend_disk(active, "own")
    assert pair.nodes.run(active, "drbdadm attach database").code == 0
    pair.wait_whole()
    assert {number for number, _ in recorder.acknowledged} <= pair.kept("disk")


def test_a_full_volume_refuses_writes_and_moves_nothing(pair: LabPair) -> None:
    active = pair.active()
    starts = {name: pair.starts(name) for name in pair.nodes.names}
    # Most of it at once, without writing it.
    pair.nodes.run(active, f"fallocate -l $(df -B1 --output=avail {MOUNT} | tail -1) {MOUNT}/full")
    pair.nodes.run(active, f"dd if=/dev/zero of={MOUNT}/full-rest bs=64k; sync -f {MOUNT}")
    # Down to the last block: a record needs one.
    small = f"dd if=/dev/zero of={MOUNT}/full-$n bs=1k count=1 conv=fsync"
    asked = f"n=0; while {small} && [ $n -lt 2000 ]; do n=$((n+1)); done; {small}"
    told = pair.nodes.run(active, asked, timeout_s=PATIENCE_S)
    assert "No space left" in told.text
    with Recorder(pair.nodes, pair.nodes.other(active), "full") as recorder:
        assert not recorder.wait(1, 30), "nothing is acknowledged that has no room"
        assert status(pair.nodes).good
        assert pair.nodes.run(active, f"rm {MOUNT}/full*").code == 0
        assert recorder.wait(10, PATIENCE_S), recorder.told
    assert pair.active() == active
    assert {name: pair.starts(name) for name in pair.nodes.names} == starts
    assert {number for number, _ in recorder.acknowledged} <= pair.kept("full")


def test_a_service_that_dies_is_started_again_where_it_was(pair: LabPair) -> None:
    active = pair.active()
    before = pair.nodes.run(active, "systemctl show -P MainPID answer.service").text
    # Heartbeat leaves it to systemd; Pacemaker starts also what was stopped behind its back.
    heartbeat = pair.nodes.pair.engine is HaEngine.HEARTBEAT
    strike = "kill --signal KILL" if heartbeat else "stop"
    assert pair.nodes.run(active, f"systemctl {strike} answer.service").code == 0
    took = pair.wait(
        "it answers again",
        lambda: pair.nodes.run(active, "systemctl is-active answer.service").text == "active",
        120,
    )
    print(f"answer.service ran again after {took:.0f} s")
    assert pair.nodes.run(active, "systemctl show -P MainPID answer.service").text != before
    assert pair.answer() == "two"
    assert pair.active() == active
    pair.wait_whole()


@pytest.mark.parametrize("kind", ["power", "crash"])
def test_drills_in_a_row_lose_nothing(pair: LabPair, kind: str) -> None:
    """As an admin does them: with the command."""
    count = str(DRILLS)
    site = str(pair.inventory)
    done = b2ct("ha", "drill", site, "--kind", kind, "--consent", "--count", count, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)["drills"]
    assert len(found) == DRILLS
    print(f"{kind}:", ", ".join(f"{one['outage_s']} s" for one in found))
    for before, after in itertools.pairwise(found):
        assert before["to"] == after["from"], "nothing moves back by itself"
    assert all(one["acknowledged"] >= 40 and not one["lost"] for one in found)


def test_the_checks_of_verify_hold(pair: LabPair) -> None:
    done = b2ct("verify", str(pair.inventory), "--only", "ha")
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout)
