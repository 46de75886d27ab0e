"""The address ranges of a virtual network."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element

from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula import template as texts
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.engine import Plan, Step
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.errors import OneError
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.xml import (
    attributes_of,
    number_of,
)

#: What makes a range what it is, by type; oned never changes it in a range.
_KNOWN_BY = {
    "IP4": ("IP",),
    "IP4_6": ("IP",),
    "IP6": (),
    "IP6_STATIC": ("IP6",),
    "IP4_6_STATIC": ("IP", "IP6"),
    "ETHER": (),
}
#: What oned works out itself when it shows a range.
_DERIVED = frozenset(
    {
        *("MAC_END", "IP_END", "IP6_END", "IP6_ULA", "IP6_ULA_END", "IP6_GLOBAL"),
        *("IP6_GLOBAL_END", "USED_LEASES", "LEASES", "ALLOCATED", "NEXT_INDEX"),
        *("PARENT_NETWORK", "PARENT_NETWORK_AR_ID"),
    }
)


class Ranges:
    """Wanted ranges against those that a network has."""

    def __init__(self, label: str, params: Mapping[str, Any]) -> None:
        self.label = label
        self.purge = bool(params["purge_address_ranges"])
        self.named = params["address_ranges"] is not None
        self.wanted = [
            self._normalised(part, at) for at, part in enumerate(params["address_ranges"] or [])
        ]

    def _normalised(self, given: Any, at: int) -> dict[str, str]:  # noqa: ANN401 - YAML data
        where = f"address_ranges[{at}]"
        part: dict[str, str] = texts.normalised({"AR": given}, where)["AR"]
        part["TYPE"] = part.get("TYPE", "").upper()
        if part["TYPE"] not in _KNOWN_BY:
            raise OneError(f"{where} has no type", f"write one of {', '.join(_KNOWN_BY)}")
        for key in (*_KNOWN_BY[part["TYPE"]], "SIZE"):
            if not part.get(key):
                raise OneError(f"{where} of type {part['TYPE']} lacks {key.lower()}")
        for key, kind in (("IP", ipaddress.IPv4Address), ("IP6", ipaddress.IPv6Address)):
            if key in part:
                try:
                    part[key] = str(kind(part[key]))
                except ValueError:
                    raise OneError(f"{where}: {part[key]!r} is no {key} address") from None
        if "MAC" in part:
            part["MAC"] = part["MAC"].lower()
        part.pop("AR_ID", None)
        return part

    def shown_wanted(self) -> dict[str, Any]:
        """Give the ranges of a new network, to be shown."""
        return {"address ranges": [_shown(part) for part in self.wanted]} if self.wanted else {}

    def plan(self, element: Element) -> Plan:
        """Say what a network's ranges lack."""
        plan = Plan([])
        if not self.named:
            return plan
        number = number_of(element, "ID")
        left = [_visible(part) for part in element.findall("AR_POOL/AR")]
        missing = []
        for part in self.wanted:
            own = next((one for one in left if _is_same(part, one)), None)
            if own is None:
                missing.append(part)
                continue
            left.remove(own)
            self._compare(number, part, own, plan)
        if self.purge:
            for one in left:
                words = f"remove address range {one['AR_ID']} ({_shown(one)}) of {self.label}"
                plan.steps.append(Step(words, "one.vn.rm_ar", (number, int(one["AR_ID"]))))
                plan.before[f"address range {one['AR_ID']}"] = _shown(one)
        for part in missing:
            self._refuse_overlap(part, [] if self.purge else left)
            words = f"add address range {_shown(part)} to {self.label}"
            plan.steps.append(Step(words, "one.vn.add_ar", (number, texts.compose({"AR": part}))))
            plan.after[f"new address range {_shown(part)}"] = "yes"
        return plan

    def _compare(self, number: int, part: dict[str, str], own: dict[str, str], plan: Plan) -> None:
        differing = {key: value for key, value in part.items() if _text(own, key) != value}
        if not differing:
            return
        # A call replaces all attributes of the range: send those that are there, too.
        sent = {**own, **part}
        words = (
            f"set {', '.join(sorted(differing))} of address range {own['AR_ID']} of {self.label}"
        )
        plan.steps.append(Step(words, "one.vn.update_ar", (number, texts.compose({"AR": sent}))))
        for key, value in differing.items():
            plan.before[f"address range {own['AR_ID']}.{key}"] = own.get(key)
            plan.after[f"address range {own['AR_ID']}.{key}"] = value

    def _refuse_overlap(self, part: dict[str, str], others: list[dict[str, str]]) -> None:
        """Refuse a second range over the same addresses: oned would give them out twice."""
        for one in others:
            for key in ("IP", "IP6"):
                if key in part and key in one and _overlap(part, one, key):
                    raise OneError(
                        f"address range {_shown(part)} overlaps range {one['AR_ID']}"
                        f" ({_shown(one)}) of {self.label}",
                        "oned would give addresses out twice: correct it, or let"
                        " purge_address_ranges remove what is not named",
                    )


def _visible(element: Element) -> dict[str, str]:
    found = attributes_of(element)
    return {key: value for key, value in found.items() if key not in _DERIVED}


def _text(own: Mapping[str, str], key: str) -> str | None:
    value = own.get(key)
    if value is not None and key == "IP6":
        return str(ipaddress.IPv6Address(value))
    return value


def _is_same(wanted: Mapping[str, str], own: Mapping[str, str]) -> bool:
    keys = ["TYPE", *_KNOWN_BY[wanted["TYPE"]], *(["MAC"] if "MAC" in wanted else [])]
    return all(_text(own, key) == wanted.get(key) for key in keys)


def _overlap(one: Mapping[str, str], other: Mapping[str, str], key: str) -> bool:
    (first, last), (start, end) = _ends(one, key), _ends(other, key)
    return first <= end and start <= last


def _ends(part: Mapping[str, str], key: str) -> tuple[int, int]:
    first = int(ipaddress.ip_address(part[key]))
    size = part.get("SIZE", "1")
    return first, first + (int(size) if size.isdigit() else 1) - 1


def _shown(part: Mapping[str, str]) -> str:
    first = " ".join(part[key] for key in ("IP", "IP6", "MAC") if key in part)
    return f"{part.get('TYPE', '')} {first} × {part.get('SIZE', '?')}".replace("  ", " ")
