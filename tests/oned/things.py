"""Clusters, hosts and datastores."""

from __future__ import annotations

from typing import Any

from . import attributes as at
from .core import ACTION, INTERNAL, RefusalError, World, check_name, now, read_template, stamp

# -- clusters ------------------------------------------------------------------------------------


def cluster_allocate(oned: Any, user: Any, name: str) -> int:
    oned.world.may(user, "CREATE", "cluster")
    check_name(name)
    oned.world.refuse_taken("cluster", name)
    reserved = [["RESERVED_CPU", ""], ["RESERVED_MEM", ""]]
    return oned.world.insert("cluster", None, name, template=reserved)


def cluster_xml(world: World, one: Any, extended: bool = True) -> str:
    oid = one["id"]
    return (
        f"<CLUSTER><ID>{oid}</ID><NAME>{one['name']}</NAME>"
        f"{world.ids('HOSTS', world.members('host', oid))}"
        f"{world.ids('DATASTORES', world.members('datastore', oid))}"
        f"{world.ids('VNETS', world.members('vn', oid))}{at.to_xml(one['template'])}</CLUSTER>"
    )


def cluster_delete(oned: Any, user: Any, oid: int) -> int:
    oned.world.may(user, "ADMIN", "cluster", oid)
    if oid < 100:
        raise RefusalError(
            ACTION, "Cannot delete cluster. System Clusters (ID < 100) cannot be deleted."
        )
    for kind, word in (("host", "hosts"), ("datastore", "datastores"), ("vn", "vnets")):
        count = len(oned.world.members(kind, oid))
        if count:
            raise RefusalError(
                ACTION,
                f"Cannot delete cluster. Cluster {oid} is not empty, it contains {count} {word}.",
            )
    oned.world.drop("cluster", oid)
    return oid


def cluster_member(kind: str, add: bool) -> Any:
    """Give ``one.cluster.addhost`` and its like."""

    def change(oned: Any, user: Any, cluster: int, oid: int) -> int:
        oned.world.get("cluster", cluster)
        one = oned.world.get(kind, oid)
        oned.world.may(user, "ADMIN", "cluster", cluster)
        if add and kind == "host":
            one["clusters"] = [cluster]
        elif add:
            one["clusters"] = sorted({*one["clusters"], cluster})
        elif kind == "host":
            one["clusters"] = [0]
        else:
            one["clusters"] = [c for c in one["clusters"] if c != cluster]
        return cluster

    return change


# -- hosts ---------------------------------------------------------------------------------------


def host_allocate(oned: Any, user: Any, name: str, im: str, vm: str, cluster: int) -> int:
    world: World = oned.world
    if cluster >= 0:
        world.get("cluster", cluster)
    world.may(user, "CREATE", "host")
    check_name(name)
    for value, word in ((im, "IM_MAD_NAME"), (vm, "VMM_MAD_NAME")):
        if not value:
            raise RefusalError(INTERNAL, f"{word} cannot be empty.")
    world.refuse_taken("host", name)
    template = [["RESERVED_CPU", ""], ["RESERVED_MEM", ""], ["IM_MAD", im], ["VM_MAD", vm]]
    return world.insert(
        "host",
        None,
        name,
        clusters=[max(cluster, 0)],
        template=template,
        status=0,
        ready=now() + world.host_delay,
    )


def host_state(one: Any) -> int:
    """Give the state, which changes by itself. A host whose name begins with broken fails."""
    if one["status"]:
        return {1: 4, 2: 8}[one["status"]]
    if now() < one["ready"]:
        return 0
    return 3 if one["name"].startswith("broken") else 2


def host_xml(world: World, one: Any, extended: bool = True) -> str:
    state = host_state(one)
    template = list(one["template"])
    if state == 3:
        words = f"{stamp()} : Error monitoring Host {one['name']} ({one['id']}): no route to host"
        at.put(template, "ERROR", words)
    mads = (at.get(template, "IM_MAD"), at.get(template, "VM_MAD"))
    cluster = world.get("cluster", one["clusters"][0])
    cpu, memory = (800, 16777216) if state == 2 else (0, 0)
    return (
        f"<HOST><ID>{one['id']}</ID><NAME>{one['name']}</NAME><STATE>{state}</STATE>"
        f"<PREV_STATE>{state}</PREV_STATE>{at.cdata('IM_MAD', mads[0])}"
        f"{at.cdata('VM_MAD', mads[1])}<CLUSTER_ID>{cluster['id']}</CLUSTER_ID>"
        f"<CLUSTER>{cluster['name']}</CLUSTER><HOST_SHARE><MEM_USAGE>0</MEM_USAGE><CPU_USAGE>0"
        f"</CPU_USAGE><TOTAL_MEM>{memory}</TOTAL_MEM><TOTAL_CPU>{cpu}</TOTAL_CPU>"
        f"<MAX_MEM>{memory}</MAX_MEM><MAX_CPU>{cpu}</MAX_CPU><RUNNING_VMS>0</RUNNING_VMS>"
        "<VMS_THREAD>1</VMS_THREAD><PCI_DEVICES></PCI_DEVICES><NUMA_NODES></NUMA_NODES>"
        f"</HOST_SHARE><VMS></VMS>{at.to_xml(template)}<MONITORING/></HOST>"
    )


