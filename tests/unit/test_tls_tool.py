"""The program of the role ``tls`` with real openssl: authority, certificates, renewal."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import trustme

TOOL = Path(__file__).parents[2] / "roles/tls/files/b2ct_tls.py"
NAMES = ["web.cloud.example.org", "10.0.0.1", "2001:DB8::0:1"]


class Machine:
    """A machine's folders, and the program run on them. ``ca`` may be another machine's."""

    def __init__(self, root: Path, ca: Path | None = None) -> None:
        self.services = root / "tls"
        self.services.mkdir(parents=True)
        self.ca = ca or root / "none"
        self.published = self.ca.parent / "published"
        self.environment = {
            "B2CT_TLS_SERVICES": str(self.services),
            "B2CT_TLS_AUTHORITY": str(self.ca),
            "B2CT_TLS_PUBLISHED": str(self.published),
        }

    def try_(self, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: PLW1510
            [sys.executable, str(TOOL), *words],
            input=given,
            capture_output=True,
            text=True,
            env={**os.environ, **self.environment},
        )

    def do(self, *words: str, given: str = "") -> dict[str, Any]:
        done = self.try_(*words, given=given)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def service(self, name: str = "web", **changes: Any) -> Path:
        folder = self.services / name
        folder.mkdir(exist_ok=True)
        said = {
            "host": "n1", "names": NAMES, "owner": "root", "group": "root", "reload": [],
            "key_type": "ec", "renew_days": 30, "authority": "127.0.0.1", "port": 1,
        }  # fmt: skip
        (folder / "service.json").write_text(json.dumps({**said, **changes}))
        return folder


def approve(ca: Machine, request: str, *more: str, days: int = 397) -> str:
    words = ("approve", "n1", "web", "--days", str(days), "--renew-days", "30", *more)
    return str(ca.do(*words, "--names", *NAMES, given=request)["certificate"])


@pytest.fixture
def ca(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path / "ca-machine", tmp_path / "ca-machine/ca")
    machine.do("authority", "--subject", "Authority of the site test")
    return machine


@pytest.fixture
def node(tmp_path: Path, ca: Machine) -> Machine:
    machine = Machine(tmp_path / "node")
    (machine.services / "ca.pem").write_text((ca.ca / "ca.pem").read_text())
    machine.service()
    return machine


def issued(node: Machine, ca: Machine, days: int = 397) -> Path:
    asked = node.do("request", "web")
    node.do("install", "web", given=approve(ca, asked["request"], days=days))
    return node.services / "web"


def openssl(*words: str) -> str:
    return subprocess.run(["openssl", *words], check=True, capture_output=True, text=True).stdout


def test_authority_is_made_once(ca: Machine) -> None:
    first = (ca.ca / "ca.pem").read_text()
    assert ca.do("authority", "--subject", "another") == {"changed": False, "certificate": first}
    assert (ca.ca / "key.pem").stat().st_mode & 0o777 == 0o600
    assert ca.ca.stat().st_mode & 0o777 == 0o700
    assert "CA:TRUE" in openssl("x509", "-noout", "-text", "-in", str(ca.ca / "ca.pem"))


def test_check_mode_makes_no_authority(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "m", tmp_path / "m/ca")
    assert machine.do("--check", "authority", "--subject", "x")["changed"] is True
    assert not machine.ca.exists()


def test_half_an_authority_is_refused(ca: Machine) -> None:
    (ca.ca / "key.pem").unlink()
    done = ca.try_("authority", "--subject", "x")
    assert done.returncode == 1
    assert "restore the other from a backup" in done.stderr


def test_a_key_of_another_authority_is_refused(ca: Machine, tmp_path: Path) -> None:
    other = Machine(tmp_path / "o", tmp_path / "o/ca")
    other.do("authority", "--subject", "x")
    (ca.ca / "key.pem").write_text((other.ca / "key.pem").read_text())
    assert "are no pair" in ca.try_("authority", "--subject", "x").stderr


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_certificate_from_request_to_use(node: Machine, ca: Machine, kind: str) -> None:
    folder = node.service(key_type=kind)
    assert node.do("--check", "request", "web")["changed"] is True
    assert not (folder / "key.pem").exists()
    asked = node.do("request", "web")
    text = approve(ca, asked["request"], "--key-type", kind)
    node.do("install", "web", given=text)
    assert node.do("request", "web") == {"changed": False, "due": "", "request": ""}
    assert (folder / "key.pem").stat().st_mode & 0o777 == 0o600
    openssl("verify", "-CAfile", str(folder / "chain.pem"), str(folder / "cert.pem"))
    told = openssl("x509", "-noout", "-text", "-in", str(folder / "cert.pem"))
    assert "DNS:web.cloud.example.org, IP Address:10.0.0.1, IP Address:2001:DB8:" in told
    assert {"ec": "NIST CURVE: P-256", "rsa": "Public-Key: (3072 bit)"}[kind] in told
    context = ssl.create_default_context(cafile=str(node.services / "ca.pem"))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "fullchain.pem", folder / "key.pem")
    one, two = socket.socketpair()
    thread = threading.Thread(
        target=lambda: server.wrap_socket(two, server_side=True).close(), daemon=True
    )
    thread.start()
    with context.wrap_socket(one, server_hostname="10.0.0.1") as talk:
        assert talk.version() == "TLSv1.3"
    thread.join(5)


def test_no_key_is_given_away(node: Machine, ca: Machine) -> None:
    asked = node.do("request", "web")
    text = approve(ca, asked["request"])
    assert "PRIVATE" not in asked["request"] + text
    kept = "".join(p.read_text() for p in ca.ca.rglob("*") if p.is_file() and p.name != "key.pem")
    assert "PRIVATE" not in kept + "".join(path.read_text() for path in ca.published.rglob("*.pem"))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"names": ["other.example.org"]}, "its names are others"),
        ({"key_type": "rsa"}, "another type of key is wanted"),
        ({"renew_days": 400}, "it expires soon"),
    ],
)
def test_due_when_the_wish_changes(
    node: Machine, ca: Machine, changes: dict[str, Any], why: str
) -> None:
    issued(node, ca)
    node.service(**changes)
    assert node.do("--check", "request", "web")["due"] == why


def test_the_key_stays_until_its_successor_is_signed(node: Machine, ca: Machine) -> None:
    folder = issued(node, ca)
    before = (folder / "key.pem").read_text()
    node.service(key_type="rsa")
    asked = node.do("request", "web")
    assert (folder / "key.pem").read_text() == before
    node.do("install", "web", given=approve(ca, asked["request"], "--key-type", "rsa"))
    assert (folder / "key.pem").read_text() != before
    assert not (folder / ".key-new.pem").exists()


def test_a_foreign_certificate_is_refused(node: Machine, ca: Machine, tmp_path: Path) -> None:
    other = Machine(tmp_path / "o", tmp_path / "o/ca")
    other.do("authority", "--subject", "evil")
    asked = node.do("request", "web")
    done = node.try_("install", "web", given=approve(other, asked["request"]))
    assert done.returncode == 1
    assert "is not the site's own" in done.stderr
    assert not (node.services / "web/cert.pem").exists()


def test_the_names_are_the_sites_not_the_requests(ca: Machine, tmp_path: Path) -> None:
    key, request = tmp_path / "k", tmp_path / "r"
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(key))
    openssl(
        "req", "-new", "-key", str(key), "-subj", "/CN=bank.example.com",
        "-addext", "subjectAltName=DNS:bank.example.com", "-out", str(request),
    )  # fmt: skip
    path = tmp_path / "c"
    path.write_text(approve(ca, request.read_text()))
    assert "bank" not in openssl("x509", "-noout", "-ext", "subjectAltName", "-in", str(path))


@pytest.mark.parametrize("name", ["../x", "a b", "", "-x;", "bank.example.com, DNS:x"])
def test_odd_names_are_refused(node: Machine, ca: Machine, name: str) -> None:
    asked = node.do("request", "web")["request"]
    words = ("approve", "n1", "web", "--days", "9", "--renew-days", "3", f"--names={name}")
    done = ca.try_(*words, given=asked)
    assert done.returncode == 1
    assert "is no name for a certificate" in done.stderr


@pytest.mark.parametrize("host", ["../n1", "n1/../../x", ".ssh"])
def test_odd_machines_are_refused(node: Machine, ca: Machine, host: str) -> None:
    asked = node.do("request", "web")["request"]
    words = ("approve", host, "web", "--days", "9", "--renew-days", "3", "--names", "a.b")
    assert "is no name of" in ca.try_(*words, given=asked).stderr


# --- renewal -----------------------------------------------------------------------------------


def serve(ca: Machine) -> tuple[int, threading.Thread]:
    """Play systemd's socket: one connection, handed to ``b2ct-tls answer``."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        connection, _ = listener.accept()
        with connection, listener:
            subprocess.run(
                [sys.executable, str(TOOL), "answer"],
                stdin=connection, stdout=connection, check=True,
                env={**os.environ, **ca.environment},
            )  # fmt: skip

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    return int(listener.getsockname()[1]), thread


