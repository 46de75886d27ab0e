"""One case of each kind of object: how it is first wanted, and how it is wanted later."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Case:
    """What a test needs to know of a kind."""

    #: The module's name without its prefix.
    kind: str
    #: The task, and what is different in a later one.
    first: dict[str, Any]
    later: dict[str, Any]
    #: The call that makes it.
    making: str
    #: Words of the change that the later task makes.
    change: str
    #: What must be there first, as tasks of other modules.
    needs: tuple[tuple[str, dict[str, Any]], ...] = ()
    #: What says which object is meant, for its removal.
    identity: dict[str, Any] = field(default_factory=dict)

    @property
    def gone(self) -> dict[str, Any]:
        return {**(self.identity or {"name": self.first["name"]}), "state": "absent"}


_CLUSTER = ("cluster", {"name": "production"})
_DATASTORE = ("datastore", {"name": "images", "ds_mad": "fs", "tm_mad": "ssh"})
_GROUP = ("group", {"name": "belle"})

CASES = (
    Case(
        "cluster",
        {"name": "production", "template": {"RESERVED_CPU": "10%"}},
        {"template": {"RESERVED_CPU": "20%"}},
        "one.cluster.allocate",
        "set RESERVED_CPU of cluster 'production'",
    ),
    Case(
        "host",
        {"name": "node1.example.org", "cluster": "production", "template": {"RACK": 1}},
        {"status": "disabled"},
        "one.host.allocate",
        "make host 'node1.example.org' disabled",
        (_CLUSTER,),
    ),
    Case(
        "datastore",
        {"name": "images", "type": "image", "ds_mad": "fs", "tm_mad": "shared", "mode": "640"},
        {"clusters": ["default", "production"]},
        "one.datastore.allocate",
        "add datastore 'images' to cluster 'production'",
        (_CLUSTER,),
    ),
    Case(
        "network",
        {
            "name": "public",
            "vn_mad": "bridge",
            "bridge": "br-public",
            "security_groups": ["ssh"],
            "address_ranges": [{"type": "IP4", "ip": "198.51.100.100", "size": 10}],
            "template": {"GATEWAY": "198.51.100.1"},
        },
        {"address_ranges": [{"type": "IP4", "ip": "198.51.100.100", "size": 20}]},
        "one.vn.allocate",
        "set SIZE of address range 0 of network 'public'",
        (("security_group", {"name": "ssh"}),),
    ),
    Case(
        "image",
        {"name": "scratch", "datastore": "images", "type": "datablock", "size": 10},
        {"persistent": True},
        "one.image.allocate",
        "make image 'scratch' persistent",
        (_DATASTORE,),
    ),
    Case(
        "template",
        {
            "name": "worker",
            "mode": "644",
            "template": {
                "CPU": 4,
                "MEMORY": 8192,
                "NIC": [{"NETWORK": "private"}, {"NETWORK": "public"}],
                "CONTEXT": {"NETWORK": True, "START_SCRIPT": 'echo "hallo"\n'},
            },
        },
        {"template": {"MEMORY": 4096}},
        "one.template.allocate",
        "set MEMORY of template 'worker'",
    ),
    Case(
        "security_group",
        {"name": "ssh", "rules": [{"protocol": "tcp", "rule_type": "inbound", "range": "22"}]},
        {"rules": [{"protocol": "all", "rule_type": "outbound"}]},
        "one.secgroup.allocate",
        "set RULE of security group 'ssh'",
    ),
    Case(
        "group",
        {"name": "belle", "template": {"SUNSTONE": {"DEFAULT_VIEW": "cloud"}}},
        {"template": {"SUNSTONE": {"DEFAULT_VIEW": "user"}}},
        "one.group.allocate",
        "set SUNSTONE of group 'belle'",
    ),
    Case(
        "user",
        {"name": "factory", "password": "s3cret-of-factory", "groups": ["belle"]},
        {"groups": ["users", "belle"]},
        "one.user.allocate",
        "put user 'factory' into group 'users'; make 'users' the primary group of user 'factory'",
        (_GROUP,),
    ),
    Case(
        "quota",
        {"group": "belle", "vm": {"CPU": 2.5, "VMS": 5}, "datastores": {"images": {"SIZE": 9}}},
        {"vm": {"CPU": "unlimited"}, "datastores": None},
        "one.group.quota",
        "limit CPU to unlimited for group 'belle'",
        (_GROUP, _DATASTORE),
        {"group": "belle"},
    ),
    Case(
        "acl",
        {
            "users": "@belle",
            "resources": ["NET", "HOST"],
            "which": "%production",
            "rights": ["USE"],
        },
        {"rights": ["USE", "MANAGE"]},
        "one.acl.addrule",
        "add rule @belle HOST+NET/%production USE+MANAGE #0; remove rule",
        (_GROUP, _CLUSTER),
        {"users": "@belle", "resources": ["NET", "HOST"], "which": "%production"},
    ),
    Case(
        "hook",
        {
            "name": "host_error",
            "type": "state",
            "resource": "HOST",
            "resource_state": "ERROR",
            "command": "ft/host_error.rb",
            "arguments": "$TEMPLATE -m -p 5",
            "arguments_stdin": True,
        },
        {"arguments": "$TEMPLATE -m"},
        "one.hook.allocate",
        "set ARGUMENTS of hook 'host_error'",
    ),
)
