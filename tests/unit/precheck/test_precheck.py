"""The precheck through Ansible itself, on hosts that each have faults; and its parts."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from ansible_collections.b2ct.cloud.plugins.module_utils.precheck import clocks, judge, too_new
from ansible_collections.b2ct.cloud.plugins.modules import precheck as module

from b2ct.inventory import inventory
from b2ct.load import load_site

ROOT = Path(__file__).resolve().parents[3]

PLAY = """\
- name: Precheck
  hosts: all
  gather_facts: false
  any_errors_fatal: true
  roles: [b2ct.cloud.precheck]
- name: What must not happen after a problem
  hosts: all
  gather_facts: false
  tasks:
    - name: Touch a file
      ansible.builtin.file: {path: "{{ flag }}", state: touch, mode: "0600"}
"""


def play(folder: Path, hosts: dict[str, object], *words: str) -> subprocess.CompletedProcess[str]:
    (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts}}))
    (folder / "play.yml").write_text(PLAY)
    return subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "-i", "hosts.yml", "play.yml", *words],
        cwd=folder,
        env=os.environ | {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_HOST_KEY_CHECKING": "false"},
        capture_output=True,
        text=True,
        check=False,
    )


def told(done: subprocess.CompletedProcess[str]) -> set[str]:
    """Give the lines ``host: what; remedy`` without the remedy."""
    text = done.stdout + done.stderr
    return {line.partition("; ")[0] for line in text.splitlines() if re.match(r"h_\w+: ", line)}


def script(path: Path, text: str) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def shell_with(folder: Path, program: str, text: str) -> str:
    """Make a shell whose PATH has another program of that name."""
    script(folder / program / program, text)
    return script(folder / f"sh-{program}", f'PATH={folder}/{program}:$PATH exec /bin/sh "$@"')


@pytest.fixture
def listener() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_all_problems_of_all_hosts_are_told_at_once(tmp_path: Path, listener: int) -> None:
    common = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "flag": str(tmp_path / "flag"),
    }
    program = Path("/proc/self/comm").read_text().strip()
    date = subprocess.run(["which", "date"], capture_output=True, text=True, check=True).stdout
    late = (
        f'[ "$1" = +%s.%N ] || exec {date.strip()} "$@"\necho $(( $({date.strip()} +%s) - 90 )).0'
    )
    hosts: dict[str, object] = {
        "h_good": {
            **common,
            "precheck_names": ["localhost"],
            "precheck_mounts": ["/proc"],
            "precheck_ports": [{"port": listener, "programs": [program]}],
        },
        "h_bad": {
            **common,
            "precheck_family": "el",
            "precheck_major": 9,
            "precheck_names": ["no-such-name.invalid"],
            "precheck_repositories": ["http://127.0.0.1:9/el"],
            "precheck_mounts": [str(tmp_path)],
            "precheck_devices": ["/dev/b2ct/database"],
            "precheck_ports": [{"port": listener, "programs": ["squid"]}],
            "precheck_memory_mb": 99_999_999,
            "precheck_free_mb": {"/var/lib/one": 99_999_999},
        },
        "h_snake": {**common, "ansible_python_interpreter": "/no/such/python"},
        "h_late": {**common, "ansible_shell_executable": shell_with(tmp_path, "date", late)},
        "h_user": {
            **common,
            "ansible_shell_executable": shell_with(tmp_path, "id", "echo 1000"),
        },
        "h_old": {
            **common,
            "precheck_family": "el",
            "precheck_major": 8,
            "precheck_ansible_before": "2.17",
            "ansible_python_interpreter": "/no/such/python3.12",
        },
        "h_gone": {"ansible_host": "127.0.0.1", "ansible_port": 9, "flag": common["flag"]},
    }
    done = play(tmp_path, hosts, "--check")
    lines = told(done)
    assert done.returncode == 2
    expected = {
        "h_bad": [
            "it runs Debian GNU/Linux 12 (bookworm), not Enterprise Linux 9",
            "the name no-such-name.invalid does not resolve: Name or service not known",
            "the repository http://127.0.0.1:9/el cannot be reached:"
            " [Errno 111] Connection refused",
            f"nothing is mounted on {tmp_path}",
            "the volume /dev/b2ct/database is not there",
            f"port tcp/{listener} is taken by {program}",
        ],
        "h_snake": ["it has no Python 3"],
        "h_old": [
            f"ansible-core {version('ansible-core')} cannot manage the packages of"
            " Enterprise Linux 8",
            "it has no Python 3",
        ],
        "h_user": ["Ansible cannot become root: 1000"],
    }
    for host, problems in expected.items():
        for problem in problems:
            assert f"{host}: {problem}" in lines, done.stdout + done.stderr
    starts = ("h_bad: it has ", "h_late: its clock is 90", "h_gone: it does not answer: ")
    for start in starts:
        assert any(line.startswith(start) for line in lines), start
    assert any(
        re.match(r"h_bad: \d+ MiB are free for /var/lib/one, 99999999", line) for line in lines
    )
    assert not any(line.startswith("h_good") for line in lines)
    assert "h_old: it has no Python 3; install the package python3.12" in done.stdout + done.stderr
    assert "14 problems on 6 nodes; nothing was changed." in done.stdout + done.stderr
    assert not (tmp_path / "flag").exists()


def test_good_hosts_let_the_play_go_on(tmp_path: Path) -> None:
    good = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "flag": str(tmp_path / "flag"),
    }
    done = play(tmp_path, {"h_one": good, "h_two": good})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "changed=0" not in done.stdout
    assert (tmp_path / "flag").exists()
    assert re.search(r"h_one +: ok=\d+ +changed=1 ", done.stdout)


# -- its parts


def test_an_ansible_too_new_for_a_release() -> None:
    wanted = {"family": "el", "major": 8, "ansible_before": "2.17"}
    assert too_new("2.16.19", wanted) == []
    assert too_new("2.19.0", {**wanted, "ansible_before": ""}) == []
    for ours in ("2.17.0", "2.19.0rc1", "3.0.0"):
        (found,) = too_new(ours, wanted)
        assert found["what"] == (
            f"ansible-core {ours} cannot manage the packages of Enterprise Linux 8"
        )
        assert "pip install 'ansible-core~=2.16.0'" in found["remedy"]


SEEN = {
    "release": {"ID": "almalinux", "ID_LIKE": "rhel centos", "VERSION_ID": "9.4"},
    "unresolved": {},
    "silent": {},
    "not_mounted": [],
    "no_device": [],
    "taken": {},
    "hidden": [],
    "virtualization": True,
    "memory_mb": 4000,
    "free_mb": {},
}


def words(seen: dict[str, object], **wanted: object) -> list[str]:
    return [found["what"] for found in judge({**SEEN, **seen}, wanted)]


def test_a_node_as_it_should_be_has_no_problem() -> None:
    assert words({}, family="el", major=9, virtualization=True, memory_mb=4000) == []


def test_every_problem_says_what_to_do() -> None:
    bad = {
        "release": {},
        "unresolved": {"a": "x"},
        "silent": {"b": "y"},
        "not_mounted": ["/m"],
        "no_device": ["/d"],
        "taken": {"tcp/80": ["?"]},
        "hidden": ["other"],
        "virtualization": False,
        "memory_mb": 1,
        "free_mb": {"/": 1},
    }
    wanted = {
        "family": "debian",
        "major": 12,
        "ports": [{"port": 80}],
        "virtualization": True,
        "memory_mb": 2,
        "free_mb": {"/": 2},
    }
    found = judge(bad, wanted)
    assert len(found) == 9
    assert all(len(problem["remedy"]) > 10 for problem in found)
    told = [problem["what"] for problem in found]
    assert "port tcp/80 is taken by a program that lets nobody look" in told
    assert "its CPU shows no virtualization (neither vmx nor svm)" in words(
        {"virtualization": False}, virtualization=True
    )


def test_an_own_program_that_lets_nobody_look_is_no_foreign_one() -> None:
    ports = [{"port": 3128, "programs": ["squid"]}]
    hidden = {"taken": {"tcp/3128": ["?"]}, "hidden": ["nginx", "squid"]}
    assert words(hidden, ports=ports) == []
    assert words({**hidden, "hidden": ["nginx"]}, ports=ports) != []
    assert words({**hidden, "taken": {"tcp/3128": ["?", "nc"]}}, ports=ports) == [
        "port tcp/3128 is taken by nc"
    ]


def test_a_wrong_major_release_is_told() -> None:
    release = {"ID": "debian", "VERSION_ID": "13", "PRETTY_NAME": "Debian GNU/Linux 13"}
    assert words({"release": release}, family="debian", major=12) == [
        "it runs Debian GNU/Linux 13, not Debian 12"
    ]


def test_clocks_are_judged_by_what_is_certain() -> None:
    assert clocks({"a": (-0.1, 0.1), "b": (-1.0, 5.0)}, 2) == {}
    assert list(clocks({"a": (-0.1, 0.1), "b": (2.5, 2.6)}, 2)) == ["b"]
    assert "2.5 s ahead" in clocks({"b": (2.5, 2.6)}, 2)["b"][0]["what"]
    assert "3.0 s behind" in clocks({"b": (-3.1, -3.0)}, 2)["b"][0]["what"]
    apart = clocks({"a": (-1.8, -1.7), "b": (1.6, 1.7), "c": (0, 0)}, 2)
    assert apart["b"][0]["what"] == "its clock is 3.3 s ahead of that of a"
    assert clocks({}, 2) == {}


def test_a_port_is_known_by_the_programs_that_hold_it(listener: int) -> None:
    mine = Path("/proc/self/comm").read_text().strip()
    assert module.taken({f"tcp/{listener}"}) == {f"tcp/{listener}": [mine]}
    assert module.taken({f"udp/{listener}"}) == {}


def test_virtualization_is_read_from_the_flags(tmp_path: Path) -> None:
    for flags, shown in (("fpu vmx sse", True), ("fpu svm", True), ("fpu vmxx", False)):
        (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags\t\t: {flags}\n")
        assert module.virtualization(tmp_path / "cpuinfo") is shown


def test_a_name_that_never_answers_does_not_hold_up_the_rest() -> None:
    import threading

    never = threading.Event()
    try:
        found = module.in_parallel(["x"], lambda _: "" if never.wait(20) else "late", 0.2)
    finally:
        never.set()
    assert found == {"x": "no answer within 0 s"}


def test_the_example_site_says_what_its_nodes_need() -> None:
    hosts = inventory(load_site(ROOT / "inventories" / "example")).host_variables
    control, cache = hosts["control1"], hosts["cache1"]
    assert control["precheck_devices"] == ["/dev/b2ct/database"]
    assert control["precheck_mounts"] == ["/", "/var", "/var/lib/one"]
    assert control["precheck_names"][:2] == ["ntp1.example.org", "ntp2.example.org"]
    assert "https://downloads.opennebula.io/repo" in control["precheck_repositories"]
    assert cache["precheck_ports"][0] == {"port": 3128, "protocol": "tcp", "programs": ["squid"]}
    assert hosts["node1"]["precheck_virtualization"] is True
    assert cache["precheck_virtualization"] is False
