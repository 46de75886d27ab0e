"""What OpenNebula holds because of what is said elsewhere in the site file."""

from __future__ import annotations

from b2ct.model.cloud import CloudNetwork
from b2ct.model.network import Network
from b2ct.model.site import Site
from b2ct.model.types import Role


def virtual_networks(site: Site) -> dict[str, CloudNetwork]:
    """Give the virtual networks: those named, and one of each network with addresses for VMs."""
    named = site.opennebula.virtual_networks
    taken = {network.network or name for name, network in named.items()}
    derived = {
        name: CloudNetwork.model_validate({})
        for name, network in site.networks.items()
        if name not in taken and _has_vm_ranges(network)
    }
    return {**derived, **named}


def bridge_of(site: Site, network: str) -> str | None:
    """Give the bridge that the hypervisors have on a network, where all that have one agree."""
    found = {
        link.bridge
        for node in site.resolved.values()
        if Role.HYPERVISOR in node.roles
        for link in node.links
        if link.network_name == network and link.bridge
    }
    return found.pop() if len(found) == 1 else None


def default_tm_mad(site: Site) -> str:
    """Give the transfer driver that copies over ssh, by its name in the site's release."""
    return "ssh" if site.opennebula.version.startswith("6.") else "local"


def _has_vm_ranges(network: Network) -> bool:
    return any(side is not None and side.vm_ranges for side in (network.ipv4, network.ipv6))
