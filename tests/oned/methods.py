"""The table of methods: what each takes, and who does it.

The signature leaves out the login; what follows ``?`` may be missing. ``s`` is a text, ``i`` a
whole number, ``b`` a truth value, ``A`` an array.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import attributes as at
from . import images, networks, people, texts, things
from .core import API, RefusalError, read_template

Method = tuple[str, Callable[..., Any]]
_XML = {
    "cluster": things.cluster_xml,
    "datastore": things.datastore_xml,
    "group": people.group_xml,
    "hook": texts.hook_xml,
    "host": things.host_xml,
    "image": images.image_xml,
    "secgroup": texts.secgroup_xml,
    "template": texts.template_xml,
    "user": people.user_xml,
    "vn": networks.vn_xml,
}
#: kind -> (root of the pool's XML, what its method takes)
_POOLS = {
    "cluster": ("CLUSTER_POOL", ""),
    "datastore": ("DATASTORE_POOL", ""),
    "group": ("GROUP_POOL", ""),
    "hook": ("HOOK_POOL", "iii"),
    "host": ("HOST_POOL", ""),
    "image": ("IMAGE_POOL", "iii"),
    "secgroup": ("SECURITY_GROUP_POOL", "iii"),
    "template": ("VMTEMPLATE_POOL", "iii"),
    "user": ("USER_POOL", ""),
    "vn": ("VNET_POOL", "iii"),
}
_AFTER_UPDATE = {
    "datastore": things.datastore_updated,
    "hook": texts.hook_updated,
    "secgroup": texts.secgroup_updated,
    "vn": networks.vn_updated,
}


def _sweep(oned: Any) -> None:
    images.image_sweep(oned.world)
    networks.vn_sweep(oned.world)


def _info(kind: str) -> Callable[..., str]:
    def info(oned: Any, user: Any, oid: int, decrypt: bool = False) -> str:
        _sweep(oned)
        if kind == "user" and oid == -1:
            oid = user["id"]
        oned.world.may(user, "USE", kind, oid)
        return str(_XML[kind](oned.world, oned.world.get(kind, oid)))

    return info


def _pool(kind: str) -> Callable[..., str]:
    root, _ = _POOLS[kind]

    def pool(oned: Any, user: Any, whose: int = -2, first: int = -1, last: int = -1) -> str:
        """Give a pool: newest first. ``whose``: -2 all, -3 the caller's, -1 his and his group's."""
        _sweep(oned)
        shown = ""
        for one in sorted(oned.world.pool(kind).values(), key=lambda one: -one["id"]):
            if whose == -3 and one["uid"] != user["id"]:
                continue
            if (first >= 0 and one["id"] < first) or (last >= 0 and one["id"] > last):
                continue
            try:
                oned.world.may(user, "USE", kind, one["id"])
            except RefusalError:
                continue
            shown += _XML[kind](oned.world, one, False)
            if kind in ("user", "group"):
                quotas = people.quotas_xml(one)
                shown += f"<QUOTAS><ID>{one['id']}</ID>{quotas}</QUOTAS>"
        return f"<{root}>{shown}</{root}>"

    return pool


def _update(kind: str) -> Callable[..., int]:
    def update(oned: Any, user: Any, oid: int, text: str, how: int = 0) -> int:
        _sweep(oned)
        oned.world.may(user, "MANAGE", kind, oid)
        if how not in (0, 1):
            raise RefusalError(API, "Wrong update type")
        one = oned.world.get(kind, oid)
        newer = read_template(text, "Cannot update template. ")
        before = list(one["template"])
        if how == 0:
            one["template"] = newer
        else:
            at.merge(one["template"], newer)
        try:
            after = _AFTER_UPDATE.get(kind)
            if after is not None:
                after(oned.world, one, before)
        except RefusalError:
            one["template"] = before
            raise
        if kind == "host":
            for mad in ("IM_MAD", "VM_MAD"):
                at.put(one["template"], mad, at.get(one["template"], mad) or at.get(before, mad))
        return oid

    return update


def _delete(kind: str, op: str) -> Callable[..., int]:
    def delete(oned: Any, user: Any, oid: int, recursive: bool = False) -> int:
        oned.world.may(user, op, kind, oid)
        oned.world.drop(kind, oid)
        return oid

    return delete


def _with_flag(function: Callable[..., int]) -> Callable[..., int]:
    """Let a delete take the truth value that the real one takes."""
    return lambda oned, user, oid, flag=False: function(oned, user, oid)


def _chmod(kind: str) -> Callable[..., int]:
    def chmod(oned: Any, user: Any, oid: int, *bits: Any) -> int:
        oned.world.may(user, "MANAGE", kind, oid)
        one = oned.world.get(kind, oid)
        kept = one["perms"]
        one["perms"] = [
            kept[place] if bits[place] < 0 else int(bits[place] == 1) for place in range(9)
        ]
        return oid

    return chmod


def _chown(kind: str) -> Callable[..., int]:
    def chown(oned: Any, user: Any, oid: int, uid: int, gid: int) -> int:
        one = oned.world.get(kind, oid)
        if uid >= 0:
            oned.world.get("user", uid)
        if gid >= 0:
            oned.world.get("group", gid)
        oned.world.may(user, "ADMIN", kind, oid)
        if kind in ("image", "template", "vn", "secgroup") and uid >= 0 and uid != one["uid"]:
            oned.world.refuse_taken(kind, one["name"], uid)
        one["uid"] = uid if uid >= 0 else one["uid"]
        one["gid"] = gid if gid >= 0 else one["gid"]
        return oid

    return chown


def _constant(text: str) -> Callable[..., str]:
    return lambda oned, user, *_: text


METHODS: dict[str, Method] = {
    "one.system.version": ("", lambda oned, user: oned.version),
    "one.cluster.allocate": ("s", things.cluster_allocate),
    "one.cluster.delete": ("i?b", _with_flag(things.cluster_delete)),
    "one.host.allocate": ("sssi", things.host_allocate),
    "one.host.status": ("ii", things.host_status),
    "one.host.delete": ("i?b", _delete("host", "ADMIN")),
    "one.datastore.allocate": ("si", things.datastore_allocate),
    "one.datastore.delete": ("i?b", _with_flag(things.datastore_delete)),
    "one.vn.allocate": ("si", networks.vn_allocate),
    "one.vn.delete": ("i?b", _with_flag(networks.vn_delete)),
    "one.vn.add_ar": ("is", networks.vn_add_ar),
    "one.vn.update_ar": ("is", networks.vn_update_ar),
    "one.vn.rm_ar": ("ii?b", networks.vn_rm_ar),
    "one.image.allocate": ("si?b", images.image_allocate),
    "one.image.persistent": ("ib", images.image_persistent),
    "one.image.chtype": ("is", images.image_chtype),
    "one.image.delete": ("i?b", _with_flag(images.image_delete)),
    "one.template.allocate": ("s", texts.template_allocate),
    "one.template.delete": ("i?b", _delete("template", "MANAGE")),
    "one.secgroup.allocate": ("s", texts.secgroup_allocate),
    "one.secgroup.delete": ("i?b", _with_flag(texts.secgroup_delete)),
    "one.hook.allocate": ("s", texts.hook_allocate),
    "one.hook.delete": ("i?b", _delete("hook", "MANAGE")),
    "one.user.allocate": ("sss?A", people.user_allocate),
    "one.user.enable": ("ib", people.user_enable),
    "one.user.passwd": ("is", people.user_passwd),
    "one.user.chauth": ("iss", people.user_chauth),
    "one.user.addgroup": ("ii", people.user_addgroup),
    "one.user.delgroup": ("ii", people.user_delgroup),
    "one.user.chgrp": ("ii", people.user_chgrp),
    "one.user.quota": ("is", people.quota("user")),
    "one.user.delete": ("i?b", _with_flag(people.user_delete)),
    "one.group.allocate": ("s", people.group_allocate),
    "one.group.addadmin": ("ii", people.group_addadmin),
    "one.group.deladmin": ("ii", people.group_deladmin),
    "one.group.quota": ("is", people.quota("group")),
    "one.group.delete": ("i?b", _with_flag(people.group_delete)),
    "one.acl.info": ("", people.acl_info),
    "one.acl.addrule": ("sss?s", people.acl_addrule),
    "one.acl.delrule": ("i", people.acl_delrule),
    "one.vmpool.info": ("iiii", _constant("<VM_POOL></VM_POOL>")),
    "one.zonepool.info": (
        "",
        _constant(
            "<ZONE_POOL><ZONE><ID>0</ID><NAME>OpenNebula</NAME><STATE>0</STATE><TEMPLATE>"
            "<ENDPOINT><![CDATA[http://localhost:2633/RPC2]]></ENDPOINT></TEMPLATE>"
            "<SERVER_POOL></SERVER_POOL></ZONE></ZONE_POOL>"
        ),
    ),
}
for _kind in _XML:
    METHODS[f"one.{_kind}.info"] = ("i?b", _info(_kind))
    METHODS[f"one.{_kind}.update"] = ("is?i", _update(_kind))
    METHODS[f"one.{_kind}pool.info"] = (_POOLS[_kind][1], _pool(_kind))
for _kind in ("datastore", "image", "secgroup", "template", "vn"):
    METHODS[f"one.{_kind}.chmod"] = ("iiiiiiiiii?b", _chmod(_kind))
    METHODS[f"one.{_kind}.chown"] = ("iii", _chown(_kind))
for _kind, _word in (("host", "host"), ("datastore", "datastore"), ("vn", "vnet")):
    METHODS[f"one.cluster.add{_word}"] = ("ii", things.cluster_member(_kind, True))
    METHODS[f"one.cluster.del{_word}"] = ("ii", things.cluster_member(_kind, False))