def host_status(oned: Any, user: Any, oid: int, status: int) -> int:
    oned.world.may(user, "ADMIN", "host", oid)
    if status not in (0, 1, 2):
        raise RefusalError(INTERNAL, "Wrong status code")
    one = oned.world.get("host", oid)
    one["status"] = status
    one["ready"] = now() + oned.world.host_delay
    return oid


# -- datastores ----------------------------------------------------------------------------------

#: TM_MAD -> what oned.conf adds to an image datastore, and whether it is shared.
_TM = {
    "dummy": ({"CLONE_TARGET": "SYSTEM", "LN_TARGET": "NONE", "ALLOW_ORPHANS": "NO"}, "YES"),
    "ssh": ({"CLONE_TARGET": "SYSTEM", "LN_TARGET": "SYSTEM", "ALLOW_ORPHANS": "YES"}, "NO"),
    "local": ({"CLONE_TARGET": "SYSTEM", "LN_TARGET": "SYSTEM", "ALLOW_ORPHANS": "YES"}, "NO"),
    "shared": ({"CLONE_TARGET": "SYSTEM", "LN_TARGET": "NONE", "ALLOW_ORPHANS": "FORMAT"}, "YES"),
    "qcow2": ({"CLONE_TARGET": "SYSTEM", "LN_TARGET": "NONE", "ALLOW_ORPHANS": "FORMAT"}, "YES"),
    "fs_lvm": ({"CLONE_TARGET": "SYSTEM", "LN_TARGET": "SYSTEM", "ALLOW_ORPHANS": "NO"}, "YES"),
    "fs_lvm_ssh": ({"CLONE_TARGET": "SYSTEM", "LN_TARGET": "SYSTEM", "ALLOW_ORPHANS": "NO"}, "YES"),
    "lvm": ({"CLONE_TARGET": "SELF", "LN_TARGET": "NONE", "ALLOW_ORPHANS": "NO"}, "YES"),
    "ceph": ({"CLONE_TARGET": "SELF", "LN_TARGET": "NONE", "ALLOW_ORPHANS": "MIXED"}, "YES"),
}
_DS = {
    "dummy": "",
    "fs": "",
    "lvm": "DISK_TYPE",
    "ceph": "DISK_TYPE,BRIDGE_LIST",
    "dev": "DISK_TYPE",
}
_DS_TYPES = ["IMAGE_DS", "SYSTEM_DS", "FILE_DS", "BACKUP_DS"]
_DISK_TYPES = ["FILE", "CD_ROM", "BLOCK", "RBD"]


def datastore_allocate(oned: Any, user: Any, text: str, cluster: int) -> int:
    template = read_template(text)
    if cluster >= 0:
        oned.world.get("cluster", cluster)
    oned.world.may(user, "CREATE", "datastore")
    return new_datastore(oned.world, user, template, max(cluster, 0))


def new_datastore(world: World, user: Any, template: at.Template, cluster: int) -> int:
    name = at.get(template, "NAME")
    check_name(name)
    world.refuse_taken("datastore", name)
    # From here on oned has taken a number.
    oid = world.insert(
        "datastore",
        user,
        at.take(template, "NAME"),
        clusters=[cluster],
        template=template,
        kind=0,
        disk=0,
        perms=[1, 1, 0, 1, 0, 0, 0, 0, 0],
        monitored=now() + world.image_delay,
    )
    one = world.get("datastore", oid)
    try:
        _datastore_insert(one)
    except RefusalError:
        world.drop("datastore", oid)
        raise
    return oid


