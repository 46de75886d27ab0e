"""Kickstart for Enterprise Linux: the text of a node, of a whole site, and its judgement."""

from __future__ import annotations

from b2ct.errors import Problem
from b2ct.model import Release, ResolvedNode, Site
from b2ct.render.el import lint
from b2ct.render.el.parse import parse
from b2ct.render.el.view import node_kickstart, site_kickstart
from b2ct.render.environment import render_template
from b2ct.render.rendered import Hashes, Rendered

SUFFIX = "ks"


def node_text(site: Site, node: ResolvedNode, hashes: Hashes) -> str:
    """Write the kickstart of one node."""
    view = node_kickstart(site, node, hashes)
    return render_template(f"{node.kind.value}.ks.j2", view=view)


def site_text(site: Site, release: Release, hashes: Hashes) -> str:
    """Write the kickstart that serves every node of ``release``, and unknown machines."""
    return render_template("site.ks.j2", view=site_kickstart(site, release, hashes))


def problems(rendered: Rendered) -> tuple[Problem, ...]:
    """Judge a kickstart: pykickstart for its release, warnings as errors; then its meaning."""
    return text_problems(rendered.path, rendered.text, rendered.release.major)


def text_problems(path: str, text: str, major: int) -> tuple[Problem, ...]:
    """Judge any kickstart for Enterprise Linux ``major``; ``path`` is said in the problems."""
    parsed = parse(path, text, major)
    return tuple(dict.fromkeys((*parsed.problems, *lint.problems(parsed))))
