"""The text of OpenNebula's oned.conf and monitord.conf: read it, and change only what is asked for.

The grammar is that of OpenNebula's templates: ``NAME = value`` and ``NAME = [ KEY = value, … ]``,
values quoted or bare, comments from ``#`` to the end of a line. Some names stand several times
(``VM_MAD``, ``TM_MAD_CONF``); those are told apart by their key ``NAME``. All else of the text,
comments among it, stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

_BLANK = re.compile(r"(?:\s+|#[^\n]*)+")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_BARE = re.compile(r"[^\s#\[\]=,\"]+")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_SECRET = re.compile(r'(\bPASSWD\s*=\s*)("(?:[^"\\]|\\.)*"|[^\s,\]#]+)', re.IGNORECASE)

if TYPE_CHECKING:
    Scalar = str | int | float


class ConfError(Exception):
    """What is wrong with the text or the wish."""


@dataclass(frozen=True)
class Piece:
    """A value and where it stands in the text."""

    value: str
    start: int
    end: int


@dataclass(frozen=True)
class Entry:
    """An attribute. ``keys`` are those of a vector, None for a single value.

    ``end`` is the end of its value; of a vector, the place after the closing bracket.
    """

    name: str
    start: int
    end: int
    single: Piece | None = None
    keys: dict[str, Piece] | None = field(default=None)


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def fail(self, what: str) -> ConfError:
        return ConfError(f"line {self.text.count(chr(10), 0, self.at) + 1}: {what}")

    def blank(self) -> None:
        if found := _BLANK.match(self.text, self.at):
            self.at = found.end()

    def take(self, literal: str) -> bool:
        self.blank()
        if self.text.startswith(literal, self.at):
            self.at += len(literal)
            return True
        return False

    def name(self) -> str:
        self.blank()
        found = _NAME.match(self.text, self.at)
        if not found:
            raise self.fail("a name is expected here")
        self.at = found.end()
        return found[0].upper()

    def value(self) -> Piece:
        self.blank()
        start = self.at
        if found := _QUOTED.match(self.text, start):
            self.at = found.end()
            return Piece(re.sub(r"\\(.)", r"\1", found[1], flags=re.DOTALL), start, self.at)
        if found := _BARE.match(self.text, start):
            self.at = found.end()
            return Piece(found[0], start, self.at)
        raise self.fail("a value is expected here")

    def entry(self) -> Entry:
        start = self.at
        name = self.name()
        if not self.take("="):
            raise self.fail(f"an = is expected after {name}")
        if not self.take("["):
            piece = self.value()
            return Entry(name, start, piece.end, single=piece)
        keys: dict[str, Piece] = {}
        while not self.take("]"):
            key = self.name()
            if not self.take("="):
                raise self.fail(f"an = is expected after {key}")
            keys[key] = self.value()
            self.take(",")
        return Entry(name, start, self.at, keys=keys)


def parse(text: str) -> list[Entry]:
    """Give all attributes of a text, in their order.

    :raises ConfError: it is not of this grammar.
    """
    reader = _Reader(text)
    found = []
    reader.blank()
    while reader.at < len(text):
        found.append(reader.entry())
        reader.blank()
    return found


def written(value: Scalar) -> str:
    """Write a value as oned reads it: numbers bare, all else quoted."""
    text = str(value)
    if not isinstance(value, bool) and _NUMBER.fullmatch(text):
        return text
    if isinstance(value, bool):
        text = "yes" if value else "no"
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _same(piece: Piece, value: Scalar) -> bool:
    plain = ("yes" if value else "no") if isinstance(value, bool) else str(value)
    return piece.value == plain


def _vector(name: str, keys: Mapping[str, Scalar]) -> str:
    lines = ",\n".join(f"    {key} = {written(value)}" for key, value in keys.items())
    return f"{name} = [\n{lines} ]"


def _chosen(entries: list[Entry], name: str, value: Scalar | Mapping[str, Scalar]) -> Entry | None:
    """Find the one entry that is meant; None if there is none yet."""
    found = [entry for entry in entries if entry.name == name]
    if isinstance(value, Mapping) and "NAME" in value:
        wanted = str(value["NAME"])
        found = [e for e in found if e.keys and "NAME" in e.keys and e.keys["NAME"].value == wanted]
    if len(found) > 1:
        raise ConfError(f"{name} stands {len(found)} times; say which one with its NAME")
    if found and (found[0].keys is not None) != isinstance(value, Mapping):
        kind = "a list of keys" if found[0].keys is not None else "a single value"
        raise ConfError(f"{name} is {kind} in the file, and something else in the settings")
    return found[0] if found else None


def _changes(
    entry: Entry, value: Scalar | Mapping[str, Scalar], replace: bool
) -> list[tuple[int, int, str]]:
    """Give (start, end, text) of what must be written over."""
    if not isinstance(value, Mapping):
        assert entry.single is not None
        piece = entry.single
        return [] if _same(piece, value) else [(piece.start, piece.end, written(value))]
    assert entry.keys is not None
    stray = set(entry.keys) - set(value)
    if replace and stray:
        return [(entry.start, entry.end, _vector(entry.name, value))]
    changes = []
    more = ""
    for key, one in value.items():
        if key not in entry.keys:
            more += f",\n    {key} = {written(one)}"
        elif not _same(entry.keys[key], one):
            changes.append((entry.keys[key].start, entry.keys[key].end, written(one)))
    if more:
        last = max((piece.end for piece in entry.keys.values()), default=entry.end - 1)
        changes.append((last, last, more if entry.keys else more.lstrip(",")))
    return changes


def merged(
    text: str,
    settings: Mapping[str, Scalar | Mapping[str, Scalar]],
    replace: frozenset[str] = frozenset(),
) -> str:
    """Give the text with these settings: values changed in place, new attributes at the end.

    :param replace: names of vectors that keep no key but those of the settings.
    :raises ConfError: the text is not of the grammar, or it does not say which entry is meant.
    """
    for name, value in settings.items():
        entry = _chosen(parse(text), name, value)
        if entry is None:
            line = (
                _vector(name, value) if isinstance(value, Mapping) else f"{name} = {written(value)}"
            )
            text = text + ("" if not text or text.endswith("\n") else "\n") + line + "\n"
            continue
        for start, end, new in sorted(_changes(entry, value, name in replace), reverse=True):
            text = text[:start] + new + text[end:]
    _verify(text, settings)
    return text


def _verify(text: str, settings: Mapping[str, Scalar | Mapping[str, Scalar]]) -> None:
    """Read the result again: it must say what was asked for."""
    entries = parse(text)
    for name, value in settings.items():
        entry = _chosen(entries, name, value)
        good = entry is not None and (
            all(
                key in (entry.keys or {}) and _same((entry.keys or {})[key], one)
                for key, one in value.items()
            )
            if isinstance(value, Mapping)
            else entry.single is not None and _same(entry.single, value)
        )
        if not good:
            raise ConfError(f"{name} cannot be written in this file")


def without_secrets(text: str) -> str:
    """Give a text in which no password can be read, for a diff."""
    return _SECRET.sub(r"\1********", text)
