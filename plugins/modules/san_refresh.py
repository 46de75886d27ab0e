"""Ansible module: lets the kernel of a member take over a shared volume that has grown."""

# ruff: noqa: E402 - the documentation stands where Ansible expects it

from __future__ import annotations

DOCUMENTATION = r"""
module: san_refresh
short_description: Lets the kernel of a member take over a shared volume that has grown
version_added: "0.1.0"
description:
  - A shared volume that one member extends keeps its size in the kernels of the others, until they
    load it anew. A file system that grew before that would be written beyond its end there.
  - Run it on every member, before M(b2ct.cloud.san_files). A volume that is not active is left.
extends_documentation_fragment:
  - b2ct.cloud.attributes
  - b2ct.cloud.disks.volume
author:
  - The b2ct maintainers
"""

EXAMPLES = r"""
- name: Take over a volume that has grown
  b2ct.cloud.san_refresh:
    volume_group: vg-san
    name: one
"""

RETURN = r"""
steps:
  description: What was done, or would be, in words.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.b2ct.cloud.plugins.module_utils.san import VOLUME, run
from ansible_collections.b2ct.cloud.plugins.module_utils.san_volume import refresh_steps
from ansible_collections.b2ct.cloud.plugins.module_utils.steps import Steps


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=VOLUME, supports_check_mode=True)
    steps = Steps(module, run)
    steps.take(refresh_steps(run, module.params["volume_group"], module.params["name"]))
    module.exit_json(**steps.result())


if __name__ == "__main__":
    main()
