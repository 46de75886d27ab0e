"""Ports that a role's services listen on, for the firewall of the role ``base``.

A module of ``b2ct.inventory.roles`` may offer ``ports(site, node)``. Nothing else is open on a
node but ssh and ICMP.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from b2ct.model import Site


@dataclass(frozen=True)
class Ports:
    """Open ports of one service.

    ``ports`` are numbers or ranges such as ``49152-49215``; none with ``vrrp``, which has no ports.
    ``sources`` are subnets and addresses that may come in; an empty one means from anywhere, and
    must be meant.
    """

    name: str
    ports: tuple[str | int, ...]
    sources: tuple[str, ...]
    protocol: Literal["tcp", "udp", "sctp", "vrrp"] = "tcp"

    def as_rule(self) -> dict[str, Any]:
        """Give it as an element of ``base_firewall_rules``."""
        return {
            "name": self.name,
            "protocol": self.protocol,
            "ports": [str(port) for port in self.ports],
            "sources": list(self.sources),
        }


def service_subnets(site: Site) -> tuple[str, ...]:
    """Give the subnets of the network over which the site's machines talk to each other."""
    return _subnets(site, [site.service_network] if site.service_network else [])


def site_subnets(site: Site) -> tuple[str, ...]:
    """Give the subnets of all networks of the site, those of virtual machines among them."""
    return _subnets(site, list(site.networks))


def _subnets(site: Site, names: Sequence[str]) -> tuple[str, ...]:
    sides = [
        side for name in names for side in (site.networks[name].ipv4, site.networks[name].ipv6)
    ]
    return tuple(str(side.subnet) for side in sides if side is not None)
