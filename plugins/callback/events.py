"""The callback plugin ``b2ct.cloud.events``: what a playbook does, as lines of JSON."""

# The imports below the documentation are where Ansible expects them.
# ruff: noqa: E402

from __future__ import annotations

DOCUMENTATION = r"""
name: events
type: aggregate
short_description: Writes what a playbook does as lines of JSON
description:
  - Writes one JSON object a line to the file descriptor that C(B2CT_EVENTS_FD) names. This is how
    C(b2ct deploy) and C(b2ct plan) follow C(ansible-playbook).
  - Does nothing where the variable is not set.
  - Results of tasks with C(no_log) come without any of their contents.
author:
  - The b2ct maintainers
version_added: "0.1.0"
requirements:
  - enabled in the configuration, with C(callbacks_enabled)
"""

import json
import os
import time
from collections.abc import Iterator, Mapping
from typing import Any

from ansible.plugins.callback import CallbackBase

#: Arguments of modules that say what is changed; nothing else of them is passed on.
_TOLD_ARGUMENTS = ("dest", "path", "name", "unit", "state", "enabled", "src", "key", "regexp")
_DIFF_LIMIT = 200_000


class CallbackModule(CallbackBase):
    """Follows a playbook."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "b2ct.cloud.events"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, display: Any = None, options: Any = None) -> None:  # noqa: ANN401
        super().__init__(display=display, options=options)
        descriptor = os.environ.get("B2CT_EVENTS_FD", "")
        self._descriptor = int(descriptor) if descriptor.isdigit() else None
        self.disabled = self._descriptor is None
        self._begun: dict[tuple[str, str], float] = {}

    # -- what Ansible calls

    def v2_playbook_on_play_start(self, play: Any) -> None:  # noqa: ANN401
        """Tell that a play begins."""
        self._write(event="play", name=play.get_name().strip())

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:  # noqa: ANN401
        """Tell that a task begins."""
        self._write(event="task", **_described(task))

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:  # noqa: ANN401
        """Tell that a handler begins."""
        self._write(event="task", **_described(task))

    def v2_runner_on_start(self, host: Any, task: Any) -> None:  # noqa: ANN401
        """Note when a host begins a task."""
        self._begun[str(host.get_name()), task._uuid] = time.monotonic()

    def v2_playbook_on_notify(self, handler: Any, host: Any) -> None:  # noqa: ANN401
        """Tell that a change asks for a handler."""
        self._write(event="notify", host=str(host), **_described(handler))

    def v2_runner_on_ok(self, result: Any) -> None:  # noqa: ANN401
        """Tell a result."""
        self._result(result, "changed" if result._result.get("changed") else "ok")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:  # noqa: ANN401
        """Tell a failure."""
        self._result(result, "ignored" if ignore_errors else "failed")

    def v2_runner_on_skipped(self, result: Any) -> None:  # noqa: ANN401
        """Tell that a task is left out."""
        self._result(result, "skipped")

    def v2_runner_on_unreachable(self, result: Any) -> None:  # noqa: ANN401
        """Tell that a host does not answer."""
        self._result(result, "unreachable")

    def v2_playbook_on_stats(self, stats: Any) -> None:  # noqa: ANN401
        """Tell the sums."""
        hosts = {str(host): stats.summarize(host) for host in stats.processed}
        self._write(event="stats", hosts=hosts)

    # -- how it is passed on

    def _result(self, result: Any, status: str) -> None:  # noqa: ANN401
        host, task, found = str(result._host.get_name()), result._task, result._result
        hidden = bool(found.get("_ansible_no_log") or found.get("censored"))
        begun = self._begun.pop((host, task._uuid), None)
        event: dict[str, Any] = {
            "event": "result",
            "host": host,
            "status": status,
            "seconds": round(time.monotonic() - begun, 3) if begun is not None else 0.0,
            "hidden": hidden,
            **_described(task),
        }
        if not hidden:
            event["message"] = _message(found)
            event["items"] = [
                {"diff": list(_diffs(part)), **_told(part)}
                for part in _parts(found)
                if part.get("changed") or status not in {"changed"}
            ]
        self._write(**event)

    def _write(self, **event: Any) -> None:  # noqa: ANN401
        if self._descriptor is None:
            return
        line = json.dumps(event, default=str) + "\n"
        rest = memoryview(line.encode("utf-8", "replace"))
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except OSError:  # nobody reads any more; the playbook goes on
                self._descriptor = None
                return


def _described(task: Any) -> dict[str, Any]:  # noqa: ANN401
    from ansible.playbook.handler import Handler

    role = task._role.get_name() if task._role else ""
    name = str(task.name or task.action).strip()
    return {
        "task": name,
        "role": role.rpartition(".")[2],
        "module": str(task.action),
        "tags": [str(tag) for tag in task.tags],
        "handler": isinstance(task, Handler),
        "notify": _names(task.notify),
        "listen": _names(getattr(task, "listen", None)),
        "arguments": {
            key: str(value)
            for key, value in (task.args or {}).items()
            if key in {"name", "state", "enabled"} and not task.no_log
        },
    }


def _names(value: Any) -> list[str]:  # noqa: ANN401
    """Give names as texts; what is not set is an empty list or a mark of Ansible's own."""
    if isinstance(value, str):
        return [value]
    return [str(name) for name in value] if isinstance(value, list | tuple) else []


