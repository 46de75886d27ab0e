"""Archives that a kernel unpacks over its initrd: cpio in the "newc" format.

The same input always gives the same bytes: entries are sorted, owned by root, dated 1970.
Source of the format: Linux, Documentation/driver-api/early-userspace/buffer-format.rst.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import PurePosixPath

from iso_builder.errors import MediaError

_MAGIC = b"070701"
_TRAILER = "TRAILER!!!"
_FOLDER = 0o040755
_FILE = 0o100644
_PROGRAM = 0o100755
_LINK = 0o120777
#: Sizes are eight hexadecimal digits.
_MAX_SIZE = 0xFFFFFFFF


def _pad(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)


def _entry(number: int, name: str, mode: int, data: bytes) -> bytes:
    raw = name.encode()
    links = 2 if mode == _FOLDER else 1
    # ino, mode, uid, gid, nlink, mtime, size, dev major/minor, rdev major/minor, name size, check
    fields = (number, mode, 0, 0, links, 0, len(data), 0, 0, 0, 0, len(raw) + 1, 0)
    header = _MAGIC + b"".join(b"%08X" % field for field in fields)
    return _pad(header + raw + b"\0") + _pad(data)


def _checked(path: str) -> str:
    pure = PurePosixPath(path)
    if pure.is_absolute() or not pure.parts or ".." in pure.parts or str(pure) == _TRAILER:
        raise MediaError(f"{path!r} cannot be a path in an initrd", "name it relative to its root")
    return str(pure)


def newc(
    files: Mapping[str, bytes],
    *,
    programs: Collection[str] = (),
    links: Mapping[str, str] | None = None,
) -> bytes:
    """Pack ``files`` (relative path to content) and symbolic ``links`` (path to target).

    Folders are added as needed; paths in ``programs`` are executable. The length is a
    multiple of four, so that archives can be put one after another, uncompressed, behind
    an initrd whose own length is padded to four.
    """
    entries: dict[str, tuple[int, bytes]] = {}
    for path, data in files.items():
        if len(data) > _MAX_SIZE:
            raise MediaError(f"{path} has 4 GiB or more, which an initrd cannot carry")
        entries[_checked(path)] = (_PROGRAM if path in programs else _FILE, data)
    for path, target in (links or {}).items():
        entries[_checked(path)] = (_LINK, target.encode())
    for path in list(entries):
        for folder in list(PurePosixPath(path).parents)[:-1]:
            mode, _ = entries.setdefault(str(folder), (_FOLDER, b""))
            if mode != _FOLDER:
                raise MediaError(f"{folder} is a file, so nothing can be below it")
    parts = [
        _entry(number, path, mode, data)
        for number, (path, (mode, data)) in enumerate(sorted(entries.items()), 1)
    ]
    return b"".join((*parts, _entry(0, _TRAILER, 0, b"")))
