"""From what the admin wrote behind --base to a medium that is verified and unchanged."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from b2ct.base.catalogue import BaseKind, Catalogue, Entry, IsoEntry, load_catalogue
from b2ct.base.store import Record, Store, unchanged
from b2ct.errors import B2ctError
from iso_builder.progress import Progress, silent


@dataclass(frozen=True)
class NetbootFiles:
    """The files of Debian's packaged installer.

    ``shim`` and ``grub`` are signed for Secure Boot; this GRUB reads
    ``/debian-installer/amd64/grub/grub.cfg`` of the volume that it was started from.
    ``grub_folder`` has its font and its modules (unsigned).
    """

    kernel: Path
    initrd: Path
    shim: Path
    grub: Path
    grub_folder: Path


@dataclass(frozen=True)
class VerifiedBase:
    """A base medium that was verified and has not changed since.

    ``path`` is the ISO, or the folder with the installer's files, which ``netboot`` names.
    ``sha256`` and ``size`` (bytes) are of the ISO, or of the Debian package. ``id`` is None
    for a file that the admin vouched for without naming a catalogue entry. ``name`` is the
    vendor's file name, or package and version.
    """

    id: str | None
    kind: BaseKind
    path: Path
    sha256: str
    size: int
    verified_by: str
    name: str
    netboot: NetbootFiles | None = None


def netboot_files(folder: Path) -> NetbootFiles:
    """Name the files of an installer folder as Debian's package has them."""
    return NetbootFiles(
        kernel=folder / "linux",
        initrd=folder / "initrd.gz",
        shim=folder / "bootnetx64.efi",
        grub=folder / "grubx64.efi",
        grub_folder=folder / "grub",
    )


def resolve_base(ref: str, progress: Progress = silent, store: Store | None = None) -> VerifiedBase:
    """Return the verified medium for a catalogue id or the path of an ISO.

    A medium that has not changed costs no pass over it; one whose size, time or inode
    differs from the record is hashed again. B2ctError, with the command that helps, when it
    is not here, not verified, or not what was verified.
    """
    store = store or Store()
    catalogue = load_catalogue()
    entry = catalogue.find(ref)
    if entry is not None:
        record = store.by_id(ref)
        if record is None:
            vouch = isinstance(entry, IsoEntry) and not entry.signed and entry.sha256 is None
            hint = f"b2ct base fetch {ref}" + (" --sha256 HEX" if vouch else "")
            raise B2ctError(f"the base medium {ref} is not here", hint)
        _still_trusted(entry, record)
    else:
        record = _by_path(ref, store, catalogue)
    if not unchanged(record):
        record = store.save(store.rehash(record, progress))
    path = Path(record.path)
    return VerifiedBase(
        id=record.id,
        kind=record.kind,
        path=path,
        sha256=record.sha256,
        size=record.size,
        verified_by=record.verified_by,
        name=record.vendor_name,
        netboot=netboot_files(path) if record.kind is BaseKind.DEBIAN_NETBOOT else None,
    )


def _still_trusted(entry: Entry, record: Record) -> None:
    """Refuse a medium that was proved by a key which the catalogue no longer names."""
    key = entry.key if isinstance(entry, IsoEntry) else None
    if key is None or record.fingerprint is None or key.fingerprint is None:
        return
    if key.fingerprint != record.fingerprint:
        raise B2ctError(
            f"{entry.id} was verified with the key {record.fingerprint}, but the catalogue now "
            f"names {key.fingerprint}",
            f"b2ct base fetch {entry.id} --refresh",
        )


def _by_path(ref: str, store: Store, catalogue: Catalogue) -> Record:
    path = Path(ref).expanduser()
    if not path.exists():
        if "/" in ref or ref.endswith(".iso"):
            raise B2ctError(f"no base medium {ref}", "name an ISO, or an id of `b2ct base list`")
        catalogue.get(ref)  # raises with "did you mean"
    record = store.by_path(path)
    if record is None:
        raise B2ctError(
            f"{ref} was never verified: nothing is built from an unknown medium",
            f"b2ct base add {ref} {_how(path, catalogue)}",
        )
    return record


def _how(path: Path, catalogue: Catalogue) -> str:
    """Guess the entry from the file's name, for the hint only."""
    for entry in catalogue.entries:
        if isinstance(entry, IsoEntry) and fnmatchcase(path.name, entry.file):
            return f"--id {entry.id}"
    return "--id ID (see `b2ct base list`), or --sha256 HEX to vouch for it yourself"
