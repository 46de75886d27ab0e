"""Preseed for Debian: the text of a node, of a whole site, and its judgement."""

from __future__ import annotations

from b2ct.errors import Problem
from b2ct.model import Release, ResolvedNode, Site
from b2ct.render.debian import lint
from b2ct.render.debian.view import node_preseed, site_preseed
from b2ct.render.environment import render_template
from b2ct.render.rendered import Hashes, Rendered

SUFFIX = "preseed"


def node_text(site: Site, node: ResolvedNode, hashes: Hashes) -> str:
    """Write the preseed of one node."""
    view = node_preseed(site, node, hashes)
    return render_template(f"{node.kind.value}.preseed.j2", view=view)


def site_text(site: Site, release: Release, hashes: Hashes) -> str:
    """Write the preseed that serves every node of ``release``, and unknown machines."""
    return render_template("site.preseed.j2", view=site_preseed(site, release, hashes))


def problems(rendered: Rendered) -> tuple[Problem, ...]:
    """Judge a preseed: its form, then its meaning."""
    return lint.problems(rendered.path, rendered.text)
