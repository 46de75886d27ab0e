"""`b2ct fence` and `b2ct san`: what members answer becomes a report, a proof or a refusal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from b2ct.errors import B2ctError
from b2ct.ha.nodes import Answer
from b2ct.load import load_site
from b2ct.model import SanDriver
from b2ct.storage import fencing, san
from b2ct.storage.members import Members

EXAMPLE = Path(__file__).parents[3] / "inventories" / "example"

MON = """\
<pacemaker-result><summary><current_dc present="true" with_quorum="true"/></summary>
<nodes><node name="node1" online="{one}"/><node name="node2" online="true"/></nodes>
<resources>
<resource id="fence-node1-1" role="Started" active="true" failed="false">
<node name="node2"/></resource>
<resource id="fence-node2-1" role="Started" active="true" failed="false">
<node name="node1"/></resource>
</resources>
<failures>{failures}</failures></pacemaker-result>
"""
WHOLE = MON.format(one="true", failures="")
SILENT = Answer(-1, "", "no route to host")

Reply = Callable[[str, str], Answer]


class Scripted(Members):
    """Members that answer by a function of (name, command), and remember what they were told."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(load_site(EXAMPLE), {}, Path("/tmp"))
        object.__setattr__(self, "reply", reply)
        object.__setattr__(self, "told", [])

    def run(self, name: str, command: str, *args: str, timeout_s: float = 1.0) -> Answer:
        line = command % args if args else command
        self.told.append((name, line))
        return self.reply(name, line)


def quiet(what: str, done: int, total: int) -> None:
    """Show no progress."""


def answers(mon: str = WHOLE, device: Answer | None = None) -> Reply:
    def reply(_name: str, line: str) -> Answer:
        if line.startswith("crm_mon"):
            return Answer(0, mon)
        if line.startswith("crm_attribute"):
            return Answer(0, "true")
        if line.startswith("stonith_admin --query fence-node2") and device is not None:
            return device
        return Answer(0, "")

    return reply


def test_every_device_is_asked_where_it_is_watched() -> None:
    members = Scripted(answers())
    found = fencing.status(members, quiet)
    assert found.problems == ()
    assert [(one.name, one.watched_by) for one in found.devices] == [
        ("fence-node1-1", "node2"),
        ("fence-node2-1", "node1"),
    ]
    assert ("node2", "stonith_admin --query fence-node1-1") in members.told
    assert found.as_json()["good"] is True


def test_a_silent_device_is_told_with_its_reason() -> None:
    failure = (
        '<failure op_key="fence-node2-1_monitor_60000" node="node1" task="monitor"'
        ' exitreason="timed out"/>'
    )
    reply = answers(MON.format(one="true", failures=failure), Answer(1, "failed"))
    found = fencing.status(Scripted(reply), quiet)
    assert found.problems == (
        "fence-node2-1 does not answer: fence-node2-1: monitor on node1 failed: timed out",
    )


def test_silence_does_not_mean_that_fencing_is_switched_off() -> None:
    whole = answers()
    gone = Scripted(
        lambda name, line: SILENT if line.startswith("crm_attribute") else whole(name, line)
    )
    found = fencing.status(gone, quiet)
    assert found.enabled is None
    assert found.problems == ("the cluster does not say whether fencing is switched on",)


def test_a_device_that_nobody_runs_yet_is_told_as_that() -> None:
    found = fencing.status(Scripted(answers(device=Answer(1, ""))), quiet)
    (told,) = found.problems
    assert told.startswith("fence-node2-1 does not answer: no member runs it")


def test_a_member_that_answers_speaks_for_the_cluster() -> None:
    members = Scripted(lambda name, _line: SILENT if name == "node1" else Answer(0, WHOLE))
    assert members.cluster() == ("node2", WHOLE)
    with pytest.raises(B2ctError, match="no member of the cluster answers: node2: no route"):
        Scripted(lambda _name, _line: SILENT).cluster()


@pytest.mark.parametrize(
    ("reply", "nodes", "why"),
    [
        (answers(), ["nodde1"], "'nodde1' is no member of the cluster"),
        (answers(MON.format(one="false", failures="")), ["node2"],
         "the cluster is not whole: node1 is not in the cluster"),
        (answers(device=Answer(1, "no such host")), ["node1"],
         "fence-node2-1 does not answer: no such host"),
    ],
)  # fmt: skip
def test_a_power_cycle_is_refused(reply: Reply, nodes: list[str], why: str) -> None:
    members = Scripted(reply)
    with pytest.raises(B2ctError) as caught:
        fencing.refuse_unless_ready(members, nodes, quiet)
    assert caught.value.message == why
    assert not [line for _, line in members.told if "--reboot" in line]


