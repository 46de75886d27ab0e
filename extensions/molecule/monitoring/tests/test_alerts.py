"""Real alerts: what is broken is told by Prometheus, on the page and to Nagios, and ends."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
import testinfra
from testinfra.host import Host

from b2ct.verify.checks.test_tls import PROBE

PAGE = "https://10.89.0.11:8443/"
GET = "import sys,urllib.request as u;print(u.urlopen(sys.argv[1],timeout=20).read().decode())"


@pytest.fixture(scope="module")
def control1() -> Host:
    return testinfra.get_host("podman://control1")


@pytest.fixture(scope="module")
def node1() -> Host:
    return testinfra.get_host("podman://node1")


def wait(what: str, happened: Callable[[], bool], seconds: int = 180) -> None:
    """Wait; the machine of the tests may be slow."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(2)


def asked(host: Host, question: str) -> Any:
    text = host.check_output("python3 -c %s %s", GET, f"http://127.0.0.1:9090/api/v1/{question}")
    return json.loads(text)["data"]


def firing(host: Host) -> set[tuple[str, str]]:
    found = [one for one in asked(host, "alerts")["alerts"] if one["state"] == "firing"]
    return {(one["labels"]["alertname"], one["labels"].get("host", "")) for one in found}


def page(host: Host) -> str:
    """Read the page as a client does that trusts the site's authority."""
    return str(host.check_output("python3 -c %s %s", GET, PAGE))


def test_every_target_is_up(control1: Host) -> None:
    def up() -> bool:
        targets = asked(control1, "targets?state=active")["activeTargets"]
        found = {(one["labels"]["job"], one["labels"]["host"], one["health"]) for one in targets}
        jobs = (("prometheus", "control1"), ("node", "control1"), ("node", "node1"))
        return found == {(job, host, "up") for job, host in jobs}

    wait("every target is up", up)


def test_measurements_of_both_systems_arrive(control1: Host) -> None:
    for question, hosts in (
        ("b2ct_collector_success == 1", {"control1", "node1"}),
        ("b2ct_certificate_expiry_seconds - time() > 30*86400", {"control1", "node1"}),
        ("b2ct_squid_requests_total >= 0", {"control1"}),
        ("node_load5 >= 0", {"control1", "node1"}),
    ):
        wait(
            question, lambda question=question, hosts=hosts: answering(control1, question) == hosts
        )


def answering(host: Host, question: str) -> set[str]:
    """Give the machines for which a question has an answer."""
    found = asked(host, f"query?query={quote(question)}")["result"]
    return {one["metric"]["host"] for one in found}


def test_requests_to_the_real_squid_are_counted(control1: Host) -> None:
    def requests() -> float:
        text = control1.file("/var/lib/b2ct/metrics/b2ct.prom").content_string
        (line,) = [one for one in text.splitlines() if one.startswith("b2ct_squid_requests_total")]
        return float(line.split()[1])

    before = requests()
    fetch = (
        "import urllib.request as u,urllib.error as e\n"
        "o=u.build_opener(u.ProxyHandler({'http':'http://127.0.0.1:3128'}))\n"
        "for _ in range(5):\n"
        "    try: o.open('http://foreign.example.net/',timeout=20)\n"
        "    except e.HTTPError: pass\n"
    )
    control1.check_output("python3 -c %s", fetch)
    control1.check_output("systemctl start b2ct-metrics")
    assert requests() >= before + 5


@pytest.mark.parametrize(
    ("where", "unit", "alert"),
    [
        ("node1", "prometheus-node-exporter", "HostDown"),
        ("control1", "squid", "SquidDown"),
        ("node1", "b2ct-metrics.timer", "MeasuringStopped"),
    ],
)
def test_what_is_stopped_is_told_and_ends(
    control1: Host, node1: Host, where: str, unit: str, alert: str
) -> None:
    host = {"control1": control1, "node1": node1}[where]
    assert (alert, where) not in firing(control1)
    host.check_output(f"systemctl stop {unit}")
    try:
        wait(f"{alert} is raised", lambda: (alert, where) in firing(control1), 400)
        wait("the page tells it", lambda: f"<small>{alert}," in page(control1))
        told = nrpe(control1, "10.89.0.11", "check_alerts")
        # Nagios' exit codes, and check_nrpe hands them on.
        assert told.rc in (1, 2), told.stdout
        assert where in told.stdout
    finally:
        host.check_output(f"systemctl start {unit}")
    wait(f"{alert} ends", lambda: (alert, where) not in firing(control1))
    wait("the page tells it no more", lambda: f"<small>{alert}," not in page(control1))


