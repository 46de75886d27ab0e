"""What a deployment would change, from the results of check mode: in words, with its risk."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum

from b2ct.deploy.events import Diff, Event, Item, Notified, Result, Status, Task
from b2ct.deploy.run import StageEnd, View
from b2ct.deploy.words import words_of


class Risk(IntEnum):
    """What a change can cost, from nothing to data."""

    NONE = 0
    RESTART = 1
    NETWORK = 2
    DATA = 3

    @property
    def word(self) -> str:
        """The class as it is written down."""
        return self.name.lower()


_TAG = "risk_"
#: Modules by what they touch, where no tag of the task says more.
_RESTARTING = frozenset({"reboot"})
_NETWORKING = frozenset({"nmcli", "network_apply", "firewalld", "iptables", "nftables", "hostname"})
_DATA = frozenset(
    {
        *("filesystem", "parted", "lvg", "lvol", "mdadm", "mysql_db", "mysql_user"),
        *("drbd", "luks_device", "gluster_volume"),
    }
)
_NETWORK_ROLES = frozenset({"network"})
_SERVICES = frozenset({"service", "systemd", "systemd_service"})


@dataclass(frozen=True)
class Change:
    """One change on one host. ``handlers`` are what it sets off."""

    host: str
    stage: str
    role: str
    task: str
    words: str
    risk: Risk
    diff: str = ""
    handlers: tuple[str, ...] = ()
    certain: bool = True


@dataclass(frozen=True)
class Unknown:
    """Why the rest of a stage cannot be foreseen on a host (no host: on all)."""

    host: str
    stage: str
    task: str
    message: str


@dataclass(frozen=True)
class Plan:
    """All changes of all hosts, in order."""

    hosts: tuple[str, ...]
    changes: tuple[Change, ...]
    unknown: tuple[Unknown, ...]

    def of(self, host: str) -> tuple[Change, ...]:
        """Give the changes of one host."""
        return tuple(change for change in self.changes if change.host == host)

    def risk(self, host: str | None = None) -> Risk:
        """Give the highest risk of a host, or of all."""
        found = self.changes if host is None else self.of(host)
        return max((change.risk for change in found), default=Risk.NONE)


@dataclass
class Planner(View):
    """Collects what the stages tell; passes it on to a view."""

    view: View
    _stage: str = ""
    _results: list[tuple[str, Result]] = field(default_factory=list)
    _handlers: list[Task] = field(default_factory=list)
    _unknown: list[Unknown] = field(default_factory=list)

    def stage(self, stage: str) -> None:
        """Begin a stage."""
        self._stage = stage
        self.view.stage(stage)

    def event(self, event: Event) -> None:
        """Keep what is a change."""
        if isinstance(event, Notified) and event.handler not in self._handlers:
            self._handlers.append(event.handler)
        elif isinstance(event, Result) and not event.task.handler and _is_change(event):
            self._results.append((self._stage, event))
        self.view.event(event)

    def ended(self, end: StageEnd) -> None:
        """End a stage; a failure ends what can be foreseen of its host."""
        self._unknown += [
            Unknown(failed.host, end.stage, failed.task, failed.message) for failed in end.failures
        ]
        self.view.ended(end)

    def plan(self, hosts: Iterable[str]) -> Plan:
        """Give the plan of all that was told."""
        changes = [
            change for stage, result in self._results for change in self._changes(stage, result)
        ]
        return Plan(tuple(hosts), tuple(changes), tuple(self._unknown))

    def _changes(self, stage: str, result: Result) -> Iterator[Change]:
        task = result.task
        set_off = [handler for handler in self._handlers if _calls(task, handler)]
        risk = max([risk_of(task), *(risk_of(handler) for handler in set_off)])
        certain = result.status is Status.CHANGED
        for item in result.items or (Item(),):
            yield Change(
                host=result.host,
                stage=stage,
                role=task.role,
                task=task.name,
                words=words_of(task, item, hidden=result.hidden, certain=certain),
                risk=risk,
                diff="" if result.hidden else "\n".join(map(diff_text, item.diffs)).strip("\n"),
                handlers=tuple(dict.fromkeys(handler.name for handler in set_off)),
                certain=certain,
            )


def risk_of(task: Task) -> Risk:
    """Give the risk of a task: by its tags ``risk_…``, else by its role, module and arguments."""
    tagged = [
        Risk[tag.removeprefix(_TAG).upper()]
        for tag in task.tags
        if tag.startswith(_TAG) and tag.removeprefix(_TAG).upper() in Risk.__members__
    ]
    if tagged:
        return max(tagged)
    if task.module in _DATA:
        return Risk.DATA
    if task.module in _NETWORKING or task.role in _NETWORK_ROLES:
        return Risk.NETWORK
    if task.module in _RESTARTING:
        return Risk.RESTART
    state = task.arguments.get("state", "")
    if task.module in _SERVICES and state in {"restarted", "stopped"}:
        return Risk.RESTART
    return Risk.NONE


def diff_text(diff: Diff) -> str:
    """Write a diff as ``diff -u`` does, without its header of files."""
    if diff.prepared:
        return diff.prepared
    before, after = (text.splitlines() for text in (diff.before, diff.after))
    lines = list(difflib.unified_diff(before, after, lineterm="", n=1))[2:]
    return "\n".join(lines)


def _is_change(result: Result) -> bool:
    """Whether a result is a change, or of a command that check mode leaves out."""
    left_out = result.status is Status.SKIPPED and "check mode" in result.message
    return left_out or result.status is Status.CHANGED


def _calls(task: Task, handler: Task) -> bool:
    # A handler's own name may carry its role: "role : name".
    names = {handler.name, handler.name.rpartition(" : ")[2], *handler.listen}
    return not names.isdisjoint(task.notify)
