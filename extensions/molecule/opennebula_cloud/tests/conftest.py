"""Says in the report which OpenNebula packages were tested."""

from __future__ import annotations

import pytest

from tests.opennebula.which import told


def pytest_report_header() -> str:
    return told()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(told())
