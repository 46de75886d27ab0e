"""A cluster of two members and its third one: what two do alone, and how another one joins them.

The tests build on each other and run in their order.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from tests.lab import runs
from tests.lab.conftest import MakeLab
from tests.lab.runs import b2ct, changed
from tests.lab.sans import MOUNT, San, lost, until, writers

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("lab-san-joins")]

TWO = ("node1", "node2")
THREE = (*TWO, "node3")
MEMBERS = "  nodes: [node1, node2]\n"


@pytest.fixture(scope="module")
def san(make_lab: MakeLab) -> San:
    found = San(make_lab("san3"))
    found.change("  name: san3\n  links", f"  name: san3\n{MEMBERS}  links")
    found.change("journals: 3, ", "journals: 2, ")
    return found


def test_two_members_share_it(san: San) -> None:
    code, words = san.play()
    assert code == 0, words
    for name in TWO:
        assert san.said(name, f"findmnt -n -o FSTYPE {MOUNT}") == "gfs2"
    assert "2Node" in san.said("node1", "corosync-quorumtool -s")
    assert san.said("node3", "systemctl is-active corosync || true") == "inactive"


def test_one_of_two_goes_on_alone(san: San, tmp_path: Path) -> None:
    """Without a majority: the one that is left has fenced the other one."""
    boot = san.boot("node2")
    with writers(san, TWO, tmp_path) as found:
        until("both write", lambda: all(len(one.numbers()) > 10 for one in found.values()))
        begun = time.monotonic()
        san.lab.power("node2", "off")
        at = len(found["node1"].numbers())
        until("node1 writes on", lambda: len(found["node1"].numbers()) > at + 20)
        runs.told(f"node1 wrote on {time.monotonic() - begun:.0f} s after the plug was pulled")
    assert lost(san.lines(), found) == []
    san.await_mounted("node2")
    assert san.boot("node2") != boot


def test_of_two_that_cannot_hear_each_other_one_is_fenced(san: San, tmp_path: Path) -> None:
    """Both live and could write: the second one waits before it shoots: the first one is left."""
    boots = {name: san.boot(name) for name in TWO}
    with writers(san, TWO, tmp_path, first=100_000) as found:
        until("both write", lambda: all(len(one.numbers()) > 10 for one in found.values()))
        with runs.unplugged(san.lab, "node2", "lan0", "lan1"):
            at = len(found["node1"].numbers())
            until("node1 writes on", lambda: len(found["node1"].numbers()) > at + 20)
    assert lost(san.lines(), found) == []
    san.await_mounted("node2")
    assert san.boot("node2") != boots["node2"]
    assert san.boot("node1") == boots["node1"]


def test_a_third_member_joins_while_the_others_write(san: San, tmp_path: Path) -> None:
    boots = {name: san.boot(name) for name in TWO}
    san.change(MEMBERS, "")
    san.change("journals: 2, ", "journals: 3, ")
    with writers(san, TWO, tmp_path, first=200_000) as found:
        until("both write", lambda: all(len(one.numbers()) > 10 for one in found.values()))
        code, words = san.play()
        assert code == 0, words
        at = {name: len(found[name].numbers()) for name in TWO}
        until("they write on", lambda: all(len(found[name].numbers()) > at[name] for name in TWO))
    assert lost(san.lines(), found) == []
    assert {name: san.boot(name) for name in TWO} == boots, "nobody was fenced"
    for name in THREE:
        assert san.said(name, f"findmnt -n -o FSTYPE {MOUNT}") == "gfs2"
    quorum = san.said("node1", "corosync-quorumtool -s")
    assert "2Node" not in quorum
    assert re.search(r"^Total votes:\s+3$", quorum, re.M), quorum
    journals = san.said("node1", "gfs2_edit -p jindex /dev/vg-san/one")
    assert len(set(re.findall(r"\bjournal(\d+)\b", journals))) == 3


def test_a_second_run_changes_nothing(san: San) -> None:
    code, words = san.play()
    assert code == 0, words
    assert changed(words) == dict.fromkeys(THREE, 0)


def test_two_of_three_go_on(san: San, tmp_path: Path) -> None:
    """The new one counts: it has the majority with either of the others."""
    boot = san.boot("node1")
    with writers(san, THREE, tmp_path, first=300_000) as found:
        until("all write", lambda: all(len(one.numbers()) > 10 for one in found.values()))
        san.lab.power("node1", "off")
        at = {name: len(found[name].numbers()) for name in THREE}
        until(
            "the others write on",
            lambda: all(len(found[name].numbers()) > at[name] + 20 for name in THREE[1:]),
        )
    san.await_mounted("node1")
    assert san.boot("node1") != boot
    assert lost(san.lines(), found) == []


def test_checks_of_verify_accept_it(san: San) -> None:
    done = b2ct("verify", str(san.site), *THREE, "--only", "cluster", "--only", "san")
    assert done.returncode == 0, done.stdout + done.stderr
