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
  erase:
    description: Disks whose contents may be lost.
    type: list
    elements: str
    default: []
  make:
    description: Write headers where they are missing.
    type: bool
    default: false
  running:
    description: Hosts on which SBD runs; a header is not replaced under them.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  platform:
    platforms: posix
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
from ansible_collections.b2ct.cloud.plugins.module_utils.san import Lun, SanError, run
from ansible_collections.b2ct.cloud.plugins.module_utils.sbd import (
    Header,
    commands,
    first_bytes,
    look,
    refusals,
)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "disks": {"type": "dict", "required": True},
            "watchdog_timeout": {"type": "int", "required": True},
            "msgwait": {"type": "int", "required": True},
            "erase": {"type": "list", "elements": "str", "default": []},
            "make": {"type": "bool", "default": False},
            "running": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    given = module.params
    wanted = Header(given["watchdog_timeout"], given["msgwait"])
    seen = {}
    problems = []
    for name, said in given["disks"].items():
        try:
            seen[name] = look(run, first_bytes, Lun(name, said["wwid"], int(said["paths"])))
        except SanError as error:
            problems.append(str(error))
    runs = run("systemctl", "is-active", "--quiet", "sbd")[0] == 0
    # Who only looks does not know of the other members; who makes is told.
    problems += refusals(seen, wanted, given["erase"], given["running"])
    if problems:
        module.fail_json(msg="; ".join(problems), problems=problems)
    steps = []
    for name, disk in seen.items() if given["make"] else ():
        for argv in commands(disk, wanted):
            what = "erase" if argv[0] == "wipefs" else f"prepare with {wanted}"
            steps.append(f"{what}: {name} ({disk.device})")
            rc, out, err = (0, "", "") if module.check_mode else run(*argv)
            if rc != 0:
                module.fail_json(msg=f"cannot {steps[-1]}: {(err or out).strip()}", steps=steps)
    module.exit_json(
        changed=bool(steps),
        devices={name: one.device for name, one in seen.items()},
        sizes={name: one.size for name, one in seen.items()},
        running=runs,
        steps=steps,
        diff={"before": "", "after": "".join(f"{step}\n" for step in steps)},
    )


if __name__ == "__main__":
    main()
