"""A verification as JSON, for programs."""

from __future__ import annotations

import json
from dataclasses import asdict

from b2ct.verify.model import Outcome, Report


def json_text(report: Report) -> str:
    """Write everything that was found; durations are in seconds."""
    shown = {
        "site": report.site,
        "accepted": report.good,
        "begun": report.begun.isoformat(timespec="seconds"),
        "seconds": round(report.seconds, 3),
        "b2ct": report.version,
        "counts": {outcome.value: report.count(outcome) for outcome in Outcome},
        "hosts": [
            {
                "host": host.host,
                "address": host.address,
                "groups": host.groups,
                "accepted": host.good,
                "checks": [
                    {
                        key: round(value, 3) if isinstance(value, float) else value
                        for key, value in asdict(check).items()
                        if key != "host"
                    }
                    for check in host.checks
                ],
            }
            for host in report.hosts
        ],
    }
    return json.dumps(shown, indent=2, ensure_ascii=False) + "\n"
