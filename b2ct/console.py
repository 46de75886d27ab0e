"""How far long work is, for people at a terminal, for logs and for programs.

At a terminal: one line that renews itself, with rate and remaining time. In a log: a line
at every tenth of the way, and none for work that is done within two seconds. With
``--json``: one JSON object a line, about one a second. All of it goes to standard error, so
that standard output carries results only.
"""

from __future__ import annotations

import json
import sys
import time
from types import TracebackType
from typing import TextIO

_TTY_INTERVAL_S = 0.2
_JSON_INTERVAL_S = 1.0
_LOG_PATIENCE_S = 2.0
_WIDTH = 79


def human_size(count: float) -> str:
    """Return a number of bytes as an admin reads it: ``790 MB``, ``1.4 GB`` (powers of ten)."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if count >= 10 or unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def human_time(seconds: float) -> str:
    """Return a span of time as ``45 s``, ``3:20`` or ``1:02:00``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


class ProgressPrinter:
    """A :data:`iso_builder.progress.Progress` that prints; use it in a ``with``.

    ``unit`` names what is counted where it is not bytes.
    """

    def __init__(
        self, *, as_json: bool = False, stream: TextIO | None = None, unit: str = ""
    ) -> None:
        self._unit = unit
        self._stream = stream or sys.stderr
        self._json = as_json
        self._tty = self._stream.isatty() and not as_json
        self._what = ""
        self._begun = self._printed = 0.0
        self._first = self._tenth = 0
        self._open_line = False

    def __enter__(self) -> ProgressPrinter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close_line()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Report ``done`` of ``total`` bytes of ``what``; total 0 means unknown."""
        now = time.monotonic()
        begins = what != self._what
        if begins:
            self._close_line()
            self._what, self._begun, self._first, self._tenth = what, now, done, -1
        ends = bool(total) and done >= total
        if self._json:
            if begins or ends or now - self._printed >= _JSON_INTERVAL_S:
                self._printed = now
                event = {"event": "progress", "what": what, "done": done, "total": total}
                self._line(json.dumps(event))
        elif self._tty:
            if begins or ends or now - self._printed >= _TTY_INTERVAL_S:
                self._printed = now
                self._stream.write(f"\r{self._text(now, done, total)[:_WIDTH]:<{_WIDTH}}")
                self._stream.flush()
                self._open_line = True
        else:
            tenth = 10 * done // total if total else 0
            if now - self._begun >= _LOG_PATIENCE_S and tenth > self._tenth:
                self._tenth = tenth
                self._line(self._text(now, done, total))

    def _text(self, now: float, done: int, total: int) -> str:
        text = self._what
        if total:
            text += f": {100 * done // total} % of {self._amount(total)}"
        elif done:
            text += f": {self._amount(done)}"
        seconds = now - self._begun
        moved = done - self._first
        if seconds >= 1 and moved > 0:
            rate = moved / seconds
            if not self._unit or rate >= 1:
                text += f", {self._amount(rate)}/s"
            if total > done:
                text += f", {human_time((total - done) / rate)} left"
        return text

    def _amount(self, count: float) -> str:
        return f"{count:.0f} {self._unit}" if self._unit else human_size(count)

    def _line(self, text: str) -> None:
        self._stream.write(text + "\n")
        self._stream.flush()

    def _close_line(self) -> None:
        if self._open_line:
            self._stream.write("\n")
            self._stream.flush()
            self._open_line = False
