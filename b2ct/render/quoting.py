"""Quoting: how a value of the site reaches a kickstart line, a preseed line or a shell.

No value may start a new line in any of them, so control characters are refused everywhere;
the site model lets none through, and this is the second lock on that door.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from b2ct.errors import B2ctError

#: What POSIX sh reads as itself, in any position.
_PLAIN = re.compile(r"[A-Za-z0-9_@%+:,./-]+")
#: The same in a kickstart line, where ``=`` inside a word is plain too.
_KICKSTART_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")
#: C0, DEL, C1, and Unicode's line and paragraph separators.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def one_line(value: object) -> str:
    """Give ``value`` as text; refuse text that could end the line it is written to."""
    text = str(value)
    if _CONTROL.search(text):
        raise B2ctError(
            f"{text!r} holds a control character, which no install file can carry",
            "remove line breaks and other control characters from this value",
        )
    return text


def shell_quote(value: object) -> str:
    """Quote ``value`` as exactly one word of POSIX sh (bash, dash and busybox alike)."""
    text = one_line(value)
    if _PLAIN.fullmatch(text):
        return text
    return "'" + text.replace("'", "'\"'\"'") + "'"


def shell_unquote(word: str) -> str:
    """Give back what :func:`shell_quote` quoted. For no other shell words."""
    if word.startswith("'"):
        return word[1:-1].replace("'\"'\"'", "'")
    return word


def shell_words(values: Iterable[object]) -> str:
    """Quote each of ``values`` and put blanks between them."""
    return " ".join(shell_quote(value) for value in values)


def kickstart_quote(value: object) -> str:
    """Quote ``value`` as one word of a kickstart line.

    pykickstart splits lines with ``shlex.split(line, comments=True)``: inside double
    quotes only backslash and double quote are special to it.
    """
    text = one_line(value)
    if _KICKSTART_PLAIN.fullmatch(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
