"""Ansible module: grows the mounted GFS2 file system of a SAN."""

# ruff: noqa: E402 - the documentation stands where Ansible expects it

from __future__ import annotations

DOCUMENTATION = r"""
module: san_files
short_description: Grows the mounted GFS2 file system of a SAN
version_added: "0.1.0"
description:
  - Gives the file system the room of its volume, and journals for new members, while it is in use.
  - Run it on one member, after M(b2ct.cloud.san_refresh) on all. Where the file system is not
    mounted, nothing is done.
options:
  mount:
    description: Where the file system is mounted.
    type: path
    required: true
  journals:
    description: Journals of the file system.
    type: int
    required: true
  journal_size:
    description: Bytes of each journal.
    type: int
    required: true
  grown:
    description: Whether the volume has just grown; if not, a small difference is left alone.
    type: bool
    default: false
extends_documentation_fragment:
  - b2ct.cloud.attributes
  - b2ct.cloud.disks.volume
author:
  - The b2ct maintainers
"""

EXAMPLES = r"""
- name: Give the file system the room of its volume
  b2ct.cloud.san_files:
    volume_group: vg-san
    name: one
    mount: /var/lib/one/datastores
    journals: 4
    journal_size: 134217728
"""

RETURN = r"""
steps:
  description: What was done, or would be, in words.
  type: list
  elements: str
  returned: success
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.b2ct.cloud.plugins.module_utils.san import VOLUME, run
from ansible_collections.b2ct.cloud.plugins.module_utils.san_volume import Wanted, mounted_steps
from ansible_collections.b2ct.cloud.plugins.module_utils.steps import Steps


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            **VOLUME,
            "mount": {"type": "path", "required": True},
            "journals": {"type": "int", "required": True},
            "journal_size": {"type": "int", "required": True},
            "grown": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    given = module.params
    wanted = Wanted(
        group=given["volume_group"],
        disks=(),
        cluster="",
        **{key: given[key] for key in ("name", "mount", "journals", "journal_size")},
    )
    steps = Steps(module, run)
    rc, size, _ = run("blockdev", "--getsize64", wanted.device)
    if rc == 0 and os.path.ismount(wanted.mount):
        usage = os.statvfs(wanted.mount)
        room = usage.f_blocks * usage.f_frsize
        steps.take(mounted_steps(run, wanted, room, int(size), given["grown"]))
    module.exit_json(**steps.result())


if __name__ == "__main__":
    main()
