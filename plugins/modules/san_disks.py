"""Ansible module: what a node sees of the disks of a SAN."""

# ruff: noqa: E402 - the documentation stands where Ansible expects it

from __future__ import annotations

DOCUMENTATION = r"""
module: san_disks
short_description: Looks at the disks of a SAN, and refuses what would destroy or mislead
version_added: "0.1.0"
description:
  - Finds each disk by its WWID, counts its working paths and reads what it holds. Changes nothing.
  - Fails, with all reasons at once, where a disk is not seen or on too few paths, where it holds
    something that nobody consented to lose, and where the volume group is another cluster's.
options:
  luns:
    description: Disks by name, each with C(wwid) and C(paths).
    type: dict
    required: true
  mount:
    description: Where the file system will be mounted; empty for nowhere.
    type: path
    default: ""
extends_documentation_fragment:
  - b2ct.cloud.attributes.no_diff
  - b2ct.cloud.disks
  - b2ct.cloud.disks.group
author:
  - The b2ct maintainers
"""

EXAMPLES = r"""
- name: Look at the disks
  b2ct.cloud.san_disks:
    luns: {disk1: {wwid: 3600508b400105e210000900000490000, paths: 2}}
    volume_group: vg-san
    cluster: example
"""

RETURN = r"""
devices:
  description: The device of each disk.
  type: dict
  returned: success
sizes:
  description: The size of each disk in bytes.
  type: dict
  returned: success
paths:
  description: How many paths to each disk work.
  type: dict
  returned: success
holds:
  description: What is on each disk, in words.
  type: dict
  returned: success
"""


from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.b2ct.cloud.plugins.module_utils.san import (
    ERASE,
    GROUP,
    each,
    lock_owner,
    look,
    refusals,
    run,
)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "luns": {"type": "dict", "required": True},
            **ERASE,
            **GROUP,
            "mount": {"type": "path", "default": ""},
        },
        supports_check_mode=True,
    )
    seen, problems = each(module.params["luns"], lambda lun: look(run, lun))
    group = module.params["volume_group"]
    owner = lock_owner(run, group) if any(one.group == group for one in seen.values()) else ""
    problems += refusals(seen, group, module.params["erase"], module.params["cluster"], owner)
    mount = Path(module.params["mount"] or "/nonexistent")
    if mount.is_dir() and not mount.is_mount() and any(mount.iterdir()):
        problems.append(
            f"{mount} is not empty, and what is in it would be hidden; move it away first"
        )
    if problems:
        module.fail_json(msg="; ".join(problems), problems=problems)
    module.exit_json(
        changed=False,
        devices={name: one.device for name, one in seen.items()},
        sizes={name: one.size for name, one in seen.items()},
        paths={name: one.paths for name, one in seen.items()},
        holds={name: list(one.holds) for name, one in seen.items()},
    )


if __name__ == "__main__":
    main()