def test_renewal_on_another_machine(node: Machine, ca: Machine) -> None:
    folder = issued(node, ca, days=20)
    before, key = (folder / "cert.pem").read_text(), (folder / "key.pem").read_text()
    record = ca.ca / "requests/n1/web.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "days": 397}))
    assert ca.do("renew")["done"] == ["signed n1/web"]
    assert ca.do("renew")["done"] == []
    port, thread = serve(ca)
    node.service(port=port)
    assert node.do("renew")["done"] == ["renewed web"]
    thread.join(5)
    assert (folder / "cert.pem").read_text() != before
    assert (folder / "key.pem").read_text() == key
    assert node.do("renew") == {"changed": False, "done": []}


def test_renewal_on_the_authority_itself(tmp_path: Path) -> None:
    both = Machine(tmp_path / "m", tmp_path / "m/ca")
    (both.services / "ca.pem").write_text(both.do("authority", "--subject", "x")["certificate"])
    folder = both.service()
    issued(both, both, days=5)
    before = (folder / "cert.pem").read_text()
    record = both.ca / "requests/n1/web.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "days": 100}))
    assert both.do("renew")["done"] == ["signed n1/web", "renewed web"]
    assert (folder / "cert.pem").read_text() != before


def test_a_renewal_that_fails_says_so(node: Machine, ca: Machine) -> None:
    issued(node, ca, days=20)
    done = node.try_("renew")
    assert done.returncode == 1
    assert "the site's authority at 127.0.0.1 port 1: " in done.stderr


