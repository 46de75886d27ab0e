"""Sections ``hardware`` and ``nodes``: the machines, and what alike machines share."""

from __future__ import annotations

from enum import StrEnum
from ipaddress import IPv6Address
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from b2ct.model.addresses import Address4OrDhcp, Address6OrAuto, AnyAddress, bare_address
from b2ct.model.fencing import FenceDevice
from b2ct.model.releases import ReleaseId
from b2ct.model.storage import Disk, Volume
from b2ct.model.types import DeviceName, Mac, Model, Role, SectionName, VolumeName, matching


class BondMode(StrEnum):
    """Modes of the kernel's bonding driver that make sense for a site."""

    ACTIVE_BACKUP = "active-backup"
    LACP = "802.3ad"
    BALANCE_ALB = "balance-alb"
    BALANCE_XOR = "balance-xor"


class Bond(Model):
    """Several network cards as one device."""

    members: tuple[DeviceName, ...] = Field(min_length=2, description="Network cards by name")
    mode: BondMode = Field(
        BondMode.ACTIVE_BACKUP, description="Bonding mode; 802.3ad needs a switch that takes part"
    )


class Attachment(Model):
    """How a node is connected to one network."""

    device: DeviceName = Field(description="Network card or bond")
    bridge: DeviceName | None = Field(
        None, description="Bridge above it, for virtual machines on this network"
    )
    tagged: bool | None = Field(
        None, description="Whether frames carry the network's VLAN tag; yes if it has one"
    )


class Addresses(Model):
    """A node's addresses on one network."""

    ipv4: Address4OrDhcp | None = Field(None, description="An address, or dhcp")
    ipv6: Address6OrAuto | None = Field(
        None, description="An address, or auto for router advertisements"
    )


def _spelt_out(value: Any) -> Any:  # noqa: ANN401 - raw YAML value
    """Give the long form of a bare address or ``dhcp``."""
    if isinstance(value, dict | Addresses):
        return value
    if value == "dhcp":
        return {"ipv4": "dhcp"}
    address = bare_address(value)
    return {"ipv6" if isinstance(address, IPv6Address) else "ipv4": address}


class Hardware(Model):
    """What alike machines share; a node may say any of it for itself."""

    nics: tuple[DeviceName, ...] = Field((), description="Network cards without known MAC address")
    bonds: dict[DeviceName, Bond] = Field(
        default_factory=dict, description="Several network cards as one, by a device name"
    )
    attach: dict[SectionName, Attachment] = Field(
        default_factory=dict, description="How each network is reached, by network name"
    )
    disk: Disk | None = Field(None, description="The disk that is installed on")
    volumes: dict[VolumeName, Volume] = Field(
        default_factory=dict, description="Logical volumes on that disk, by name"
    )
    fence: tuple[FenceDevice, ...] = Field(
        (), description="How others switch the machine off: levels, tried in order"
    )


class Node(Hardware):
    """One machine."""

    roles: tuple[Role, ...] = Field(min_length=1, description="What the node does in the site")
    hardware: SectionName | None = Field(None, description="Name of a hardware description")
    release: ReleaseId | None = Field(None, description="Release, if not the site's")
    serial: (
        Annotated[
            str,
            matching(
                r"^[!-~]+$",
                "a serial number as dmidecode prints it, 64 characters at most",
                max_length=64,
            ),
        ]
        | None
    ) = Field(None, description="DMI serial number (dmidecode -s system-serial-number)")
    macs: dict[DeviceName, Mac] = Field(
        default_factory=dict, description="MAC address of each network card, by card name"
    )
    addresses: dict[
        SectionName,
        Annotated[
            Addresses,
            BeforeValidator(
                _spelt_out, json_schema_input_type=Addresses | AnyAddress | Literal["dhcp"]
            ),
        ],
    ] = Field(default_factory=dict, description="Addresses by network name; a bare one is enough")
