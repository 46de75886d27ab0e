"""The pictures of the acceptance report, as SVG within the page: when what ran, and how long."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final

from b2ct.verify.model import Check, HostResult, Report

_WIDTH: Final = 1000
_ROW: Final = 26
_TOP: Final = 8
_AXIS: Final = 30
#: Width of a letter at 12 px, generously.
_LETTER: Final = 7.6
_SLOWEST: Final = 8
#: Steps of an axis in seconds, and how many of them at most.
_STEPS: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)
_TICKS: Final = 8


def timeline(report: Report) -> str:
    """Draw a row a host, with each check from its begin to its end."""
    left = 16 + max((len(host.host) for host in report.hosts), default=0) * _LETTER
    ends = [check.begun + check.seconds for check in report.checks]
    total = max([*ends, report.seconds, 0.1])
    scale = (_WIDTH - left - 20) / total
    bottom = _TOP + _ROW * len(report.hosts)
    parts = list(_axis(total, left, scale, bottom))
    for number, host in enumerate(report.hosts):
        parts += _row(host, _TOP + _ROW * number, left, scale)
    return _svg(parts, bottom + _AXIS, "When each check ran on each host")


def slowest(report: Report) -> str:
    """Draw the checks that took longest as bars."""
    checks = sorted(report.checks, key=lambda check: -check.seconds)[:_SLOWEST]
    most = max([check.seconds for check in checks], default=0) or 1
    parts = []
    for number, check in enumerate(checks):
        y = _TOP + 42 * number
        words = f"{check.host} · {check.area}: {check.words}"
        length = max((_WIDTH - 110) * check.seconds / most, 2)
        parts.append(f'<text x="0" y="{y + 12}">{escape(words[:120])}</text>')
        parts.append(
            f'<rect class="v-{check.outcome.value}" x="0" y="{y + 18}" rx="3"'
            f' width="{length:.1f}" height="12"/>'
        )
        parts.append(
            f'<text class="v-quiet" x="{length + 8:.1f}" y="{y + 29}">{check.seconds:.2f} s</text>'
        )
    return _svg(parts, _TOP + 42 * len(checks), "The checks that took longest")


def _axis(total: float, left: float, scale: float, bottom: int) -> Iterator[str]:
    step = next((step for step in _STEPS if total / step <= _TICKS), _STEPS[-1])
    for number in range(int(total / step) + 1):
        x = left + number * step * scale
        yield f'<line class="v-grid" x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{bottom + 4}"/>'
        told = f"{number * step:g} s"
        yield f'<text class="v-quiet" x="{x:.1f}" y="{bottom + 20}">{told}</text>'


def _row(host: HostResult, y: int, left: float, scale: float) -> Iterator[str]:
    yield f'<text x="0" y="{y + 17}" class="v-name">{escape(host.host)}</text>'
    for check in host.checks:
        x = left + check.begun * scale
        width = max(check.seconds * scale, 1.5)
        yield (
            f'<rect class="v-{check.outcome.value}" x="{x:.1f}" y="{y + 5}" rx="2"'
            f' width="{width:.1f}" height="{_ROW - 10}"><title>{_title(check)}</title></rect>'
        )


def _title(check: Check) -> str:
    return escape(f"{check.area}: {check.words}: {check.outcome.value}, {check.seconds:.2f} s")


def _svg(parts: list[str], height: int, label: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}"'
        f' width="{_WIDTH}" height="{height}" role="img" aria-label="{escape(label)}">\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )
