"""What can go wrong between a module and oned, in an admin's words."""

from __future__ import annotations


class OneError(Exception):
    """A failure with what to do about it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """Give the message and, after it, the hint."""
        return f"{self.message}; {self.hint}" if self.hint else self.message


class RefusedError(OneError):
    """Oned understood the call and said no. ``code`` is its number for the reason."""

    def __init__(self, message: str, hint: str, code: int) -> None:
        super().__init__(message, hint)
        self.code = code


class LostError(OneError):
    """The connection broke after a call was sent: whether it took effect is not known."""
