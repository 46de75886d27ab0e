"""Section ``networks``: the subnets of the site, each described once."""

from __future__ import annotations

from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Annotated

from pydantic import Field

from b2ct.model.types import Model, SectionName


class Purpose(StrEnum):
    """What a network is for. Installation, ssh and storage run over the service network."""

    SERVICE = "service"
    PRIVATE = "private"
    PUBLIC = "public"


class Range4(Model):
    """A range of IPv4 addresses, both ends included."""

    first: IPv4Address
    last: IPv4Address


class Range6(Model):
    """A range of IPv6 addresses, both ends included."""

    first: IPv6Address
    last: IPv6Address


class IPv4(Model):
    """The IPv4 side of a network."""

    subnet: IPv4Network = Field(description="Such as 10.20.0.0/24, without host bits")
    gateway: IPv4Address | None = Field(None, description="The router, if the network has one")
    vm_ranges: tuple[Range4, ...] = Field((), description="Addresses that virtual machines get")


class IPv6(Model):
    """The IPv6 side of a network."""

    subnet: IPv6Network = Field(description="Such as 2001:db8:20::/64, without host bits")
    gateway: IPv6Address | None = Field(
        None, description="The router; without one, router advertisements are believed"
    )
    vm_ranges: tuple[Range6, ...] = Field((), description="Addresses that virtual machines get")


class Network(Model):
    """One layer-2 network with its subnets."""

    purpose: Purpose
    vlan: Annotated[int, Field(ge=1, le=4094)] | None = Field(
        None, description="VLAN tag on the wire; none means untagged"
    )
    mtu: Annotated[int, Field(ge=1280, le=9216)] = Field(1500, description="In bytes")
    ipv4: IPv4 | None = None
    ipv6: IPv6 | None = None
    service_addresses: dict[SectionName, IPv4Address | IPv6Address] = Field(
        default_factory=dict,
        description="Virtual addresses (VIPs) that move between nodes, by name",
    )
