"""A run for people and for programs: live at a terminal, lines in a log, JSON on demand."""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from textwrap import indent
from typing import Any, Final, TextIO

from b2ct.console import human_time
from b2ct.deploy.events import Event, Result, Status, TaskBegun
from b2ct.deploy.run import StageEnd, View

#: Tasks that Ansible adds by itself to each role.
_OF_ANSIBLE: Final = "Validating arguments against arg spec"
_INTERVAL_S: Final = 0.15
_MARKS = {Status.FAILED: "FAILED", Status.UNREACHABLE: "NOT REACHABLE", Status.CHANGED: "changed"}


@dataclass
class _Host:
    counts: Counter[Status] = field(default_factory=Counter)
    seconds: float = 0.0
    last: str = ""

    @property
    def bad(self) -> bool:
        return bool(self.counts[Status.FAILED] or self.counts[Status.UNREACHABLE])

    def words(self) -> str:
        told = [f"{self.counts[Status.OK] + self.counts[Status.CHANGED]} ok"]
        told += [
            f"{self.counts[status]} {words}"
            for status, words in (
                (Status.CHANGED, "changed"),
                (Status.FAILED, "failed"),
                (Status.UNREACHABLE, "not reachable"),
            )
            if self.counts[status]
        ]
        return ", ".join(told)


class Lines(View):
    """One line an event, for logs and pipes."""

    def __init__(self, stream: TextIO, stages: tuple[str, ...]) -> None:
        self.stream = stream
        self.stages = stages
        self.now = ""
        self.task = ""
        self.begun = 0.0
        self.hosts: dict[str, _Host] = {}

    def stage(self, stage: str) -> None:
        """Begin a stage."""
        self.now, self.task, self.begun, self.hosts = stage, "", time.monotonic(), {}
        self.show_begin()

    def event(self, event: Event) -> None:
        """Count an event, and tell it."""
        if isinstance(event, TaskBegun):
            self.task = event.task.name
        elif isinstance(event, Result):
            host = self.hosts.setdefault(event.host, _Host())
            host.counts[event.status] += 1
            host.seconds += event.seconds
            host.last = event.task.name
        self.show(event)

    def ended(self, end: StageEnd) -> None:
        """End a stage."""
        self.now = end.stage
        self.show_end(end)

    # -- how it looks

    def show_begin(self) -> None:
        """Tell that a stage begins."""
        number = self.stages.index(self.now) + 1
        self.line(f"{self.now}: stage {number} of {len(self.stages)} begins")

    def show(self, event: Event) -> None:
        """Tell what changed and what failed."""
        if isinstance(event, TaskBegun):
            if not event.task.name.startswith(_OF_ANSIBLE):
                self.line(f"{self.now}: {event.task.name}")
        elif isinstance(event, Result) and event.status in _MARKS:
            took = f" ({human_time(event.seconds)})" if event.seconds >= 1 else ""
            self.line(f"{self.now}: {event.host}: {_MARKS[event.status]}: {event.task.name}{took}")

    def show_end(self, end: StageEnd) -> None:
        """Tell how a stage ended, host by host."""
        for line in end_lines(end, self.hosts):
            self.line(line)

    def close(self) -> None:
        """Leave the screen as it should be."""

    def line(self, text: str) -> None:
        """Write a line with the time of day."""
        self.stream.write(f"{datetime.now(UTC).astimezone():%H:%M:%S} {text}\n")
        self.stream.flush()


