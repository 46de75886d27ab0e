"""All that is wrong with all nodes is told in one run, and nothing is changed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest

from tests.containers.places import SCENARIOS

SCENARIO = SCENARIOS / "precheck"
NODES = {"control1": "Debian GNU/Linux 12", "node1": "AlmaLinux 9"}
FAULTS = {
    "precheck_family": "el",
    "precheck_major": 8,
    "precheck_names": ["nowhere.invalid"],
    "precheck_repositories": ["http://127.0.0.1:9/packages"],
    "precheck_mounts": ["/nowhere"],
    "precheck_devices": ["/dev/b2ct/none"],
    "precheck_ports": [{"port": 22, "programs": ["nginx"]}],
    "precheck_memory_mb": 10**9,
    "precheck_free_mb": {"/": 10**9},
}
TOLD = (
    "it runs ",
    "the name nowhere.invalid does not resolve",
    "the repository http://127.0.0.1:9/packages cannot be reached",
    "nothing is mounted on /nowhere",
    "the volume /dev/b2ct/none is not there",
    "port tcp/22 is taken by sshd",
    "MiB of memory, 1000000000 MiB are needed",
    "MiB are free for /, 1000000000 MiB are needed",
)


def podman(*words: str) -> str:
    done = subprocess.run(["podman", *words], capture_output=True, text=True, check=True)
    return done.stdout


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["ansible-playbook", "--inventory", str(SCENARIO / "inventory"), *arguments,
         str(SCENARIO / "converge.yml")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def report(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Give the lines of the one failure."""
    assert done.returncode != 0, done.stdout
    assert "changed=0" in done.stdout
    assert "changed=1" not in done.stdout
    return [line.strip() for line in done.stdout.splitlines() if ": " in line]


def test_nothing_is_wrong() -> None:
    done = run()
    assert done.returncode == 0, done.stdout
    assert "no problem on 2 nodes" in run("-v").stdout


@pytest.mark.parametrize("mode", [(), ("--check", "--diff")], ids=["run", "check mode"])
def test_every_problem_of_every_node_at_once(mode: tuple[str, ...]) -> None:
    done = run(*mode, "--extra-vars", json.dumps(FAULTS))
    lines = report(done)
    assert any(
        f"{len(TOLD) * 2} problems on 2 nodes; nothing was changed." in line for line in lines
    ), done.stdout
    for node, system in NODES.items():
        own = [line for line in lines if line.startswith(f"{node}: ")]
        for what in TOLD:
            assert any(what in line for line in own), f"{node}: {what}: {done.stdout}"
        assert any(f"it runs {system.split()[0]}" in line for line in own)


@pytest.fixture
def stranger() -> Iterator[None]:
    """Take a port that the cloud needs."""
    podman(
        "exec", "control1", "systemd-run", "--unit=stranger", "python3", "-m", "http.server", "443"
    )
    podman("exec", "control1", "sh", "-c", "until ss -Hltn | grep -q :443; do sleep 0.2; done")
    yield
    podman("exec", "control1", "systemctl", "stop", "stranger")


@pytest.mark.usefixtures("stranger")
def test_a_port_that_somebody_has(request: pytest.FixtureRequest) -> None:
    """What the site itself wants of its nodes, and a node that does not answer besides."""
    podman("stop", "--time=0", "node1")
    request.addfinalizer(lambda: podman("start", "node1"))
    done = run("--extra-vars", "ansible_timeout=5")
    lines = report(done)
    assert any("2 problems on 2 nodes" in line for line in lines), done.stdout
    assert any(line.startswith("control1: port tcp/443 is taken by python3") for line in lines), (
        done.stdout
    )
    assert any(line.startswith("node1: ") for line in lines), done.stdout
