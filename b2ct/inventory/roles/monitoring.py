"""The role ``monitoring``: who measures what, who asks whom, and who may look."""

from __future__ import annotations

from ipaddress import IPv4Interface, IPv6Interface
from typing import Any, Final

from b2ct.inventory.facts import ansible_host
from b2ct.inventory.ports import Ports
from b2ct.inventory.roles import squid
from b2ct.inventory.roles.mariadb import database_members
from b2ct.inventory.roles.opennebula_frontend import CERTIFICATE, service_networks
from b2ct.model import ResolvedNode, Role, Site

#: The certificate with which a node's NRPE shows itself.
NRPE_CERTIFICATE: Final = "nrpe"
#: Where the role ``mariadb`` puts its daily dumps.
_DUMPS: Final = "/var/backups/b2ct/database/*.sql.gz"


def service_address(node: ResolvedNode) -> str:
    """Give a node's fixed address on the service network, empty without one."""
    link = node.service_link
    for side in (link.ipv4, link.ipv6) if link else ():
        if isinstance(side, IPv4Interface | IPv6Interface):
            return str(side.ip)
    return ""


def nrpe_certificate(site: Site, node: ResolvedNode) -> dict[str, Any] | None:
    """Give the certificate that a node's NRPE needs, for the role ``tls``."""
    if not (site.monitoring.enabled and site.monitoring.nagios):
        return None
    address = service_address(node)
    return {
        "name": NRPE_CERTIFICATE,
        "hosts": [node.fqdn, node.name, *([address] if address else [])],
        "reload": ["nagios-nrpe-server.service", "nrpe.service"],
    }


#: The roles' defaults: node exporter, status page, NRPE.
NODE_PORT: Final = 9100
PAGE_PORT: Final = 8443
NRPE_PORT: Final = 5666


def ports(site: Site, node: ResolvedNode) -> tuple[Ports, ...]:
    """Give what a node answers: Prometheus, Nagios, and on control nodes the page's readers."""
    section = site.monitoring
    if not section.enabled:
        return ()
    opened = []
    servers = tuple(
        service_address(other) or ansible_host(other)
        for other in site.resolved.values()
        if Role.CONTROL in other.roles and other.name != node.name
    )
    if servers:
        opened.append(Ports("node exporter", (NODE_PORT,), servers))
    if Role.CONTROL in node.roles:
        readers = (*service_networks(site), *map(str, section.readers))
        opened.append(Ports("status page", (PAGE_PORT,), readers))
    if section.nagios:
        opened.append(Ports("NRPE", (NRPE_PORT,), tuple(map(str, section.nagios))))
    return tuple(opened)


def site_variables(site: Site) -> dict[str, Any]:
    """Give what all nodes have in common."""
    section = site.monitoring
    variables: dict[str, Any] = {"monitoring_enabled": section.enabled}
    if not section.enabled:
        return variables
    variables |= {
        "monitoring_retention_days": section.retention_days,
        "monitoring_disk_percent": section.disk_percent,
        "monitoring_squid_hit_percent": section.squid_hit_percent,
        "monitoring_certificate_days": section.certificate_days,
        "monitoring_page_title": f"{site.site.name}: status",
        "monitoring_page_networks": [*service_networks(site), *map(str, section.readers)],
        "monitoring_page_certificate": f"/etc/b2ct/tls/{CERTIFICATE}",
        "monitoring_nrpe_hosts": [str(address) for address in section.nagios],
        "monitoring_targets": [
            {
                "name": name,
                "address": service_address(node) or ansible_host(node),
                "roles": [role.value for role in node.roles],
            }
            for name, node in site.resolved.items()
        ],
    }
    if section.nagios:
        variables["monitoring_nrpe_certificate"] = f"/etc/b2ct/tls/{NRPE_CERTIFICATE}"
    return variables


def host_variables(site: Site, node: ResolvedNode) -> dict[str, Any]:
    """Give what a node measures, and whether it runs Prometheus."""
    if not site.monitoring.enabled:
        return {}
    variables: dict[str, Any] = {
        "monitoring_address": service_address(node),
        "monitoring_server": Role.CONTROL in node.roles,
        "monitoring_squid_port": squid.PORT if Role.CACHE in node.roles else 0,
        "monitoring_libvirt": Role.HYPERVISOR in node.roles,
        "monitoring_opennebula": Role.CONTROL in node.roles,
    }
    if node.name in database_members(site) and node.name in site.database_nodes:
        variables["monitoring_backups"] = [{"name": "database", "files": _DUMPS, "hours": 26}]
    return variables
