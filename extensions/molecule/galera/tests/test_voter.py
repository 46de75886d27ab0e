"""Two servers and an arbitrator, out of three servers: the cluster outlives a server's death."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.containers.galera import await_size, node, sql, status
from tests.containers.places import SCENARIOS

SCENARIO = SCENARIOS / "galera"
B2CT = Path(sys.executable).parent / "b2ct"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the site in which node1 only votes, deployed."""
    folder = tmp_path_factory.mktemp("voter") / "inventory"
    shutil.copytree(SCENARIO / "inventory", folder)
    file = folder / "site.yml"
    text = file.read_text()
    file.write_text(
        text.replace(
            "nodes: [control1, node1, node2]", "nodes: [control1, node2]\n  arbitrator: node1"
        )
    )
    assert file.read_text() != text
    # As docs/database.md tells: a server leaves first.
    node("node1").check_output("systemctl disable --now mariadb")
    done = subprocess.run(
        ["ansible-playbook", "--inventory", str(folder), str(SCENARIO / "converge.yml")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return folder


def test_the_arbitrator_is_the_third_member(site: Path) -> None:
    for name in ("control1", "node2"):
        await_size(name, 3)
    done = subprocess.run(
        [B2CT, "verify", str(site), "--only", "mariadb"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "The arbitrator runs" in done.stdout


@pytest.mark.usefixtures("site")
def test_its_vote_keeps_the_cluster_alive() -> None:
    sql("control1", "CREATE OR REPLACE TABLE opennebula.voted (a INT PRIMARY KEY)")
    node("node2").check_output("pkill -9 -x mariadbd; systemctl stop mariadb")
    await_size("control1", 2)
    assert status("control1", "wsrep_cluster_status") == "Primary"
    sql("control1", "INSERT INTO opennebula.voted VALUES (1)")
    node("node2").check_output("systemctl start mariadb")
    await_size("node2", 3)
    assert sql("node2", "SELECT a FROM opennebula.voted") == "1"


@pytest.mark.usefixtures("site")
def test_without_it_a_lone_server_takes_no_writes() -> None:
    """What the vote is for: alone, a server cannot know that the other one is not alive."""
    node("node1").check_output("pkill -9 -x garbd; systemctl stop garb")
    await_size("control1", 2)
    node("node2").check_output("pkill -9 -x mariadbd; systemctl stop mariadb")
    for _ in range(60):
        if status("control1", "wsrep_cluster_status") == "non-Primary":
            break
        time.sleep(1)
    done = node("control1").run("mariadb -e 'INSERT INTO opennebula.voted VALUES (2)'")
    assert done.rc != 0
    assert "WSREP has not yet prepared node" in done.stderr
    # Both come back, and the cluster goes on.
    node("node1").check_output("systemctl start garb")
    node("node2").check_output("systemctl start mariadb")
    for name in ("control1", "node2"):
        await_size(name, 3)
    assert sql("control1", "SELECT COUNT(*) FROM opennebula.voted") == "1"
