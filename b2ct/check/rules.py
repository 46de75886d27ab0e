"""All rules, in the order in which a reader would want to know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from b2ct.check import (
    addresses,
    cache,
    cloud,
    database,
    devices,
    disks,
    identity,
    monitoring,
    networks,
    places,
    releases,
    rocci,
    services,
    volumes,
)
from b2ct.check.report import Report

RULES: Final[tuple[Callable[[Report], None], ...]] = (
    places.timezone,
    places.keyboard,
    places.language,
    places.admins,
    networks.service,
    networks.subnets,
    networks.gateways,
    networks.service_addresses,
    networks.vm_ranges,
    networks.vlans,
    networks.servers,
    releases.legacy,
    releases.roles,
    releases.control,
    releases.hardware,
    releases.sources,
    releases.transport,
    releases.opennebula,
    devices.bonds,
    devices.cards,
    devices.attachments,
    devices.bridges,
    devices.vlan_at_installation,
    devices.mtus,
    disks.selectors,
    disks.drive_numbers,
    volumes.layout,
    volumes.sizes,
    volumes.file_systems,
    volumes.replicas,
    identity.names,
    identity.macs,
    identity.serials,
    identity.recognition,
    addresses.node_addresses,
    addresses.service_address,
    addresses.routes,
    services.certificates,
    services.settings,
    database.nodes,
    database.votes,
    database.local,
    cloud.clusters,
    cloud.hosts,
    cloud.datastores,
    cloud.networks,
    cloud.people,
    cloud.quotas,
    cloud.acls,
    cloud.hooks,
    cache.size,
    cache.clients,
    cache.destinations,
    cache.flavour,
    cache.cvmfs,
    cache.without_clients,
    monitoring.addresses,
    monitoring.readers,
    monitoring.packages,
    monitoring.without_use,
    rocci.node,
)


def check(report: Report) -> None:
    """Run every rule over the site."""
    for rule in RULES:
        rule(report)
