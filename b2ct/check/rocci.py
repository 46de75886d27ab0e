"""Rules about rOCCI-server: where it can run at all."""

from __future__ import annotations

from b2ct.check.report import Report
from b2ct.model import RELEASES, ROCCI_RUBIES, RUBIES, Role
from b2ct.places import Path
from b2ct.suggest import did_you_mean


def node(report: Report) -> None:
    """It runs on a control node whose Ruby is old enough."""
    site = report.site
    section = site.rocci
    if not section.enabled:
        return
    control = [name for name, one in site.nodes.items() if Role.CONTROL in one.roles]
    named = section.node
    if named is not None and named not in control:
        report.problem(
            ("rocci", "node"),
            f"{named!r} is no control node",
            did_you_mean(named, control),
            rests_on=[("nodes",)],
        )
        return
    name = named or next(iter(control), None)
    if name is None:
        return
    place: Path = ("nodes", name, "release")
    release = RELEASES[site.nodes[name].release or site.install.release]
    ruby = RUBIES.get((release.family, release.major))
    if ruby is not None and _parts(ruby) <= _parts(ROCCI_RUBIES[1]):
        if section.keystone is None:
            report.problem(
                ("rocci", "enabled"),
                "rOCCI-server lets in whoever brings a token, and nobody gives any",
                "set up Keystorm, and name its address: keystone: https://…",
            )
        return
    has = f"Ruby {ruby}" if ruby else "no Ruby that was ever tried"
    report.problem(
        ("rocci", "enabled"),
        f"rOCCI-server 2.0, of 2017, runs on Ruby {ROCCI_RUBIES[0]} to {ROCCI_RUBIES[1]}; {name}"
        f" ({release.title}) has {has}",
        "write false, and let clients use OpenNebula's XML-RPC behind TLS, as DIRAC does"
        " (docs/rocci.md); it would run on EL 8",
        rests_on=[place, ("install", "release")],
    )


def _parts(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
