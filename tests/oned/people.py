"""Users, groups, quotas and ACL rules; and what a fresh OpenNebula holds."""

from __future__ import annotations

import re
import secrets
from typing import Any

from . import attributes as at
from .core import ACTION, INTERNAL, KINDS, RefusalError, World, check_name, sha256

_METRICS = {
    "VM": (
        [
            "VMS",
            "RUNNING_VMS",
            "CPU",
            "RUNNING_CPU",
            "MEMORY",
            "RUNNING_MEMORY",
            "SYSTEM_DISK_SIZE",
        ],
        "VM_QUOTA",
    ),
    "DATASTORE": (["SIZE", "IMAGES"], "DATASTORE_QUOTA"),
    "NETWORK": (["LEASES"], "NETWORK_QUOTA"),
    "IMAGE": (["RVMS"], "IMAGE_QUOTA"),
}
_NO_QUOTAS = (
    "<DATASTORE_QUOTA></DATASTORE_QUOTA><NETWORK_QUOTA></NETWORK_QUOTA><VM_QUOTA>"
    "</VM_QUOTA><IMAGE_QUOTA></IMAGE_QUOTA>"
)
_RESOURCES = {
    "VM": 0x1000000000, "HOST": 0x2000000000, "NET": 0x4000000000, "IMAGE": 0x8000000000,
    "USER": 0x10000000000, "TEMPLATE": 0x20000000000, "GROUP": 0x40000000000,
    "DATASTORE": 0x100000000000, "CLUSTER": 0x200000000000, "DOCUMENT": 0x400000000000,
    "ZONE": 0x800000000000, "SECGROUP": 0x1000000000000, "VDC": 0x2000000000000,
    "VROUTER": 0x4000000000000, "MARKETPLACE": 0x8000000000000,
    "MARKETPLACEAPP": 0x10000000000000, "VMGROUP": 0x20000000000000,
    "VNTEMPLATE": 0x40000000000000, "BACKUPJOB": 0x100000000000000,
}  # fmt: skip
_RIGHTS = {"USE": 1, "MANAGE": 2, "ADMIN": 4, "CREATE": 8}
_ONE, _GROUP, _ALL, _CLUSTER = 0x100000000, 0x200000000, 0x400000000, 0x800000000


def first_start(world: World, user: str, password: str, server_password: str) -> None:
    """Make what oned makes when its database is empty."""
    world.set_last("user", -1)
    world.set_last("group", -1)
    for name in ("oneadmin", "users"):
        world.insert("group", None, name, admins=[], quotas={})
    for name, secret, driver in (
        (user, sha256(password), "core"),
        ("serveradmin", server_password, "server_cipher"),
    ):
        _new_user(world, name, secret, driver, [0])
    world.set_last("group", 99)
    zone = _ONE
    for who, what, rights, where in (
        (_GROUP | 1, 0x121029400000000 | _ALL, 8, _ALL),
        (_ALL, _RESOURCES["ZONE"] | _ALL, 1, _ALL),
        (_ALL, _RESOURCES["MARKETPLACE"] | _RESOURCES["MARKETPLACEAPP"] | _ALL, 1, _ALL),
    ):
        _new_rule(world, who, what, rights, where)
    _group_rules(world, 1, zone)
    admin = world.get("user", 0)
    world.insert("cluster", None, "default", template=[["RESERVED_CPU", ""], ["RESERVED_MEM", ""]])
    world.set_last("cluster", 99)
    from .things import new_datastore

    for text in (
        "NAME=system\nTYPE=SYSTEM_DS\nTM_MAD=ssh",
        "NAME=default\nTYPE=IMAGE_DS\nDS_MAD=fs\nTM_MAD=ssh",
        "NAME=files\nTYPE=FILE_DS\nDS_MAD=fs\nTM_MAD=ssh",
    ):
        new_datastore(world, admin, at.parse(text), 0)
    world.set_last("datastore", 99)
    rules = [["RULE", {"RULE_TYPE": way, "PROTOCOL": "ALL"}] for way in ("OUTBOUND", "INBOUND")]
    world.insert("secgroup", admin, "default", template=rules, perms=[1, 1, 1, 1, 0, 0, 1, 0, 0])
    world.set_last("secgroup", 99)


# -- users ---------------------------------------------------------------------------------------


def _check_password(password: str, dot: str = "") -> None:
    if not password:
        raise RefusalError(
            ACTION if not dot else INTERNAL, f"Invalid password, it cannot be empty{dot}"
        )
    wrong = re.search(r"[ \t\n\v\f\r]", password)
    if wrong:
        raise RefusalError(
            ACTION if not dot else INTERNAL,
            f"Invalid password, character '{wrong[0]}' is not allowed{dot}",
        )


