"""A verification as JUnit XML, for CI servers: a test suite a host."""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.etree import ElementTree as Xml

from b2ct.verify.model import Check, HostResult, Outcome, Report, total_seconds

#: What XML 1.0 cannot carry, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(report: Report) -> str:
    """Write the XML."""
    root = Xml.Element("testsuites", {"name": report.site, **_counts(report.checks)})
    for host in report.hosts:
        root.append(_suite(host, report))
    Xml.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + Xml.tostring(root, "unicode") + "\n"


def _suite(host: HostResult, report: Report) -> Xml.Element:
    suite = Xml.Element(
        "testsuite",
        {
            "name": host.host,
            "hostname": host.host,
            "timestamp": report.begun.strftime("%Y-%m-%dT%H:%M:%S"),
            **_counts(host.checks),
        },
    )
    for check in host.checks:
        case = Xml.SubElement(
            suite,
            "testcase",
            {
                "classname": f"{host.host}.{check.area}",
                "name": _clean(check.words),
                "time": f"{check.seconds:.3f}",
            },
        )
        if check.outcome is Outcome.FAILED:
            first = check.detail.partition("\n")[0]
            failure = Xml.SubElement(case, "failure", {"message": _clean(first)})
            failure.text = _clean(check.detail)
            if check.journal:
                Xml.SubElement(case, "system-out").text = _clean(check.journal)
        elif check.outcome is Outcome.SKIPPED:
            Xml.SubElement(case, "skipped", {"message": _clean(check.detail)})
    return suite


def _counts(checks: Iterable[Check]) -> dict[str, str]:
    found = tuple(checks)
    outcomes = [check.outcome for check in found]
    return {
        "tests": str(len(found)),
        "failures": str(outcomes.count(Outcome.FAILED)),
        "errors": "0",
        "skipped": str(outcomes.count(Outcome.SKIPPED)),
        "time": f"{total_seconds(found):.3f}",
    }


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
