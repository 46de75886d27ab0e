"""How long work reports how far it is."""

from __future__ import annotations

from collections.abc import Callable

#: ``progress(what, done, total)``: ``done`` and ``total`` are bytes; total 0 means unknown.
Progress = Callable[[str, int, int], None]


def silent(what: str, done: int, total: int) -> None:
    """Report nothing: the default of every function that takes a :data:`Progress`."""
