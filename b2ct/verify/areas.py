"""The files of checks: which there are, and on which groups of hosts each is meant.

A file ``test_<area>.py`` names its groups, and the units whose journal explains a failure, in
constants::

    GROUPS = ("cache",)
    UNITS = ("squid",)

They are read without importing the file, so that a file is only ever imported where it runs.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from b2ct.errors import B2ctError
from b2ct.suggest import did_you_mean

#: The checks that come with b2ct.
OWN = Path(__file__).parent / "checks"
#: Below a site's folder: checks that the site's admin wrote.
SITE_CHECKS = "checks"


@dataclass(frozen=True)
class Area:
    """A file of checks. ``groups`` are Ansible's; ``units`` are systemd's."""

    name: str
    file: Path
    groups: tuple[str, ...]
    units: tuple[str, ...]

    def concerns(self, groups: Iterable[str]) -> bool:
        """Whether a host of these groups is meant."""
        return not set(self.groups).isdisjoint(groups)


def areas(folders: Iterable[Path]) -> tuple[Area, ...]:
    """Find the files of checks in some folders; refuse one that names no groups."""
    found = [
        _area(file)
        for folder in folders
        if folder.is_dir()
        for file in sorted(folder.glob("test_*.py"))
    ]
    seen: dict[str, Area] = {}
    for area in found:
        other = seen.setdefault(area.name, area)
        if other is not area:
            raise B2ctError(
                f"{area.file} and {other.file} are checks of the same name",
                "rename one of them",
            )
    return tuple(found)


def chosen(found: tuple[Area, ...], names: Iterable[str]) -> tuple[Area, ...]:
    """Keep the areas of these names, all without names; refuse a name that there is not."""
    wanted = list(names)
    known = [area.name for area in found]
    for name in wanted:
        if name not in known:
            hint = did_you_mean(name, known) or f"there are: {', '.join(known) or 'none'}"
            raise B2ctError(f"there are no checks {name!r}", hint)
    return tuple(area for area in found if not wanted or area.name in wanted)


def _area(file: Path) -> Area:
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"), str(file))
    except (OSError, ValueError, SyntaxError) as error:
        raise B2ctError(f"cannot read the checks {file}: {error}") from None
    constants = {"GROUPS": (), "UNITS": ()} | _constants(tree)
    groups = _names(file, "GROUPS", constants["GROUPS"])
    if not groups:
        raise B2ctError(
            f"{file} does not say for which groups it is meant",
            'write for example: GROUPS = ("all",)',
        )
    units = _names(file, "UNITS", constants["UNITS"])
    return Area(file.stem.removeprefix("test_"), file, groups, units)


def _constants(tree: ast.Module) -> dict[str, object]:
    found: dict[str, object] = {}
    for line in tree.body:
        targets = line.targets if isinstance(line, ast.Assign) else []
        if isinstance(line, ast.AnnAssign):
            targets = [line.target]
        for target in targets:
            if isinstance(target, ast.Name) and target.id in {"GROUPS", "UNITS"}:
                assert isinstance(line, ast.Assign | ast.AnnAssign)
                try:
                    found[target.id] = ast.literal_eval(line.value) if line.value else ()
                except ValueError:
                    found[target.id] = None
    return found


def _names(file: Path, what: str, value: object) -> tuple[str, ...]:
    if isinstance(value, tuple | list) and all(isinstance(name, str) for name in value):
        return tuple(value)
    raise B2ctError(f"{file}: {what} must be a tuple of texts", f'write: {what} = ("cache",)')
