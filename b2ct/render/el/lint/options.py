"""Reading options off a command line, without knowing the command."""

from __future__ import annotations

from b2ct.render.el.parse import Command


def option(command: Command, name: str) -> str | None:
    """Give the value of ``--name=value`` or ``--name value``; None if it is not there."""
    words = command.words
    for index, word in enumerate(words):
        if word == name:
            return words[index + 1].strip("\"'") if index + 1 < len(words) else ""
        if word.startswith(f"{name}="):
            return word[len(name) + 1 :].strip("\"'")
    return None
