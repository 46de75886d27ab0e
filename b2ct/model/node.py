"""Sections ``hardware`` and ``nodes``: the machines, and what alike machines share."""

from __future__ import annotations

from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from b2ct.model.releases import ReleaseId
from b2ct.model.storage import Disk, Volume
from b2ct.model.types import DeviceName, Mac, Model, Role, SectionName, VolumeName


class BondMode(StrEnum):
    """Modes of the kernel's bonding driver that make sense for a site."""

    ACTIVE_BACKUP = "active-backup"
    LACP = "802.3ad"
    BALANCE_ALB = "balance-alb"
    BALANCE_XOR = "balance-xor"


class Bond(Model):
    """Several network cards as one device."""

    members: tuple[DeviceName, ...] = Field(min_length=2, description="Network cards by name")
    mode: BondMode = BondMode.ACTIVE_BACKUP


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

    ipv4: IPv4Address | Literal["dhcp"] | None = None
    ipv6: IPv6Address | Literal["auto"] | None = Field(
        None, description="An address, or auto for router advertisements"
    )


class Hardware(Model):
    """What alike machines share; a node may say any of it for itself."""

    nics: tuple[DeviceName, ...] = Field((), description="Network cards without known MAC address")
    bonds: dict[DeviceName, Bond] = Field(default_factory=dict)
    attach: dict[SectionName, Attachment] = Field(
        default_factory=dict, description="How each network is reached, by network name"
    )
    disk: Disk | None = None
    volumes: dict[VolumeName, Volume] = Field(default_factory=dict)


class Node(Hardware):
    """One machine."""

    roles: tuple[Role, ...] = Field(min_length=1)
    hardware: SectionName | None = Field(None, description="Name of a hardware description")
    release: ReleaseId | None = Field(None, description="Release, if not the site's")
    serial: (
        Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[!-~]+$")] | None
    ) = Field(None, description="DMI serial number (dmidecode -s system-serial-number)")
    macs: dict[DeviceName, Mac] = Field(
        default_factory=dict, description="MAC address of each network card, by card name"
    )
    addresses: dict[SectionName, Addresses | IPv4Address | IPv6Address | Literal["dhcp"]] = Field(
        default_factory=dict, description="Addresses by network name; a bare one is enough"
    )
