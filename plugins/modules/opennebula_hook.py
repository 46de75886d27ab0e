#!/usr/bin/python
"""The module ``b2ct.cloud.opennebula_hook``."""

# The imports below the documentation are where Ansible expects them.
# ruff: noqa: E402

from __future__ import annotations

DOCUMENTATION = r"""
module: opennebula_hook
short_description: Keeps a hook of OpenNebula
version_added: "0.1.0"
description:
  - Makes, changes and removes hooks, the commands that oned runs when something happens.
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

  type:
    description:
      - What it waits for, a C(state) of a resource or a call of the C(api). Needed for a new one.
    type: str
    choices: [state, api]
  resource:
    description: The kind of resource whose state counts.
    type: str
    choices: [VM, HOST, IMAGE, NET]
  event:
    description:
      - The event of a virtual machine, such as C(RUNNING); C(CUSTOM) with C(resource_state) and
        C(lcm_state).
    type: str
    choices: [PROLOG, RUNNING, SHUTDOWN, STOP, DONE, UNKNOWN, CUSTOM]
  resource_state:
    description: The state that counts, such as C(ERROR) of a host.
    type: str
  lcm_state:
    description: The state of a virtual machine's life cycle, with C(event=CUSTOM).
    type: str
  call:
    description: The call that counts, such as C(one.vm.allocate).
    type: str
  command:
    description: What is run, below the hooks folder of the front-end or absolute.
    type: str
  arguments:
    description: Its arguments, such as C($TEMPLATE -m -p 5).
    type: str
  arguments_stdin:
    description: Whether it gets the arguments on its standard input.
    type: bool
  remote:
    description: Whether it is run on the host instead of the front-end.
    type: bool
"""

EXAMPLES = r"""
- name: Start virtual machines of a lost host elsewhere
  b2ct.cloud.opennebula_hook:
    name: host_error
    type: state
    resource: HOST
    resource_state: ERROR
    command: ft/host_error.rb
    arguments: $TEMPLATE -m -p 5
    arguments_stdin: true
"""

RETURN = r"""
changes:
  description: What was done, or in check mode would be done, in words.
  returned: always
  type: list
  elements: str
  sample: [create hook 'host_error']
id:
  description: Its number; null where there is none (yet).
  returned: success
  type: int
  sample: 100
"""

from typing import Any, ClassVar
from xml.etree.ElementTree import Element

from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula import template as texts
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.engine import (
    NAMED,
    TEMPLATE,
    Kind,
    Step,
    run,
)
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.errors import OneError
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.xml import text_of

#: oned forgets ON and keeps what it means.
_ON = {
    "PROLOG": ("ACTIVE", "PROLOG"),
    "RUNNING": ("ACTIVE", "RUNNING"),
    "SHUTDOWN": ("ACTIVE", "EPILOG"),
    "STOP": ("STOPPED", "LCM_INIT"),
    "DONE": ("DONE", "LCM_INIT"),
    "UNKNOWN": ("ACTIVE", "UNKNOWN"),
}
_KEYS = {
    "resource": "RESOURCE",
    "resource_state": "STATE",
    "lcm_state": "LCM_STATE",
    "call": "CALL",
    "command": "COMMAND",
    "arguments": "ARGUMENTS",
    "arguments_stdin": "ARGUMENTS_STDIN",
    "remote": "REMOTE",
}


class Hook(Kind):
    """A hook."""

    noun: ClassVar[str] = "hook"
    prefix: ClassVar[str] = "one.hook"

    def wanted_template(self) -> dict[str, Any]:
        given = {
            key: self.params[name] for name, key in _KEYS.items() if self.params[name] is not None
        }
        wanted = {**super().wanted_template(), **texts.normalised(given)}
        if self.params["event"] in _ON:
            wanted["STATE"], wanted["LCM_STATE"] = _ON[self.params["event"]]
        return wanted

    def refuse(self, element: Element) -> None:
        kind, resource = text_of(element, "TYPE"), text_of(element, "TEMPLATE/RESOURCE")
        for name, present in (("type", kind), ("resource", resource)):
            if self.params[name] and self.params[name] != present:
                raise OneError(
                    f"{self.label} has {name} {present!r}, which cannot be changed",
                    "remove it first with state: absent",
                )

    def create(self) -> Step:
        if not self.params["type"]:
            raise OneError(f"{self.label} is new and has no type", "write type: state or api")
        text = {"NAME": self.params["name"], "TYPE": self.params["type"]}
        if self.params["resource"] == "VM":
            text["ON"] = self.params["event"] or "CUSTOM"
        composed = texts.compose({**self.wanted_template(), **text})
        return Step(f"create {self.label}", "one.hook.allocate", (composed,))


def main() -> None:
    """Run the module."""
    run(
        Hook,
        {
            **NAMED,
            **TEMPLATE,
            "type": {"type": "str", "choices": ["state", "api"]},
            "resource": {"type": "str", "choices": ["VM", "HOST", "IMAGE", "NET"]},
            "event": {"type": "str", "choices": [*_ON, "CUSTOM"]},
            "resource_state": {"type": "str"},
            "lcm_state": {"type": "str"},
            "call": {"type": "str"},
            "command": {"type": "str"},
            "arguments": {"type": "str"},
            "arguments_stdin": {"type": "bool"},
            "remote": {"type": "bool"},
        },
    )


if __name__ == "__main__":
    main()
