"""A site from a file with faults: the faulty parts left out, so that the rules can still run.

The result is never handed to anything but the rules: a file with a fault never loads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import ValidationError

from b2ct.load.explain import data_path
from b2ct.model import Site
from b2ct.places import Path

_ROUNDS: Final = 12
#: What takes the place of a faulty part that a site cannot be without.
_STAND_IN: Final[dict[str, Any]] = {
    "plugin": "b2ct.cloud.site",
    "site": {
        "name": "x",
        "domain": "example.org",
        "admins": [
            {
                "name": "x",
                "ssh_keys": [f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{'A' * 43}"],
            }
        ],
        "dns": {"servers": ["192.0.2.53"]},
        "time_servers": ["192.0.2.123"],
    },
    "install": {"release": "debian-13"},
    "networks": {"x": {"purpose": "service"}},
    "nodes": {"x": {"roles": ["hypervisor"]}},
}


#: The same for what each entry of a section with free names cannot be without.
_STAND_IN_EACH: Final[dict[tuple[str, str], Any]] = {
    ("networks", "purpose"): "private",
    ("nodes", "roles"): ["hypervisor"],
}


def _stand_in(path: Path) -> Any:  # noqa: ANN401 - raw YAML
    if len(path) == 3 and (path[0], path[2]) in _STAND_IN_EACH:
        return _STAND_IN_EACH[str(path[0]), str(path[2])]
    here: Any = _STAND_IN
    for step in path:
        if not isinstance(here, dict) or step not in here:
            return None
        here = here[step]
    return here


def _replaced(data: Any, path: Path, value: Any) -> Any:  # noqa: ANN401 - raw YAML
    """Give a copy of the data with another value at a path; None removes what is there."""
    if not path:
        return value
    if not isinstance(data, dict):
        return data
    copy = dict(data)
    step = path[0]
    if len(path) == 1 and value is None:
        copy.pop(str(step), None)
    else:
        copy[str(step)] = _replaced(copy.get(str(step), {}), path[1:], value)
    return copy


def _victims(errors: Iterable[Mapping[str, Any]], data: Any) -> set[Path]:  # noqa: ANN401
    """Give the paths to leave out: never a list entry, which would renumber the others."""
    victims = set()
    for error in errors:
        path = data_path(error["loc"], data)
        if error["type"] == "missing":
            wanted = (*path, error["loc"][-1])
            if _stand_in(wanted) is not None:
                path = wanted
        for position, step in enumerate(path):
            if isinstance(step, int):
                path = path[:position]
                break
        victims.add(path)
    return victims


def without_faults(data: Any, error: ValidationError) -> tuple[Site, frozenset[Path]] | None:  # noqa: ANN401
    """Give a site of the sound parts, and the paths that were left out or stood in for.

    None when too little is left to judge.
    """
    broken: set[Path] = set()
    if not isinstance(data, dict):
        return None
    for _ in range(_ROUNDS):
        for path in sorted(_victims(error.errors(include_url=False), data), key=len, reverse=True):
            broken.add(path)
            data = _replaced(data, path, _stand_in(path))
        if not isinstance(data, dict):
            return None
        try:
            return Site.model_validate(data), frozenset(broken)
        except ValidationError as again:
            error = again
    return None
