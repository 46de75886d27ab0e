"""What is kept inside OpenNebula: the objects of the section ``opennebula``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from b2ct.model.types import NO_TRUTH_VALUE, HostName, Model, SectionName, Size, matching

#: What oned takes for a name (its PoolObjectSQL, releases 6.10 and 7.4).
CloudName = Annotated[
    str,
    matching(
        r"^[^&|:\\\";/'#{}$<>\x00-\x1f]{1,128}$",
        "a name without & | : \\ \" ; / ' # { } $ < and >, 128 characters at most",
    ),
]
CloudUser = Annotated[
    str,
    matching(
        r"^[^&|:\\\";/'#{}$<>\s]{1,128}$",
        "a user's name without blanks and without & | : \\ \" ; / ' # { } $ < and >",
    ),
]
Mode = Annotated[
    str, matching(r"^[0-7]{3}$", "three octal digits in quotes: use 4, manage 2, admin 1")
]
_Key = Annotated[
    str, matching(r"^[A-Z][A-Z0-9_]*$", "an attribute's name in capital letters, as OpenNebula's")
]
_Value = str | int | float | bool
Attributes = dict[_Key, _Value | dict[_Key, _Value] | list[_Value | dict[_Key, _Value]]]
_Limit = Annotated[float, Field(ge=0), NO_TRUTH_VALUE] | Literal["unlimited", "default"]
_Limits = dict[_Key, _Limit]


class _Object(Model):
    attributes: Attributes = Field(
        default_factory=dict,
        description="Further attributes, as OpenNebula names them; others stay as they are",
    )


class _Owned(_Object):
    owner: CloudUser | None = Field(None, description="User it belongs to; oneadmin's if new")
    group: CloudName | None = Field(None, description="Group it belongs to; oneadmin's if new")
    mode: Mode | None = Field(
        None, description="Rights of owner, group and others in octal; OpenNebula's own if new"
    )


class CloudCluster(_Object):
    """A cluster: hosts with the datastores and networks that they reach."""


class HostStatus(StrEnum):
    """Whether a host takes part."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    OFFLINE = "offline"


class CloudHost(_Object):
    """What a hypervisor is to OpenNebula, beyond being there."""

    cluster: CloudName | None = Field(None, description="Cluster; left where it is if absent")
    status: HostStatus | None = Field(None, description="Left as it is if absent")
    drivers: Literal["kvm", "lxc", "qemu", "dummy"] = Field(
        "kvm", description="How it is monitored and runs virtual machines; dummy is for trials"
    )


class DatastoreType(StrEnum):
    """What a datastore holds."""

    IMAGE = "image"
    SYSTEM = "system"
    FILE = "file"
    BACKUP = "backup"


class CloudDatastore(_Owned):
    """A datastore."""

    type: DatastoreType = Field(DatastoreType.IMAGE, description="What it holds")
    ds_mad: str | None = Field(None, description="Datastore driver, such as fs; none for system")
    tm_mad: str | None = Field(
        None, description="Transfer driver; if absent ssh with 6.10 and local with 7.x"
    )
    clusters: tuple[CloudName, ...] | None = Field(
        None, description="All clusters that use it; left as they are if absent"
    )


class CloudRange(Model):
    """Addresses, as OpenNebula describes a range."""

    type: Literal["IP4", "IP6", "IP4_6", "IP6_STATIC", "IP4_6_STATIC", "ETHER"] = Field(
        description="Kind of addresses"
    )
    size: Annotated[int, Field(ge=1), NO_TRUTH_VALUE] = Field(description="How many")
    ip: str | None = Field(None, description="First IPv4 address")
    ip6: str | None = Field(None, description="First IPv6 address")
    prefix_length: Annotated[int, Field(ge=1, le=128), NO_TRUTH_VALUE] | None = Field(
        None, description="Of the IPv6 addresses"
    )
    mac: str | None = Field(None, description="First MAC address, in quotes")


class CloudNetwork(_Owned):
    """A virtual network.

    One of a network of the site takes bridge, addresses, gateway and name servers from there;
    each network with ``vm_ranges`` gets one by itself.
    """

    network: SectionName | None = Field(
        None, description="Network of the site; the one of the same name if absent"
    )
    vn_mad: str = Field("bridge", description="Network driver")
    bridge: str | None = Field(None, description="Bridge on the hypervisors; from nodes if absent")
    clusters: tuple[CloudName, ...] | None = Field(
        None, description="All clusters that use it; left as they are if absent"
    )
    security_groups: tuple[CloudName, ...] | None = Field(
        None, description="All its security groups; left as they are if absent"
    )
    ranges: tuple[CloudRange, ...] | None = Field(
        None, description="Address ranges; the site network's vm_ranges if absent"
    )


class CloudImage(_Owned):
    """An image."""

    datastore: CloudName = Field("default", description="Datastore that holds it")
    type: Literal["os", "cdrom", "datablock", "kernel", "ramdisk", "context"] = Field(
        "os", description="What it is"
    )
    path: str | None = Field(None, description="File on the front-end or web address of its data")
    size: Size | None = Field(None, description="Of an empty one, when it is made")
    format: str | None = Field(None, description="Of an empty one, such as qcow2")
    persistent: bool | None = Field(None, description="Whether changes stay in it")


class CloudTemplate(_Owned):
    """A template of virtual machines."""


