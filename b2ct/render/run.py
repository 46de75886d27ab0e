"""Rendering of one node, of a whole site in one text, and of many nodes at once."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from difflib import get_close_matches

from b2ct.errors import B2ctError, Problem, ProblemsError
from b2ct.model import Release, ResolvedNode, Site
from b2ct.render.families import installer
from b2ct.render.rendered import Hashes, Rendered
from iso_builder.progress import Progress, silent

#: Below this many nodes a second process costs more than it gives.
_WORTH_A_PROCESS = 24

_inherited: tuple[Site, Hashes] | None = None


def render_node(site: Site, node: ResolvedNode, secrets: Hashes) -> Rendered:
    """Write the kickstart or preseed of one node. It is not judged yet."""
    module = installer(node.release)
    return Rendered(
        name=node.name,
        kind=node.kind,
        release=node.release,
        path=f"{node.name}.{module.SUFFIX}",
        text=module.node_text(site, node, secrets),
    )


def render_site(site: Site, release: Release, secrets: Hashes) -> Rendered:
    """Write the one text that serves all nodes of ``release``: it picks the node by itself.

    It is judged before it is given: :class:`ProblemsError` if anything is wrong with it.
    """
    module = installer(release)
    rendered = Rendered(
        name=site.site.name,
        kind=None,
        release=release,
        path=f"{site.site.name}-{release.id.value}.{module.SUFFIX}",
        text=module.site_text(site, release, secrets),
    )
    if found := module.problems(rendered):
        raise ProblemsError(found)
    return rendered


def choose_nodes(site: Site, names: Iterable[str] | None) -> list[ResolvedNode]:
    """Give the named nodes, in the site's order; all of them for None.

    Raises :class:`B2ctError` that names every unknown node, with the nearest known name.
    """
    if names is None:
        return list(site.resolved.values())
    wanted = set(names)
    unknown = sorted(wanted - set(site.resolved))
    if unknown:
        guesses = [get_close_matches(name, site.resolved, n=1) for name in unknown]
        said = ", ".join(
            f"{name} (did you mean {guess[0]}?)" if guess else name
            for name, guess in zip(unknown, guesses, strict=True)
        )
        raise B2ctError(
            f"site {site.site.name} has no node {said}", f"it has: {', '.join(site.resolved)}"
        )
    return [node for name, node in site.resolved.items() if name in wanted]


def render_all(
    site: Site,
    secrets: Hashes,
    nodes: Iterable[str] | None = None,
    jobs: int | None = None,
    progress: Progress = silent,
) -> list[Rendered]:
    """Write and judge the texts of ``nodes`` (names; None for all), in the site's order.

    ``jobs`` is the number of processes, None for one a core. ``progress`` counts nodes.
    Raises :class:`ProblemsError` with every problem of every text.
    """
    chosen = choose_nodes(site, nodes)
    processes = min(jobs or len(os.sched_getaffinity(0)), len(chosen) // _WORTH_A_PROCESS)
    done: list[Rendered] = []
    problems: list[Problem] = []
    for count, (rendered, found) in enumerate(_judged(site, secrets, chosen, processes), 1):
        if rendered is not None:
            done.append(rendered)
        problems.extend(found)
        progress("rendering and validating", count, len(chosen))
    if problems:
        raise ProblemsError(problems)
    return done


#: A text and its problems; no text where it could not be written at all.
_Judged = tuple[Rendered | None, tuple[Problem, ...]]


def _judged(
    site: Site, secrets: Hashes, nodes: Sequence[ResolvedNode], processes: int
) -> Iterable[_Judged]:
    if processes < 2:
        for node in nodes:
            yield _judge(site, node, secrets)
        return
    # Forked workers share the site's pages instead of receiving a copy each.
    with ProcessPoolExecutor(
        processes, multiprocessing.get_context("fork"), _inherit, (site, secrets)
    ) as pool:
        names = [node.name for node in nodes]
        yield from pool.map(_judge_inherited, names, chunksize=_WORTH_A_PROCESS // 2)


def _inherit(site: Site, secrets: Hashes) -> None:
    global _inherited  # noqa: PLW0603 - the one value that a worker keeps between nodes
    _inherited = (site, secrets)


def _judge_inherited(name: str) -> _Judged:
    assert _inherited is not None
    site, secrets = _inherited
    return _judge(site, site.resolved[name], secrets)


def _judge(site: Site, node: ResolvedNode, secrets: Hashes) -> _Judged:
    module = installer(node.release)
    try:
        rendered = render_node(site, node, secrets)
    except B2ctError as error:
        # The other nodes are judged all the same: all problems come in one run.
        return None, (Problem(f"{node.name}.{module.SUFFIX}", 0, error.message, error.hint),)
    return rendered, module.problems(rendered)
