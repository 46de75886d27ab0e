""" "Did you mean": the nearest of the names that are known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str], *, likeness: float = 0.6) -> str | None:
    """Give the known name that ``word`` was probably meant to be, if one is near.

    ``likeness`` is between 0 (anything) and 1 (the same but for capitals and hyphens).
    """
    by_plain: dict[str, str] = {}
    for name in known:
        by_plain.setdefault(_plain(name), name)
    found = difflib.get_close_matches(_plain(word[:64]), by_plain, n=1, cutoff=likeness)
    return by_plain[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str], *, at_most: int = 12) -> str:
    """Give a hint: the nearest known name, else all of them if they are few."""
    names = list(known)
    near = nearest(word, names)
    if near is not None:
        return f"did you mean {near!r}?"
    if not names:
        return "none is known here"
    if len(names) <= at_most:
        return f"known here: {', '.join(sorted(names))}"
    return ""


def _plain(name: str) -> str:
    return name.lower().replace("-", "_").replace(" ", "_")
