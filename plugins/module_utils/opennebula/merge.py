"""What a template lacks of what is wanted: only keys that are named count."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any


def lacking(
    wanted: Mapping[str, Any], present: Mapping[str, Any], unordered: Collection[str] = ()
) -> dict[str, Any]:
    """Give the keys that differ, each with the value to send.

    A mapping is laid over the one that is there, so that what else it holds stays; a list
    replaces all values of its key.

    :param unordered: keys whose lists are sets.
    """
    found = {}
    for key, value in wanted.items():
        merged = _merged(value, present.get(key))
        if not _same(merged, present.get(key), key in unordered):
            found[key] = merged
    return found


def _merged(wanted: Any, present: Any) -> Any:  # noqa: ANN401 - parts of a template
    if isinstance(wanted, Mapping) and isinstance(present, Mapping):
        return {**present, **wanted}
    return wanted


def _same(wanted: Any, present: Any, unordered: bool) -> bool:  # noqa: ANN401 - as above
    if present is None:
        # An empty list is the wish for none.
        return wanted == []
    here, there = _listed(wanted), _listed(present)
    if unordered:
        return _sorted(here) == _sorted(there)
    return here == there


def _listed(value: Any) -> list[Any]:  # noqa: ANN401 - as above
    return value if isinstance(value, list) else [value]


def _sorted(values: list[Any]) -> list[str]:
    return sorted(
        repr(sorted(value.items())) if isinstance(value, Mapping) else str(value)
        for value in values
    )
