"""Fetch: a medium that is proved, or nothing under its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from b2ct.base.catalogue import Catalogue
from b2ct.base.download import Client
from b2ct.base.fetch import Fetched, fetch_iso
from b2ct.base.proof import Given
from b2ct.base.store import Method, Store
from b2ct.errors import B2ctError
from tests.unit.base.keys import Key, KeyMaker
from tests.unit.base.vendor import ISO, ISO_NAME, SIGNED_ENTRY, Site, bsd_list, sha


@pytest.fixture
def get(site: Site, store: Store, client: Client):
    def call(given: Given | None = None, *, refresh: bool = False, text: str = "") -> Fetched:
        catalogue: Catalogue = site.write(text or SIGNED_ENTRY)
        entry = catalogue.get_iso("vendor-9")
        return fetch_iso(entry, given or Given(), store, client, refresh=refresh)

    return call


def left(store: Store) -> list[str]:
    folder = store.root / "vendor-9"
    return sorted(path.name for path in folder.glob("*"))


def refused(
    get, store: Store, message: str, given: Given | None = None, text: str = ""
) -> B2ctError:
    """Assert that fetch is refused with this message, and that nothing is left of it."""
    with pytest.raises(B2ctError) as caught:
        get(given, text=text)
    assert message in caught.value.message, caught.value.message
    assert caught.value.hint
    assert left(store) == []
    assert store.records() == ()
    return caught.value


def test_signed(get, site: Site, store: Store) -> None:
    got = get()
    assert got.fresh
    assert Path(got.record.path).read_bytes() == ISO
    assert got.record.method is Method.SIGNATURE
    assert got.record.verified_by == f"SHA256 and signature of {site.key.fingerprint}"
    assert got.record.source == site.web.url + "/9/" + ISO_NAME
    assert left(store) == [ISO_NAME]
    asked = len(site.web.asked)
    assert not get().fresh
    assert len(site.web.asked) == asked, "a verified medium needs no network"


def test_detached_with_a_gnu_list(get, site: Site, maker: KeyMaker) -> None:
    listed = f"{'0' * 64}  other.iso\n{sha(ISO)}  {ISO_NAME}\n".encode()
    site.web.put("/9/SHA256SUMS", listed)
    site.web.put("/9/SHA256SUMS.sign", maker.detach(site.key, listed, armour=False))
    text = SIGNED_ENTRY.replace("CHECKSUM", "SHA256SUMS").replace("inline", "SHA256SUMS.sign")
    assert get(text=text).record.method is Method.SIGNATURE


def test_the_medium_is_not_what_the_list_says(get, site: Site, store: Store) -> None:
    site.web.put("/9/" + ISO_NAME, ISO + b"x")
    error = refused(get, store, f"SHA256 is {sha(ISO + b'x')}, the vendor's signed list says")
    assert "it was removed" in error.message


def test_a_wrong_medium_put_together_is_fetched_once_more(get, site: Site) -> None:
    """A mirror that changes its file but not its ETag is survived."""
    half = len(ISO) // 2
    old = b"?" * len(ISO)
    site.web.put("/9/" + ISO_NAME, ISO, etag='"same"', truncate=[half], bodies=[old])
    got = get()
    assert Path(got.record.path).read_bytes() == ISO
    ranges = [asked.range for asked in site.web.asked if asked.path.endswith(ISO_NAME)]
    assert ranges == [None, f"bytes={half}-", None]


def test_signed_by_a_stranger(
    get, site: Site, store: Store, maker: KeyMaker, stranger: Key
) -> None:
    listed = bsd_list(**{ISO_NAME: ISO})
    site.web.put("/9/CHECKSUM", maker.clearsign(stranger, listed))
    refused(get, store, f"CHECKSUM is signed by {stranger.fingerprint}")
    # … even if the mirror offers the stranger's key, too.
    site.web.put("/KEY", stranger.public)
    refused(get, store, f"/KEY holds the key {stranger.fingerprint}, but")


def test_a_changed_list(get, site: Site, store: Store) -> None:
    evil = ISO + b"evil"
    site.web.put("/9/" + ISO_NAME, evil)
    changed = site.web.files["/9/CHECKSUM"]
    changed.body = changed.body.replace(sha(ISO).encode(), sha(evil).encode())
    refused(get, store, "is wrong: it was changed")
    assert not any(asked.path.endswith(ISO_NAME) for asked in site.web.asked)


def test_an_unsigned_line_beside_the_signed_text_does_not_count(
    get, site: Site, store: Store
) -> None:
    site.web.files["/9/CHECKSUM"].body += bsd_list(**{"Extra.iso": b"extra"})
    site.web.put("/9/Extra.iso", b"extra")
    text = SIGNED_ENTRY.replace(ISO_NAME, "Extra.iso")
    refused(get, store, "does not list Extra.iso", text=text)


def test_an_expired_key(get, site: Site, store: Store, maker: KeyMaker, old_key: Key) -> None:
    listed = bsd_list(**{ISO_NAME: ISO})
    site.web.put("/9/CHECKSUM", maker.clearsign(old_key, listed, clock="20200101T120000"))
    site.web.put("/KEY", old_key.public)
    site.key = old_key
    refused(get, store, "expired on 2020-01-02")
    text = SIGNED_ENTRY.replace("fingerprint: %FPR%", "fingerprint: %FPR%, accept_expired: true")
    assert get(text=text).record.fingerprint == old_key.fingerprint


def test_a_fingerprint_that_nobody_knows(get, site: Site, store: Store, stranger: Key) -> None:
    text = SIGNED_ENTRY.replace(", fingerprint: %FPR%", "")
    error = refused(get, store, "does not know the fingerprint", text=text)
    assert "--fingerprint" in error.hint
    wrong = Given(fingerprint=stranger.fingerprint)
    refused(get, store, "holds the key", wrong, text=text)
    refused(get, store, "the catalogue knows the vendor's key as", wrong)
    right = Given(fingerprint=site.key.fingerprint)
    assert get(right, text=text).record.fingerprint == site.key.fingerprint


def test_the_key_from_a_file(get, site: Site, tmp_path: Path) -> None:
    del site.web.files["/KEY"]
    (tmp_path / "key").write_bytes(site.key.public)
    assert get(Given(key=tmp_path / "key")).fresh


def test_a_pinned_medium_must_agree_with_the_list(get, store: Store) -> None:
    pinned = SIGNED_ENTRY + "  sha256: " + "a" * 64 + "\n"
    refused(get, store, f"the catalogue pins {'a' * 64}", text=pinned)
    assert get(text=SIGNED_ENTRY + f"  sha256: {sha(ISO)}\n").fresh


UNSIGNED = """
- id: vendor-9
  title: Vendor 9
  addresses: ["%URL%/old/", "%URL%/9/"]
  file: Vendor-9-boot.iso
  checksums: CHECKSUM
  signature: none
