"""A place in a site file: keys and list positions from the top."""

from __future__ import annotations

Path = tuple[str | int, ...]


def dotted(path: Path) -> str:
    """Write a path as ``nodes.node1.roles[0]``."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text
