"""From --base to a verified medium, and what is no longer one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from b2ct.base import BaseKind, resolve_base
from b2ct.base.add import add_iso
from b2ct.base.catalogue import load_catalogue
from b2ct.base.download import Client
from b2ct.base.fetch import fetch_iso
from b2ct.base.manage import State, find_records, listing, remove, verify_record
from b2ct.base.proof import Given
from b2ct.base.store import Record, Store
from b2ct.errors import B2ctError
from tests.unit.base.keys import Key, KeyMaker
from tests.unit.base.vendor import ISO, ISO_NAME, SIGNED_ENTRY, Site, bsd_list, sha


@pytest.fixture
def fetched(site: Site, store: Store, client: Client) -> Record:
    entry = site.write(SIGNED_ENTRY).get_iso("vendor-9")
    return fetch_iso(entry, Given(), store, client).record


@pytest.fixture
def added(tmp_path: Path, store: Store, client: Client) -> Path:
    path = tmp_path / "my.iso"
    path.write_bytes(ISO)
    add_iso(path, None, Given(sha256=sha(ISO)), store, client)
    return path


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Log every pass over a medium."""
    from b2ct.base import store as module

    seen: list[Path] = []
    original = module.sha256_of

    def counted(path: Path, *rest: object) -> str:
        seen.append(path)
        return original(path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "sha256_of", counted)
    return seen


def test_by_id(fetched: Record, passes: list[Path]) -> None:
    base = resolve_base("vendor-9")
    assert (base.id, base.kind, base.netboot) == ("vendor-9", BaseKind.ISO, None)
    assert base.path == Path(fetched.path)
    assert (base.sha256, base.size, base.name) == (sha(ISO), len(ISO), ISO_NAME)
    assert base.verified_by == f"SHA256 and signature of {fetched.fingerprint}"
    assert passes == []


