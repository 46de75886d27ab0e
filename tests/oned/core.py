"""What all kinds of objects share: the state, who may do what, refusals, and XML parts."""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from typing import Any

from . import attributes as at

AUTHENTICATION, AUTHORIZATION, NO_EXISTS, ACTION = 0x0100, 0x0200, 0x0400, 0x0800
API, INTERNAL, ALLOCATE = 0x1000, 0x2000, 0x4000

#: kind -> (noun in refusals, name in rights, name in "already taken", first number of a user's)
KINDS = {
    "acl": ("ACL", "ACL", "ACL", 0),
    "cluster": ("cluster", "CLUSTER", "CLUSTER", 100),
    "datastore": ("datastore", "DATASTORE", "DATASTORE", 100),
    "group": ("group", "GROUP", "GROUP", 100),
    "hook": ("hook", "HOOK", "Hook", 0),
    "host": ("host", "HOST", "HOST", 0),
    "image": ("image", "IMAGE", "IMAGE", 0),
    "secgroup": ("security group", "SECGROUP", "SecurityGroup", 100),
    "template": ("virtual machine template", "TEMPLATE", "TEMPLATE", 0),
    "user": ("user", "USER", "USER", 2),
    "vn": ("virtual network", "NET", "NET", 0),
}
#: What every user may create (ACL 0 of a fresh OpenNebula).
_FREE = {"image", "template", "secgroup"}
_BITS = [f"{who}_{what}" for who in ("OWNER", "GROUP", "OTHER") for what in "UMA"]


class RefusalError(Exception):
    """The answer no. ``text`` lacks the method's name, which is put before it."""

    def __init__(self, code: int, text: str, oid: int = -1) -> None:
        super().__init__(text)
        self.code, self.text, self.oid = code, text, oid


def no_such(kind: str, oid: int) -> RefusalError:
    """Refuse a number that nothing has."""
    return RefusalError(NO_EXISTS, f"Error getting {KINDS[kind][0]} [{oid}].", oid)


def sha256(text: str) -> str:
    """Give the digest of a password as oned keeps it."""
    return hashlib.sha256(text.encode()).hexdigest()


def check_name(name: str, more: str = "", dot: str = "") -> None:
    """Refuse names that oned refuses."""
    if not name:
        raise RefusalError(INTERNAL, f"Invalid NAME, it cannot be empty{dot}")
    wrong = re.search("[" + re.escape("&|:\\\";/'#{}$<>" + more) + "]", name)
    if wrong:
        raise RefusalError(INTERNAL, f"Invalid NAME, char '{wrong[0]}' is not allowed{dot}")
    if len(name) > 128:
        raise RefusalError(INTERNAL, f"Invalid NAME, max length is 128 chars{dot}")


def read_template(text: str, prefix: str = "") -> at.Template:
    """Read a template that a caller sent."""
    try:
        return at.parse(text)
    except at.ParseError as error:
        raise RefusalError(INTERNAL, f"{prefix}{error}") from None


