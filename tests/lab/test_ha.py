"""The failover pair on real kernels: DRBD, Heartbeat, fencing, pulled plugs and cables.

The tests build on each other and run in their order: each leaves a whole pair to the next one.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from b2ct.ha import drill as drills
from b2ct.ha import text
from b2ct.ha.nodes import PairNodes, open_pair
from b2ct.ha.recorder import Recorder
from b2ct.ha.status import status
from b2ct.ha.switch import switch
from b2ct.lab.inventory import write_inventory
from b2ct.lab.lab import Lab
from b2ct.lab.open import up
from b2ct.load import VaultOptions, read_site
from b2ct.verify.fleet import Login

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("lab-ha")]

ROOT = Path(__file__).resolve().parents[2]
SITE = Path(__file__).with_name("sites") / "ha2"
#: What moves besides address and volume: something small that answers, and has a state of its own.
UNIT = """\
[Unit]
Description=Answers on the service address
[Service]
ExecStart=/usr/bin/socat TCP-LISTEN:7000,fork,reuseaddr SYSTEM:'cat /srv/pair/name'
"""
#: Emulated on a busy host, scripts take several times as long as on hardware.
PATIENCE_S = 600.0
#: The address answers again within deadtime + 15 s in emulation on an idle host; told, and judged
#: with room for a busy one.
DEADTIME_S = 20.0


@dataclass(frozen=True)
class LabPair:
    """The pair in its lab."""

    lab: Lab
    nodes: PairNodes
    inventory: Path

    def play(self, *arguments: str) -> str:
        """Run the stage ha; give Ansible's words."""
        argv = [
            *(sys.executable, "-m", "ansible", "playbook"),
            *("-i", str(self.inventory / "site.yml"), str(ROOT / "playbooks" / "ha.yml")),
        ]
        env = os.environ | {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
        done = subprocess.run(
            [*argv, *arguments], cwd=ROOT, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        return done.stdout

    def active(self) -> str:
        """Give the name of the active node."""
        found = status(self.nodes)
        assert found.active is not None, text.status(found)
        return found.active.name

    def wait_whole(self, limit_s: float = PATIENCE_S) -> float:
        """Wait until the pair is well; give the seconds that took."""
        begun = time.monotonic()
        while time.monotonic() - begun < limit_s:
            found = status(self.nodes)
            if found.good:
                return time.monotonic() - begun
            time.sleep(2)
        raise AssertionError(text.status(found))

    def wait_volume(self, name: str, wanted: str, limit_s: float = PATIENCE_S) -> str:
        """Wait until a node's volume is so (a regular expression); give what it was last."""
        begun = time.monotonic()
        said = ""
        while time.monotonic() - begun < limit_s:
            said = self.nodes.run(name, "drbdadm cstate database; drbdadm dstate database").text
            if re.search(wanted, said):
                return said
            time.sleep(1)
        raise AssertionError(f"{name}: {said}")

    def boots(self, name: str) -> int:
        """Give how often a node was switched on by the lab's switch."""
        done = self.lab.run(name, "journalctl --list-boots --no-pager | wc -l")
        return int(done.stdout.strip() or 0)


def _progress(*_: object) -> None:
    pass


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabPair]:
    folder = tmp_path_factory.mktemp("pair") / "ha2"
    shutil.copytree(SITE, folder)
    made = up(folder, lambda told: print(told, file=sys.stderr), _progress)
    lab = made.lab
    try:
        inventory = write_inventory(lab.folder, lab.running)
        for name in ("control1", "control2"):
            done = lab.run(
                name,
                "cat > /etc/systemd/system/answer.service && systemctl daemon-reload",
                typed=UNIT,
            )
            assert done.returncode == 0, done.stderr
        loaded = read_site(inventory / "site.yml")
        with open_pair(loaded, VaultOptions(), Login()) as nodes:
            yield LabPair(lab, nodes, inventory)
    finally:
        lab.down()


def test_the_roles_make_a_pair(pair: LabPair) -> None:
    pair.play()
    pair.wait_whole()
    assert pair.active() == "control1"
    name = "echo one > /srv/pair/name"
    assert pair.nodes.run("control1", name).code == 0


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
    answer = pair.nodes.run("control2", "timeout 20 bash -c 'cat < /dev/tcp/10.77.0.5/7000'")
    assert answer.text == "one"


def test_the_active_node_s_plug_is_pulled_under_load(pair: LabPair) -> None:
    """The other node fences, takes over, and nothing acknowledged is lost; the node returns."""

    def pulled(nodes: PairNodes, active: str, _standby: str) -> None:
        found = pair.lab.process(active)
        assert found is not None
        os.kill(found.pid, 9)

    boots = pair.boots("control1")
    report = drills.drill(pair.nodes, "kill -9", pulled, _progress, limit_s=PATIENCE_S)
    print(text.drilled(report))
    assert report.good, report
    assert report.target == "control2"
    # Fenced before anything of it was taken over, though it was off already.
    assert DEADTIME_S - 5 < report.phases["detected"] < report.phases["fenced"]
    assert report.phases["fenced"] < report.phases["promoting"] < report.phases["mounting"]
    assert report.returned is not None
    assert pair.boots("control1") == boots + 1, "the fencing has switched it on again"
    assert pair.active() == "control2", "nothing moves back by itself"


def test_a_broken_replication_moves_nothing(pair: LabPair) -> None:
    """The active node outdates the other copy over the second link, and goes on."""
    active = pair.active()
    standby = pair.nodes.other(active)
    boots = pair.boots(standby)
    with Recorder(pair.nodes, active, "replication") as recorder:
        assert recorder.wait(10, 60), recorder.told
        pair.lab.pull(standby, "lan1")
        pair.wait_volume(active, r"UpToDate/Outdated")
        assert recorder.wait(10, PATIENCE_S), "writes go on"
        assert pair.active() == active
        found = status(pair.nodes)
        assert any("Outdated" in problem for problem in found.problems)
        with pytest.raises(Exception, match="not ready for a switch"):
            switch(pair.nodes, None, _progress)
        pair.lab.plug(standby, "lan1")
        pair.wait_whole()
    assert pair.boots(standby) == boots, "nobody was fenced"
    kept = pair.nodes.run(active, "cat /srv/pair/.b2ct-drill/replication").text.split()
    assert {str(number) for number, _ in recorder.acknowledged} <= set(kept)


def test_with_both_links_pulled_one_node_is_fenced(pair: LabPair) -> None:
    """The active one wins, the other one is switched off: there is no split brain."""
    active = pair.active()
    standby = pair.nodes.other(active)
    for card in ("lan0", "lan1"):
        pair.lab.pull(standby, card)
    # The cables of a machine that is switched on anew are still pulled: it waits.
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        told = pair.nodes.run(active, "journalctl --no-pager -t b2ct-fence -o cat | tail -n 3")
        if f"{standby} is off" in told.text:
            break
        time.sleep(2)
    else:
        raise AssertionError(told.text)
    assert pair.nodes.run(active, "echo two > /srv/pair/name && sync -f /srv/pair").code == 0
    assert pair.active() == active
    pair.lab.await_ssh(standby, PATIENCE_S)
    waits = pair.nodes.run(standby, "systemctl is-active heartbeat").text
    assert waits == "activating", "it does not start alone"
    for card in ("lan0", "lan1"):
        pair.lab.plug(standby, card)
    pair.wait_whole()
    assert pair.active() == active
    for name in pair.nodes.names:
        said = pair.nodes.run(name, "journalctl --no-pager -k | grep -i split-brain | wc -l")
        assert said.text == "0", f"{name} has seen a split brain"


def test_the_checks_of_verify_hold(pair: LabPair) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "b2ct.cli", "verify", str(pair.inventory), "--only", "ha"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
