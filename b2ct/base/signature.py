"""OpenPGP signatures, checked by gpgv against one key that is known by its fingerprint.

The user's own keyring and trust settings play no part: the key is taken from the vendor's
key file into a keyring of its own, where it stands alone. gpgv exits with 0 for a signature
of an expired key, so its status lines decide, not its exit code (GnuPG, doc/DETAILS).
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from b2ct.errors import B2ctError

_TIMEOUT_S = 60


class SignatureError(B2ctError):
    """The signature does not prove what it should."""


@dataclass(frozen=True)
class Signed:
    """What a good signature covers, and the full fingerprint of the primary key that made it."""

    content: bytes
    fingerprint: str


def _run(argv: list[str]) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            argv, capture_output=True, check=False, timeout=_TIMEOUT_S, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError as error:
        raise B2ctError(
            f"the program {argv[0]} is missing", "install it: apt install gpg gpgv"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise B2ctError(f"{argv[0]} did not end within {_TIMEOUT_S} s") from error


def _fingerprints(listing: bytes) -> list[str]:
    """Return the primary fingerprints of ``gpg --with-colons`` output."""
    found: list[str] = []
    primary = False
    for line in listing.decode("utf-8", "replace").splitlines():
        fields = line.split(":")
        if fields[0] == "pub":
            primary = True
        elif fields[0] == "fpr" and primary:
            found.append(fields[9])
            primary = False
    return found


def extract_key(key_file: bytes, fingerprint: str, origin: str) -> bytes:
    """Return the one key with this fingerprint out of a key file, as a binary keyring.

    A key file may hold several keys (AlmaLinux 8's has an expired one, too); the others are
    left behind. ``origin`` names the file in messages.
    """
    with tempfile.TemporaryDirectory(prefix="b2ct-gpg-") as home:
        source = Path(home) / "key-file"
        source.write_bytes(key_file)
        gpg = ["gpg", "--homedir", home, "--batch", "--no-options", "--no-autostart", "--quiet"]
        shown = _fingerprints(_run([*gpg, "--with-colons", "--show-keys", str(source)]).stdout)
        if not shown:
            raise SignatureError(
                f"{origin} is not an OpenPGP public key",
                "a proxy or a moved page may have answered; get the vendor's key and give --key",
            )
        if fingerprint not in shown:
            raise SignatureError(
                f"{origin} holds the key {', '.join(shown)}, but {fingerprint} is expected",
                "do not use this medium before the vendor has explained the new key",
            )
        _run([*gpg, "--import", str(source)])
        key = _run([*gpg, "--export", fingerprint]).stdout
    if not key:
        raise SignatureError(f"gpg cannot read the key {fingerprint} of {origin}")
    return key


def verify(
    document: bytes,
    signature: bytes | None,
    keyring: bytes,
    fingerprint: str,
    *,
    accept_expired: bool = False,
    origin: str = "the list of check sums",
) -> Signed:
    """Check ``document``, clear-signed (``signature`` None) or with a detached signature.

    ``keyring`` is a binary keyring; the primary key that signed must be ``fingerprint``.
    ``accept_expired`` accepts a key that expired after the signature was made. Returns the
    signed content only: what stands around a clear-signed text is not signed.
    """
    with tempfile.TemporaryDirectory(prefix="b2ct-gpg-") as home:
        folder = Path(home)
        (folder / "keyring.gpg").write_bytes(keyring)
        (folder / "document").write_bytes(document)
        argv = ["gpgv", "--homedir", home, "--status-fd", "1", "--keyring", f"{home}/keyring.gpg"]
        if signature is None:
            argv += ["--output", f"{home}/content", "--", f"{home}/document"]
        else:
            (folder / "signature").write_bytes(signature)
            argv += ["--", f"{home}/signature", f"{home}/document"]
        status = _run(argv).stdout.decode("utf-8", "replace")
        _judge(status, fingerprint, accept_expired=accept_expired, origin=origin)
        content = document if signature is not None else (folder / "content").read_bytes()
    return Signed(content, fingerprint)


def _judge(status: str, fingerprint: str, *, accept_expired: bool, origin: str) -> None:
    """Raise unless the status lines show a good signature of this primary key."""
    lines = [match[1].split() for match in re.finditer(r"^\[GNUPG:\] (.*)$", status, re.MULTILINE)]
    words = {line[0] for line in lines}
    hint = "do not use this medium; try another mirror, and tell the vendor if it stays so"
    if "BADSIG" in words:
        raise SignatureError(f"the signature on {origin} is wrong: it was changed", hint)
    if "REVKEYSIG" in words:
        raise SignatureError(f"{origin} is signed by a revoked key", hint)
    if "EXPSIG" in words:
        raise SignatureError(f"the signature on {origin} has expired", hint)
    # VALIDSIG: fingerprint, date, time stamp, …, and as the last field the primary key's.
    made = [int(line[3]) for line in lines if line[0] == "VALIDSIG" and line[-1] == fingerprint]
    if not made:
        # ERRSIG ends with the signer's fingerprint where gpgv knows it, else it has a key id.
        errors = [line for line in lines if line[0] == "ERRSIG"]
        signers = sorted({line[-1] if len(line[-1]) == 40 else line[1] for line in errors})
        if signers:
            raise SignatureError(
                f"{origin} is signed by {', '.join(signers)}, but {fingerprint} is expected", hint
            )
        raise SignatureError(f"{origin} has no signature that gpgv understands", hint)
    if "GOODSIG" in words:
        return
    if "EXPKEYSIG" not in words:
        raise SignatureError(f"gpgv does not call the signature on {origin} good", hint)
    expired = max((int(line[1]) for line in lines if line[0] == "KEYEXPIRED"), default=0)
    if accept_expired and made[0] < expired:
        return
    when = datetime.fromtimestamp(expired, UTC).date()
    raise SignatureError(
        f"the key {fingerprint} that signed {origin} expired on {when}",
        "the vendor has a new key, or a newer b2ct knows it; otherwise give --sha256",
    )
