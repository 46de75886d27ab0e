"""A change in words, by the module that would make it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from b2ct.deploy.events import Item, Task

_FILES = frozenset({"template", "copy", "lineinfile", "blockinfile", "replace", "ini_file"})
_PACKAGES = frozenset({"package", "apt", "dnf", "yum", "dnf5", "pip"})
_SERVICES = frozenset({"service", "systemd", "systemd_service"})
_ACCOUNTS = frozenset({"user", "group"})
_STATES = {
    "started": "start",
    "stopped": "stop",
    "restarted": "restart",
    "reloaded": "reload",
}


def words_of(task: Task, item: Item, *, hidden: bool = False, certain: bool = True) -> str:
    """Say what a task would do to one thing.

    ``certain`` is false for a task that check mode leaves out: it may find nothing to do.
    """
    if hidden:
        return f"{_plain(task)} (its contents are secret)"
    if not certain:
        return f"may run: {_plain(task)}"
    for modules, tell in _WORDS:
        if task.module in modules:
            told = tell(item.told, item)
            if told:
                return told
    return _plain(task)


def _plain(task: Task) -> str:
    name = task.name.rpartition(" | ")[2]
    return name[:1].lower() + name[1:] if name[1:2].islower() else name


def _file(told: Mapping[str, Any], item: Item) -> str:
    path = told.get("dest") or told.get("path")
    if not path:
        return ""
    added = removed = 0
    new = False
    for diff in item.diffs:
        before, after = diff.before.splitlines(), diff.after.splitlines()
        new = new or (not before and bool(after))
        if before != after:
            added += sum((after.count(line) > before.count(line)) for line in set(after))
            removed += sum((before.count(line) > after.count(line)) for line in set(before))
    if new:
        return f"write the new file {path}"
    if not added and not removed:
        return f"set owner or mode of {path}"
    return f"change {path} (+{added} −{removed} lines)"


def _path(told: Mapping[str, Any], item: Item) -> str:
    path, state = told.get("path") or told.get("dest"), str(told.get("state", ""))
    if not path:
        return ""
    if state == "absent":
        return f"remove {path}"
    if state == "link":
        return f"link {path} to {told.get('src', '?')}"
    before = "".join(diff.before for diff in item.diffs)
    if state == "directory" and '"absent"' in before:
        return f"make the folder {path}"
    return f"set owner or mode of {path}"


def _packages(told: Mapping[str, Any], item: Item) -> str:
    names = told.get("name")
    listed = ", ".join(map(str, names)) if isinstance(names, list) else str(names or "")
    if told.get("state") in {"absent", "removed"}:
        return f"remove the packages {listed}" if listed else ""
    return f"install the packages {listed}" if listed else "refresh the list of packages"


def _service(told: Mapping[str, Any], item: Item) -> str:
    name = told.get("name") or told.get("unit")
    if not name:
        return "let systemd read its units anew"
    verbs = []
    if told.get("enabled") is not None:
        verbs.append("enable" if told["enabled"] in {True, "True", "yes", "true"} else "disable")
    state = str(told.get("state") or "")
    if state in _STATES:
        verbs.append(_STATES[state])
    return f"{' and '.join(verbs) or 'change'} {name}"


def _account(told: Mapping[str, Any], item: Item) -> str:
    name = told.get("name")
    if not name:
        return ""
    return f"{'remove' if told.get('state') == 'absent' else 'make or change'} the account {name}"


_WORDS: tuple[tuple[frozenset[str], Callable[[Mapping[str, Any], Item], str]], ...] = (
    (_FILES, _file),
    (frozenset({"file"}), _path),
    (_PACKAGES, _packages),
    (_SERVICES, _service),
    (_ACCOUNTS, _account),
)
