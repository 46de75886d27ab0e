"""Kickstart and preseed text from a site, validated.

``render_node`` and ``render_site`` write one text, ``render_all`` many in several processes.
A family of releases has one module here (:mod:`b2ct.render.families`).
"""

from b2ct.render.rendered import Hashes, NoHashes, Rendered
from b2ct.render.run import choose_nodes, render_all, render_node, render_site

__all__ = [
    "Hashes",
    "NoHashes",
    "Rendered",
    "choose_nodes",
    "render_all",
    "render_node",
    "render_site",
]
