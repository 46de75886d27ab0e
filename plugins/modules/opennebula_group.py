#!/usr/bin/python
"""The module ``b2ct.cloud.opennebula_group``."""

# The imports below the documentation are where Ansible expects them.
# ruff: noqa: E402

from __future__ import annotations

DOCUMENTATION = r"""
module: opennebula_group
short_description: Keeps a group of OpenNebula
version_added: "0.1.0"
description:
  - Makes, changes and removes groups. Users name their groups themselves (see
    M(b2ct.cloud.opennebula_user)); a group's administrators must be in it.
author:
  - The b2ct maintainers
extends_documentation_fragment:
  - b2ct.cloud.opennebula
  - b2ct.cloud.opennebula.template
options:
  name:
    description: Its name.
    type: str
    required: true

  admins:
    description: Names of all its administrators. Left alone if absent.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Keep the group of the experiment
  b2ct.cloud.opennebula_group:
    name: belle
    template:
      SUNSTONE: {DEFAULT_VIEW: cloud}
"""

RETURN = r"""
changes:
  description: What was done, or in check mode would be done, in words.
  returned: always
  type: list
  elements: str
  sample: [create group 'belle']
id:
  description: Its number; null where there is none (yet).
  returned: success
  type: int
  sample: 100
"""

from typing import Any, ClassVar
from xml.etree.ElementTree import Element

from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.engine import (
    NAMED,
    TEMPLATE,
    Kind,
    Step,
    run,
)
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.xml import ids_of


class Group(Kind):
    """A group."""

    noun: ClassVar[str] = "group"
    prefix: ClassVar[str] = "one.group"

    def settings(self, element: Element) -> dict[str, Any]:
        names = [self.directory.name("user", number) for number in ids_of(element, "ADMINS/ID")]
        return {"admins": sorted(names)}

    def wanted(self) -> dict[str, Any]:
        if self.params["admins"] is None:
            return {}
        return {"admins": sorted(set(self.params["admins"]))}

    def create(self) -> Step:
        return Step(f"create {self.label}", "one.group.allocate", (self.params["name"],))

    def change(self, key: str, before: Any, after: Any, number: int) -> list[Step]:  # noqa: ANN401
        steps = []
        for name in after:
            if name not in before:
                user = self.directory.number("user", name)
                words = f"make user {name!r} an administrator of {self.label}"
                steps.append(Step(words, "one.group.addadmin", (number, user)))
        for name in before:
            if name not in after:
                user = self.directory.number("user", name)
                words = f"let user {name!r} administer {self.label} no more"
                steps.append(Step(words, "one.group.deladmin", (number, user)))
        return steps


def main() -> None:
    """Run the module."""
    run(Group, {**NAMED, **TEMPLATE, "admins": {"type": "list", "elements": "str"}})


if __name__ == "__main__":
    main()
