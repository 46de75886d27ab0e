"""The playbook that puts a database back, by Ansible itself on machines that are played here.

ssh is a stand-in that runs each machine's commands on this one, with stand-ins for its programs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = {
    "ssh": 'for last; do :; done; exec env "NODE=$B2CT_NODE" sh -c "$last"',
    "ip": 'case " $ACTIVE " in *" $NODE "*) echo "2: lan0 inet 10.0.0.5/24" ;; esac',
    # The module asks systemd what it is, and of the unit.
    "systemctl": """
        case " $RUNS " in *" $NODE "*) state=active ;; *) state=inactive ;; esac
        [ ! -e stopped ] || state=inactive
        case $1 in
            is-active) echo $state; [ $state = active ]; exit ;;
            show) echo LoadState=loaded; echo ActiveState=$state ;;
            stop) touch stopped ;;
        esac
        case $1 in stop | start) echo "$NODE: $*" >> calls ;; esac
    """,
    "crm_resource": 'echo "$NODE: crm_resource $*" >> calls',
    "b2ct-database-restore": 'echo "$NODE: restore $*" >> calls',
}
STOP = "crm_resource --resource b2ct-unit-opennebula --meta --set-parameter target-role"
START = "crm_resource --resource b2ct-unit-opennebula --meta --delete-parameter target-role"


@dataclass(frozen=True)
class Machines:
    """control1 and control2, and what is called on them."""

    folder: Path

    def restore(
        self, engine: str, *, active: str, runs: str, mariadb_failover: bool = True
    ) -> tuple[int, str, list[str]]:
        """Run the playbook; give its exit code, its words, and what was called."""
        pair = {
            f"{'control_ha' if engine == 'pacemaker' else engine}_address": "10.0.0.5/24",
            "control_ha_units": ["mariadb.service", "opennebula.service"],
        }
        hosts = {
            name: {
                "ansible_ssh_executable": str(self.folder / f"ssh-{name}"),
                "ansible_python_interpreter": sys.executable,
                "ansible_become": False,
                "mariadb_failover": mariadb_failover and engine != "none",
                **(pair if engine != "none" else {}),
            }
            for name in ("control1", "control2")
        }
        both = {"hosts": {name: {} for name in hosts}}
        groups = {
            "control": both,
            "database": both,
            "ha_heartbeat": both if engine == "heartbeat" else {},
            "ha_pacemaker": both if engine == "pacemaker" else {},
            "ha": {"children": {"ha_heartbeat": {}, "ha_pacemaker": {}}},
        }
        inventory = self.folder / "inventory.json"
        inventory.write_text(json.dumps({"all": {"hosts": hosts, "children": groups}}))
        given = {
            "mariadb_restore_consent": True,
            "__mariadb_restore_program": str(self.folder / "b2ct-database-restore"),
        }
        done = subprocess.run(
            [
                str(Path(sys.executable).with_name("ansible-playbook")),
                *("-i", str(inventory), "-e", json.dumps(given)),
                str(ROOT / "playbooks/database_restore.yml"),
            ],
            env=os.environ
            | {
                "ACTIVE": active,
                "RUNS": runs,
                "PATH": f"{self.folder}:{os.environ['PATH']}",
                "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_PIPELINING": "1",
                "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                "ANSIBLE_HOME": str(self.folder / "ansible"),
            },
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        calls = self.folder / "calls"
        called = calls.read_text().splitlines() if calls.exists() else []
        return done.returncode, " ".join((done.stdout + done.stderr).split()), called


@pytest.fixture
def machines(tmp_path: Path) -> Machines:
    for name, text in PROGRAMS.items():
        file = tmp_path / name
        file.write_text(f"#!/bin/sh\n{text}\n")
        file.chmod(0o755)
    for name in ("control1", "control2"):
        file = tmp_path / f"ssh-{name}"
        file.write_text(f'#!/bin/sh\nB2CT_NODE={name} exec {tmp_path}/ssh "$@"\n')
        file.chmod(0o755)
    return Machines(tmp_path)


@pytest.mark.parametrize(
    ("pair", "active", "runs"),
    [("none", "", "control1"), ("heartbeat", "control2", "control2")],
    ids=["without a pair the first machine's database", "a pair of Heartbeat where it is active"],
)
def test_opennebula_is_stopped_and_started_by_systemd(
    machines: Machines, pair: str, active: str, runs: str
) -> None:
    code, told, called = machines.restore(pair, active=active, runs=runs)
    assert code == 0, told
    assert called == [
        f"{runs}: stop opennebula",
        f"{runs}: restore --replace-database",
        f"{runs}: start opennebula",
    ]


def test_pacemaker_is_told_and_nothing_is_done_behind_its_back(machines: Machines) -> None:
    code, told, called = machines.restore("pacemaker", active="control2", runs="control2")
    assert code == 0, told
    assert called == [
        f"control2: {STOP} --parameter-value Stopped",
        "control2: crm_resource --wait --timeout=600",
        "control2: restore --replace-database",
        f"control2: {START}",
    ]


def test_a_database_that_does_not_move_is_restored_where_it_is(machines: Machines) -> None:
    code, told, called = machines.restore(
        "heartbeat", active="control2", runs="control2", mariadb_failover=False
    )
    assert code == 0, told
    assert "control1: restore --replace-database" in called
    assert called[0] == "control2: stop opennebula"


@pytest.mark.parametrize(
    ("active", "where"), [("", "no machine"), ("control1 control2", "control1 and control2")]
)
def test_a_pair_that_is_not_whole_is_refused(machines: Machines, active: str, where: str) -> None:
    code, told, called = machines.restore("heartbeat", active=active, runs="control1")
    assert code != 0
    assert f"10.0.0.5, the address of the failover pair, is on {where}: see how" in told
    assert called == []
