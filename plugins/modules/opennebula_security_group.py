#!/usr/bin/python
"""The module ``b2ct.cloud.opennebula_security_group``."""

# The imports below the documentation are where Ansible expects them.
# ruff: noqa: E402

from __future__ import annotations

DOCUMENTATION = r"""
module: opennebula_security_group
short_description: Keeps a security group of OpenNebula
version_added: "0.1.0"
description:
  - Makes, changes and removes security groups. Named rules are all rules of the group; their order
    does not matter.
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

  description:
    description: What it is for.
    type: str
  rules:
    description:
      - All its rules, each a mapping with C(protocol) (C(tcp), C(udp), C(icmp), C(icmpv6), C(ipsec)
        or C(all)), C(rule_type) (C(inbound) or C(outbound)) and, if wanted, C(range) (ports such as
        C(22,8000:8080)), C(ip) and C(size) (a block of addresses), C(network) (the name of a
        virtual network) and C(icmp_type).
      - Left alone if absent.
    type: list
    elements: dict
"""

EXAMPLES = r"""
- name: Let ssh in and everything out
  b2ct.cloud.opennebula_security_group:
    name: ssh
    rules:
      - {protocol: tcp, rule_type: inbound, range: '22'}
      - {protocol: all, rule_type: outbound}
"""

RETURN = r"""
changes:
  description: What was done, or in check mode would be done, in words.
  returned: always
  type: list
  elements: str
  sample: [create security group 'ssh']
id:
  description: Its number; null where there is none (yet).
  returned: success
  type: int
  sample: 100
"""

from typing import Any, ClassVar

from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula import template as texts
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.engine import (
    NAMED,
    TEMPLATE,
    Step,
    run,
)
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.owned import OWNED, Owned


class SecurityGroup(Owned):
    """A security group."""

    noun: ClassVar[str] = "security group"
    prefix: ClassVar[str] = "one.secgroup"
    unordered: ClassVar[frozenset[str]] = frozenset({"RULE"})

    def wanted_template(self) -> dict[str, Any]:
        wanted = super().wanted_template()
        if self.params["description"] is not None:
            wanted.update(texts.normalised({"DESCRIPTION": self.params["description"]}))
        if self.params["rules"] is not None:
            wanted["RULE"] = [self._rule(rule, at) for at, rule in enumerate(self.params["rules"])]
        return wanted

    def _rule(self, given: dict[str, Any], at: int) -> dict[str, str]:
        rule: dict[str, str] = texts.normalised({"RULE": given}, f"rules[{at}]")["RULE"]
        rule = {key.upper(): value for key, value in rule.items()}
        for key in ("PROTOCOL", "RULE_TYPE"):
            if key in rule:
                rule[key] = rule[key].upper()
        network = rule.pop("NETWORK", None)
        if network is not None:
            rule["NETWORK_ID"] = str(self.directory.number("network", network))
        return rule

    def create(self) -> Step:
        text = texts.compose({**self.wanted_template(), "NAME": self.params["name"]})
        return Step(f"create {self.label}", "one.secgroup.allocate", (text,))


def main() -> None:
    """Run the module."""
    run(
        SecurityGroup,
        {
            **NAMED,
            **TEMPLATE,
            **OWNED,
            "description": {"type": "str"},
            "rules": {"type": "list", "elements": "dict"},
        },
    )


if __name__ == "__main__":
    main()
