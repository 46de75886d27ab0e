"""VM templates, security groups and hooks."""

from __future__ import annotations

import re
from typing import Any

from . import attributes as at
from .core import ACTION, INTERNAL, RefusalError, World, check_name, read_template


def template_allocate(oned: Any, user: Any, text: str) -> int:
    template = read_template(text)
    oned.world.may(user, "CREATE", "template")
    name = at.get(template, "NAME")
    check_name(name)
    oned.world.refuse_taken("template", name, user["id"])
    at.take(template, "NAME")
    return oned.world.insert("template", user, name, template=template)


def template_xml(world: World, one: Any, extended: bool = True) -> str:
    return (
        f"<VMTEMPLATE>{world.head(one)}{world.permissions(one)}<REGTIME>1</REGTIME>"
        f"{at.to_xml(one['template'])}</VMTEMPLATE>"
    )


def _check_rules(template: at.Template, prefix: str = "") -> None:
    seen: list[dict[str, str]] = []
    for rule in at.every(template, "RULE"):
        protocol = rule.get("PROTOCOL", "").upper()
        if protocol not in ("TCP", "UDP", "ICMP", "ICMPV6", "IPSEC", "ALL"):
            raise RefusalError(
                INTERNAL,
                f"{prefix}Wrong PROTOCOL in rule. Valid options: TCP, UDP, ICMP, ICMPV6, IPSEC,"
                " ALL.",
            )
        ports = rule.get("RANGE", "")
        if ports and protocol not in ("TCP", "UDP"):
            raise RefusalError(
                INTERNAL, f"{prefix}RANGE is supported only for TCP and UDP protocols."
            )
        if ports and not re.fullmatch(r"(\d+(:\d+)?,)*\d+(:\d+)?", ports):
            raise RefusalError(INTERNAL, f"{prefix}Invalid RANGE specification.")
        if rule.get("RULE_TYPE", "").upper() not in ("INBOUND", "OUTBOUND"):
            raise RefusalError(
                INTERNAL,
                f"{prefix}Wrong RULE_TYPE in rule. Valid options: INBOUND, OUTBOUND.",
            )
        if rule.get("IP") and not rule.get("SIZE", "").isdigit():
            raise RefusalError(INTERNAL, f"{prefix}Wrong or empty SIZE.")
        if rule not in seen:
            seen.append(rule)
    template[:] = [pair for pair in template if pair[0] != "RULE"] + [["RULE", r] for r in seen]


def secgroup_allocate(oned: Any, user: Any, text: str) -> int:
    template = read_template(text)
    oned.world.may(user, "CREATE", "secgroup")
    name = at.get(template, "NAME")
    check_name(name)
    oned.world.refuse_taken("secgroup", name, user["id"])
    at.take(template, "NAME")
    _check_rules(template)
    return oned.world.insert("secgroup", user, name, template=template)


def secgroup_updated(world: World, one: Any, before: at.Template) -> None:
    _check_rules(one["template"], "Cannot update template. ")


def secgroup_xml(world: World, one: Any, extended: bool = True) -> str:
    return (
        f"<SECURITY_GROUP>{world.head(one)}{world.permissions(one)}<UPDATED_VMS></UPDATED_VMS>"
        "<OUTDATED_VMS></OUTDATED_VMS><UPDATING_VMS></UPDATING_VMS><ERROR_VMS></ERROR_VMS>"
        f"{at.to_xml(one['template'])}</SECURITY_GROUP>"
    )


def secgroup_delete(oned: Any, user: Any, oid: int) -> int:
    oned.world.may(user, "MANAGE", "secgroup", oid)
    if oid == 0:
        raise RefusalError(
            ACTION,
            "Cannot delete security group. The default security group (ID 0) cannot be deleted.",
        )
    oned.world.drop("secgroup", oid)
    return oid


