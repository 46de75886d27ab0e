"""Certificates are renewed by the timer's own unit, on the authority and on another machine."""

import json

import pytest

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


def test_renewal_over_the_network(host, other):
    before = serial(other)
    try:
        # A machine that finds its certificate due, and an authority that has signed a newer one.
        due = json.loads(other.file("/etc/b2ct/tls/opennebula/service.json").content_string)
        other.check_output(
            'sed -i \'s/"renew_days": 30/"renew_days": 398/\' /etc/b2ct/tls/opennebula/service.json'
        )
        assert due["renew_days"] == 30
        failed = other.run("systemctl start b2ct-tls-renew.service")
        assert failed.rc != 0
        assert "no newer certificate" in other.check_output("journalctl -u b2ct-tls-renew -n 20")
        host.check_output("rm /var/lib/b2ct/tls/control2/opennebula.pem")
        host.check_output("systemctl start b2ct-tls-renew.service")
        other.check_output("systemctl start b2ct-tls-renew.service")
        assert serial(other) != before
    finally:
        other.check_output(
            'sed -i \'s/"renew_days": 398/"renew_days": 30/\' /etc/b2ct/tls/opennebula/service.json'
        )
        other.run("systemctl start b2ct-tls-renew.service")
    other.check_output("openssl verify /etc/b2ct/tls/opennebula/cert.pem")


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
