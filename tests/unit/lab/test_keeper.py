"""The lab's keeper and its fence agent, with a process that sleeps for a machine."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from b2ct.errors import B2ctError
from b2ct.lab import image, running
from b2ct.lab.lab import Lab
from b2ct.lab.make import free_ports
from b2ct.lab.process import process
from b2ct.lab.running import Running, RunningGuest

AGENT = Path(image.__file__).parent / "image/fence_b2ctlab"


def lay_out(folder: Path, argv: tuple[str, ...] = ("sleep", "1000")) -> Lab:
    sockets = Path(tempfile.mkdtemp(prefix="b2ct-lab-"))
    guests = []
    for name in ("node1", "node2"):
        (folder / name).mkdir(parents=True)
        guests.append(RunningGuest(name, argv, sockets / name, folder / name, 1, 1))
    made = Running(
        name="x",
        site_file=folder / "site.yml",
        user="ada",
        accel="tcg",
        sockets=sockets,
        power_port=free_ports(1)[0],
        token="the-token",
        segments=(("service",),),
        guests=tuple(guests),
    )
    running.write(folder, made)
    return Lab(folder, made)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    found = lay_out(tmp_path / "lab")
    found.start_keeper(with_me=True)
    try:
        yield found
    finally:
        found.down()


def agent(lab: Lab, action: str, **more: str) -> subprocess.CompletedProcess[str]:
    given = {
        "ip": "127.0.0.1", "ipport": str(lab.running.power_port), "password": "the-token",
        "action": action, **more,
    }  # fmt: skip
    typed = "".join(f"{key}={value}\n" for key, value in given.items())
    return subprocess.run(
        [sys.executable, str(AGENT)], input=typed, capture_output=True, text=True, check=False
    )


def test_what_is_written_down_is_read_again(tmp_path: Path) -> None:
    made = lay_out(tmp_path / "lab")
    assert running.read(tmp_path / "lab") == made.running
    assert (tmp_path / "lab/lab.json").stat().st_mode & 0o777 == 0o600
    made.down()


def test_the_plug_is_pulled_and_put_back(lab: Lab) -> None:
    assert lab.power("node1", "status") == "off"
    assert lab.power("node1", "on") == "on"
    first = lab.process("node1")
    assert first is not None
    assert first.alive
    assert lab.power("node1", "on") == "on"
    assert lab.process("node1") == first
    assert lab.power("node2", "status") == "off"
    assert lab.power("node1", "off") == "off"
    assert not first.alive
    assert lab.power("node1", "off") == "off"
    assert lab.power("node1", "reboot") == "on"
    assert lab.process("node1") != first


def test_a_machine_that_ends_by_itself_is_off(lab: Lab) -> None:
    lab.power("node1", "on")
    found = lab.process("node1")
    assert found is not None
    os.kill(found.pid, signal.SIGTERM)
    deadline = time.monotonic() + 10
    while lab.power("node1", "status") == "on" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert lab.power("node1", "status") == "off"
    assert "node1: ended by itself" in (lab.folder / "keeper.log").read_text()


#: Stands for QEMU: its monitor answers, and writes down what it was told.
MACHINE = """
import json, pathlib, socket, sys, time
door, heard = map(pathlib.Path, sys.argv[1:3])
door.unlink(missing_ok=True)
time.sleep(0.3)
listening = socket.create_server(str(door), family=socket.AF_UNIX)
while True:
    stream = listening.accept()[0].makefile("rw")
    print("{}", file=stream, flush=True)
    for line in stream:
        asked = json.loads(line)
        if asked["execute"] == "set_link":
            with heard.open("a") as file:
                print(asked["arguments"]["name"], asked["arguments"]["up"], file=file)
        elif asked["execute"] == "cont":
            with heard.open("a") as file:
                print("cont", *sys.argv[3:], file=file)
        print(json.dumps({"return": {}}), file=stream, flush=True)
