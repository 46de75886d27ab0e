"""The one error of this library."""

from __future__ import annotations


class MediaError(Exception):
    """A medium cannot be read, built or written. ``hint`` tells what to do about it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
