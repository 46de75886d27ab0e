"""Write an image to a USB stick, and to nothing else.

The stick is named by its stable name, everything that speaks against it refuses, the admin
confirms it by model and serial number, and what was written is read back from the device
itself. The first MiB, which holds the partition table, is emptied first and written last:
a stick whose writing was interrupted looks empty, never bootable.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import stat
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from iso_builder.copying import write_all
from iso_builder.devices import BlockDevice, Host, list_devices, resolve_name
from iso_builder.errors import MediaError
from iso_builder.progress import Progress, silent

#: Sticks are smaller than this; disks with data on them are often larger.
SIZE_LIMIT = 256 * 10**9
_HEAD = 1 << 20
_CHUNK = 4 << 20
_BLKGETSIZE64 = 0x80081272
_BLKRRPART = 0x125F
_UNPLUGGED = {errno.EIO, errno.ENODEV, errno.ENXIO, errno.ENOMEDIUM, errno.EREMOTEIO}
_SHOWN = 5

Confirm = Callable[[BlockDevice], bool]


@dataclass(frozen=True)
class WriteResult:
    """What was written. ``written`` is in bytes and 0 for a dry run; times are in seconds."""

    device: BlockDevice
    written: int
    write_s: float
    verify_s: float
    partitions_reread: bool


def choose_target(
    target: Path, image_size: int, *, size_limit: int = SIZE_LIMIT, host: Host | None = None
) -> BlockDevice:
    """Return the stick that ``target`` names, or refuse with every reason against it.

    ``target`` must be a link in ``/dev/disk/by-id``: ``/dev/sdX`` may be another disk after
    the next plugging.
    """
    host = host or Host()
    devices = list_devices(host)
    device = _named(target, devices, host)
    reasons = list(_reasons(device, image_size, size_limit))
    if reasons:
        raise MediaError(
            f"will not write to {target.name} ({describe(device)}):\n  " + "\n  ".join(reasons),
            "b2ct usb list shows the sticks that can be written to",
        )
    return device


def describe(device: BlockDevice) -> str:
    """Name a device for its admin: what is printed on it and how large it is."""
    what = " ".join(part for part in (device.vendor, device.model) if part) or "unknown model"
    serial = f", serial {device.serial}" if device.serial else ""
    return f"{what}{serial}, {device.size / 1e9:.1f} GB, {device.path}"


def refusals(device: BlockDevice) -> tuple[str, ...]:
    """Say why a device can take no image at all; empty for a stick that can."""
    return tuple(_reasons(device, 0, SIZE_LIMIT))


def write_image(
    image: Path,
    target: Path,
    *,
    confirm: Confirm,
    progress: Progress = silent,
    dry_run: bool = False,
    size_limit: int = SIZE_LIMIT,
    host: Host | None = None,
) -> WriteResult:
    """Write ``image`` to the stick ``target`` and verify it by reading it back.

    :param target: a link in ``/dev/disk/by-id``.
    :param confirm: is asked once, after all checks and before anything is opened for writing.
    :param dry_run: do all checks and ask, but open the stick for reading and write nothing.
    :raises MediaError: when anything speaks against the stick, the admin says no, writing
        fails, or the stick does not give back what was written.
    """
    host = host or Host()
    source, size = _open_image(image)
    try:
        device = choose_target(target, size, size_limit=size_limit, host=host)
        if not confirm(device):
            raise MediaError("not confirmed: nothing was written", "type model and serial exactly")
        handle = _open_device(target, device, size, size_limit, host, dry_run=dry_run)
        try:
            if dry_run:
                return WriteResult(device, 0, 0.0, 0.0, partitions_reread=False)
            return _write(source, size, handle, device, progress)
        finally:
            os.close(handle)
    finally:
        os.close(source)


def _named(target: Path, devices: tuple[BlockDevice, ...], host: Host) -> BlockDevice:
    name = resolve_name(host, target)
    whole = next((d for d in devices if name == d.name or name in d.partitions), None)
    if whole is None:
        raise MediaError(
            f"{target} is not a disk of this machine",
            "plug the stick in; b2ct usb list shows its name",
        )
    stable = f"use {whole.by_id[0]}" if whole.by_id else "it has no stable name in /dev/disk/by-id"
    if target.parent != host.by_id:
        raise MediaError(
            f"{target} is not a stable name: it may be another disk tomorrow",
            f"{stable} ({describe(whole)})",
        )
    if name != whole.name:
        raise MediaError(f"{target} is a partition, an image takes a whole stick", stable)
    return whole


def _reasons(device: BlockDevice, image_size: int, size_limit: int) -> Iterator[str]:
    if device.system_mounts:
        yield f"it holds the running system ({', '.join(device.system_mounts)})"
    others = [mount for mount in device.mounts if mount not in device.system_mounts]
    if others:
        yield f"it is mounted at {', '.join(others)}: unmount it first"
    if device.swaps:
        yield f"it is used as swap ({', '.join(device.swaps)})"
    if device.holders:
        yield f"it is part of {', '.join(device.holders)} (LVM, RAID, encryption or btrfs)"
    if device.bus != "usb":
        yield f"it is not a USB device (bus: {device.bus or 'unknown'})"
    if not device.removable:
        yield "it is a fixed disk, not a removable medium"
    if device.size == 0:
        yield "there is no medium in it"
    elif device.size < image_size:
        yield f"it has {device.size} bytes, the image has {image_size}"
    if device.size > size_limit:
        yield (
            f"it has {device.size / 1e9:.0f} GB, more than {size_limit / 1e9:.0f} GB, which is"
            " large for a stick: raise the limit if it really is one"
        )
    if device.read_only:
        yield "it is write-protected"
    if not device.phrase:
        yield "it tells neither model nor serial number, so it cannot be confirmed"


def _open_image(image: Path) -> tuple[int, int]:
    try:
        handle = os.open(image, os.O_RDONLY)
    except OSError as error:
        message = f"cannot read {image}: {error.strerror}"
        raise MediaError(message, "name an image that b2ct built, or an ISO") from error
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode) or not status.st_size or status.st_size % 512:
        os.close(handle)
        raise MediaError(
            f"{image} is no disk image: it is not a regular file of whole sectors",
            "name an image that b2ct built, or an ISO",
        )
    return handle, status.st_size


def _open_device(
    target: Path, device: BlockDevice, size: int, size_limit: int, host: Host, *, dry_run: bool
) -> int:
    """Open the stick exclusively, then make sure that it still is the confirmed one."""
    mode = os.O_RDONLY if dry_run else os.O_RDWR
    flags = mode | os.O_EXCL | os.O_CLOEXEC
    try:
        try:
            handle = os.open(target, flags | os.O_DIRECT)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            handle = os.open(target, flags)  # a driver without direct access
    except OSError as error:
        hints = {
            errno.EACCES: "run it as root, or as a member of the group that owns the device",
            errno.EBUSY: "something uses it: unmount it, and close file managers",
            errno.EROFS: "move its write-protection switch",
        }
        hint = hints.get(error.errno or 0, "plug it in again")
        raise MediaError(f"cannot open {target}: {error.strerror}", hint) from error
    try:
        status = os.fstat(handle)
        now = choose_target(target, size, size_limit=size_limit, host=host)
        number = (os.major(status.st_rdev), os.minor(status.st_rdev))
        same = stat.S_ISBLK(status.st_mode) and number == device.number
        if not same or now.identity != device.identity or _length(handle) != device.size:
            raise MediaError(
                f"{target} is not the device any more that was confirmed",
                "leave the stick plugged in, and start again",
            )
    except BaseException:
        os.close(handle)
        raise
    return handle


def _length(handle: int) -> int:
    buffer = bytearray(8)
    fcntl.ioctl(handle, _BLKGETSIZE64, buffer)
    length: int = struct.unpack("=Q", buffer)[0]
    return length


def _write(
    source: int, size: int, handle: int, device: BlockDevice, progress: Progress
) -> WriteResult:
    stick = _Stick(source, size, handle, device.logical_block)
    try:
        begun = time.monotonic()
        stick.empty_head()
        stick.copy(stick.head, size, progress)
        written = time.monotonic()
        stick.verify(stick.head, size, progress)
        stick.copy(0, stick.head)
        stick.verify(0, stick.head)
        ended = time.monotonic()
    except KeyboardInterrupt:
        message = f"interrupted: {device.path} is incomplete and will not boot"
        raise MediaError(message, "write it again") from None
    except OSError as error:
        gone = "was it unplugged? " if error.errno in _UNPLUGGED else ""
        raise MediaError(
            f"writing to {device.path} failed: {error.strerror}; the key is incomplete and"
            " will not boot",
            f"{gone}plug it in again and repeat, or use another stick",
        ) from error
    return WriteResult(device, size, written - begun, ended - written, stick.reread_partitions())


class _Stick:
    """The open stick and the open image.

    Direct access needs memory, offsets and lengths in whole blocks: an anonymous map is
    page-aligned, and a last half block is filled up with zeros.
    """

    def __init__(self, source: int, size: int, handle: int, block: int) -> None:
        self._source = source
        self.head = min(_HEAD, size)  #: bytes that are emptied first and written last
        self._handle = handle
        self._block = block
        self._direct = bool(fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_DIRECT)
        self._wanted = mmap.mmap(-1, _CHUNK)
        self._found = mmap.mmap(-1, _CHUNK)

    def empty_head(self) -> None:
        """Remove the old partition table."""
        write_all(self._handle, memoryview(mmap.mmap(-1, self._whole(self.head))), 0)
        os.fsync(self._handle)

    def copy(self, start: int, end: int, progress: Progress | None = None) -> None:
        """Write the image's bytes from ``start`` to ``end`` and flush them to the device."""
        for offset, length in self._chunks(start, end):
            write_all(self._handle, memoryview(self._wanted)[: self._whole(length)], offset)
            if not self._direct:
                os.fdatasync(self._handle)  # else the progress shown is that of the memory
            if progress:
                progress("writing", offset + length - start, end - start)
        os.fsync(self._handle)

    def verify(self, start: int, end: int, progress: Progress | None = None) -> None:
        """Read the device, not the cache, and compare it with the image."""
        if not self._direct:
            os.posix_fadvise(self._handle, 0, 0, os.POSIX_FADV_DONTNEED)
        wrong = 0
        first: list[int] = []
        for offset, length in self._chunks(start, end):
            self._read(self._whole(length), offset)
            if self._found[:length] != self._wanted[:length]:
                for sector in self._differing(offset, length):
                    wrong += 1
                    if len(first) < _SHOWN:
                        first.append(sector)
            if progress:
                progress("verifying", offset + length - start, end - start)
        if wrong:
            shown = ", ".join(f"{sector:,}" for sector in first)
            self.empty_head()
            raise MediaError(
                f"the stick does not give back what was written: {wrong:,} sectors of 512 bytes"
                f" differ (the first: {shown}); the key is incomplete and will not boot",
                "the stick is defective or not of the size that it claims: use another one",
            )

    def reread_partitions(self) -> bool:
        """Let the kernel see the new partitions; False when it will only after replugging."""
        try:
            fcntl.ioctl(self._handle, _BLKRRPART)
        except OSError:
            return False
        return True

    def _chunks(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Load the image piece by piece into ``_wanted``; yield offset and length."""
        offset = start
        while offset < end:
            length = min(_CHUNK, end - offset)
            view = memoryview(self._wanted)
            filled = 0
            while filled < length:
                count = os.preadv(self._source, [view[filled:length]], offset + filled)
                if count == 0:
                    raise MediaError(
                        "the image became shorter while it was written; the key is incomplete"
                        " and will not boot",
                        "build the image again, then write it",
                    )
                filled += count
            if length < self._whole(length):
                view[length : self._whole(length)] = bytes(self._whole(length) - length)
            yield offset, length
            offset += length

    def _whole(self, length: int) -> int:
        return -(-length // self._block) * self._block

    def _read(self, length: int, offset: int) -> None:
        view = memoryview(self._found)
        done = 0
        while done < length:
            count = os.preadv(self._handle, [view[done:length]], offset + done)
            if count == 0:
                raise OSError(errno.EIO, "the device ended early")
            done += count

    def _differing(self, offset: int, length: int) -> Iterator[int]:
        for at in range(0, length, 512):
            if self._found[at : at + 512] != self._wanted[at : at + 512]:
                yield (offset + at) // 512
