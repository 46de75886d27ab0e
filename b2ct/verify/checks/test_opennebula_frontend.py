"""What the role ``opennebula_frontend`` promises: a cloud that answers, and only behind TLS."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from testinfra.host import Host

GROUPS = ("control",)
UNITS = ("opennebula", "opennebula-flow", "opennebula-gate", "opennebula-fireedge", "nginx")

CLASSIC = ("opennebula-scheduler", "opennebula-sunstone")
ALL = ("opennebula", "opennebula-flow", "opennebula-gate", "opennebula-fireedge")
#: Ports that only nginx and services of this machine may reach.
INNER = {2633: "oned", 2634: "oned (gRPC)", 2474: "OneFlow", 5030: "OneGate", 2616: "FireEdge"}
INNER_CLASSIC = {9869: "Sunstone"}

#: Asks the front over TLS, as a client that trusts what the system trusts. Prints status and body.
ASK = r"""
import http.client, socket, ssl, sys
name, method, path, body = sys.argv[1:5]
context = ssl.create_default_context()
connection = http.client.HTTPSConnection(name, 443, timeout=20, context=context)
here = ("127.0.0.1", 443)
connection._create_connection = lambda where, *rest: socket.create_connection(here, 20)
connection.request(method, path, body=body or None, headers={"Content-Type": "text/xml"})
answer = connection.getresponse()
print(answer.status, answer.getheader("Strict-Transport-Security") or "-")
print(answer.read(4000).decode(errors="replace"))
"""
VERSION = (
    '<?xml version="1.0"?><methodCall><methodName>one.system.version</methodName><params><param>'
    "<value><string>nobody:wrong</string></value></param></params></methodCall>"
)


@pytest.fixture
def units(wanted: Mapping[str, Any]) -> tuple[str, ...]:
    """Give the units of the release line."""
    classic = str(wanted["opennebula_frontend_version"]).startswith("6.")
    return (*ALL, *CLASSIC) if classic else ALL


def _is_active(host: Host, wanted: Mapping[str, Any]) -> bool:
    """Whether OpenNebula should run here: in a failover pair, where the address is."""
    moving = wanted["opennebula_frontend_failover_address"]
    if not moving:
        return bool(wanted["opennebula_frontend_active"])
    return bool(host.check_output("ip -oneline address show to %s", moving))


@pytest.fixture
def active(host: Host, wanted: Mapping[str, Any]) -> None:
    """Skip a front-end that stands by."""
    if not _is_active(host, wanted):
        pytest.skip("this front-end stands by")


def _ask(host: Host, wanted: Mapping[str, Any], method: str, path: str, body: str = "") -> str:
    names = wanted["opennebula_frontend_names"]
    name = names[0] if names else "localhost"
    done = host.run("python3 -c %s %s %s %s %s", ASK, name, method, path, body)
    assert done.rc == 0, f"https://{name}{path} gives no answer: {done.stderr.strip()[-200:]}"
    return str(done.stdout)


def test_services(host: Host, wanted: Mapping[str, Any], units: tuple[str, ...]) -> None:
    """OpenNebula's services run on the active front-end, and on no other"""
    runs = _is_active(host, wanted)
    enabled = runs and not wanted["opennebula_frontend_failover_address"]
    for unit in units:
        service = host.service(unit)
        assert service.is_running == runs, (
            f"{unit} is stopped; see journalctl -u {unit}"
            if runs
            else f"{unit} runs on a front-end that stands by: two oned spoil one database"
        )
        assert service.is_enabled == enabled, (
            f"{unit} is not {'enabled' if enabled else 'disabled'}"
        )


def test_inner_ports(host: Host, wanted: Mapping[str, Any]) -> None:
    """No service of OpenNebula is reachable from outside but through nginx"""
    inner = {**INNER, **INNER_CLASSIC}
    found = host.check_output("ss --no-header --listening --tcp --numeric")
    open_ = [
        f"{what} on port {port}"
        for port, what in inner.items()
        if re.search(rf"(?m)\s(?:0\.0\.0\.0|\*|\[::\]):{port}\s", found)
    ]
    assert not open_, f"reachable from everywhere: {', '.join(open_)}; run the stage opennebula"


def test_xmlrpc(host: Host, wanted: Mapping[str, Any], active: None) -> None:
    """XML-RPC answers over TLS, and refuses a wrong password"""
    answer = _ask(host, wanted, "POST", "/RPC2", VERSION)
    status, _, rest = answer.partition(" ")
    assert status == "200", f"/RPC2 answers {status}; is oned running?"
    assert "<methodResponse>" in rest, "what answers at /RPC2 does not speak XML-RPC"
    assert "<boolean>0</boolean>" in rest, "oned lets anybody in"


def test_web(host: Host, wanted: Mapping[str, Any], active: None) -> None:
    """The web front answers over TLS, and tells browsers to stay with it"""
    for path in ("/fireedge/sunstone", "/oneflow/", "/onegate/"):
        status, _, hsts = _ask(host, wanted, "GET", path).partition("\n")[0].partition(" ")
        assert int(status) < 500, f"{path} answers {status}; see journalctl -u nginx"
        assert hsts.startswith("max-age="), f"{path} has no Strict-Transport-Security"


def test_plain_http_is_sent_to_tls(host: Host, wanted: Mapping[str, Any]) -> None:
    """Plain HTTP is answered with a way to TLS and nothing else"""
    script = (
        "import http.client; c = http.client.HTTPConnection('127.0.0.1', 80, timeout=20);"
        " c.request('POST', '/RPC2', body='x', headers={'Host': 'front'}); r = c.getresponse();"
        " print(r.status, r.getheader('Location'))"
    )
    done = host.run("python3 -c %s", script)
    assert done.rc == 0, f"port 80 gives no answer: {done.stderr.strip()[-200:]}"
    assert done.stdout.strip() == "301 https://front/RPC2", done.stdout


def test_secrets_are_private(host: Host) -> None:
    """Passwords of OpenNebula are readable by oneadmin and root only"""
    auth = host.file("/var/lib/one/.one/one_auth")
    assert (auth.user, auth.mode) == ("oneadmin", 0o600)
    assert host.file("/etc/one/oned.conf").mode & 0o007 == 0
    assert host.file("/var/lib/one/.ssh/id_rsa").mode == 0o600
    found = host.run("find /var/lib/one/.one /etc/one -type f -name '*auth*' -perm /0007 -print")
    listed = [
        line
        for line in found.stdout.split()
        if host.run("grep -q : %s", line).rc == 0 and not line.endswith((".conf", ".rb"))
    ]
    assert not listed, f"readable by everyone: {', '.join(listed)}"


def test_repository_is_verified(host: Host) -> None:
    """OpenNebula's packages come from a repository whose signature counts"""
    debian = host.file("/etc/apt/sources.list.d/opennebula.sources")
    el = host.file("/etc/yum.repos.d/opennebula.repo")
    if debian.exists:
        text = debian.content_string
        assert re.search(r"(?m)^Signed-By: /\S+$", text), f"{debian.path}: no key of its own"
        assert re.search(r"(?m)^URIs: https://", text), f"{debian.path}: no TLS"
        assert "Trusted:" not in text, f"{debian.path}: not verified"
    elif el.exists:
        text = el.content_string
        for line in ("gpgcheck=1", "repo_gpgcheck=1", "sslverify=1"):
            assert f"\n{line}\n" in text, f"{el.path}: {line} is missing"
        assert re.search(r"(?m)^baseurl=https://", text), f"{el.path}: no TLS"
    else:
        pytest.skip("the repository is set up by other means")