@pytest.mark.parametrize("line", ["n1 web extra", "../../etc passwd", "n1", "", "n1 ../../x"])
def test_the_open_port_gives_nothing_else(ca: Machine, node: Machine, line: str) -> None:
    issued(node, ca)
    done = ca.try_("answer", given=line + "\n")
    assert (done.returncode, done.stdout) == (0, "")
    assert "BEGIN CERTIFICATE" in ca.try_("answer", given="n1 web\n").stdout


# --- the admin's own certificates --------------------------------------------------------------


def material(authority: trustme.CA, *names: str, **changes: str) -> str:
    made = authority.issue_cert(*names)
    said = {
        "certificate": b"".join(blob.bytes() for blob in made.cert_chain_pems).decode(),
        "key": made.private_key_pem.bytes().decode(),
        "chain": authority.cert_pem.bytes().decode(),
        "owner": "root",
        "group": "root",
    }
    return json.dumps({**said, "names": list(names), **changes})


def test_the_admins_own(node: Machine) -> None:
    folder = node.service(authority="")
    given = material(trustme.CA(), "front.example.org")
    assert node.do("--check", "given", "web", given=given) == {"changed": True}
    assert not (folder / "key.pem").exists()
    assert node.do("given", "web", given=given) == {"changed": True}
    assert node.do("given", "web", given=given) == {"changed": False}
    assert (folder / "fullchain.pem").read_text().count("BEGIN") >= 2
    assert node.do("renew") == {"changed": False, "done": []}


def test_a_wildcard_covers(node: Machine) -> None:
    node.service(authority="")
    given = json.loads(material(trustme.CA(), "*.example.org"))
    assert node.do("given", "web", given=json.dumps({**given, "names": ["a.example.org"]}))
    done = node.try_("given", "web", given=json.dumps({**given, "names": ["a.b.example.org"]}))
    assert "lacks DNS:a.b.example.org" in done.stderr


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"key": "rubbish"}, "is no PEM key without a passphrase"),
        ({"certificate": "rubbish"}, "is no PEM text"),
        ({"key": trustme.CA().issue_cert("a.b").private_key_pem.bytes().decode()}, "another cert"),
    ],
)
def test_what_is_wrong_with_it_is_told(node: Machine, changes: dict[str, str], words: str) -> None:
    node.service(authority="")
    given = material(trustme.CA(), "front.example.org", **changes)
    done = node.try_("given", "web", given=given)
    assert done.returncode == 1
    assert words in done.stderr
    assert "PRIVATE" not in done.stderr
    assert not (node.services / "web/key.pem").exists()


# --- the probe of b2ct verify ------------------------------------------------------------------


def probe() -> ModuleType:
    path = Path(__file__).parents[2] / "b2ct/verify/checks/test_tls.py"
    spec = importlib.util.spec_from_file_location("checks_test_tls", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("offered", "version", "answer"),
    [
        ("-tls1", "0301", "accepted"),
        ("-tls1", "0302", "refused"),
        ("-tls1_1", "0302", "accepted"),
        ("-tls1_2", "0301", "refused"),
        ("-tls1_2", "0302", "refused"),
        ("-tls1_2", "0303", "accepted"),
    ],
)
def test_the_probe_tells_old_from_new(
    tmp_path: Path, offered: str, version: str, answer: str
) -> None:
    made = trustme.CA().issue_cert("localhost", key_type=trustme.KeyType.RSA)
    made.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "both.pem"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen(
        ["openssl", "s_server", "-accept", str(port), "-cert", str(tmp_path / "both.pem"),
         "-cipher", "ALL:@SECLEVEL=0", offered, "-quiet"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.PIPE,
    )  # fmt: skip
    try:
        for _ in range(100):
            with socket.socket() as trial:
                if trial.connect_ex(("127.0.0.1", port)) == 0:
                    break
            threading.Event().wait(0.05)
        done = subprocess.run(  # noqa: PLW1510
            [sys.executable, "-c", probe().PROBE, version, "127.0.0.1", str(port)],
            capture_output=True, text=True, timeout=30,
        )  # fmt: skip
    finally:
        server.kill()
        server.wait()
    assert (done.stdout.strip(), done.stderr) == (answer, "")
