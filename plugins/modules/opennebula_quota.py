#!/usr/bin/python
"""The module ``b2ct.cloud.opennebula_quota``."""

# The imports below the documentation are where Ansible expects them.
# ruff: noqa: E402

from __future__ import annotations

DOCUMENTATION = r"""
module: opennebula_quota
short_description: Keeps the quotas of a user or a group of OpenNebula
version_added: "0.1.0"
description:
  - Sets limits. Those that the task does not name stay; oned itself would reset them.
  - A limit is a number, C(unlimited), or C(default) for what oned gives to all.
  - With C(state=absent) the named limits, or all where none is named, become C(default).
author:
  - The b2ct maintainers
extends_documentation_fragment:
  - b2ct.cloud.opennebula
options:
  user:
    description: The user it limits.
    type: str
  group:
    description: The group it limits.
    type: str
  vm:
    description:
      - Limits of virtual machines, such as C(VMS), C(CPU), C(MEMORY) (in MB), C(RUNNING_VMS) and
        C(SYSTEM_DISK_SIZE) (in MB).
    type: dict
  datastores:
    description: Limits by datastore name, C(SIZE) (in MB) and C(IMAGES).
    type: dict
  networks:
    description: Limits by virtual network name, C(LEASES).
    type: dict
  images:
    description: Limits by image name, C(RVMS).
    type: dict
"""

EXAMPLES = r"""
- name: Limit the experiment
  b2ct.cloud.opennebula_quota:
    group: belle
    vm: {CPU: 200, MEMORY: 409600, VMS: 100}
    datastores:
      images: {SIZE: 200000, IMAGES: unlimited}
    networks:
      public: {LEASES: 20}
"""

RETURN = r"""
changes:
  description: What was done, or in check mode would be done, in words.
  returned: always
  type: list
  elements: str
  sample: [limit CPU of group 'belle' to 200]
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
    Kind,
    Plan,
    Step,
    run,
)
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.errors import OneError
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.xml import (
    attributes_of,
    number_of,
)

_WORDS = {"default": "-1", "unlimited": "-2"}
_NAMES = {value: word for word, value in _WORDS.items()}
#: option -> (name in a quota template, kind of what it limits)
_SECTIONS = {
    "vm": ("VM", None),
    "datastores": ("DATASTORE", "datastore"),
    "networks": ("NETWORK", "network"),
    "images": ("IMAGE", "image"),
}


class Quota(Kind):
    """The limits of a user or a group."""

    absent_is_change: ClassVar[bool] = True

    @property
    def whose(self) -> str:
        return "user" if self.params["user"] else "group"

    @property
    def label(self) -> str:
        return f"{self.whose} {self.params[self.whose]!r}"

    def find(self) -> Element | None:
        number = self.directory.number(self.whose, self.params[self.whose])
        if number < 0:
            return None
        element: Element = self.client.info(f"one.{self.whose}.info", number)
        return element

    def plan(self, element: Element | None) -> Plan:
        if element is None:  # in check mode, before its user or group is made
            return Plan([Step(f"limit {self.label}", "")], {}, {})
        plan = Plan([])
        for option, (word, kind) in _SECTIONS.items():
            present = _present(element, word)
            for ident, limits in self._wanted(option, kind, present).items():
                plan.steps += self._compare(
                    element, plan, (word, ident), limits, present.get(ident, {})
                )
        return plan

    def _wanted(
        self, option: str, kind: str | None, present: dict[str, dict[str, str]]
    ) -> dict[str, dict[str, str]]:
        """Give the wanted limits by the number of what they limit, an empty one for machines."""
        given = self.params[option]
        gone = self.params["state"] == "absent"
        if given is None:
            nothing_named = all(self.params[name] is None for name in _SECTIONS)
            if not (gone and nothing_named):
                return {}
            return {ident: dict.fromkeys(limits, "-1") for ident, limits in present.items()}
        sections = {"": given} if kind is None else given
        wanted = {}
        for name, limits in sections.items():
            ident = "" if kind is None else str(self.directory.number(kind, str(name)))
            if not isinstance(limits, dict):
                raise OneError(f"{option} of {self.label} must map names to limits")
            wanted[ident] = {
                str(key).upper(): "-1" if gone else _limit(value, f"{option}: {key}")
                for key, value in limits.items()
            }
        return wanted

    def _compare(
        self,
        element: Element,
        plan: Plan,
        what: tuple[str, str],
        wanted: dict[str, str],
        present: dict[str, str],
    ) -> list[Step]:
        word, ident = what
        differing = {k: v for k, v in wanted.items() if not _equal(v, present.get(k, "-1"))}
        if not differing:
            return []
        # A metric that a call does not name falls back to the default: name all.
        sent = {**({"ID": ident} if ident else {}), **present, **wanted}
        shown = ", ".join(f"{k} to {_NAMES.get(v, v)}" for k, v in sorted(differing.items()))
        where = f" ({word.lower()} {ident})" if ident else ""
        for key, value in differing.items():
            name = f"{word.lower()}{where}.{key}"
            plan.before[name] = _NAMES.get(present.get(key, "-1"), present.get(key))
            plan.after[name] = _NAMES.get(value, value)
        return [
            Step(
                f"limit {shown} for {self.label}{where}",
                f"one.{self.whose}.quota",
                (number_of(element, "ID"), texts.compose({word: sent})),
            )
        ]


def _present(element: Element, word: str) -> dict[str, dict[str, str]]:
    """Give the limits that are set, by the number of what they limit."""
    found = {}
    for part in element.findall(f"{word}_QUOTA/{word}"):
        values = attributes_of(part)
        ident = values.pop("ID", "") if word != "VM" else ""
        found[ident] = {k: v for k, v in values.items() if not k.endswith("_USED")}
    return found


def _limit(value: Any, where: str) -> str:  # noqa: ANN401 - YAML data
    text = str(value).strip().lower()
    if text in _WORDS:
        return _WORDS[text]
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if number < 0 or isinstance(value, bool):
        raise OneError(f"{where} {value!r} is no limit", "write a number, unlimited or default")
    return str(int(number)) if number == int(number) else text


def _equal(one: str, other: str) -> bool:
    try:
        return abs(float(one) - float(other)) < 0.005  # oned keeps two decimals
    except ValueError:
        return one == other


def main() -> None:
    """Run the module."""
    run(
        Quota,
        {"user": {"type": "str"}, "group": {"type": "str"}}
        | {option: {"type": "dict"} for option in _SECTIONS},
        required_one_of=[("user", "group")],
        mutually_exclusive=[("user", "group")],
    )


if __name__ == "__main__":
    main()
