"""The role ``wpad``: the control nodes tell clients of the cache."""

from __future__ import annotations

from typing import Any

from b2ct.inventory.roles import squid
from b2ct.model import Site


def site_variables(site: Site) -> dict[str, Any]:
    """Give the caches, and the hosts that are to be asked for through them."""
    hosts = [
        *squid.stratum_ones(site),
        *site.belle2.conditions_servers,
        *site.squid.images,
        *site.squid.packages,
        *site.squid.destinations,
    ]
    return {
        "wpad_proxies": squid.proxies(site) if site.squid.wpad else [],
        "wpad_hosts": list(dict.fromkeys(hosts)),
        "wpad_names": [
            "wpad",
            "grid-wpad",
            f"wpad.{site.site.domain}",
            f"grid-wpad.{site.site.domain}",
        ],
    }
