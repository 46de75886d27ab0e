"""Get a medium of the catalogue into the store: proved, or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from b2ct.base.catalogue import BaseKind, IsoEntry
from b2ct.base.download import Client, Downloaded, NotFoundError, discard
from b2ct.base.proof import Expected, Given, expect, folders
from b2ct.base.store import Method, Record, Store, disk_errors, now, stamp, unchanged
from b2ct.errors import B2ctError
from iso_builder.progress import Progress, silent


@dataclass(frozen=True)
class Fetched:
    """A verified medium, and whether it was here already."""

    record: Record
    fresh: bool


def fetch_iso(
    entry: IsoEntry,
    given: Given,
    store: Store,
    client: Client,
    *,
    refresh: bool = False,
    progress: Progress = silent,
) -> Fetched:
    """Download an ISO and verify it; B2ctError otherwise, with nothing under the final name.

    A medium that is here, verified and unchanged is left alone, without a question to the
    network, unless ``refresh`` asks whether the vendor has a newer one.
    """
    here = store.by_id(entry.id)
    if here is not None and not refresh and given.sha256 in {None, here.sha256}:
        if unchanged(here):
            return Fetched(here, fresh=False)
        return Fetched(store.save(store.rehash(here, progress)), fresh=False)
    expected = expect(entry, given, client)
    target = store.folder(entry.id) / expected.name
    if here is not None and here.sha256 == expected.sha256 and unchanged(here):
        return Fetched(_keep(store, entry, expected, Path(here.path)), fresh=False)
    places = (expected.vendor.folder,) if expected.vendor else folders(entry, given)
    for number, place in enumerate(places, start=1):
        try:
            _download(place + expected.name, target, expected, client, progress)
            break
        except NotFoundError:
            if number == len(places):
                raise
    return Fetched(_keep(store, entry, expected, target), fresh=True)


def _download(
    url: str, target: Path, expected: Expected, client: Client, progress: Progress
) -> None:
    """Download, compare, rename. A wrong file that was put together is fetched once more."""
    for last in (False, True):
        with client.download(url, target, progress) as done:
            if done.sha256 == expected.sha256:
                with disk_errors(target):
                    done.part.replace(target)
                discard(done.part)
                return
            discard(done.part)
            if last or not done.resumed:
                raise _wrong(url, done, expected)


def _wrong(url: str, done: Downloaded, expected: Expected) -> B2ctError:
    says = {
        Method.SIGNATURE: "the vendor's signed list says",
        Method.PINNED: "the catalogue pins",
        Method.ADMIN: "you gave",
    }.get(expected.method, "expected is")
    return B2ctError(
        f"{url} is not the vendor's file: SHA256 is {done.sha256}, {says} {expected.sha256}; "
        "it was removed",
        "the mirror may be in the middle of an update: try again later or another --mirror",
    )


def _keep(store: Store, entry: IsoEntry, expected: Expected, path: Path) -> Record:
    file = stamp(path, "", expected.sha256)
    vendor = expected.vendor
    record = Record(
        id=entry.id,
        kind=BaseKind.ISO,
        path=str(path.resolve()),
        sha256=expected.sha256,
        size=file.size,
        files=(file,),
        method=expected.method,
        fingerprint=vendor.fingerprint if vendor else None,
        accept_expired=bool(entry.key and entry.key.accept_expired),
        vendor_name=expected.name,
        source=expected.url,
        verified_at=now(),
    )
    return store.save(record, vendor.documents if vendor else None)
