#!/usr/bin/python
"""The module ``b2ct.cloud.opennebula_acl``."""

# The imports below the documentation are where Ansible expects them.
# ruff: noqa: E402

from __future__ import annotations

DOCUMENTATION = r"""
module: opennebula_acl
short_description: Keeps an ACL rule of OpenNebula
version_added: "0.1.0"
description:
  - Gives and takes rights. A rule is known by everything but its rights; another rule for the same
    users, resources and zone is replaced, the new one first.
  - With C(state=absent) all rules for the same users, resources and zone are removed.
author:
  - The b2ct maintainers
extends_documentation_fragment:
  - b2ct.cloud.opennebula
options:
  users:
    description:
      - Who gets the rights. C(*) for everybody, C(@group), or C(#user), by name. A number after the
        sign counts as a number.
    type: str
    required: true
  resources:
    description: The kinds of resources.
    type: list
    elements: str
    choices: [VM, HOST, NET, IMAGE, USER, TEMPLATE, GROUP, DATASTORE, CLUSTER, DOCUMENT, ZONE,
      SECGROUP, VDC, VROUTER, MARKETPLACE, MARKETPLACEAPP, VMGROUP, VNTEMPLATE, BACKUPJOB]
    required: true
  which:
    description:
      - Which of them. C(*) for all, C(@group) for those of a group, C(%cluster) for those in a
        cluster, C(#name) for one (with a single kind of resource).
    type: str
    default: '*'
  rights:
    description: What they may do. Needed unless C(state=absent).
    type: list
    elements: str
    choices: [USE, MANAGE, ADMIN, CREATE]
  zone:
    description: C(*) for all zones, or C(#) and a number.
    type: str
    default: '#0'
"""

EXAMPLES = r"""
- name: Let the operators look after the hosts of the cluster
  b2ct.cloud.opennebula_acl:
    users: '@operators'
    resources: [HOST]
    which: '%production'
    rights: [USE, MANAGE]
"""

RETURN = r"""
changes:
  description: What was done, or in check mode would be done, in words.
  returned: always
  type: list
  elements: str
  sample: [add the rule @100 HOST/%101 USE+MANAGE #0]
id:
  description: Its number; null where there is none (yet).
  returned: success
  type: int
  sample: 100
"""

from typing import ClassVar
from xml.etree.ElementTree import Element

from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.engine import (
    Kind,
    Plan,
    Step,
    run,
)
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.errors import OneError
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.xml import number_of, text_of

_ONE, _GROUP, _ALL, _CLUSTER = 0x100000000, 0x200000000, 0x400000000, 0x800000000
#: In the order of oned's bits, from the 37th on; ACL and HOOK, which no rule is about, left out.
_BITS = (
    "VM", "HOST", "NET", "IMAGE", "USER", "TEMPLATE", "GROUP", None, "DATASTORE", "CLUSTER",
    "DOCUMENT", "ZONE", "SECGROUP", "VDC", "VROUTER", "MARKETPLACE", "MARKETPLACEAPP", "VMGROUP",
    "VNTEMPLATE", None, "BACKUPJOB",
)  # fmt: skip
_RESOURCES = {name: 0x1000000000 << at for at, name in enumerate(_BITS) if name}
_RIGHTS = {"USE": 1, "MANAGE": 2, "ADMIN": 4, "CREATE": 8}
_KINDS = {
    "HOST": "host",
    "NET": "network",
    "IMAGE": "image",
    "USER": "user",
    "TEMPLATE": "template",
    "GROUP": "group",
    "DATASTORE": "datastore",
    "CLUSTER": "cluster",
    "SECGROUP": "security group",
}