class Quota(Model):
    """Limits: a number, unlimited, or default. What is not named stays."""

    vm: _Limits = Field(
        default_factory=dict, description="Such as VMS, CPU, MEMORY (in MB), SYSTEM_DISK_SIZE"
    )
    datastores: dict[CloudName, _Limits] = Field(
        default_factory=dict, description="SIZE (in MB) and IMAGES by datastore"
    )
    networks: dict[CloudName, _Limits] = Field(
        default_factory=dict, description="LEASES by virtual network"
    )
    images: dict[CloudName, _Limits] = Field(default_factory=dict, description="RVMS by image")


class CloudGroup(_Object):
    """A group of users."""

    admins: tuple[CloudUser, ...] | None = Field(None, description="All its administrators")
    quota: Quota | None = Field(None, description="Limits of all its users together")


class CloudAccount(_Object):
    """A user of OpenNebula; the password is in vault.yml, vault_opennebula_user_passwords."""

    groups: tuple[CloudName, ...] = Field(
        ("users",), min_length=1, description="All groups, the primary one first"
    )
    auth_driver: str = Field("core", description="How the user is recognised")
    enabled: bool | None = Field(None, description="Whether the user may log in")
    quota: Quota | None = Field(None, description="Limits of this user")


class Right(StrEnum):
    """What an ACL rule allows."""

    USE = "USE"
    MANAGE = "MANAGE"
    ADMIN = "ADMIN"
    CREATE = "CREATE"


_Resource = Literal[
    "VM", "HOST", "NET", "IMAGE", "USER", "TEMPLATE", "GROUP", "DATASTORE", "CLUSTER", "DOCUMENT",
    "ZONE", "SECGROUP", "VDC", "VROUTER", "MARKETPLACE", "MARKETPLACEAPP", "VMGROUP", "VNTEMPLATE",
    "BACKUPJOB",
]  # fmt: skip


class CloudAcl(Model):
    """An ACL rule."""

    users: Annotated[str, matching(r"^(\*|[@#].+)$", "'*', '@group' or '#user', in quotes")] = (
        Field(description="Who: '*', '@group' or '#user', in quotes")
    )
    resources: tuple[_Resource, ...] = Field(min_length=1, description="Kinds of resources")
    which: Annotated[
        str, matching(r"^(\*|[@#%].+)$", "'*', '@group', '%cluster' or '#name', in quotes")
    ] = Field("*", description="Which: '*', '@group', '%cluster' or '#name', in quotes")
    rights: tuple[Right, ...] = Field(min_length=1, description="What they may do")


class SecurityRule(Model):
    """A rule of a security group."""

    protocol: Literal["tcp", "udp", "icmp", "icmpv6", "ipsec", "all"] = Field(
        description="Protocol"
    )
    direction: Literal["inbound", "outbound"] = Field(description="Which way")
    ports: (
        Annotated[
            str, matching(r"^(\d+(:\d+)?,)*\d+(:\d+)?$", "ports such as '22,8000:8080', in quotes")
        ]
        | None
    ) = Field(None, description="Of tcp and udp, such as '22,8000:8080'; all if absent")
    first: str | None = Field(None, description="First address of the other side")
    size: Annotated[int, Field(ge=1), NO_TRUTH_VALUE] | None = Field(
        None, description="How many addresses from the first one on"
    )


class CloudSecurityGroup(_Owned):
    """A security group."""

    description: str | None = Field(None, description="What it is for")
    rules: tuple[SecurityRule, ...] = Field(min_length=1, description="All its rules")


class CloudHook(_Object):
    """A command that is run when something happens."""

    type: Literal["state", "api"] = Field("state", description="A state of a resource, or a call")
    resource: Literal["VM", "HOST", "IMAGE", "NET"] | None = Field(
        None, description="Whose state counts"
    )
    event: Literal["PROLOG", "RUNNING", "SHUTDOWN", "STOP", "DONE", "UNKNOWN", "CUSTOM"] | None = (
        Field(None, description="Of a VM")
    )
    state: str | None = Field(None, description="State that counts, such as ERROR of a HOST")
    lcm_state: str | None = Field(None, description="Of a VM, with event CUSTOM")
    call: str | None = Field(None, description="Of type api, such as one.vm.allocate")
    command: str = Field(min_length=1, description="Below the hooks folder of the front-end")
    arguments: str | None = Field(None, description="Such as $TEMPLATE -m -p 5")
    arguments_stdin: bool | None = Field(None, description="Whether arguments come by stdin")
    remote: bool | None = Field(None, description="Whether it runs on the host")


class CloudObjects(Model):
    """The objects. What a section leaves out is left alone; nothing is ever removed."""

    clusters: dict[CloudName, CloudCluster] = Field(
        default_factory=dict, description="Clusters by name"
    )
    hosts: dict[HostName, CloudHost] = Field(
        default_factory=dict, description="Hypervisors by node name; each is one by itself"
    )
    datastores: dict[CloudName, CloudDatastore] = Field(
        default_factory=dict, description="Datastores by name"
    )
    virtual_networks: dict[CloudName, CloudNetwork] = Field(
        default_factory=dict, description="Virtual networks by name"
    )
    security_groups: dict[CloudName, CloudSecurityGroup] = Field(
        default_factory=dict, description="Security groups by name"
    )
    images: dict[CloudName, CloudImage] = Field(default_factory=dict, description="Images by name")
    templates: dict[CloudName, CloudTemplate] = Field(
        default_factory=dict, description="Templates of virtual machines by name"
    )
    groups: dict[CloudName, CloudGroup] = Field(default_factory=dict, description="Groups by name")
    users: dict[CloudUser, CloudAccount] = Field(default_factory=dict, description="Users by name")
    acls: tuple[CloudAcl, ...] = Field((), description="ACL rules")
    hooks: dict[CloudName, CloudHook] = Field(default_factory=dict, description="Hooks by name")
