"""The view of a run: what stays on a terminal, and what stands in a pipe."""

from __future__ import annotations

import io
import json
import re
from datetime import UTC, datetime

import pytest

from b2ct.deploy.events import PlayBegun, Result, Status, Task, TaskBegun, parse
from b2ct.deploy.run import Failure, StageEnd
from b2ct.deploy.view import Json, Lines, Live, view

STAGES = ("precheck", "base")


class Terminal(io.StringIO):
    """Understands the two codes that the view uses, and keeps the lines of the screen."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = [""]

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        for part in re.split(r"(\x1b\[\d+A|\x1b\[J|\n)", text):
            if part == "\n":
                self.lines.append("")
            elif part == "\x1b[J":
                continue
            elif part.startswith("\x1b["):
                up = int(part[2:-1])
                # Everything from there on is wiped by the code that always follows.
                del self.lines[len(self.lines) - up :]
                self.lines[-1] = ""
            else:
                assert "\x1b" not in part
                self.lines[-1] += part
        return len(text)


def result(host: str, status: Status, seconds: float = 0.2) -> Result:
    return Result(host, Task("Write the file"), status, seconds, "no room")


def play(shown: Lines | Json) -> None:
    shown.stage("precheck")
    shown.ended(StageEnd("precheck", 0.5))
    shown.stage("base")
    shown.event(PlayBegun("Base"))
    for host in ("node1", "node2"):
        shown.event(TaskBegun(Task("Write the file")))
        shown.event(result(host, Status.CHANGED, 3))
    shown.event(result("node1", Status.FAILED))
    failure = Failure("base", "node1", "Write the file", "no room")
    shown.ended(StageEnd("base", 65, (failure,)))
    shown.close()


def test_a_terminal_keeps_the_stages_and_no_leftovers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("b2ct.deploy.view._INTERVAL_S", 0.0)
    monkeypatch.setenv("COLUMNS", "70")
    terminal = Terminal()
    shown = view(terminal, STAGES, as_json=False)
    assert isinstance(shown, Live)
    play(shown)
    assert terminal.lines == [
        "precheck: done in 0 s, nothing to do",
        "  node1: FAILED: Write the file",
        "base: FAILED in 1:05",
        "  node1  1 ok, 1 changed, 1 failed  (3 s)",
        "  node2  1 ok, 1 changed  (3 s)",
        "  FAILED  node1: Write the file",
        "          no room",
        "",
    ]


def test_many_hosts_fit_on_a_small_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("b2ct.deploy.view._INTERVAL_S", 0.0)
    monkeypatch.setenv("LINES", "10")
    terminal = Terminal()
    shown = Live(terminal, STAGES)
    shown.stage("base")
    for number in range(40):
        shown.event(result(f"node{number}", Status.OK))
    shown.event(result("node39", Status.FAILED))
    assert len(terminal.lines) <= 12
    # What failed comes first.
    assert terminal.lines[2].strip().startswith("node39")
    assert terminal.lines[-2].strip() == "and 33 more"


def test_a_pipe_gets_a_line_an_event() -> None:
    stream = io.StringIO()
    shown = view(stream, STAGES, as_json=False)
    assert type(shown) is Lines
    play(shown)
    lines = [line.partition(" ")[2] for line in stream.getvalue().splitlines()]
    assert "base: stage 2 of 2 begins" in lines
    assert "base: node2: changed: Write the file (3 s)" in lines
    assert "base: node1: FAILED: Write the file" in lines
    assert "\x1b" not in stream.getvalue()


def test_json_tells_the_end_of_each_stage() -> None:
    stream = io.StringIO()
    play(view(stream, STAGES, as_json=True))  # type: ignore[arg-type]
    ends = [row for row in map(json.loads, stream.getvalue().splitlines()) if row["event"] == "end"]
    assert [(end["stage"], end["good"]) for end in ends] == [("precheck", True), ("base", False)]
    assert ends[1]["failures"][0]["message"] == "no room"


def test_a_stage_left_out_is_told_with_its_time() -> None:
    stream = io.StringIO()
    shown = Lines(stream, STAGES)
    shown.ended(StageEnd("base", 0, left_out=datetime(2026, 1, 2, 3, 4, tzinfo=UTC)))
    assert re.search(r"base: left out, it was done at 2026-01-0\d \d\d:\d4", stream.getvalue())


def test_lines_that_are_no_events_are_passed_over() -> None:
    assert parse("not json") is None
    assert parse('{"event": "stats"}') is None
    assert parse("[1]") is None
