"""The hook for failed hosts: nothing without fencing, and only what is tagged is started again."""

from __future__ import annotations

import base64
import io
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FILE = (
    Path(__file__).resolve().parents[2] / "roles" / "opennebula_frontend" / "files" / "host_failure"
)
HOST = "<HOST><ID>7</ID><NAME>node1</NAME><STATE>3</STATE><VMS><ID>11</ID><ID>12</ID></VMS></HOST>"
TAGGED = (
    "<VM><ID>11</ID><STATE>3</STATE><LCM_STATE>{}</LCM_STATE>"
    "<USER_TEMPLATE><B2CT_RELAUNCH>yes</B2CT_RELAUNCH></USER_TEMPLATE></VM>"
)
PLAIN = "<VM><ID>12</ID><STATE>3</STATE><LCM_STATE>16</LCM_STATE><USER_TEMPLATE/></VM>"


class Fake:
    """oned and the fence program, and what was asked of them, in order."""

    def __init__(self, hook: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.did: list[str] = []
        self.host_states = ["3"]
        self.lcm_states = ["16"]
        self.fence_code = 0
        monkeypatch.setattr(hook.Oned, "__init__", lambda _self: None)
        monkeypatch.setattr(hook.Oned, "__call__", self.call)
        monkeypatch.setattr(hook.subprocess, "run", self.run)
        monkeypatch.setattr(hook.time, "sleep", lambda _s: None)

    def call(self, method: str, *arguments: Any) -> str:
        def turn(states: list[str]) -> str:
            return states.pop(0) if len(states) > 1 else states[0]

        if method == "one.host.info":
            return HOST.replace("<STATE>3", f"<STATE>{turn(self.host_states)}")
        if method == "one.vm.info":
            return TAGGED.format(turn(self.lcm_states)) if arguments[0] == 11 else PLAIN
        self.did.append(f"{method} {arguments[0]} {arguments[1]}")
        return ""

    def run(self, argv: list[str], **_: Any) -> types.SimpleNamespace:
        self.did.append(" ".join(argv[-2:]))
        return types.SimpleNamespace(returncode=self.fence_code, stderr="no answer")


@pytest.fixture
def hook() -> Any:
    module = types.ModuleType("host_failure")
    exec(compile(FILE.read_text(), str(FILE), "exec"), module.__dict__)
    return module


@pytest.fixture
def fake(hook: Any, monkeypatch: pytest.MonkeyPatch) -> Fake:
    found = Fake(hook, monkeypatch)
    monkeypatch.setattr(
        hook.Oned, "__call__", lambda _self, method, *rest: found.call(method, *rest)
    )
    return found


@pytest.fixture
def strike(hook: Any) -> Callable[..., int]:
    def run(*arguments: str) -> int:
        words = base64.b64encode(HOST.encode()).decode()
        code: int = hook.main(list(arguments), io.StringIO(f"{words} --cycles 2\n"))
        return code

    return run


def test_fences_first_and_starts_only_what_is_tagged(
    fake: Fake, strike: Callable[..., int]
) -> None:
    fake.lcm_states = ["3", "16"]
    assert strike() == 0
    assert fake.did == ["node1 off", "one.vm.action resched 11"]


def test_nothing_is_started_where_fencing_fails(fake: Fake, strike: Callable[..., int]) -> None:
    fake.fence_code = 1
    assert strike() == 1
    assert fake.did == ["node1 off"]


def test_a_host_that_is_back_is_left_alone(fake: Fake, strike: Callable[..., int]) -> None:
    fake.host_states = ["3", "2"]
    assert strike() == 0
    assert fake.did == []


def test_machines_that_oned_thinks_run_are_told(
    fake: Fake, strike: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    fake.lcm_states = ["3"]
    assert strike() == 1
    assert fake.did == ["node1 off"]
    assert "still thinks that these virtual machines run: 11" in capsys.readouterr().out


def test_without_relaunch_it_only_fences(fake: Fake, strike: Callable[..., int]) -> None:
    assert strike("--no-relaunch") == 0
    assert fake.did == ["node1 off"]
