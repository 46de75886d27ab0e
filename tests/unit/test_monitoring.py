"""Monitoring: rules of the section, what the roles are told, and the two programs of the role."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from b2ct.inventory import inventory
from b2ct.load import load_site
from tests.unit.site_texts import BASE, Apple, altered, notes, told

FILES = Path(__file__).parents[2] / "roles/monitoring/files"
ON = "monitoring: {enabled: true}\ninstall:\n"
APPLES = [
    Apple(
        "readers_are_the_world",
        "install:\n",
        "monitoring: {readers: [0.0.0.0/0]} #!\ninstall:\n",
        "monitoring.readers[0]: 0.0.0.0/0 is not a site: the page tells strangers what is broken;"
        " name the networks of those who look after the site",
    ),
    Apple(
        "too_full",
        "install:\n",
        "monitoring: {disk_percent: 100} #!\ninstall:\n",
        "monitoring.disk_percent: '100' is too large; the most is 99",
    ),
]


@pytest.mark.parametrize("apple", APPLES, ids=lambda apple: apple.name)
def test_fault_is_told_with_its_line(apple: Apple, tmp_path: Path) -> None:
    text, line = altered(apple.old, apple.new)
    assert told(tmp_path, text) == [f"{line}: {apple.told}"]


def test_an_exporter_needs_a_fixed_address(tmp_path: Path) -> None:
    text, _ = altered("install:\n", ON)
    text = text.replace("addresses: {service: 10.20.0.21}", "addresses: {service: dhcp}")
    assert any("no fixed address on the service network" in line for line in told(tmp_path, text))


def test_el_wants_epel_and_debian_does_not(tmp_path: Path) -> None:
    text, _ = altered("install:\n", ON)
    assert any("EPEL" in note for note in notes(tmp_path, text))
    text = text.replace("almalinux-9", "debian-12")
    assert not any("EPEL" in note for note in notes(tmp_path, text))


def test_what_is_said_while_it_is_off_is_noted(tmp_path: Path) -> None:
    text, line = altered("install:\n", "monitoring: {retention_days: 5} #!\ninstall:\n")
    assert any(note.startswith(f"{line}: note: monitoring: ") for note in notes(tmp_path, text))


def test_the_roles_are_told(tmp_path: Path) -> None:
    text, _ = altered("install:\n", "monitoring: {enabled: true, nagios: [192.0.2.9]}\ninstall:\n")
    (tmp_path / "site.yml").write_text(text)
    described = inventory(load_site(tmp_path))
    assert described.site_variables["monitoring_nrpe_hosts"] == ["192.0.2.9"]
    assert described.site_variables["monitoring_page_networks"] == ["10.20.0.0/24"]
    assert described.site_variables["monitoring_targets"] == [
        {"name": "control1", "address": "10.20.0.11", "roles": ["control"]},
        {"name": "node1", "address": "10.20.0.21", "roles": ["hypervisor"]},
    ]
    node = described.host_variables["node1"]
    assert node["monitoring_address"] == "10.20.0.21"
    assert (node["monitoring_server"], node["monitoring_libvirt"]) == (False, True)
    # Nagios is answered with a certificate of the site's authority, renewed over the network.
    assert [one["name"] for one in node["tls_certificates"]] == ["nrpe"]
    assert described.site_variables["tls_publish"] is True
    opened = described.host_variables["control1"]["base_firewall_rules"]
    assert ["4481"] in [rule["ports"] for rule in opened]


def test_a_site_without_monitoring_is_told_so_only(tmp_path: Path) -> None:
    (tmp_path / "site.yml").write_text(BASE)
    described = inventory(load_site(tmp_path))
    everything = [described.site_variables, *described.host_variables.values()]
    names = {name for one in everything for name in one if name.startswith("monitoring_")}
    assert names == {"monitoring_enabled"}
    assert "tls_certificates" not in described.host_variables["node1"]


# --- the programs ------------------------------------------------------------------------------


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, FILES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


metrics = _module("b2ct_metrics")
status = _module("b2ct_status")


@contextmanager
def _served(answers: dict[str, Any]) -> Iterator[int]:
    """Serve texts (as they are), data (as JSON) by path; a number is a refusal."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            question = parse_qs(parts.query).get("query", [""])[0]
            said = answers.get(question or parts.path, answers.get(parts.path, 404))
            code = said if isinstance(said, int) else 200
            body = said if isinstance(said, str) else json.dumps(said)
            self.send_response(code)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()


def _wishes(folder: Path, **changes: Any) -> dict[str, Any]:
    wishes: dict[str, Any] = {
        "output": str(folder / "b2ct.prom"), "certificates": str(folder / "tls"),
        "certificate_days": 21, "backups": [], "squid_port": 0, "libvirt": False,
        "opennebula": {"enabled": False, "endpoint": "", "auth": ""},
    }  # fmt: skip
    return wishes | changes


