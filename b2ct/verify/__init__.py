"""`b2ct verify`: testinfra checks on the hosts of a site, and the acceptance report."""

from b2ct.verify.areas import Area
from b2ct.verify.engine import Limits, find_areas, verify
from b2ct.verify.fleet import Fleet, Login, Target, fleet
from b2ct.verify.json_text import json_text
from b2ct.verify.junit import junit
from b2ct.verify.model import Check, HostResult, Outcome, Report
from b2ct.verify.page import html
from b2ct.verify.sign import sign
from b2ct.verify.text import summary, text

__all__ = [
    "Area",
    "Check",
    "Fleet",
    "HostResult",
    "Limits",
    "Login",
    "Outcome",
    "Report",
    "Target",
    "find_areas",
    "fleet",
    "html",
    "json_text",
    "junit",
    "sign",
    "summary",
    "text",
    "verify",
]
