"""Lists of SHA256 check sums as the vendors publish them."""

from __future__ import annotations

import fnmatch
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from b2ct.errors import B2ctError
from iso_builder.progress import Progress, silent

#: ``SHA256 (name) = digest``: BSD, AlmaLinux, Rocky, CentOS Stream.
_BSD = re.compile(r"SHA256 ?\((?P<name>.+)\) ?= ?(?P<digest>[0-9a-fA-F]{64})")
#: ``digest  name`` or ``digest *name``: GNU coreutils, Debian, CentOS 6 and 7.
_GNU = re.compile(r"(?P<digest>[0-9a-fA-F]{64}) [ *](?P<name>.+)")

_BLOCK = 4 << 20


@dataclass(frozen=True)
class Listed:
    """A file of a list: its name without folders and its SHA256 in lower case."""

    name: str
    sha256: str


def parse_checksums(text: str) -> tuple[Listed, ...]:
    """Return the files of a list in BSD or GNU style; other lines (MD5, comments) are passed over.

    A name that stands there twice with two digests is an error: nothing says which is right.
    """
    found: dict[str, str] = {}
    for line in text.splitlines():
        match = _BSD.fullmatch(line.strip()) or _GNU.fullmatch(line.strip())
        if match is None:
            continue
        name = match["name"].strip().rpartition("/")[2]
        digest = match["digest"].lower()
        if found.setdefault(name, digest) != digest:
            raise B2ctError(
                f"the list of check sums has two SHA256 for {name}", "do not use this mirror"
            )
    return tuple(Listed(name, digest) for name, digest in found.items())


def _by_version(listed: Listed) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (0, part) for part in _parts(listed.name)]


def _parts(name: str) -> list[str]:
    return re.findall(r"\d+|\D+", name)


def pick(files: tuple[Listed, ...], pattern: str) -> Listed | None:
    """Return the file whose name fits ``pattern`` (with ``*``), the highest version of several."""
    fitting = [listed for listed in files if fnmatch.fnmatchcase(listed.name, pattern)]
    return max(fitting, key=_by_version, default=None)


def sha256_of(path: Path, progress: Progress = silent) -> str:
    """Return the SHA256 of a file, read once in blocks; OSError as it comes."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        total = path.stat().st_size
        done = 0
        buffer = bytearray(_BLOCK)
        view = memoryview(buffer)
        while count := file.readinto(buffer):
            digest.update(view[:count])
            done += count
            progress(f"checking {path.name}", done, total)
    return digest.hexdigest()
