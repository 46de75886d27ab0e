"""Lists of names in the site file: each is there, and named once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

from b2ct.check.report import Report
from b2ct.places import Path
from b2ct.suggest import did_you_mean


def each_once(
    report: Report,
    section: Literal["nodes", "networks"],
    named: Iterable[tuple[Path, str]],
    *,
    again: str = "remove one",
    among: Iterable[str] | None = None,
    fits: Callable[[Path, str], bool] = lambda path, name: True,
) -> list[tuple[Path, str]]:
    """Report names that ``section`` has not and those named before; give the others.

    :param again: what to do about a name that is there twice.
    :param among: names to suggest; all of the section if None.
    :param fits: judges a name that is there; it reports by itself what is wrong, and gives False.
    """
    known = report.site.nodes if section == "nodes" else report.site.networks
    seen: set[str] = set()
    good = []
    for path, name in named:
        if name not in known:
            missing(report, section, path, name, among)
        elif fits(path, name):
            if name in seen:
                report.problem(path, f"{name!r} is named twice", again)
            else:
                good.append((path, name))
        seen.add(name)
    return good


def missing(
    report: Report,
    section: Literal["nodes", "networks"],
    path: Path,
    name: str,
    among: Iterable[str] | None = None,
) -> None:
    """Report a name that ``section`` has not."""
    known = report.site.nodes if section == "nodes" else report.site.networks
    report.problem(
        path,
        f"there is no {section.removesuffix('s')} {name!r}",
        did_you_mean(name, known if among is None else among),
        rests_on=[(section, name)],
    )


def at(where: Path, names: Iterable[str]) -> list[tuple[Path, str]]:
    """Give each name of a list with its place."""
    return [((*where, position), name) for position, name in enumerate(names)]
