"""Stage after stage of a site, until one fails."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Final, Protocol

from b2ct.deploy import playbook
from b2ct.deploy.events import Event, Result
from b2ct.deploy.stages import PRECHECK
from b2ct.deploy.stages import playbook as playbook_of
from b2ct.deploy.state import State
from b2ct.redact import Redactor

#: Ansible's code for a run that a Ctrl-C ended.
_INTERRUPTED: Final = 99


@dataclass(frozen=True)
class Failure:
    """What went wrong on one host, or in the stage as a whole (no host)."""

    stage: str
    host: str
    task: str
    message: str


@dataclass(frozen=True)
class StageEnd:
    """How a stage ended. ``left_out`` says when it was done before, where it was not run again."""

    stage: str
    seconds: float
    failures: tuple[Failure, ...] = ()
    left_out: datetime | None = None

    @property
    def good(self) -> bool:
        """Whether the next stage may follow."""
        return not self.failures


class View(Protocol):
    """Shows a run as it goes on."""

    def stage(self, stage: str) -> None:
        """A stage begins."""

    def event(self, event: Event) -> None:
        """Something happened in it."""

    def ended(self, end: StageEnd) -> None:
        """It ended."""


@dataclass
class Runner:
    """Runs stages with the same call of Ansible."""

    call: playbook.Call
    log: IO[str]
    redact: Redactor
    view: View

    def stage(self, stage: str) -> StageEnd:
        """Run one stage, and tell the view all about it."""
        self.view.stage(stage)
        begun = time.monotonic()
        failed: list[Failure] = []

        def on_event(event: Event) -> None:
            if isinstance(event, Result) and event.status.bad:
                told = event.message if not event.hidden else "its output is hidden (no_log)"
                failed.append(Failure(stage, event.host, event.task.name, told))
            self.view.event(event)

        file = playbook_of(stage)
        ended = playbook.run(self.call, file, self.log, self.redact, on_event)
        if ended.code == _INTERRUPTED:
            raise KeyboardInterrupt
        if ended.code and not failed:
            told = "\n".join(ended.last[-6:]) or f"ansible-playbook ended with code {ended.code}"
            failed.append(Failure(stage, "", "", told))
        if not ended.code:
            # What a rescue has mended is no failure of the stage.
            failed = []
        end = StageEnd(stage, time.monotonic() - begun, tuple(failed))
        self.view.ended(end)
        return end


def deploy(
    runner: Runner, stages: Iterable[str], hosts: Iterable[str], state: State, *, resume: bool
) -> tuple[StageEnd, ...]:
    """Run stages until one fails, and note each that is done.

    With ``resume``, a stage that is known to be done on all hosts is left out, and the view is
    told; the precheck never is.
    """
    members = tuple(hosts)
    ends: list[StageEnd] = []
    for stage in stages:
        done = state.finished(stage, members) if resume and stage != PRECHECK else None
        if done is not None:
            end = StageEnd(stage, 0.0, left_out=done.at)
            runner.view.ended(end)
        else:
            state.begin(stage, members)
            end = runner.stage(stage)
            if end.good:
                state.finish(stage, members, datetime.now(UTC))
        ends.append(end)
        if not end.good:
            break
    return tuple(ends)
