"""YAML text to plain data, with the line of every key and list entry.

The data is built straight from libyaml's events, without recursion: a file nested or
aliased beyond reason is refused and never eats the stack or the memory. Keys stay the
text that was written (``no:`` is the key "no"); duplicate keys are problems, not the last
one silently winning. Anchors, aliases and merge keys work as in YAML 1.1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from b2ct.errors import Problem, ProblemsError
from b2ct.load.text import MAX_DEPTH, TOO_DEEP, syntax_problems
from b2ct.places import Path

#: Values that a file may stand for once its aliases and merge keys are written out.
MAX_VALUES: Final = 1_000_000
_MERGE: Final = "<<"
_CORE: Final = "tag:yaml.org,2002:"
_CONVERTED: Final = frozenset({f"{_CORE}{kind}" for kind in ("int", "float", "bool", "null")})
_TEXT_TAGS: Final = frozenset({"!", f"{_CORE}str"})
TagReader = Callable[[str], str]


@dataclass(frozen=True)
class Document:
    """Plain data and where each of it stands.

    ``problems`` holds what was wrong but did not stop the reading: duplicate keys and
    foreign tags.
    """

    file: str
    data: Any
    problems: tuple[Problem, ...]
    _lines: Mapping[int, dict[str | int, int]] = field(repr=False)
    _raw: Mapping[int, dict[str | int, str]] = field(repr=False)

    def line(self, path: Path) -> int:
        """Give the line of a key or list entry; of its nearest parent if it is not there."""
        here, line = self.data, 1
        for step in path:
            lines = self._lines.get(id(here), {})
            if step not in lines:
                break
            line = lines[step]
            here = here[step]
        return line

    def raw(self, path: Path) -> str | None:
        """Give a number, truth value or null as it was written; None for anything else."""
        here = self.data
        for step in path[:-1]:
            if step not in self._lines.get(id(here), {}):
                return None
            here = here[step]
        return self._raw.get(id(here), {}).get(path[-1]) if path else None


class _Stop(Exception):  # noqa: N818 - ends the reading, told by the problem it carries
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class _Frame:
    """A mapping or list that is still open."""

    __slots__ = (
        "anchor",
        "as_key",
        "container",
        "key",
        "key_line",
        "line",
        "lines",
        "merges",
        "merging",
        "size",
    )

    def __init__(
        self, container: dict[str, Any] | list[Any], line: int, anchor: str | None
    ) -> None:
        self.container = container
        self.anchor = anchor
        self.line = line
        self.lines: dict[str | int, int] = {}
        self.key: str | None = None
        self.key_line = 0
        self.size = 1
        self.merging = False
        self.merges: list[Any] = []
        self.as_key = False

    @property
    def wants_key(self) -> bool:
        """Whether the next value is a key of this mapping."""
        return self.key is None and type(self.container) is dict


class _Scalars:
    """What YAML 1.1 makes of an unquoted word; the same words come back thousands of times."""

    def __init__(self) -> None:
        self._resolver: Any = yaml.resolver.Resolver()
        self._constructor = yaml.constructor.SafeConstructor()
        self._known: dict[str, Any] = {}

    def plain(self, text: str) -> Any:  # noqa: ANN401 - raw YAML scalar
        """Give the value of an unquoted scalar; dates and the like stay text."""
        try:
            return self._known[text]
        except KeyError:
            tag = self._resolver.resolve(yaml.ScalarNode, text, (True, False))
            value = self._known[text] = self.tagged(tag, text) if tag in _CONVERTED else text
            return value

    def tagged(self, tag: str, text: str) -> Any:  # noqa: ANN401 - raw YAML scalar
        """Give the value of a scalar of YAML's own number, truth or null tags."""
        make = getattr(self._constructor, f"construct_yaml_{tag.removeprefix(_CORE)}")
        try:
            return make(yaml.ScalarNode(tag, text))
        except (ValueError, KeyError, OverflowError, IndexError):
            return text  # such as a number of 5,000 digits


def _line(event: yaml.Event) -> int:
    assert event.start_mark is not None
    return event.start_mark.line + 1


