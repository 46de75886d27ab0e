"""The role ``tls``: the site's authority on the first control node, and who has certificates."""

from __future__ import annotations

from typing import Any, Final

from b2ct.inventory.facts import ansible_host
from b2ct.inventory.ports import Ports, service_subnets
from b2ct.inventory.roles.mariadb import galera_certificate
from b2ct.inventory.roles.monitoring import nrpe_certificate
from b2ct.inventory.roles.opennebula_frontend import CERTIFICATE, control_nodes, front_names
from b2ct.inventory.values import Secret
from b2ct.model import ResolvedNode, Role, Site

#: On which the authority hands out renewed certificates: the role's default.
PUBLISH_PORT: Final = 4481


def ports(site: Site, node: ResolvedNode) -> tuple[Ports, ...]:
    """Give the authority's port, where other machines have certificates of it."""
    control = control_nodes(site)
    if not control or node.name != control[0].name or not _publishes(site):
        return ()
    return (Ports("certificates", (PUBLISH_PORT,), service_subnets(site)),)


def site_variables(site: Site) -> dict[str, Any]:
    """Give who signs, and how; nothing where no node could hold the authority."""
    control = control_nodes(site)
    if not control:
        return {}
    return {
        "tls_authority": control[0].name,
        "tls_authority_address": ansible_host(control[0]),
        "tls_authority_name": f"Authority of the site {site.site.name}",
        "tls_publish": _publishes(site),
        "tls_key_type": site.tls.key_type.value,
        "tls_days": site.tls.days,
        "tls_renew_days": site.tls.renew_days,
    }


def _publishes(site: Site) -> bool:
    """Whether other machines than the authority's own have certificates of it to renew."""
    return sum(bool(certificates(site, node)) for node in site.resolved.values()) > 1


def host_variables(site: Site, node: ResolvedNode) -> dict[str, Any]:
    """Give the certificates of one node."""
    found = certificates(site, node)
    return {"tls_certificates": found} if found else {}


def certificates(site: Site, node: ResolvedNode) -> list[dict[str, Any]]:
    """Give a node's certificates: for the front, the database's cluster, and Nagios' questions."""
    found = [_front(site, node)] if Role.CONTROL in node.roles else []
    others = (galera_certificate(site, node), nrpe_certificate(site, node))
    return [*found, *(one for one in others if one)]


def _front(site: Site, node: ResolvedNode) -> dict[str, Any]:
    certificate: dict[str, Any] = {
        "name": CERTIFICATE,
        "hosts": front_names(site, node),
        "reload": ["nginx.service"],
    }
    given = site.tls.certificates.get(CERTIFICATE)
    if given is not None:
        certificate["hosts"] = list(site.opennebula.names) or [node.fqdn]
        certificate["certificate"] = given.certificate + "\n"
        certificate["key"] = Secret(f"vault_tls_key_{CERTIFICATE}")
    return certificate
