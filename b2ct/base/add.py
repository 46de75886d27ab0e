"""Take an ISO that the admin has already: verified against the vendor or the admin's word."""

from __future__ import annotations

import hashlib
from pathlib import Path

from b2ct.base.catalogue import BaseKind, IsoEntry
from b2ct.base.checksums import Listed, sha256_of
from b2ct.base.download import Client, NotFoundError
from b2ct.base.proof import Given, VendorList, folders, unproved, vendor_list
from b2ct.base.store import Method, Record, Store, disk_errors, now, stamp
from b2ct.errors import B2ctError
from iso_builder.atomic import atomic_output
from iso_builder.progress import Progress, silent

_BLOCK = 4 << 20


def add_iso(
    file: Path,
    entry: IsoEntry | None,
    given: Given,
    store: Store,
    client: Client,
    *,
    copy: bool = False,
    progress: Progress = silent,
) -> Record:
    """Verify a file and record the proof, in place or with a copy in the store.

    With an entry, the vendor's signed list (or the pinned SHA256) must have the file, under
    whatever name; with ``given.sha256`` the admin vouches for it.
    """
    if not file.is_file():
        raise B2ctError(f"{file} is not a file", "name the ISO")
    if entry is None and given.sha256 is None:
        raise B2ctError(
            f"nothing says what {file.name} must be",
            "give --id (see `b2ct base list`) to check it against the vendor's signed list, "
            "or --sha256 HEX to vouch for it yourself",
        )
    # The vendor is asked first: a refusal should not come after a minute of reading.
    vendors = _vendors(entry, given, client) if entry is not None else ()
    try:
        digest = sha256_of(file, progress)
    except OSError as error:
        raise B2ctError(f"cannot read {file}: {error.strerror}") from error
    method, vendor, name = _judge(file, digest, entry, given, vendors)
    path = file
    if copy:
        path = store.folder(entry.id if entry else None) / name
        _copy(file, path, digest, progress)
    kept = stamp(path, "", digest)
    record = Record(
        id=entry.id if entry else None,
        kind=BaseKind.ISO,
        path=str(path.resolve()),
        sha256=digest,
        size=kept.size,
        files=(kept,),
        method=method,
        fingerprint=vendor.fingerprint if vendor else None,
        accept_expired=bool(entry and entry.key and entry.key.accept_expired),
        vendor_name=name,
        source="given by the admin" if method is Method.ADMIN else f"the vendor's {name}",
        verified_at=now(),
    )
    return store.save(record, vendor.documents if vendor else None)


def _vendors(entry: IsoEntry, given: Given, client: Client) -> tuple[VendorList, ...]:
    """Return the vendor's lists: the given one, or those of today and of the archive."""
    if given.sha256:
        return ()
    if not entry.signed:
        if entry.sha256 is None:
            raise B2ctError(unproved(entry), f"b2ct base add FILE --id {entry.id} --sha256 HEX")
        return ()
    places = folders(entry, given)
    if given.checksums:
        return (vendor_list(entry, given, client, places[0]),)
    found: list[VendorList] = []
    missing: list[str] = []
    for place in places:
        try:
            found.append(vendor_list(entry, given, client, place))
        except NotFoundError as error:
            missing.append(error.message)
    if not found:
        raise B2ctError(
            f"{entry.id}: the vendor's list is not to be had: {'; '.join(missing)}",
            "give the list that came with the ISO: --checksums FILE [--signature FILE]",
        )
    return tuple(found)


def _judge(
    file: Path, digest: str, entry: IsoEntry | None, given: Given, vendors: tuple[VendorList, ...]
) -> tuple[Method, VendorList | None, str]:
    """Return how the file is proved, by which list, and the vendor's name for it."""
    if given.sha256 is not None:
        if digest != given.sha256:
            raise B2ctError(
                f"{file} is another file: SHA256 is {digest}, you gave {given.sha256}",
                "get the ISO again",
            )
        return Method.ADMIN, None, file.name
    if entry is None:
        raise B2ctError("nothing says what the file must be")
    for vendor in vendors:
        listed = _listed(vendor, digest)
        if listed is not None:
            return Method.SIGNATURE, vendor, listed.name
    if not vendors and digest == entry.sha256:
        return Method.PINNED, None, entry.file
    if vendors:
        raise B2ctError(
            f"{file} is not in the vendor's signed list: its SHA256 is {digest}",
            "an older release: give the list that came with it (--checksums FILE [--signature "
            "FILE]); otherwise get the ISO again",
        )
    raise B2ctError(
        f"{file} is not the {entry.file} that the catalogue pins: SHA256 is {digest}, "
        f"pinned is {entry.sha256}",
        "another release: vouch for it with --sha256 HEX; otherwise get the ISO again",
    )


def _listed(vendor: VendorList, digest: str) -> Listed | None:
    return next((listed for listed in vendor.files if listed.sha256 == digest), None)


def _copy(source: Path, target: Path, digest: str, progress: Progress) -> None:
    """Copy into the store; the copy is what was hashed, or there is none."""
    with disk_errors(target), atomic_output(target) as part:
        copied = hashlib.sha256()
        total, done = source.stat().st_size, 0
        with source.open("rb") as reader, part.open("wb") as writer:
            while block := reader.read(_BLOCK):
                writer.write(block)
                copied.update(block)
                done += len(block)
                progress(f"copying {source.name}", done, total)
        if copied.hexdigest() != digest:
            raise B2ctError(f"{source} changed while it was copied", "try again")