class _Builder:
    def __init__(self, file: str, tags: Mapping[str, TagReader]) -> None:
        self.file = file
        self.tags = tags
        self.scalars = _Scalars()
        self.problems: list[Problem] = []
        self.lines: dict[int, dict[str | int, int]] = {}
        self.raw: dict[int, dict[str | int, str]] = {}
        self.sizes: dict[int, int] = {}
        self.anchors: dict[str, Any] = {}
        self.open: list[_Frame] = []
        self.keep: list[Any] = []  # containers whose id() is in use must stay alive
        self.written_out = 0
        self.root: Any = None
        self.documents = 0

    def problem(self, line: int, message: str, hint: str = "") -> Problem:
        problem = Problem(self.file, line, message, hint)
        self.problems.append(problem)
        return problem

    def stop(self, line: int, message: str, hint: str = "") -> _Stop:
        return _Stop(self.problem(line, message, hint))

    # -- one event each

    def scalar(self, event: ScalarEvent) -> None:
        text: str = event.value
        line = _line(event)
        plain = event.implicit[0]
        frame = self.open[-1] if self.open else None
        if frame is not None and frame.wants_key:
            if event.anchor:
                self.anchors[event.anchor] = text
            self._key(frame, text, line, merge=plain and text == _MERGE)
            return
        value: Any = text
        if plain:
            value = self.scalars.plain(text)
        elif event.tag is not None and event.tag not in _TEXT_TAGS:
            value = self._tagged_scalar(event.tag, text, line)
        if event.anchor:
            self.anchors[event.anchor] = value
        self._place(value, line, text)

    def _tagged_scalar(self, tag: str, text: str, line: int) -> Any:  # noqa: ANN401
        if tag in _CONVERTED:
            return self.scalars.tagged(tag, text)
        if tag in self.tags:
            return self.tags[tag](text)
        self._foreign(tag, line)
        return text

    def _foreign(self, tag: str, line: int) -> None:
        if tag == "!vault":
            self.problem(
                line,
                "an encrypted value has no place in this file",
                "secrets live in vault.yml beside it",
            )
        else:
            shown = tag.removeprefix(_CORE)
            self.problem(line, f"the tag {shown!r} is not understood here", "write the plain value")

    def container(self, event: MappingStartEvent | SequenceStartEvent) -> None:
        line = _line(event)
        mapping = isinstance(event, MappingStartEvent)
        if event.tag and event.tag not in ("!", f"{_CORE}{'map' if mapping else 'seq'}"):
            self._foreign(event.tag, line)
        if len(self.open) >= MAX_DEPTH:
            raise self.stop(line, *TOO_DEEP)
        frame = _Frame({} if mapping else [], line, event.anchor)
        above = self.open[-1] if self.open else None
        frame.as_key = above is not None and above.wants_key
        self.keep.append(frame.container)
        if event.anchor:
            self.anchors[event.anchor] = frame
        self.open.append(frame)

    def end(self) -> None:
        frame = self.open.pop()
        container = frame.container
        for source in frame.merges:
            self._merge(frame, source)
        self.lines[id(container)] = frame.lines
        self.sizes[id(container)] = frame.size
        if frame.anchor is not None and self.anchors.get(frame.anchor) is frame:
            self.anchors[frame.anchor] = container
        if frame.as_key:
            self.problem(
                frame.line,
                "a mapping or list stands where a key should be",
                "put text with braces or brackets in quotes; {{ }} is not expanded here",
            )
            self._key(self.open[-1], f"<line {frame.line}>", frame.line)
        else:
            self._place(container, frame.line)

    def alias(self, event: AliasEvent) -> None:
        line = _line(event)
        target = self.anchors.get(str(event.anchor), self)
        if target is self:
            raise self.stop(
                line, f"*{event.anchor} is used, but no &{event.anchor} stands before it"
            )
        if isinstance(target, _Frame):
            raise self.stop(
                line, f"*{event.anchor} stands inside its own &{event.anchor}, a loop without end"
            )
        frame = self.open[-1] if self.open else None
        if frame is not None and frame.wants_key:
            self._key(frame, str(target), line)
            return
        self._count(self.sizes.get(id(target), 1), line)
        self._place(target, line)

    # -- putting values in their place

    def _key(self, frame: _Frame, key: str, line: int, *, merge: bool = False) -> None:
        if not merge and key in frame.lines:
            where = ".".join(above.key for above in self.open[:-1] if above.key)
            told = f"{where}: {key!r}" if where else repr(key)
            self.problem(
                line,
                f"{told} is given twice, first on line {frame.lines[key]}",
                "rename or remove one of them",
            )
        frame.key, frame.key_line, frame.merging = key, line, merge

    def _place(self, value: Any, line: int, text: str = "") -> None:  # noqa: ANN401
        if not self.open:
            self.root = value
            return
        frame = self.open[-1]
        frame.size += self.sizes.get(id(value), 1) if isinstance(value, dict | list) else 1
        container = frame.container
        key: str | int
        if type(container) is list:
            key = len(container)
            container.append(value)
            frame.lines[key] = line
        else:
            assert frame.key is not None
            key, frame.key = frame.key, None
            if frame.merging:
                self._note_merge(frame, value, line)
                return
            if key in frame.lines:
                return  # told as a duplicate; the first one stays
            container[key] = value  # type: ignore[call-overload]
            frame.lines[key] = frame.key_line
        if text and type(value) is not str:
            self.raw.setdefault(id(container), {})[key] = text

    def _note_merge(self, frame: _Frame, value: Any, line: int) -> None:  # noqa: ANN401
        sources = value if isinstance(value, list) else [value]
        if not all(isinstance(source, dict) for source in sources):
            self.problem(line, "<< merges mappings only", "give it an alias of a mapping")
            return
        frame.merges.extend(sources)

    def _merge(self, frame: _Frame, source: dict[str, Any]) -> None:
        container = frame.container
        assert isinstance(container, dict)
        self._count(len(source), frame.line)
        lines = self.lines[id(source)]
        raw = self.raw.get(id(source), {})
        for key, value in source.items():
            if key not in container:
                container[key] = value
                frame.lines[key] = lines[key]
                frame.size += self.sizes.get(id(value), 1) if isinstance(value, dict | list) else 1
                if key in raw:
                    self.raw.setdefault(id(container), {})[key] = raw[key]

    def _count(self, size: int, line: int) -> None:
        self.written_out += size
        if self.written_out > MAX_VALUES:
            raise self.stop(
                line,
                f"its aliases stand for more than {MAX_VALUES:,} values",
                "repeat less: hardware: describes alike machines once",
            )

    def document(self, event: DocumentStartEvent) -> None:
        self.documents += 1
        if self.documents > 1:
            raise self.stop(
                _line(event),
                "a second document begins here",
                "remove the --- line: one file holds one document",
            )


def parse(text: str, file: str, tags: Mapping[str, TagReader] | None = None) -> Document:
    """Build the data of one YAML document.

    :param file: name for the messages.
    :param tags: what to make of scalars with tags of one's own, such as ``!vault``.
    :raises ProblemsError: the text is no YAML; nothing can be read of it.
    """
    builder = _Builder(file, tags or {})
    handlers: dict[type, Callable[[Any], None]] = {
        ScalarEvent: builder.scalar,
        MappingStartEvent: builder.container,
        SequenceStartEvent: builder.container,
        AliasEvent: builder.alias,
        DocumentStartEvent: builder.document,
        MappingEndEvent: lambda _event: builder.end(),
        SequenceEndEvent: lambda _event: builder.end(),
    }
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        for event in yaml.parse(text, Loader=loader):
            handler = handlers.get(type(event))
            if handler is not None:
                handler(event)
    except _Stop:
        raise ProblemsError(builder.problems) from None
    except yaml.YAMLError as error:
        raise ProblemsError([*builder.problems, *syntax_problems(error, text, file)]) from None
    except RecursionError:
        raise ProblemsError([Problem(file, 0, "nested too deep to be read")]) from None
    return Document(file, builder.root, tuple(builder.problems), builder.lines, builder.raw)
