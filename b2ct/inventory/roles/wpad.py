"""The role ``wpad``: the control nodes tell clients of the cache."""

from __future__ import annotations

from typing import Any

from b2ct.inventory.ports import Ports
from b2ct.inventory.roles import squid
from b2ct.model import ResolvedNode, Role, Site


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


def ports(site: Site, node: ResolvedNode) -> tuple[Ports, ...]:
    """Give the port at which the caches' clients ask for wpad.dat."""
    if Role.CONTROL not in node.roles or not site.squid.wpad or not squid.caches(site):
        return ()
    return (Ports("wpad", (80,), tuple(squid.clients(site))),)
