"""All rules, in the order in which a reader would want to know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from b2ct.check.report import Report

RULES: Final[tuple[Callable[[Report], None], ...]] = ()


def check(report: Report) -> None:
    """Run every rule over the site."""
    for rule in RULES:
        rule(report)
