"""pykickstart's handlers, made once a process and put back as they were before each use.

Making a handler takes most of the time of reading a kickstart: some 70 commands with an
argument parser each. What reading changes is attributes of the commands and of the handler;
the argument parsers (``op``) only read. ``tests/unit/render/test_handlers.py`` compares the
judgement of a used handler with that of a new one.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from pykickstart.parser import Packages
from pykickstart.version import makeVersion


class _Handler:
    """A handler with the memory of how it was when it was new."""

    def __init__(self, name: str) -> None:
        self._handler: Any = makeVersion(name)
        commands = {id(command): command for command in self._handler.commands.values()}
        self._new = [(command, _copied(command.__dict__)) for command in commands.values()]
        self._own = {
            key: value
            for key, value in self._handler.__dict__.items()
            if isinstance(value, str | int | None)
        }

    def as_new(self) -> Any:  # noqa: ANN401 - pykickstart has no types
        """Give the handler as if it had just been made."""
        handler = self._handler
        for command, attributes in self._new:
            command.__dict__.clear()
            command.__dict__.update(_copied(attributes))
        handler.__dict__.update(self._own)
        handler.certificates = []
        handler.scripts = []
        handler.packages = Packages()
        handler._null_section_strings = []
        return handler


def _copied(attributes: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value.copy() if isinstance(value, list | dict | set) else value
        for key, value in attributes.items()
    }


@cache
def _remembered(name: str) -> _Handler:
    return _Handler(name)


def handler(name: str) -> Any:  # noqa: ANN401 - pykickstart has no types
    """Give a handler for ``name`` (``RHEL9``), as good as new. One at a time in a process."""
    return _remembered(name).as_new()
