"""`b2ct fence status` where the site has SBD: disks, pills and watchdogs as members tell them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from b2ct.cli import main
from b2ct.ha.nodes import Answer
from b2ct.load import load_site
from b2ct.storage import fencing, members, sbd
from tests.unit.storage.test_storage import SILENT, WHOLE, Reply, Scripted, quiet
from tests.unit.test_check_sbd import GOOD

#: Makes members of a site.
Ask = Callable[..., Scripted]
DISK = "/dev/mapper/sbd1"
HEADER = """\
==Dumping header on disk /dev/mapper/sbd1
Header version     : 2.1
Timeout (watchdog) : {watchdog}
Timeout (allocate) : 2
Timeout (loop)     : 1
Timeout (msgwait)  : 60
==Header on disk /dev/mapper/sbd1 is dumped
"""
SLOTS = "0\tnode1\tclear\t\n1\tnode2\tclear\t\n"
DOG = "watchdog0|active|30|i6300ESB timer\n"


def member(
    state: str = "active",
    held: str = "/dev/watchdog",
    dogs: str = DOG,
    header: str = HEADER.format(watchdog=30),
    slots: str = SLOTS,
    disk: str = f"@@disk {DISK}\n",
) -> Answer:
    body = f"{header}{slots}" if disk else ""
    text = f"@@state\n{state}\n@@held\n{held}\n@@watchdogs\n{dogs}{disk}{body}"
    # As Members.run gives it: without blanks at the end, the tab of the last slot among them.
    return Answer(0, text.strip())


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """Give a function that makes members of a site's text, who answer by a function."""

    def made(reply: Reply, text: str = GOOD) -> Scripted:
        (tmp_path / "site.yml").write_text(text)
        found = Scripted(reply)
        object.__setattr__(found, "site", load_site(tmp_path))
        return found

    return made


def test_members_that_are_well(ask: Ask) -> None:
    found = sbd.status(ask(lambda _name, _line: member()))
    assert [one.problems for one in found] == [(), ()]
    assert sbd.text(found[0]) == f"node1: SBD runs, reads {DISK}; i6300ESB timer, 30 s"
    assert found[0].as_json()["disks"] == (
        {"device": DISK, "watchdog": 30, "msgwait": 60,
         "slots": {"node1": "clear", "node2": "clear"}},
    )  # fmt: skip
    soft = member(dogs="watchdog0|active|30|Software Watchdog\n")
    assert sbd.status(ask(lambda _name, _line: soft))[0].software


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (SILENT, "node2 does not answer: no route to host"),
        (member(state="inactive", held=""),
         "SBD does not run on node2; it starts with Corosync only: restart the member"),
        (member(held=""), "SBD on node2 holds no watchdog; see: journalctl -u sbd"),
        (member(dogs="watchdog0|inactive|30|Software Watchdog\n"),
         "the watchdog of node2 (Software Watchdog) is not armed"),
        (member(dogs="watchdog0|active|60|Software Watchdog\n"),
         "the watchdog of node2 waits 60 s, not 30"),
        (member(disk=""), "SBD on node2 was told of 0 of 1 disks"),
        (member(header="==Header on disk /dev/mapper/sbd1 NOT dumped\n", slots=""),
         f"node2 cannot read {DISK}"),
        (member(header=HEADER.format(watchdog=5)),
         f"{DISK} says watchdog 5 s and msgwait 60 s, the site 30 and 60"),
        (member(slots="0\tnode1\tclear\t\n1\tnode2\treset\tnode1\n"),
         f"on {DISK} lies 'reset' for node2"),
        (member(slots="0\tnode1\tclear\t\n"),
         f"node2 has no slot on {DISK}: SBD never ran there"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(answer: Answer, problem: str, ask: Ask) -> None:
    found = sbd.status(ask(lambda name, _line: answer if name == "node2" else member()))
    assert [one.problems for one in found] == [(), (problem,)]


def test_the_report_of_fencing_has_both(
    ask: Ask,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mon = WHOLE.replace("fence-node1-1", "fence-node1-2")

    def reply(_name: str, line: str) -> Answer:
        if line.startswith("crm_mon"):
            return Answer(0, mon)
        if line.startswith("crm_attribute"):
            return Answer(0, "true")
        return member(held="") if "@@held" in line else Answer(0, "")

    asked = ask(reply)
    found = fencing.status(asked, quiet)
    assert [(one.agent, one.level) for one in found.devices][:2] == [
        ("fence_ipmilan", 1),
        ("fence_sbd", 2),
    ]
    assert found.problems == tuple(
        f"SBD on {name} holds no watchdog; see: journalctl -u sbd" for name in ("node1", "node2")
    )
    assert found.as_json()["good"] is False

    class Opened:
        def __enter__(self) -> Scripted:
            return asked

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(members, "open_members", lambda *_: Opened())
    done = CliRunner().invoke(main, ["fence", "status", str(tmp_path / "site.yml")])
    assert done.exit_code == 1, done.output
    assert f"node1: SBD runs, reads {DISK}; no watchdog" in done.stdout


def test_a_site_without_it_is_not_asked() -> None:
    assert sbd.status(Scripted(lambda _name, _line: SILENT)) == ()


def test_a_power_cycle_waits_for_the_pill(ask: Ask) -> None:
    text = GOOD.replace("    disks:\n", "    watchdog_timeout: 90\n    disks:\n", 1)
    members_of_slow_disks = ask(lambda _name, _line: Answer(0, WHOLE), text)
    fencing.test(members_of_slow_disks, "node1", quiet)
    told = [line for _, line in members_of_slow_disks.told if "--reboot" in line]
    assert told == ["stonith_admin --reboot node1 --timeout 540"]


def test_the_question_is_answered_by_a_shell(tmp_path: Path) -> None:
    """The command that members run, with stand-ins for SBD and its file, gives what is read."""
    programs = {
        "sbd": f"#!/bin/sh\n[ $3 = dump ] && printf '%s' '{HEADER.format(watchdog=30)}' ||"
        f" printf '0\\tnode1\\tclear\\t\\n'\n",
        # No process has this number: the pattern stays as it is.
        "systemctl": "#!/bin/sh\n[ $1 = show ] && echo 4194305 || echo active\n",
        "readlink": "#!/bin/sh\n[ \"$1\" = '/proc/4194305/fd/*' ] && echo /dev/watchdog1\n",
    }
    for name, content in programs.items():
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "file").write_text(f'# managed\nSBD_DEVICE="{DISK};/dev/b"\nSBD_OPTS="-n node1"\n')
    dog = tmp_path / "class" / "watchdog1"
    dog.mkdir(parents=True)
    for name, content in {"state": "active", "timeout": "30", "identity": "A Timer"}.items():
        (dog / name).write_text(f"{content}\n")
    line = sbd._COMMAND.replace("/etc/default/sbd", str(tmp_path / "file"))
    line = line.replace("/sys/class/watchdog/", f"{tmp_path}/class/")
    done = subprocess.run(
        ["sh", "-c", line],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = sbd._member("node1", Answer(0, done.stdout.strip()))
    assert found.running
    assert (found.watchdog, found.armed, found.timeout) == ("A Timer", True, 30)
    assert [disk.device for disk in found.disks] == [DISK, "/dev/b"]
    assert found.disks[0] == sbd.SbdDisk(DISK, 30, 60, {"node1": "clear"})
