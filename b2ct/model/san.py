"""Section ``san``: disks that all hypervisors reach, and what lies on them."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from b2ct.model.storage import size_or_rest
from b2ct.model.types import (
    NO_TRUTH_VALUE,
    Model,
    MountPoint,
    SectionName,
    Size,
    SizeText,
    matching,
)

#: NAA names of SCSI (multipath's form: type 3 and the number), of NVMe, and serials of virtio.
_WWID = re.compile(
    r"3[0-9a-f]{16}(?:[0-9a-f]{16})?"
    r"|2[0-9a-f]{16}"
    r"|eui\.[0-9a-f]{16}(?:[0-9a-f]{16})?"
    r"|uuid\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|virtio-[A-Za-z0-9_.-]{1,20}"
)
_PASTED: Final = re.compile(r"(?:wwn-|scsi-)?(?:0x|naa\.)([0-9a-fA-F]{16}(?:[0-9a-fA-F]{16})?)")
_HOW: Final = "as 'multipath -ll' or /usr/lib/udev/scsi_id -g -u DEVICE prints it"


def _wwid_input(value: Any) -> Any:  # noqa: ANN401 - raw YAML scalar
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError("YAML took this WWID for a number; put it in quotes")
    return value


def _wwid(value: str) -> str:
    if _WWID.fullmatch(value):
        return value
    pasted = _PASTED.fullmatch(value)
    if pasted:
        raise ValueError(f"{value!r} is no WWID; write '3{pasted[1].lower()}'")
    if value != value.lower() and _WWID.fullmatch(value.lower()):
        raise ValueError(f"{value!r} has capital letters; write {value.lower()!r}")
    if value.startswith("/dev/") or re.fullmatch(r"(sd|vd|nvme|dm-|mpath)\w*", value):
        raise ValueError(f"{value!r} changes between boots; write the WWID, {_HOW}")
    raise ValueError(
        f"{value!r} is no WWID; write it {_HOW}: 17 or 33 digits, or eui.…, uuid.… or virtio-…"
    )


Wwid = Annotated[
    str,
    BeforeValidator(
        _wwid_input,
        json_schema_input_type=Annotated[
            str, matching(r"^[A-Za-z0-9._-]{8,60}$", "a WWID, in quotes")
        ],
    ),
    AfterValidator(_wwid),
]
_IqnText = matching(
    r"^(iqn\.[0-9]{4}-[0-9]{2}\.[a-z0-9.:{}_-]+|eui\.[0-9A-Fa-f]{16}|naa\.[0-9A-Fa-f]{16,32})$",
    "a name such as iqn.2003-01.org.example:disk1, in small letters",
)
Iqn = Annotated[str, _IqnText]
_Portal = Annotated[
    str,
    matching(
        r"^([A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9a-fA-F:]+\])(:[0-9]{1,5})?$",
        "an address such as 10.40.0.1, 10.40.0.1:3260 or [2001:db8::1]",
    ),
]


class SanTransport(StrEnum):
    """How the disks come to a node."""

    ISCSI = "iscsi"
    FC = "fc"
    ATTACHED = "attached"


class SanDriver(StrEnum):
    """Who shares the disks out."""

    GFS2 = "gfs2"
    LVM = "lvm"


class Iscsi(Model):
    """The iSCSI initiator."""

    portals: tuple[_Portal, ...] = Field(min_length=1, description="Addresses of the target")
    targets: tuple[Iqn, ...] = Field(
        min_length=1, description="Names of the targets; each is logged into over each portal"
    )
    initiator: Iqn | None = Field(
        None,
        description="Name of the initiator, with {node} for the node's name; if absent, each node"
        " keeps the one that its installation made",
    )
    chap_user: Annotated[str, matching(r"^[!-~]{1,64}$", "a name without blanks")] | None = Field(
        None, description="User of CHAP; the password is vault_san_chap_password of the vault"
    )


class Lun(Model):
    """One disk of the SAN."""

    wwid: Wwid = Field(description="Its name all over the world, such as 3600…; in quotes")
    paths: Annotated[int, Field(ge=1, le=64), NO_TRUTH_VALUE] = Field(
        2, description="Paths on which each node must see it; fewer are a refusal"
    )


class SanFileSystem(Model):
    """The GFS2 file system on the volume group."""

    name: Annotated[
        str,
        matching(
            r"^[A-Za-z0-9][A-Za-z0-9_]{0,15}$", "letters, digits and _, 16 characters at most"
        ),
    ] = Field("one", description="Name of the logical volume and of the file system")
    journals: Annotated[int, Field(ge=1, le=64), NO_TRUTH_VALUE] | None = Field(
        None, description="Journals, one for each member at least; members plus one if absent"
    )
    journal_size: Size = Field(128 << 20, description="Size of each journal")
    size: Annotated[
        int | Literal["rest"],
        BeforeValidator(size_or_rest, json_schema_input_type=SizeText | Literal["rest"]),
    ] = Field("rest", description="Such as 2TiB, or rest for all of the volume group")
    mount: MountPoint = Field(
        "/var/lib/one/datastores", description="Where it is mounted: OpenNebula's datastores"
    )


class San(Model):
    """Shared storage of the hypervisors."""

    transport: SanTransport = Field(
        description="iscsi; fc: Fibre Channel; attached: the disks are there without any login, as"
        " with SAS enclosures and virtual machines"
    )
    iscsi: Iscsi | None = Field(None, description="For the transport iscsi")
    luns: dict[SectionName, Lun] = Field(
        min_length=1, description="The disks, by the name that they get under /dev/mapper"
    )
    volume_group: Annotated[
        str,
        matching(r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$", "a name such as vg-san"),
    ] = Field("vg-san", description="Volume group on the disks; vg-one-<datastore id> for lvm")
    driver: SanDriver = Field(
        SanDriver.GFS2,
        description="gfs2: one cluster file system (EL 8 and 9, Debian); lvm: a logical volume for"
        " each disk of a virtual machine, through OpenNebula's LVM drivers",
    )
    filesystem: SanFileSystem = Field(
        default_factory=lambda: SanFileSystem.model_validate({}), description="For the driver gfs2"
    )
    erase: tuple[SectionName, ...] = Field(
        (),
        description="Consent: disks that lose whatever is found on them when the volume group is"
        " made; an empty disk needs none",
    )
