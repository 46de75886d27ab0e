"""OpenNebula's template syntax: ``KEY="value"`` and ``KEY=[INNER="value", …]``, both ways.

A template is a mapping of capital keys to a text (single attribute), to a mapping of texts
(vector attribute), or to a list of these where the key occurs more than once.

How oned reads it (its lexer, release 6.10 and 7.4): a quoted value goes on to the next quote that
no backslash precedes; ``\\"`` stands for a quote, and no other escape exists. So a value that ends
in a backslash has no quoted form; such a template is written as XML, which oned takes as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.errors import OneError

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufffe\uffff\ud800-\udfff]")
#: Keys whose values are nobody's business.
_SECRET = re.compile(r"PASSW|PASSPHRASE|SECRET|TOKEN|PRIVATE|ACCESS_KEY|AUTH_KEY")
HIDDEN = "********"


def normalised(given: Any, where: str = "template") -> dict[str, Any]:  # noqa: ANN401 - YAML data
    """Give a template with capital keys and texts for values.

    :param given: a mapping, or a text in OpenNebula's syntax.
    :raises OneError: with the place of what has no form in a template.
    """
    if given is None:
        return {}
    if isinstance(given, str):
        return parse(given, where)
    if not isinstance(given, Mapping):
        raise OneError(f"{where} is neither a mapping nor a text", "write KEY: value lines")
    found: dict[str, Any] = {}
    for key, value in given.items():
        name = _key(key, where)
        if name in found:
            raise OneError(f"{where} names {name} twice", "keys differ in more than their case")
        path = f"{where}.{name}"
        if isinstance(value, list | tuple):
            found[name] = [_part(part, f"{path}[{at}]") for at, part in enumerate(value)]
            if len(found[name]) == 1:
                found[name] = found[name][0]
        else:
            found[name] = _part(value, path)
    return found


def _key(key: Any, where: str) -> str:  # noqa: ANN401 - YAML data
    if not isinstance(key, str) or not _KEY.match(key):
        raise OneError(f"{where}: {key!r} is no key of a template", "use letters, digits and _")
    return key.upper()


def _part(value: Any, where: str) -> Any:  # noqa: ANN401 - YAML data
    if isinstance(value, Mapping):
        return {_key(key, where): text(part, f"{where}.{key}") for key, part in value.items()}
    return text(value, where)


def text(value: Any, where: str) -> str:  # noqa: ANN401 - YAML data
    """Give a single value as oned will keep it."""
    if value is None:
        raise OneError(
            f"{where} has no value",
            "leave the key out to let it be; to empty it write ''",
        )
    if isinstance(value, bool):
        return "YES" if value else "NO"
    if isinstance(value, (Mapping, list, tuple)):
        raise OneError(f"{where} nests deeper than OpenNebula does", "two levels are all there are")
    plain = str(value).replace("\r\n", "\n")
    if _CONTROL.search(plain):
        raise OneError(f"{where} holds a control character", "remove it: oned's XML cannot hold it")
    if "]]>" in plain:
        raise OneError(f"{where} holds ']]>', which oned cannot store", "write it differently")
    return plain


def compose(template: Mapping[str, Any]) -> str:
    """Write a normalised template in the form that oned is sent."""
    values = [value for _key_, value in _flat(template)]
    if any(value.endswith("\\") for value in values):
        if not all(values):
            raise OneError(
                "a template cannot hold both an empty value and one that ends in a backslash",
                "OpenNebula's syntax has no form for it: change one of them",
            )
        return _as_xml(template)
    return "\n".join(_lines(template))


def shown(template: Mapping[str, Any]) -> str:
    """Write a template for people: as ``compose``, sorted, and without secrets."""
    return "\n".join(_lines({key: hidden(key, template[key]) for key in sorted(template)}))


def hidden(key: str, value: Any) -> Any:  # noqa: ANN401 - a part of a template
    """Give a value without what is secret in it."""
    if isinstance(value, Mapping):
        return {inner: hidden(inner, part) for inner, part in value.items()}
    if isinstance(value, list):
        return [hidden(key, part) for part in value]
    return HIDDEN if value and _SECRET.search(key) else value


def secrets(template: Mapping[str, Any]) -> set[str]:
    """Give the values that must not be printed."""
    return {value for key, value in _flat(template) if value and _SECRET.search(key)}


def _flat(template: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = []
    for key, value in template.items():
        for part in value if isinstance(value, list) else [value]:
            found += list(part.items()) if isinstance(part, Mapping) else [(key, part)]
    return found


def _lines(template: Mapping[str, Any]) -> list[str]:
    return [
        f"{key}={_written(part)}"
        for key, value in template.items()
        for part in (value if isinstance(value, list) else [value])
    ]


def _written(part: Any) -> str:  # noqa: ANN401 - a part of a template
    if isinstance(part, Mapping):
        return "[" + ", ".join(f"{key}={_quoted(value)}" for key, value in part.items()) + "]"
    return _quoted(part)


def _quoted(value: str) -> str:
    return '"' + value.replace('"', '\\"') + '"'


def _as_xml(template: Mapping[str, Any]) -> str:
    parts = []
    for key, value in template.items():
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, Mapping):
                inner = "".join(f"<{name}>{escape(one)}</{name}>" for name, one in part.items())
            else:
                inner = escape(part)
            parts.append(f"<{key}>{inner}</{key}>")
    return "<TEMPLATE>" + "".join(parts) + "</TEMPLATE>"


_BLANK = re.compile(r"(?:[ \t\n]+|#[^\n]*(?:\n|\Z))*")
_NAME = re.compile(r"[A-Za-z0-9_]+")
_EQUALS = re.compile(r"[ \t]*=[ \t]*")
_QUOTED = re.compile(r'"((?:\\"|[^"])*)"')
_BARE = re.compile(r"[^=#\s,\[\]\"][^=#\s,\[\]]*")


class _Reader:
    """Reads a text in OpenNebula's syntax from left to right."""

    def __init__(self, source: str, where: str) -> None:
        self.source = source.replace("\r\n", "\n")
        self.where = where
        self.at = 0

    def fail(self, expected: str) -> OneError:
        line = self.source.count("\n", 0, self.at) + 1
        return OneError(
            f"{self.where}, line {line}: {expected} expected",
            'write KEY="value" or KEY=[INNER="value", …]',
        )

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self.source, self.at)
        if match is not None:
            self.at = match.end()
        return match

    def name(self) -> str:
        match = self.take(_NAME)
        if match is None:
            raise self.fail("a key")
        return match[0]

    def value(self) -> str:
        match = self.take(_QUOTED)
        if match is not None:
            return match[1].replace('\\"', '"')
        match = self.take(_BARE)
        if match is None:
            raise self.fail("a value")
        return match[0]

    def literal(self, character: str) -> bool:
        self.take(_BLANK)
        if self.source[self.at : self.at + 1] != character:
            return False
        self.at += 1
        self.take(_BLANK)
        return True

    def vector(self) -> dict[str, str]:
        found: dict[str, str] = {}
        while not self.literal("]"):
            if found and not self.literal(","):
                raise self.fail("a comma or ]")
            key = self.name()
            if self.take(_EQUALS) is None:
                raise self.fail("=")
            found[key] = self.value()
        return found


def parse(source: str, where: str = "template") -> dict[str, Any]:
    """Read OpenNebula's syntax into a normalised template.

    :raises OneError: with the line that is no template.
    """
    reader = _Reader(source, where)
    found: dict[str, list[Any]] = {}
    while True:
        reader.take(_BLANK)
        if reader.at >= len(reader.source):
            break
        key = reader.name().upper()
        if reader.take(_EQUALS) is None:
            raise reader.fail("=")
        if reader.source[reader.at : reader.at + 1] in ("\n", ""):
            found.setdefault(key, []).append("")
        elif reader.literal("["):
            found.setdefault(key, []).append(reader.vector())
        else:
            found.setdefault(key, []).append(reader.value())
    return normalised(
        {key: parts[0] if len(parts) == 1 else parts for key, parts in found.items()}, where
    )
