#!/usr/bin/python
"""The module ``b2ct.cloud.opennebula_image``."""

# The imports below the documentation are where Ansible expects them.
# ruff: noqa: E402

from __future__ import annotations

DOCUMENTATION = r"""
module: opennebula_image
short_description: Keeps an image of OpenNebula
version_added: "0.1.0"
description:
  - Registers images, changes and removes them, and waits until their data are in the datastore.
  - An image's datastore and source cannot be changed; the module says so rather than making another
    one.
author:
  - The b2ct maintainers
extends_documentation_fragment:
  - b2ct.cloud.opennebula
  - b2ct.cloud.opennebula.template
  - b2ct.cloud.opennebula.owned
  - b2ct.cloud.opennebula.waiting
options:
  name:
    description: Its name.
    type: str
    required: true

  datastore:
    description: The datastore that holds it. Needed for a new one.
    type: str
  type:
    description: What it is. A new one without it is what oned.conf says, C(os) as a rule.
    type: str
    choices: [os, cdrom, datablock, kernel, ramdisk, context]
  path:
    description: A file on the front-end or a web address that its data come from.
    type: str
  size:
    description: Size in MB of an empty one; counts only when it is made.
    type: int
  format:
    description: Format of an empty one, such as C(qcow2); counts only when it is made.
    type: str
  persistent:
    description: Whether a virtual machine's changes stay in it.
    type: bool
"""

EXAMPLES = r"""
- name: Keep the image of the worker nodes
  b2ct.cloud.opennebula_image:
    name: worker
    datastore: images
    path: /var/tmp/worker.qcow2
    template:
      DEV_PREFIX: vd
    mode: '644'
"""

RETURN = r"""
changes:
  description: What was done, or in check mode would be done, in words.
  returned: always
  type: list
  elements: str
  sample: [create image 'worker']
id:
  description: Its number; null where there is none (yet).
  returned: success
  type: int
  sample: 100
"""

import time
from typing import Any, ClassVar
from xml.etree.ElementTree import Element

from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula import template as texts
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.engine import (
    NAMED,
    TEMPLATE,
    WAITING,
    Step,
    run,
)
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.errors import OneError
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.owned import OWNED, Owned
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.xml import number_of, text_of

_TYPES = ("os", "cdrom", "datablock", "kernel", "ramdisk", "context", "backup", "filesystem")
_LOCKED = (4, 9, 10)
_ERROR, _DELETE = 5, 7


class Image(Owned):
    """An image."""

    noun: ClassVar[str] = "image"
    prefix: ClassVar[str] = "one.image"
    failure_hint: ClassVar[str] = "mend the cause, remove it with state: absent, and run this again"

    def settings(self, element: Element) -> dict[str, Any]:
        return {
            **super().settings(element),
            "type": _TYPES[number_of(element, "TYPE", 0)],
            "persistent": number_of(element, "PERSISTENT") == 1,
        }

    def wanted(self) -> dict[str, Any]:
        wanted = super().wanted()
        for key in ("type", "persistent"):
            if self.params[key] is not None:
                wanted[key] = self.params[key]
        return wanted

    def refuse(self, element: Element) -> None:
        for key, tag in (("datastore", "DATASTORE"), ("path", "PATH")):
            present = text_of(element, tag)
            if self.params[key] and self.params[key] != present:
                raise OneError(
                    f"{self.label} has {key} {present!r}, which cannot be changed to"
                    f" {self.params[key]!r}",
                    "give the new one another name, or remove the old one first with state: absent",
                )

    def create(self) -> Step:
        if not self.params["datastore"]:
            raise OneError(f"{self.label} is new and names no datastore", "add datastore:")
        given = {
            "NAME": self.params["name"],
            **{
                key.upper(): self.params[key]
                for key in ("type", "path", "size", "format", "persistent")
                if self.params[key] is not None
            },
        }
        given["TYPE"] = given["TYPE"].upper() if "TYPE" in given else None
        given = {key: value for key, value in given.items() if value is not None}
        text = texts.compose({**texts.normalised(given), **self.wanted_template()})
        number = self.directory.number("datastore", self.params["datastore"])
        return Step(f"create {self.label}", "one.image.allocate", (text, number))

    def before(self, step: Step) -> None:
        """Wait until oned knows the room of a new datastore: it refuses images until then."""
        if step.method != "one.image.allocate":
            return
        # oned looks at each datastore every five minutes.
        deadline = time.monotonic() + min(self.params["wait_timeout"], 330)
        while time.monotonic() < deadline:
            store = self.client.info("one.datastore.info", step.arguments[1])
            if number_of(store, "TOTAL_MB", 0) > 0:
                return
            time.sleep(1)

    def change(self, key: str, before: Any, after: Any, number: int) -> list[Step]:  # noqa: ANN401
        if key == "type":
            words = f"change the type of {self.label} from {before} to {after}"
            return [Step(words, "one.image.chtype", (number, after.upper()))]
        if key == "persistent":
            words = f"make {self.label} {'' if after else 'not '}persistent"
            return [Step(words, "one.image.persistent", (number, after))]
        return super().change(key, before, after, number)

    def pending(self, element: Element) -> str | None:
        if number_of(element, "STATE") in _LOCKED:
            return "its data are on their way into the datastore"
        return None

    def failed(self, element: Element) -> str | None:
        if number_of(element, "STATE") != _ERROR:
            return None
        return text_of(element, "TEMPLATE/ERROR") or "oned does not say why"

    def still_there(self, element: Element) -> None:
        if number_of(element, "STATE") == _ERROR:
            raise OneError(
                f"{self.label} cannot be removed: {self.failed(element)}",
                "mend the cause and run this again",
            )


def main() -> None:
    """Run the module."""
    run(
        Image,
        {
            **NAMED,
            **TEMPLATE,
            **OWNED,
            **WAITING,
            "datastore": {"type": "str"},
            "type": {"type": "str", "choices": list(_TYPES[:6])},
            "path": {"type": "str"},
            "size": {"type": "int"},
            "format": {"type": "str"},
            "persistent": {"type": "bool"},
        },
    )


if __name__ == "__main__":
    main()
