#!/usr/bin/python
"""The module ``b2ct.cloud.opennebula_user``."""

# The imports below the documentation are where Ansible expects them.
# ruff: noqa: E402

from __future__ import annotations

DOCUMENTATION = r"""
module: opennebula_user
short_description: Keeps a user of OpenNebula
version_added: "0.1.0"
description:
  - Makes, changes and removes users.
  - The user whose login the module itself uses is never removed, and keeps the password.
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

  password:
    description:
      - The password; with another driver than C(core) what that driver knows the user by, such as
        the subject of a certificate without blanks. Needed for a new user of driver C(core).
    type: str
  update_password:
    description: Whether an existing user's password is compared and changed too.
    type: str
    choices: [always, on_create]
    default: always
  auth_driver:
    description: How the user is recognised. A new one without it uses C(core).
    type: str
  groups:
    description: Names of all groups, the primary one first. Left alone if absent.
    type: list
    elements: str
  enabled:
    description: Whether the user may log in. Left alone if absent.
    type: bool
"""

EXAMPLES = r"""
- name: Keep the account of the experiment's factory
  b2ct.cloud.opennebula_user:
    name: factory
    password: "{{ vault_one_factory_password }}"
    groups: [belle]
"""

RETURN = r"""
changes:
  description: What was done, or in check mode would be done, in words.
  returned: always
  type: list
  elements: str
  sample: [create user 'factory']
id:
  description: Its number; null where there is none (yet).
  returned: success
  type: int
  sample: 100
"""

import hashlib
from typing import Any, ClassVar
from xml.etree.ElementTree import Element

from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.engine import (
    NAMED,
    TEMPLATE,
    Kind,
    Step,
    run,
)
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.errors import OneError
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.xml import (
    ids_of,
    number_of,
    text_of,
)

_GIVEN, _OTHER = "as given", "another"


class User(Kind):
    """A user."""

    noun: ClassVar[str] = "user"
    prefix: ClassVar[str] = "one.user"

    @property
    def _always(self) -> bool:
        choice: str = self.params["update_password"]
        return choice == "always"

    def settings(self, element: Element) -> dict[str, Any]:
        primary = number_of(element, "GID")
        names = {n: self.directory.name("group", n) for n in ids_of(element, "GROUPS/ID")}
        rest = sorted(name for number, name in names.items() if number != primary)
        driver = text_of(element, "AUTH_DRIVER")
        password = self.params["password"]
        if password is not None and driver == "core":
            password = hashlib.sha256(password.encode("utf-8")).hexdigest()
        return {
            "auth_driver": driver,
            "password": _GIVEN if password == text_of(element, "PASSWORD") else _OTHER,
            "groups": [names.get(primary, str(primary)), *rest],
            "enabled": number_of(element, "ENABLED") == 1,
        }

    def wanted(self) -> dict[str, Any]:
        wanted: dict[str, Any] = {}
        if self.params["auth_driver"]:
            wanted["auth_driver"] = self.params["auth_driver"]
        if self.params["password"] is not None and self._always:
            wanted["password"] = _GIVEN
        groups = self.params["groups"]
        if groups:
            wanted["groups"] = [groups[0], *sorted(set(groups[1:]) - {groups[0]})]
        elif groups is not None:
            raise OneError(f"{self.label} must be in a group", "name at least one in groups")
        if self.params["enabled"] is not None:
            wanted["enabled"] = self.params["enabled"]
        return wanted

    def create(self) -> Step:
        driver = self.params["auth_driver"] or "core"
        password = self.params["password"]
        if not password and driver == "core":
            raise OneError(f"{self.label} is new and has no password", "give one from the vault")
        arguments: tuple[Any, ...] = (self.params["name"], password or "", driver)
        if self.params["groups"]:
            numbers = [self.directory.number("group", name) for name in self.wanted()["groups"]]
            arguments = (*arguments, numbers)
        return Step(f"create {self.label}", "one.user.allocate", arguments)

    def refuse(self, element: Element) -> None:
        wanted = self.wanted()
        if self.params["name"] != self.client.user:
            return
        for key in ("password", "auth_driver"):
            if key in wanted and wanted[key] != self.settings(element)[key]:
                raise OneError(
                    f"{self.label} is the one that this logs in as: its {key} is not changed here",
                    "change it with oneuser passwd, and then the file that auth_file names",
                )

    def delete(self, element: Element) -> Step:
        if self.params["name"] == self.client.user:
            raise OneError(f"{self.label} is the one that this logs in as", "it is not removed")
        return super().delete(element)

    def change(self, key: str, before: Any, after: Any, number: int) -> list[Step]:  # noqa: ANN401
        if key == "auth_driver":
            words = f"recognise {self.label} with {after} instead of {before}"
            arguments = (number, after, self.params["password"] or "")
            return [Step(words, "one.user.chauth", arguments)]
        if key == "password":
            if self.params["auth_driver"] not in (None, self._driver(number)):
                return []  # it is set together with the driver
            words = f"set the password of {self.label}"
            return [Step(words, "one.user.passwd", (number, self.params["password"]))]
        if key == "enabled":
            words = f"{'enable' if after else 'disable'} {self.label}"
            return [Step(words, "one.user.enable", (number, after))]
        return self._regroup(before, after, number)

    def _driver(self, number: int) -> str:
        return text_of(self.read(number), "AUTH_DRIVER")

    def _regroup(self, before: list[str], after: list[str], number: int) -> list[Step]:
        # All joins first: the primary group can then change to one the user is in already,
        # and the former one is not left as a side effect.
        steps = []
        for name in after:
            if name not in before:
                group = self.directory.number("group", name)
                words = f"put {self.label} into group {name!r}"
                steps.append(Step(words, "one.user.addgroup", (number, group)))
        if before[0] != after[0]:
            group = self.directory.number("group", after[0])
            words = f"make {after[0]!r} the primary group of {self.label}"
            steps.append(Step(words, "one.user.chgrp", (number, group)))
        for name in before:
            if name not in after:
                group = self.directory.number("group", name)
                words = f"take {self.label} out of group {name!r}"
                steps.append(Step(words, "one.user.delgroup", (number, group)))
        return steps


def main() -> None:
    """Run the module."""
    run(
        User,
        {
            **NAMED,
            **TEMPLATE,
            "password": {"type": "str", "no_log": True},
            "update_password": {
                "type": "str",
                "choices": ["always", "on_create"],
                "default": "always",
                "no_log": False,
            },
            "auth_driver": {"type": "str"},
            "groups": {"type": "list", "elements": "str"},
            "enabled": {"type": "bool"},
        },
    )


if __name__ == "__main__":
    main()
