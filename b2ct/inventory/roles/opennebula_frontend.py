"""The role ``opennebula_frontend``: the cloud's own services on the control nodes."""

from __future__ import annotations

from typing import Any

from b2ct.inventory.facts import ansible_host
from b2ct.inventory.pair import pair
from b2ct.inventory.ports import Ports, service_subnets
from b2ct.inventory.values import Secret
from b2ct.model import Family, HaService, OpenNebulaDatabase, ResolvedNode, Role, Site

#: The certificate of the front-end, and of what else a control node serves over TLS.
CERTIFICATE = "opennebula"


def control_nodes(site: Site) -> tuple[ResolvedNode, ...]:
    """Give the control nodes; the first one is the active front-end and holds the authority."""
    return tuple(node for node in site.resolved.values() if Role.CONTROL in node.roles)


def front_names(site: Site, node: ResolvedNode) -> list[str]:
    """Give all names and addresses under which a control node's web front is reached."""
    addresses = [
        str(side.ip)
        for link in node.links
        for side in (link.ipv4, link.ipv6)
        if side is not None and not isinstance(side, str)
    ]
    moving = [
        str(address)
        for network in site.networks.values()
        for address in network.service_addresses.values()
    ]
    names = (*site.opennebula.names, node.fqdn, node.name, *addresses, *moving)
    return list(dict.fromkeys(names))


def repository(site: Site, node: ResolvedNode, role: str) -> dict[str, Any]:
    """Give the variables of a role that say where its packages come from."""
    cloud = site.opennebula
    base = f"{cloud.repository}/{cloud.version}"
    distribution = "Debian" if node.release.family is Family.DEBIAN else "AlmaLinux"
    return {
        f"{role}_version": cloud.version,
        f"{role}_repository": f"{base}/{distribution}/{node.release.major}",
        f"{role}_gpg_key": cloud.gpg_key,
        f"{role}_gpg_fingerprint": cloud.gpg_fingerprint,
    }


def service_networks(site: Site) -> list[str]:
    """Give the subnets of the network over which the machines of the site talk."""
    network = site.networks[site.service_network] if site.service_network else None
    sides = (network.ipv4, network.ipv6) if network else ()
    return [str(side.subnet) for side in sides if side is not None]


def peers(site: Site) -> list[str]:
    """Give the machines between which OpenNebula works over ssh."""
    wanted = {Role.CONTROL, Role.HYPERVISOR}
    return [node.name for node in site.resolved.values() if wanted & set(node.roles)]


def ports(site: Site, node: ResolvedNode) -> tuple[Ports, ...]:
    """Give what a control node listens on: nginx for everyone, and the nodes' monitoring."""
    if Role.CONTROL not in node.roles:
        return ()
    nodes = service_subnets(site)
    return (
        Ports("OpenNebula", (80, 443), ()),
        Ports("monitoring of hypervisors", (4124,), nodes),
        Ports("monitoring of hypervisors", (4124,), nodes, "udp"),
    )


def host_variables(site: Site, node: ResolvedNode) -> dict[str, Any]:
    """Give a control node's part; one of them is active, the others stand by."""
    if Role.CONTROL not in node.roles:
        return {}
    cloud = site.opennebula
    control = control_nodes(site)
    variables: dict[str, Any] = {
        **repository(site, node, "opennebula_frontend"),
        "opennebula_frontend_active": node.name == control[0].name,
        "opennebula_frontend_names": front_names(site, node),
        "opennebula_frontend_certificate": f"/etc/b2ct/tls/{CERTIFICATE}",
        "opennebula_frontend_address": ansible_host(node),
        "opennebula_frontend_password": Secret("vault_oneadmin_password"),
        "opennebula_frontend_settings": {
            name: dict(value) if isinstance(value, dict) else value
            for name, value in cloud.settings.items()
        },
        "opennebula_frontend_dummy_drivers": any(
            host.drivers == "dummy" for host in cloud.hosts.values()
        ),
        "opennebula_frontend_node_networks": service_networks(site),
        "opennebula_frontend_peers": peers(site),
    }
    hypervisors = [one for one in site.resolved.values() if Role.HYPERVISOR in one.roles]
    if any(one.fence_from_outside for one in hypervisors):
        variables["opennebula_frontend_host_failure"] = True
    found = pair(site)
    if found is not None and HaService.OPENNEBULA in found.section.services:
        variables |= {
            "opennebula_frontend_failover_address": str(found.address.ip),
            "opennebula_frontend_failover_hosts": [one.name for one in found.nodes],
            "opennebula_frontend_address": str(found.address.ip),
        }
    if cloud.database is OpenNebulaDatabase.MARIADB:
        servers = site.database_nodes
        variables["opennebula_frontend_db_backend"] = "mysql"
        # On a machine of its own, and of the others the first: Galera's members hold the same.
        variables["opennebula_frontend_db_server"] = (
            "localhost"
            if node.name in servers or not servers
            else ansible_host(site.resolved[servers[0]])
        )
        variables["opennebula_frontend_db_password"] = Secret("vault_opennebula_db_password")
    return variables