class Live(Lines):
    """The stages and the hosts of the running one, redrawn in place."""

    def __init__(self, stream: TextIO, stages: tuple[str, ...]) -> None:
        super().__init__(stream, stages)
        self._drawn = 0
        self._at = 0.0

    def show_begin(self) -> None:
        """Draw the new stage."""
        self._draw(force=True)

    def show(self, event: Event) -> None:
        """Draw anew, not too often; what failed stays on the screen."""
        if isinstance(event, Result) and event.status.bad:
            self._wipe()
            self.stream.write(f"  {event.host}: {_MARKS[event.status]}: {event.task.name}\n")
        self._draw(force=False)

    def show_end(self, end: StageEnd) -> None:
        """Leave the stage's own lines on the screen."""
        self._wipe()
        for line in end_lines(end, self.hosts):
            self.stream.write(line + "\n")
        self.stream.flush()

    def close(self) -> None:
        """Leave the screen as it should be."""
        self._wipe()

    def _wipe(self) -> None:
        if self._drawn:
            self.stream.write(f"\x1b[{self._drawn}A\x1b[J")
            self._drawn = 0
        self.stream.flush()

    def _draw(self, *, force: bool) -> None:
        now = time.monotonic()
        if not force and now - self._at < _INTERVAL_S:
            return
        self._at = now
        width, height = shutil.get_terminal_size((100, 24))
        self._wipe()
        lines = self._lines(now, max(height - 3, 3))
        self.stream.write("".join(line[: width - 1] + "\n" for line in lines))
        self.stream.flush()
        self._drawn = len(lines)

    def _lines(self, now: float, room: int) -> list[str]:
        number = self.stages.index(self.now) + 1
        head = f"[{number}/{len(self.stages)}] {self.now}  {human_time(now - self.begun)}"
        lines = [f"{head}  {self.task}"]
        names = sorted(self.hosts, key=lambda name: (not self.hosts[name].bad, name))
        broad = max((len(name) for name in names), default=0)
        for name in names[:room]:
            host = self.hosts[name]
            lines.append(f"      {name:<{broad}}  {host.words()}  · {host.last}")
        if len(names) > room:
            lines.append(f"      and {len(names) - room} more")
        return lines


class Quiet(Live):
    """How far a run is, and nothing of what it finds: the plan tells that."""

    def show_begin(self) -> None:
        """Draw at a terminal; a line a stage elsewhere."""
        if self.stream.isatty():
            self._draw(force=True)
        else:
            number = self.stages.index(self.now) + 1
            self.line(f"{self.now}: stage {number} of {len(self.stages)}")

    def show(self, event: Event) -> None:
        """Draw at a terminal only."""
        if self.stream.isatty():
            self._draw(force=False)

    def show_end(self, end: StageEnd) -> None:
        """Leave nothing on the screen."""
        self._wipe()


class Json(View):
    """One JSON object a line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._now = ""

    def stage(self, stage: str) -> None:
        """Begin a stage."""
        self._now = stage
        self._write(event="stage", stage=stage)

    def event(self, event: Event) -> None:
        """Tell a result."""
        if isinstance(event, Result):
            self._write(
                event="result",
                stage=self._now,
                host=event.host,
                task=event.task.name,
                role=event.task.role,
                status=event.status.value,
                seconds=event.seconds,
            )

    def ended(self, end: StageEnd) -> None:
        """End a stage."""
        self._write(
            event="end",
            stage=end.stage,
            seconds=round(end.seconds, 3),
            good=end.good,
            done_before=end.left_out.isoformat() if end.left_out else None,
            failures=[
                {"host": failed.host, "task": failed.task, "message": failed.message}
                for failed in end.failures
            ],
        )

    def close(self) -> None:
        """Leave nothing half said."""

    def _write(self, **data: Any) -> None:  # noqa: ANN401 - JSON's types
        self._stream.write(json.dumps(data, ensure_ascii=False) + "\n")
        self._stream.flush()


def end_lines(end: StageEnd, hosts: dict[str, _Host]) -> list[str]:
    """Tell how a stage ended: its time, each host, each failure with its reason."""
    if end.left_out is not None:
        when = end.left_out.astimezone()
        return [f"{end.stage}: left out, it was done at {when:%Y-%m-%d %H:%M} (--resume)"]
    verdict = "done" if end.good else "FAILED"
    took = human_time(end.seconds)
    if not hosts:
        lines = [f"{end.stage}: {verdict} in {took}" + (", nothing to do" if end.good else "")]
    else:
        lines = [f"{end.stage}: {verdict} in {took}"]
    broad = max((len(name) for name in hosts), default=0)
    lines += [
        f"  {name:<{broad}}  {host.words()}  ({human_time(host.seconds)})"
        for name, host in sorted(hosts.items())
    ]
    for failed in end.failures:
        where = f"{failed.host}: {failed.task}" if failed.host else "Ansible said"
        lines += [f"  FAILED  {where}", indent(failed.message.strip(), "          ")]
    return lines


def view(stream: TextIO, stages: tuple[str, ...], *, as_json: bool) -> Json | Live | Lines:
    """Choose what fits the place where it is shown."""
    if as_json:
        return Json(stream)
    return Live(stream, stages) if stream.isatty() else Lines(stream, stages)