def _found(wishes: dict[str, Any], collector: str) -> dict[str, Any]:
    return metrics.values(metrics.text(metrics.COLLECTORS[collector](wishes)))


def test_squid_is_measured(tmp_path: Path) -> None:
    page = "sample_time = 1 (x)\nclient_http.requests = 40\nclient_http.hits = 10\n"
    pages = {
        "/squid-internal-mgr/counters": page,
        "/squid-internal-mgr/info": "\tStorage Swap capacity:\t12.5% used, 87.5% free\n",
    }
    with _served(pages) as port:
        found = _found(_wishes(tmp_path, squid_port=port), "squid")
    assert found["squid_requests_total"] == [({}, 40)]
    assert found["squid_hits_total"] == [({}, 10)]
    assert found["squid_disk_used_percent"] == [({}, 12.5)]


def test_a_squid_that_refuses_is_no_measurement(tmp_path: Path) -> None:
    with _served({}) as port, pytest.raises(metrics.MetricsError, match="404"):
        _found(_wishes(tmp_path, squid_port=port), "squid")


def test_certificates_are_measured(tmp_path: Path) -> None:
    folder = tmp_path / "tls" / "web"
    folder.mkdir(parents=True)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-days", "10",
         "-subj", "/CN=web"],
        check=True, capture_output=True,
    )  # fmt: skip
    ((labels, end),) = _found(_wishes(tmp_path), "certificates")["certificate_expiry_seconds"]
    assert labels == {"name": "web"}
    assert 9.9 * 86400 < end - metrics.time.time() < 10.1 * 86400
    samples, troubles = metrics.measured(_wishes(tmp_path))
    code, line = metrics.judged(_wishes(tmp_path), metrics.text(samples), metrics.time.time())
    assert code == 2, troubles
    assert "the certificate web ends in 10.0 days" in line


def test_backups_are_measured_and_a_missing_one_is_too_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "CONFIGURATION", tmp_path / "metrics.json")
    for name, moment in (("a.gz", 1000), ("b.gz", 2000)):
        (tmp_path / name).write_text("x")
        os.utime(tmp_path / name, (moment, moment))
    backups = [
        {"name": "there", "files": f"{tmp_path}/*.gz", "hours": 2},
        {"name": "missing", "files": f"{tmp_path}/*.zip", "hours": 2},
    ]
    wishes = _wishes(tmp_path, backups=backups)
    found = _found(wishes, "backups")
    assert found["backup_newest_seconds"] == [({"name": "there"}, 2000), ({"name": "missing"}, 0)]
    stamp = metrics.text([*metrics.backups(wishes), ("metrics_time_seconds", {}, 8000.0)])
    assert metrics.judged(wishes, stamp, 8000.0) == (
        2, "CRITICAL: the backup missing is too old, or missing"
    )  # fmt: skip
    assert metrics.judged(wishes, stamp, 8300.1)[0] == 3
    # A new machine has time until its first backup.
    metrics.CONFIGURATION.write_text("{}")
    os.utime(metrics.CONFIGURATION, (7000, 7000))
    assert _found(wishes, "backups")["backup_newest_seconds"][1] == ({"name": "missing"}, 7000)