def _parts(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Give a result's items where it is of a loop, else the result itself."""
    items = result.get("results")
    if isinstance(items, list) and items and all(isinstance(item, Mapping) for item in items):
        return items
    return [result]


def _told(part: Mapping[str, Any]) -> dict[str, Any]:
    if part.get("_ansible_no_log") or part.get("censored"):
        return {"told": {}}
    given = part.get("invocation", {})
    given = given.get("module_args", {}) if isinstance(given, Mapping) else {}
    if not isinstance(given, Mapping):
        given = {}
    told = {
        key: value
        for source in (part, given)
        for key, value in source.items()
        if key in _TOLD_ARGUMENTS and value not in (None, "", [])
    }
    packages = part.get("results")
    return {"told": told, "results": packages} if _texts(packages) else {"told": told}


def _texts(value: Any) -> bool:  # noqa: ANN401
    """Whether a value is a list of texts, as the package modules give them."""
    return isinstance(value, list) and bool(value) and all(isinstance(text, str) for text in value)


def _diffs(part: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    found = part.get("diff")
    for diff in found if isinstance(found, list) else [found]:
        if not isinstance(diff, Mapping):
            continue
        kept = {key: _shown(diff[key]) for key in ("before", "after", "prepared") if key in diff}
        kept |= {
            key: str(diff[key])
            for key in ("before_header", "after_header")
            if diff.get(key) is not None
        }
        if kept:
            yield kept


def _shown(value: Any) -> str:  # noqa: ANN401
    if not isinstance(value, str):
        value = json.dumps(value, indent=1, default=str, sort_keys=True)
    return value[:_DIFF_LIMIT]


def _message(result: Mapping[str, Any]) -> str:
    """Say why: a failed item's words where the task is a loop."""
    failed = [part for part in _parts(result) if part.get("failed")]
    modules = result.get("failed_modules")  # of gathering facts
    if isinstance(modules, Mapping):
        failed += [part for part in modules.values() if isinstance(part, Mapping)]
    for part in (*failed, result):
        for key in ("msg", "stderr", "module_stderr", "exception", "skip_reason", "skipped_reason"):
            value = part.get(key)
            if value:
                text = str(value).strip()
                if key != "msg":
                    return text
                failures = part.get("failures")  # of the package modules
                more = [str(part.get("stderr") or "").strip()]
                more += map(str, failures) if isinstance(failures, list) else []
                return "\n".join([text, *filter(None, more)])
    return ""
