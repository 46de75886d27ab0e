"""The fragments that our script on the machine writes, read back from the finished text.

The script holds them as ``put NAME 'LINE' …`` in one branch for each node and each kind of unknown
machine. What is judged here is exactly what the shell would write: the same lines, with the
same gaps filled in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from b2ct.render.quoting import shell_unquote

#: Where %pre writes them.
FOLDER = "/tmp/b2ct/"  # noqa: S108 - a path in the installer's memory
_PUT = re.compile(r"^ +put (\S+) \\$")
_CARDS = re.compile(r"^ {8}NODE_CARDS=(.*)$")
_GAP = re.compile(r"@\{([a-z0-9_]+)(?::([^}]*))?\}")
_CONDITION = re.compile(r"@([a-z]+) ")
_SAMPLES = {
    "disk": "sda",
    "card": "eth0",
    "hostname": "host",
    "address": "192.0.2.10",
    "gateway": "192.0.2.1",
    "dns": "192.0.2.53,2001:db8::53",
}
#: The conditions that %pre may keep together, the richest first.
VARIANTS: tuple[frozenset[str], ...] = (
    frozenset({"efi", "static", "gateway"}),
    frozenset({"bios", "static", "nogateway"}),
    frozenset({"bios", "dhcp"}),
)


@dataclass(frozen=True)
class NumberedLine:
    """A line of a fragment, and the number of the kickstart's line that holds it."""

    number: int
    text: str


@dataclass(frozen=True)
class FragmentSet:
    """The fragments of one node or kind, by name, and the cards that its node declares.

    ``cards`` is None for a kind of unknown machines: its card comes from the dialog.
    """

    cards: frozenset[str] | None
    fragments: Mapping[str, tuple[NumberedLine, ...]]


def fragment_sets(lines: Sequence[str]) -> tuple[FragmentSet, ...]:
    """Find every set of fragments in the lines of a kickstart that b2ct wrote."""
    sets: list[FragmentSet] = []
    cards = [
        frozenset(card.split("=")[0] for card in shell_unquote(match[1]).split())
        for line in lines
        if "NODE_CARDS=" in line and (match := _CARDS.match(line))
    ]
    current: dict[str, tuple[NumberedLine, ...]] = {}
    index = 0
    while index < len(lines):
        line = lines[index]
        index += 1
        if line.endswith(" \\") and (match := _PUT.match(line)):
            found: list[NumberedLine] = []
            more = True
            while more and index < len(lines):
                word = lines[index].strip()
                more = word.endswith(" \\")
                found.append(NumberedLine(index + 1, shell_unquote(word.removesuffix(" \\"))))
                index += 1
            current[match[1]] = tuple(found)
        elif current and line.strip() == ";;":
            sets.append(FragmentSet(cards[len(sets)] if len(sets) < len(cards) else None, current))
            current = {}
    return tuple(sets)


def fill_gaps(text: str) -> str:
    """Put a sample in the place of what only the machine knows."""
    return _GAP.sub(lambda gap: _SAMPLES.get(gap[1], gap[2] or gap[0]), text)


def kept(lines: Iterable[NumberedLine], variant: frozenset[str]) -> list[NumberedLine]:
    """Give the lines that %pre keeps under the conditions ``variant``, gaps filled in."""
    result = []
    for line in lines:
        text = line.text
        while (match := _CONDITION.match(text)) and match[1] in variant:
            text = text[match.end() :]
        if not _CONDITION.match(text):
            result.append(NumberedLine(line.number, fill_gaps(text)))
    return result


def gaps(text: str) -> list[tuple[str, str]]:
    """Give the gaps of a line as (kind, argument): ``@{nic:eno1}`` is ``("nic", "eno1")``."""
    return [(gap[1], gap[2] or "") for gap in _GAP.finditer(text)]
