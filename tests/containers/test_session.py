"""A session leaves nothing behind, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.places import ROOT
from tests.containers.session import Session

pytestmark = pytest.mark.slow
_START = """
import sys, time
from tests.containers.session import Session
session = Session(sys.argv[1])
session.start()
print(session.init, flush=True)
time.sleep(600)
"""


@pytest.fixture
def name() -> Iterator[str]:
    assert os.geteuid() == 0, "sessions need root"
    name = f"test-{os.getpid()}"
    yield name
    Session(name).stop()


def inside(init: int) -> list[int]:
    """Give the processes whose PID namespace is that of a session's first process."""
    wanted = Path(f"/proc/{init}/ns/pid").readlink()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "ns/pid").readlink() == wanted:
                found.append(int(process.name))
        except OSError:
            continue
    return found


def wait_until_gone(pids: list[int]) -> None:
    for _ in range(300):
        if not any(Path(f"/proc/{pid}").exists() for pid in pids):
            return
        time.sleep(0.1)
    left = [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    raise AssertionError(f"processes are left: {left}")


def test_a_killed_run_takes_its_session_along(name: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _START, name], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        init = int(run.stdout.readline())
        session = Session(name)
        with subprocess.Popen(session.command(["sleep", "500"])) as sleeper:
            while len(inside(init)) < 3:
                time.sleep(0.05)
            pids = [init, *inside(init)]
            run.send_signal(signal.SIGKILL)
            run.wait()
            wait_until_gone([pid for pid in pids if pid != sleeper.pid])
    assert session.init is None


def test_a_session_has_its_own_network_and_processes(name: str) -> None:
    session = Session(name)
    session.start()
    listed = session.run(["ip", "-brief", "link"], capture_output=True).stdout
    assert sorted(line.split()[0] for line in listed.splitlines()) == ["lo", "tap0"]
    assert session.run(["sh", "-c", "echo $$"], capture_output=True).stdout.strip() != str(
        os.getpid()
    )
    assert (session.folder / "id_ed25519").stat().st_mode & 0o077 == 0
    folder = session.folder
    session.stop()
    assert not folder.exists()
    assert session.init is None
