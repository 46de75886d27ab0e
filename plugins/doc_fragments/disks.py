"""What the documentation of modules for shared disks has in common."""

from __future__ import annotations


class ModuleDocFragment:
    """Options by topic; module_utils/san.py has their types and defaults."""

    DOCUMENTATION = r"""
options:
  erase:
    description: Names of disks whose contents may be lost.
    type: list
    elements: str
    default: []
"""

    GROUP = r"""
options:
  volume_group:
    description: The volume group that belongs on the disks.
    type: str
    required: true
  cluster:
    description: Name of the cluster that shares the group; empty for a group without locks.
    type: str
    default: ""
"""

    VOLUME = r"""
options:
  volume_group:
    description: The volume group.
    type: str
    required: true
  name:
    description: Name of the volume and of the file system.
    type: str
    required: true
"""
