"""Media that the admin has already."""

from __future__ import annotations

from pathlib import Path

import pytest

from b2ct.base.add import add_iso
from b2ct.base.download import Client
from b2ct.base.proof import Given
from b2ct.base.store import Method, Record, Store
from b2ct.errors import B2ctError
from tests.unit.base.keys import KeyMaker
from tests.unit.base.vendor import ISO, ISO_NAME, SIGNED_ENTRY, Site, bsd_list, sha

DETACHED = SIGNED_ENTRY.replace("inline", "CHECKSUM.asc")
PINNED = f"""
- id: vendor-9
  title: Vendor 9
  addresses: ["%URL%/9/"]
  file: {ISO_NAME}
  signature: none
  sha256: {sha(ISO)}
"""


@pytest.fixture
def iso(tmp_path: Path) -> Path:
    path = tmp_path / "renamed.iso"
    path.write_bytes(ISO)
    return path


@pytest.fixture
def add(site: Site, iso: Path, store: Store, client: Client):
    def call(given: Given | None = None, text: str = SIGNED_ENTRY, **options: bool) -> Record:
        entry = site.write(text).get_iso("vendor-9")
        return add_iso(iso, entry, given or Given(), store, client, **options)

    return call


def test_in_place_against_the_vendors_list(add, iso: Path, store: Store) -> None:
    record = add()
    assert record.method is Method.SIGNATURE
    assert record.path == str(iso)
    assert record.vendor_name == ISO_NAME
    assert store.by_path(iso) == record
    assert store.by_id("vendor-9") == record


def test_copied(add, iso: Path, store: Store) -> None:
    record = add(copy=True)
    assert record.path == str(store.root / "vendor-9" / ISO_NAME)
    iso.unlink()
    assert Path(record.path).read_bytes() == ISO


def test_an_old_list_from_files_without_the_network(
    add, site: Site, maker: KeyMaker, tmp_path: Path
) -> None:
    listed = bsd_list(**{"Vendor-9.1-boot.iso": ISO})
    (tmp_path / "L").write_bytes(listed)
    (tmp_path / "S").write_bytes(maker.detach(site.key, listed))
    (tmp_path / "K").write_bytes(site.key.public)
    given = Given(checksums=tmp_path / "L", signature=tmp_path / "S", key=tmp_path / "K")
    assert add(given, DETACHED).vendor_name == "Vendor-9.1-boot.iso"
    assert site.web.asked == []
    with pytest.raises(B2ctError) as caught:
        add(Given(checksums=tmp_path / "L", key=tmp_path / "K"), DETACHED)
    assert caught.value.hint == "give the vendor's CHECKSUM.asc with --signature FILE"
    (tmp_path / "L").write_bytes(listed + b"#")
    with pytest.raises(B2ctError, match="L is wrong: it was changed"):
        add(given, DETACHED)


def test_pinned(add) -> None:
    assert add(text=PINNED).method is Method.PINNED


def test_the_admin_vouches(add, site: Site) -> None:
    record = add(Given(sha256=sha(ISO)))
    assert record.verified_by == "SHA256 given by the admin"
    assert site.web.asked == []


def test_without_an_entry(iso: Path, store: Store, client: Client) -> None:
    record = add_iso(iso, None, Given(sha256=sha(ISO)), store, client, copy=True)
    assert record.id is None
    assert record.path == str(store.root / "other" / "renamed.iso")
    with pytest.raises(B2ctError, match=r"nothing says what renamed\.iso must be"):
        add_iso(iso, None, Given(), store, client)


@pytest.mark.parametrize(
    ("given", "text", "message"),
    [
        (Given(), SIGNED_ENTRY, "is not in the vendor's signed list: its SHA256 is"),
        (Given(), PINNED, "is not the Vendor-9-boot.iso that the catalogue pins"),
        (Given(sha256=sha(ISO)), SIGNED_ENTRY, "is another file: SHA256 is"),
        (Given(), PINNED.replace(f"sha256: {sha(ISO)}", "note: none"), "signs no list"),
        (Given(), SIGNED_ENTRY.replace("/9/", "/none/"), "the vendor's list is not to be had"),
    ],
)
def test_refused(add, iso: Path, store: Store, given: Given, text: str, message: str) -> None:
    iso.write_bytes(ISO + b"x")
    with pytest.raises(B2ctError) as caught:
        add(given, text, copy=True)
    assert message in caught.value.message
    assert caught.value.hint
    assert store.records() == ()
    assert not list(store.root.rglob("*.iso"))


def test_no_such_file(iso: Path, store: Store, client: Client) -> None:
    for path in (iso.parent, iso.parent / "none.iso"):
        with pytest.raises(B2ctError, match="is not a file"):
            add_iso(path, None, Given(sha256="a" * 64), store, client)
