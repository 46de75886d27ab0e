"""What a kickstart means: the linter above pykickstart.

A text may be perfectly valid and still wipe the wrong disk, show a password or take unsigned
packages. Each module judges one concern; all work on any kickstart, not on ours alone.
"""

from __future__ import annotations

from b2ct.errors import Problem
from b2ct.render.el.lint import network, scripts, secrets, sources, storage, system
from b2ct.render.el.parse import Parsed

_RULES = (
    storage.problems,
    network.problems,
    sources.problems,
    secrets.problems,
    system.problems,
    scripts.problems,
)


def problems(parsed: Parsed) -> tuple[Problem, ...]:
    """Give every problem of a kickstart's meaning, in no special order."""
    return tuple(problem for rule in _RULES for problem in rule(parsed))
