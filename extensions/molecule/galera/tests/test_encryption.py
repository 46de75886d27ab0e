"""What the members send each other cannot be read on the wire, and strangers are no members."""

from __future__ import annotations

import json
import subprocess
import time
from typing import Any

import pytest
from testinfra.host import Host

from tests.containers.galera import await_size, node, sql

MARKER = "read-me-on-the-wire"
ADDRESSES = {"control1": "10.89.0.11", "node1": "10.89.0.21", "node2": "10.89.0.22"}
#: Reads all that passes a container's network card until it is told to stop; says of each port
#: how many bytes came to it or from it, and whether the marker was among them.
SNIFF = r"""
import json, os, socket, sys
marker, stop = sys.argv[1].encode(), "/tmp/sniffed"
card = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
card.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
card.bind(("eth0", 0))
card.settimeout(0.2)
seen = {}
print("ready", flush=True)
while not os.path.exists(stop):
    try:
        frame = card.recv(1 << 17)
    except TimeoutError:
        continue
    if frame[12:14] != b"\x08\x00":
        continue
    begin = 14 + (frame[14] & 15) * 4
    for port in {int.from_bytes(frame[begin + at:begin + at + 2], "big") for at in (0, 2)}:
        size, found = seen.get(port, (0, False))
        seen[port] = (size + len(frame) - begin, found or marker in frame)
print(json.dumps(seen))
"""


class Wire:
    """What passed a container's network card."""

    def __init__(self, name: str) -> None:
        node(name).run("rm -f /tmp/sniffed")
        self.host = name
        self.process = subprocess.Popen(
            ["podman", "exec", name, "python3", "-c", SNIFF, MARKER],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def seen(self) -> dict[int, tuple[int, bool]]:
        """End, and give bytes and whether the marker was among them, by port."""
        # A sign in clear text that this would have been seen.
        other = next(name for name in ADDRESSES if name != self.host)
        send = "import socket, sys; socket.socket(2, 2).sendto(b'{}', ('{}', 4999))"
        node(other).check_output("python3 -c %s", send.format(MARKER, ADDRESSES[self.host]))
        time.sleep(0.5)
        node(self.host).check_output("touch /tmp/sniffed")
        text, _ = self.process.communicate(timeout=30)
        found = {int(port): (size, mark) for port, (size, mark) in json.loads(text).items()}
        assert found[4999][1], "the reader of the wire is blind"
        return found


def write(name: str, rows: int) -> None:
    """Commit rows that are full of the marker."""
    sql(name, "CREATE TABLE IF NOT EXISTS opennebula.marked (a SERIAL, t TEXT)")
    row = f"(NULL, REPEAT('{MARKER} ', 100))"
    sql(name, f"INSERT INTO opennebula.marked VALUES {', '.join([row] * rows)}")


def test_a_commit_cannot_be_read() -> None:
    wire = Wire("node1")
    for _ in range(5):
        write("control1", 10)
    assert int(sql("node1", "SELECT COUNT(*) FROM opennebula.marked")) >= 50
    size, read = wire.seen()[4567]
    assert size > 50 * 100 * len(MARKER)
    assert not read


@pytest.mark.parametrize(
    ("name", "port", "lose"),
    [("node1", 4568, False), ("node2", 4444, True)],
    ids=["what was missed", "a whole copy"],
)
def test_a_transfer_cannot_be_read(name: str, port: int, lose: bool) -> None:
    node(name).check_output("systemctl stop mariadb")
    write("control1", 20)
    if lose:
        node(name).check_output("rm /var/lib/mysql/grastate.dat /var/lib/mysql/gvwstate.dat || :")
    wire = Wire(name)
    node(name).check_output("systemctl start mariadb")
    await_size(name, 3)
    size, read = wire.seen()[port]
    assert size > 20 * 100 * len(MARKER)
    assert not read
    ours, theirs = (
        sql(one, "SELECT COUNT(*) FROM opennebula.marked") for one in (name, "control1")
    )
    assert ours == theirs


def ask(host: Host, name: str, *more: str) -> Any:
    """Shake hands with a member as another member would."""
    # After the handshake the member begins with its own protocol, which is no text.
    return host.run(
        "bash -o pipefail -c %s",
        "echo | openssl s_client -tls1_2 -verify_return_error -CAfile /etc/b2ct/tls/ca.pem"
        f" -connect {ADDRESSES[name]}:4567 {' '.join(more)} | tr -cd '\\n -~'",
    )


OWN = ("-cert /etc/b2ct/tls/galera/cert.pem", "-key /etc/b2ct/tls/galera/key.pem")


@pytest.mark.parametrize("name", ADDRESSES)
def test_strangers_are_refused(name: str) -> None:
    host = node("control1")
    done = ask(host, name, *OWN)
    assert done.rc == 0, done.stderr
    assert "Verify return code: 0 (ok)" in done.stdout
    done = ask(host, name)
    assert done.rc != 0
    assert "alert" in done.stderr
    host.check_output(
        "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=galera -days 2"
        " -keyout /tmp/strange.key -out /tmp/strange.pem 2>/dev/null"
    )
    done = ask(host, name, "-cert /tmp/strange.pem", "-key /tmp/strange.key")
    assert done.rc != 0
    assert "alert" in done.stderr


def test_a_renewed_certificate_is_taken_without_a_restart() -> None:
    """What the daily timer does, step by step: only that the end of the old one is not near."""
    host, authority = node("node1"), node("control1")

    def shown() -> str:
        serial = "| openssl x509 -noout -serial"
        return str(ask(authority, "node1", *OWN, serial).stdout.strip())

    before, process = shown(), host.check_output("systemctl show -p MainPID mariadb")
    assert before.startswith("serial=")
    tool, file = "/usr/local/sbin/b2ct-tls", "/etc/b2ct/tls/galera/service.json"
    host.check_output(f'sed -i \'s/"renew_days": 30/"renew_days": 399/\' {file}')
    request = json.loads(host.check_output(f"{tool} request galera"))["request"]
    names = " ".join(json.loads(host.check_output(f"cat {file}"))["names"])
    signed = json.loads(
        authority.check_output(
            f"echo %s | {tool} approve node1 galera --days 397 --renew-days 30 --names {names}",
            request,
        )
    )
    host.check_output(f"echo %s | {tool} install galera", signed["certificate"])
    host.check_output(f"{tool} reload galera")
    host.check_output(f'sed -i \'s/"renew_days": 399/"renew_days": 30/\' {file}')
    assert shown() not in {before, ""}
    assert host.check_output("systemctl show -p MainPID mariadb") == process
    await_size("node1", 3)
