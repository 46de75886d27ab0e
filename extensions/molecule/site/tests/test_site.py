"""The whole site: a plan finds nothing to do, and `b2ct verify` finds each fault that is made."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from b2ct.deploy.stages import STAGES
from tests.containers.places import SCENARIOS

SITE = SCENARIOS / "site" / "inventory"
B2CT = Path(sys.executable).parent / "b2ct"


def b2ct(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([B2CT, *words], capture_output=True, text=True, check=False)


def inside(host: str, script: str) -> str:
    """Run a script in a container, beside all that is tested."""
    argv = ["podman", "exec", "--interactive", host, "sh", "-eu"]
    return subprocess.run(argv, input=script, capture_output=True, text=True, check=True).stdout


@contextmanager
def fault(host: str, script: str, mended: str) -> Iterator[None]:
    """Break something, and mend it at the end."""
    try:
        inside(host, script)
        yield
    finally:
        inside(host, mended)


def failures(*words: str) -> list[dict[str, Any]]:
    """Verify, and give what failed: host, area, words, detail, journal."""
    done = b2ct("verify", str(SITE), *words, "--json")
    assert done.returncode in {0, 1}, done.stderr
    found = json.loads(done.stdout)
    failed = [
        {"host": host["host"], **check}
        for host in found["hosts"]
        for check in host["checks"]
        if check["outcome"] == "failed"
    ]
    assert bool(failed) == bool(done.returncode)
    return failed


def test_the_plan_of_a_deployed_site_is_empty() -> None:
    done = b2ct("plan", str(SITE), "--exit-code")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "Nothing to change on 4 hosts."


def test_deploy_changes_nothing_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    done = b2ct("deploy", str(SITE), "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row for row in rows if row.get("status") == "changed"] == []
    assert tuple(row["stage"] for row in rows if row["event"] == "end") == STAGES
    again = b2ct("deploy", str(SITE), "--resume")
    assert "base: left out, it was done at" in again.stdout


def test_the_site_is_accepted(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    done = b2ct("verify", str(SITE), "--html", str(page))
    assert done.returncode == 0, done.stdout
    assert "scenario: accepted: " in done.stdout
    assert ">Accepted<" in page.read_text()


def test_a_stopped_service_is_found_with_its_journal() -> None:
    with fault("cache1", "systemctl stop squid", "systemctl start squid"):
        found = failures("cache1", "--only", "squid")
    told = [failure for failure in found if "runs" in failure["words"]]
    assert told, found
    assert told[0]["host"] == "cache1"
    assert "squid" in told[0]["journal"]
    assert failures("cache1", "--only", "squid") == []


def test_a_wrong_access_rule_is_found() -> None:
    file = "/etc/squid/squid.conf"
    break_it = f"cp -p {file} /root/squid.conf; sed -i '1i http_access allow all' {file}"
    mend_it = f"cp -p /root/squid.conf {file}; systemctl reload squid"
    with fault("cache1", f"{break_it}; systemctl reload squid", mend_it):
        found = failures("cache1", "--only", "squid")
    assert any(
        "allow all" in failure["detail"]
        or "stranger" in failure["words"].lower()
        or "nobody" in failure["words"].lower()
        for failure in found
    ), found
    assert failures("cache1", "--only", "squid") == []


def test_a_full_disk_is_found() -> None:
    full = "dd if=/dev/zero of=/var/spool/squid/full bs=1M 2>/dev/null || true"
    with fault("cache1", full, "rm /var/spool/squid/full"):
        found = failures("--only", "system")
    assert [(failure["host"], failure["words"]) for failure in found] == [
        ("cache1", "Every file system has room (room)")
    ]
    assert "/var/spool/squid is 100 % full" in found[0]["detail"]


def test_a_node_that_is_off_is_found_and_the_others_are_verified() -> None:
    with fault("node2", "systemctl stop ssh.socket ssh", "systemctl start ssh"):
        # A shared connection of Ansible's would still be open: verify has its own.
        found = failures("--only", "system")
    assert {failure["host"] for failure in found} == {"node2"}
    assert found[0]["area"] == "connection"


def test_a_failed_unit_is_found() -> None:
    make = "systemd-run --unit=b2ct-fault --wait false || true"
    with fault("node1", make, "systemctl reset-failed b2ct-fault"):
        found = failures("node1", "--only", "system")
    assert [failure["words"] for failure in found] == ["No unit of systemd has failed"]
    assert "b2ct-fault.service" in found[0]["detail"]


def test_precheck_tells_a_foreign_program_on_a_port() -> None:
    listen = (
        "systemctl stop squid; systemd-run --unit=b2ct-foreign python3 -m http.server 3128; sleep 1"
    )
    with fault("cache1", listen, "systemctl stop b2ct-foreign; systemctl start squid"):
        done = b2ct("deploy", str(SITE), "--stage", "precheck")
    assert done.returncode == 1
    assert "cache1: port tcp/3128 is taken by python3" in done.stdout
