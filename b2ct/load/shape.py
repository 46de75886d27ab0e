"""What the model expects at a place: its field, its section, the names it knows there."""

from __future__ import annotations

import functools
import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from b2ct.model import Site


def alternatives(annotation: Any) -> Iterator[Any]:  # noqa: ANN401 - a type
    """Give the types that an annotation allows, without ``Annotated`` and ``None``."""
    if get_origin(annotation) is Annotated:
        yield from alternatives(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, types.UnionType):
        for part in get_args(annotation):
            yield from alternatives(part)
    elif annotation is not type(None):
        yield annotation


def section(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - a type
    """Give the model among the allowed types."""
    for kind in alternatives(annotation):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def _step(annotation: Any, key: str | int) -> tuple[Any, FieldInfo | None]:  # noqa: ANN401 - types
    model = section(annotation)
    if model is not None:
        field = model.model_fields.get(str(key))
        return (field.annotation, field) if field else (None, None)
    for kind in alternatives(annotation):
        if get_origin(kind) is dict:
            return get_args(kind)[1], None
        if get_origin(kind) in (tuple, list):
            return get_args(kind)[0], None
    return None, None


def at(path: tuple[str | int, ...]) -> tuple[Any, FieldInfo | None]:
    """Give the annotation at a path of the site file, and the field if it is one."""
    annotation: Any = Site
    field = None
    for key in path:
        annotation, field = _step(annotation, key)
        if annotation is None:
            return None, None
    return annotation, field


def fields(path: tuple[str | int, ...]) -> Mapping[str, FieldInfo]:
    """Give the fields of the section at a path; none if there is no section."""
    model = section(at(path)[0])
    return model.model_fields if model is not None else {}


@functools.cache
def homes() -> Mapping[str, tuple[str, ...]]:
    """Give for each key of the model the paths where it belongs, ``<name>`` for free keys."""
    found: dict[str, list[str]] = {}

    def walk(annotation: Any, path: tuple[str, ...]) -> None:  # noqa: ANN401 - a type
        model = section(annotation)
        if model is not None:
            for name, field in model.model_fields.items():
                found.setdefault(name, []).append(".".join((*path, name)))
                walk(field.annotation, (*path, name))
            return
        for kind in alternatives(annotation):
            if get_origin(kind) is dict:
                walk(get_args(kind)[1], (*path, "<name>"))
            elif get_origin(kind) in (tuple, list):
                walk(get_args(kind)[0], path)

    walk(Site, ())
    return {name: tuple(paths) for name, paths in found.items()}
