"""The database answers whom it should, is dumped, dropped and put back; no password shows."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import testinfra
from testinfra.host import Host

from tests.containers import secrets
from tests.containers.places import ROOT, SCENARIOS

SCENARIO = SCENARIOS / "mariadb"
PASSWORD = "correct-horse-battery"
FOLDER = "/var/backups/b2ct/database"
NODES = ("control1", "el1")


@pytest.fixture(params=NODES)
def host(request: pytest.FixtureRequest) -> Host:
    return testinfra.get_host(f"podman://{request.param}")


def sql(host: Host, statement: str) -> str:
    return str(host.check_output("mariadb --batch --skip-column-names --execute %s", statement))


def as_opennebula(
    host: Host, statement: str, password: str = PASSWORD, server: str = "localhost"
) -> bool:
    """Log in as oned does."""
    script = (
        f"printf '[client]\\nuser=oneadmin\\npassword={password}\\nhost={server}\\n' |"
        f' mariadb --defaults-extra-file=/dev/stdin opennebula --execute "{statement}"'
    )
    return bool(host.run(script).rc == 0)


def playbook(file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["ansible-playbook", "--inventory", str(SCENARIO / "inventory"), *arguments, str(file)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("server", ["localhost", "127.0.0.1"])
def test_opennebula_logs_in_and_writes(host: Host, server: str) -> None:
    assert as_opennebula(
        host, "CREATE OR REPLACE TABLE t (a INT); INSERT INTO t VALUES (1)", server=server
    )
    assert not as_opennebula(host, "SELECT 1", password="wrong", server=server)
    assert not as_opennebula(host, "SELECT * FROM mysql.global_priv", server=server)


def test_other_users_of_the_machine_are_no_root(host: Host) -> None:
    assert host.run("su -s /bin/sh -c 'mariadb --user=root --execute \"SELECT 1\"' nobody").rc != 0


def test_four_byte_letters_are_kept(host: Host) -> None:
    sql(host, "CREATE OR REPLACE TABLE opennebula.letters (a VARCHAR(9))")
    sql(host, "INSERT INTO opennebula.letters VALUES (CONVERT(0xF09F90A7 USING utf8mb4))")
    assert sql(host, "SELECT HEX(a) FROM opennebula.letters") == "F09F90A7"


def test_dump_drop_restore(host: Host) -> None:
    sql(host, "CREATE OR REPLACE TABLE opennebula.vm_pool (oid INT PRIMARY KEY, body MEDIUMTEXT)")
    sql(
        host,
        "INSERT INTO opennebula.vm_pool SELECT seq, CONCAT('<VM>', MD5(seq), '</VM>')"
        " FROM opennebula.seq_1_to_1000",
    )
    before = sql(host, "CHECKSUM TABLE opennebula.vm_pool")
    host.check_output("systemctl start b2ct-database-backup.service")
    dump = host.check_output(f"ls -1 {FOLDER}/opennebula-daily-*.sql.gz | sort | tail -n 1")
    assert oct(host.file(dump).mode) == "0o600"
    sql(host, "DROP DATABASE opennebula")

    # Without consent nothing happens; with it the newest dump is back.
    name = host.backend.name
    play = SCENARIO / "restore.yml"
    refused = playbook(play, f"--limit={name}")
    assert refused.returncode != 0
    assert "consent with: -e mariadb_restore_consent=true" in " ".join(refused.stdout.split())
    assert sql(host, "SHOW DATABASES LIKE 'opennebula'") == ""
    done = playbook(play, f"--limit={name}", "--extra-vars=mariadb_restore_consent=true")
    assert done.returncode == 0, done.stdout
    assert sql(host, "CHECKSUM TABLE opennebula.vm_pool") == before
    assert as_opennebula(host, "SELECT * FROM vm_pool LIMIT 1")


def test_a_restore_keeps_what_was_there(host: Host) -> None:
    host.check_output("/usr/local/sbin/b2ct-database-backup")
    sql(host, "CREATE OR REPLACE TABLE opennebula.newer (a INT)")
    told = host.check_output("/usr/local/sbin/b2ct-database-restore --replace-database")
    assert sql(host, "SHOW TABLES IN opennebula LIKE 'newer'") == ""
    kept = told.partition("what was there is in ")[2].splitlines()[0]
    host.check_output(f"/usr/local/sbin/b2ct-database-restore --replace-database {kept}")
    assert sql(host, "SHOW TABLES IN opennebula LIKE 'newer'") == "newer"


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("head -c 300 {dump} > {copy}", "is damaged"),
        ("gunzip -c {dump} | head -n -1 | gzip > {copy}", "is cut"),
        ("cp {dump} {copy}; echo 0000 {copy} > {copy}.sha256", "checksum differs"),
    ],
)
def test_a_damaged_dump_is_refused(host: Host, damage: str, told: str) -> None:
    dump = host.check_output("/usr/local/sbin/b2ct-database-backup damage")
    copy = "/root/copy.sql.gz"
    host.check_output(f"rm -f {copy}*; " + damage.format(dump=dump, copy=copy))
    before = sql(host, "SHOW TABLES IN opennebula")
    done = host.run(f"/usr/local/sbin/b2ct-database-restore --replace-database {copy}")
    assert done.rc != 0
    assert told in done.stderr
    assert sql(host, "SHOW TABLES IN opennebula") == before


def test_old_dumps_go(host: Host) -> None:
    for _ in range(16):
        host.check_output("/usr/local/sbin/b2ct-database-backup many")
    kept = host.check_output(f"ls {FOLDER}").split()
    many = [name for name in kept if "-many-" in name]
    assert sum(name.endswith(".gz") for name in many) == 14
    assert sum(name.endswith(".sha256") for name in many) == 14
    assert not [name for name in kept if name.startswith(".part")]


def test_a_failed_dump_leaves_the_others(host: Host) -> None:
    before = host.check_output(f"ls {FOLDER}")
    done = host.run("PATH=/nowhere:/usr/bin:/bin sh -c 'chmod 0 /usr/bin/mariadb-dump'")
    try:
        done = host.run("systemctl start b2ct-database-backup.service")
        assert done.rc != 0
    finally:
        host.check_output("chmod 0755 /usr/bin/mariadb-dump")
    assert host.check_output(f"ls {FOLDER}") == before


def test_the_password_shows_nowhere(host: Host) -> None:
    """Not in a whole run with -vvv, for which the account is made anew, nor in ps or open files."""
    name = host.backend.name
    sql(host, "DROP USER oneadmin@localhost")
    with secrets.processes([PASSWORD]) as listed:
        done = playbook(SCENARIO / "converge.yml", f"--limit={name}", "-vvv", "--diff")
    assert done.returncode == 0, done.stdout
    assert "changed=1" in done.stdout
    assert as_opennebula(host, "SELECT 1")
    assert secrets.printed(done, [PASSWORD]) == []
    assert listed == []
    assert secrets.journal(name, [PASSWORD]) == []
    assert secrets.readable(name, [PASSWORD]) == []
    # Nor where only root reads: the database has its hash.
    assert host.run(f"grep -rlF {PASSWORD} /etc /var/log /tmp /root").stdout == ""


def test_another_password_is_set(host: Host) -> None:
    name = host.backend.name
    done = playbook(
        SCENARIO / "converge.yml",
        f"--limit={name}",
        "--extra-vars=mariadb_password=another-good-one",
    )
    assert done.returncode == 0, done.stdout
    assert as_opennebula(host, "SELECT 1", password="another-good-one")
    assert not as_opennebula(host, "SELECT 1")
    assert playbook(SCENARIO / "converge.yml", f"--limit={name}").returncode == 0
    assert as_opennebula(host, "SELECT 1")


@pytest.mark.parametrize(
    "password", ["", "short", "with'quote-in-it", 'with"quote-in-it', "back\\\\slash-in-it"]
)
def test_a_bad_password_is_refused(password: str) -> None:
    done = playbook(
        SCENARIO / "converge.yml",
        "--limit=control1",
        "--extra-vars",
        f"{{mariadb_password: {password!r}}}",
    )
    assert done.returncode != 0
    assert "is missing, shorter than 12 characters, or holds a" in " ".join(done.stdout.split())
    assert "changed=0" in done.stdout


def test_the_sites_own_playbook_stops_without_consent() -> None:
    done = playbook(ROOT / "playbooks" / "database_restore.yml")
    assert done.returncode != 0
    assert "consent with: -e mariadb_restore_consent=true" in " ".join(done.stdout.split())
