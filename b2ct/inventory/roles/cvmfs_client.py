"""The role ``cvmfs_client``: which repositories are mounted, and through which caches."""

from __future__ import annotations

from typing import Any

from b2ct.inventory.roles import squid
from b2ct.model import Site


def site_variables(site: Site) -> dict[str, Any]:
    """Give what all clients have in common."""
    section = site.cvmfs
    variables: dict[str, Any] = {
        "cvmfs_client_repositories": list(section.repositories),
        "cvmfs_client_proxies": [f"http://{proxy}" for proxy in squid.proxies(site)],
        "cvmfs_client_quota": section.quota,
        "cvmfs_client_cache": section.cache,
        "cvmfs_client_domains": {
            name: {"servers": list(domain.servers), "keys": list(domain.keys)}
            for name, domain in section.domains.items()
        },
    }
    if section.package_repository is not None:
        variables["cvmfs_client_package_repository"] = section.package_repository
    return variables
