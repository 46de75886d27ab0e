"""The pair in operation: what its answers mean, when a switch is refused, what a drill finds."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from b2ct.errors import B2ctError
from b2ct.ha import drill, recorder, status, switch, text, timeline
from b2ct.ha.nodes import Answer, PairNodes
from b2ct.inventory.pair import pair, units
from b2ct.load import load_site
from b2ct.model import HaEngine
from b2ct.verify.connection import Way
from tests.unit.test_check_ha import SITE

ACTIVE = """\
volume.database=Primary/Secondary Connected UpToDate/UpToDate mounted
address=yes
unit.mariadb.service=active
unit.opennebula.service=active
unit.opennebula-flow.service=active
unit.opennebula-gate.service=active
unit.opennebula-fireedge.service=active
engine=active
holds=all
sees_peer=active
link.eno1=up
link.eno2=up
"""
STANDBY = """\
volume.database=Secondary/Primary Connected UpToDate/UpToDate
address=no
unit.mariadb.service=inactive
engine=active
holds=none
sees_peer=active
link.eno1=up
"""


@pytest.fixture
def nodes(tmp_path: Path) -> PairNodes:
    (tmp_path / "site.yml").write_text(SITE)
    site = load_site(tmp_path)
    found = pair(site)
    assert found is not None
    ways = {node.name: Way(node.name) for node in found.nodes}
    return PairNodes("unit", found, tuple(units(site)), ways, tmp_path)


@pytest.mark.parametrize(
    ("states", "told"),
    [
        ('online="true" standby="false" pending="false"', "true"),
        ('online="true" standby="false" pending="true"', "false"),
        ('online="false" standby="false" pending="false"', "false"),
    ],
)
def test_pacemaker_s_peer_is_seen_where_its_controller_has_joined(states: str, told: str) -> None:
    xml = (
        '<node name="control1" id="1" online="true" standby="false" pending="false"/>\n'
        f'<node name="control2" id="2" {states}/>\n<node name="control2" cached="true"/>\n'
    )
    argv = ["sh", "-c", status.online_filter("control2")]
    found = subprocess.run(argv, input=xml, capture_output=True, text=True, check=True)
    assert found.stdout == f"{told}\n"


def seen(nodes: PairNodes, one: str, two: str) -> status.PairStatus:
    """Give the pair's status from both nodes' answers; an answer that begins with ! is an error."""
    answers = [
        Answer(-1, "", said[1:]) if said.startswith("!") else Answer(0, said) for said in (one, two)
    ]
    read = [
        status.read(nodes, name, answer) for name, answer in zip(nodes.names, answers, strict=True)
    ]
    problems = tuple(status.judge((read[0], read[1])))
    return status.PairStatus("unit", "heartbeat", "10.20.0.5", (read[0], read[1]), problems)


def test_a_pair_that_is_well(nodes: PairNodes) -> None:
    found = seen(nodes, ACTIVE, STANDBY)
    assert found.problems == ()
    assert found.active is not None and found.active.name == "control1"
    assert found.as_json()["nodes"]["control2"]["volumes"]["database"]["role"] == "Secondary"
    assert "10.20.0.5 is on control1" in text.status(found)
    active, standby = switch.refuse_unless_ready(found, None)
    assert (active.name, standby.name) == ("control1", "control2")


@pytest.mark.parametrize(
    ("one", "two", "told"),
    [
        (ACTIVE, "!Connection refused", "control2 does not answer: Connection refused"),
        (ACTIVE, ACTIVE, "both nodes hold something of the group"),
        (STANDBY, STANDBY, "the services run on no node"),
        (ACTIVE.replace("Connected", "StandAlone"), STANDBY, "refuses the other copy"),
        (ACTIVE.replace("Connected", "WFConnection"), STANDBY, "is WFConnection"),
        (ACTIVE, STANDBY.replace("UpToDate/", "Inconsistent/"), "copy of database is Inconsistent"),
        (ACTIVE.replace("eno2=up", "eno2=dead"), STANDBY, "the link eno2 is dead"),
        (ACTIVE, STANDBY.replace("engine=active", "engine=activating"), "waits for the other"),
        (ACTIVE, STANDBY.replace("engine=active", "engine=failed"), "engine does not run (failed)"),
        (ACTIVE, STANDBY.replace("peer=active", "peer=dead"), "thinks that the other node is dead"),
        (ACTIVE, STANDBY.replace("service=inactive", "service=active"), "mariadb.service runs"),
        (
            ACTIVE.replace("mariadb.service=active", "mariadb.service=failed"),
            STANDBY,
            "mariadb.service is failed",
        ),
    ],
)
def test_what_is_wrong_is_told_and_refuses_a_switch(
    nodes: PairNodes, one: str, two: str, told: str
) -> None:
    found = seen(nodes, one, two)
    assert any(told in problem for problem in found.problems), found.problems
    with pytest.raises(B2ctError, match="not ready for a switch"):
        switch.refuse_unless_ready(found, None)


def test_a_switch_to_where_the_services_are_is_refused(nodes: PairNodes) -> None:
    found = seen(nodes, ACTIVE, STANDBY)
    with pytest.raises(B2ctError, match="on control1 already"):
        switch.refuse_unless_ready(found, "control1")
    with pytest.raises(B2ctError, match="no node of the pair"):
        switch.refuse_unless_ready(found, "node1")


def test_the_question_asks_all_that_the_answer_has(nodes: PairNodes) -> None:
    asked = status.question(nodes, "control1")
    for key in ("volume.database", "address", "unit.mariadb.service", "engine", "holds", "link."):
        assert f"{key}" in asked
    assert "nodestatus control2" in asked


def test_both_engines_have_a_command_that_moves(nodes: PairNodes) -> None:
    assert switch.command(nodes, "control2") == "/usr/share/heartbeat/hb_standby all"
    other = replace(nodes, pair=replace(nodes.pair, engine=HaEngine.PACEMAKER))
    assert "--move --node control2" in switch.command(other, "control2")


def test_the_gap_is_the_longest_silence_after_the_strike() -> None:
    times = [(1, 10.0), (2, 15.0), (3, 15.1), (4, 15.2), (5, 45.2), (6, 45.3)]
    assert drill._gap(times, 3) == (15.2, 45.2)


def test_lost_records_are_told(nodes: PairNodes) -> None:
    report = drill.DrillReport("power", "a", "b", 5, (3, 4), (6,), 31.5, {"fenced": 22.0}, 80.0)
    assert not report.good
    words = text.drilled(report)
    assert "2 WERE LOST: 3, 4" in words
    assert "1 were sent and never answered" in words
    assert report.as_json()["lost"] == [3, 4]
    whole = drill.DrillReport("power", "a", "b", 5, (), (), 30.5)
    assert "none was lost" in text.drilled(whole)
    assert "2 drills: outage 30.5 s at best" in text.distribution([report, whole])


STEPS = ["detected", "fenced", "promoting", "mounting", "address", "starting"]
JOURNAL = """\
1000.1 control2 heartbeat[412]: [412]: WARN: node control1: is dead
1001.0 control2 b2ct-fence[999]: control1 is off (level 1: fence_ipmilan)
1001.9 control2 ResourceManager(default)[1]: info: Running /etc/ha.d/resource.d/drbddisk database start
1003.0 control2 ResourceManager(default)[1]: info: Running /etc/ha.d/resource.d/b2ct-agent Filesystem /dev/drbd0 /m ext4 start
1004.0 control2 ResourceManager(default)[1]: info: Running /etc/ha.d/resource.d/b2ct-agent IPaddr2 10.20.0.5/24 start
1005.0 control2 ResourceManager(default)[1]: info: Running /etc/ha.d/resource.d/b2ct-unit mariadb.service start
1006.0 control2 ResourceManager(default)[1]: info: Running /etc/ha.d/resource.d/b2ct-unit opennebula.service start
"""  # noqa: E501 - as the journal writes it


def test_the_steps_are_read_from_the_journal() -> None:
    found = timeline.parse(JOURNAL, HaEngine.HEARTBEAT, 980.0)
    assert list(found) == STEPS
    assert found["detected"] == pytest.approx(20.1)
    assert found["starting"] == pytest.approx(25.0)
    assert timeline.parse(JOURNAL, HaEngine.HEARTBEAT, 2000.0) == {}


PACEMAKER = """\
994.5 control2 pacemaker-attrd[285]:  notice: Node control1 state is now lost
1001.1 control2 pacemaker-fenced[283]:  notice: Operation 'reboot' targeting control1 by control2: OK
1003.0 control2 pacemaker-controld[287]:  notice: Requesting local execution of promote operation for b2ct-drbd-database on control2
1004.0 control2 pacemaker-controld[287]:  notice: Requesting local execution of start operation for b2ct-fs-database on control2
1005.0 control2 pacemaker-controld[287]:  notice: Requesting local execution of start operation for b2ct-address on control2
1006.0 control2 pacemaker-controld[287]:  notice: Requesting local execution of start operation for b2ct-unit-mariadb on control2
1007.0 control2 pacemaker-controld[287]:  notice: Result of start operation for b2ct-unit-mariadb on control2: ok
1009.0 control2 pacemaker-controld[287]:  notice: Result of start operation for b2ct-unit-opennebula on control2: ok
"""  # noqa: E501 - as the journal writes it


def test_pacemaker_s_steps_are_read_from_the_journal() -> None:
    found = timeline.parse(PACEMAKER, HaEngine.PACEMAKER, 980.0)
    assert list(found) == [*STEPS, "complete"]
    assert found["starting"] == pytest.approx(26.0)
    assert found["complete"] == pytest.approx(29.0), "the last one counts"


def test_a_recorder_goes_through_the_address(
    nodes: PairNodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "_reachable", lambda *_: False)
    monkeypatch.setattr(
        PairNodes, "run_each", lambda *_a, **_k: {"control1": Answer(0, "ssh-ed25519 AAAA root@x")}
    )
    argv, typed = recorder._call(nodes, "control2", "drill-1")
    assert argv[0] == "ssh" and typed is None
    assert "10.20.0.5" in argv
    assert argv.index("StrictHostKeyChecking=yes") < argv.index("10.20.0.5")
    assert any(word.startswith("ProxyCommand=ssh ") and "10.20.0.5 22 16" in word for word in argv)
    assert (nodes.sockets / "known_hosts").read_text() == "b2ct-pair ssh-ed25519 AAAA\n"


@pytest.mark.parametrize(("word", "there"), [(b"SSH-2.0-x\r\n", True), (b"", False)])
def test_an_address_is_reached_where_ssh_answers(word: bytes, there: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:

        def answer() -> None:
            link = door.accept()[0]
            link.sendall(word)
            link.close()

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        assert recorder._reachable("127.0.0.1", door.getsockname()[1]) is there
        thread.join()


def test_the_relay_waits_until_ssh_answers() -> None:
    """Nobody, then one that is silent at once, then an echo: the words sent first arrive."""
    with socket.create_server(("127.0.0.1", 0)) as first:
        port = first.getsockname()[1]
    argv = [sys.executable, "-c", recorder._RELAY, "127.0.0.1", str(port), "16", recorder._ANSWERS]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as relay:
        assert relay.stdin and relay.stdout
        relay.stdin.write(b"first\n")
        relay.stdin.flush()
        time.sleep(0.5)
        with socket.create_server(("127.0.0.1", port)) as door:
            door.accept()[0].close()
            link = door.accept()[0]
            with link, link.makefile("rwb") as words:
                words.write(b"SSH-2.0-x\n")
                words.flush()
                assert relay.stdout.readline() == b"SSH-2.0-x\n"
                assert words.readline() == b"first\n"
                relay.stdin.write(b"second\n")
                relay.stdin.flush()
                assert words.readline() == b"second\n"
        assert relay.wait(10) == 0, "it ends with the other side"
        assert relay.stderr
        assert relay.stderr.read().decode() == recorder._ANSWERS, "told when it was there"


def test_the_relay_ends_with_its_ssh() -> None:
    with socket.create_server(("127.0.0.1", 0)) as first:
        port = first.getsockname()[1]
    argv = [sys.executable, "-c", recorder._RELAY, "127.0.0.1", str(port), "16", recorder._ANSWERS]
    done = subprocess.run(argv, input=b"", capture_output=True, timeout=30, check=True)
    assert done.stdout == b""


def test_pacemaker_moves_and_forgets_why(nodes: PairNodes) -> None:
    """crm_resource does one action a call; what --move leaves behind is taken away."""
    pacemaker = replace(nodes, pair=replace(nodes.pair, engine=HaEngine.PACEMAKER))
    calls = [part.strip() for part in switch.command(pacemaker, "control2").split(";")]
    assert calls[0] == "crm_resource --resource b2ct-services --move --node control2 || exit"
    assert calls[1] == "crm_resource --wait --timeout=600"
    assert "crm_resource --resource b2ct-services --clear" in calls
    assert calls[-1] == "exit $code"


CONSTRAINTS = """\
<constraints>
  <rsc_location id="location-b2ct-services-control1" rsc="b2ct-services" node="control1" score="9"/>
  <rsc_location rsc="b2ct-drbd-database-clone" id="drbd-fence-by-handler-database-b2ct-drbd">
    <rule role="Master" score="-INFINITY" id="drbd-fence-by-handler-database-rule-b2ct-drbd">
      <expression attribute="#uname" operation="ne" value="control1" id="drbd-fence-by-expr"/>
    </rule>
  </rsc_location>
</constraints>
"""


@pytest.mark.parametrize(("allowed", "barred"), [("control1", "control2"), (None, None)])
def test_a_node_that_drbd_keeps_out_is_told(
    nodes: PairNodes, allowed: str | None, barred: str | None
) -> None:
    words = CONSTRAINTS if allowed else "<constraints/>"
    done = subprocess.run(
        ["sh", "-c", status.allowed_filter()], input=words, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert done.stdout == (f"allowed={allowed}\n" if allowed else "")
    both = {"control1": ACTIVE, "control2": STANDBY}
    found = tuple(
        status.read(nodes, name, Answer(0, said + done.stdout)) for name, said in both.items()
    )
    assert [node.name for node in found if node.barred] == ([barred] if barred else [])
    problems = list(status.judge((found[0], found[1])))
    assert any("may not take over" in problem for problem in problems) is (barred is not None)


def test_a_drill_that_takes_a_node_down_needs_consent(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from b2ct.cli import main

    (tmp_path / "site.yml").write_text(SITE)
    done: Any = CliRunner().invoke(main, ["ha", "drill", str(tmp_path), "--kind", "power"])
    assert done.exit_code == 2
    assert "consent with: --consent" in done.output
