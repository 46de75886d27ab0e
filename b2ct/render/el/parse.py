"""pykickstart's judgement of a kickstart for its release, with warnings as errors.

``%include`` lines are replaced by the fragments that %pre would write, so that the text is
judged as Anaconda will read it; each problem names the line of the file that holds it.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from pykickstart.errors import KickstartError
from pykickstart.parser import KickstartParser

from b2ct.errors import Problem
from b2ct.render.el.fragments import (
    FOLDER,
    VARIANTS,
    FragmentSet,
    NumberedLine,
    fragment_sets,
    kept,
)
from b2ct.render.el.handlers import handler as handler_of

_ON_LINE = re.compile(r"\bon line (\d+)")
_DEFINED_TWICE = re.compile(r"A network device with the name (\S+) has already been defined")
_SECTIONS = frozenset(
    {"%packages", "%pre", "%post", "%pre-install", "%onerror", "%traceback", "%addon", "%anaconda"}
)


@dataclass(frozen=True)
class Command:
    """A command line outside of sections. ``in_fragment``: %pre writes it on the machine."""

    number: int
    text: str
    in_fragment: bool

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The line split at blanks: option names are safe to read from it, quoted values not."""
        return tuple(self.text.split())


@dataclass(frozen=True)
class Section:
    """A section: its header line, and its body with the numbers of its lines."""

    number: int
    header: str
    body: tuple[str, ...]

    @property
    def name(self) -> str:
        """The section's name with its percent sign."""
        return self.header.split()[0]


@dataclass(frozen=True)
class Parsed:
    """A kickstart taken apart, and what pykickstart said of it."""

    path: str
    major: int
    lines: tuple[str, ...]
    commands: tuple[Command, ...]
    sections: tuple[Section, ...]
    includes: tuple[NumberedLine, ...]
    sets: tuple[FragmentSet, ...]
    problems: tuple[Problem, ...]


def parse(path: str, text: str, major: int) -> Parsed:
    """Take ``text`` apart and have pykickstart judge it for Enterprise Linux ``major``."""
    lines = text.splitlines()
    sets = fragment_sets(lines)
    numbered, includes, in_fragment = _combine(lines, sets)
    found = _judge(f"RHEL{major}", [line.text for line in numbered])
    problems = [Problem(path, _original(numbered, number), message) for number, message in found]
    for index, fragments in enumerate(sets):
        problems += _judge_set(path, major, fragments, combined=index == 0)
    commands, sections = _sections(numbered, in_fragment)
    return Parsed(
        path=path,
        major=major,
        lines=tuple(lines),
        commands=commands,
        sections=sections,
        includes=includes,
        sets=sets,
        problems=tuple(dict.fromkeys(problems)),
    )


def _original(numbered: Sequence[NumberedLine], number: int) -> int:
    return numbered[number - 1].number if 0 < number <= len(numbered) else 0


def _combine(
    lines: Sequence[str], sets: Sequence[FragmentSet]
) -> tuple[list[NumberedLine], tuple[NumberedLine, ...], frozenset[int]]:
    """Put the first node's fragments in the place of the ``%include`` lines.

    Gives the lines, the ``%include`` lines, and the indices of lines from fragments.
    """
    first = sets[0].fragments if sets else {}
    combined: list[NumberedLine] = []
    includes: list[NumberedLine] = []
    inside: list[int] = []
    for number, line in enumerate(lines, 1):
        if not line.startswith("%include"):
            combined.append(NumberedLine(number, line))
            continue
        path = line.split()[1] if len(line.split()) > 1 else ""
        includes.append(NumberedLine(number, path))
        fragment = first.get(path.removeprefix(FOLDER)) if path.startswith(FOLDER) else None
        more = kept(fragment, VARIANTS[0]) if fragment else []
        inside += range(len(combined), len(combined) + len(more))
        combined += more
    return combined, tuple(includes), frozenset(inside)


