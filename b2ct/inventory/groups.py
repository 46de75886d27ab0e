"""The groups of a site: one of each role, release, family and hardware."""

from __future__ import annotations

from dataclasses import dataclass

from b2ct.inventory.pair import pair
from b2ct.inventory.roles.cluster import cluster_members, sbd_members
from b2ct.inventory.roles.mariadb import database_members
from b2ct.inventory.roles.san import san_members
from b2ct.model import HaEngine, Role, Site
from b2ct.model.lvs_resolved import lvs_members

#: Put before a hardware's name: ``hardware_control`` is not the role ``control``.
HARDWARE_PREFIX = "hardware_"


@dataclass(frozen=True)
class Group:
    """A group: the hosts that are directly in it, and its child groups."""

    name: str
    hosts: tuple[str, ...]
    children: tuple[str, ...] = ()


def groups(site: Site) -> tuple[Group, ...]:
    """Give one group of each role (also where no node has it, so that a play for it is no error),
    one of each release (``el9``, ``debian13``) below its family (``el``, ``debian``), and one of
    each hardware (``hardware_<name>``). ``database`` are the members of the database, a cluster's
    arbitrator among them, ``cvmfs`` are the nodes that mount repositories. ``ha`` is the failover
    pair, in ``ha_heartbeat`` or in ``ha_pacemaker``; ``cluster`` are the hypervisors that fence
    each other, ``sbd`` those that do it through shared disks, ``san`` those that share disks,
    ``lvs`` directors and servers of service addresses.
    """
    return (
        *_role_groups(site),
        Group("database", database_members(site)),
        Group("cvmfs", _cvmfs_clients(site)),
        *_pair_groups(site),
        Group("cluster", cluster_members(site)),
        Group("sbd", sbd_members(site)),
        Group("san", san_members(site)),
        Group("lvs", lvs_members(site)),
        *_release_groups(site),
        *_hardware_groups(site),
    )


def _pair_groups(site: Site) -> tuple[Group, ...]:
    found = pair(site)
    names = tuple(node.name for node in found.nodes) if found else ()
    engines = (HaEngine.HEARTBEAT, HaEngine.PACEMAKER)
    return (
        *(
            Group(f"ha_{engine.value}", names if found and found.engine is engine else ())
            for engine in engines
        ),
        Group("ha", (), tuple(f"ha_{engine.value}" for engine in engines)),
    )


def _cvmfs_clients(site: Site) -> tuple[str, ...]:
    wanted = set(site.cvmfs.clients)
    return tuple(name for name, node in site.nodes.items() if wanted & set(node.roles))


def _role_groups(site: Site) -> tuple[Group, ...]:
    return tuple(
        Group(role.value, tuple(name for name, node in site.nodes.items() if role in node.roles))
        for role in Role
    )


def _release_groups(site: Site) -> tuple[Group, ...]:
    members: dict[str, list[str]] = {}
    families: dict[str, list[str]] = {}
    for name, node in site.resolved.items():
        release = node.release
        members.setdefault(release.group, []).append(name)
        below = families.setdefault(release.family.value, [])
        if release.group not in below:
            below.append(release.group)
    return (
        *(Group(name, tuple(hosts)) for name, hosts in sorted(members.items())),
        *(Group(name, (), tuple(sorted(below))) for name, below in sorted(families.items())),
    )


def _hardware_groups(site: Site) -> tuple[Group, ...]:
    return tuple(
        Group(
            HARDWARE_PREFIX + hardware,
            tuple(name for name, node in site.nodes.items() if node.hardware == hardware),
        )
        for hardware in site.hardware
    )
