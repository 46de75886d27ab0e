"""The role ``mariadb``: who holds OpenNebula's database."""

from __future__ import annotations

from typing import Any, Final

from b2ct.inventory.facts import ansible_host
from b2ct.inventory.ports import Ports
from b2ct.inventory.values import Secret
from b2ct.model import DatabaseMode, HaService, OpenNebulaDatabase, ResolvedNode, Role, Site

PORT: Final = 3306
#: Galera's traffic, incremental and whole transfers of state.
GALERA_PORTS: Final = (4567, 4568, 4444)
#: The name of the members' certificates: the end of the role's default.
CERTIFICATE: Final = "galera"


def database_members(site: Site) -> tuple[str, ...]:
    """Give the nodes of the group ``database``: the servers, and the arbitrator last."""
    if site.opennebula.database is not OpenNebulaDatabase.MARIADB:
        return ()
    arbitrator = site.mariadb.arbitrator
    return (*site.database_nodes, *([arbitrator] if arbitrator else []))


def galera_certificate(site: Site, node: ResolvedNode) -> dict[str, Any] | None:
    """Give the certificate of a member of a cluster, for the role ``tls``."""
    if site.mariadb.mode is not DatabaseMode.GALERA or node.name not in database_members(site):
        return None
    return {
        "name": CERTIFICATE,
        "hosts": list(dict.fromkeys((node.fqdn, node.name, ansible_host(node)))),
        "group": "b2ct-galera",
        "reload": ["b2ct-galera-certificate.service"],
    }


def ports(site: Site, node: ResolvedNode) -> tuple[Ports, ...]:
    """Give what a member listens on: for the front-ends, and for the other members."""
    members = database_members(site)
    if node.name not in members:
        return ()
    others = [ansible_host(site.resolved[name]) for name in members if name != node.name]
    clients = [
        ansible_host(other)
        for other in site.resolved.values()
        if Role.CONTROL in other.roles and other.name != node.name
    ]
    opened = []
    if clients and node.name in site.database_nodes:
        opened.append(Ports("database", (PORT,), tuple(clients)))
    if others and site.mariadb.mode is DatabaseMode.GALERA:
        opened.append(Ports("Galera", GALERA_PORTS, tuple(others)))
    return tuple(opened)


def host_variables(site: Site, node: ResolvedNode) -> dict[str, Any]:
    """Give a member of the database its part."""
    members = database_members(site)
    if node.name not in members:
        return {}
    section = site.mariadb
    variables: dict[str, Any] = {
        "mariadb_member": "server" if node.name in site.database_nodes else "arbitrator",
        "mariadb_galera": section.mode is DatabaseMode.GALERA,
        "mariadb_buffer_pool": section.buffer_pool,
        "mariadb_backup_time": section.backup.time,
        "mariadb_backup_keep": section.backup.keep,
        "mariadb_password": Secret("vault_opennebula_db_password"),
    }
    if site.ha is not None and HaService.MARIADB in site.ha.services:
        variables["mariadb_failover"] = True
    if section.mode is DatabaseMode.GALERA:
        addresses = {name: ansible_host(site.resolved[name]) for name in members}
        variables |= {
            "mariadb_galera_name": site.site.name,
            "mariadb_galera_servers": {name: addresses[name] for name in site.database_nodes},
            "mariadb_galera_members": list(addresses.values()),
            "mariadb_galera_address": ansible_host(node),
        }
    return variables
