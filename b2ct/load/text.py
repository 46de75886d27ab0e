"""The bytes of a YAML file to text, and what is told when the text is no YAML."""

from __future__ import annotations

import re
from typing import Final

import yaml

from b2ct.errors import Problem, ProblemsError

#: Control characters that YAML 1.1 allows nowhere (its 5.1); NUL would end libyaml's input.
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def decode(raw: bytes, file: str) -> str:
    """Give the text of a file, or raise with the line that is no UTF-8 or no text at all."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ProblemsError([Problem(file, 1, "this is UTF-16 text", "save the file as UTF-8")])
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        byte = raw[error.start]
        raise ProblemsError(
            [Problem(file, line, f"byte 0x{byte:02x} is not UTF-8", "save the file as UTF-8")]
        ) from None
    problems = []
    for found in _FORBIDDEN.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        code = f"U+{ord(found[0]):04X}"
        problems.append(
            Problem(file, line, f"control character {code} is no text", "remove it from this line")
        )
        if len(problems) == 20:
            break
    if problems:
        raise ProblemsError(problems)
    return text


_TAB = re.compile(r"^[ ]*\t", re.MULTILINE)


#: Further levels of [ and { than this are a mistake, not a site.
MAX_DEPTH: Final = 64
#: libyaml reads ahead, and gives up at a depth of its own (1,000) before it tells of the first.
_LIBYAML_TOO_DEEP = "maximum nesting depth"
TOO_DEEP: Final = (f"nested more than {MAX_DEPTH} levels deep", "look for a missing bracket")


def syntax_problems(error: yaml.YAMLError, text: str, file: str) -> list[Problem]:
    """Tell a syntax error; tabs in the indentation are the usual one, so each is named."""
    tabs = [text.count("\n", 0, found.start()) + 1 for found in _TAB.finditer(text)]
    if tabs:
        return [
            Problem(file, line, "this line is indented with a tab", "YAML takes blanks only")
            for line in tabs[:20]
        ]
    context = getattr(error, "context", None)
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line = mark.line + 1 if mark is not None else 0
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    if _LIBYAML_TOO_DEEP in f"{problem} {context}":
        return [Problem(file, line, *TOO_DEEP)]
    started = getattr(error, "context_mark", None)
    message = f"this is no YAML: {problem}"
    if context and started is not None:
        message += f" ({context} on line {started.line + 1})"
    return [Problem(file, line, message, _SYNTAX_HINTS.get(problem, _SYNTAX_HINT))]


_SYNTAX_HINT = "look at this line and the one above it for indentation, quotes and brackets"
_SYNTAX_HINTS = {
    "mapping values are not allowed in this context": (
        "put text that holds ': ' in quotes, and give keys of one section the same indentation"
    ),
    "could not find expected ':'": "write 'key: value', with a blank after the colon",
    "did not find expected ',' or '}'": "close the { of this value, or put a comma",
    "did not find expected ',' or ']'": "close the [ of this value, or put a comma",
    "did not find expected key": "give the keys of one section the same indentation",
    "found unexpected end of stream": "a quote is opened and not closed",
}