def test_by_path(added: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve_base(str(added)).verified_by == "SHA256 given by the admin"
    monkeypatch.chdir(added.parent)
    assert resolve_base("my.iso").path == added
    (added.parent / "link.iso").symlink_to(added)
    assert resolve_base("link.iso").path == added


def test_a_touched_medium_is_hashed_once(added: Path, passes: list[Path]) -> None:
    os.utime(added, (1, 1))
    resolve_base(str(added))
    resolve_base(str(added))
    assert passes == [added]


def test_a_replaced_medium_of_same_size_and_time_is_noticed(added: Path) -> None:
    stat = added.stat()
    other = added.with_name("other")
    other.write_bytes(ISO[:-1] + b"X")
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    other.replace(added)
    with pytest.raises(B2ctError, match="has changed since it was verified: SHA256 is"):
        resolve_base(str(added))


@pytest.mark.parametrize(
    ("ref", "message", "hint"),
    [
        ("almalinux-9", "almalinux-9 is not here", "b2ct base fetch almalinux-9"),
        ("centos-stream-9", "is not here", "b2ct base fetch centos-stream-9 --sha256 HEX"),
        ("almalinux-90", "no base medium 'almalinux-90'", "did you mean almalinux-9?"),
        ("none.iso", "no base medium none.iso", "b2ct base list"),
        ("{tmp}/debian-13.1.0-amd64-netinst.iso", "was never verified", "--id debian-13"),
        ("{tmp}/any.img", "was never verified", "or --sha256 HEX to vouch for it"),
    ],
)
def test_refused(tmp_path: Path, ref: str, message: str, hint: str) -> None:
    (tmp_path / "debian-13.1.0-amd64-netinst.iso").write_bytes(b"1")
    (tmp_path / "any.img").write_bytes(b"1")
    with pytest.raises(B2ctError) as caught:
        resolve_base(ref.format(tmp=tmp_path))
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_a_key_that_the_catalogue_no_longer_trusts(
    fetched: Record, site: Site, stranger: Key
) -> None:
    site.key = stranger
    site.write(SIGNED_ENTRY)
    with pytest.raises(B2ctError, match=f"the catalogue now names {stranger.fingerprint}"):
        resolve_base("vendor-9")


def test_a_damaged_record_is_no_proof(fetched: Record, store: Store) -> None:
    for path in (store.root / "records").glob("*.json"):
        path.write_text('{"id": "vendor-9"}')
    with pytest.raises(B2ctError, match="is not here"):
        resolve_base("vendor-9")


def test_verify_reads_again_although_nothing_seems_changed(
    fetched: Record, store: Store, passes: list[Path]
) -> None:
    path = Path(fetched.path)
    verify_record(fetched, load_catalogue(), store)
    assert passes == [path]
    stat = path.stat()
    with path.open("r+b") as file:
        file.write(b"X")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert resolve_base("vendor-9").path == path, "neither size, time nor inode tell"
    with pytest.raises(B2ctError, match="has changed since it was verified"):
        verify_record(fetched, load_catalogue(), store)


def test_verify_repeats_the_signature(
    fetched: Record, store: Store, maker: KeyMaker, stranger: Key
) -> None:
    assert fetched.proof is not None
    proof = store.root / "records" / fetched.proof
    signed = (proof / "checksums").read_bytes()
    (proof / "checksums").write_bytes(maker.clearsign(stranger, bsd_list(**{ISO_NAME: ISO})))
    with pytest.raises(B2ctError, match="the stored list of check sums is signed by"):
        verify_record(fetched, load_catalogue(), store)
    (proof / "checksums").write_bytes(signed)
    verify_record(fetched, load_catalogue(), store)
    (proof / "key").unlink()
    with pytest.raises(B2ctError, match="are gone from the store"):
        verify_record(fetched, load_catalogue(), store)


def test_list(fetched: Record, added: Path, store: Store) -> None:
    catalogue = load_catalogue()
    states = {line.ident: line.state for line in listing(catalogue, store)}
    assert (states["vendor-9"], states["almalinux-9"]) == (State.HERE, State.ABSENT)
    assert states[str(added)] is State.HERE
    Path(fetched.path).write_bytes(b"")
    (store.root / "almalinux-9").mkdir()
    (store.root / "almalinux-9/A.iso.partial").write_bytes(b"123")
    lines = {line.ident: line for line in listing(catalogue, store)}
    assert lines["vendor-9"].state is State.CHANGED
    assert lines["almalinux-9"].state is State.PARTIAL
    assert lines["almalinux-9"].partial_bytes == 3


def test_remove(fetched: Record, added: Path, store: Store) -> None:
    catalogue = load_catalogue()
    (store.root / "almalinux-9").mkdir()
    part = store.root / "almalinux-9/A.iso.partial"
    part.write_bytes(b"123")
    assert remove("vendor-9", catalogue, store) == (Path(fetched.path),)
    assert not Path(fetched.path).exists()
    assert remove(str(added), catalogue, store) == ()
    assert added.exists(), "a file of the admin's own stays"
    assert remove("almalinux-9", catalogue, store) == (part,)
    assert store.records() == ()
    assert list((store.root / "records").iterdir()) == []
    for ref in ("vendor-9", "rocky-9", "nonsense"):
        with pytest.raises(B2ctError):
            remove(ref, catalogue, store)


def test_records_by_id_and_path(fetched: Record, added: Path, store: Store) -> None:
    catalogue = load_catalogue()
    assert len(find_records((), catalogue, store)) == 2
    assert find_records(("vendor-9",), catalogue, store) == (fetched,)
    assert find_records((str(added),), catalogue, store)[0].path == str(added)
    with pytest.raises(B2ctError, match="nothing verified is here of rocky-9"):
        find_records(("rocky-9",), catalogue, store)


def test_the_store_goes_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("B2CT_BASE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "c"))
    assert Store().root == tmp_path / "c/b2ct/base"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Store().root == tmp_path / ".cache/b2ct/base"


def test_a_store_that_cannot_be_made(
    site: Site, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("B2CT_BASE_DIR", str(tmp_path / "file/store"))
    entry = load_catalogue().get_iso("vendor-9")
    with pytest.raises(B2ctError, match="cannot make the folder") as caught:
        fetch_iso(entry, Given(), Store(), client)
    assert "B2CT_BASE_DIR" in caught.value.hint