def test_a_power_cycle_waits_until_all_runs_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fencing, "_PAUSE_S", 0.0)
    away = MON.format(one="false", failures="")
    views = [WHOLE, WHOLE, away, away, WHOLE]

    def reply(_name: str, line: str) -> Answer:
        return Answer(0, views.pop(0)) if line.startswith("crm_mon") else Answer(0, "")

    members = Scripted(reply)
    done = fencing.test(members, "node1", quiet)
    assert (done.node, done.by) == ("node1", "node2")
    assert views == []
    assert {name for name, _ in members.told} == {"node2"}, "the victim is not asked"
    assert ("node2", "stonith_admin --reboot node1 --timeout 240") in members.told


def test_a_power_cycle_that_fails_is_told() -> None:
    def reply(_name: str, line: str) -> Answer:
        return Answer(0, WHOLE) if line.startswith("crm_mon") else Answer(1, "Timer expired")

    with pytest.raises(B2ctError, match="node2 could not switch node1 off: Timer expired"):
        fencing.test(Scripted(reply), "node1", quiet)


PATHS = "".join(f"  |- {n}:0:0:1 sd{chr(98 + n)} 8:16 active ready running\n" for n in range(4))
SAN = (
    f"@@disk1\nmap\n{PATHS}@@disk2\nmap\n{{second}}@@\ngfs2 {{options}},noatime\n1000000 {{used}}\n"
)


def member(second: str = PATHS, options: str = "rw", used: int = 10) -> Answer:
    return Answer(0, SAN.format(second=second, options=options, used=used))


def test_a_san_that_is_well() -> None:
    found = san.status(Scripted(lambda _name, _line: member()))
    assert found.problems == ()
    assert found.members[0].paths == {"disk1": 4, "disk2": 4}
    assert "node1: paths: disk1 on 4, disk2 on 4; 10 B of 976.6 KiB used" in san.text(found)
    assert san.text(found).endswith("as it should be\n")


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (SILENT, "node2 does not answer: no route to host"),
        (member(second=PATHS[: len(PATHS) // 4]), "node2 sees disk2 on 1 of 4 paths"),
        (member(options="ro"), "node2 has /var/lib/one/datastores read-only"),
        (member(used=950000),
         "/var/lib/one/datastores is full: 927.7 KiB of 976.6 KiB are used"),
        (Answer(0, f"@@disk1\n{PATHS}@@disk2\n{PATHS}@@\n"),
         "node2 has not mounted /var/lib/one/datastores"),
    ],
)  # fmt: skip
def test_a_san_that_is_not(answer: Answer, problem: str) -> None:
    found = san.status(Scripted(lambda name, _line: answer if name == "node2" else member()))
    assert found.problems == (problem,)
    assert f"problem: {problem}" in san.text(found)
    assert found.as_json()["good"] is False


def test_a_san_of_volumes_tells_how_full_the_group_is() -> None:
    def members(free: int) -> Scripted:
        said = f"@@disk1\n{PATHS}@@disk2\n{PATHS}@@\n  1000000 {free}\n"
        found = Scripted(lambda _name, _line: Answer(0, said))
        section = found.site.san
        assert section is not None
        section = section.model_copy(update={"driver": SanDriver.LVM, "volume_group": "vg-one-100"})
        object.__setattr__(found, "site", found.site.model_copy(update={"san": section}))
        return found

    found = san.status(members(600000))
    assert found.problems == ()
    assert "node1: paths: disk1 on 4, disk2 on 4; 390.6 KiB of 976.6 KiB used" in san.text(found)
    full = san.status(members(50000))
    assert set(full.problems) == {
        "the volume group vg-one-100 is full: 927.7 KiB of 976.6 KiB are used"
    }
    gone = Scripted(lambda _name, _line: Answer(0, f"@@disk1\n{PATHS}@@disk2\n{PATHS}@@\n"))
    object.__setattr__(gone, "site", members(0).site)
    assert san.status(gone).problems[0] == "node1 does not see the volume group vg-one-100"
