"""What ``ansible-playbook`` reports through the callback plugin ``b2ct.cloud.events``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """How a task ended on a host."""

    OK = "ok"
    CHANGED = "changed"
    FAILED = "failed"
    IGNORED = "ignored"
    SKIPPED = "skipped"
    UNREACHABLE = "unreachable"

    @property
    def bad(self) -> bool:
        """Whether the host is left behind."""
        return self in {Status.FAILED, Status.UNREACHABLE}


@dataclass(frozen=True)
class Task:
    """A task or handler, without its contents."""

    name: str
    role: str = ""
    module: str = ""
    tags: tuple[str, ...] = ()
    handler: bool = False
    notify: tuple[str, ...] = ()
    listen: tuple[str, ...] = ()
    arguments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Diff:
    """One file or object before and after."""

    before: str = ""
    after: str = ""
    prepared: str = ""
    header: str = ""


@dataclass(frozen=True)
class Item:
    """What a task does to one thing; a loop has several. ``told`` are arguments of the module."""

    told: Mapping[str, Any] = field(default_factory=dict)
    diffs: tuple[Diff, ...] = ()
    results: tuple[str, ...] = ()


@dataclass(frozen=True)
class PlayBegun:
    """A play begins."""

    name: str


@dataclass(frozen=True)
class TaskBegun:
    """A task begins, on all hosts of the play."""

    task: Task


@dataclass(frozen=True)
class Notified:
    """A change on a host asks for a handler."""

    host: str
    handler: Task


@dataclass(frozen=True)
class Result:
    """A task ended on a host. ``hidden`` is one of which nothing may be shown (no_log)."""

    host: str
    task: Task
    status: Status
    seconds: float
    message: str = ""
    items: tuple[Item, ...] = ()
    hidden: bool = False


Event = PlayBegun | TaskBegun | Notified | Result


def parse(line: str) -> Event | None:
    """Read one line; None for what is of no concern here."""
    try:
        data = json.loads(line)
    except ValueError:
        return None
    kind = data.get("event") if isinstance(data, dict) else None
    if kind == "play":
        return PlayBegun(str(data["name"]))
    if kind == "task":
        return TaskBegun(_task(data))
    if kind == "notify":
        return Notified(str(data["host"]), _task(data))
    if kind == "result":
        return Result(
            host=str(data["host"]),
            task=_task(data),
            status=Status(data["status"]),
            seconds=float(data["seconds"]),
            message=str(data.get("message", "")),
            items=tuple(_item(item) for item in data.get("items", ())),
            hidden=bool(data["hidden"]),
        )
    return None


def _task(data: Mapping[str, Any]) -> Task:
    return Task(
        name=data["task"],
        role=data["role"],
        module=str(data["module"]).rpartition(".")[2],
        tags=tuple(data["tags"]),
        handler=bool(data["handler"]),
        notify=tuple(data["notify"]),
        listen=tuple(data["listen"]),
        arguments=data["arguments"],
    )


def _item(data: Mapping[str, Any]) -> Item:
    return Item(
        told=data.get("told", {}),
        diffs=tuple(
            Diff(
                before=diff.get("before", ""),
                after=diff.get("after", ""),
                prepared=diff.get("prepared", ""),
                header=diff.get("after_header") or diff.get("before_header") or "",
            )
            for diff in data.get("diff", ())
        ),
        results=tuple(data.get("results", ())),
    )
