"""What the documentation of modules says of how they behave."""

from __future__ import annotations

_ALL = r"""
attributes:
  check_mode:
    support: full
    description: Says what would be done and changes nothing.
  platform:
    platforms: posix
    description: Runs on the managed node.
    support: full
"""


class ModuleDocFragment:
    """By whether they show a difference."""

    DOCUMENTATION = (
        _ALL
        + r"""
  diff_mode:
    support: full
    description: Shows what is changed.
"""
    )

    NO_DIFF = (
        _ALL
        + r"""
  diff_mode:
    support: none
    description: Tells only whether something is changed.
"""
    )
