"""What a tree of mappings and lists holds at its ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def leaves(value: Any) -> Iterator[Any]:  # noqa: ANN401 - whatever YAML and variables hold
    """Give every part of a value that is no mapping, list or tuple, however deep, in order."""
    if isinstance(value, Mapping):
        for part in value.values():
            yield from leaves(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from leaves(part)
    else:
        yield value
