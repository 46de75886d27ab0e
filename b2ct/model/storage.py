"""The install disk and the logical volumes on it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from b2ct.model.types import Model, MountPoint, Size, SizeText, matching, parse_size

_UDEV_NAME = matching(
    r"^[A-Za-z0-9][A-Za-z0-9_.:+@=-]*$", "the name alone, as ls shows it, without /dev/disk/…"
)


class Erase(StrEnum):
    """What may be erased on the install disk without asking."""

    BLANK = "blank"  #: nothing: the disk must carry no partition table and no signature
    OWN = "b2ct"  #: an installation that b2ct made for this very site
    ANYTHING = "anything"  #: whatever is found; a named consent to lose it


class DiskType(StrEnum):
    """What kind of drive a rule looks for."""

    NVME = "nvme"
    SSD = "ssd"
    HDD = "hdd"
    ANY = "any"


class DiskRule(Model):
    """A rule that must match exactly one fixed disk; no match or several is a refusal."""

    type: DiskType = Field(DiskType.ANY, description="What kind of drive matches")
    min_size: Size | None = Field(None, description="Smallest size that matches")
    max_size: Size | None = Field(None, description="Largest size that matches")


class Disk(Model):
    """The disk that is installed on, chosen by exactly one stable selector."""

    by_id: Annotated[str, _UDEV_NAME] | None = Field(
        None, description="Name below /dev/disk/by-id, such as wwn-0x5000c500a1b2c3d4"
    )
    by_path: Annotated[str, _UDEV_NAME] | None = Field(
        None, description="Name below /dev/disk/by-path, such as pci-0000:3b:00.0-scsi-0:2:0:0"
    )
    serial: (
        Annotated[
            str,
            matching(
                r"^[A-Za-z0-9_.:+@=-]+$",
                "the drive's serial number as lsblk -do +SERIAL prints it",
                64,
            ),
        ]
        | None
    ) = Field(None, description="Serial number of the drive")
    rule: DiskRule | None = Field(None, description="Type and size that only one disk has")
    device: (
        Annotated[str, matching(r"^[a-z][a-z0-9]*$", "a kernel name such as sda, without /dev/")]
        | None
    ) = Field(None, description="Kernel name such as sda; needs the consent below")
    consent_to_unstable_name: bool = Field(
        False, description="Kernel names change between boots; true accepts the risk"
    )
    size: Size | None = Field(None, description="Size of the disk, to check the volumes against")
    erase: Erase = Field(
        Erase.BLANK,
        description="What may be erased without asking: blank: nothing, the disk must carry no"
        " partition table and no signature; b2ct: an installation of this very site; anything:"
        " whatever is found",
    )


class VolumePurpose(StrEnum):
    """What a logical volume is for."""

    SYSTEM = "system"
    SWAP = "swap"
    DATASTORE = "datastore"  #: images and disks of virtual machines
    DRBD = "drbd"  #: backing device: created, left without a file system
    DATA = "data"


class FileSystem(StrEnum):
    """File systems that every supported installer makes."""

    XFS = "xfs"
    EXT4 = "ext4"


def size_or_rest(value: Any) -> Any:  # noqa: ANN401 - raw YAML scalar
    """Take ``rest`` as it is, and anything else as a size."""
    return value if value == "rest" else parse_size(value)


class Volume(Model):
    """One logical volume of the install disk's volume group."""

    purpose: VolumePurpose = Field(
        VolumePurpose.SYSTEM,
        description="datastore holds images and disks of virtual machines; drbd is created without"
        " a file system, as a backing device",
    )
    size: Annotated[
        int | Literal["rest"],
        BeforeValidator(size_or_rest, json_schema_input_type=SizeText | Literal["rest"]),
    ] = Field(description="Such as 40GiB, or rest for what is left")
    mount: MountPoint | None = Field(None, description="Mount point; none for swap and drbd")
    filesystem: FileSystem | None = Field(None, description="The release's own default if empty")
