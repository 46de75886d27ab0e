"""The role ``mariadb``: who holds OpenNebula's database."""

from __future__ import annotations

from typing import Any

from b2ct.inventory.facts import ansible_host
from b2ct.inventory.values import Secret
from b2ct.model import DatabaseMode, OpenNebulaDatabase, ResolvedNode, Site


def database_members(site: Site) -> tuple[str, ...]:
    """Give the nodes of the group ``database``: the servers, and the arbitrator last."""
    if site.opennebula.database is not OpenNebulaDatabase.MARIADB:
        return ()
    arbitrator = site.mariadb.arbitrator
    return (*site.database_nodes, *([arbitrator] if arbitrator else []))


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
    if section.mode is DatabaseMode.GALERA:
        addresses = {name: ansible_host(site.resolved[name]) for name in members}
        variables |= {
            "mariadb_galera_name": site.site.name,
            "mariadb_galera_servers": {name: addresses[name] for name in site.database_nodes},
            "mariadb_galera_members": list(addresses.values()),
            "mariadb_galera_address": ansible_host(node),
        }
    return variables
