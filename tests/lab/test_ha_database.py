"""The failover pair and a real database: MariaDB on the replicated volume, commits under load.

The tests build on each other and run in their order. The roles install MariaDB from the mirror that
the lab's image was made from.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from b2ct.ha import drill as drills
from b2ct.ha import text
from tests.lab.pairs import PATIENCE_S, LabPair, open_lab_pair
from tests.lab.runs import ROOT, SITES, b2ct, changed, lab_of, play, played, until, with_vault

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("lab-ha-database")]

NODES = ("control1", "control2")
DATA = "/var/lib/mysql"
PASSWORD = "of-the-database-12"
AWAY = "DEBIAN_FRONTEND=noninteractive apt-get -qq purge mariadb-server mariadb-server-core"
#: Commits a numbered row each tenth of a second; a number is told when its row is committed.
WRITER = """\
n={first}
while :; do
    echo "INSERT INTO drill VALUES ($n); SELECT $n;"
    n=$((n+1))
    sleep 0.1
done | mariadb --batch --skip-column-names --unbuffered opennebula
"""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabPair]:
    secret = f"vault_opennebula_db_password: {PASSWORD}\n"
    with (
        lab_of(SITES / "ha2db", tmp_path_factory.mktemp("pair")) as lab,
        open_lab_pair(lab) as found,
        with_vault(found.inventory, tmp_path_factory.mktemp("vault"), secret),
    ):
        yield found


def said(pair: LabPair, node: str, command: str) -> str:
    """Give what a command says that must succeed."""
    done = pair.lab.run(node, command, limit_s=600)
    assert done.returncode == 0, f"{node}: {command}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


def rows(pair: LabPair) -> set[int]:
    """Give the numbers that the active node's database has."""
    asked = "mariadb --batch --skip-column-names --execute 'SELECT n FROM drill' opennebula"
    return {int(line) for line in said(pair, pair.active(), asked).split()}


def runs_on(pair: LabPair) -> list[str]:
    """Give the nodes on which MariaDB runs."""
    asked = "systemctl is-active mariadb || true"
    return [node for node in NODES if said(pair, node, asked) == "active"]


@contextmanager
def commits(pair: LabPair, first: int, folder: Path) -> Iterator[Path]:
    """Let the active node commit rows from a number on; give the file of those that it told."""
    told = folder / f"commits-{first}"
    argv = [*pair.lab.ssh_argv(pair.active()), "sudo -n sh"]
    with told.open("w") as stream:
        process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=stream, stderr=subprocess.DEVNULL, text=True
        )
        assert process.stdin is not None
        process.stdin.write(WRITER.format(first=first))
        process.stdin.close()
        try:
            until("rows are committed", lambda: len(acknowledged(told)) > 20, PATIENCE_S)
            yield told
        finally:
            process.kill()
            process.wait()


def acknowledged(told: Path) -> set[int]:
    """Give the numbers that were told; the last line may be cut."""
    return {int(line) for line in told.read_text().split("\n")[:-1] if line.isdigit()}


def drilled(pair: LabPair, kind: str, strike: drills.Strike, first: int, folder: Path) -> None:
    """Do a drill while rows are committed: none that was told may be missing after it."""
    with commits(pair, first, folder) as told:
        report = drills.drill(pair.nodes, kind, strike, lambda *_: None, limit_s=PATIENCE_S)
    print(text.drilled(report))
    assert report.good, report
    assert runs_on(pair) == [report.target] == [pair.active()]
    kept = rows(pair)
    lost = acknowledged(told) - kept
    print(f"{kind}: {len(acknowledged(told))} rows committed, {len(lost)} lost")
    assert not lost
    # It takes rows, and has counted on from the others.
    insert = f"INSERT INTO drill VALUES ({first - 1})"
    said(pair, pair.active(), f"mariadb --execute '{insert}' opennebula")
    assert rows(pair) == kept | {first - 1}


def test_data_that_the_volume_would_hide_are_refused(pair: LabPair) -> None:
    """MariaDB is on the machines already, as on a server that has served before."""
    before = said(pair, "control1", f"ls -A {DATA}")
    assert "ibdata1" in before
    done = play(pair.inventory, ROOT / "playbooks" / "ha.yml")
    assert done.returncode == 2, done.stdout
    for words in (f"{DATA} holds ", "which the new volume database would hide"):
        assert done.stdout.count(words) >= len(NODES), done.stdout[-6000:]
    assert said(pair, "control1", f"ls -A {DATA}") == before
    held = said(pair, "control1", "wipefs --noheadings --output TYPE /dev/b2ct/database")
    assert held == "", "nothing was written on the volume"


def test_the_stages_make_a_pair_that_moves_the_database(pair: LabPair) -> None:
    for node in NODES:
        # What the page tells for it.
        said(pair, node, f"{AWAY} >&2 && mv {DATA} {DATA}.before && apt-get -qq update >&2")
    pair.play()
    played(pair.inventory, ROOT / "playbooks" / "database.yml")
    pair.wait_whole()
    assert pair.active() == "control1"
    assert runs_on(pair) == ["control1"]
    create = "CREATE TABLE drill (n INT PRIMARY KEY) ENGINE=InnoDB"
    said(pair, "control1", f"mariadb --execute '{create}' opennebula")


def test_a_second_run_changes_nothing_in_check_mode_or_for_real(pair: LabPair) -> None:
    for name in ("ha", "database"):
        for arguments in (("--check", "--diff"), ()):
            words = played(pair.inventory, ROOT / "playbooks" / f"{name}.yml", *arguments)
            assert changed(words) == dict.fromkeys(NODES, 0), words[-6000:]
    assert runs_on(pair) == ["control1"]


def test_a_planned_switch_and_back_keeps_every_commit(pair: LabPair, tmp_path: Path) -> None:
    for first, target in ((1000, "control2"), (2000, "control1")):
        drilled(pair, "switch", drills.strike_of(drills.Kind.SWITCH), first, tmp_path)
        assert pair.active() == target


def test_a_killed_node_takes_no_commit_with_it(pair: LabPair, tmp_path: Path) -> None:
    drilled(pair, "kill -9", pair.killed, 3000, tmp_path)
    drilled(pair, "crash", drills.strike_of(drills.Kind.CRASH), 4000, tmp_path)


def test_a_dump_is_put_back_where_the_database_is(pair: LabPair) -> None:
    active = pair.active()
    before = rows(pair)
    said(pair, active, "systemctl start b2ct-database-backup.service")
    said(pair, active, "mariadb --execute 'DELETE FROM drill' opennebula")
    assert rows(pair) == set()
    words = played(
        pair.inventory,
        ROOT / "playbooks" / "database_restore.yml",
        *("-e", "mariadb_restore_consent=true"),
    )
    assert rows(pair) == before
    assert re.search(r"restored \d+ tables of opennebula", words)
    assert pair.active() == active


def test_the_checks_of_verify_hold(pair: LabPair) -> None:
    done = b2ct("verify", str(pair.inventory), "--only", "ha", "--only", "mariadb")
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout)
