"""The resolved site as JSON, for programs."""

from __future__ import annotations

import json

from b2ct.inventory.facts import host_facts, site_facts
from b2ct.model import Site


def json_text(site: Site) -> str:
    """Give the site and every node with all that is said elsewhere filled in.

    The names are those of the inventory without their prefix ``b2ct_``. Sizes are bytes.
    """

    def plain(name: str) -> str:
        return name.removeprefix("b2ct_")

    document = {
        "site": {plain(name): value for name, value in site_facts(site).items()},
        "nodes": {
            host: {plain(name): value for name, value in host_facts(node).items()}
            for host, node in site.resolved.items()
        },
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
