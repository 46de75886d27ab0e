"""Objects that belong to a user and a group, and what both may do with them."""

from __future__ import annotations

import re
from typing import Any, ClassVar
from xml.etree.ElementTree import Element

from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.engine import Kind, Step
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.errors import OneError
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.xml import number_of, text_of

OWNED: dict[str, Any] = {
    "owner": {"type": "str"},
    "group": {"type": "str"},
    "mode": {"type": "str"},
}
_BITS = tuple(f"PERMISSIONS/{who}_{what}" for who in ("OWNER", "GROUP", "OTHER") for what in "UMA")


def permissions(element: Element) -> str:
    """Give an object's rights in octal: use 4, manage 2, admin 1, for owner, group and others."""
    bits = [number_of(element, path, 0) for path in _BITS]
    return "".join(str(bits[at] * 4 + bits[at + 1] * 2 + bits[at + 2]) for at in (0, 3, 6))


class Owned(Kind):
    """A kind of which two users may have objects of one name."""

    #: Where a name is used once in the whole cloud.
    unique: ClassVar[bool] = False

    def find(self) -> Element | None:
        """Take the wanted owner's; else the caller's, which may wait to be handed over."""
        found = [
            one
            for one in self.directory.every(self.noun)
            if text_of(one, "NAME") == self.params["name"]
        ]
        if self.unique and found:
            return self.read(number_of(found[0], "ID"))
        for owner in (self.params["owner"], self.client.user):
            for one in found:
                if owner and text_of(one, "UNAME") == owner:
                    return self.read(number_of(one, "ID"))
        if len(found) == 1 and not self.params["owner"]:
            return self.read(number_of(found[0], "ID"))
        if found and not self.params["owner"]:
            owners = ", ".join(sorted(text_of(one, "UNAME") for one in found))
            raise OneError(f"{self.label} exists {len(found)} times, of {owners}", "say its owner")
        return None

    def settings(self, element: Element) -> dict[str, Any]:
        return {
            "owner": text_of(element, "UNAME"),
            "group": text_of(element, "GNAME"),
            "mode": permissions(element),
        }

    def wanted(self) -> dict[str, Any]:
        wanted = {key: self.params[key] for key in ("owner", "group") if self.params[key]}
        if self.params["mode"] is not None:
            if not re.match(r"0?[0-7]{3}\Z", self.params["mode"]):
                raise OneError(
                    f"mode {self.params['mode']!r} is no mode",
                    "write three octal digits in quotes, such as '640': use 4, manage 2, admin 1",
                )
            wanted["mode"] = self.params["mode"][-3:]
        return wanted

    def change(self, key: str, before: Any, after: Any, number: int) -> list[Step]:  # noqa: ANN401
        if key == "mode":
            bits = tuple(int(digit) >> shift & 1 for digit in after for shift in (2, 1, 0))
            words = f"change the rights of {self.label} from {before} to {after}"
            return [Step(words, f"{self.prefix}.chmod", (number, *bits))]
        ident = self.directory.number("user" if key == "owner" else "group", after)
        ids = (ident, -1) if key == "owner" else (-1, ident)
        words = f"change the {key} of {self.label} from {before} to {after}"
        return [Step(words, f"{self.prefix}.chown", (number, *ids))]
