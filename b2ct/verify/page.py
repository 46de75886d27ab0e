"""The acceptance report: one HTML page that needs nothing else and loads nothing."""

from __future__ import annotations

from importlib import resources

import jinja2

from b2ct.console import human_time
from b2ct.model import Site
from b2ct.show import picture, svg
from b2ct.verify.model import Outcome, Report
from b2ct.verify.pictures import slowest, timeline

_VERDICTS = {
    Outcome.PASSED: "passed",
    Outcome.FAILED: "FAILED",
    Outcome.SKIPPED: "skipped",
}


def html(report: Report, site: Site) -> str:
    """Write the page."""
    template = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).from_string(resources.files("b2ct.verify").joinpath("page.html.j2").read_text("utf-8"))
    return template.render(
        report=report,
        picture=picture(site),
        networks=svg(picture(site), titled=False),
        timeline=timeline(report),
        slowest=slowest(report),
        outcomes=list(Outcome),
        verdicts=_VERDICTS,
        took=human_time(report.seconds),
    )
