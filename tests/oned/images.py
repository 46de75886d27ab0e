"""Images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import attributes as at
from .core import (
    ACTION,
    ALLOCATE,
    INTERNAL,
    RefusalError,
    World,
    check_name,
    now,
    read_template,
    stamp,
)
from .things import room

_IMAGE_TYPES = ["OS", "CDROM", "DATABLOCK", "KERNEL", "RAMDISK", "CONTEXT", "BACKUP"]


def image_allocate(oned: Any, user: Any, text: str, datastore: int, unchecked: bool = False) -> int:
    world: World = oned.world
    template = read_template(text)
    store = world.get("datastore", datastore)
    if store["kind"] in (1, 3):
        raise RefusalError(
            ALLOCATE,
            "Error allocating a new image. New images can only be allocated in a files or image"
            " datastore.",
        )
    size = _image_size(template)
    if size > room(store) and not unchecked:
        raise RefusalError(ACTION, "Not enough space in datastore")
    world.may(user, "CREATE", "image")
    problem = _image_problem(world, user, template, store)
    if problem:
        raise RefusalError(ALLOCATE, f"Error allocating a new image. {problem}")
    kind = _IMAGE_TYPES.index((at.take(template, "TYPE") or "OS").upper())
    fields = {key: at.take(template, key) for key in ("PATH", "SOURCE", "FORMAT", "FS")}
    for key in ("SIZE", "DRIVER", "TM_MAD"):
        at.take(template, key)
    persistent = at.take(template, "PERSISTENT").upper() == "YES" and kind < 3
    if kind < 3 and not at.get(template, "DEV_PREFIX"):
        at.put(template, "DEV_PREFIX", "hd" if kind == 1 else "sd")
    if not fields["PATH"]:
        fields["FORMAT"] = fields["FORMAT"] or "raw"
    return world.insert(
        "image",
        user,
        at.take(template, "NAME"),
        template=template,
        kind=kind,
        persistent=persistent,
        size=size,
        datastore=datastore,
        status=1,
        ready=now() + world.image_delay,
        gone=None,
        **{key.lower(): value for key, value in fields.items()},
    )


def _image_size(template: at.Template) -> int:
    path = at.get(template, "PATH")
    prefix = "Cannot parse image SIZE: "
    if path.startswith("/"):
        try:
            return Path(path).stat().st_size // 1048576 + 1
        except OSError:
            raise RefusalError(
                INTERNAL, f"{prefix}Error: Not allowed to copy image file {path}"
            ) from None
    if path:
        return 10
    if not at.get(template, "SIZE").isdigit():
        raise RefusalError(INTERNAL, f"{prefix}Wrong number or missing SIZE attribute.")
    return int(at.get(template, "SIZE"))


def _image_problem(world: World, user: Any, template: at.Template, store: Any) -> str:
    name = at.get(template, "NAME")
    try:
        check_name(name)
    except RefusalError as refusal:
        return refusal.text
    word = (at.get(template, "TYPE") or "OS").upper()
    if word not in _IMAGE_TYPES:
        return "Unknown type in template."
    is_file = word in ("KERNEL", "RAMDISK", "CONTEXT")
    if store["kind"] == 2 and not is_file:
        return (
            "Only IMAGES of type KERNEL, RAMDISK and CONTEXT can be registered in a FILE_DS"
            " datastore"
        )
    if store["kind"] == 0 and is_file:
        return (
            "IMAGES of type KERNEL, RAMDISK and CONTEXT cannot be registered in an IMAGE_DS"
            " datastore"
        )
    other = world.named("image", name, user["id"])
    if other is not None:
        return f"NAME is already taken by IMAGE {other['id']}."
    if at.get(template, "PATH") and at.get(template, "SOURCE"):
        return "PATH and SOURCE cannot be both set."
    if at.get(template, "SOURCE") and not at.get(template, "FORMAT"):
        return "SOURCE needs FORMAT to be set."
    return ""


def image_state(one: Any) -> int:
    """Give the state, which changes by itself. One whose name begins with broken fails."""
    if one["gone"] is not None:
        return 7
    if now() < one["ready"]:
        return 4
    return 5 if one["name"].startswith("broken") else one["status"]


def image_sweep(world: World) -> None:
    """Remove what has been deleted for long enough."""
    for ident, one in list(world.pool("image").items()):
        if one["gone"] is not None and now() >= one["gone"]:
            world.pool("image").pop(ident)


def image_xml(world: World, one: Any, extended: bool = True) -> str:
    state = image_state(one)
    template = list(one["template"])
    if state == 5:
        at.put(
            template, "ERROR", f"{stamp()} : Error copying image in the datastore: no space left"
        )
    store = world.pool("datastore").get(str(one["datastore"]), {"name": ""})
    source = one["source"] or (
        "" if state == 4 else f"/var/lib/one/datastores/{one['datastore']}/x"
    )
    return (
        f"<IMAGE>{world.head(one)}{world.permissions(one)}<TYPE>{one['kind']}</TYPE>"
        f"<DISK_TYPE>0</DISK_TYPE><PERSISTENT>{int(one['persistent'])}</PERSISTENT>"
        f"<REGTIME>1</REGTIME>{at.cdata('SOURCE', source)}{at.cdata('PATH', one['path'])}"
        f"{at.cdata('FORMAT', one['format'] or 'raw')}{at.cdata('FS', one['fs'])}"
        f"<SIZE>{one['size']}</SIZE><STATE>{state}</STATE><PREV_STATE>{state}</PREV_STATE>"
        "<RUNNING_VMS>0</RUNNING_VMS><CLONING_OPS>0</CLONING_OPS><CLONING_ID>-1</CLONING_ID>"
        f"<TARGET_SNAPSHOT>-1</TARGET_SNAPSHOT><DATASTORE_ID>{one['datastore']}</DATASTORE_ID>"
        f"<DATASTORE>{store['name']}</DATASTORE><VMS></VMS><CLONES></CLONES>"
        f"<APP_CLONES></APP_CLONES>{at.to_xml(template)}<SNAPSHOTS></SNAPSHOTS></IMAGE>"
    )


def image_persistent(oned: Any, user: Any, oid: int, persistent: bool) -> int:
    oned.world.may(user, "MANAGE", "image", oid)
    one = oned.world.get("image", oid)
    if one["kind"] in (3, 4, 5):
        raise RefusalError(ACTION, "KERNEL, RAMDISK and CONTEXT must be non-persistent")
    if image_state(one) not in (1, 3):
        word = "persistent" if persistent else "non-persistent"
        raise RefusalError(INTERNAL, f"Could not make image {word}: Image state must be READY")
    one["persistent"] = persistent
    return oid


def image_chtype(oned: Any, user: Any, oid: int, word: str) -> int:
    oned.world.may(user, "MANAGE", "image", oid)
    one = oned.world.get("image", oid)
    kind = _IMAGE_TYPES.index(word.upper()) if word.upper() in _IMAGE_TYPES else 0
    if (one["kind"] < 3) != (kind < 3):
        raise RefusalError(
            ACTION,
            "Cannot change image type to an incompatible type for the current datastore.",
        )
    one["kind"] = kind
    return oid


def image_delete(oned: Any, user: Any, oid: int) -> int:
    oned.world.may(user, "MANAGE", "image", oid)
    oned.world.get("image", oid)["gone"] = now() + oned.world.image_delay
    return oid
