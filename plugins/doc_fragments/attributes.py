"""What the documentation of modules says of how they behave."""

from __future__ import annotations


class ModuleDocFragment:
    """By whether they show a difference."""

    DOCUMENTATION = r"""
attributes:
  check_mode:
    support: full
    description: Says what would be done and changes nothing.
  diff_mode:
    support: full
    description: Shows what is changed.
  platform:
    platforms: posix
    description: Runs on the managed node.
    support: full
"""

    NO_DIFF = r"""
attributes:
  check_mode:
    support: full
    description: Says what would be done and changes nothing.
  diff_mode:
    support: none
    description: Tells only whether something is changed.
  platform:
    platforms: posix
    description: Runs on the managed node.
    support: full
"""