def _new_user(world: World, name: str, secret: str, driver: str, groups: list[int]) -> int:
    return world.insert(
        "user",
        None,
        name,
        gid=groups[0],
        groups=sorted(set(groups)),
        password=secret,
        driver=driver,
        enabled=True,
        quotas={},
        template=[["TOKEN_PASSWORD", secrets.token_hex(32)]],
    )


def user_allocate(oned: Any, user: Any, name: str, password: str, driver: str = "core",
                  groups: list[Any] | None = None) -> int:  # fmt: skip
    world: World = oned.world
    world.may(user, "CREATE", "user")
    for gid in groups or []:
        world.get("group", gid)
    _check_password(password, ".")
    check_name(name, " :\t\n\v\f\r", ".")
    world_taken(world, "user", name, ".")
    driver = driver or "core"
    secret = sha256(password) if driver == "core" else password
    return _new_user(world, name, secret, driver, list(groups or [1]))


def world_taken(world: World, kind: str, name: str, dot: str) -> None:
    """Refuse a name in use (the text ends in a dot for users and groups, as it does for all)."""
    other = world.named(kind, name)
    if other is not None:
        raise RefusalError(
            INTERNAL, f"NAME is already taken by {KINDS[kind][2]} {other['id']}{dot}"
        )


def user_xml(world: World, one: Any, extended: bool = True) -> str:
    group = world.pool("group").get(str(one["gid"]), {"name": ""})
    text = (
        f"<USER><ID>{one['id']}</ID><GID>{one['gid']}</GID>{world.ids('GROUPS', one['groups'])}"
        f"<GNAME>{group['name']}</GNAME><NAME>{one['name']}</NAME>"
        f"{at.cdata('PASSWORD', one['password'])}{at.cdata('AUTH_DRIVER', one['driver'])}"
        f"<ENABLED>{int(one['enabled'])}</ENABLED>{at.to_xml(one['template'])}"
    )
    if extended:
        text += quotas_xml(one) + f"<DEFAULT_USER_QUOTAS>{_NO_QUOTAS}</DEFAULT_USER_QUOTAS>"
    return text + "</USER>"


def user_enable(oned: Any, user: Any, oid: int, enable: bool) -> int:
    oned.world.may(user, "MANAGE", "user", oid)
    if oid == 0:
        raise RefusalError(ACTION, "Cannot enable/disable oneadmin user")
    oned.world.get("user", oid)["enabled"] = enable
    return oid


def user_passwd(oned: Any, user: Any, oid: int, password: str) -> int:
    oned.world.may(user, "MANAGE", "user", oid)
    _check_password(password)
    one = oned.world.get("user", oid)
    one["password"] = sha256(password) if one["driver"] == "core" else password
    return oid


def user_chauth(oned: Any, user: Any, oid: int, driver: str, password: str) -> int:
    oned.world.may(user, "ADMIN", "user", oid)
    one = oned.world.get("user", oid)
    before, one["driver"] = one["driver"], driver
    if password:
        try:
            user_passwd(oned, user, oid, password)
        except RefusalError:
            one["driver"] = before
            raise
    return oid


def user_addgroup(oned: Any, user: Any, oid: int, gid: int) -> int:
    one = oned.world.get("user", oid)
    oned.world.may(user, "MANAGE", "user", oid)
    oned.world.may(user, "MANAGE", "group", gid)
    if gid in one["groups"]:
        raise RefusalError(ACTION, "User is already in this group")
    one["groups"] = sorted([*one["groups"], gid])
    return oid


def user_delgroup(oned: Any, user: Any, oid: int, gid: int) -> int:
    one = oned.world.get("user", oid)
    oned.world.may(user, "MANAGE", "user", oid)
    oned.world.may(user, "MANAGE", "group", gid)
    if gid not in one["groups"]:
        raise RefusalError(ACTION, "User is not part of this group")
    if gid == one["gid"]:
        raise RefusalError(ACTION, "Cannot remove user from the primary group")
    one["groups"].remove(gid)
    return oid


def user_chgrp(oned: Any, user: Any, oid: int, gid: int) -> int:
    one = oned.world.get("user", oid)
    oned.world.get("group", gid)
    if oid == 0:
        raise RefusalError(
            INTERNAL, "user [0] oneadmin cannot be moved outside of the group [0] oneadmin"
        )
    oned.world.may(user, "MANAGE", "user", oid)
    if gid != one["gid"]:
        # The former primary group stays where the new one was a secondary group already.
        if gid not in one["groups"]:
            one["groups"] = sorted({*one["groups"], gid} - {one["gid"]})
        one["gid"] = gid
    return oid


