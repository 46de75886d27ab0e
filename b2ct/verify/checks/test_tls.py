"""What the role ``tls`` promises: good certificates, in time, and only modern protocols."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from testinfra.host import Host

from b2ct.verify.job import Job

GROUPS = ("all",)
UNITS = ("b2ct-tls-renew", "b2ct-tls-publish.socket")
FOLDER = "/etc/b2ct/tls"
#: Days before its end at which the authority itself is worth an admin's attention.
AUTHORITY_DAYS = 365
DAY = 86400
#: Where nginx speaks TLS: the cloud, the status page, rOCCI-server.
PORTS = (443, 8443, 11443)

#: Asks a port for one protocol version with a ClientHello written by hand, so that no policy of
#: this machine's own openssl decides what is offered. Prints "accepted" or "refused".
PROBE = r"""
import os, socket, struct, sys
version, host, port = int(sys.argv[1], 16), sys.argv[2], int(sys.argv[3])
name = b"localhost"
suites = bytes.fromhex("c02bc02fc00ac014c009c0130035002f000a003dc030c02c")
def extension(kind, body):
    return struct.pack("!HH", kind, len(body)) + body
extensions = (
    extension(0, struct.pack("!HBH", len(name) + 3, 0, len(name)) + name)
    + extension(10, bytes.fromhex("0006001d00170018"))
    + extension(11, bytes.fromhex("0100"))
    + extension(13, bytes.fromhex("000e0403050306030401050106010201"))
)
body = (
    struct.pack("!H", version) + os.urandom(32) + b"\0"
    + struct.pack("!H", len(suites)) + suites + b"\1\0"
    + struct.pack("!H", len(extensions)) + extensions
)
hello = b"\1" + struct.pack("!I", len(body))[1:] + body
with socket.create_connection((host, port), timeout=10) as connection:
    connection.settimeout(10)
    connection.sendall(b"\x16" + struct.pack("!HH", min(version, 0x0301), len(hello)) + hello)
    try:
        answer = connection.recv(11)
    except ConnectionResetError:
        answer = b""
accepted = len(answer) > 10 and answer[0] == 22 and answer[5] == 2
chosen = struct.unpack("!H", answer[9:11])[0] if accepted else 0
print("accepted" if accepted and chosen == version else "refused")
"""


#: A certificate of the host: what the role wrote down on the host itself, ``name`` and ``folder``.
Service = Mapping[str, Any]


@pytest.fixture
def services(host: Host, wanted: Mapping[str, Any]) -> tuple[Service, ...]:
    """Give the certificates that the host has, those of other roles among them."""
    listed = host.run(f"ls -1 {FOLDER}/*/service.json").stdout.split()
    found = []
    for path in listed:
        data = json.loads(host.file(path).content_string)
        name = path.split("/")[-2]
        found.append({**data, "name": name, "folder": path.rpartition("/")[0]})
    expected = {entry["name"] for entry in wanted.get("tls_certificates", ())}
    missing = expected - {service["name"] for service in found}
    assert not missing, f"{', '.join(sorted(missing))}: not set up; run the stage base again"
    return tuple(found)


def _is_within(host: Host, path: str, days: int) -> bool:
    done = host.run("openssl x509 -noout -checkend %s -in %s", str(days * DAY), path)
    assert done.rc in (0, 1), f"{path} cannot be read: {done.stderr.strip()}"
    return bool(done.rc == 1)


def _speaking(host: Host) -> list[tuple[str, int]]:
    """Give the addresses and ports on which this machine's services speak TLS."""
    found = set()
    for line in host.check_output("ss -Hltn").splitlines():
        address, _, port = line.split()[3].rpartition(":")
        if int(port) in PORTS:
            everywhere = address in ("0.0.0.0", "*", "[::]")  # noqa: S104 - it only reads
            found.add(("localhost" if everywhere else address.strip("[]"), int(port)))
    return sorted(found)


