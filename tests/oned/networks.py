"""Virtual networks and their address ranges."""

from __future__ import annotations

import ipaddress
import secrets
from typing import Any

from . import attributes as at
from .core import ACTION, INTERNAL, RefusalError, World, check_name, now, read_template, stamp

_DRIVERS = {
    **dict.fromkeys(
        ("dummy", "bridge", "fw", "ebtables", "802.1Q", "vxlan", "elastic", "nodeport"), "linux"
    ),
    **dict.fromkeys(("ovswitch", "ovswitch_vxlan"), "openvswitch"),
}
_TYPES = ("ETHER", "IP4", "IP6", "IP4_6", "IP6_STATIC", "IP4_6_STATIC")
_DERIVED = ("MAC_END", "IP_END", "IP6_END", "IP6_ULA", "IP6_ULA_END", "IP6_GLOBAL",
            "IP6_GLOBAL_END", "USED_LEASES", "LEASES", "ALLOCATED")  # fmt: skip


def vn_allocate(oned: Any, user: Any, text: str, cluster: int) -> int:
    world: World = oned.world
    template = read_template(text)
    if cluster >= 0:
        world.get("cluster", cluster)
    world.may(user, "CREATE", "vn")
    name = at.get(template, "NAME")
    world.refuse_taken("vn", name, user["id"])
    oid = world.data["last"].get("vn", -1) + 1
    try:
        fields = _checked(template, oid)
    except RefusalError:
        # Of the first network of all, a failure costs the number 0; later ones cost nothing.
        world.set_last("vn", max(oid - 1, 0))
        raise
    ranges = at.every(template, "AR")
    at.take(template, "AR")
    world.insert(
        "vn",
        user,
        at.take(template, "NAME"),
        template=template,
        clusters=[max(cluster, 0)],
        ranges=[],
        next_range=0,
        ready=now() + min(world.image_delay, 0.2),
        gone=None,
        error="",
        **fields,
    )
    one = world.get("vn", oid)
    for wanted in ranges:
        try:
            _add_range(one, dict(wanted))
        except RefusalError as refusal:
            one["error"] = f"{stamp()} : {refusal.text}"
            break
    return oid


def _checked(template: at.Template, oid: int) -> dict[str, Any]:
    """Look at a new network's template as oned does, and add what oned adds."""
    if not at.get(template, "NAME"):
        raise RefusalError(INTERNAL, "No NAME in template for Virtual Network.")
    check_name(at.get(template, "NAME"))
    mad = at.take(template, "VN_MAD")
    if not mad:
        raise RefusalError(INTERNAL, "No VN_MAD in template for Virtual Network.")
    phydev, bridge = at.take(template, "PHYDEV"), at.take(template, "BRIDGE")
    automatic = at.take(template, "AUTOMATIC_VLAN_ID").upper() == "YES"
    vlan = at.take(template, "VLAN_ID")
    outer = at.take(template, "OUTER_VLAN_ID")
    if mad in ("802.1Q", "vxlan"):
        if not phydev:
            raise RefusalError(INTERNAL, f"PHYDEV is mandatory for driver {mad}")
        if not vlan and not automatic:
            raise RefusalError(
                INTERNAL, f"VLAN_ID (or AUTOMATIC_VLAN_ID) is mandatory for driver {mad}"
            )
    if mad == "dummy" and not bridge:
        raise RefusalError(INTERNAL, "BRIDGE is mandatory for driver dummy")
    if mad not in _DRIVERS:
        raise RefusalError(INTERNAL, f'VN_MAD named "{mad}" is not defined in oned.conf')
    at.take(template, "BRIDGE_TYPE")
    bridge = bridge or (f"onebr.{vlan}" if vlan else f"onebr{oid}")
    groups = {int(n) for n in (at.take(template, "SECURITY_GROUPS") + ",0").split(",") if n.strip()}
    for key, value in (
        ("VN_MAD", mad),
        ("PHYDEV", phydev),
        ("BRIDGE", bridge),
        ("BRIDGE_TYPE", _DRIVERS[mad]),
        ("SECURITY_GROUPS", ",".join(str(n) for n in sorted(groups))),
    ):
        at.put(template, key, value)
    if not automatic:
        at.put(template, "VLAN_ID", vlan)
    at.put(template, "OUTER_VLAN_ID", outer)
    return {"automatic": automatic, "bridge_type": _DRIVERS[mad], "auto_vlan": str(oid + 2)}


