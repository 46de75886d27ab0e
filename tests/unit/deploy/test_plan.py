"""`b2ct plan`: check mode in words, with risks; and the words and risks by themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from b2ct.deploy.events import Diff, Item, Task
from b2ct.deploy.plan import Risk, risk_of
from b2ct.deploy.words import words_of
from tests.unit.deploy.conftest import SECRET, Run

TWO = ("--stage", "base", "--stage", "network")


def test_a_plan_tells_what_would_change_and_changes_nothing(b2ct: Run, scratch: Path) -> None:
    (scratch / "flag").touch()
    done = b2ct("plan", *TWO, "--diff")
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in scratch.iterdir()) == ["flag"]
    lines = done.stdout.splitlines()
    assert "node1: 3 changes, risk data (data may be lost)" in lines
    written = f"    write the new file {scratch}/node1.conf, then Restart the thing  [restart]"
    assert written in lines
    assert f"    write the new file {scratch}/runs  [data]" in lines
    assert f"    make the folder {scratch}/done" in lines
    assert "      | +one" in lines
    assert lines[-1] == "6 changes on 2 of 2 hosts. Highest risk: data (data may be lost)."
    assert SECRET not in done.output
    assert "      | +[secret]" in lines


def test_exit_codes_and_json(b2ct: Run, scratch: Path) -> None:
    (scratch / "flag").touch()
    changes = b2ct("plan", *TWO, "--json", "--exit-code")
    assert changes.exit_code == 3
    hosts = {host["host"]: host for host in json.loads(changes.stdout)["hosts"]}
    assert hosts["node1"]["risk"] == "data"
    assert [change["risk"] for change in hosts["node1"]["changes"]] == ["restart", "data", "none"]
    assert b2ct("deploy", *TWO).exit_code == 0
    same = b2ct("plan", *TWO, "--exit-code")
    assert same.exit_code == 0, same.output
    assert same.stdout.splitlines()[-1] == "Nothing to change on 2 hosts."


def test_what_cannot_be_foreseen_is_said(b2ct: Run) -> None:
    done = b2ct("plan", *TWO)
    assert done.exit_code == 1
    told = "  network: the rest cannot be foreseen, for 'Demand the flag' fails in check mode:"
    assert told in done.stdout.splitlines()


@pytest.mark.parametrize(
    ("task", "risk"),
    [
        (Task("t", module="template"), Risk.NONE),
        (Task("t", module="template", tags=("x", "risk_restart")), Risk.RESTART),
        (Task("t", module="filesystem"), Risk.DATA),
        (Task("t", module="filesystem", tags=("risk_none",)), Risk.NONE),
        (Task("t", module="template", role="network"), Risk.NETWORK),
        (Task("t", module="service", arguments={"state": "restarted"}), Risk.RESTART),
        (Task("t", module="service", arguments={"state": "started"}), Risk.NONE),
        (Task("t", module="service", arguments={"state": "reloaded"}), Risk.NONE),
        (Task("t", module="template", tags=("risk_unheard_of",)), Risk.NONE),
    ],
)
def test_risk_of_a_task(task: Task, risk: Risk) -> None:
    assert risk_of(task) is risk


@pytest.mark.parametrize(
    ("module", "told", "diff", "words"),
    [
        ("template", {"dest": "/a"}, Diff("x\ny\n", "x\nz\n"), "change /a (+1 −1 lines)"),
        ("copy", {"dest": "/a"}, Diff("", "x\n"), "write the new file /a"),
        ("template", {"dest": "/a"}, Diff("x", "x"), "set owner or mode of /a"),
        ("file", {"path": "/a", "state": "absent"}, Diff(), "remove /a"),
        ("file", {"path": "/a", "state": "link", "src": "/b"}, Diff(), "link /a to /b"),
        ("apt", {"name": ["squid", "nginx"]}, Diff(), "install the packages squid, nginx"),
        ("dnf", {"name": "x", "state": "absent"}, Diff(), "remove the packages x"),
        ("apt", {}, Diff(), "refresh the list of packages"),
        (
            "systemd_service",
            {"name": "squid", "enabled": True, "state": "started"},
            Diff(),
            "enable and start squid",
        ),
        ("systemd", {}, Diff(), "let systemd read its units anew"),
        ("user", {"name": "ada"}, Diff(), "make or change the account ada"),
        ("strange", {}, Diff(), "do the thing"),
    ],
)
def test_words_of_a_change(module: str, told: dict[str, object], diff: Diff, words: str) -> None:
    task = Task("role | Do the thing", module=module)
    assert words_of(task, Item(told, (diff,))) == words


def test_words_hide_what_is_secret_and_doubt_what_is_not_sure() -> None:
    task = Task("Set the password", module="command")
    assert words_of(task, Item(), hidden=True) == "set the password (its contents are secret)"
    assert words_of(task, Item(), certain=False) == "may run: set the password"