"""


@contextmanager
def with_monitors(folder: Path, heard: Path, **more: int) -> Iterator[Lab]:
    """Give a lab whose machines have a monitor, which writes down what it heard."""
    laid = lay_out(folder)
    guests = []
    for guest in laid.running.guests:
        guest.sockets.mkdir()
        argv = (sys.executable, "-c", MACHINE, str(guest.sockets / "qmp"), str(heard))
        guests.append(dataclasses.replace(guest, argv=argv))
    made = dataclasses.replace(laid.running, guests=tuple(guests), **more)
    running.write(laid.folder, made)
    lab = Lab(laid.folder, made)
    lab.start_keeper(with_me=True)
    try:
        yield lab
    finally:
        lab.down()


def await_(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not met() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert met()


def test_a_machine_starts_when_its_firmware_has_done_its_self_test(tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    with with_monitors(tmp_path / "lab", heard, self_test_s=1) as lab:
        assert lab.power("node1", "on") == "on"
        assert not heard.exists(), "its processors stand still"
        await_(heard.exists)
        # QEMU was told to wait for it.
        await_(lambda: heard.read_text() == "cont -S\n")
        # One that was switched off meanwhile is not started, and as the lab begins nothing waits.
        lab.power("node1", "reboot")
        assert lab.power("node1", "off") == "off"
        lab.power("node2", "begin")
        time.sleep(2.5)
        assert heard.read_text() == "cont -S\n"


def test_a_pulled_cable_is_out_after_the_power_was(tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    with with_monitors(tmp_path / "lab", heard) as lab:
        lab.power("node1", "on")
        await_((lab.running.guest("node1").sockets / "qmp").exists)
        lab.pull("node1", "lan0")
        lab.pull("node1", "lan1")
        lab.plug("node1", "lan0")
        heard.unlink()
        lab.power("node1", "reboot")
        assert heard.read_text() == "lan1 False\n"


def test_the_agent_switches(lab: Lab) -> None:
    assert agent(lab, "status", plug="node1").returncode == 2
    assert agent(lab, "on", plug="node1").returncode == 0
    status = agent(lab, "status", port="node1")
    assert (status.returncode, status.stdout) == (0, "Status: ON\n")
    found = lab.process("node1")
    assert found is not None
    assert agent(lab, "off", nodename="node1").returncode == 0
    assert not found.alive
    assert agent(lab, "off", plug="node1").returncode == 0
    assert agent(lab, "reboot", plug="node1").returncode == 0
    assert lab.power("node1", "status") == "on"
    assert agent(lab, "monitor").returncode == 0
    assert agent(lab, "list").stdout == "node1,\nnode2,\n"


def test_the_agent_is_refused_without_the_token(lab: Lab) -> None:
    lab.power("node1", "on")
    done = agent(lab, "off", plug="node1", password="wrong")
    assert (done.returncode, done.stderr) == (1, "fence_b2ctlab: wrong token\n")
    assert lab.power("node1", "status") == "on"
    assert "refused: wrong token" in (lab.folder / "keeper.log").read_text()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"action": "explode", "plug": "node1"}, "no such action: explode"),
        ({"action": "off"}, "needs plug"),
        ({"action": "off", "plug": "node9"}, "has no node 'node9'"),
        # What a fence agent may not: end the lab.
        ({"action": "off", "plug": "node1", "ipport": "1"}, "Connection refused"),
    ],
)
def test_the_agent_tells_what_is_wrong(lab: Lab, given: dict[str, str], told: str) -> None:
    done = agent(lab, **given)
    assert done.returncode == 1
    assert told in done.stderr


def test_the_agent_describes_itself() -> None:
    done = subprocess.run(
        [sys.executable, str(AGENT)], input="action=metadata\n", capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert '<resource-agent name="fence_b2ctlab"' in done.stdout
    assert '<parameter name="plug"' in done.stdout


def test_the_agent_cannot_end_the_lab(lab: Lab) -> None:
    import socket

    with socket.create_connection(("127.0.0.1", lab.running.power_port), timeout=10) as link:
        link.sendall(b"the-token end -\n")
        assert link.makefile().readline() == "ERROR no such action: end\n"
    assert lab.keeper is not None


def test_down_leaves_nothing(lab: Lab) -> None:
    lab.power("node1", "on")
    lab.power("node2", "on")
    processes = [lab.process("node1"), lab.process("node2"), lab.keeper]
    lab.down()
    assert all(found is not None and not found.alive for found in processes)
    assert not lab.folder.exists()
    assert not lab.running.sockets.exists()
    with pytest.raises(B2ctError, match="does not run"):
        lab.power("node1", "status")


def test_machines_die_with_a_killed_keeper(lab: Lab) -> None:
    lab.power("node1", "on")
    machine, keeper = lab.process("node1"), lab.keeper
    assert machine is not None
    assert keeper is not None
    keeper.kill()
    deadline = time.monotonic() + 10
    while machine.alive and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not machine.alive


def test_down_kills_nobody_elses_process(tmp_path: Path) -> None:
    lab = lay_out(tmp_path / "lab")
    other = subprocess.Popen(["sleep", "1000"])
    try:
        told = {"pid": other.pid, "started": 1}
        for file in ("keeper.json", "node1/qemu.json"):
            (lab.folder / file).write_text(json.dumps(told))
        lab.down()
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    import socket

    lab = lay_out(tmp_path / "lab")
    with socket.create_server(("127.0.0.1", lab.running.power_port)):
        with pytest.raises(B2ctError, match="Address already in use") as error:
            lab.start_keeper(with_me=True)
        assert "down" in error.value.hint
    lab.down()


def test_a_process_is_known_by_its_start() -> None:
    own = process(os.getpid())
    assert own is not None
    assert own.alive
    assert own.cpu_s > 0
    assert process(2**22 + 1) is None
