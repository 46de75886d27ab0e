#!/usr/bin/python
"""The module ``b2ct.cloud.opennebula_datastore``."""

# The imports below the documentation are where Ansible expects them.
# ruff: noqa: E402

from __future__ import annotations

DOCUMENTATION = r"""
module: opennebula_datastore
short_description: Keeps a datastore of OpenNebula
version_added: "0.1.0"
description:
  - Makes, changes and removes datastores. Attributes are laid over those that are there, so
    C(RESTRICTED_DIRS), C(SAFE_DIRS) and what oned derives from the drivers stay.
author:
  - The b2ct maintainers
extends_documentation_fragment:
  - b2ct.cloud.opennebula
  - b2ct.cloud.opennebula.template
  - b2ct.cloud.opennebula.owned
  - b2ct.cloud.opennebula.clustered
options:
  name:
    description: Its name.
    type: str
    required: true

  type:
    description: What it holds. A new one without it holds images.
    type: str
    choices: [image, system, file, backup]
  ds_mad:
    description: The datastore driver, such as C(fs). A system datastore has none.
    type: str
  tm_mad:
    description: The transfer driver, such as C(ssh) (6.10), C(local) (7.x), C(shared) or C(qcow2).
    type: str
"""

EXAMPLES = r"""
- name: Keep the image datastore of the site
  b2ct.cloud.opennebula_datastore:
    name: images
    type: image
    ds_mad: fs
    tm_mad: shared
    clusters: [production]
    template:
      LIMIT_MB: 500000
"""

RETURN = r"""
changes:
  description: What was done, or in check mode would be done, in words.
  returned: always
  type: list
  elements: str
  sample: [create datastore 'images']
id:
  description: Its number; null where there is none (yet).
  returned: success
  type: int
  sample: 100
"""

from typing import Any, ClassVar
from xml.etree.ElementTree import Element

from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula import template as texts
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.clustered import (
    CLUSTERED,
    Clustered,
)
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.engine import (
    NAMED,
    TEMPLATE,
    Step,
    run,
)
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.errors import OneError
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.merge import lacking
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.owned import OWNED
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.xml import number_of

_TYPES = ("image", "system", "file", "backup")
_DISK_TYPES = {0: "FILE", 1: "CD_ROM", 2: "BLOCK", 3: "RBD"}


class Datastore(Clustered):
    """A datastore."""

    noun: ClassVar[str] = "datastore"
    prefix: ClassVar[str] = "one.datastore"
    member: ClassVar[str] = "datastore"
    unique: ClassVar[bool] = True
    top_level: ClassVar[tuple[str, ...]] = ("DS_MAD", "TM_MAD")

    def template(self, element: Element) -> dict[str, Any]:
        found = super().template(element)
        kind = number_of(element, "TYPE", 0)
        found["TYPE"] = f"{_TYPES[kind].upper()}_DS"
        disk = number_of(element, "DISK_TYPE", 0)
        found["DISK_TYPE"] = _DISK_TYPES.get(disk, found.get("DISK_TYPE", ""))
        return found

    def wanted_template(self) -> dict[str, Any]:
        wanted = super().wanted_template()
        given = {key.upper(): self.params[key] for key in ("ds_mad", "tm_mad") if self.params[key]}
        if self.params["type"]:
            given["TYPE"] = f"{self.params['type']}_DS"
        wanted.update(texts.normalised(given))
        for key in ("TYPE", "DISK_TYPE"):
            if key in wanted:
                wanted[key] = wanted[key].upper()
        if wanted.get("TYPE") == "SYSTEM_DS" and "DS_MAD" in wanted:
            raise OneError(f"{self.label} is a system datastore, which has no ds_mad", "remove it")
        return wanted

    def refuse(self, element: Element) -> None:
        images = element.findall("IMAGES/ID")
        wanted = self.wanted_template()
        for key in ("TYPE", "LVM_THIN_ENABLE"):
            only = {key: wanted[key]} if key in wanted else {}
            if images and lacking(only, self.template(element)):
                raise OneError(
                    f"{self.label} holds {len(images)} images, so its {key} cannot be changed",
                    "make another datastore, or move the images first",
                )

    def create(self) -> Step:
        text = texts.compose({"NAME": self.params["name"], **self.wanted_template()})
        return Step(f"create {self.label}", "one.datastore.allocate", (text, self.first_cluster()))


def main() -> None:
    """Run the module."""
    run(
        Datastore,
        {
            **NAMED,
            **TEMPLATE,
            **OWNED,
            **CLUSTERED,
            "type": {"type": "str", "choices": list(_TYPES)},
            "ds_mad": {"type": "str"},
            "tm_mad": {"type": "str"},
        },
    )


if __name__ == "__main__":
    main()