def _datastore_insert(one: Any) -> None:
    template = one["template"]
    one["kind"] = _ds_type(at.get(template, "TYPE"))
    _set_tm(one)
    if one["kind"] == 1:
        at.take(template, "DS_MAD")
    else:
        _check_ds(template)
    if one["kind"] != 2:
        _set_disk_type(one, at.take(template, "DISK_TYPE") or "FILE")
    for key, value in (("RESTRICTED_DIRS", "/"), ("SAFE_DIRS", "/var/tmp")):
        if not at.get(template, key):
            at.put(template, key, value)


def _ds_type(word: str) -> int:
    return _DS_TYPES.index(word.upper()) if word.upper() in _DS_TYPES else 0


def _set_disk_type(one: Any, word: str) -> None:
    if word.upper() not in _DISK_TYPES:
        raise RefusalError(INTERNAL, f"Unknown DISK_TYPE {word}")
    one["disk"] = _DISK_TYPES.index(word.upper())
    at.put(one["template"], "DISK_TYPE", word.upper())


def _set_tm(one: Any, prefix: str = "") -> None:
    template = one["template"]
    tm = at.get(template, "TM_MAD")
    if not tm:
        raise RefusalError(INTERNAL, f"{prefix}No TM_MAD in template.")
    if tm not in _TM:
        raise RefusalError(INTERNAL, f'{prefix}TM_MAD named "{tm}" is not defined in oned.conf')
    derived, shared = _TM[tm]
    if one["kind"] == 1:
        derived = {"SHARED": shared, "DS_MIGRATE": "YES", "ALLOW_ORPHANS": derived["ALLOW_ORPHANS"]}
    for key, value in derived.items():
        at.put(template, key, value)


def _check_ds(template: at.Template, prefix: str = "") -> None:
    mad = at.get(template, "DS_MAD")
    if mad not in _DS:
        raise RefusalError(INTERNAL, f'{prefix}DS_MAD named "{mad}" is not defined in oned.conf')
    for key in filter(None, _DS[mad].split(",")):
        if not at.get(template, key):
            raise RefusalError(
                INTERNAL,
                f'{prefix}Datastore template is missing the "{key}" attribute or it\'s empty.',
            )


def datastore_updated(world: World, one: Any, before: at.Template) -> None:
    template = one["template"]
    prefix = "Cannot update template. "
    if at.get(template, "TYPE") and one["id"] != 0:
        one["kind"] = _ds_type(at.get(template, "TYPE"))
    at.put(template, "TYPE", _DS_TYPES[one["kind"]])
    disk = at.take(template, "DISK_TYPE")
    if disk:
        _set_disk_type(one, disk)
    if at.get(template, "TM_MAD"):
        _set_tm(one, prefix)
    else:
        at.put(template, "TM_MAD", at.get(before, "TM_MAD"))
    if one["kind"] == 1:
        at.take(template, "DS_MAD")
        return
    if not at.get(template, "DS_MAD"):
        at.put(template, "DS_MAD", at.get(before, "DS_MAD"))
    _check_ds(template, prefix)


def room(one: Any) -> int:
    """Give its size in MB; none until it has been monitored."""
    return 100000 if now() >= one["monitored"] else 0


def datastore_xml(world: World, one: Any, extended: bool = True) -> str:
    images = [i["id"] for i in world.pool("image").values() if i["datastore"] == one["id"]]
    return (
        f"<DATASTORE>{world.head(one)}{world.permissions(one)}"
        f"{at.cdata('DS_MAD', at.get(one['template'], 'DS_MAD') or '-')}"
        f"{at.cdata('TM_MAD', at.get(one['template'], 'TM_MAD'))}"
        f"{at.cdata('BASE_PATH', '/var/lib/one//datastores/' + str(one['id']))}"
        f"<TYPE>{one['kind']}</TYPE><DISK_TYPE>{one['disk']}</DISK_TYPE><STATE>0</STATE>"
        f"{world.ids('CLUSTERS', one['clusters'])}<TOTAL_MB>{room(one)}</TOTAL_MB>"
        f"<FREE_MB>{room(one)}</FREE_MB><USED_MB>0</USED_MB>{world.ids('IMAGES', images)}"
        f"{at.to_xml(one['template'])}</DATASTORE>"
    )


def datastore_delete(oned: Any, user: Any, oid: int) -> int:
    oned.world.may(user, "ADMIN", "datastore", oid)
    if oid == 0:
        raise RefusalError(ACTION, "Cannot delete datastore. The default system datastore (ID 0)"
                      " cannot be deleted.")  # fmt: skip
    if any(image["datastore"] == oid for image in oned.world.pool("image").values()):
        raise RefusalError(ACTION, f"Cannot delete datastore. Datastore {oid} is not empty.")
    oned.world.drop("datastore", oid)
    return oid
