"""Ansible module: the watchdog of a member that SBD watches over."""

# ruff: noqa: E402 - the documentation stands where Ansible expects it

from __future__ import annotations

DOCUMENTATION = r"""
module: sbd_watchdog
short_description: Finds the watchdog of a machine, and gives it softdog where there is none
version_added: "0.1.0"
description:
  - Loads the kernel module that O(module) names; without a name, C(softdog) where the kernel has
    found no watchdog of the hardware. Fails where O(device) is not there then. Arms nothing.
  - What must be loaded at the next start is returned, and for the caller to write down.
options:
  device:
    description: The device of the watchdog.
    type: path
    default: /dev/watchdog
  module:
    description: The kernel module; empty for what the system has, else C(softdog).
    type: str
    default: ""
extends_documentation_fragment: [b2ct.cloud.attributes.no_diff]
author:
  - The b2ct maintainers
"""

EXAMPLES = r"""
- name: Find the watchdog
  b2ct.cloud.sbd_watchdog:
    device: /dev/watchdog
"""

RETURN = r"""
identity:
  description: What the watchdog calls itself; empty where check mode loaded none.
  type: str
  returned: success
software:
  description: Whether no hardware stands behind it.
  type: bool
  returned: success
module:
  description: The kernel module to load at every start; empty for none.
  type: str
  returned: success
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.b2ct.cloud.plugins.module_utils.san import run
from ansible_collections.b2ct.cloud.plugins.module_utils.watchdog import (
    SOFT_MODULE,
    behind,
    loaded,
    module_for,
    watchdogs,
)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "device": {"type": "path", "default": "/dev/watchdog"},
            "module": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    device = module.params["device"]
    needed = module_for(module.params["module"], watchdogs())
    changed = bool(needed) and not loaded(needed)
    if changed and module.check_mode:
        module.exit_json(changed=True, identity="", software=needed == SOFT_MODULE, module=needed)
    if changed:
        rc, _, err = run("modprobe", needed)
        if rc != 0:
            module.fail_json(msg=f"the kernel cannot load {needed}: {err.strip()}")
    found = watchdogs()
    here = behind(device, found)
    if here is None or not Path(device).exists():
        others = ", ".join(f"/dev/{one.name} ({one.identity})" for one in found.values())
        module.fail_json(msg=f"there is no watchdog {device}; there is {others or 'none at all'}")
    module.exit_json(
        changed=changed, identity=here.identity, software=here.is_software, module=needed
    )


if __name__ == "__main__":
    main()
