"""Ansible module: the disks of SBD."""

# ruff: noqa: E402 - the documentation stands where Ansible expects it

from __future__ import annotations

DOCUMENTATION = r"""
module: sbd_disks
short_description: Looks at the disks of SBD, and prepares those that are empty
version_added: "0.1.0"
description:
  - Finds each disk by its WWID and reads what it carries. Fails, with all reasons at once, where a
    disk is not seen or on too few paths, and where it carries anything but a header with the times
    that are wanted and nobody consented to lose it.
  - With O(make), writes the header on disks that have none. A header that is as wanted is never
    written again. Run that on one member.
options:
  disks:
    description: Disks by name, each with C(wwid) and C(paths).
    type: dict
    required: true
  watchdog_timeout:
    description: Seconds of the watchdog that the header tells.
    type: int
    required: true
  msgwait:
    description: Seconds after which a message counts as received.
    type: int
    required: true
  make:
    description: Write headers where they are missing.
    type: bool
    default: false
  running:
    description: Hosts on which SBD runs; a header is not replaced under them.
    type: list
    elements: str
    default: []
extends_documentation_fragment: [b2ct.cloud.attributes, b2ct.cloud.disks]
author:
  - The b2ct maintainers
"""

EXAMPLES = r"""
- name: Prepare the disk of SBD
  b2ct.cloud.sbd_disks:
    disks: {sbd1: {wwid: 3600508b400105e2100009000004b0000, paths: 2}}
    watchdog_timeout: 30
    msgwait: 60
    make: true
  run_once: true
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
running:
  description: Whether SBD runs on this host.
  type: bool
  returned: success
steps:
  description: What was done, or would be, in words.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.b2ct.cloud.plugins.module_utils.san import ERASE, each, run
from ansible_collections.b2ct.cloud.plugins.module_utils.sbd import (
    Header,
    header_steps,
    look,
    refusals,
)
from ansible_collections.b2ct.cloud.plugins.module_utils.steps import Steps


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "disks": {"type": "dict", "required": True},
            "watchdog_timeout": {"type": "int", "required": True},
            "msgwait": {"type": "int", "required": True},
            **ERASE,
            "make": {"type": "bool", "default": False},
            "running": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    given = module.params
    wanted = Header(given["watchdog_timeout"], given["msgwait"])
    seen, problems = each(given["disks"], lambda lun: look(run, lun))
    runs = run("systemctl", "is-active", "--quiet", "sbd")[0] == 0
    # Who only looks does not know of the other members; who makes is told.
    problems += refusals(seen, wanted, given["erase"], given["running"])
    if problems:
        module.fail_json(msg="; ".join(problems), problems=problems)
    steps = Steps(module, run)
    for name, disk in seen.items() if given["make"] else ():
        steps.take(header_steps(name, disk, wanted))
    module.exit_json(
        devices={name: one.device for name, one in seen.items()},
        sizes={name: one.size for name, one in seen.items()},
        running=runs,
        **steps.result(),
    )


if __name__ == "__main__":
    main()