def user_delete(oned: Any, user: Any, oid: int) -> int:
    oned.world.may(user, "MANAGE", "user", oid)
    if oid == 0:
        raise RefusalError(ACTION, "Cannot delete user. oneadmin cannot be deleted.")
    oned.world.drop("user", oid)
    _drop_rules(oned.world, _ONE | oid)
    for group in oned.world.pool("group").values():
        group["admins"] = [uid for uid in group["admins"] if uid != oid]
    return oid


# -- groups --------------------------------------------------------------------------------------


def group_allocate(oned: Any, user: Any, name: str) -> int:
    oned.world.may(user, "CREATE", "group")
    check_name(name)
    world_taken(oned.world, "group", name, ".")
    oid: int = oned.world.insert("group", None, name, admins=[], quotas={})
    _group_rules(oned.world, oid, _ONE)
    return oid


def group_xml(world: World, one: Any, extended: bool = True) -> str:
    members = [u["id"] for u in world.pool("user").values() if one["id"] in u["groups"]]
    text = (
        f"<GROUP><ID>{one['id']}</ID><NAME>{one['name']}</NAME>{at.to_xml(one['template'])}"
        f"{world.ids('USERS', members)}{world.ids('ADMINS', one['admins'])}"
    )
    if extended:
        text += quotas_xml(one) + f"<DEFAULT_GROUP_QUOTAS>{_NO_QUOTAS}</DEFAULT_GROUP_QUOTAS>"
    return text + "</GROUP>"


def group_delete(oned: Any, user: Any, oid: int) -> int:
    oned.world.may(user, "MANAGE", "group", oid)
    if oid < 100:
        raise RefusalError(
            ACTION, "Cannot delete group. System Groups (ID < 100) cannot be deleted."
        )
    if any(oid in one["groups"] for one in oned.world.pool("user").values()):
        raise RefusalError(ACTION, f"Cannot delete group. Group {oid} is not empty.")
    oned.world.drop("group", oid)
    _drop_rules(oned.world, _GROUP | oid)
    return oid


def group_addadmin(oned: Any, user: Any, gid: int, oid: int) -> int:
    group = oned.world.get("group", gid)
    one = oned.world.get("user", oid)
    oned.world.may(user, "MANAGE", "group", gid)
    if gid not in one["groups"]:
        raise RefusalError(INTERNAL, f"Cannot edit group. User {oid} is not part of Group {gid}.")
    if oid in group["admins"]:
        raise RefusalError(
            INTERNAL,
            f"Cannot edit group. User {oid} is already an administrator of Group {gid}.",
        )
    group["admins"].append(oid)
    return gid


def group_deladmin(oned: Any, user: Any, gid: int, oid: int) -> int:
    group = oned.world.get("group", gid)
    oned.world.get("user", oid)
    oned.world.may(user, "MANAGE", "group", gid)
    if oid not in group["admins"]:
        raise RefusalError(
            INTERNAL, f"Cannot edit group. User {oid} is not an administrator of Group {gid}."
        )
    group["admins"].remove(oid)
    return gid


# -- quotas --------------------------------------------------------------------------------------


def _limit(text: str) -> str:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    return str(int(number)) if number == int(number) else f"{number:.2f}"


def quota(kind: str) -> Any:
    """Give ``one.user.quota`` or ``one.group.quota``. A metric that is not named falls to -1."""

    def set_quota(oned: Any, user: Any, oid: int, text: str) -> int:
        if oid == 0:
            raise RefusalError(ACTION, f"Cannot set quotas for oneadmin {kind}")
        oned.world.may(user, "ADMIN", kind, oid)
        one = oned.world.get(kind, oid)
        template = at.parse(text)
        for word, (metrics, _tag) in _METRICS.items():
            for wanted in at.every(template, word):
                _set_one(one, word, metrics, wanted)
        return oid

    return set_quota


def _set_one(one: Any, word: str, metrics: list[str], wanted: dict[str, str]) -> None:
    ident = "" if word == "VM" else wanted.get("ID", "")
    limits = {metric: _limit(wanted.get(metric) or "-1") for metric in metrics}
    if (word != "VM" and not ident) or any(
        float(value) < 0 and value not in ("-1", "-2") for value in limits.values()
    ):
        inner = ",".join(f"{k}={wanted[k]}" for k in sorted(wanted))
        raise RefusalError(ACTION, f"Negative limits or bad format in quota {word} = [ {inner} ]")
    kept = one["quotas"].setdefault(word, {})
    if all(value == "-1" for value in limits.values()):
        kept.pop(ident, None)
        if not kept:
            del one["quotas"][word]
    else:
        kept[ident] = limits


