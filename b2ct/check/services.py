"""Rules about the cloud's own services and their certificates."""

from __future__ import annotations

from typing import Final

from b2ct.check.report import Report
from b2ct.model import OWN_SETTINGS
from b2ct.places import Path
from b2ct.suggest import did_you_mean

#: Services that may have a certificate of the admin's.
CERTIFIED: Final = ("opennebula",)


def certificates(report: Report) -> None:
    """A given certificate is for a service that there is, and renewal comes before the end."""
    section = report.site.tls
    for name in section.certificates:
        if name not in CERTIFIED:
            report.problem(
                ("tls", "certificates", name),
                f"there is no service {name!r} with a certificate",
                did_you_mean(name, CERTIFIED) or f"there is: {', '.join(CERTIFIED)}",
            )
    if section.renew_days >= section.days:
        rests: list[Path] = [("tls", "days")]
        report.problem(
            ("tls", "renew_days"),
            f"a certificate of {section.days} days would be renewed every day",
            "write a smaller number, such as 30",
            rests_on=rests,
        )


def settings(report: Report) -> None:
    """Settings of oned.conf leave alone what other parts of the site decide."""
    for name in report.site.opennebula.settings:
        if name in OWN_SETTINGS:
            report.problem(
                ("opennebula", "settings", name),
                f"b2ct itself decides {name}",
                "remove it; see docs/opennebula.md for what decides it",
            )
