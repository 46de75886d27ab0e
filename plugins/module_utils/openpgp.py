"""Fingerprints of OpenPGP public keys (RFC 9580, chapters 4 to 6), without a gpg program."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator

_ARMOUR = re.compile(
    rb"-----BEGIN PGP PUBLIC KEY BLOCK-----\s*?\n(?:[^\n]*: [^\n]*\n)*\s*\n(.*?)"
    rb"(?:\n=[A-Za-z0-9+/]{4}\s*)?\n-----END PGP PUBLIC KEY BLOCK-----",
    re.DOTALL,
)
_PUBLIC_KEY = 6


class KeyFileError(Exception):
    """The text holds no keys, or is cut."""


def _binary(data: bytes) -> bytes:
    if not data.lstrip().startswith(b"-----BEGIN"):
        return data
    data = data.replace(b"\r\n", b"\n")
    try:
        return b"".join(base64.b64decode(body) for body in _ARMOUR.findall(data))
    except binascii.Error:
        raise KeyFileError("the key is cut or altered") from None


def _length(data: bytes, at: int) -> tuple[int, int]:
    """Give a new-style packet's length, and where its body begins."""
    first = data[at]
    if first < 192:
        return first, at + 1
    if first < 224:
        return ((first - 192) << 8) + data[at + 1] + 192, at + 2
    if first == 255:
        return int.from_bytes(data[at + 1 : at + 5], "big"), at + 5
    raise KeyFileError("a key in pieces")


def _packets(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        head = data[at]
        if not head & 0x80:
            raise KeyFileError("this is no OpenPGP key")
        if head & 0x40:
            tag = head & 0x3F
            length, start = _length(data, at + 1)
        else:
            tag = (head >> 2) & 0x0F
            size = {0: 1, 1: 2, 2: 4}.get(head & 3, 0)
            if not size:
                raise KeyFileError("a key without length")
            start = at + 1 + size
            length = int.from_bytes(data[at + 1 : start], "big")
        if start + length > len(data):
            raise KeyFileError("the key is cut")
        yield tag, data[start : start + length]
        at = start + length


def fingerprints(data: bytes) -> list[str]:
    """Give the fingerprints of the primary keys in a file, armoured or binary, in capitals.

    :raises KeyFileError: it holds no key that can be read.
    """
    found = []
    try:
        for tag, body in _packets(_binary(data)):
            if tag != _PUBLIC_KEY:
                continue
            if body[0] != 4:
                raise KeyFileError(f"a key of version {body[0]}, not 4")
            # SHA-1 is what a version 4 fingerprint is.
            whole = b"\x99" + len(body).to_bytes(2, "big") + body
            found.append(hashlib.sha1(whole).hexdigest().upper())  # noqa: S324
    except IndexError:
        raise KeyFileError("the key is cut") from None
    if not found:
        raise KeyFileError("this is no OpenPGP public key")
    return found
