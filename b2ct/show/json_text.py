"""The resolved site as JSON, for programs."""

from __future__ import annotations

import json

from b2ct.inventory import inventory
from b2ct.model import Site


def json_text(site: Site) -> str:
    """Give the site and every node with all that is said elsewhere filled in.

    The names are those of the inventory without their prefix ``b2ct_``. Sizes are bytes.
    """
    described = inventory(site)

    def plain(name: str) -> str:
        return name.removeprefix("b2ct_")

    document = {
        "site": {plain(name): value for name, value in described.site_variables.items()},
        "nodes": {
            host: {plain(name): value for name, value in variables.items()}
            for host, variables in described.host_variables.items()
        },
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
