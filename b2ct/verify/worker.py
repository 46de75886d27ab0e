"""The checks of one host, run by pytest in a process of its own.

``run`` is called in a forked child and sends each finished check to the parent at once: what
was found stays found, whatever happens to the rest.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, Final

import pytest

from b2ct.redact import Redactor
from b2ct.verify.areas import OWN
from b2ct.verify.connection import NotReachableError, TooSlowError
from b2ct.verify.job import JOB, Job
from b2ct.verify.model import CONNECTION, Check, Outcome
from b2ct.verify.words import plain

Send = Callable[[Check], None]

_JOURNAL_LINES: Final = 25
#: Lines of a failure's own words that a report shows.
_DETAIL_LINES: Final = 20
_WIDTH: Final = 400


def run(job: Job, send: Send) -> None:
    """Check a host, and send every result."""
    writer = _Writer(job, send)
    if not _reachable(job, writer):
        return
    plugin = _Plugin(job, writer)
    with tempfile.TemporaryFile("w+") as output:
        code = _pytest(job, plugin, output)
        output.seek(0)
        told = output.read().strip().splitlines()[-_DETAIL_LINES:]
    good = {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED}
    if code not in good and not plugin.broken:
        words = "The checks can be run"
        writer.add(CONNECTION, "run", words, Outcome.FAILED, detail="\n".join(told))
    elif not plugin.seen:
        writer.add(
            CONNECTION,
            "some",
            "There is something to check",
            Outcome.FAILED,
            detail="no check is meant for this host, so nothing is known of it",
        )


class _Writer:
    """Makes checks of what is found, without secrets."""

    def __init__(self, job: Job, send: Send) -> None:
        self._job = job
        self._send = send
        self._redact = Redactor(job.target.secrets)

    def add(
        self,
        area: str,
        name: str,
        words: str,
        outcome: Outcome,
        *,
        seconds: float = 0.0,
        detail: str = "",
        journal: str = "",
    ) -> None:
        self._send(
            Check(
                host=self._job.target.name,
                area=area,
                name=name,
                words=self._redact(words),
                outcome=outcome,
                begun=max(time.time() - seconds - self._job.epoch, 0.0),
                seconds=seconds,
                detail=self._redact(detail),
                journal=self._redact(journal),
            )
        )


def _reachable(job: Job, writer: _Writer) -> bool:
    begun = time.perf_counter()
    words = "The host answers and lets us become root"
    if job.target.way.local:
        words = "This machine lets us become root"
    problem = ""
    try:
        answer = job.host.run("id -u")
        if answer.failed or (job.target.way.become and answer.stdout.strip() != "0"):
            problem = f"id -u gave {answer.stdout.strip() or answer.stderr!r} instead of 0"
    except (NotReachableError, TooSlowError, OSError) as error:
        problem = str(error)
    outcome = Outcome.FAILED if problem else Outcome.PASSED
    seconds = time.perf_counter() - begun
    writer.add(CONNECTION, "reachable", words, outcome, seconds=seconds, detail=problem)
    return not problem


def _pytest(job: Job, plugin: _Plugin, output: Any) -> int:  # noqa: ANN401 - a text stream
    from b2ct.verify.checks import conftest

    for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS"):
        os.environ.pop(name, None)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    sys.dont_write_bytecode = True
    arguments = [
        *(str(area.file) for area in job.areas),
        *("-c", os.devnull, "--rootdir", str(OWN), "--noconftest", "--import-mode=importlib"),
        *("-p", "no:cacheprovider", "-q", "--color=no", "--tb=short", "-W", "ignore"),
    ]
    if not job.areas:
        return pytest.ExitCode.NO_TESTS_COLLECTED
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        return int(pytest.main(arguments, plugins=[plugin, conftest]))


class _Plugin:
    """Hands the job to the fixtures, and the results to the writer."""

    def __init__(self, job: Job, writer: _Writer) -> None:
        self._job = job
        self._writer = writer
        self._areas = {area.file: area for area in job.areas}
        self._parts: list[tuple[pytest.CallInfo[None], pytest.TestReport]] = []
        self._journals: dict[tuple[str, ...], str] = {}
        self._lost = ""
        self.seen = 0
        self.broken = False

    def pytest_configure(self, config: pytest.Config) -> None:
        config.stash[JOB] = self._job

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """A file of checks that cannot be read is a failure of its area."""
        report = yield
        if report.failed:
            self.broken = True
            self.seen += 1
            area = collector.path.stem.removeprefix("test_")
            words = "The checks of this area can be read"
            text = "\n".join(report.longreprtext.splitlines()[-_DETAIL_LINES:])
            self._writer.add(area, "collect", words, Outcome.FAILED, detail=text)
        return report

    def pytest_runtest_setup(self) -> None:
        if self._lost:
            pytest.fail(f"not checked, the host was lost: {self._lost}", pytrace=False)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        self._parts.append((call, report))
        if report.when == "teardown":
            self._finish(item)
            self._parts = []
        return report

    def _finish(self, item: pytest.Item) -> None:
        self.seen += 1
        seconds = sum(call.duration for call, _ in self._parts)
        bad = next(((call, report) for call, report in self._parts if report.failed), None)
        left = next((report for _, report in self._parts if report.skipped), None)
        area = self._areas[item.path]
        outcome, detail, journal = Outcome.PASSED, "", ""
        if bad is not None:
            outcome, detail = Outcome.FAILED, self._reason(*bad)
            journal = self._journal(area.units)
        elif left is not None:
            outcome, detail = Outcome.SKIPPED, _why_skipped(left)
        words = _words(item)
        self._writer.add(
            area.name, item.name, words, outcome, seconds=seconds, detail=detail, journal=journal
        )

    def _reason(self, call: pytest.CallInfo[None], report: pytest.TestReport) -> str:
        if call.excinfo is None:
            return report.longreprtext
        error = call.excinfo.value
        if isinstance(error, NotReachableError):
            self._lost = str(error)
        elif isinstance(error, TooSlowError):
            self._lost = self._lost or self._probe()
        if isinstance(error, NotReachableError | TooSlowError | pytest.fail.Exception):
            text = str(error)
        elif isinstance(error, AssertionError):
            text = plain(str(error)) or "the check failed"
        else:
            text = f"{type(error).__name__}: {error}"
        where = call.excinfo.traceback[-1]
        lines = [line[:_WIDTH] for line in text.strip().splitlines()[:_DETAIL_LINES]]
        if not isinstance(error, AssertionError | pytest.fail.Exception | NotReachableError):
            lines.append(f"({Path(where.path).name}:{where.lineno + 1})")
        return "\n".join(lines)

    def _probe(self) -> str:
        """Say why the host no longer answers; nothing if it does."""
        try:
            self._job.host.run("true")
        except (NotReachableError, TooSlowError) as error:
            return str(error)
        return ""

    def _journal(self, units: tuple[str, ...]) -> str:
        if not units or self._lost:
            return ""
        if units not in self._journals:
            self._journals[units] = _tail(self._job, units)
        return self._journals[units]


def _tail(job: Job, units: tuple[str, ...]) -> str:
    chosen = " ".join(job.host.backend.quote("-u %s", unit) for unit in units)
    try:
        told = job.host.run(f"journalctl -q --no-pager -o short-iso -n {_JOURNAL_LINES} {chosen}")
    except (NotReachableError, TooSlowError) as error:
        return f"the journal cannot be read: {error}"
    if told.failed:
        return f"the journal cannot be read: {told.stderr.strip()}"
    return str(told.stdout).strip()


def _words(item: pytest.Item) -> str:
    """Give the first paragraph of the docstring, and what tells alike checks apart."""
    function = getattr(item, "function", None)
    paragraph = (inspect.getdoc(function) or "").partition("\n\n")[0]
    words = " ".join(paragraph.split()).rstrip(".") or item.name.removeprefix("test_")
    spec = getattr(item, "callspec", None)
    return f"{words} ({spec.id})" if spec is not None else words


def _why_skipped(report: pytest.TestReport) -> str:
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    return report.longreprtext
