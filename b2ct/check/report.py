"""Where the rules write their findings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from b2ct.errors import Note, Problem
from b2ct.model import Site
from b2ct.places import Path, dotted


def few(names: Sequence[str]) -> str:
    """Name one or two nodes, or the first two and how many more there are."""
    if len(names) < 3:
        return " and ".join(names)
    others = len(names) - 2
    return f"{names[0]}, {names[1]} and {others} other{'s' if others > 1 else ''}"


class Lines(Protocol):
    """What knows the line of a place in the file."""

    def line(self, path: Path) -> int:
        """Give the line of a path, or of its nearest parent."""


class Report:
    """The site under examination and what was found.

    ``broken`` are the parts of the file that did not even have the right form. They are left
    out of the site, so a finding that rests on one of them would mislead: it is dropped.
    """

    def __init__(
        self, site: Site, file: str, lines: Lines, broken: frozenset[Path] = frozenset()
    ) -> None:
        self.site = site
        self._file = file
        self._lines = lines
        self._broken = broken
        self._above_broken = {path[:end] for path in broken for end in range(len(path) + 1)}
        self._problems: list[Problem] = []
        self._notes: list[Note] = []

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything that must be mended."""
        return tuple(self._problems)

    @property
    def notes(self) -> tuple[Note, ...]:
        """Everything that is worth knowing."""
        return tuple(self._notes)

    def problem(
        self, path: Path, message: str, hint: str = "", *, rests_on: Iterable[Path] = ()
    ) -> None:
        """Report what is wrong at ``path`` and what to do.

        ``rests_on`` names other places without which the finding would not stand.
        """
        if not self._is_moot(path, rests_on):
            text = f"{dotted(path)}: {message}"
            self._problems.append(Problem(self._file, self.line(path), text, hint))

    def note(
        self, path: Path, message: str, hint: str = "", *, rests_on: Iterable[Path] = ()
    ) -> None:
        """Give advice about ``path``."""
        if not self._is_moot(path, rests_on):
            text = f"{dotted(path)}: {message}"
            self._notes.append(Note(self._file, self.line(path), text, hint))

    def line(self, path: Path) -> int:
        """Give the line of a place, to name it in another place's message."""
        return self._lines.line(path)

    def _is_moot(self, path: Path, rests_on: Iterable[Path]) -> bool:
        if not self._broken:
            return False
        return any(
            needed in self._above_broken
            or any(needed[:end] in self._broken for end in range(1, len(needed)))
            for needed in (path, *rests_on)
        )
