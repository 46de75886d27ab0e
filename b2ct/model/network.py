"""Section ``networks``: the subnets of the site, each described once."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from b2ct.model.addresses import Address4, Address6, AnyAddress, Subnet4, Subnet6
from b2ct.model.types import NO_TRUTH_VALUE, Model, SectionName


class Purpose(StrEnum):
    """What a network is for. Installation, ssh and storage run over the service network."""

    SERVICE = "service"
    PRIVATE = "private"
    PUBLIC = "public"


class Range4(Model):
    """A range of IPv4 addresses, both ends included."""

    first: Address4 = Field(description="First address")
    last: Address4 = Field(description="Last address")


class Range6(Model):
    """A range of IPv6 addresses, both ends included."""

    first: Address6 = Field(description="First address")
    last: Address6 = Field(description="Last address")


class IPv4(Model):
    """The IPv4 side of a network."""

    subnet: Subnet4 = Field(description="Such as 10.20.0.0/24, without host bits")
    gateway: Address4 | None = Field(None, description="The router, if the network has one")
    vm_ranges: tuple[Range4, ...] = Field((), description="Addresses that virtual machines get")


class IPv6(Model):
    """The IPv6 side of a network."""

    subnet: Subnet6 = Field(description="Such as 2001:db8:20::/64, without host bits")
    gateway: Address6 | None = Field(
        None, description="The router; without one, router advertisements are believed"
    )
    vm_ranges: tuple[Range6, ...] = Field((), description="Addresses that virtual machines get")


class Network(Model):
    """One layer-2 network with its subnets."""

    purpose: Purpose = Field(
        description="service (installation, ssh and storage; exactly one), private or public"
    )
    vlan: Annotated[int, Field(ge=1, le=4094), NO_TRUTH_VALUE] | None = Field(
        None, description="VLAN tag on the wire; none means untagged"
    )
    mtu: Annotated[int, Field(ge=1280, le=9216), NO_TRUTH_VALUE] = Field(
        1500, description="In bytes"
    )
    ipv4: IPv4 | None = Field(None, description="Its IPv4 subnet")
    ipv6: IPv6 | None = Field(None, description="Its IPv6 subnet")
    service_addresses: dict[SectionName, AnyAddress] = Field(
        default_factory=dict,
        description="Virtual addresses (VIPs) that move between nodes, by name",
    )
