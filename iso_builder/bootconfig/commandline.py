"""Kernel command lines as text.

They are never split and joined again: a vendor's ``\\x20`` in
``inst.stage2=hd:LABEL=CentOS\\x207\\x20x86_64`` must come out as it went in, and every
shell-like parser eats its backslash. Functions here find spans and cut or replace them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

#: Arguments that make the installer check the medium: Anaconda's dracut since EL 7, EL 6's loader.
MEDIA_CHECK = ("rd.live.check", "mediacheck")

# A word runs to white space outside of double quotes, as the kernel splits them.
_WORD = re.compile(r'(?:[^\s"]|"[^"]*"?)+')
_REFERENCE = re.compile(
    r'(?:(?<![A-Za-z])(?:CD)?LABEL=|/dev/disk/by-label/)(?P<label>(?:\\x[0-9A-Fa-f]{2}|[^\s:"\'\\])*)'
)
_QUOTED_REFERENCE = re.compile(
    r'(?:(?<![A-Za-z])(?:CD)?LABEL=|/dev/disk/by-label/)(?P<label>(?:\\x[0-9A-Fa-f]{2}|[^:"\\])*)'
)


@dataclass(frozen=True)
class Word:
    """One argument and where it stands."""

    text: str
    start: int
    end: int

    @property
    def name(self) -> str:
        """What stands before the ``=``, without quotes."""
        return self.text.lstrip('"').partition("=")[0]


def words(text: str) -> Iterator[Word]:
    """The arguments of a command line with their spans."""
    for match in _WORD.finditer(text):
        yield Word(match[0], match.start(), match.end())


def has_argument(text: str, *names: str) -> bool:
    """Whether an argument of one of these names is there."""
    return any(word.name in names for word in words(text))


def remove_arguments(text: str, *names: str) -> str:
    """Cut the arguments of these names, each with the white space before it."""
    kept, position = [], 0
    for word in words(text):
        if word.name in names:
            kept.append(text[position : word.start].rstrip())
            position = word.end
    kept.append(text[position:])
    joined = "".join(kept)
    # An argument at the very beginning leaves the white space that followed it.
    return joined.lstrip() if text[:1].strip() else joined


def append(text: str, more: str) -> str:
    """``text`` with ``more`` after it, one space between them."""
    if not more:
        return text
    return f"{text.rstrip()} {more}" if text.strip() else f"{text}{more}"


def label_pattern(label: str) -> str:
    """A regular expression for a label whose characters may be spelt ``\\x20``."""
    spelt = []
    for character in label:
        escaped = "".join(f"\\\\x{byte:02x}" for byte in character.encode())
        spelt.append(f"(?:{re.escape(character)}|(?i:{escaped}))")
    return "".join(spelt)


def move_label(text: str, old: str, new: str) -> str:
    """Replace the label ``old`` by ``new`` wherever an argument names a volume by its label."""
    pattern = re.compile(
        r"(?P<kind>(?<![A-Za-z])(?:CD)?LABEL=|/dev/disk/by-label/)"
        + label_pattern(old)
        + r"(?=[:\s\"']|$)"
    )
    return pattern.sub(lambda match: match["kind"] + new, text)


def unescape(label: str) -> str:
    """``\\x20`` and the like decoded, the way udev's names of labels are."""
    raw = re.sub(
        r"\\x([0-9A-Fa-f]{2})",
        lambda match: chr(int(match[1], 16)),
        label,
    )
    return raw.encode("latin-1", "replace").decode("utf-8", "replace") if raw != label else label


def labels(text: str) -> Iterator[tuple[str, str]]:
    """Each ``(argument name, decoded label)`` that the command line refers to."""
    for word in words(text):
        pattern = _QUOTED_REFERENCE if '"' in word.text else _REFERENCE
        for match in pattern.finditer(word.text):
            yield word.name, unescape(match["label"])
