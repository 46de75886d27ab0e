"""What the role ``mariadb`` promises: a database for its own machine, and its dumps."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from testinfra.host import Host

GROUPS = ("database",)
UNITS = ("mariadb", "garb", "garbd", "b2ct-database-backup")
#: A dump that is older tells that the timer does not work: a day, and two hours of grace.
OLDEST_S = 26 * 3600
#: On which the members of a cluster talk.
GALERA_PORT = 4567


@pytest.fixture(autouse=True)
def server(request: pytest.FixtureRequest, wanted: Mapping[str, Any]) -> None:
    """Let the checks of a server alone on an arbitrator."""
    if "member" in request.node.name:
        return
    arbitrates = wanted["mariadb_member"] == "arbitrator"
    if arbitrates != ("arbitrator" in request.node.name):
        pytest.skip("this member of the cluster is of the other kind")


@pytest.fixture
def running(host: Host, wanted: Mapping[str, Any]) -> None:
    """Skip the node of a failover pair that stands by."""
    if not _is_here(host, wanted):
        pytest.skip("the other node of the pair has the database")


def _is_here(host: Host, wanted: Mapping[str, Any]) -> bool:
    """Whether the server should run here: in a failover pair, where its data are mounted."""
    return not wanted["mariadb_failover"] or host.run("mountpoint /var/lib/mysql").rc == 0


def _ask(host: Host, question: str) -> list[list[str]]:
    """Ask as root over the socket; refused, it is a failure that says why."""
    done = host.run("mariadb --batch --skip-column-names --execute %s", question)
    assert done.rc == 0, done.stderr.strip()
    return [line.split("\t") for line in done.stdout.splitlines()]


def test_runs(host: Host, wanted: Mapping[str, Any]) -> None:
    """MariaDB runs, and starts with the machine."""
    if wanted["mariadb_failover"]:
        here = _is_here(host, wanted)
        assert host.service("mariadb").is_running == here, "it runs where its data are, only there"
        assert not host.service("mariadb").is_enabled, "the pair starts it: systemctl disable it"
        return
    assert host.service("mariadb").is_running, "start it: systemctl start mariadb"
    assert host.service("mariadb").is_enabled, "enable it: systemctl enable mariadb"


@pytest.mark.usefixtures("running")
def test_is_not_in_the_network(host: Host, wanted: Mapping[str, Any]) -> None:
    """MariaDB answers on its own address only, not to the network."""
    port, address = wanted["mariadb_port"], wanted["mariadb_bind_address"]
    found = host.check_output("ss --no-header --listening --tcp --numeric")
    places = set(re.findall(rf"(\S+):{port}\s", found))
    assert places == {address}, f"it listens on {', '.join(sorted(places)) or 'nothing'}"


@pytest.mark.usefixtures("running")
def test_accounts(host: Host, wanted: Mapping[str, Any]) -> None:
    """There is no account without a name, and root comes from the machine itself only."""
    strange = _ask(
        host,
        "SELECT User, Host FROM mysql.global_priv WHERE User = ''"
        " OR (User = 'root' AND Host <> 'localhost')",
    )
    assert strange == [], f"remove these accounts: {strange}"
    (plugin,) = _ask(
        host,
        "SELECT JSON_VALUE(Priv, '$.plugin') FROM mysql.global_priv WHERE User = 'root'",
    )
    assert plugin == ["unix_socket"], f"root logs in by {plugin[0]} instead of unix_socket"


@pytest.mark.usefixtures("running")
def test_database(host: Host, wanted: Mapping[str, Any]) -> None:
    """OpenNebula's database is there, in utf8mb4, and read committed."""
    known = _ask(
        host, "SELECT SCHEMA_NAME, DEFAULT_CHARACTER_SET_NAME FROM information_schema.SCHEMATA"
    )
    rows = [row[1:] for row in known if row[0] == wanted["mariadb_database"]]
    assert rows == [["utf8mb4"]], "it is missing" if not rows else f"it is in {rows[0][0]}"
    assert _ask(host, "SELECT @@GLOBAL.tx_isolation") == [["READ-COMMITTED"]]


