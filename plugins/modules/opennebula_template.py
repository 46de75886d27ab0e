#!/usr/bin/python
"""The module ``b2ct.cloud.opennebula_template``."""

# The imports below the documentation are where Ansible expects them.
# ruff: noqa: E402

from __future__ import annotations

DOCUMENTATION = r"""
module: opennebula_template
short_description: Keeps a virtual machine template of OpenNebula
version_added: "0.1.0"
description:
  - Makes, changes and removes templates of virtual machines. Nothing in a template is compulsory;
    one without C(VCPU) is as good as any.
author:
  - The b2ct maintainers
extends_documentation_fragment:
  - b2ct.cloud.opennebula
  - b2ct.cloud.opennebula.template
  - b2ct.cloud.opennebula.owned
options:
  name:
    description: Its name.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Keep the flavour of the worker nodes
  b2ct.cloud.opennebula_template:
    name: worker
    mode: '644'
    template:
      CPU: 4
      MEMORY: 8192
      DISK:
        - {IMAGE: worker}
        - {TYPE: fs, SIZE: 40960}
      NIC: {NETWORK: private}
      CONTEXT: {NETWORK: true}

- name: Keep one that is written in OpenNebula's own syntax
  b2ct.cloud.opennebula_template:
    name: login
    template: "{{ lookup('ansible.builtin.file', 'login.tmpl') }}"
"""

RETURN = r"""
changes:
  description: What was done, or in check mode would be done, in words.
  returned: always
  type: list
  elements: str
  sample: [create template 'worker']
id:
  description: Its number; null where there is none (yet).
  returned: success
  type: int
  sample: 100
"""

from typing import ClassVar

from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula import template as texts
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.engine import (
    NAMED,
    TEMPLATE,
    Step,
    run,
)
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.owned import OWNED, Owned


class Template(Owned):
    """A template of virtual machines."""

    noun: ClassVar[str] = "template"
    prefix: ClassVar[str] = "one.template"

    def create(self) -> Step:
        text = texts.compose({**self.wanted_template(), "NAME": self.params["name"]})
        return Step(f"create {self.label}", "one.template.allocate", (text,))


def main() -> None:
    """Run the module."""
    run(Template, {**NAMED, **TEMPLATE, **OWNED})


if __name__ == "__main__":
    main()