def quotas_xml(one: Any) -> str:
    """Write the quotas of a user or group, nothing being used."""
    text = ""
    for word in ("DATASTORE", "NETWORK", "VM", "IMAGE"):
        metrics, tag = _METRICS[word]
        inner = ""
        for ident, limits in sorted(one["quotas"].get(word, {}).items()):
            values = {"ID": ident} if word != "VM" else {}
            for metric in metrics:
                values[metric] = limits[metric]
                values[f"{metric}_USED"] = "0"
            inner += at.vector_xml(word, values)
        text += f"<{tag}>{inner}</{tag}>"
    return text


# -- ACL rules -----------------------------------------------------------------------------------


def _new_rule(world: World, who: int, what: int, rights: int, zone: int) -> int:
    return world.insert("acl", None, "", rule=[who, what, rights, zone])


def _group_rules(world: World, gid: int, zone: int) -> None:
    """Make the rules that the default VDC gives each group."""
    for resource, rights in (("HOST", 2), ("NET", 1), ("DATASTORE", 1)):
        _new_rule(world, _GROUP | gid, _RESOURCES[resource] | _ALL, rights, zone)


def _drop_rules(world: World, who: int) -> None:
    for ident in [k for k, one in world.pool("acl").items() if one["rule"][0] == who]:
        world.pool("acl").pop(ident)


def _ref(value: int) -> str:
    number = value & 0xFFFFFFFF
    for bit, sign in ((_GROUP, "@"), (_ONE, "#"), (_CLUSTER, "%")):
        if value & bit:
            return f"{sign}{number}"
    return "*" if value & _ALL else "??"


def rule_text(rule: list[int]) -> str:
    """Write a rule as people do."""
    who, what, rights, zone = rule
    kinds = "+".join(name for name, bit in _RESOURCES.items() if what & bit)
    allowed = "+".join(name for name, bit in _RIGHTS.items() if rights & bit)
    return f"{_ref(who)} {kinds}/{_ref(what)} {allowed} {_ref(zone)}"


def acl_addrule(oned: Any, user: Any, who: str, what: str, rights: str, zone: str = "") -> int:
    oned.world.may(user, "MANAGE", "acl")
    rule = [_hex(who), _hex(what), _hex(rights), _hex(zone) if zone else _ONE]
    if any(one["rule"] == rule for one in oned.world.pool("acl").values()):
        raise RefusalError(INTERNAL, f"Rule {rule_text(rule)} already exists")
    wrong = []
    if not rule[0] & 0x700000000:
        wrong.append("[user] is missing one of the INDIVIDUAL, GROUP or ALL bits")
    if not rule[1] & 0xF00000000:
        wrong.append("[resource] is missing one of the INDIVIDUAL, GROUP, CLUSTER or ALL bits")
    if not rule[1] & ~0xFFFFFFFFF:
        wrong.append("[resource] type is missing")
    if not rule[2]:
        wrong.append("wrong [rights], it cannot be 0")
    if rule[2] > 15:
        wrong.append("wrong [rights], it cannot be bigger than 0xF")
    if wrong:
        text = f"Rule {rule_text(rule)} is malformed: " + "; ".join(wrong)
        raise RefusalError(INTERNAL, text)
    return _new_rule(oned.world, *rule)


def _hex(text: str) -> int:
    match = re.match(r"(?:0x)?([0-9a-fA-F]+)", text)
    return int(match[1], 16) if match else 0


def acl_delrule(oned: Any, user: Any, oid: int) -> int:
    oned.world.may(user, "MANAGE", "acl")
    if str(oid) not in oned.world.pool("acl"):
        raise RefusalError(INTERNAL, f"Rule {oid} does not exist")
    oned.world.drop("acl", oid)
    return oid


def acl_info(oned: Any, user: Any) -> str:
    oned.world.may(user, "MANAGE", "acl")
    text = ""
    for one in sorted(oned.world.pool("acl").values(), key=lambda one: one["rule"][0]):
        who, what, rights, zone = one["rule"]
        text += (
            f"<ACL><ID>{one['id']}</ID><USER>{who:x}</USER><RESOURCE>{what:x}</RESOURCE>"
            f"<RIGHTS>{rights:x}</RIGHTS><ZONE>{zone:x}</ZONE>"
            f"<STRING>{rule_text(one['rule'])}</STRING></ACL>"
        )
    return f"<ACL_POOL>{text}</ACL_POOL>"
