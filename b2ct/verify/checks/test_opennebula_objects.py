"""What the role ``opennebula_objects`` promises: what the site says is inside OpenNebula."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from testinfra.host import Host

GROUPS = ("control",)
UNITS = ("opennebula",)

#: Asks oned, on its own machine, for its pools; prints name, state and the last error as JSON.
PROBE = r"""
import json, ssl, sys, xmlrpc.client
from xml.etree import ElementTree
endpoint, auth_file, ca_file = sys.argv[1:4]
with open(auth_file) as file:
    login = file.readline().strip()
options = {"context": ssl.create_default_context(cafile=ca_file or None)} if (
    endpoint.startswith("https")) else {}
oned = xmlrpc.client.ServerProxy(endpoint, **options)
every = (-2, -1, -1)
pools = {
    "cluster": ("one.clusterpool.info", (), "CLUSTER"),
    "host": ("one.hostpool.info", (), "HOST"),
    "datastore": ("one.datastorepool.info", (), "DATASTORE"),
    "network": ("one.vnpool.info", every, "VNET"),
    "image": ("one.imagepool.info", every, "IMAGE"),
    "template": ("one.templatepool.info", every, "VMTEMPLATE"),
    "security group": ("one.secgrouppool.info", every, "SECURITY_GROUP"),
    "group": ("one.grouppool.info", (), "GROUP"),
    "user": ("one.userpool.info", (), "USER"),
    "hook": ("one.hookpool.info", every, "HOOK"),
}
found = {}
for kind, (method, arguments, tag) in pools.items():
    answer = getattr(oned, method)(login, *arguments)
    if not answer[0]:
        sys.exit(answer[1])
    found[kind] = {
        one.findtext("NAME"): {
            "state": one.findtext("STATE"),
            "error": one.findtext("TEMPLATE/ERROR"),
            "cluster": one.findtext("CLUSTER"),
        }
        for one in ElementTree.fromstring(answer[1]).findall(tag)
    }
print(json.dumps(found))
"""
HOST_STATES = {
    "0": "is not monitored yet",
    "3": "cannot be monitored",
    "4": "is disabled",
    "8": "is offline",
}
ON, DISABLED, OFFLINE = "2", "4", "8"

Pools = Mapping[str, Mapping[str, Mapping[str, str | None]]]


@pytest.fixture(scope="module")
def pools(host: Host, wanted: Mapping[str, Any]) -> Pools:
    """Give what oned holds."""
    if not wanted.get("opennebula_objects_here", True):
        pytest.skip("the first control node asks oned")
    done = host.run(
        "python3 -c %s %s %s %s",
        PROBE,
        wanted["opennebula_objects_endpoint"],
        wanted["opennebula_objects_auth_file"],
        wanted["opennebula_objects_ca_file"] or "",
    )
    assert done.rc == 0, f"oned gives no answer: {done.stderr.strip()[-300:]}"
    found: Pools = json.loads(done.stdout)
    return found


def _names(wanted: Mapping[str, Any], kind: str) -> list[str]:
    return [one["name"] for one in wanted.get(f"opennebula_objects_{kind}") or ()]


def _assert_there(names: Iterable[str], found: Mapping[str, Any], what: str) -> None:
    missing = [name for name in names if name not in found]
    assert not missing, (
        f"{what} missing in OpenNebula: {', '.join(missing)}; run the stage opennebula again"
    )


def test_hosts_are_on(wanted: Mapping[str, Any], pools: Pools) -> None:
    """Every hypervisor is a host of OpenNebula and monitored"""
    _assert_there(_names(wanted, "hosts"), pools["host"], "hosts")
    allowed = {None: ON, "enabled": ON, "disabled": DISABLED, "offline": OFFLINE}
    wrong = []
    for one in wanted.get("opennebula_objects_hosts") or ():
        host = pools["host"][one["name"]]
        if host["state"] != allowed[one.get("status")]:
            words = HOST_STATES.get(str(host["state"]), f"is in state {host['state']}")
            wrong.append(f"{one['name']} {words}" + (f": {host['error']}" if host["error"] else ""))
    assert not wrong, "; ".join(wrong)


def test_hosts_are_in_their_clusters(wanted: Mapping[str, Any], pools: Pools) -> None:
    """Clusters are there, and each host is in its own"""
    _assert_there(_names(wanted, "clusters"), pools["cluster"], "clusters")
    wrong = [
        f"{one['name']} is in cluster {pools['host'][one['name']]['cluster']!r}"
        for one in wanted.get("opennebula_objects_hosts") or ()
        if one.get("cluster")
        and one["name"] in pools["host"]
        and pools["host"][one["name"]]["cluster"] != one["cluster"]
    ]
    assert not wrong, "; ".join(wrong)


def test_datastores_are_there(wanted: Mapping[str, Any], pools: Pools) -> None:
    """The site's datastores are there"""
    _assert_there(_names(wanted, "datastores"), pools["datastore"], "datastores")


def test_networks_are_ready(wanted: Mapping[str, Any], pools: Pools) -> None:
    """The site's virtual networks and security groups are there and ready"""
    _assert_there(_names(wanted, "networks"), pools["network"], "networks")
    _assert_there(_names(wanted, "security_groups"), pools["security group"], "security groups")
    wrong = [
        f"{name} is in state {pools['network'][name]['state']}: {pools['network'][name]['error']}"
        for name in _names(wanted, "networks")
        if pools["network"][name]["state"] != "1"
    ]
    assert not wrong, "; ".join(wrong)


def test_images_are_ready(wanted: Mapping[str, Any], pools: Pools) -> None:
    """The site's images have their data, and its templates are there"""
    _assert_there(_names(wanted, "images"), pools["image"], "images")
    _assert_there(_names(wanted, "templates"), pools["template"], "templates")
    wrong = [
        f"{name} is in state {pools['image'][name]['state']}: {pools['image'][name]['error']}"
        for name in _names(wanted, "images")
        if pools["image"][name]["state"] not in ("1", "2", "8")  # ready, used, used as persistent
    ]
    assert not wrong, "; ".join(wrong)


def test_people_are_there(wanted: Mapping[str, Any], pools: Pools) -> None:
    """The site's users, groups and hooks are there"""
    _assert_there(_names(wanted, "groups"), pools["group"], "groups")
    _assert_there(_names(wanted, "users"), pools["user"], "users")
    _assert_there(_names(wanted, "hooks"), pools["hook"], "hooks")