def vn_updated(world: World, one: Any, before: at.Template) -> None:
    """Do what oned does after an update: what it keeps by itself comes back, the rest is lost."""
    template = one["template"]
    for key in ("AUTOMATIC_VLAN_ID", "AUTOMATIC_OUTER_VLAN_ID"):
        at.take(template, key)
    for key in ("VN_MAD", "PHYDEV", "OUTER_VLAN_ID"):
        at.put(template, key, at.get(template, key))
    if one["automatic"]:
        at.take(template, "VLAN_ID")
    else:
        at.put(template, "VLAN_ID", at.get(template, "VLAN_ID"))
    at.put(template, "BRIDGE", at.get(template, "BRIDGE") or at.get(before, "BRIDGE"))
    at.put(template, "BRIDGE_TYPE", one["bridge_type"])


def vn_state(one: Any) -> int:
    if one["gone"] is not None:
        return 3
    if now() < one["ready"]:
        return 2
    return 5 if one["error"] else 1


def vn_sweep(world: World) -> None:
    for ident, one in list(world.pool("vn").items()):
        if one["gone"] is not None and now() >= one["gone"]:
            world.pool("vn").pop(ident)


def _optional(tag: str, value: str) -> str:
    return at.cdata(tag, value) if value else f"<{tag}/>"


def vn_xml(world: World, one: Any, extended: bool = True) -> str:
    template = list(one["template"])
    state = vn_state(one)
    if state == 5:
        at.put(template, "ERROR", one["error"])
    vlan = one["auto_vlan"] if one["automatic"] else at.get(template, "VLAN_ID")
    ranges = "".join(_range_xml(part) for part in one["ranges"])
    return (
        f"<VNET>{world.head(one)}{world.permissions(one)}{world.ids('CLUSTERS', one['clusters'])}"
        f"{at.cdata('BRIDGE', at.get(template, 'BRIDGE'))}"
        f"{at.cdata('BRIDGE_TYPE', one['bridge_type'])}{at.cdata('STATE', str(state))}"
        f"{at.cdata('PREV_STATE', str(state))}<PARENT_NETWORK_ID/>"
        f"{_optional('VN_MAD', at.get(template, 'VN_MAD'))}"
        f"{_optional('PHYDEV', at.get(template, 'PHYDEV'))}{_optional('VLAN_ID', vlan)}"
        f"{_optional('OUTER_VLAN_ID', at.get(template, 'OUTER_VLAN_ID'))}"
        f"<VLAN_ID_AUTOMATIC>{int(one['automatic'])}</VLAN_ID_AUTOMATIC>"
        "<OUTER_VLAN_ID_AUTOMATIC>0</OUTER_VLAN_ID_AUTOMATIC><USED_LEASES>0</USED_LEASES>"
        "<VROUTERS></VROUTERS><UPDATED_VMS></UPDATED_VMS><OUTDATED_VMS></OUTDATED_VMS>"
        "<UPDATING_VMS></UPDATING_VMS><ERROR_VMS></ERROR_VMS>"
        f"{at.to_xml(template)}<AR_POOL>{ranges}</AR_POOL></VNET>"
    )


def vn_delete(oned: Any, user: Any, oid: int) -> int:
    oned.world.may(user, "MANAGE", "vn", oid)
    one = oned.world.get("vn", oid)
    if any(part.get("_used") for part in one["ranges"]):
        raise RefusalError(
            ACTION,
            "Cannot delete virtual network. Can not remove a virtual network with leases in use",
        )
    one["gone"] = now() + min(oned.world.image_delay, 0.2)
    return oid


# -- address ranges --------------------------------------------------------------------------------


def _address(version: type, value: str) -> Any:
    try:
        return version(value)
    except ValueError:
        return None


