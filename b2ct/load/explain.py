"""pydantic's findings, told in the admin's words with the line of each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from b2ct.errors import Problem
from b2ct.load import shape
from b2ct.load.document import Document
from b2ct.model.types import PATTERNS
from b2ct.places import Path, dotted
from b2ct.suggest import did_you_mean, nearest

_TEXT_TYPES = frozenset({"string_type", "enum", "literal_error", "is_instance_of"})
_LIST_TYPES = frozenset({"tuple_type", "list_type"})
_MAP_TYPES = frozenset({"model_type", "dict_type", "model_attributes_type", "dataclass_type"})
_NUMBER_TYPES = frozenset({"int_type", "int_parsing", "int_from_float", "int_parsing_size"})
_TRUTH_TYPES = frozenset({"bool_type", "bool_parsing"})


def data_path(location: Sequence[str | int], data: Any) -> Path:  # noqa: ANN401 - raw YAML
    """Give the part of pydantic's location that is in the file.

    pydantic puts names of types among the keys where a value may be of several types.
    """
    path: list[str | int] = []
    here = data
    for step in location:
        known = (
            here if isinstance(here, dict) else range(len(here) if isinstance(here, list) else 0)
        )
        if step not in known:
            continue
        here = here[step]
        path.append(step)
    return tuple(path)


def explain(errors: Sequence[Mapping[str, Any]], document: Document) -> list[Problem]:
    """Turn pydantic's errors into problems, one for each place of the file."""
    problems: dict[Path, Problem] = {}
    misspelt = {
        (*path[:-1], nearest(str(path[-1]), shape.fields(path[:-1])))
        for path in (error["loc"] for error in errors if error["type"] == "extra_forbidden")
    }
    for error in errors:
        if error["type"] == "missing" and error["loc"] in misspelt:
            continue  # told at the misspelt key
        if error["type"] == "too_short" and len(error["input"]) >= error["ctx"]["min_length"]:
            continue  # it is the entries that are wrong, each told by itself
        location = error["loc"]
        path = data_path(location, document.data)
        message, hint, path = _told(error, path, document)
        text = message if path == ("plugin",) else f"{dotted(path)}: {message}"
        problems.setdefault(path, Problem(document.file, document.line(path), text, hint))
    return list(problems.values())


def _told(error: Mapping[str, Any], path: Path, document: Document) -> tuple[str, str, Path]:
    kind: str = error["type"]
    context = error.get("ctx", {})
    if kind == "missing":
        name = str(error["loc"][-1])
        return *_missing(path, name), (*path, name)
    if kind == "extra_forbidden":
        return *_unknown(path), path
    if error["loc"] and error["loc"][-1] == "[key]":
        return *_bad_key(str(error["input"]), kind, context), path
    if kind == "value_error":
        return *_split(str(context["error"])), path
    return *_bad_value(kind, error["input"], context, path, document), path


def _bad_value(
    kind: str,
    given: Any,  # noqa: ANN401 - raw YAML
    context: Mapping[str, Any],
    path: Path,
    document: Document,
) -> tuple[str, str]:
    if path == ("plugin",):
        return "plugin: this names another inventory", "write 'plugin: b2ct.cloud.site'"
    if given is None:
        return _empty(path)
    return _wrong_value(kind, given, context, document.raw(path))


def _split(text: str) -> tuple[str, str]:
    """Split the text of one of the model's own errors into what is wrong and what to do."""
    message, _, hint = text.partition("; ")
    return message, hint


def _missing(path: Path, name: str) -> tuple[str, str]:
    field = shape.fields(path).get(name)
    told = field.description if field and field.description else ""
    if name == "plugin" and not path:
        return "the line that makes this file an inventory is missing", (
            "add 'plugin: b2ct.cloud.site' at the top"
        )
    return "is missing", f"add it: {told}" if told else "add it"