"""


def test_unsigned(get, site: Site, store: Store) -> None:
    error = refused(
        get, store, "the vendor signs no list of check sums; it publishes", text=UNSIGNED
    )
    assert error.hint == "b2ct base fetch vendor-9 --sha256 HEX"
    refused(get, store, f"you gave {'a' * 64}", Given(sha256="a" * 64), text=UNSIGNED)
    got = get(Given(sha256=sha(ISO)), text=UNSIGNED)
    assert got.record.verified_by == "SHA256 given by the admin"


def test_pinned(get, store: Store) -> None:
    refused(get, store, "the catalogue pins", text=UNSIGNED + f"  sha256: {'a' * 64}\n")
    got = get(text=UNSIGNED + f"  sha256: {sha(ISO)}\n")
    assert got.record.verified_by == "SHA256 pinned in the catalogue"
    assert got.fresh, "the second address was tried after the first had no such file"


MOVING = """
- id: vendor-9
  title: Vendor 9
  addresses: ["%URL%/current/", "%URL%/archive/"]
  file: vendor-9.*-boot.iso
  checksums: CHECKSUM
  signature: inline
  key: {address: "%URL%/KEY", fingerprint: %FPR%}
"""


def test_the_archive_is_asked_when_the_medium_has_moved(get, site: Site, store: Store) -> None:
    refused(get, store, "is not where the catalogue says", text=MOVING)
    site.publish(b"ten", "vendor-10.0-boot.iso", folder="/current/")
    refused(get, store, "/current/CHECKSUM does not list vendor-9.*-boot.iso", text=MOVING)
    site.publish(ISO, "vendor-9.11-boot.iso", folder="/archive/")
    assert Path(get(text=MOVING).record.path).name == "vendor-9.11-boot.iso"


def test_refresh(get, site: Site, store: Store) -> None:
    assert get().fresh
    assert not get(refresh=True).fresh, "the vendor still lists the same"
    site.publish(ISO + b"newer")
    assert not get().fresh
    assert get(refresh=True).fresh
    record = store.by_id("vendor-9")
    assert record is not None
    assert record.sha256 == sha(ISO + b"newer")
    assert left(store) == [ISO_NAME]


def test_a_failed_refresh_leaves_the_old_medium(get, site: Site, store: Store) -> None:
    get()
    site.publish(ISO + b"newer")
    site.web.put("/9/" + ISO_NAME, b"wrong")
    with pytest.raises(B2ctError, match="is not the vendor's file"):
        get(refresh=True)
    record = store.by_id("vendor-9")
    assert record is not None
    assert Path(record.path).read_bytes() == ISO


def test_a_mirror_of_the_admins_choice(get, site: Site) -> None:
    site.publish(folder="/mirror/")
    del site.web.files["/9/" + ISO_NAME]
    got = get(Given(mirror=site.web.url + "/mirror"))
    assert got.record.source == site.web.url + "/mirror/" + ISO_NAME


def test_a_medium_that_changed_in_the_store(get, store: Store) -> None:
    path = Path(get().record.path)
    path.write_bytes(ISO + b"x")
    with pytest.raises(B2ctError) as caught:
        get()
    assert "has changed since it was verified" in caught.value.message
    assert caught.value.hint.endswith("b2ct base fetch vendor-9 --refresh")
    assert get(refresh=True).fresh
    assert path.read_bytes() == ISO
