"""What the vendor, the catalogue or the admin says that a medium must be."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from b2ct.base.catalogue import Fingerprint, IsoEntry, SigningKey
from b2ct.base.checksums import Listed, parse_checksums, pick
from b2ct.base.download import Client, NotFoundError
from b2ct.base.signature import Signed, extract_key, verify
from b2ct.base.store import Documents, Method
from b2ct.errors import B2ctError

_LIMIT = 8 << 20


@dataclass(frozen=True)
class Given:
    """What the admin gave on the command line in place of the catalogue's or the vendor's."""

    sha256: str | None = None
    fingerprint: Fingerprint | None = None
    key: Path | None = None
    checksums: Path | None = None
    signature: Path | None = None
    mirror: str | None = None


@dataclass(frozen=True)
class VendorList:
    """The vendor's list of check sums, its signature verified."""

    files: tuple[Listed, ...]
    documents: Documents
    fingerprint: str
    folder: str


@dataclass(frozen=True)
class Expected:
    """The medium that shall be had: where, under which name, with which SHA256, said by whom."""

    name: str
    url: str
    sha256: str
    method: Method
    vendor: VendorList | None = None


def folders(entry: IsoEntry, given: Given) -> tuple[str, ...]:
    """Return the folders to try: the mirror of the admin alone, else the catalogue's."""
    return (given.mirror.rstrip("/") + "/",) if given.mirror else entry.addresses


def expect(entry: IsoEntry, given: Given, client: Client) -> Expected:
    """Find out what the medium must be; B2ctError when nobody says so in a provable way.

    A SHA256 of the admin stands alone. Otherwise everything that the catalogue has must
    agree: the vendor's signed list, and the pinned SHA256.
    """
    places = folders(entry, given)
    if given.sha256:
        if "*" in entry.file:
            raise B2ctError(
                f"{entry.id}: the medium's name is known from the vendor's signed list only",
                "leave out --sha256, or download the medium and use `b2ct base add`",
            )
        return Expected(entry.file, places[0] + entry.file, given.sha256, Method.ADMIN)
    if not entry.signed:
        if entry.sha256 is None:
            raise B2ctError(unproved(entry), f"b2ct base fetch {entry.id} --sha256 HEX")
        return Expected(entry.file, places[0] + entry.file, entry.sha256, Method.PINNED)
    vendor, listed = _first_list(entry, given, client, places)
    if entry.sha256 is not None and entry.sha256 != listed.sha256:
        raise B2ctError(
            f"{listed.name}: the vendor's list says SHA256 {listed.sha256}, "
            f"the catalogue pins {entry.sha256}",
            "do not use this medium before the vendor has explained it",
        )
    url = vendor.folder + listed.name
    return Expected(listed.name, url, listed.sha256, Method.SIGNATURE, vendor)


def unproved(entry: IsoEntry) -> str:
    """Say why nothing proves an entry of an unsigned medium."""
    published = f"; it publishes {entry.addresses[0]}{entry.checksums}" if entry.checksums else ""
    return (
        f"{entry.id}: the vendor signs no list of check sums{published}. Compare the SHA256 "
        "from two independent sources, then vouch for it"
    )


def _first_list(
    entry: IsoEntry, given: Given, client: Client, places: tuple[str, ...]
) -> tuple[VendorList, Listed]:
    """Return the first folder's list that has the medium; the archive's when it has moved."""
    missing: list[str] = []
    for place in places:
        try:
            vendor = vendor_list(entry, given, client, place)
        except NotFoundError as error:
            missing.append(error.message)
            continue
        listed = pick(vendor.files, entry.file)
        if listed is not None:
            return vendor, listed
        missing.append(f"{place}{entry.checksums} does not list {entry.file}")
    raise B2ctError(
        f"{entry.id} is not where the catalogue says: {'; '.join(missing)}",
        "the vendor may have moved it: name the folder with --mirror URL",
    )


def vendor_list(entry: IsoEntry, given: Given, client: Client, folder: str) -> VendorList:
    """Get the vendor's list and verify its signature; given files count before the net."""
    key = entry.key
    if key is None or entry.checksums is None:
        raise B2ctError(unproved(entry), f"b2ct base add FILE --id {entry.id} --sha256 HEX")
    fingerprint = _fingerprint(entry, key, given)
    if given.checksums:
        document, origin = _read(given.checksums), str(given.checksums)
    else:
        origin = folder + entry.checksums
        document = client.small(origin)
    signature = None
    if given.signature:
        signature = _read(given.signature)
    elif not entry.inline:
        if given.checksums:
            raise B2ctError(
                f"{entry.id}: the signature on {given.checksums} is in a file of its own",
                f"give the vendor's {entry.signature} with --signature FILE",
            )
        signature = client.small(folder + entry.signature)
    keyring = _key(key, fingerprint, given, client)
    signed = verify(
        document,
        signature,
        keyring,
        fingerprint,
        accept_expired=key.accept_expired,
        origin=origin,
    )
    return VendorList(
        _files(signed, origin), Documents(document, signature, keyring), fingerprint, folder
    )


def recheck(documents: Documents, fingerprint: str, sha256: str, *, accept_expired: bool) -> None:
    """Repeat the proof of a stored medium: the signature, and that the list has its SHA256."""
    signed = verify(
        documents.checksums,
        documents.signature,
        documents.key,
        fingerprint,
        accept_expired=accept_expired,
        origin="the stored list of check sums",
    )
    if sha256 not in {listed.sha256 for listed in _files(signed, "the stored list")}:
        raise B2ctError("the stored list of check sums does not have the medium")


def _fingerprint(entry: IsoEntry, key: SigningKey, given: Given) -> str:
    if given.fingerprint:
        if key.fingerprint and key.fingerprint != given.fingerprint:
            raise B2ctError(
                f"{entry.id}: the catalogue knows the vendor's key as {key.fingerprint}",
                "leave out --fingerprint, or make an entry of your own in the catalogue",
            )
        return given.fingerprint
    if key.fingerprint is None:
        raise B2ctError(
            f"{entry.id}: the catalogue does not know the fingerprint of the vendor's key",
            f"get it from the vendor's documentation: b2ct base fetch {entry.id} --fingerprint …",
        )
    return key.fingerprint


def _key(key: SigningKey, fingerprint: str, given: Given, client: Client) -> bytes:
    if given.key:
        return extract_key(_read(given.key), fingerprint, str(given.key))
    return extract_key(client.small(key.address), fingerprint, key.address)


def _files(signed: Signed, origin: str) -> tuple[Listed, ...]:
    files = parse_checksums(signed.content.decode("utf-8", "replace"))
    if not files:
        raise B2ctError(f"{origin} lists no SHA256", "is it the vendor's list of SHA256 sums?")
    return files


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_LIMIT + 1)
    except OSError as error:
        raise B2ctError(f"cannot read {path}: {error.strerror}") from error
    if len(data) > _LIMIT:
        raise B2ctError(f"{path} is too large for a list of check sums, a signature or a key")
    return data
