"""A verification as lines of text, grouped by host."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import indent

from b2ct.console import human_time
from b2ct.verify.model import Check, HostResult, Outcome, Report, count

_MARKS = {Outcome.PASSED: "ok    ", Outcome.FAILED: "FAILED", Outcome.SKIPPED: "skipped"}


def text(report: Report, *, verbose: bool = True) -> str:
    """Write a line a check; with the passed ones counted only where not verbose."""
    lines = [line for host in report.hosts for line in _host(host, verbose=verbose)]
    lines.append(summary(report))
    return "\n".join(lines) + "\n"


def summary(report: Report) -> str:
    """Give the verdict in one line."""
    passed, failed = report.count(Outcome.PASSED), report.count(Outcome.FAILED)
    skipped = report.count(Outcome.SKIPPED)
    told = [f"{passed} passed", f"{failed} failed"]
    if skipped:
        told.append(f"{skipped} skipped")
    verdict = "accepted" if report.good else "NOT accepted"
    return (
        f"{report.site}: {verdict}: {count(len(report.checks), 'check')} on"
        f" {count(len(report.hosts), 'host')} in {human_time(report.seconds)}: {', '.join(told)}"
    )


def _host(host: HostResult, *, verbose: bool) -> Iterator[str]:
    roles = ", ".join(group for group in host.groups if group != "all")
    yield f"{host.host} ({host.address}; {roles})" if roles else f"{host.host} ({host.address})"
    passed = host.count(Outcome.PASSED)
    for check in host.checks:
        if verbose or check.outcome is not Outcome.PASSED:
            yield from _check(check)
    if not verbose:
        yield f"  {passed} of {count(len(host.checks), 'check')} passed"
    if not passed and not host.count(Outcome.FAILED):
        yield "  FAILED  nothing was looked at on this host"
    yield ""


def _check(check: Check) -> Iterator[str]:
    took = f" ({check.seconds:.1f} s)" if check.seconds >= 1 else ""
    skipped = f": {check.detail}" if check.outcome is Outcome.SKIPPED and check.detail else ""
    yield f"  {_MARKS[check.outcome]}  {check.area}: {check.words}{skipped}{took}"
    if check.outcome is not Outcome.FAILED:
        return
    if check.detail:
        yield indent(check.detail, "            ")
    if check.journal:
        yield "          the journal says:"
        yield indent(check.journal, "          | ", lambda _: True)
