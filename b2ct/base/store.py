"""Where base media lie and the records that prove that they were verified.

A record is a JSON file. It ties what was verified (SHA256, how, by which key) to the files'
path, size, modification time and inode, so that an unchanged medium needs no second pass.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from b2ct.base.catalogue import BaseKind
from b2ct.base.checksums import sha256_of
from b2ct.errors import B2ctError
from iso_builder.atomic import atomic_output
from iso_builder.progress import Progress, silent


class Method(StrEnum):
    """How a medium was verified."""

    SIGNATURE = "signature"  #: the vendor's signature over the list of check sums, and SHA256
    PINNED = "pinned"  #: a SHA256 that the catalogue pins
    ADMIN = "admin"  #: a SHA256 that the admin gave
    APT = "apt"  #: apt's own chain from the signed InRelease to the package


@dataclass(frozen=True)
class FileStamp:
    """A file as it was when its SHA256 was known. ``name`` is relative to the record's path."""

    name: str
    sha256: str
    size: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True)
class Documents:
    """What proved a medium, kept so that the proof can be repeated."""

    checksums: bytes
    signature: bytes | None
    key: bytes


@dataclass(frozen=True)
class Record:
    """The proof for one medium.

    ``path`` is absolute: the ISO, or the folder of a netboot installer. ``sha256`` and
    ``size`` are of the ISO, or of the Debian package. ``source`` is an address, the word
    of the admin, or package and version. ``proof`` names the folder in the store with the
    vendor's list, signature and key.
    """

    id: str | None
    kind: BaseKind
    path: str
    sha256: str
    size: int
    files: tuple[FileStamp, ...]
    method: Method
    fingerprint: str | None
    accept_expired: bool
    vendor_name: str
    source: str
    verified_at: str
    proof: str | None = None

    @property
    def verified_by(self) -> str:
        """How the medium was verified, in words."""
        return {
            Method.SIGNATURE: f"SHA256 and signature of {self.fingerprint}",
            Method.PINNED: "SHA256 pinned in the catalogue",
            Method.ADMIN: "SHA256 given by the admin",
            Method.APT: "apt: Debian's signature on InRelease, SHA256 of the package",
        }[self.method]


_RECORD: TypeAdapter[Record] = TypeAdapter(Record)