class World:
    """All objects of one oned, as plain data (it is stored as JSON)."""

    def __init__(self, data: dict[str, Any] | None, host_delay: float, image_delay: float) -> None:
        self.host_delay = host_delay
        self.image_delay = image_delay
        self.data = data or {"last": {}, "objects": {kind: {} for kind in KINDS}}

    def pool(self, kind: str) -> dict[str, Any]:
        return self.data["objects"][kind]

    def next_id(self, kind: str) -> int:
        """Give a number. One of an insertion that fails is lost, as with oned."""
        last = self.data["last"].get(kind, -1) + 1
        self.data["last"][kind] = last
        return last

    def set_last(self, kind: str, value: int) -> None:
        self.data["last"][kind] = value

    def get(self, kind: str, oid: int) -> dict[str, Any]:
        try:
            return self.pool(kind)[str(oid)]
        except KeyError:
            raise no_such(kind, oid) from None

    def named(self, kind: str, name: str, uid: int | None = None) -> dict[str, Any] | None:
        for one in self.pool(kind).values():
            if one["name"] == name and (uid is None or one["uid"] == uid):
                return one
        return None

    def refuse_taken(self, kind: str, name: str, uid: int | None = None) -> None:
        other = self.named(kind, name, uid)
        if other is not None:
            word = KINDS[kind][2]
            raise RefusalError(INTERNAL, f"NAME is already taken by {word} {other['id']}.")

    def insert(self, kind: str, user: dict[str, Any] | None, name: str, /, **fields: Any) -> int:
        """Add an object that belongs to a user."""
        oid = self.next_id(kind)
        one = {
            "id": oid,
            "name": name,
            "uid": -1 if user is None else user["id"],
            "gid": -1 if user is None else user["gid"],
            "perms": [1, 1, 0, 0, 0, 0, 0, 0, 0],
            "template": [],
            **fields,
        }
        self.pool(kind)[str(oid)] = one
        return oid

    def drop(self, kind: str, oid: int) -> None:
        self.pool(kind).pop(str(oid), None)

    # -- who may do what ---------------------------------------------------------------------

    def authenticate(self, session: str) -> dict[str, Any] | None:
        name, _, password = session.partition(":")
        user = self.named("user", name)
        if user is None or not user["enabled"]:
            return None
        expected = user["password"]
        given = sha256(password) if user["driver"] == "core" else password
        return user if secrets.compare_digest(expected, given) else None

    def is_admin(self, user: dict[str, Any]) -> bool:
        return user["id"] == 0 or 0 in user["groups"]

    def may(self, user: dict[str, Any], op: str, kind: str, oid: int = -1) -> None:
        """Refuse what a user may not do; and an object that does not exist."""
        one = None if oid < 0 else self.get(kind, oid)
        if self.is_admin(user):
            return
        if op == "CREATE" and kind in _FREE:
            return
        if one is not None and self._granted(user, op, kind, one):
            return
        where = f" [{oid}]" if oid >= 0 else ""
        words = f"Not authorized to perform {op} {KINDS[kind][1]}{where}"
        if op == "CREATE" and kind in ("host", "vn", "datastore"):
            words += "; Not authorized to perform ADMIN CLUSTER [0]"
        raise RefusalError(AUTHORIZATION, f"User [{user['id']}] : {words}.")

    @staticmethod
    def _granted(user: dict[str, Any], op: str, kind: str, one: dict[str, Any]) -> bool:
        if kind == "user" and one["id"] == user["id"]:
            return True
        at_bit = {"USE": 0, "MANAGE": 1, "ADMIN": 2}[op]
        perms = one["perms"]
        return bool(
            (one["uid"] == user["id"] and perms[at_bit])
            or (one["gid"] in user["groups"] and perms[3 + at_bit])
            or perms[6 + at_bit]
        )

    # -- pieces of XML -----------------------------------------------------------------------

    def head(self, one: dict[str, Any]) -> str:
        """Give number, owner and name."""
        owner = self.pool("user").get(str(one["uid"]), {"name": ""})
        group = self.pool("group").get(str(one["gid"]), {"name": ""})
        return (
            f"<ID>{one['id']}</ID><UID>{one['uid']}</UID><GID>{one['gid']}</GID>"
            f"<UNAME>{owner['name']}</UNAME><GNAME>{group['name']}</GNAME>"
            f"<NAME>{one['name']}</NAME>"
        )

    @staticmethod
    def permissions(one: dict[str, Any]) -> str:
        bits = enumerate(_BITS)
        inner = "".join(f"<{bit}>{one['perms'][place]}</{bit}>" for place, bit in bits)
        return f"<PERMISSIONS>{inner}</PERMISSIONS>"

    @staticmethod
    def ids(tag: str, numbers: Any) -> str:
        return f"<{tag}>" + "".join(f"<ID>{n}</ID>" for n in sorted(numbers)) + f"</{tag}>"

    def members(self, kind: str, cluster: int) -> list[int]:
        """Give what belongs to a cluster."""
        return [one["id"] for one in self.pool(kind).values() if cluster in one["clusters"]]


def now() -> float:
    """Give the time, for states that change by themselves."""
    return time.time()


def stamp() -> str:
    """Give the time as oned writes it before an error."""
    return time.strftime("%a %b %e %H:%M:%S %Y")
