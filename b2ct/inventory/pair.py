"""The failover pair with everything filled in, for the variables of the roles that make it."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Interface
from typing import Final

from b2ct.model import Family, Ha, HaEngine, HaService, Link, ResolvedNode, Site

#: The volume group that the installers make (b2ct/render).
VOLUME_GROUP: Final = "b2ct"
#: DRBD's first port; one more for each volume.
DRBD_PORT: Final = 7788
#: Heartbeat's signs of life (UDP).
HEARTBEAT_PORT: Final = 694
#: With Pacemaker the node that stands by waits so long before it switches the active one off: where
#: they only cannot hear each other, the active one is first.
FENCE_DELAY_S: Final = 5
MARIADB_DATA: Final = "/var/lib/mysql"


@dataclass(frozen=True)
class Pair:
    """``engine`` is never auto; ``links`` are networks; ``address`` moves with the services."""

    section: Ha
    engine: HaEngine
    nodes: tuple[ResolvedNode, ResolvedNode]
    links: tuple[str, ...]
    address: IPv4Interface

    def peer(self, node: ResolvedNode) -> ResolvedNode:
        """Give the other node."""
        return self.nodes[1] if node.name == self.nodes[0].name else self.nodes[0]

    def link(self, node: ResolvedNode, network: str) -> Link:
        """Give a node's connection to one of the links."""
        link = node.link_on(network)
        assert link is not None, "the checks demand it"
        return link

    def link_address(self, node: ResolvedNode, network: str) -> str:
        """Give a node's address on one of the links; the checks demand a fixed one."""
        return str(getattr(self.link(node, network).ipv4, "ip", ""))

    def mounts(self, folder: str) -> bool:
        """Whether a folder lies on a replicated volume."""
        return any(
            f"{folder}/".startswith(f"{volume.mount}/") for volume in self.section.volumes.values()
        )


def pair(site: Site) -> Pair | None:
    """Give the failover pair of a site; None without one, or where the site is narrowed."""
    section = site.ha
    names = site.ha_nodes
    if section is None or site.service_network is None or len(names) != 2:
        return None
    nodes = [site.resolved[name] for name in names if name in site.resolved]
    network = site.networks[site.service_network]
    moving = network.service_addresses.get(section.address)
    if len(nodes) != 2 or moving is None or network.ipv4 is None:
        return None
    engine = section.engine
    if engine is HaEngine.AUTO:
        debian = nodes[0].release.family is Family.DEBIAN
        engine = HaEngine.HEARTBEAT if debian else HaEngine.PACEMAKER
    return Pair(
        section=section,
        engine=engine,
        nodes=(nodes[0], nodes[1]),
        links=section.links or (site.service_network,),
        address=IPv4Interface(f"{moving}/{network.ipv4.subnet.prefixlen}"),
    )


def kernel_name(node: ResolvedNode) -> str:
    """Give what ``uname -n`` says: the short name on Debian, the full one on EL."""
    return node.name if node.release.family is Family.DEBIAN else node.fqdn


def units(site: Site) -> list[str]:
    """Give the systemd units that run on the active node only, in the order of starting."""
    section = site.ha
    if section is None:
        return []
    classic = site.opennebula.version.startswith(("5.", "6."))
    of = {
        HaService.MARIADB: ["mariadb.service"],
        HaService.OPENNEBULA: [
            "opennebula.service",
            *(["opennebula-scheduler.service"] if classic else []),
            "opennebula-flow.service",
            "opennebula-gate.service",
            "opennebula-fireedge.service",
            *(["opennebula-sunstone.service"] if classic else []),
        ],
    }
    return [unit for service in section.services for unit in of[service]] + list(section.units)


def drbd_minor(section: Ha, volume: str) -> int:
    """Give the number of a volume's device, /dev/drbd<number>."""
    return list(section.volumes).index(volume)
