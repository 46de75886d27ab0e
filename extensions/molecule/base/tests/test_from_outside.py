"""What the machines let in, tried from a machine that is none of the site's."""

import pytest

testinfra_hosts = ["ssh://clock"]
MACHINES = {"control1": "10.89.0.11", "node1": "10.89.0.21"}

#: Says whether a TCP connection is made, refused, or not answered at all.
CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), 3).close()
    print("open")
except ConnectionRefusedError:
    print("refused")
except OSError:
    print("silent")
"""


@pytest.mark.parametrize("address", MACHINES.values(), ids=MACHINES)
@pytest.mark.parametrize(
    ("port", "answer"),
    [
        (22, "open"),
        # Let in, but nothing listens there.
        (8080, "refused"),
        (8081, "silent"),
        (111, "silent"),
    ],
)
def test_ports(host, address, port, answer):
    done = host.run("python3 -c %s %s %s", CONNECT, address, str(port))
    assert done.stdout.strip() == answer


@pytest.mark.parametrize("address", MACHINES.values(), ids=MACHINES)
def test_ssh_offers_no_password(host, address):
    done = host.run(
        "ssh -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
        " ada@%s true || echo refused",
        address,
    )
    assert done.stdout.strip() == "refused"
    assert "Permission denied (publickey)" in done.stderr