@pytest.mark.usefixtures("running")
def test_account_of_opennebula(host: Host, wanted: Mapping[str, Any]) -> None:
    """OpenNebula's account may do everything in its own database, and nothing elsewhere."""
    known = _ask(host, "SELECT DISTINCT User, Db FROM mysql.db")
    rows = [row[1] for row in known if row[0] == wanted["mariadb_user"]]
    assert rows == [wanted["mariadb_database"]]
    grants = _ask(host, f"SHOW GRANTS FOR '{wanted['mariadb_user']}'@'localhost'")
    everywhere = [row[0] for row in grants if " ON *.* " in row[0]]
    assert all(grant.startswith("GRANT USAGE ") for grant in everywhere), "it may do more"


def test_dumps_are_private(host: Host, wanted: Mapping[str, Any]) -> None:
    """The dumps, and the folder that holds them, are for root only."""
    folder = wanted["mariadb_backup_folder"]
    found = host.file(folder)
    assert (found.user, found.mode) == ("root", 0o700)
    loose = host.check_output("find %s -type f ! -perm 0600", folder)
    assert loose == "", f"others may read: {loose}"


@pytest.mark.usefixtures("running")
def test_dumps_are_made(host: Host, wanted: Mapping[str, Any]) -> None:
    """The timer of the dumps runs, and the last dump is of the last day and complete."""
    assert host.service("b2ct-database-backup.timer").is_running
    assert host.service("b2ct-database-backup.timer").is_enabled
    folder = wanted["mariadb_backup_folder"]
    last = host.run(
        f"ls -1 {folder}/{wanted['mariadb_database']}-daily-*.sql.gz 2>/dev/null | sort | tail -n 1"
    )
    file = last.stdout.strip()
    if not file:
        # A site of today has none before its first night.
        age = host.check_output(f"expr $(date +%s) - $(stat --format=%Y {folder})")
        assert int(age) < OLDEST_S, f"there is no dump in {folder}"
        return
    age = host.check_output(f"expr $(date +%s) - $(stat --format=%Y {file})")
    assert int(age) < OLDEST_S, f"the last dump is {int(age) // 3600} hours old: {file}"
    checked = host.run(
        "cd %s && sha256sum --quiet --check %s", folder, f"{file.rpartition('/')[2]}.sha256"
    )
    assert checked.rc == 0, f"{file} is damaged: {checked.stderr.strip()}"


def test_cluster_is_whole(host: Host, wanted: Mapping[str, Any]) -> None:
    """The cluster has a majority, all of its members are there, and this one has all data."""
    if not wanted["mariadb_galera"]:
        pytest.skip("a single server")
    rows = _ask(host, "SHOW GLOBAL STATUS LIKE 'wsrep_%'")
    status = {row[0]: row[1] if len(row) > 1 else "" for row in rows}
    assert status["wsrep_cluster_status"] == "Primary"
    assert status["wsrep_local_state_comment"] == "Synced"
    assert int(status["wsrep_cluster_size"]) == len(wanted["mariadb_galera_members"]), (
        f"{status['wsrep_cluster_size']} of {len(wanted['mariadb_galera_members'])} members"
    )


def test_member_speaks_tls_only(host: Host, wanted: Mapping[str, Any]) -> None:
    """The members of the cluster talk over TLS, and know each other by their certificates."""
    if not wanted["mariadb_galera"]:
        pytest.skip("a single server")
    folder = wanted["mariadb_galera_certificate"]
    place = f"{wanted['mariadb_galera_address']}:{GALERA_PORT}"
    ask = f"openssl s_client -connect {place} -verify_return_error -CAfile {folder}/../ca.pem"
    # A member that is let in is answered in the cluster's own protocol, which is no text.
    done = host.run(
        f"echo | {ask} -cert {folder}/cert.pem -key {folder}/key.pem 2>&1 | tr -cd '\\n -~'"
    )
    assert "Verify return code: 0 (ok)" in done.stdout, (
        f"{place} shows no certificate of the site's authority: {done.stdout.strip()[-200:]}"
    )
    # In TLS 1.3 the refusal comes after the handshake: wait for it.
    plain = host.run(f"{{ echo; sleep 3; }} | {ask} 2>&1 | tr -cd '\\n -~'")
    assert re.search(r"alert (certificate required|handshake failure)", plain.stdout), (
        f"{place} takes members without a certificate"
    )


def test_arbitrator_runs(host: Host) -> None:
    """The arbitrator runs, and starts with the machine."""
    name = "garb" if host.file("/etc/default/garb").exists else "garbd"
    assert host.service(name).is_running, f"start it: systemctl start {name}"
    assert host.service(name).is_enabled, f"enable it: systemctl enable {name}"
