"""Certificates are renewed by the timer's own unit, on the authority and on another machine."""

import subprocess

import pytest

from tests.containers.places import ROOT, SCENARIOS

testinfra_hosts = ["ssh://control1"]
ADDRESS = "10.89.0.11"


def serial(host):
    return host.check_output("openssl x509 -noout -serial -in /etc/b2ct/tls/opennebula/cert.pem")


@pytest.fixture(scope="module")
def other(pytestconfig):
    import testinfra

    return testinfra.get_host(
        "ssh://control2", ssh_config=pytestconfig.getoption("ssh_config"), sudo=True
    )


def test_both_trust_one_authority(host, other):
    one, two = (machine.check_output("cat /etc/b2ct/tls/ca.pem") for machine in (host, other))
    assert one == two
    assert not other.file("/etc/b2ct/ca").exists


def verified(name):
    """Run the checks of the role on a machine, as on a real site."""
    return subprocess.run(
        ["b2ct", "verify", str(SCENARIOS / "tls/inventory"), name, "--only", "tls"],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip


def test_expiry_is_found_and_renewed_over_the_network(host, other):
    """A certificate of five days: verify finds it, the timers' units renew it."""
    record = "/etc/b2ct/ca/requests/control2/opennebula.json"
    sign = "rm /var/lib/b2ct/tls/control2/opennebula.pem; systemctl start b2ct-tls-renew.service"
    host.check_output(f'sed -i \'s/"days": 397/"days": 5/\' {record}; {sign}')
    other.check_output(
        "rm /etc/b2ct/tls/opennebula/cert.pem; systemctl start b2ct-tls-renew.service"
    )
    before = serial(other)
    found = verified("control2")
    assert found.returncode != 0
    assert "opennebula expires within 28 days" in " ".join(found.stdout.split())
    # The authority has nothing newer yet: that is a failed unit, and the old one stays.
    assert other.run("systemctl start b2ct-tls-renew.service").rc != 0
    assert "no newer certificate" in other.check_output("journalctl -u b2ct-tls-renew -n 20")
    assert serial(other) == before
    # The authority's own timer signs what is due; with 397 days on record it is good again.
    host.check_output(f'sed -i \'s/"days": 5/"days": 397/\' {record}')
    host.check_output("systemctl start b2ct-tls-renew.service")
    other.check_output("systemctl start b2ct-tls-renew.service")
    assert serial(other) != before
    other.check_output("openssl verify /etc/b2ct/tls/opennebula/cert.pem")
    passed = verified("control2")
    assert passed.returncode == 0, passed.stdout


@pytest.mark.parametrize(("oldest", "passes"), [("-tls1", False), ("-tls1_2", True)])
def test_an_old_protocol_is_found(other, oldest, passes):
    """A service that speaks TLS 1.0 only fails the checks; one of TLS 1.2 does not."""
    folder = "/etc/b2ct/tls/opennebula"
    other.check_output(
        "systemd-run --unit=old-service openssl s_server -accept 443 -quiet"
        f" -cipher DEFAULT:@SECLEVEL=0 {oldest} -cert {folder}/cert.pem -key {folder}/key.pem"
    )
    try:
        done = verified("control2")
    finally:
        other.check_output("systemctl stop old-service")
    assert (done.returncode == 0) is passes, done.stdout
    if not passes:
        assert "localhost:443 still speaks TLS 1.0" in " ".join(done.stdout.split())


def test_the_port_gives_certificates_only(other):
    ask = (
        f"import socket, sys; c = socket.create_connection(('{ADDRESS}', 4481), 5);"
        " c.sendall(sys.argv[1].encode() + b'\\n'); c.shutdown(1);"
        " print(b''.join(iter(lambda: c.recv(4096), b'')).decode())"
    )
    good = other.check_output("python3 -c %s %s", ask, "control2 opennebula")
    assert good.startswith("-----BEGIN CERTIFICATE-----")
    for line in ("../../../etc/b2ct/ca key", "control2 ../../../../etc/passwd", "x"):
        assert other.check_output("python3 -c %s %s", ask, line) == ""


def test_keys_are_roots(host, other):
    for machine in (host, other):
        listed = machine.check_output("find /etc/b2ct -name '*key*.pem' -printf '%u:%g:%m\\n'")
        assert set(listed.split()) == {"root:root:600"}
