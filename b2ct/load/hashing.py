"""Password hashes as install media carry them."""

from __future__ import annotations

import functools
import hashlib
from typing import Final

#: sha512-crypt rounds: about 40 ms a guess, and every release of b2ct's understands them.
ROUNDS: Final = 100_000
#: grub-mkpasswd-pbkdf2's own defaults (GRUB manual, "Invoking grub-mkpasswd-pbkdf2").
_GRUB_ROUNDS: Final = 10_000
_GRUB_BYTES: Final = 64
_SALT_LETTERS: Final = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _seed(site: str, account: str) -> bytes:
    return hashlib.sha512(f"b2ct\0{site}\0{account}".encode()).digest()


@functools.cache
def sha512_crypt(password: str, site: str, account: str) -> str:
    """Give ``$6$…`` with a salt of the site's and the account's names."""
    from passlib.hash import sha512_crypt as scheme

    salt = "".join(_SALT_LETTERS[byte & 63] for byte in _seed(site, account)[:16])
    hashed: str = scheme.using(salt=salt, rounds=ROUNDS).hash(password)
    return hashed


@functools.cache
def grub_pbkdf2(password: str, site: str) -> str:
    """Give ``grub.pbkdf2.sha512.…`` with a salt of the site's name."""
    salt = _seed(site, "bootloader")[:_GRUB_BYTES]
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _GRUB_ROUNDS, _GRUB_BYTES)
    return f"grub.pbkdf2.sha512.{_GRUB_ROUNDS}.{salt.hex().upper()}.{digest.hex().upper()}"
