"""Progress for a terminal, a log and a program."""

from __future__ import annotations

import io
import json

import pytest

from b2ct import console
from b2ct.console import ProgressPrinter, human_size, human_time


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(console, "time", made)
    return made


def run(printer: ProgressPrinter, clock: Clock) -> None:
    with printer as progress:
        for step in range(101):
            progress("copying", step * 1_000_000, 100_000_000)
            clock.now += 0.125
        progress("checking", 5, 0)


def test_a_log_gets_a_line_at_every_tenth(clock: Clock) -> None:
    log = io.StringIO()
    run(ProgressPrinter(stream=log), clock)
    lines = log.getvalue().splitlines()
    assert len(lines) == 10
    assert lines[0] == "copying: 16 % of 100 MB, 8.0 MB/s, 10 s left"
    assert lines[4] == "copying: 50 % of 100 MB, 8.0 MB/s, 6 s left"
    assert lines[-1] == "copying: 100 % of 100 MB, 8.0 MB/s"


def test_what_is_counted_has_its_name(clock: Clock) -> None:
    log = io.StringIO()
    with ProgressPrinter(stream=log, unit="nodes") as progress:
        progress("rendering", 0, 5000)
        clock.now += 4
        progress("rendering", 1000, 5000)
    assert log.getvalue() == "rendering: 20 % of 5000 nodes, 250 nodes/s, 16 s left\n"


def test_a_log_is_not_told_of_short_work(clock: Clock) -> None:
    log = io.StringIO()
    with ProgressPrinter(stream=log) as progress:
        for step in range(11):
            progress("hashing", step * 10, 100)
            clock.now += 0.15
    assert log.getvalue() == ""


def test_a_log_is_told_of_long_work_of_unknown_length(clock: Clock) -> None:
    log = io.StringIO()
    with ProgressPrinter(stream=log) as progress:
        for step in range(30):
            progress("unpacking", step, 0)
            clock.now += 0.125
    assert log.getvalue().splitlines() == ["unpacking: 16 B, 8 B/s"]


def test_a_terminal_gets_one_line_that_renews_itself(clock: Clock) -> None:
    screen = Terminal()
    run(ProgressPrinter(stream=screen), clock)
    first, second, rest = screen.getvalue().split("\n")
    assert rest == ""
    shown = first.split("\r")[1:]
    assert 30 < len(shown) < 60
    assert {len(text) for text in shown} == {79}
    assert shown[-1].rstrip() == "copying: 100 % of 100 MB, 8.0 MB/s"
    assert second.strip() == "checking: 5 B"


def test_a_program_gets_an_object_a_second(clock: Clock) -> None:
    log = io.StringIO()
    run(ProgressPrinter(as_json=True, stream=log), clock)
    events = [json.loads(line) for line in log.getvalue().splitlines()]
    assert 10 < len(events) < 20
    assert events[-2] == {
        "event": "progress",
        "what": "copying",
        "done": 100_000_000,
        "total": 100_000_000,
    }


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (790_000_000, "790 MB"), (13.4e12, "13.4 TB")],
)
def test_sizes(count: float, text: str) -> None:
    assert human_size(count) == text


@pytest.mark.parametrize(("seconds", "text"), [(45, "45 s"), (200, "3:20"), (3720, "1:02:00")])
def test_times(seconds: float, text: str) -> None:
    assert human_time(seconds) == text