# --- Nagios ------------------------------------------------------------------------------------


def nrpe(host: Host, address: str, command: str, source: str = "") -> Any:
    """Ask as Nagios does, and only over TLS that the site's authority vouches for."""
    host.check_output(
        "test -x /usr/lib/nagios/plugins/check_nrpe ||"
        " apt-get -qq install --no-install-recommends nagios-nrpe-plugin"
    )
    return host.run(
        "/usr/lib/nagios/plugins/check_nrpe -t 60 -S TLSv1.2+ -A /etc/b2ct/tls/ca.pem"
        f" {f'-b {source}' if source else ''} -H {address} -c {command}"
    )


@pytest.mark.parametrize("address", ["10.89.0.11", "10.89.0.21"], ids=["debian12", "el9"])
@pytest.mark.parametrize("command", ["check_load", "check_disk", "check_b2ct"])
def test_nagios_gets_an_answer(control1: Host, address: str, command: str) -> None:
    told = nrpe(control1, address, command)
    words = {0: "OK", 1: "WARNING", 2: "CRITICAL"}
    assert told.rc in words, told.stdout + told.stderr
    assert words[told.rc] in told.stdout


@pytest.mark.parametrize("address", ["10.89.0.11", "10.89.0.21"], ids=["debian12", "el9"])
def test_nagios_is_answered_over_modern_tls_only(control1: Host, address: str) -> None:
    for version, word in (("0301", "refused"), ("0302", "refused"), ("0303", "accepted")):
        told = control1.check_output("python3 -c %s %s %s 5666", PROBE, version, address)
        assert told == word, version


def test_a_stranger_gets_none(control1: Host) -> None:
    # The containers share the test machine's load: the answer may be a warning, but it is one.
    assert "load" in nrpe(control1, "10.89.0.21", "check_load").stdout.lower()
    control1.check_output("ip address add 10.89.0.77/24 dev eth0")
    try:
        told = nrpe(control1, "10.89.0.21", "check_load", source="10.89.0.77")
    finally:
        control1.check_output("ip address del 10.89.0.77/24 dev eth0")
    assert told.rc not in (0, 1), told.stdout + told.stderr
    assert "load" not in told.stdout.lower()


def test_a_command_that_is_not_known_is_refused(control1: Host) -> None:
    told = nrpe(control1, "10.89.0.21", "check_users")
    assert told.rc == 3
    assert "not defined" in told.stdout


def test_a_stranger_cannot_read_the_page(control1: Host, node1: Host) -> None:
    assert "node1" in page(node1)
    control1.check_output("ip address add 192.0.2.66/32 dev lo")
    code = (
        "import socket,ssl;c=ssl.create_default_context();"
        "s=c.wrap_socket(socket.create_connection(('10.89.0.11',8443),20,('192.0.2.66',0)),"
        "server_hostname='10.89.0.11');s.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n');"
        "print(s.recv(64).decode().splitlines()[0])"
    )
    try:
        said = control1.check_output("python3 -c %s", code)
    finally:
        control1.check_output("ip address del 192.0.2.66/32 dev lo")
    assert "403" in said


def test_what_cannot_be_loaded_is_never_written(control1: Host) -> None:
    """promtool is what the role validates with: it must refuse a bad rule."""
    control1.check_output("sed 's/up{job=/up{job==/' /etc/b2ct/prometheus/rules.yml > /tmp/bad.yml")
    assert control1.run("promtool check rules /etc/b2ct/prometheus/rules.yml").rc == 0
    assert control1.run("promtool check rules /tmp/bad.yml").rc != 0