def test_libvirt_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "virsh").write_text(
        "#!/bin/sh\n[ \"$1\" = --readonly ] || exit 1\ncat <<'E'\n"
        "Domain: 'one-1'\n  state.state=1\n  cpu.time=3000000000\n  balloon.current=1024\n"
        "  vcpu.current=2\n\nDomain: 'one-\"2'\n  state.state=5\nE\n"
    )
    (tmp_path / "virsh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    found = _found(_wishes(tmp_path, libvirt=True), "libvirt")
    assert ({"domain": "one-1"}, 3.0) in found["libvirt_domain_cpu_seconds_total"]
    assert ({"domain": "one-1"}, 1048576) in found["libvirt_domain_memory_bytes"]
    states = {labels["state"]: value for labels, value in found["libvirt_domains"]}
    assert (states["running"], states["shutoff"]) == (1, 1)


def test_opennebula_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from xmlrpc.server import SimpleXMLRPCServer

    answers = {
        "one.hostpool.info": "<P><HOST><NAME>n1</NAME><STATE>2</STATE><HOST_SHARE><RUNNING_VMS>3"
        "</RUNNING_VMS></HOST_SHARE></HOST><HOST><NAME>n2</NAME><STATE>3</STATE></HOST></P>",
        "one.vmpool.info": "<P><VM><STATE>3</STATE><LCM_STATE>3</LCM_STATE></VM>"
        "<VM><STATE>3</STATE><LCM_STATE>36</LCM_STATE></VM></P>",
        "one.datastorepool.info": "<P><DATASTORE><NAME>d</NAME><TOTAL_MB>10</TOTAL_MB>"
        "<USED_MB>4</USED_MB><FREE_MB>6</FREE_MB></DATASTORE></P>",
    }
    server = SimpleXMLRPCServer(("127.0.0.1", 0), logRequests=False)
    for name, text in answers.items():
        server.register_function(
            lambda session, *_, text=text: (
                [True, text, 0] if session == "oneadmin:secret" else [False, "no\nsecret", 256]
            ),
            name,
        )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(metrics, "stands_by", lambda: False)
    auth = tmp_path / "one_auth"
    auth.write_text("oneadmin:secret\n")
    said = {
        "enabled": True, "auth": str(auth),
        "endpoint": f"http://127.0.0.1:{server.server_address[1]}/RPC2",
    }  # fmt: skip
    found = _found(_wishes(tmp_path, opennebula=said), "opennebula")
    assert found["opennebula_host_state"] == [({"node": "n1"}, 2), ({"node": "n2"}, 3)]
    states = {labels["state"]: value for labels, value in found["opennebula_vms"]}
    assert (states["active"], states["failed"]) == (1, 1)
    assert found["opennebula_datastore_used_bytes"] == [({"datastore": "d"}, 4 << 20)]
    auth.write_text("oneadmin:wrong\n")
    with pytest.raises(metrics.MetricsError, match=r"refuses one\.hostpool\.info: no$") as caught:
        _found(_wishes(tmp_path, opennebula=said), "opennebula")
    assert "wrong" not in str(caught.value)
    server.shutdown()
    with pytest.raises(metrics.MetricsError):
        server.server_close()
        _found(_wishes(tmp_path, opennebula=said), "opennebula")


def test_one_collector_that_fails_stops_no_other(tmp_path: Path) -> None:
    wishes = _wishes(tmp_path, squid_port=1)
    configuration = tmp_path / "metrics.json"
    configuration.write_text(json.dumps(wishes))
    done = subprocess.run(  # noqa: PLW1510
        [sys.executable, FILES / "b2ct_metrics.py"],
        env={**os.environ, "B2CT_METRICS": str(configuration)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "squid: squid on port 1" in done.stderr
    found = metrics.values(Path(wishes["output"]).read_text())
    success = {one["collector"]: value for one, value in found["collector_success"]}
    assert success["squid"] == 0
    assert success["backups"] == success["certificates"] == 1
    assert Path(wishes["output"]).stat().st_mode & 0o777 == 0o644


def _prometheus(alerts: list[dict[str, Any]], up: str = "1") -> dict[str, Any]:
    empty = {"status": "success", "data": {"result": []}}
    one = {"metric": {"host": "n<1>", "roles": "cache"}, "value": [0, up]}
    return {
        "/api/v1/alerts": {"status": "success", "data": {"alerts": alerts}},
        'up{job="node"}': {"status": "success", "data": {"result": [one]}},
        "/api/v1/query": empty,
        status.COLUMNS[0][1]: {
            "status": "success",
            "data": {"result": [{"metric": {"host": "n<1>"}, "value": [0, "0.5"]}]},
        },
    }


def _alert(severity: str, text: str, state: str = "firing") -> dict[str, Any]:
    return {
        "state": state, "activeAt": "2026-01-02T03:04:05.6Z",
        "labels": {"alertname": "X", "severity": severity},
        "annotations": {"summary": text, "action": "do <this>"},
    }  # fmt: skip


def test_page_of_a_good_site() -> None:
    with _served(_prometheus([_alert("critical", "not yet", "pending")])) as port:
        asked = status.Prometheus(f"http://127.0.0.1:{port}")
        text, good = status.page(asked, "a & b", 0)
        assert status.nagios(asked) == (0, "OK: 1 machines, no alert")
    assert good
    assert "All is well." in text
    assert "not yet" not in text
    assert "n&lt;1&gt;" in text
    assert "<td>0.50</td>" in text
    assert "a &amp; b" in text
    assert "1970-01-01 00:00:00 UTC" in text
    assert "<script" not in text


def test_page_of_a_site_with_alerts() -> None:
    alerts = [_alert("warning", "a <b> full"), _alert("critical", "n1 does not answer")]
    with _served(_prometheus(alerts, up="0")) as port:
        asked = status.Prometheus(f"http://127.0.0.1:{port}")
        text, good = status.page(asked, "t", 0)
        code, line = status.nagios(asked)
    assert good
    assert "1 critical, 1 to look at" in text
    assert text.index("n1 does not answer") < text.index("a &lt;b&gt; full")
    assert "do &lt;this&gt;" in text
    assert '<tr class="down">' in text
    assert (code, line) == (2, "CRITICAL: n1 does not answer; a <b> full")


def test_page_without_prometheus_says_so() -> None:
    asked = status.Prometheus("http://127.0.0.1:1")
    text, good = status.page(asked, "t", 0)
    assert not good
    assert "Nothing is known: Prometheus does not answer" in text
    assert "All is well" not in text
    assert status.nagios(asked)[0] == 3