def test_authority_is_trusted(host: Host) -> None:
    """The site's certificate authority is there and stays valid for a year"""
    done = host.run("openssl verify -CAfile %s %s", f"{FOLDER}/ca.pem", f"{FOLDER}/ca.pem")
    assert done.rc == 0, f"{FOLDER}/ca.pem is no valid authority: {done.stderr.strip()}"
    trusted = host.run("openssl verify %s", f"{FOLDER}/ca.pem")
    assert trusted.rc == 0, "the system does not trust the site's authority"
    assert not _is_within(host, f"{FOLDER}/ca.pem", AUTHORITY_DAYS), (
        "the site's authority expires within a year: plan for a new one (docs/tls.md)"
    )


def test_authority_key_is_where_it_belongs(host: Host, wanted: Mapping[str, Any], job: Job) -> None:
    """The authority's key is on the first control node only, and root's alone"""
    key = host.file("/etc/b2ct/ca/key.pem")
    holder = wanted.get("tls_authority") or job.target.name
    if holder != job.target.name:
        assert not key.exists, f"{key.path} is here, and belongs to {holder} alone"
        return
    assert key.exists, f"{key.path} is missing; restore it from a backup"
    assert (key.user, key.group, key.mode) == ("root", "root", 0o600)
    assert host.file("/etc/b2ct/ca").mode == 0o700


def test_certificates_are_valid(host: Host, services: tuple[Service, ...]) -> None:
    """Each service's certificate leads to a trusted root and belongs to its key"""
    for service in services:
        folder = service["folder"]
        done = host.run(
            "openssl verify -purpose sslserver -untrusted %s %s",
            f"{folder}/fullchain.pem",
            f"{folder}/cert.pem",
        )
        assert done.rc == 0, f"{service['name']}: {(done.stderr or done.stdout).strip()}"
        of_key = host.run("openssl pkey -pubout -in %s", f"{folder}/key.pem")
        of_certificate = host.run("openssl x509 -noout -pubkey -in %s", f"{folder}/cert.pem")
        assert of_key.rc == 0 == of_certificate.rc, f"{service['name']}: a file cannot be read"
        assert of_key.stdout == of_certificate.stdout, (
            f"{service['name']}: the certificate does not belong to its key"
        )


def test_certificates_are_renewed_in_time(host: Host, services: tuple[Service, ...]) -> None:
    """No certificate expires soon, and the timer that renews them runs"""
    assert host.service("b2ct-tls-renew.timer").is_running, "b2ct-tls-renew.timer does not run"
    assert host.service("b2ct-tls-renew.timer").is_enabled, "b2ct-tls-renew.timer is not enabled"
    state = host.run("systemctl show -p Result --value b2ct-tls-renew.service").stdout.strip()
    assert state == "success", f"the last renewal failed ({state})"
    for service in services:
        # The timer runs daily: a day's grace.
        margin = max(int(service["renew_days"]) - 2, 1)
        assert not _is_within(host, f"{service['folder']}/cert.pem", margin), (
            f"{service['name']} expires within {margin} days: "
            + ("see journalctl -u b2ct-tls-renew" if service["authority"] else "get a new one")
        )


def test_keys_are_private(host: Host) -> None:
    """No key of a certificate is readable by everyone"""
    found = host.run("find /etc/b2ct -name '*key*.pem' -perm /0007").stdout.split()
    assert not found, f"readable by everyone: {', '.join(found)}"


@pytest.mark.parametrize(
    ("version", "title"), [("0301", "TLS 1.0"), ("0302", "TLS 1.1")], ids=["TLS 1.0", "TLS 1.1"]
)
def test_old_protocols_are_refused(
    host: Host, services: tuple[Service, ...], version: str, title: str
) -> None:
    """Services refuse protocols before TLS 1.2"""
    places = _speaking(host) if services else []
    if not places:
        pytest.skip("no service of this machine speaks TLS")
    for address, port in places:
        old = host.run("python3 -c %s %s %s %s", PROBE, version, address, str(port))
        assert old.rc == 0, f"{address}:{port} gives no answer: {old.stderr.strip()[-200:]}"
        assert old.stdout.strip() == "refused", f"{address}:{port} still speaks {title}"
        new = host.run("python3 -c %s %s %s %s", PROBE, "0303", address, str(port))
        assert new.stdout.strip() == "accepted", f"{address}:{port} does not speak TLS 1.2"
