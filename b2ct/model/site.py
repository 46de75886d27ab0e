"""The whole site as it is written down: every section, and nothing resolved."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from ipaddress import IPv4Address, IPv4Interface
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from b2ct.model.cache import Belle2, Cvmfs, Squid
from b2ct.model.cluster import Cluster, Sbd, SbdTimes, sbd_times
from b2ct.model.database import DatabaseMode, MariaDb
from b2ct.model.general import General
from b2ct.model.ha import Ha, HaService
from b2ct.model.install import Install, OpenNebula
from b2ct.model.lvs import Lvs
from b2ct.model.monitoring import Monitoring
from b2ct.model.network import Network, Purpose
from b2ct.model.node import Hardware, Node
from b2ct.model.releases import RELEASES, Release, ReleaseId
from b2ct.model.rocci import Rocci
from b2ct.model.san import San, SanTransport
from b2ct.model.tls import Tls
from b2ct.model.types import HostName, Model, Role, SectionName

if TYPE_CHECKING:
    from b2ct.model.resolved import ResolvedNode


class Site(Model):
    """A site: the one source of its media, its inventory and its checks."""

    plugin: Literal["b2ct.cloud.site"] = Field(
        description="Makes this file an Ansible inventory; always b2ct.cloud.site"
    )
    site: General = Field(description="What is true of every machine")
    networks: dict[SectionName, Network] = Field(min_length=1, description="The networks, by name")
    install: Install = Field(description="How machines are installed")
    opennebula: OpenNebula = Field(
        default_factory=lambda: OpenNebula.model_validate({}),
        description="The cloud's own software",
    )
    mariadb: MariaDb = Field(
        default_factory=lambda: MariaDb.model_validate({}), description="OpenNebula's database"
    )
    squid: Squid = Field(
        default_factory=lambda: Squid.model_validate({}), description="The cache nodes' squid"
    )
    cvmfs: Cvmfs = Field(
        default_factory=lambda: Cvmfs.model_validate({}), description="CernVM-FS repositories"
    )
    belle2: Belle2 = Field(
        default_factory=lambda: Belle2.model_validate({}),
        description="What only the Belle II experiment needs",
    )
    tls: Tls = Field(
        default_factory=lambda: Tls.model_validate({}),
        description="Who signs the certificates of the site's services",
    )
    monitoring: Monitoring = Field(
        default_factory=lambda: Monitoring.model_validate({}),
        description="Metrics, alerts, the status page, and checks for Nagios",
    )
    rocci: Rocci = Field(
        default_factory=lambda: Rocci.model_validate({}),
        description="OCCI, for clients that speak nothing else",
    )
    cluster: Cluster | None = Field(
        None, description="The hypervisors as a cluster with fencing; none if absent"
    )
    san: San | None = Field(None, description="Disks that the hypervisors share; none if absent")
    ha: Ha | None = Field(None, description="The control nodes as a failover pair; none without it")
    lvs: Lvs | None = Field(
        None, description="Service addresses behind which several nodes answer; none without it"
    )
    hardware: dict[SectionName, Hardware] = Field(
        default_factory=dict, description="What alike machines share, by a name for their kind"
    )
    nodes: dict[HostName, Node] = Field(
        min_length=1, description="The machines, by short host name"
    )

    @cached_property
    def service_network(self) -> str | None:
        """Name of the network of installation, ssh and storage; the checks demand one."""
        for name, network in self.networks.items():
            if network.purpose is Purpose.SERVICE:
                return name
        return None

    @cached_property
    def database_nodes(self) -> tuple[str, ...]:
        """Names of the servers of the database: those said, else control nodes.

        Both nodes of a failover pair that moves it, though it runs on one of them at a time.
        """
        if self.ha is not None and HaService.MARIADB in self.ha.services:
            return self.ha_nodes
        if self.mariadb.nodes:
            return self.mariadb.nodes
        control = tuple(name for name, node in self.nodes.items() if Role.CONTROL in node.roles)
        return control if self.mariadb.mode is DatabaseMode.GALERA else control[:1]

    @cached_property
    def cluster_nodes(self) -> tuple[str, ...]:
        """Names of the nodes that share storage: those of the cluster, else all hypervisors."""
        if self.cluster is not None and self.cluster.nodes:
            return self.cluster.nodes
        if self.cluster is None and self.san is None:
            return ()
        return tuple(name for name, node in self.nodes.items() if Role.HYPERVISOR in node.roles)

    @cached_property
    def cluster_links(self) -> tuple[str, ...]:
        """Names of the networks over which the cluster's members hear each other."""
        if self.cluster is not None and self.cluster.links:
            return self.cluster.links
        return (self.service_network,) if self.service_network else ()

    @property
    def sbd(self) -> Sbd | None:
        """Fencing of the cluster through shared disks, where there is some."""
        return self.cluster.sbd if self.cluster is not None else None

    @property
    def sbd_has_paths(self) -> bool:
        """Whether SBD reads a disk over paths that may die before the disk is lost."""
        iscsi = self.san is not None and self.san.transport is SanTransport.ISCSI
        return self.sbd is not None and (
            iscsi or any(disk.paths > 1 for disk in self.sbd.disks.values())
        )

    @cached_property
    def sbd_times(self) -> SbdTimes:
        """The times of SBD; only for a site that has it."""
        assert self.sbd is not None
        return sbd_times(self.sbd, paths=self.sbd_has_paths)

    @cached_property
    def journals(self) -> int:
        """How many journals the shared file system has."""
        said = self.san.filesystem.journals if self.san is not None else None
        return said if said is not None else len(self.cluster_nodes) + 1

    @cached_property
    def ha_nodes(self) -> tuple[str, ...]:
        """Names of the nodes of the failover pair, the preferred one first; none without one."""
        if self.ha is None:
            return ()
        control = tuple(name for name, node in self.nodes.items() if Role.CONTROL in node.roles)
        return self.ha.nodes or control

    @cached_property
    def resolved(self) -> dict[str, ResolvedNode]:
        """Every node with hardware, release and networks filled in, by name."""
        from b2ct.model.resolved import resolve

        return {name: resolve(self, name, node) for name, node in self.nodes.items()}

    @cached_property
    def taken_service_ipv4(self) -> tuple[tuple[int, int], ...]:
        """IPv4 addresses of the service network that this file gives to somebody.

        Ascending ranges (first, last) of addresses as numbers, neighbours merged: nodes, the
        gateway, service addresses and what virtual machines get.
        """
        name = self.service_network
        network = self.networks[name] if name is not None else None
        if network is None or network.ipv4 is None:
            return ()
        given = [*network.service_addresses.values(), network.ipv4.gateway]
        for node in self.resolved.values():
            link = node.service_link
            if link is not None and isinstance(link.ipv4, IPv4Interface):
                given.append(link.ipv4.ip)
        ranges = [(int(one), int(one)) for one in given if isinstance(one, IPv4Address)]
        ranges += [(int(vms.first), int(vms.last)) for vms in network.ipv4.vm_ranges]
        merged: list[tuple[int, int]] = []
        for first, last in sorted(ranges):
            if merged and first <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
            else:
                merged.append((first, last))
        return tuple(merged)

    def narrowed(self, names: Collection[str]) -> Site:
        """Give the same site with some of its nodes only."""
        # Not model_copy: it would carry over what cached_property has stored.
        sections = {name: getattr(self, name) for name in type(self).model_fields}
        sections["nodes"] = {name: node for name, node in self.nodes.items() if name in names}
        return Site.model_construct(**sections)

    @cached_property
    def releases(self) -> tuple[Release, ...]:
        """The releases that the nodes use, in catalogue order."""
        used = {node.release or self.install.release for node in self.nodes.values()}
        return tuple(RELEASES[ident] for ident in ReleaseId if ident in used)
