"""Failures of pytest and testinfra in words that need neither to be known."""

from __future__ import annotations

import ast
import re

_TEXT = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_COMMAND = re.compile(
    rf"Unexpected exit code (?P<code>\d+) for CommandResult\(.*?command=b(?P<command>{_TEXT}),"
    rf" _stdout=(?P<out>{_TEXT}), _stderr=(?P<err>{_TEXT})\)",
    re.DOTALL,
)
#: ``assert False`` / `` +  where False = <service x>.is_running``
_WHERE = re.compile(
    r"^assert (?:not )?(?P<value>True|False|None|\d+)\n \+  where (?P=value) = (?P<what>[^\n]+)"
)
_INTERNAL = re.compile(r"testinfra\.|b2ct://|<class '")


def plain(text: str) -> str:
    """Give an assertion's text without what only explains testinfra's own inside."""
    command = _COMMAND.search(text)
    if command is not None:
        said = _unquoted(command["err"]) or _unquoted(command["out"])
        told = f"'{_unquoted(command['command'])}' ended with code {command['code']}"
        return f"{told}: {said}" if said else told
    where = _WHERE.match(text)
    if where is not None and not _INTERNAL.search(where["what"]):
        return f"{where['what']} is {where['value']}"
    # What the check says itself comes first; pytest's own view of the expression adds nothing.
    said = re.split(r"\n\s*assert ", text, maxsplit=1)[0]
    kept = [line.strip() for line in said.splitlines() if not _INTERNAL.search(line)]
    return "\n".join(kept).strip()


def _unquoted(literal: str) -> str:
    """Give the text that Python wrote down as a literal."""
    return str(ast.literal_eval(literal)).strip()
