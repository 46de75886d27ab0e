"""What a test can make go wrong."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Fault:
    """Something that goes wrong with calls of a method.

    ``kind`` is one of ``refuse`` (answer ``code`` and ``words``), ``drop-before`` (the connection
    ends and nothing was done), ``drop-after`` (it was done, and the connection ends before the
    answer), ``silence`` (no answer for ``seconds``), ``garbage`` (an answer that is no XML-RPC),
    ``bomb`` (an answer that declares entities) and ``502`` (as a proxy without oned).
    """

    method: str
    kind: str
    times: int = 1
    code: int = 0x2000
    words: str = "it does not want to"
    seconds: float = 2.0
    #: Calls of the method that pass before the fault strikes.
    after: int = 0

    def strikes(self, method: str) -> bool:
        """Whether the fault befalls this call; counts."""
        if method != self.method or self.times <= 0:
            return False
        if self.after > 0:
            self.after -= 1
            return False
        self.times -= 1
        return True
