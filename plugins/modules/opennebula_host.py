#!/usr/bin/python
"""The module ``b2ct.cloud.opennebula_host``."""

# The imports below the documentation are where Ansible expects them.
# ruff: noqa: E402

from __future__ import annotations

DOCUMENTATION = r"""
module: opennebula_host
short_description: Keeps a host of OpenNebula
version_added: "0.1.0"
description:
  - Adds, changes and removes the machines that run virtual machines, and waits until oned
    monitors them.
  - A host stays in its cluster where the task names none.
author:
  - The b2ct maintainers
extends_documentation_fragment:
  - b2ct.cloud.opennebula
  - b2ct.cloud.opennebula.template
  - b2ct.cloud.opennebula.waiting
options:
  name:
    description: Its name.
    type: str
    required: true

  cluster:
    description: The cluster it belongs to. Left where it is if absent; a new one is in C(default).
    type: str
  im_mad:
    description: How it is monitored. A new host without it gets C(kvm).
    type: str
  vm_mad:
    description: How its virtual machines are run. A new host without it gets C(kvm).
    type: str
  status:
    description:
      - C(enabled), C(disabled) (takes no new virtual machines) or C(offline) (is not even
        monitored). Left alone if absent.
    type: str
    choices: [enabled, disabled, offline]
"""

EXAMPLES = r"""
- name: Keep a hypervisor
  b2ct.cloud.opennebula_host:
    name: node1.cloud.example.org
    cluster: production

- name: Take it out of service before repair
  b2ct.cloud.opennebula_host:
    name: node1.cloud.example.org
    status: disabled
"""

RETURN = r"""
changes:
  description: What was done, or in check mode would be done, in words.
  returned: always
  type: list
  elements: str
  sample: [create host 'node1']
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
    WAITING,
    Kind,
    Step,
    run,
)
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.xml import number_of, text_of

_STATUS = {"enabled": 0, "disabled": 1, "offline": 2}
#: States of a host: monitored, in error, disabled, offline; what is left waits for monitoring.
_ON, _ERROR, _DISABLED, _OFFLINE = 2, 3, 4, 8


class Host(Kind):
    """A hypervisor."""

    noun: ClassVar[str] = "host"
    prefix: ClassVar[str] = "one.host"
    top_level: ClassVar[tuple[str, ...]] = ("IM_MAD", "VM_MAD")
    recovers: ClassVar[bool] = True
    failure_hint: ClassVar[str] = (
        "see on the front-end whether oneadmin reaches it: ssh HOST true, and its"
        " /var/log/one/oned.log"
    )

    def settings(self, element: Element) -> dict[str, Any]:
        state = number_of(element, "STATE")
        status = {_DISABLED: "disabled", _OFFLINE: "offline"}.get(state, "enabled")
        return {"cluster": text_of(element, "CLUSTER"), "status": status}

    def wanted(self) -> dict[str, Any]:
        return {key: self.params[key] for key in ("cluster", "status") if self.params[key]}

    def wanted_template(self) -> dict[str, Any]:
        given = {key.upper(): self.params[key] for key in ("im_mad", "vm_mad") if self.params[key]}
        return {**super().wanted_template(), **texts.normalised(given)}

    def create(self) -> Step:
        cluster = self.params["cluster"]
        number = self.directory.number("cluster", cluster) if cluster else -1
        drivers = (self.params["im_mad"] or "kvm", self.params["vm_mad"] or "kvm")
        return Step(
            f"create {self.label}", "one.host.allocate", (self.params["name"], *drivers, number)
        )

    def change(self, key: str, before: Any, after: Any, number: int) -> list[Step]:  # noqa: ANN401
        if key == "status":
            words = f"make {self.label} {after}"
            return [Step(words, "one.host.status", (number, _STATUS[after]))]
        words = f"move {self.label} from cluster {before!r} to {after!r}"
        cluster = self.directory.number("cluster", after)
        return [Step(words, "one.cluster.addhost", (cluster, number))]

    def pending(self, element: Element) -> str | None:
        if number_of(element, "STATE") in (_ON, _ERROR, _DISABLED, _OFFLINE):
            return None
        return "oned has not monitored it yet"

    def failed(self, element: Element) -> str | None:
        if number_of(element, "STATE") != _ERROR:
            return None
        return text_of(element, "TEMPLATE/ERROR") or "its monitoring fails, oned says no more"


def main() -> None:
    """Run the module."""
    run(
        Host,
        {
            **NAMED,
            **TEMPLATE,
            **WAITING,
            "cluster": {"type": "str"},
            "im_mad": {"type": "str"},
            "vm_mad": {"type": "str"},
            "status": {"type": "str", "choices": list(_STATUS)},
        },
    )


if __name__ == "__main__":
    main()
