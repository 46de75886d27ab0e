"""Templates as oned keeps them: an ordered multimap, read from text or XML, written as XML.

A template is a list of ``[KEY, value]``; a value is a text, or a mapping for a vector attribute.
The reader follows oned's lexer: of all patterns that match, the longest wins.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

Value = str | dict
Template = list


class ParseError(ValueError):
    """Oned's parser says no."""


_SKIP = re.compile(r"(?:[ \t]*#[^\n]*\n|[ \t\n]+)*")
_VARIABLE = re.compile(r"[A-Za-z0-9_]+")
_EQUAL_EMPTY = re.compile(r"[ \t]*=[ \t]*\n")
_EQUAL = re.compile(r"[ \t]*=[ \t]*")
_OPEN = re.compile(r"[ \t]*\[[ \t\n]*")
_CDATA_END = re.compile(r"[^\n]*\]\]>[^\n]*")
_QUOTED = re.compile(r'"(?:\\"|[^"])*"')
_BARE = re.compile(r"[^=# \t\n,\[\]]+")
_COMMA = re.compile(r"[ \t\n]*,[ \t\n]*")
_CLOSE = re.compile(r"[ \t\n]*\][ \t\n]*")


def parse(text: str) -> Template:
    """Read what a caller sent."""
    if text.startswith("<"):
        return _from_xml(text)
    template: Template = []
    at = 0
    while True:
        at = _SKIP.match(text, at).end()
        if at >= len(text):
            return template
        at = _statement(text, at, template)


def _wrong(text: str, at: int, expecting: str) -> ParseError:
    line = text.count("\n", 0, at)
    found = "$end" if at >= len(text) else "VARIABLE"
    return ParseError(
        f"Parse error: syntax error, unexpected {found}, expecting {expecting} at line {line},"
        f" columns {at}:{at + 1}"
    )


def _statement(text: str, at: int, template: Template) -> int:
    name = _VARIABLE.match(text, at)
    if name is None:
        raise _wrong(text, at, "VARIABLE")
    key, at = name[0].upper(), name.end()
    empty = _EQUAL_EMPTY.match(text, at)
    if empty:
        template.append([key, ""])
        return empty.end()
    equal = _EQUAL.match(text, at)
    if equal is None:
        raise _wrong(text, at, "EQUAL or EQUAL_EMPTY")
    at = equal.end()
    opening = _OPEN.match(text, at)
    if opening and not _CDATA_END.match(text, at):
        vector: dict[str, str] = {}
        at = _vector(text, opening.end(), vector)
        template.append([key, vector])
        return at
    value, at = _string(text, at)
    template.append([key, value])
    return at


def _string(text: str, at: int) -> tuple[str, int]:
    """Take a value: of the quoted and the bare reading, the longer one."""
    matches = [m for m in (_QUOTED.match(text, at), _BARE.match(text, at)) if m]
    if _CDATA_END.match(text, at) or not matches:
        raise _wrong(text, at, "STRING")
    longest = max(matches, key=lambda match: match.end())
    value = longest[0]
    if longest.re is _QUOTED:
        value = value[1:-1]
    return value.replace('\\"', '"'), longest.end()


def _vector(text: str, at: int, vector: dict[str, str]) -> int:
    closing = _CLOSE.match(text, at)
    if closing:
        return closing.end()
    while True:
        name = _VARIABLE.match(text, at)
        if name is None:
            raise _wrong(text, at, "VARIABLE")
        empty = _EQUAL_EMPTY.match(text, name.end())
        equal = _EQUAL.match(text, name.end())
        if empty or equal is None:
            raise _wrong(text, name.end(), "EQUAL")
        value, at = _string(text, equal.end())
        vector.setdefault(name[0].upper(), value)
        closing = _CLOSE.match(text, at)
        if closing:
            return closing.end()
        comma = _COMMA.match(text, at)
        if comma is None:
            raise _wrong(text, at, "COMMA or CBRACKET")
        at = comma.end()


def _from_xml(text: str) -> Template:
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        raise ParseError("Parse error: XML Template malformed.") from None
    template: Template = []
    for node in root:
        if len(node):
            template.append([node.tag.upper(), {p.tag.upper(): p.text for p in node if p.text}])
        elif node.text:
            template.append([node.tag.upper(), node.text])
    return template


def get(template: Template, key: str, default: Value = "") -> Value:
    """Give the first value of a key."""
    return next((value for name, value in template if name == key), default)


def every(template: Template, key: str) -> list:
    """Give all values of a key."""
    return [value for name, value in template if name == key]


def take(template: Template, key: str) -> str:
    """Remove a key and give its first value."""
    value = get(template, key)
    template[:] = [pair for pair in template if pair[0] != key]
    return value if isinstance(value, str) else ""


def put(template: Template, key: str, value: Value) -> None:
    """Replace a key."""
    take(template, key)
    template.append([key, value])


def merge(template: Template, newer: Template) -> None:
    """Lay a template over another: a key that comes replaces all of that name."""
    coming = {key for key, _ in newer}
    template[:] = [pair for pair in template if pair[0] not in coming]
    template += [[key, value] for key, value in newer if value != {}]


def cdata(tag: str, value: str) -> str:
    """Write an element as oned's ``escape_xml`` does."""
    return f"<{tag}><![CDATA[{value}]]></{tag}>"


def vector_xml(tag: str, value: dict) -> str:
    """Write a vector attribute."""
    return f"<{tag}>" + "".join(cdata(k, value[k]) for k in sorted(value)) + f"</{tag}>"


def to_xml(template: Template, tag: str = "TEMPLATE") -> str:
    """Write a template, its keys sorted."""
    parts = [
        vector_xml(key, value) if isinstance(value, dict) else cdata(key, value)
        for key, value in sorted(template, key=lambda pair: pair[0])
    ]
    return f"<{tag}>" + "".join(parts) + f"</{tag}>"
