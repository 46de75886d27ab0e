"""What b2ct raises for its user: an error says what is wrong, where, and what to do.

Libraries raise; only :mod:`b2ct.cli` turns an error into a message and exit code 2.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


class B2ctError(Exception):
    """One thing is wrong. ``hint`` tells the admin what to do about it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def _one_line(text: str) -> str:
    """Write out line breaks and control characters that a file's keys and values may hold."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


@dataclass(frozen=True, order=True)
class Problem:
    """One problem of an input file.

    ``line`` counts from 1; 0 means that the problem belongs to the file as a whole.
    """

    file: str
    line: int
    message: str
    hint: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return _one_line(f"{where}: {self.message}" + (f"; {self.hint}" if self.hint else ""))


@dataclass(frozen=True, order=True)
class Note(Problem):
    """Advice of the same shape: the input is accepted as it is."""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        told = f"{where}: note: {self.message}" + (f"; {self.hint}" if self.hint else "")
        return _one_line(told)


class ProblemsError(B2ctError):
    """All problems of an input, found in one run, sorted by file and line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        count = len(self.problems)
        super().__init__(f"{count} problem{'' if count == 1 else 's'} found")
