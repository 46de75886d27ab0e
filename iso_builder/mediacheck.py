"""The MD5 sum implanted in an ISO, which Anaconda's ``rd.live.check`` compares.

The format is isomd5sum's (libcheckisomd5.c, utilities.c): 512 bytes of the application use
area of the primary volume descriptor hold the MD5 of the volume without its last 15 blocks,
with that area blanked, and three hexadecimal digits of the running sum after each of the
first 20 of 21 parts, so that a check can stop early.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum

from iso_builder.errors import MediaError
from iso_builder.image import BLOCK, Image
from iso_builder.progress import Progress, silent
from iso_builder.volume import descriptors

_AREA_OFFSET, AREA_SIZE = 883, 512
BLANK = b" " * AREA_SIZE
_SKIPPED_BLOCKS = 15
_FRAGMENTS = 20
_DIGITS = 3
#: isomd5sum reads this much at once, and takes a fragment's sum after a whole read.
_READ = 16 * BLOCK
_CHUNK = 1 << 20


class CheckState(StrEnum):
    """What an implanted sum is worth."""

    ABSENT = "not implanted"
    UNCHECKED = "implanted, not checked"
    VALID = "valid"
    WRONG = "wrong"


@dataclass(frozen=True)
class Implant:
    """The content of the area: the whole sum and the digits of the fragments."""

    md5: str
    fragments: str
    skipped_blocks: int = _SKIPPED_BLOCKS
    fragment_count: int = _FRAGMENTS

    def area(self) -> bytes:
        """The 512 bytes."""
        text = (
            f"ISO MD5SUM = {self.md5};SKIPSECTORS = {self.skipped_blocks};RHLISOSTATUS=0;"
            f"FRAGMENT SUMS = {self.fragments};FRAGMENT COUNT = {self.fragment_count};"
            "THIS IS NOT THE SAME AS RUNNING MD5SUM ON THIS ISO!!"
        )
        return text.encode("ascii").ljust(AREA_SIZE)


def area_offset(descriptor: int) -> int:
    """Where the area is, from the offset of the primary volume descriptor."""
    return descriptor + _AREA_OFFSET


def hashed_size(volume_size: int) -> int:
    """How many bytes of a volume of ``volume_size`` bytes the sum covers."""
    return volume_size - _SKIPPED_BLOCKS * BLOCK


class Digest:
    """The running sum. Feed it the volume from its first byte on, the area blanked."""

    def __init__(self, volume_size: int) -> None:
        self.total = hashed_size(volume_size)
        self._fragment = self.total // (_FRAGMENTS + 1)
        if self._fragment < _READ:
            raise MediaError("the ISO is too small for a media check", "build without it")
        # The bytes after which a fragment's sum is taken.
        starts = [-(-n * self._fragment // _READ) * _READ for n in range(1, _FRAGMENTS + 1)]
        self._marks = [min(start + _READ, self.total) for start in starts if start < self.total]
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._digits: list[str] = []
        self._done = 0

    def update(self, block: bytes | bytearray | memoryview) -> None:
        """Take the next bytes; those after the covered part are ignored."""
        view = memoryview(block)[: self.total - self._done]
        while view:
            mark = self._marks[0] if self._marks else self.total
            part = view[: mark - self._done]
            self._md5.update(part)
            self._done += len(part)
            view = view[len(part) :]
            if self._marks and self._done == mark:
                del self._marks[0]
                sums = self._md5.copy().digest()
                self._digits += [f"{byte:x}"[0] for byte in sums[:_DIGITS]]

    def implant(self) -> Implant:
        """The finished sum."""
        if self._done != self.total:
            raise MediaError(f"only {self._done} of {self.total} bytes were summed up")
        return Implant(self._md5.hexdigest(), "".join(self._digits))


def _descriptor(image: Image) -> tuple[int, bytes]:
    for offset, block in descriptors(image):
        if block[0] == 1:
            return offset, block
    raise MediaError(f"{image.path} is not an ISO 9660 image", "name an ISO image")


def read_implant(image: Image) -> Implant | None:
    """What is implanted; None when nothing is."""
    _, block = _descriptor(image)
    text = block[_AREA_OFFSET : _AREA_OFFSET + AREA_SIZE].decode("ascii", "replace")
    md5 = re.search(r"ISO MD5SUM = ([0-9a-f]{32})", text)
    skipped = re.search(r"SKIPSECTORS = ([0-9]{1,6});", text)
    if not md5 or not skipped:
        return None
    fragments = re.search(r"FRAGMENT SUMS = ([0-9a-f]{1,60});FRAGMENT COUNT = ([0-9]{1,2});", text)
    return Implant(
        md5[1],
        fragments[1] if fragments else "",
        int(skipped[1]),
        int(fragments[2]) if fragments else 0,
    )


def sum_up(image: Image, *, progress: Progress = silent) -> Implant:
    """Compute what belongs into the area of an image, by reading all of it."""
    descriptor, block = _descriptor(image)
    size = int.from_bytes(block[84:88], "big") * BLOCK
    if size > image.size:
        raise MediaError(
            f"{image.path} is cut short: it has {image.size} of {size} bytes", "download it again"
        )
    digest = Digest(size)
    area = area_offset(descriptor)
    for offset in range(0, digest.total, _CHUNK):
        content = image.read(offset, min(_CHUNK, digest.total - offset))
        if offset <= area < offset + _CHUNK:
            at = area - offset
            content = content[:at] + BLANK + content[at + AREA_SIZE :]
        digest.update(content)
        progress("checking the medium", offset + len(content), digest.total)
    return digest.implant()


def check_medium(image: Image, *, progress: Progress = silent) -> CheckState:
    """Compare the implanted sums with the content, as ``checkisomd5`` does."""
    found = read_implant(image)
    if found is None:
        return CheckState.ABSENT
    if found.skipped_blocks != _SKIPPED_BLOCKS:
        return CheckState.WRONG
    wanted = sum_up(image, progress=progress)
    same = found.md5 == wanted.md5 and found.fragments in ("", wanted.fragments)
    return CheckState.VALID if same else CheckState.WRONG
