"""Ansible module: takes over disks of a SAN that are new or have grown in the array."""

# ruff: noqa: E402 - the documentation stands where Ansible expects it

from __future__ import annotations

DOCUMENTATION = r"""
module: san_rescan
short_description: Takes over disks of a SAN that are new or have grown in the array
version_added: "0.1.0"
description:
  - Lets the kernel ask the array for the size of each path, and multipath take over a disk that is
    larger than it was. Where a disk is not known yet, every array is asked for new ones. They are
    asked in check mode, too.
  - Fails where the paths of a disk tell different sizes, and where a disk has become smaller.
  - A disk that is still not there is left to M(b2ct.cloud.san_disks).
options:
  luns:
    description: Disks by name, each with C(wwid) and C(paths).
    type: dict
    required: true
extends_documentation_fragment:
  - b2ct.cloud.attributes
author:
  - The b2ct maintainers
"""

EXAMPLES = r"""
- name: Take over disks that have grown
  b2ct.cloud.san_rescan:
    luns: {disk1: {wwid: 3600508b400105e210000900000490000, paths: 2}}
"""

RETURN = r"""
steps:
  description: What was done, or would be, in words.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.b2ct.cloud.plugins.module_utils.san import each, run
from ansible_collections.b2ct.cloud.plugins.module_utils.san_rescan import is_there, rescan, scan
from ansible_collections.b2ct.cloud.plugins.module_utils.steps import Steps


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={"luns": {"type": "dict", "required": True}}, supports_check_mode=True
    )
    luns = module.params["luns"]
    known, _ = each(luns, is_there)
    if not all(known.values()):
        scan(run, [name for name, lun in luns.items() if int(lun["paths"]) > 1])
    found, problems = each(luns, rescan)
    if problems:
        module.fail_json(msg="; ".join(problems), problems=problems)
    steps = Steps(module, run)
    for one in found.values():
        steps.take(one)
    module.exit_json(**steps.result())


if __name__ == "__main__":
    main()
