"""What rendering gives: one finished text with what a medium must know about it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Protocol

from b2ct.model import Kind, Release


class Hashes(Protocol):
    """Where password hashes come from; plaintext is never asked for."""

    def hashed(self, account: str) -> str | None:
        """Give the sha512-crypt hash of an account's password, None if it has none."""

    def bootloader_hash(self) -> str | None:
        """Give GRUB's PBKDF2 hash of the boot loader's password, None if it has none."""


class NoHashes:
    """No vault: every password is locked, and ssh keys are the only way in."""

    def hashed(self, account: str) -> str | None:
        """Give no hash."""
        return None

    def bootloader_hash(self) -> str | None:
        """Give no hash."""
        return None


@dataclass(frozen=True)
class Rendered:
    """One kickstart or preseed.

    ``name`` is the node's name, or the site's for a text that serves the whole site;
    ``kind`` is None there. ``path`` is the file name (``control1.ks``, ``node3.preseed``).
    ``sha256`` is of the UTF-8 text.
    """

    name: str
    kind: Kind | None
    release: Release
    path: str
    text: str
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        digest = hashlib.sha256(self.text.encode()).hexdigest()
        object.__setattr__(self, "sha256", digest)
