"""What an admin asks a medium for."""

from __future__ import annotations

from dataclasses import dataclass

from b2ct.model import ReleaseId


@dataclass(frozen=True)
class Wanted:
    """Which nodes: names, or everything of the site. ``release`` narrows that to one release."""

    nodes: tuple[str, ...] = ()
    everything: bool = False
    release: ReleaseId | None = None
