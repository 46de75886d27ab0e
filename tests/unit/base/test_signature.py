"""Signatures: only the vendor's key, only what it covers."""

from __future__ import annotations

import pytest

from b2ct.base import signature
from b2ct.base.signature import SignatureError, extract_key, verify
from tests.unit.base.keys import Key, KeyMaker

TEXT = b"SHA256 (a.iso) = " + b"0" * 64 + b"\n"


def ring(key: Key) -> bytes:
    return extract_key(key.public, key.fingerprint, "the key file")


@pytest.mark.parametrize("armour", [True, False])
def test_detached(maker: KeyMaker, vendor: Key, armour: bool) -> None:
    signed = verify(
        TEXT, maker.detach(vendor, TEXT, armour=armour), ring(vendor), vendor.fingerprint
    )
    assert signed.content == TEXT


def test_clear_signed_gives_only_what_is_signed(maker: KeyMaker, vendor: Key) -> None:
    document = maker.clearsign(vendor, TEXT)
    extra = b"SHA256 (evil.iso) = " + b"1" * 64 + b"\n"
    signed = verify(extra + document + extra, None, ring(vendor), vendor.fingerprint)
    assert signed.content.strip() == TEXT.strip()


def test_a_signing_subkey_counts_as_its_primary_key(maker: KeyMaker) -> None:
    key = maker.make("Subkey <sub@example.org>", subkey=True)
    assert verify(maker.clearsign(key, TEXT), None, ring(key), key.fingerprint).content


def test_changed_text(maker: KeyMaker, vendor: Key) -> None:
    forged = maker.clearsign(vendor, TEXT).replace(b"000", b"001", 1)
    with pytest.raises(SignatureError, match="is wrong: it was changed"):
        verify(forged, None, ring(vendor), vendor.fingerprint)
    with pytest.raises(SignatureError, match="is wrong: it was changed"):
        verify(TEXT + b"x", maker.detach(vendor, TEXT), ring(vendor), vendor.fingerprint)


def test_a_stranger_signed(maker: KeyMaker, vendor: Key, stranger: Key) -> None:
    with pytest.raises(SignatureError) as caught:
        verify(maker.clearsign(stranger, TEXT), None, ring(vendor), vendor.fingerprint, origin="L")
    assert stranger.fingerprint in caught.value.message
    assert f"{vendor.fingerprint} is expected" in caught.value.message


@pytest.mark.parametrize("junk", [b"", TEXT, b"<html>Login</html>", bytes(range(256))])
def test_no_signature(vendor: Key, junk: bytes) -> None:
    with pytest.raises(SignatureError, match="no signature that gpgv understands"):
        verify(junk, None, ring(vendor), vendor.fingerprint)
    with pytest.raises(SignatureError, match="no signature that gpgv understands"):
        verify(TEXT, junk, ring(vendor), vendor.fingerprint)


def test_the_key_is_known_by_its_fingerprint(vendor: Key, stranger: Key) -> None:
    with pytest.raises(SignatureError) as caught:
        extract_key(stranger.public, vendor.fingerprint, "K")
    assert caught.value.message.startswith(f"K holds the key {stranger.fingerprint}")
    with pytest.raises(SignatureError, match="K is not an OpenPGP public key"):
        extract_key(b"<html>", vendor.fingerprint, "K")


def test_of_two_keys_in_a_file_one_is_taken(maker: KeyMaker, vendor: Key, stranger: Key) -> None:
    both = maker.gpg("--armor", "--export", vendor.fingerprint, stranger.fingerprint)
    keyring = extract_key(both, vendor.fingerprint, "K")
    assert verify(maker.clearsign(vendor, TEXT), None, keyring, vendor.fingerprint).content
    with pytest.raises(SignatureError, match="is signed by"):
        verify(maker.clearsign(stranger, TEXT), None, keyring, stranger.fingerprint)


def test_the_users_own_keyring_is_no_help(
    maker: KeyMaker, vendor: Key, stranger: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GNUPGHOME", str(maker.home))
    with pytest.raises(SignatureError, match="is signed by"):
        verify(maker.clearsign(stranger, TEXT), None, ring(vendor), stranger.fingerprint)


def test_an_expired_key(maker: KeyMaker, old_key: Key) -> None:
    document = maker.clearsign(old_key, TEXT, clock="20200101T120000")
    with pytest.raises(SignatureError, match="expired on 2020-01-02"):
        verify(document, None, ring(old_key), old_key.fingerprint)
    signed = verify(document, None, ring(old_key), old_key.fingerprint, accept_expired=True)
    assert signed.content.strip() == TEXT.strip()


F = "A" * 40
VALID = f"[GNUPG:] VALIDSIG {F} 2020-01-01 %d 0 4 0 22 8 01 {F}\n"


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (f"[GNUPG:] REVKEYSIG {F[:16]} x\n" + VALID % 5, "revoked key"),
        (f"[GNUPG:] EXPSIG {F[:16]} x\n" + VALID % 5, "signature on L has expired"),
        (
            f"[GNUPG:] KEYEXPIRED 9\n[GNUPG:] EXPKEYSIG {F[:16]} x\n" + VALID % 9,
            "expired on 1970-01-01",
        ),
        (VALID % 5, "does not call the signature on L good"),
        (f"gpgv: [GNUPG:] GOODSIG {F[:16]} x\n", "no signature that gpgv understands"),
    ],
)
def test_every_other_word_of_gpgv_is_a_refusal(status: str, message: str) -> None:
    with pytest.raises(SignatureError, match=message):
        signature._judge(status, F, accept_expired=True, origin="L")


def test_the_missing_program_is_named(vendor: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(Exception, match="the program gpg is missing") as caught:
        ring(vendor)
    assert "apt install gpg gpgv" in getattr(caught.value, "hint", "")