def _add_range(one: Any, wanted: dict[str, str]) -> None:
    kind = wanted.get("TYPE", "").upper()
    if kind not in _TYPES:
        raise RefusalError(INTERNAL, "Unknown or missing address range TYPE.")
    first = _address(ipaddress.IPv4Address, wanted.get("IP", ""))
    if kind.startswith("IP4"):
        if first is None:
            raise RefusalError(INTERNAL, "Wrong or empty IP attribute")
    else:
        wanted.pop("IP", None)
    if kind.endswith("STATIC"):
        if _address(ipaddress.IPv6Address, wanted.get("IP6", "")) is None:
            raise RefusalError(INTERNAL, "Wrong or empty IP6 attribute")
        if not wanted.get("PREFIX_LENGTH", "").isdigit():
            raise RefusalError(INTERNAL, "Wrong or empty PREFIX_LENGTH")
    else:
        wanted.pop("IP6", None)
    if not wanted.get("MAC"):
        low = int(first) if kind.startswith("IP4") else secrets.randbits(32)
        wanted["MAC"] = "02:00:" + ":".join(f"{byte:02x}" for byte in low.to_bytes(4, "big"))
    if not wanted.get("SIZE", "").isdigit():
        raise RefusalError(INTERNAL, "Wrong SIZE for address range")
    for key in _DERIVED:
        wanted.pop(key, None)
    wanted["AR_ID"] = str(one["next_range"])
    one["next_range"] += 1
    one["ranges"].append(wanted)


def _range_xml(part: dict[str, str]) -> str:
    size = int(part["SIZE"])
    text = "".join(at.cdata(key, part[key]) for key in sorted(part) if key != "_used")
    low = int(part["MAC"].replace(":", ""), 16) + size - 1
    text += at.cdata("MAC_END", ":".join(f"{byte:02x}" for byte in low.to_bytes(6, "big")))
    if "IP" in part:
        text += at.cdata("IP_END", str(ipaddress.IPv4Address(part["IP"]) + size - 1))
    if "IP6" in part:
        text += at.cdata("IP6_END", str(ipaddress.IPv6Address(part["IP6"]) + size - 1))
    return f"<AR>{text}<USED_LEASES>{part.get('_used', 0)}</USED_LEASES><LEASES/></AR>"


def _network(oned: Any, user: Any, oid: int) -> Any:
    oned.world.may(user, "MANAGE", "vn", oid)
    return oned.world.get("vn", oid)


def _one_range(text: str) -> dict[str, str]:
    ranges = at.every(read_template(text), "AR")
    if not ranges or not isinstance(ranges[0], dict):
        raise RefusalError(INTERNAL, "Wrong AR definition. AR vector attribute is missing.")
    return dict(ranges[0])


def vn_add_ar(oned: Any, user: Any, oid: int, text: str) -> int:
    _add_range(_network(oned, user, oid), _one_range(text))
    return oid


def vn_update_ar(oned: Any, user: Any, oid: int, text: str) -> int:
    """Replace a range's attributes; what makes it up (type, addresses) stays."""
    one = _network(oned, user, oid)
    wanted = _one_range(text)
    if not wanted.get("AR_ID", "").isdigit():
        raise RefusalError(INTERNAL, "AR/AR_ID attribute is missing.")
    ident = wanted["AR_ID"]
    for place, part in enumerate(one["ranges"]):
        if part["AR_ID"] != ident:
            continue
        for key in _DERIVED:
            wanted.pop(key, None)
        for key in ("TYPE", "MAC", "IP", "IP6"):
            wanted.pop(key, None)
            if key in part:
                wanted[key] = part[key]
        if part["TYPE"].endswith("STATIC"):
            wanted.setdefault("PREFIX_LENGTH", part.get("PREFIX_LENGTH", ""))
        wanted["SIZE"] = wanted.get("SIZE") or part["SIZE"]
        if not wanted["SIZE"].isdigit():
            raise RefusalError(
                INTERNAL, "Unable to read the SIZE attribute, it must be number >= 0"
            )
        one["ranges"][place] = wanted
        return oid
    raise RefusalError(INTERNAL, f"Address Range with ID {ident} was not found.")


def vn_rm_ar(oned: Any, user: Any, oid: int, ident: int, force: bool = False) -> int:
    one = _network(oned, user, oid)
    for part in one["ranges"]:
        if part["AR_ID"] == str(ident):
            if part.get("_used") and not force:
                raise RefusalError(INTERNAL, "Address Range has leases in use")
            one["ranges"].remove(part)
            return oid
    raise RefusalError(INTERNAL, "Address Range does not exist")
