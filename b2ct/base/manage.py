"""List, verify again and remove base media."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from b2ct.base.catalogue import Catalogue, Entry, IsoEntry
from b2ct.base.download import discard
from b2ct.base.proof import recheck
from b2ct.base.store import Method, Record, Store, unchanged
from b2ct.errors import B2ctError
from iso_builder.progress import Progress, silent


class State(StrEnum):
    """What is here of a medium."""

    HERE = "here"
    CHANGED = "changed"  #: differs from its record; the next use hashes it again
    PARTIAL = "partial"
    ABSENT = "not here"


@dataclass(frozen=True)
class Listing:
    """A line of `b2ct base list`: an entry, or a medium without one (``entry`` None)."""

    ident: str
    title: str
    state: State
    entry: Entry | None
    record: Record | None
    partial_bytes: int = 0


def listing(catalogue: Catalogue, store: Store) -> tuple[Listing, ...]:
    """Return the catalogue with what is here, then the media that have no entry."""
    found: list[Listing] = []
    for entry in catalogue.entries:
        record = store.by_id(entry.id)
        partial = sum(path.stat().st_size for path in _partials(store, entry.id))
        state = State.PARTIAL if partial else State.ABSENT
        if record is not None:
            state = _state(record)
        found.append(Listing(entry.id, entry.title, state, entry, record, partial))
    for record in store.records():
        if record.id is None or catalogue.find(record.id) is None:
            name = record.id or record.path
            found.append(Listing(name, record.vendor_name, _state(record), None, record))
    return tuple(found)


def verify_record(
    record: Record, catalogue: Catalogue, store: Store, progress: Progress = silent
) -> Record:
    """Hash a medium and repeat its proof; B2ctError on any difference."""
    renewed = store.rehash(record, progress)
    entry = catalogue.find(record.id) if record.id else None
    if record.method is Method.SIGNATURE and record.fingerprint is not None:
        key = entry.key if isinstance(entry, IsoEntry) else None
        fingerprint = key.fingerprint if key and key.fingerprint else record.fingerprint
        documents = store.documents(record)
        if documents is None:
            raise B2ctError(
                f"the vendor's list and signature for {record.path} are gone from the store",
                f"b2ct base fetch {record.id} --refresh",
            )
        recheck(documents, fingerprint, record.sha256, accept_expired=record.accept_expired)
    elif (
        record.method is Method.PINNED
        and isinstance(entry, IsoEntry)
        and entry.sha256 not in {None, record.sha256}
    ):
        raise B2ctError(
            f"{record.path} is not what the catalogue pins now ({entry.sha256})",
            f"b2ct base fetch {record.id} --refresh",
        )
    return store.save(renewed)


def find_records(refs: tuple[str, ...], catalogue: Catalogue, store: Store) -> tuple[Record, ...]:
    """Return the records of ids or paths, all records for none; B2ctError for an unknown one."""
    if not refs:
        return store.records()
    found: list[Record] = []
    for ref in refs:
        record = store.by_id(ref) or store.by_path(Path(ref))
        if record is None:
            if catalogue.find(ref) is None and not Path(ref).exists():
                catalogue.get(ref)  # raises with "did you mean"
            raise B2ctError(f"nothing verified is here of {ref}", "see `b2ct base list`")
        found.append(record)
    return tuple(found)


def remove(ident: str, catalogue: Catalogue, store: Store) -> tuple[Path, ...]:
    """Remove what the store has of an id or path, and forget it; return what was removed.

    A file outside the store, added in place, is forgotten but never removed.
    """
    records = [record for record in store.records() if record.id == ident]
    by_path = store.by_path(Path(ident))
    if not records and by_path is not None:
        records = [by_path]
    partials = _partials(store, ident) if catalogue.find(ident) else ()
    if not records and not partials:
        find_records((ident,), catalogue, store)
    removed: list[Path] = []
    for record in records:
        path = Path(record.path)
        store.forget(record)
        if store.owns(path) and path.exists():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
            removed.append(path)
    for part in partials:
        discard(part)
        removed.append(part)
    return tuple(removed)


def _state(record: Record) -> State:
    if not Path(record.path).exists():
        return State.ABSENT
    return State.HERE if unchanged(record) else State.CHANGED


def _partials(store: Store, ident: str) -> tuple[Path, ...]:
    return tuple(sorted((store.root / ident).glob("*.partial")))
