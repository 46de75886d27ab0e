"""What a verification finds: frozen values that every form of the report reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

#: The area of the check that a host can be reached at all.
CONNECTION = "connection"


class Outcome(StrEnum):
    """How a check ended. Only ``passed`` is good; ``skipped`` says nothing about the host."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Check:
    """One check on one host.

    ``words`` is the line that an admin reads; ``name`` is the function's. ``begun`` counts
    seconds from the start of the verification. ``detail`` says what failed, or why it was
    skipped; ``journal`` is the end of the journal of the units concerned.
    """

    host: str
    area: str
    name: str
    words: str
    outcome: Outcome
    begun: float
    seconds: float
    detail: str = ""
    journal: str = ""


@dataclass(frozen=True)
class HostResult:
    """All checks of one host, in the order in which they ran."""

    host: str
    groups: tuple[str, ...]
    address: str
    checks: tuple[Check, ...]

    def count(self, outcome: Outcome) -> int:
        """Give how many checks ended so."""
        return sum(check.outcome is outcome for check in self.checks)

    @property
    def good(self) -> bool:
        """Whether nothing failed and something was looked at."""
        return not self.count(Outcome.FAILED) and bool(self.count(Outcome.PASSED))

    def worst(self, area: str) -> Outcome | None:
        """Give the outcome of an area; None where nothing of it was checked."""
        found = {check.outcome for check in self.checks if check.area == area}
        order = (Outcome.FAILED, Outcome.PASSED, Outcome.SKIPPED)
        return next((outcome for outcome in order if outcome in found), None)


@dataclass(frozen=True)
class Report:
    """One verification of a site."""

    site: str
    begun: datetime
    seconds: float
    version: str
    hosts: tuple[HostResult, ...]

    @property
    def checks(self) -> tuple[Check, ...]:
        """Every check of every host."""
        return tuple(check for host in self.hosts for check in host.checks)

    @property
    def areas(self) -> tuple[str, ...]:
        """The areas that were looked at, the connection first."""
        found = {check.area for check in self.checks}
        return tuple(sorted(found, key=lambda area: (area != CONNECTION, area)))

    @property
    def failed(self) -> tuple[Check, ...]:
        """Every check that failed."""
        return tuple(check for check in self.checks if check.outcome is Outcome.FAILED)

    @property
    def good(self) -> bool:
        """Whether the site is accepted: every host checked, nothing failed."""
        return bool(self.hosts) and all(host.good for host in self.hosts)

    def count(self, outcome: Outcome) -> int:
        """Give how many checks ended so."""
        return sum(host.count(outcome) for host in self.hosts)


def count(number: int, what: str) -> str:
    """Write a number of things: ``1 check``, ``3 checks``."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def total_seconds(checks: Sequence[Check]) -> float:
    """Give the time that checks took, in seconds."""
    return sum(check.seconds for check in checks)
