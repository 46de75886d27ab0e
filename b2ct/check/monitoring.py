"""Rules about monitoring."""

from __future__ import annotations

from typing import Final

from b2ct.check.report import Report, few
from b2ct.inventory.roles.monitoring import service_address
from b2ct.model import RELEASES, Family

#: A shorter prefix is no site.
_WIDEST: Final = {4: 8, 6: 24}


def addresses(report: Report) -> None:
    """Every exporter has an address of its own to listen on."""
    site = report.site
    if not site.monitoring.enabled:
        return
    for name, node in site.resolved.items():
        if not service_address(node):
            report.problem(
                ("nodes", name),
                "it has no fixed address on the service network, on which its exporter could"
                " listen",
                "give it one under addresses, or write monitoring: {enabled: false}",
                rests_on=[("hardware",), ("networks",), ("nodes", name, "addresses")],
            )


def readers(report: Report) -> None:
    """The status page is not for the world."""
    for position, subnet in enumerate(report.site.monitoring.readers):
        if subnet.prefixlen < _WIDEST[subnet.version]:
            report.problem(
                ("monitoring", "readers", position),
                f"{subnet} is not a site: the page tells strangers what is broken",
                "name the networks of those who look after the site",
            )


def packages(report: Report) -> None:
    """Where EL's packages come from."""
    site = report.site
    if not site.monitoring.enabled:
        return
    strangers = [
        name
        for name, node in site.nodes.items()
        if RELEASES[node.release or site.install.release].family is Family.EL
    ]
    known = [f"{one.name} {one.url}".lower() for one in site.install.repositories]
    if strangers and not any("epel" in text for text in known):
        report.note(
            ("monitoring", "enabled"),
            f"{few(strangers)} will look for node_exporter in EPEL, which install.repositories"
            " does not name",
            "add EPEL, or another repository that has it",
            rests_on=[("install", "repositories"), ("nodes",)],
        )


def without_use(report: Report) -> None:
    """What is said of monitoring is used."""
    section = report.site.monitoring
    if section.model_fields_set - {"enabled"} and not section.enabled:
        report.note(
            ("monitoring",),
            "monitoring is not switched on, so nothing of this is used",
            "write enabled: true, or remove the section",
        )
