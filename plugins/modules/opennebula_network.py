#!/usr/bin/python
"""The module ``b2ct.cloud.opennebula_network``."""

# The imports below the documentation are where Ansible expects them.
# ruff: noqa: E402

from __future__ import annotations

DOCUMENTATION = r"""
module: opennebula_network
short_description: Keeps a virtual network of OpenNebula
version_added: "0.1.0"
description:
  - Makes, changes and removes virtual networks, with their clusters, security groups and address
    ranges.
  - A range is known by its type and first address. Its size and further attributes are changed in
    place; a missing one is added.
author:
  - The b2ct maintainers
extends_documentation_fragment:
  - b2ct.cloud.opennebula
  - b2ct.cloud.opennebula.template
  - b2ct.cloud.opennebula.owned
  - b2ct.cloud.opennebula.clustered
  - b2ct.cloud.opennebula.waiting
options:
  name:
    description: Its name.
    type: str
    required: true

  vn_mad:
    description: The network driver, such as C(bridge) or C(802.1Q). Needed for a new one.
    type: str
  bridge:
    description: The hypervisors' bridge.
    type: str
  phydev:
    description: The hypervisors' network card or bond, where the driver makes the bridge.
    type: str
  vlan_id:
    description: The VLAN tag; C(automatic) lets oned choose one, only when it is made.
    type: str
  security_groups:
    description: Names of all its security groups. Left alone if absent; a new one has C(default).
    type: list
    elements: str
  address_ranges:
    description:
      - Its address ranges, each a mapping with C(type) (C(IP4), C(IP6), C(IP4_6), C(IP6_STATIC),
        C(IP4_6_STATIC) or C(ETHER)), C(size), and as the type demands C(ip), C(ip6),
        C(prefix_length), C(mac), C(global_prefix), C(ula_prefix) and further attributes.
    type: list
    elements: dict
  purge_address_ranges:
    description: Whether ranges that are not named are removed. oned refuses while they are in use.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Keep the public network
  b2ct.cloud.opennebula_network:
    name: public
    vn_mad: bridge
    bridge: br-public
    clusters: [production]
    security_groups: [default, ssh]
    address_ranges:
      - {type: IP4, ip: 198.51.100.100, size: 151}
    template:
      NETWORK_ADDRESS: 198.51.100.0
      NETWORK_MASK: 255.255.255.0
      GATEWAY: 198.51.100.1
      DNS: 192.0.2.53
"""

RETURN = r"""
changes:
  description: What was done, or in check mode would be done, in words.
  returned: always
  type: list
  elements: str
  sample: [create network 'public']
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
    WAITING,
    Plan,
    Step,
    run,
)
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.errors import OneError
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.owned import OWNED
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.ranges import Ranges
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.xml import number_of, text_of

_LOCK_CREATE, _ERROR = 2, 5


class Network(Clustered):
    """A virtual network."""

    noun: ClassVar[str] = "network"
    prefix: ClassVar[str] = "one.vn"
    member: ClassVar[str] = "vnet"
    failure_hint: ClassVar[str] = (
        "mend what it says, remove the network with state: absent, and run this again"
    )

    def template(self, element: Element) -> dict[str, Any]:
        found = super().template(element)
        if number_of(element, "VLAN_ID_AUTOMATIC") == 1:
            found["AUTOMATIC_VLAN_ID"] = "YES"
        found["SECURITY_GROUPS"] = _in_order(found.get("SECURITY_GROUPS", "").split(","))
        return found

    def wanted_template(self) -> dict[str, Any]:
        wanted = super().wanted_template()
        for key in ("vn_mad", "bridge", "phydev", "vlan_id"):
            if self.params[key]:
                wanted.update(texts.normalised({key: self.params[key]}))
        if wanted.get("VLAN_ID") == "automatic":
            del wanted["VLAN_ID"]
            wanted["AUTOMATIC_VLAN_ID"] = "YES"
        groups = self.params["security_groups"]
        if groups is not None:
            numbers = [self.directory.number("security group", name) for name in groups]
            wanted["SECURITY_GROUPS"] = _in_order(numbers)
        elif "SECURITY_GROUPS" in wanted:
            wanted["SECURITY_GROUPS"] = _in_order(wanted["SECURITY_GROUPS"].split(","))
        if "AR" in wanted:
            raise OneError("template holds AR", "write its ranges into address_ranges")
        return wanted

    def refuse(self, element: Element) -> None:
        failure = self.failed(element)
        if failure is not None:
            raise OneError(f"{self.label} has failed: {failure}", self.failure_hint)

    def create(self) -> Step:
        text: dict[str, Any] = {**self.wanted_template(), "NAME": self.params["name"]}
        ranges = Ranges(self.label, self.params).wanted
        if ranges:
            text["AR"] = ranges
        arguments = (texts.compose(text), self.first_cluster())
        return Step(f"create {self.label}", "one.vn.allocate", arguments)

    def more(self, element: Element) -> Plan:
        return Ranges(self.label, self.params).plan(element)

    def more_wanted(self) -> dict[str, Any]:
        return Ranges(self.label, self.params).shown_wanted()

    def pending(self, element: Element) -> str | None:
        if number_of(element, "STATE") == _LOCK_CREATE:
            return "oned still makes it"
        return None

    def failed(self, element: Element) -> str | None:
        if number_of(element, "STATE") != _ERROR:
            return None
        return text_of(element, "TEMPLATE/ERROR") or "oned does not say why"

    def still_there(self, element: Element) -> None:
        if number_of(element, "STATE") == _ERROR and not self.params["wait"]:
            raise OneError(f"{self.label} cannot be removed: {self.failed(element)}")


def _in_order(numbers: list[Any]) -> str:
    kept = {int(number) for number in numbers if str(number).strip().lstrip("-").isdigit()}
    return ",".join(str(number) for number in sorted(kept))


def main() -> None:
    """Run the module."""
    run(
        Network,
        {
            **NAMED,
            **TEMPLATE,
            **OWNED,
            **CLUSTERED,
            **WAITING,
            "vn_mad": {"type": "str"},
            "bridge": {"type": "str"},
            "phydev": {"type": "str"},
            "vlan_id": {"type": "str"},
            "security_groups": {"type": "list", "elements": "str"},
            "address_ranges": {"type": "list", "elements": "dict"},
            "purge_address_ranges": {"type": "bool", "default": False},
        },
    )


if __name__ == "__main__":
    main()
