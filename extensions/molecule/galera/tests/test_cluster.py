"""Nothing that was committed is lost when a server dies; a stopped cluster begins with consent."""

from __future__ import annotations

import subprocess
import threading
import time

import pytest

from tests.containers.galera import await_size, node, sql, status
from tests.containers.places import SCENARIOS

SCENARIO = SCENARIOS / "galera"
SERVERS = ("control1", "node1", "node2")


def playbook(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["ansible-playbook", "--inventory", str(SCENARIO / "inventory"), *arguments,
         str(SCENARIO / "converge.yml")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("name", SERVERS)
def test_each_server_is_a_member(name: str) -> None:
    await_size(name, 3)
    assert status(name, "wsrep_cluster_status") == "Primary"


@pytest.mark.parametrize("name", SERVERS)
def test_what_one_commits_all_have(name: str) -> None:
    sql(name, f"CREATE OR REPLACE TABLE opennebula.from_{name} (a INT PRIMARY KEY)")
    sql(name, f"INSERT INTO opennebula.from_{name} VALUES (42)")
    for other in SERVERS:
        assert sql(other, f"SELECT a FROM opennebula.from_{name}") == "42"


def test_the_account_is_on_every_server() -> None:
    for name in SERVERS:
        assert sql(name, "SELECT COUNT(*) FROM mysql.global_priv WHERE User = 'oneadmin'") == "2"


def test_nothing_committed_is_lost_when_a_server_is_killed() -> None:
    """Two servers take writes; one of them is killed with -9 in the middle."""
    sql("control1", "CREATE OR REPLACE TABLE opennebula.ledger (a INT PRIMARY KEY)")
    acknowledged: list[int] = []

    def write(name: str, first: int) -> None:
        # One client that is told of each commit, as oned is: what it prints, it was promised.
        script = (
            f'i={first}; while mariadb -e "INSERT INTO opennebula.ledger VALUES ($i)" 2>/dev/null;'
            " do echo $i; i=$((i + 1)); [ ! -e /tmp/stop ] || exit 0; done"
        )
        done = node(name).run("rm -f /tmp/stop; timeout 60 sh -c %s", script)
        acknowledged.extend(map(int, done.stdout.split()))

    writers = [
        threading.Thread(target=write, args=("control1", 1_000_000)),
        threading.Thread(target=write, args=("node2", 2_000_000)),
    ]
    for writer in writers:
        writer.start()
    time.sleep(4)
    # No restart until the test says so: a dead machine does not come back by itself.
    node("node2").check_output("pkill -9 -x mariadbd; systemctl stop mariadb")
    time.sleep(8)
    node("control1").check_output("touch /tmp/stop")
    for writer in writers:
        writer.join()
    by_killed = [number for number in acknowledged if number >= 2_000_000]
    by_other = [number for number in acknowledged if number < 2_000_000]
    assert len(by_killed) > 10, "too few writes to prove anything"
    assert len(by_other) > 10, "too few writes to prove anything"
    await_size("control1", 2)
    for name in ("control1", "node1"):
        kept = set(map(int, sql(name, "SELECT a FROM opennebula.ledger").split()))
        assert set(acknowledged) <= kept, f"lost: {sorted(set(acknowledged) - kept)}"
    # The killed one comes back with all of it.
    node("node2").check_output("systemctl start mariadb")
    await_size("node2", 3)
    kept = set(map(int, sql("node2", "SELECT a FROM opennebula.ledger").split()))
    assert set(acknowledged) <= kept


def test_the_role_brings_a_stopped_server_back() -> None:
    node("node1").check_output("systemctl stop mariadb")
    done = playbook()
    assert done.returncode == 0, done.stdout
    await_size("node1", 3)


def test_a_stopped_cluster_begins_with_consent_only() -> None:
    sql("control1", "CREATE OR REPLACE TABLE opennebula.last (a INT PRIMARY KEY)")
    for name in ("node2", "node1", "control1"):
        node(name).check_output("systemctl stop mariadb")
    done = playbook()
    assert done.returncode != 0
    told = " ".join(done.stdout.split())
    assert "mariadb_galera_bootstrap_from=HOST" in told
    part = playbook("--limit=control1")
    assert part.returncode != 0
    assert "cannot be asked whether it holds newer data" in " ".join(part.stdout.split())
    done = playbook("--extra-vars=mariadb_galera_bootstrap_from=control1")
    assert done.returncode == 0, done.stdout
    for name in SERVERS:
        await_size(name, 3)
        assert sql(name, "SHOW TABLES IN opennebula LIKE 'last'") == "last"
