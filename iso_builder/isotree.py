"""The files of an ISO 9660 image: names, and where their bytes lie in it."""

from __future__ import annotations

import posixpath
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pycdlib
from pycdlib.pycdlibexception import PyCdlibException

from iso_builder.errors import MediaError
from iso_builder.sources import FileRange

_BLOCK = 2048
_LINKS = 40  # as many links as the kernel follows


@dataclass(frozen=True)
class IsoFile:
    """A file. ``extents`` are (byte offset, length) in the image; files over 4 GiB have several."""

    path: str
    size: int
    extents: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class IsoTree:
    """The tree of Rock Ridge names of an image. Paths are absolute."""

    path: Path
    label: str
    size: int  #: of the image, in bytes
    files: dict[str, IsoFile] = field(default_factory=dict)
    folders: tuple[str, ...] = ()
    links: dict[str, str] = field(default_factory=dict)  #: symbolic link -> its text

    def read(self, path: str, limit: int = 1 << 20) -> bytes:
        """Return the content of a small file: a boot configuration."""
        file = self.files[path]
        if file.size > limit:
            raise MediaError(
                f"{path} of {self.path.name} has {file.size} bytes, more than such a file has",
                "use the vendor's unmodified boot or netinst ISO as the base",
            )
        with self.path.open("rb") as handle:
            content = b""
            for offset, length in file.extents:
                handle.seek(offset)
                content += handle.read(length)
        if len(content) != file.size:
            raise truncated(self.path)
        return content

    def source(self, file: IsoFile) -> FileRange:
        """Name the bytes of a file of one extent as a source."""
        ((offset, length),) = file.extents or ((0, 0),)
        return FileRange(self.path, offset, length)

    def resolved_links(self) -> tuple[dict[str, IsoFile], list[str]]:
        """Follow the symbolic links: those that end at a file, and what is wrong with the others.

        FAT has no links: a link to a file becomes a copy of it.
        """
        found: dict[str, IsoFile] = {}
        problems: list[str] = []
        for link, text in self.links.items():
            target = self._follow(link)
            if target in self.files:
                found[link] = self.files[target]
            elif target is None:
                problems.append(f"{link}: a loop of symbolic links")
            elif target in self.folders or target == "/":
                problems.append(f"{link}: a symbolic link to the folder {target}")
            else:
                problems.append(f"{link}: a symbolic link to {text}, which is not on the ISO")
        return found, problems

    def _follow(self, path: str) -> str | None:
        """Resolve every link in ``path``; None for a loop.

        An absolute link leaves the ISO wherever it is mounted: its text is the answer then.
        """
        for _ in range(_LINKS):
            parts = path.strip("/").split("/")
            for count in range(1, len(parts) + 1):
                head = "/" + "/".join(parts[:count])
                if head in self.links:
                    text = self.links[head]
                    if text.startswith("/"):
                        return f"absolute: {text}"
                    base = posixpath.join(posixpath.dirname(head), text, *parts[count:])
                    path = "/" + posixpath.normpath(base).lstrip("/")
                    break
            else:
                return path
        return None


def truncated(path: Path) -> MediaError:
    """Return the error for an image that ends before its last file."""
    return MediaError(
        f"{path.name} is truncated: it ends before its files do",
        "fetch it again, or check it with b2ct base verify",
    )


def read_iso_tree(path: Path) -> IsoTree:
    """Read the tree of an ISO with Rock Ridge names.

    :raises MediaError: when it cannot be read, is no ISO 9660 image, has no Rock Ridge names,
        or ends before its files do.
    """
    try:
        size = path.stat().st_size
        handle = path.open("rb")
    except OSError as error:
        message = f"cannot read {path}: {error.strerror}"
        raise MediaError(message, "name an ISO file that exists") from error
    iso = pycdlib.PyCdlib()
    with handle:
        try:
            iso.open_fp(handle)
            descriptor = iso.pvd
            label = descriptor.volume_identifier.decode("ascii", "replace").rstrip(" \0")
            tree = IsoTree(path, label, size)
            folders: list[str] = []
            for entry in _walk(descriptor.root_directory_record(), ""):
                _add(tree, folders, *entry)
            iso.close()
        except MediaError:
            raise
        except (PyCdlibException, struct.error, ValueError, LookupError, AttributeError) as error:
            # pycdlib checks much, but not all: damaged images also end in Python's own errors.
            raise MediaError(
                f"{path.name} is no readable ISO 9660 image ({error})",
                "use the vendor's unmodified boot or netinst ISO; b2ct base verify checks it",
            ) from error
    if any(offset + length > size for f in tree.files.values() for offset, length in f.extents):
        raise truncated(path)
    return IsoTree(path, label, size, tree.files, tuple(folders), tree.links)


def _walk(folder: Any, above: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - pycdlib is untyped
    waiting = [(folder, above)]
    seen = set()
    while waiting:
        folder, above = waiting.pop()
        extent = folder.extent_location()
        if extent in seen:
            raise ValueError("a folder holds itself")
        seen.add(extent)
        for child in folder.children:
            if child.is_dot() or child.is_dotdot():
                continue
            if child.rock_ridge is None:
                raise ValueError("it has no Rock Ridge names")
            name = child.rock_ridge.name().decode("utf-8", "surrogateescape")
            if not name or "/" in name or name in (".", ".."):
                raise ValueError(f"a file is called {name!r}")
            path = f"{above}/{name}"
            yield path, child
            if child.is_dir():
                waiting.append((child, path))


def _add(tree: IsoTree, folders: list[str], path: str, record: Any) -> None:  # noqa: ANN401
    if record.rock_ridge.is_symlink():
        tree.links[path] = record.rock_ridge.symlink_path().decode("utf-8", "surrogateescape")
    elif record.is_dir():
        folders.append(path)
    else:
        extent = (record.extent_location() * _BLOCK, record.data_length)
        before = tree.files.get(path)
        # The parts of a file over 4 GiB are records of the same name, in order.
        extents = (*(before.extents if before else ()), extent) if record.data_length else ()
        tree.files[path] = IsoFile(path, sum(length for _, length in extents), extents)