def _sections(
    numbered: Sequence[NumberedLine], in_fragment: frozenset[int]
) -> tuple[tuple[Command, ...], tuple[Section, ...]]:
    commands: list[Command] = []
    sections: list[Section] = []
    start: NumberedLine | None = None
    body: list[str] = []
    for index, line in enumerate(numbered):
        text = line.text
        if start is not None:
            if text == "%end" or text.startswith("%end "):
                sections.append(Section(start.number, start.text, tuple(body)))
                start, body = None, []
            else:
                body.append(text)
        elif text.startswith("%") and text.split()[0] in _SECTIONS:
            start = line
        elif text and not text.isspace() and not text.lstrip().startswith("#"):
            commands.append(Command(line.number, text, index in in_fragment))
    return tuple(commands), tuple(sections)


def _judge_set(path: str, major: int, fragments: FragmentSet, *, combined: bool) -> list[Problem]:
    """Judge one node's fragments by themselves, under all conditions that %pre may meet.

    ``combined``: as they are under the first conditions, they have been judged in the text.
    """
    problems: list[Problem] = []
    for name, fragment in fragments.fragments.items():
        if name == "packages.ks":
            continue
        seen = {tuple(kept(fragment, VARIANTS[0]))} if combined else set()
        for variant in VARIANTS:
            lines = tuple(kept(fragment, variant))
            if lines in seen:
                continue
            seen.add(lines)
            found = _judge_cached(f"RHEL{major}", tuple(line.text for line in lines))
            problems += [Problem(path, _original(lines, at), message) for at, message in found]
    return problems


_Found = tuple[tuple[int, str], ...]


class _Parser(KickstartParser):  # type: ignore[misc]
    """A parser that notes errors and goes on, and knows which line a warning belongs to."""

    def __init__(self, handler: Any, caught: list[warnings.WarningMessage]) -> None:  # noqa: ANN401
        super().__init__(handler)
        self.found: list[tuple[int, str]] = []
        self.caught = caught
        self.lines: dict[int, int] = {}

    def handleCommand(self, lineno: int, args: Any) -> Any:  # noqa: ANN401, N802 - its name
        before = len(self.caught)
        try:
            return super().handleCommand(lineno, args)
        finally:
            self.lines.update(dict.fromkeys(range(before, len(self.caught)), lineno))

    def _tryFunc(self, fn: Callable[[], Any]) -> None:  # noqa: N802 - pykickstart's name
        try:
            fn()
        except KickstartError as error:
            self.found.append((error.lineno or 0, _one_line(error.message)))


def _one_line(message: object) -> str:
    return " ".join(str(message).split())


def _judge(handler: str, lines: Sequence[str]) -> _Found:
    """Give (line, message) for everything pykickstart finds wrong, deprecated or doubtful."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        parser = _Parser(handler_of(handler), caught)
        try:
            parser.readKickstartFromString("\n".join(lines) + "\n")
        except KickstartError as error:
            parser.found.append((error.lineno or 0, _one_line(error)))
        except Exception as error:  # whatever it stumbles over is wrong with the text
            parser.found.append((0, f"pykickstart cannot read this: {_one_line(error)}"))
    found = list(parser.found)
    for index, warning in enumerate(caught):
        message = _one_line(warning.message)
        if not _is_vlan_of_same_device(parser.handler, message):
            match = _ON_LINE.search(message)
            found.append((int(match[1]) if match else parser.lines.get(index, 0), message))
    return tuple(found)


def _is_vlan_of_same_device(handler: Any, message: str) -> bool:  # noqa: ANN401
    """Whether a warning takes a VLAN for its parent: pykickstart compares ``--device`` only.

    EL 7 and 8 want a bond and a VLAN on it in two lines, both with ``--device=bond0``.
    """
    match = _DEFINED_TWICE.search(message)
    if match is None:
        return False
    vlans = [item.vlanid for item in handler.network.network if item.device == match[1]]
    return len(vlans) == len(set(vlans))


#: Alike machines have alike fragments: the same lines get the same judgement.
_judge_cached = lru_cache(maxsize=4096)(_judge)
