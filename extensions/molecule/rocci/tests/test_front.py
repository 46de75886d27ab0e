"""The role refuses these systems; nginx, memcached and unit work with a stand-in behind them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import testinfra
import trustme
from testinfra.host import Host

from tests.containers.places import SCENARIOS

SCENARIO = SCENARIOS / "rocci"
NAME = "cloud.scenario.example.org"
ON = {
    "rocci_enabled": True,
    "rocci_names": [NAME],
    "rocci_clients": ["10.89.0.0/24"],
    "rocci_certificate": "/etc/b2ct/tls/opennebula",
    "rocci_keystone": "https://keystorm.scenario.example.org:5000/",
}
STRANGER = "192.0.2.66"


def playbook(name: str, variables: dict[str, Any], *mode: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["ansible-playbook", "--inventory", str(SCENARIO / "inventory"), *mode,
         "--extra-vars", json.dumps(variables), str(SCENARIO / name)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def control2() -> Host:
    return testinfra.get_host("podman://control2")


def lines(host: Host, command: str) -> list[str]:
    return str(host.check_output(command)).splitlines()


# --- refusal -----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [("--check", "--diff"), ()], ids=["check mode", "run"])
def test_both_systems_are_refused_with_the_reason(mode: tuple[str, ...]) -> None:
    done = playbook("converge.yml", ON, *mode)
    assert done.returncode != 0
    said = " ".join(done.stdout.split())
    reason = "rOCCI-server 2.0.4, of 2017, runs on Ruby 2.2.6 to 2.6; "
    assert f"{reason}control1 (Debian 12) has Ruby 3.1. Nothing was changed." in said, done.stdout
    assert f"{reason}control2 (AlmaLinux 9) has Ruby 3.0. Nothing was changed." in said
    assert "let clients use OpenNebula's XML-RPC behind TLS" in said
    assert said.count("changed=0") == 2
    for node in ("control1", "control2"):
        host = testinfra.get_host(f"podman://{node}")
        assert not host.file("/opt/b2ct/rocci").exists
        assert host.run("getent passwd rocci").rc != 0


# --- what can run ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authorities(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[trustme.CA, trustme.CA]]:
    """Run the role's last part on the EL-shaped machine; give the server's and users' authority."""
    folder = tmp_path_factory.mktemp("certificates")
    server, clients = trustme.CA(), trustme.CA()
    made = server.issue_cert(NAME)
    made.private_key_pem.write_to_path(str(folder / "key.pem"))
    for blob in made.cert_chain_pems:
        blob.write_to_path(str(folder / "fullchain.pem"), append=True)
    clients.cert_pem.write_to_path(str(folder / "clients.pem"))
    done = playbook("run.yml", {"test_certificates": str(folder)})
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    again = playbook("run.yml", {"test_certificates": str(folder)})
    assert "changed=0" in again.stdout, again.stdout[-3000:]
    checked = playbook("run.yml", {"test_certificates": str(folder)}, "--check", "--diff")
    assert "changed=0" in checked.stdout, checked.stdout[-3000:]
    yield server, clients
    # Switched off again, nothing of it answers.
    off = playbook("converge.yml", {}, "--limit=control2")
    assert off.returncode == 0, off.stdout[-3000:]
    host = control2()
    assert not host.service("rocci").is_running
    assert not host.service("rocci").is_enabled
    assert not [one for one in host.socket.get_listening_sockets() if one.endswith(":11443")]


@pytest.fixture
def ask(authorities: tuple[trustme.CA, trustme.CA], tmp_path: Path) -> Any:
    """Give a function that asks the front as a client does; it gives the status and the answer."""
    server, clients = authorities
    server.cert_pem.write_to_path(str(tmp_path / "server.pem"))
    user = clients.issue_cert("alice@example.org")
    user.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "user.pem"))

    def function(*arguments: str, known: bool = True) -> tuple[str, str]:
        command = ["curl", "--silent", "--cacert", str(tmp_path / "server.pem"),
                   "--resolve", f"{NAME}:11443:10.89.0.12", "--write-out", "\n%{http_code}",
                   *(["--cert", str(tmp_path / "user.pem")] if known else []),
                   *arguments, f"https://{NAME}:11443/"]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        text, _, status = done.stdout.rpartition("\n")
        return status, text

    return function


def test_nginx_and_systemd_understand_what_was_written(authorities: Any) -> None:
    host = control2()
    assert host.run("nginx -t").rc == 0
    verified = host.run("systemd-analyze verify /etc/systemd/system/rocci.service")
    assert (verified.rc, verified.stderr) == (0, "")
    # «systemd-analyze security»: below 5 is what systemd itself calls medium or better.
    exposed = host.check_output("systemd-analyze security --no-pager rocci.service | tail -n 1")
    level = float(exposed.split("rocci.service: ")[1].split()[0])
    assert level < 4, exposed


def test_inside_of_its_protection(ask: Any) -> None:
    """The unit's own protection holds what stands where rOCCI-server would."""
    status, text = ask()
    assert status == "200", text
    seen = json.loads(text)
    host = control2()
    assert seen["user"] == host.user("rocci").uid
    assert int(seen["capabilities"], 16) == 0
    assert seen["no_new_privileges"] == "1"
    assert seen["write_usr"] == seen["write_etc"] == "OSError"
    assert seen["write_tmp"] == "done"
    assert not host.file("/opt/b2ct/rocci/rOCCI-server-2.0.4/tmp/x").exists
    assert seen["home"] in ("PermissionError", "FileNotFoundError")
    assert seen["memcached"] == "done"
    assert (seen["mode"], seen["secret"]) == ("production", 128)


def test_who_may_ask(ask: Any) -> None:
    assert ask(known=False)[0] == "400"
    assert ask("--tls-max", "1.1")[0] == "000"
    status, text = ask("--header", "X-Client-Subject: CN=mallory")
    assert status == "200"
    subject = json.loads(text)["headers"]["X-Client-Subject"]
    assert "mallory" not in subject
    assert subject
    host = control2()
    subprocess.run(["ip", "address", "add", f"{STRANGER}/32", "dev", "lo"], check=True)
    host.check_output(f"ip route add {STRANGER}/32 via 10.89.0.1")
    try:
        assert ask("--interface", STRANGER)[0] == "403"
    finally:
        host.check_output(f"ip route del {STRANGER}/32")
        subprocess.run(["ip", "address", "del", f"{STRANGER}/32", "dev", "lo"], check=True)


def test_nothing_else_listens(authorities: Any) -> None:
    """memcached hears the machine itself only; the service has a socket that nginx may open."""
    host = control2()
    places = [line.split()[3].rpartition(":") for line in lines(host, "ss -Hltn")]
    cached = {address for address, _, port in places if port == "11211"}
    assert cached == {"127.0.0.1", "[::1]"}
    outside = {port for address, _, port in places if address not in {"127.0.0.1", "[::1]"}}
    assert outside == {"22", "11443"}
    socket = host.file("/run/rocci/puma.sock")
    assert (socket.user, socket.group, socket.mode) == ("rocci", "nginx", 0o660)
    secret = host.file("/etc/b2ct/rocci/secret")
    assert (secret.user, secret.mode) == ("root", 0o600)
