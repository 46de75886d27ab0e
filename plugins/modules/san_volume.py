"""Ansible module: the volume group on the disks of a SAN, and the file system that is shared."""

# ruff: noqa: E402 - the documentation stands where Ansible expects it

from __future__ import annotations

DOCUMENTATION = r"""
module: san_volume
short_description: Makes and grows the volume group of a SAN, and makes its GFS2 file system
version_added: "0.1.0"
description:
  - Makes the volume group of the disks, shared through dlm where a cluster is named; adds disks and
    room that disks have won.
  - With O(name), makes a logical volume with GFS2, and grows the volume. Run it on one member.
  - A file system that is there grows with M(b2ct.cloud.san_files), once all members know the
    volume.
  - Nothing is erased but what O(erase) names. M(b2ct.cloud.san_disks) has looked before.
options:
  disks:
    description: Devices by name of the disk.
    type: dict
    required: true
  name:
    description: Name of the volume and of the file system; empty for none.
    type: str
    default: ""
  size:
    description: Bytes of the volume; 0 takes the whole group.
    type: int
    default: 0
  journals:
    description: Journals of the file system.
    type: int
    default: 0
  journal_size:
    description: Bytes of each journal.
    type: int
    default: 134217728
extends_documentation_fragment:
  - b2ct.cloud.attributes
  - b2ct.cloud.disks
  - b2ct.cloud.disks.group
author:
  - The b2ct maintainers
"""

EXAMPLES = r"""
- name: Make the shared file system
  b2ct.cloud.san_volume:
    volume_group: vg-san
    disks: {disk1: /dev/mapper/disk1}
    cluster: example
    name: one
    journals: 4
"""

RETURN = r"""
steps:
  description: What was done, or would be, in words.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.b2ct.cloud.plugins.module_utils.san import ERASE, GROUP, SanError, run
from ansible_collections.b2ct.cloud.plugins.module_utils.san_volume import (
    Wanted,
    group_steps,
    volume_steps,
)
from ansible_collections.b2ct.cloud.plugins.module_utils.steps import Steps


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "disks": {"type": "dict", "required": True},
            **ERASE,
            **GROUP,
            "name": {"type": "str", "default": ""},
            "size": {"type": "int", "default": 0},
            "journals": {"type": "int", "default": 0},
            "journal_size": {"type": "int", "default": 128 << 20},
        },
        supports_check_mode=True,
    )
    given = module.params
    wanted = Wanted(
        group=given["volume_group"],
        disks=tuple(given["disks"].values()),
        **{key: given[key] for key in ("cluster", "name", "size", "journals", "journal_size")},
    )
    erase = [given["disks"][name] for name in given["erase"] if name in given["disks"]]
    steps = Steps(module, run)
    try:
        locks = bool(wanted.cluster) and not module.check_mode
        if locks:  # no harm where the group is still to be made, or locks are there
            run("vgchange", "--lockstart", wanted.group)
        steps.take(group_steps(run, wanted, erase))
        if wanted.name:
            if locks:
                run("lvchange", "--activate", "sy", f"{wanted.group}/{wanted.name}")
            steps.take(volume_steps(run, wanted))
    except SanError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**steps.result())


if __name__ == "__main__":
    main()