def _unknown(path: Path) -> tuple[str, str]:
    name = str(path[-1])
    known = [key for key in shape.fields(path[:-1]) if key != "plugin"]
    near = nearest(name, known)
    if near is not None:
        return f"unknown key {name!r}", f"did you mean {near!r}?"
    homes = [home for home in shape.homes().get(name, ()) if home.count(".") <= len(path)]
    if homes:
        return f"key {name!r} does not belong here", f"its place is {' or '.join(homes[:3])}"
    return f"unknown key {name!r}", did_you_mean(name, known, at_most=20)


def _bad_key(key: str, kind: str, context: Mapping[str, Any]) -> tuple[str, str]:
    if kind == "value_error":
        return _split(str(context["error"]))
    if kind == "enum":
        known = _options(context)
        return f"{key!r} is not known here", did_you_mean(key, known, at_most=14)
    if kind == "string_pattern_mismatch":
        return f"{key!r} does not fit as a name here", f"write {PATTERNS[context['pattern']]}"
    return f"{key!r} does not fit as a name here", ""


def _empty(path: Path) -> tuple[str, str]:
    field = shape.at(path)[1]
    if field is not None and not field.is_required():
        return "is empty", "give a value or remove the line"
    return "is empty", "give a value"


def _options(context: Mapping[str, Any]) -> list[str]:
    return re.findall(r"'([^']*)'", str(context.get("expected", "")))


def _shown(given: Any, raw: str | None) -> str:  # noqa: ANN401 - raw YAML
    if isinstance(given, dict):
        return "a mapping"
    if isinstance(given, list):
        return "a list"
    text = raw if raw is not None else str(given)
    return repr(text if len(text) <= 60 else text[:57] + "...")


def _wrong_value(
    kind: str,
    given: Any,  # noqa: ANN401 - raw YAML
    context: Mapping[str, Any],
    raw: str | None,
) -> tuple[str, str]:
    shown = _shown(given, raw)
    if kind in _TEXT_TYPES:
        return _no_text(given, context, raw)
    if kind in _LIST_TYPES:
        if isinstance(given, dict):
            return "a list belongs here, not a mapping", "begin each entry with '- '"
        return f"a list belongs here, not {shown}", f"write [{raw or given}]"
    if kind in _MAP_TYPES:
        return f"a section of 'key: value' lines belongs here, not {shown}", "indent its keys"
    return _out_of_bounds(kind, shown, context)


def _out_of_bounds(kind: str, shown: str, context: Mapping[str, Any]) -> tuple[str, str]:
    if kind in _NUMBER_TYPES:
        return f"{shown} is no whole number", "write digits only"
    if kind in _TRUTH_TYPES:
        return f"{shown} is neither true nor false", "write true or false"
    told = {
        "string_pattern_mismatch": lambda: (
            f"{shown} does not fit",
            f"write {PATTERNS[context['pattern']]}",
        ),
        "too_short": lambda: (
            f"has {context['actual_length'] or 'no'} entries",
            f"give at least {context['min_length']}",
        ),
        "greater_than_equal": lambda: (f"{shown} is too small", f"the least is {context['ge']}"),
        "less_than_equal": lambda: (f"{shown} is too large", f"the most is {context['le']}"),
        "string_too_long": lambda: (
            f"{shown} is too long",
            f"{context['max_length']} characters at most",
        ),
    }.get(kind)
    return told() if told else (f"{shown} does not fit here", "see docs/site-file.md")


def _no_text(
    given: Any,  # noqa: ANN401 - raw YAML
    context: Mapping[str, Any],
    raw: str | None,
) -> tuple[str, str]:
    known = _options(context)
    if isinstance(given, dict | list):
        what = "one of " + ", ".join(known) if known else "one text"
        return f"{what} belongs here, not {_shown(given, raw)}", ""
    written = raw if raw is not None else str(given)
    if isinstance(given, str):
        return f"{_shown(given, raw)} is not known here", did_you_mean(written, known, at_most=14)
    if known and nearest(written, known) is None:
        return f"{_shown(given, raw)} is not known here", did_you_mean(written, known, at_most=14)
    what = "truth value" if isinstance(given, bool) else "number"
    return f"YAML reads {written} as a {what}, not as text", f'put it in quotes: "{written}"'