#: ON of a hook about virtual machines -> its STATE and LCM_STATE.
_ON = {
    "PROLOG": ("ACTIVE", "PROLOG"),
    "RUNNING": ("ACTIVE", "RUNNING"),
    "SHUTDOWN": ("ACTIVE", "EPILOG"),
    "STOP": ("STOPPED", "LCM_INIT"),
    "DONE": ("DONE", "LCM_INIT"),
    "UNKNOWN": ("ACTIVE", "UNKNOWN"),
}
_STATES = {
    "HOST": {"INIT", "MONITORED", "ERROR", "DISABLED", "OFFLINE"},
    "IMAGE": {"INIT", "READY", "USED", "DISABLED", "LOCKED", "ERROR", "CLONE", "DELETE"},
    "NET": {"INIT", "READY", "LOCK_CREATE", "LOCK_DELETE", "DONE", "ERROR", "UPDATE_FAILURE"},
    "VM": {"INIT", "PENDING", "HOLD", "ACTIVE", "STOPPED", "SUSPENDED", "DONE", "POWEROFF",
           "UNDEPLOYED", "CLONING"},
}  # fmt: skip


def hook_allocate(oned: Any, user: Any, text: str) -> int:
    template = read_template(text)
    oned.world.may(user, "CREATE", "hook")
    name = at.get(template, "NAME")
    word = at.get(template, "TYPE")
    try:
        check_name(name)
    except RefusalError:
        raise RefusalError(INTERNAL, "Invalid name.") from None
    oned.world.refuse_taken("hook", name)
    if not at.get(template, "COMMAND"):
        raise RefusalError(INTERNAL, "No COMMAND in template for Hook.")
    if word.lower() not in ("api", "state"):
        raise RefusalError(INTERNAL, f"Invalid Hook type: {word}")
    at.take(template, "NAME")
    at.take(template, "TYPE")
    remote = at.take(template, "REMOTE").upper() in ("YES", "TRUE", "1")
    at.put(template, "REMOTE", "YES" if remote else "NO")
    one = {"template": template, "kind": word.lower()}
    if word.lower() == "state":
        _state_hook(template)
    elif not re.fullmatch(
        r"one\.(vm|host|image|vn|template|user|group|datastore|cluster|acl|secgroup|hook)\.\w+",
        at.get(template, "CALL"),
    ):
        call = at.get(template, "CALL")
        raise RefusalError(INTERNAL, f"API call does not exist or is not supported: {call}")
    return oned.world.insert("hook", None, name, **one)


def _state_hook(template: at.Template) -> None:
    resource = at.get(template, "RESOURCE").upper()
    if not resource:
        raise RefusalError(INTERNAL, "RESOURCE attribute is required for STATE hooks.")
    if resource not in _STATES:
        raise RefusalError(INTERNAL, f"Invalid resource type: {resource}")
    if resource == "VM":
        on = at.take(template, "ON").upper()
        if on in _ON:
            state, lcm = _ON[on]
            at.put(template, "STATE", state)
            at.put(template, "LCM_STATE", lcm)
        elif on != "CUSTOM":
            raise RefusalError(INTERNAL, f"Unkown state condition: {on}")
        elif not at.get(template, "LCM_STATE"):
            raise RefusalError(INTERNAL, "Wrong LCM_STATE: ")
    state = at.get(template, "STATE")
    if state not in _STATES[resource]:
        raise RefusalError(INTERNAL, f"Invalid STATE: {state}")


def hook_updated(world: World, one: Any, before: at.Template) -> None:
    template = one["template"]
    prefix = "Cannot update template. "
    if not at.get(template, "COMMAND"):
        raise RefusalError(INTERNAL, f"{prefix}The COMMAND attribute is not defined.")
    if one["kind"] == "state":
        resource = at.get(template, "RESOURCE").upper()
        if at.get(template, "STATE") not in _STATES.get(resource, set()):
            raise RefusalError(
                INTERNAL, f"{prefix}The STATE attribute is not defined or it's invalid."
            )
    if at.get(template, "REMOTE"):
        remote = at.get(template, "REMOTE").upper() in ("YES", "TRUE", "1")
        at.put(template, "REMOTE", "YES" if remote else "NO")


def hook_xml(world: World, one: Any, extended: bool = True) -> str:
    log = "<HOOKLOG></HOOKLOG>" if extended else ""
    return (
        f"<HOOK><ID>{one['id']}</ID><NAME>{one['name']}</NAME><TYPE>{one['kind']}</TYPE>"
        f"{at.to_xml(one['template'])}{log}</HOOK>"
    )