class Acl(Kind):
    """A rule."""

    absent_is_change: ClassVar[bool] = True

    @property
    def label(self) -> str:
        what = "+".join(self._resources)
        return f"rule {self.params['users']} {what}/{self.params['which']}"

    @property
    def _resources(self) -> list[str]:
        return [name for name in _RESOURCES if name in self.params["resources"]]

    def find(self) -> Element | None:
        found: Element = self.client.info("one.acl.info")
        return found

    def plan(self, element: Element | None) -> Plan:
        who, what, zone = self._who(), self._what(), self._zone()
        like = [
            rule
            for rule in ([] if element is None else element.findall("ACL"))
            if (_hex(rule, "USER"), _hex(rule, "RESOURCE"), _hex(rule, "ZONE")) == (who, what, zone)
        ]
        gone = self.params["state"] == "absent"
        if not gone and not self.params["rights"]:
            raise OneError(f"{self.label} gives no rights", "name at least one in rights")
        rights = 0 if gone else sum(_RIGHTS[name] for name in set(self.params["rights"]))
        plan = Plan([])
        if rights and not any(_hex(rule, "RIGHTS") == rights for rule in like):
            text = f"{self.label} {_words(rights)} {self.params['zone']}"
            arguments = tuple(f"{number:x}" for number in (who, what, rights, zone))
            plan.steps.append(Step(f"add {text}", "one.acl.addrule", arguments))
            plan.after["added"] = text
        for rule in like:
            if _hex(rule, "RIGHTS") != rights:
                text = text_of(rule, "STRING")
                number = number_of(rule, "ID")
                words = f"remove rule {number}: {text}"
                plan.steps.append(Step(words, "one.acl.delrule", (number,)))
                plan.before[f"rule {number}"] = text
        return plan

    def _number(self, kind: str, name: str) -> int:
        return int(name) if name.isdigit() else self.directory.number(kind, name)

    def _who(self) -> int:
        users = self.params["users"]
        sign, name = users[:1], users[1:]
        if users == "*":
            return _ALL
        if sign in ("@", "#") and name:
            kind = "group" if sign == "@" else "user"
            return (_GROUP if sign == "@" else _ONE) | max(self._number(kind, name), 0)
        raise OneError(f"users {users!r} is nobody", "write *, @group or #user, in quotes")

    def _what(self) -> int:
        bits = sum(_RESOURCES[name] for name in self._resources)
        which = self.params["which"]
        sign, name = which[:1], which[1:]
        if which == "*":
            return bits | _ALL
        if sign == "@" and name:
            return bits | _GROUP | max(self._number("group", name), 0)
        if sign == "%" and name:
            return bits | _CLUSTER | max(self._number("cluster", name), 0)
        if sign == "#" and name:
            return bits | _ONE | max(self._single(name), 0)
        raise OneError(
            f"which {which!r} is nothing", "write *, @group, %cluster or #name, in quotes"
        )

    def _single(self, name: str) -> int:
        if name.isdigit():
            return int(name)
        if len(self._resources) != 1 or self._resources[0] not in _KINDS:
            raise OneError(
                f"which '#{name}' is a name, and it is not clear of what",
                "name one kind of resource, or write the number",
            )
        return self.directory.number(_KINDS[self._resources[0]], name)

    def _zone(self) -> int:
        zone = self.params["zone"]
        if zone == "*":
            return _ALL
        if zone[:1] == "#" and zone[1:].isdigit():
            return _ONE | int(zone[1:])
        raise OneError(f"zone {zone!r} is none", "write * or #0, in quotes")


def _hex(rule: Element, tag: str) -> int:
    return int(text_of(rule, tag, "0"), 16)


def _words(rights: int) -> str:
    return "+".join(name for name, bit in _RIGHTS.items() if rights & bit)


def main() -> None:
    """Run the module."""
    run(
        Acl,
        {
            "users": {"type": "str", "required": True},
            "resources": {
                "type": "list",
                "elements": "str",
                "required": True,
                "choices": list(_RESOURCES),
            },
            "which": {"type": "str", "default": "*"},
            "rights": {"type": "list", "elements": "str", "choices": list(_RIGHTS)},
            "zone": {"type": "str", "default": "#0"},
        },
    )


if __name__ == "__main__":
    main()
