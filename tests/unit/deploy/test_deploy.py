"""`b2ct deploy` with real runs of Ansible on this machine, in a scratch folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from b2ct.deploy.stages import STAGES
from tests.unit.deploy.conftest import PASSWORD, SECRET, Run

ROOT = Path(__file__).resolve().parents[3]
TWO = ("--stage", "base", "--stage", "network")


def logs(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "state").rglob("*.log"))


def test_a_failed_stage_ends_the_run_and_it_goes_on_there(
    b2ct: Run, scratch: Path, tmp_path: Path, site: Path
) -> None:
    first = b2ct("deploy", *TWO, "--stage", "cache")
    assert first.exit_code == 1, first.output
    assert "base: done in " in first.output
    assert "network: node1: FAILED: Demand the flag" in first.output
    assert "cache" not in first.output.replace("--stage cache", "")
    assert "Go on with: b2ct deploy" in first.output
    assert "--stage cache --resume" in first.output
    assert (scratch / "node1.conf").read_text() == f"one\ntwo\n{SECRET}\n"

    (scratch / "flag").touch()
    second = b2ct("deploy", *TWO, "--stage", "cache", "--resume")
    assert second.exit_code == 0, second.output
    assert "base: left out, it was done at " in second.output
    assert "network: done in " in second.output
    assert "cache: done in " in second.output

    (site / "group_vars" / "more.yml").write_text("a: b\n")
    third = b2ct("deploy", *TWO, "--resume")
    assert third.exit_code == 0, third.output
    assert "changed since the last run: every stage runs again" in third.output
    assert "left out" not in third.output

    for log in logs(tmp_path):
        assert log.stat().st_mode & 0o777 == 0o600
        assert SECRET not in log.read_text()
    assert "[secret]" in logs(tmp_path)[-1].read_text()
    assert SECRET not in first.output + second.output + third.output
    for part in (tmp_path / "state" / "b2ct").iterdir():
        assert part.stat().st_mode & 0o777 == 0o700


def test_a_stage_done_on_some_hosts_is_not_done_on_all(b2ct: Run) -> None:
    only = ("--stage", "base")
    assert b2ct("deploy", *only, "--limit", "node1").exit_code == 0
    assert "left out" in b2ct("deploy", *only, "--limit", "node1", "--resume").output
    assert "left out" not in b2ct("deploy", *only, "--resume").output


def test_json_is_one_object_a_line(b2ct: Run, scratch: Path) -> None:
    (scratch / "flag").touch()
    done = b2ct("deploy", *TWO, "--json")
    assert done.exit_code == 0, done.output
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["stage"] for row in rows if row["event"] == "end"] == ["base", "network"]
    changed = {(row["host"], row["task"]) for row in rows if row.get("status") == "changed"}
    assert ("node1", "Write the file") in changed


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--stage", "bass"), "did you mean 'base'?"),
        (("--limit", "nodee1"), "no host matches 'nodee1'"),
        (("--vault-password-file", "/no/such"), "no/such"),
    ],
)
def test_bad_input_is_refused_before_anything_runs(
    b2ct: Run, tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    done = b2ct("deploy", *words)
    assert done.exit_code == 2
    assert told in done.output
    assert logs(tmp_path) == []


def test_a_wrong_vault_password_is_refused(site: Path, stages: Path, tmp_path: Path) -> None:
    from click.testing import CliRunner

    from b2ct.cli import main

    (tmp_path / "pw").write_text("wrong\n")
    words = ["deploy", str(site), "--vault-password-file", str(tmp_path / "pw")]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 2
    assert "the vault password does not fit" in done.output


SLOW_STAGE = """\
- name: Slow
  hosts: node1
  gather_facts: false
  tasks:
    - name: Note that it runs
      ansible.builtin.file: {path: "{{ scratch }}/running", state: touch, mode: "0600"}
    - name: Take long
      ansible.builtin.command: {argv: [sleep, "3517"]}
      changed_when: false
"""


def test_ctrl_c_ends_ansible_too(site: Path, stages: Path, scratch: Path, tmp_path: Path) -> None:
    (stages / "base.yml").write_text(SLOW_STAGE)
    script = (
        "import sys, pathlib, b2ct.deploy.run as run\n"
        f"run.playbook_of = lambda stage: pathlib.Path({str(stages)!r}) / f'{{stage}}.yml'\n"
        "from b2ct.cli import main\nmain()\n"
    )
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", script, "deploy", site, "--stage", "base"),
            *("--vault-password-file", PASSWORD),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"XDG_STATE_HOME": str(tmp_path / "state")},
    )
    deadline = time.monotonic() + 60
    while not (scratch / "running").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert "Interrupted; Ansible has ended." in output
    assert "--stage base --resume" in output
    left = subprocess.run(["pgrep", "-f", "sleep 3517"], capture_output=True, check=False)
    assert left.returncode == 1, "the task of the interrupted playbook still runs"


def test_no_password_is_in_the_list_of_processes(
    site: Path, stages: Path, scratch: Path, tmp_path: Path, b2ct: Run
) -> None:
    (stages / "base.yml").write_text(
        "- name: Look\n  hosts: node1\n  gather_facts: false\n  tasks:\n"
        "    - name: Write down all processes\n"
        "      ansible.builtin.shell: ps axeww > {{ scratch }}/ps\n"
        "      changed_when: false\n"
    )
    assert b2ct("deploy", "--stage", "base").exit_code == 0
    seen = (scratch / "ps").read_text()
    assert "--vault-id default@/dev/fd/" in seen
    assert Path(PASSWORD).read_text().strip() not in seen
    assert SECRET not in seen


def test_stages_are_those_of_the_whole_playbook() -> None:
    text = (ROOT / "playbooks" / "site.yml").read_text()
    imported = [line.split()[-1] for line in text.splitlines() if "import_playbook" in line]
    assert imported == [f"{stage}.yml" for stage in STAGES]
    assert all((ROOT / "playbooks" / name).is_file() for name in imported)
