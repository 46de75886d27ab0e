"""Rules across the fields of a site, one module a concern."""

from b2ct.check.report import Report
from b2ct.check.rules import check

__all__ = ["Report", "check"]
