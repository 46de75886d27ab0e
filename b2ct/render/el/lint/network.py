"""Network: every card is one that the site file gives this node, and the rest is set up."""

from __future__ import annotations

import re
from collections.abc import Iterator

from b2ct.errors import Problem
from b2ct.render.el.fragments import FragmentSet, NumberedLine
from b2ct.render.el.parse import Parsed

_DEVICE = re.compile(r"--device[= ](\S+)")
_MEMBERS = re.compile(r"--(?:bond|bridge|team)slaves[= ](\S+)")
_CARD = re.compile(r"@\{nic:([^}]*)\}")


def problems(parsed: Parsed) -> Iterator[Problem]:
    """Judge the ``network`` lines of each node's fragment."""
    for fragments in parsed.sets:
        lines = fragments.fragments.get("network.ks", ())
        if fragments.cards is not None:
            yield from _cards(parsed.path, fragments, lines)
    for command in parsed.commands:
        if command.words[0] == "network" and "--activate" in command.words:
            return
    if not any("--activate" in line.text for part in parsed.sets for line in _network(part)):
        yield Problem(
            parsed.path,
            0,
            "no network line has --activate: a netinstall finds no packages",
            "add --activate to the network line of the installation",
        )


def _network(fragments: FragmentSet) -> tuple[NumberedLine, ...]:
    return fragments.fragments.get("network.ks", ())


def _cards(path: str, fragments: FragmentSet, lines: tuple[NumberedLine, ...]) -> Iterator[Problem]:
    cards = fragments.cards or frozenset()
    made: set[str] = set()
    for line in lines:
        device = _DEVICE.search(line.text)
        members = _MEMBERS.search(line.text)
        if members and device:
            made.add(device[1])
        named = [device[1]] if device else []
        named += members[1].split(",") if members else []
        for name in named:
            card = _CARD.fullmatch(name)
            if (card and card[1] not in cards) or (not card and name not in made):
                said = card[1] if card else name
                yield Problem(
                    path,
                    line.number,
                    f"network card {said} is none of this node's cards in the site file"
                    + (f" ({', '.join(sorted(cards))})" if cards else ""),
                    "name it below nics: or macs:, or correct attach: and bonds:",
                )
