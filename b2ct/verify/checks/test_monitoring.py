"""What the role ``monitoring`` promises: everything is measured, asked for, and shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from testinfra.host import Host

GROUPS = ("all",)
UNITS = ("prometheus-node-exporter", "b2ct-metrics", "prometheus", "b2ct-status")
METRICS = "/var/lib/b2ct/metrics/b2ct.prom"
PROMETHEUS = "http://127.0.0.1:9090"
#: Prints an address' answer; the certificate is checked against the system's trust.
GET = (
    "import sys,urllib.request as u;"
    "o=u.build_opener(u.ProxyHandler({}));"
    "print(o.open(sys.argv[1],timeout=20).read().decode())"
)


@pytest.fixture(autouse=True)
def _enabled(wanted: Mapping[str, Any]) -> None:
    if not wanted.get("monitoring_enabled"):
        pytest.skip("the site does without monitoring")


@pytest.fixture
def server(wanted: Mapping[str, Any]) -> None:
    """Go on only where Prometheus runs."""
    if not wanted.get("monitoring_server"):
        pytest.skip("Prometheus runs on the control nodes only")


def _get(host: Host, address: str) -> str:
    done = host.run("python3 -c %s %s", GET, address)
    assert done.rc == 0, f"{address}: {(done.stderr.strip().splitlines() or ['no answer'])[-1]}"
    return str(done.stdout)


def _asked(host: Host, question: str) -> Any:  # noqa: ANN401 - JSON
    answer = json.loads(_get(host, f"{PROMETHEUS}/api/v1/{question}"))
    assert answer["status"] == "success", f"Prometheus refuses {question}: {answer.get('error')}"
    return answer["data"]


def _listeners(host: Host, port: int) -> set[str]:
    """Give the local addresses on which something listens on a port."""
    lines = host.check_output("ss --no-header --listening --tcp --numeric").splitlines()
    local = [line.split()[3] for line in lines]
    return {one.rpartition(":")[0].strip("[]") for one in local if one.endswith(f":{port}")}


def test_exporter_listens_on_the_service_network_only(
    host: Host, wanted: Mapping[str, Any]
) -> None:
    """The exporter runs, and only the service network reaches it"""
    assert host.service("prometheus-node-exporter").is_running, "node_exporter does not run"
    assert host.service("prometheus-node-exporter").is_enabled, "it will not start at boot"
    found = _listeners(host, wanted["monitoring_node_port"])
    assert found == {wanted["monitoring_address"]}, f"it listens on {', '.join(sorted(found))}"


def test_measurements_are_fresh(host: Host, wanted: Mapping[str, Any]) -> None:
    """Squid, libvirt, OpenNebula, certificates and backups are measured every minute"""
    assert host.service("b2ct-metrics.timer").is_enabled, "b2ct-metrics.timer is not enabled"
    age = host.run("expr $(date +%%s) - $(stat --format=%%Y %s)", METRICS)
    assert age.rc == 0, f"{METRICS} is missing; systemctl status b2ct-metrics"
    assert int(age.stdout) < 180, f"nothing was measured for {age.stdout.strip()} seconds"
    lines = host.file(METRICS).content_string.splitlines()
    failed = [one for one in lines if one.startswith("b2ct_collector_success{") and one[-1] == "0"]
    assert not failed, f"not measurable: {', '.join(failed)}; journalctl -u b2ct-metrics"
    if wanted.get("monitoring_squid_port"):
        assert any(one.startswith("b2ct_squid_requests_total") for one in lines)


@pytest.mark.usefixtures("server")
def test_prometheus_listens_on_loopback_only(host: Host) -> None:
    """Prometheus runs, and answers this machine only"""
    assert host.service("prometheus").is_running, "Prometheus does not run"
    assert host.service("prometheus").is_enabled, "it will not start at boot"
    found = _listeners(host, 9090)
    assert found == {"127.0.0.1"}, f"it listens on {', '.join(sorted(found))}"


@pytest.mark.usefixtures("server")
def test_every_machine_answers_prometheus(host: Host, wanted: Mapping[str, Any]) -> None:
    """Every machine of the site answers Prometheus"""
    targets = _asked(host, "targets?state=active")["activeTargets"]
    health = {one["labels"]["host"]: one for one in targets if one["labels"]["job"] == "node"}
    names = {one["name"] for one in wanted["monitoring_targets"]}
    assert set(health) == names, f"not asked: {', '.join(sorted(names - set(health)))}"
    silent = [
        f"{name} ({one['lastError']})" for name, one in health.items() if one["health"] != "up"
    ]
    assert not silent, f"no answer: {'; '.join(silent)}"


@pytest.mark.usefixtures("server")
def test_rules_are_sound(host: Host) -> None:
    """Configuration and alert rules are sound, and every rule can be computed"""
    done = host.run("promtool check config /etc/b2ct/prometheus/prometheus.yml")
    assert done.rc == 0, done.stderr.strip()[-300:]
    groups = _asked(host, "rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) >= 15, f"only {len(rules)} rules are loaded"
    bad = [f"{one['name']}: {one.get('lastError')}" for one in rules if one["health"] == "err"]
    assert not bad, "; ".join(bad)


@pytest.mark.usefixtures("server")
def test_no_alert_is_raised(host: Host) -> None:
    """No alert is raised"""
    alerts = [one for one in _asked(host, "alerts")["alerts"] if one["state"] == "firing"]
    told = [one["annotations"]["summary"] for one in alerts]
    assert not told, "; ".join(told)


@pytest.mark.usefixtures("server")
def test_page_is_served(host: Host, wanted: Mapping[str, Any]) -> None:
    """The status page is served, is fresh and names every machine"""
    page = f"{wanted['monitoring_page_folder']}/index.html"
    age = host.run("expr $(date +%%s) - $(stat --format=%%Y %s)", page)
    assert age.rc == 0, f"{page} is missing; systemctl status b2ct-status"
    assert int(age.stdout) < 300, f"nobody wrote it for {age.stdout.strip()} seconds"
    address = wanted["monitoring_address"]
    name = f"[{address}]" if ":" in address else address
    scheme = "https" if wanted.get("monitoring_page_certificate") else "http"
    text = _get(host, f"{scheme}://{name}:{wanted['monitoring_page_port']}/")
    missing = [one["name"] for one in wanted["monitoring_targets"] if one["name"] not in text]
    assert not missing, f"the page lacks {', '.join(missing)}"
    assert "<script" not in text
    found = _listeners(host, wanted["monitoring_page_port"])
    assert found == {address}, f"it listens on {', '.join(sorted(found))}"


def test_nrpe_listens_on_the_service_network_only(host: Host, wanted: Mapping[str, Any]) -> None:
    """NRPE answers the named Nagios servers only, or does not run at all"""
    port = wanted.get("monitoring_nrpe_port", 5666)
    found = _listeners(host, port)
    if not wanted.get("monitoring_nrpe_hosts"):
        assert not found, f"something listens on port {port}, and no Nagios server is named"
        return
    assert found == {wanted["monitoring_address"]}, f"it listens on {', '.join(sorted(found))}"
    said = host.file("/etc/nagios/b2ct-nrpe.cfg").content_string
    hosts = ",".join(wanted["monitoring_nrpe_hosts"])
    assert f"\nallowed_hosts={hosts}\n" in said
    assert "\ndont_blame_nrpe=0\n" in said
    users = set(host.check_output("ps -C nrpe -o user=").split())
    assert users
    assert "root" not in users, "NRPE runs as root"
