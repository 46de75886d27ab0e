"""The front as its users meet it: from another machine, over TLS; and what stands by."""

import pytest

testinfra_hosts = ["ssh://node1"]
PASSWORD = "not-a-real-password"
#: It does not match itself: sudo logs the commands of these tests.
PATTERN = "not-a-real[-]password"

#: Calls oned over TLS from a machine that trusts the site's authority. Prints what it says.
CALL = r"""
import sys, xmlrpc.client
front = xmlrpc.client.ServerProxy("https://cloud.scenario.example.org/RPC2")
print(front.one.system.version(sys.argv[1])[:2])
"""
REACH = r"""
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), 3).close()
    print("open")
except OSError:
    print("closed")
"""
GET = r"""
import sys, urllib.request
front = "https://cloud.scenario.example.org"
with urllib.request.urlopen(front + sys.argv[1], timeout=20) as answer:
    print(answer.read().decode(), answer.headers)
"""


@pytest.fixture(scope="module")
def front(pytestconfig):
    return _machine(pytestconfig, "control1")


def _machine(pytestconfig, name):
    import testinfra

    config = pytestconfig.getoption("ssh_config")
    return testinfra.get_host(f"ssh://{name}", ssh_config=config, sudo=True)


def test_oneadmin_logs_in_from_outside(host):
    said = host.check_output("python3 -c %s %s", CALL, f"oneadmin:{PASSWORD}")
    assert said.startswith("[True, "), said


def test_a_wrong_password_does_not(host):
    said = host.check_output("python3 -c %s %s", CALL, "oneadmin:wrong")
    assert said.startswith("[False, "), said


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/fireedge/sunstone", "FireEdge (stand-in) GET /fireedge/sunstone"),
        ("/oneflow/service", "OneFlow (stand-in) GET /service"),
        ("/onegate/vm", "OneGate (stand-in) GET /vm"),
    ],
)
def test_each_path_leads_to_its_service(host, path, service):
    # Real services answer 401 here; the role's own checks judge those.
    said = host.check_output("python3 -c %s %s", GET, path)
    assert service in said
    assert "X-Seen-Proto: https" in said
    assert "Strict-Transport-Security: max-age=31536000" in said


@pytest.mark.parametrize("port", [2633, 2634, 2474, 5030, 2616, 9869])
def test_nothing_else_is_reachable(host, port):
    assert host.check_output("python3 -c %s %s %s", REACH, "10.89.0.11", str(port)) == "closed"
    assert host.check_output("python3 -c %s %s %s", REACH, "10.89.0.11", "443") == "open"


def test_oneadmin_of_the_front_reaches_the_nodes(front):
    name = front.check_output("hostname").partition(".")[0]
    assert name == "control1"
    for node in ("node1", "node2"):
        if front.run("getent hosts %s", node).rc:
            continue
        done = front.run(
            "runuser -u oneadmin -- ssh -o BatchMode=yes -o StrictHostKeyChecking=yes %s id -un",
            node,
        )
        assert done.stdout.strip() == "oneadmin", done.stderr


def test_the_settings_of_the_site_are_in_oned_conf(front):
    text = front.file("/etc/one/oned.conf").content_string
    assert "DEBUG_LEVEL = 4" in text
    assert 'LISTEN_ADDRESS = "127.0.0.1"' in text
    assert "# oned.conf of the tests' own packages" in text


def test_no_password_is_in_sight(front):
    # The calls of the tests above are sudo's own lines.
    journal = front.run("journalctl --no-pager --output=cat | grep %s | grep -vc COMMAND=", PATTERN)
    assert journal.stdout.strip() == "0"
    listed = front.check_output("ps -eo args")
    assert PASSWORD not in listed
    found = front.run("grep -rl --exclude-dir=proc --exclude-dir=journal %s /etc /var/log", PATTERN)
    assert found.stdout.strip() == ""