def now() -> str:
    """Return the time as the records spell it: UTC, sortable as text."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def stamp(path: Path, name: str, sha256: str) -> FileStamp:
    """Return the stamp of a file whose SHA256 is known."""
    stat = path.stat()
    return FileStamp(name, sha256, stat.st_size, stat.st_mtime_ns, stat.st_ino)


def unchanged(record: Record) -> bool:
    """Whether size, modification time and inode of every file are those of the record."""
    root = Path(record.path)
    try:
        return all(stamp(root / f.name, f.name, f.sha256) == f for f in record.files)
    except OSError:
        return False


class Store:
    """The folder of base media, ``$B2CT_BASE_DIR`` or ``~/.cache/b2ct/base``."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = (root or _default_root()).absolute()
        self._records = self.root / "records"

    def folder(self, ident: str | None) -> Path:
        """Return (and make) the folder of one catalogue id, or of media without one."""
        path = self.root / (ident or "other")
        self._make(path)
        return path

    def records(self) -> tuple[Record, ...]:
        """Return all records, the newest first; one that cannot be read counts as none."""
        found: list[Record] = []
        for path in sorted(self._records.glob("*.json")):
            try:
                found.append(_RECORD.validate_json(path.read_bytes()))
            except (OSError, ValidationError):
                continue
        return tuple(sorted(found, key=lambda record: record.verified_at, reverse=True))

    def by_id(self, ident: str) -> Record | None:
        """Return the newest record of a catalogue id whose medium is still there."""
        return next((r for r in self.records() if r.id == ident and Path(r.path).exists()), None)

    def by_path(self, path: Path) -> Record | None:
        """Return the record of a file or folder."""
        try:
            return _RECORD.validate_json(self._record_file(path.resolve()).read_bytes())
        except (OSError, ValidationError):
            return None

    def save(self, record: Record, documents: Documents | None = None) -> Record:
        """Write a record, and beside it the documents that prove it; return it as written."""
        path = self._record_file(Path(record.path))
        self._make(self._records)
        if documents:
            proof = self._records / path.stem
            self._make(proof)
            for name, content in asdict(documents).items():
                if content is None:
                    (proof / name).unlink(missing_ok=True)
                    continue
                with atomic_output(proof / name) as part:
                    part.write_bytes(content)
            record = replace(record, proof=proof.name)
        with atomic_output(path) as part:
            part.write_bytes(_RECORD.dump_json(record, indent=1))
        return record

    def documents(self, record: Record) -> Documents | None:
        """Return what proved a record; None when that is not (or no longer) in the store."""
        if record.proof is None:
            return None
        proof = self._records / record.proof
        try:
            signature = proof / "signature"
            return Documents(
                (proof / "checksums").read_bytes(),
                signature.read_bytes() if signature.exists() else None,
                (proof / "key").read_bytes(),
            )
        except OSError:
            return None

    def forget(self, record: Record) -> None:
        """Remove a record with its documents, never the medium."""
        path = self._record_file(Path(record.path))
        path.unlink(missing_ok=True)
        if record.proof is not None:
            folder = self._records / record.proof
            for document in ("checksums", "signature", "key"):
                (folder / document).unlink(missing_ok=True)
            if folder.is_dir():
                folder.rmdir()

    def owns(self, path: Path) -> bool:
        """Whether a path lies in the store, so that b2ct may remove it."""
        return path.resolve().is_relative_to(self.root.resolve())

    def rehash(self, record: Record, progress: Progress = silent) -> Record:
        """Hash every file of a record; B2ctError on a difference, else the renewed stamps."""
        root = Path(record.path)
        files: list[FileStamp] = []
        total, before = sum(file.size for file in record.files), 0

        def add_up(_: str, done: int, __: int) -> None:
            progress(f"checking {root.name}", before + done, total)

        for file in record.files:
            path = root / file.name
            try:
                found = sha256_of(path, add_up)
            except OSError as error:
                raise B2ctError(f"cannot read {path}: {error.strerror}", _again(record)) from error
            if found != file.sha256:
                raise B2ctError(
                    f"{path} has changed since it was verified: "
                    f"SHA256 is {found}, was {file.sha256}",
                    _again(record),
                )
            files.append(stamp(path, file.name, found))
            before += file.size
        return replace(record, files=tuple(files))

    def _record_file(self, path: Path) -> Path:
        return self._records / f"{hashlib.sha256(os.fsencode(path)).hexdigest()[:32]}.json"

    def _make(self, path: Path) -> None:
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise B2ctError(
                f"cannot make the folder {path}: {error.strerror}",
                "set B2CT_BASE_DIR to a folder that you may write to",
            ) from error


def _default_root() -> Path:
    named = os.environ.get("B2CT_BASE_DIR")
    if named:
        return Path(named).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "b2ct/base"


def _again(record: Record) -> str:
    if record.id is None:
        return f"do not use it; get the medium again, then `b2ct base add {record.path} --sha256 …`"
    return f"do not use it; get the medium again: b2ct base fetch {record.id} --refresh"


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn the errors of writing to ``path`` into messages with a remedy."""
    try:
        yield
    except OSError as error:
        hints = {
            errno.ENOSPC: "free some space, or set B2CT_BASE_DIR to a larger disk",
            errno.EDQUOT: "the quota is used up: free some space, or set B2CT_BASE_DIR",
            errno.EFBIG: "the file system or a limit (ulimit -f) holds no file of this size",
            errno.EACCES: "set B2CT_BASE_DIR to a folder that you may write to",
            errno.EROFS: "the file system is read-only: set B2CT_BASE_DIR",
        }
        raise B2ctError(
            f"cannot write {path}: {error.strerror or error}", hints.get(error.errno or 0, "")
        ) from error
