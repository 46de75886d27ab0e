"""What an image of a USB key can boot, and whether all that it refers to is there.

The image is read as firmware and installer read it: MBR, partition, FAT boot sector, files.
Files are read by mtools.
"""

from __future__ import annotations

import hashlib
import json
import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path

from iso_builder import bootconfig
from iso_builder.bootconfig import commandline
from iso_builder.errors import MediaError
from iso_builder.programs import run_program

_SECTOR = 512
_FAT_TYPES = {0x01, 0x04, 0x06, 0x0B, 0x0C, 0x0E}
_MENU_NAMES = (".cfg", ".conf")
#: A boot menu is text of a few kilobytes; a larger file of such a name is none.
_LARGEST_MENU = 1 << 20
_MANIFEST = "/b2ct/manifest.json"
#: The environment in which mtools takes an image as it is (its geometry check is for floppies).
_MTOOLS = {"MTOOLS_SKIP_CHECK": "1", "MTOOLSRC": "/dev/null"}


@dataclass(frozen=True)
class KeyMenu:
    """One copy of the boot configuration. ``wrong_labels`` name volumes that the key is not."""

    path: str
    dialect: str
    command_lines: tuple[tuple[str, str], ...]  #: (title, kernel command line)
    wrong_labels: tuple[str, ...]


@dataclass(frozen=True)
class KeyFile:
    """A kickstart or preseed on the key. ``in_manifest``: None where the key has none of it."""

    path: str
    sha256: str
    in_manifest: bool | None


@dataclass(frozen=True)
class KeyReport:
    """What was found. Offsets and sizes are in bytes; ``problems`` is empty for a sound key."""

    path: Path
    size: int
    partition_offset: int
    partition_size: int
    active: bool
    fat_bits: int
    label: str
    bios: bool
    uefi: tuple[str, ...]  #: EFI programs that firmware starts by itself
    menus: tuple[KeyMenu, ...]
    texts: tuple[KeyFile, ...]
    problems: tuple[str, ...]

    @property
    def oemdrv(self) -> bool:
        """Whether Anaconda loads the kickstart by itself, with nothing booted from here."""
        return self.label == "OEMDRV" and any(text.path == "/ks.cfg" for text in self.texts)


def inspect_key(image: Path) -> KeyReport:
    """Read an image of a key, or a stick itself. Raises :class:`MediaError` if it is none."""
    size, start, length, active = _partition(image)
    volume = _Volume(image, start)
    files = volume.listing()
    lower = {path.lower(): path for path in files}
    problems = list(volume.problems())
    if start + length > size:
        problems.append(f"the partition ends {start + length - size} bytes behind the image")
    manifest = _manifest(volume, lower)
    texts = tuple(_text(volume, path, manifest) for path in files if _is_text(path, manifest))
    problems += [
        f"{text.path} differs from the manifest" for text in texts if text.in_manifest is False
    ]
    problems += [
        f"{path} is in the manifest but not on the key" for path in manifest if path not in files
    ]
    menus = tuple(menu for path in files if (menu := _menu(volume, path)) is not None)
    for menu in menus:
        problems += [
            f"{menu.path} names a volume {label!r}, the key is {volume.label!r}"
            for label in menu.wrong_labels
        ]
        problems += _missing(menu, lower, volume.label)
    bios = active and any(path.endswith("/ldlinux.sys") for path in lower)
    uefi = tuple(
        path
        for low, path in lower.items()
        if low.startswith("/efi/boot/boot") and low.endswith(".efi")
    )
    return KeyReport(
        path=image,
        size=size,
        partition_offset=start,
        partition_size=length,
        active=active,
        fat_bits=volume.bits,
        label=volume.label,
        bios=bios,
        uefi=uefi,
        menus=menus,
        texts=texts,
        problems=tuple(problems),
    )


def _partition(image: Path) -> tuple[int, int, int, bool]:
    try:
        with image.open("rb") as handle:
            head = handle.read(_SECTOR)
            size = handle.seek(0, 2)
    except OSError as error:
        raise MediaError(f"cannot read {image}: {error.strerror}") from error
    hint = "give an image that `b2ct usb image` or `b2ct oemdrv` made; for an ISO: b2ct iso inspect"
    if len(head) < _SECTOR or head[510:] != b"\x55\xaa":
        raise MediaError(f"{image} is no image of a key: it has no partition table", hint)
    kind = head[446 + 4]
    start, sectors = struct.unpack_from("<II", head, 446 + 8)
    if kind not in _FAT_TYPES or not start or not sectors:
        raise MediaError(f"{image} is no image of a key: its first partition is not FAT", hint)
    if start * _SECTOR >= size:
        raise MediaError(f"{image} is cut: its partition begins behind its end", hint)
    return size, start * _SECTOR, sectors * _SECTOR, head[446] == 0x80


class _Volume:
    """The FAT volume at ``start`` of an image."""

    def __init__(self, image: Path, start: int) -> None:
        self._image = image
        self._drive = f"{image}@@{start}"
        with image.open("rb") as handle:
            handle.seek(start)
            self._boot = handle.read(_SECTOR)
            handle.seek(start)
            reserved = handle.read(8 * _SECTOR)
        if len(self._boot) < _SECTOR or self._boot[510:] != b"\x55\xaa":
            raise MediaError(f"{image}: the partition has no FAT boot sector")
        fat_sectors16 = struct.unpack_from("<H", self._boot, 22)[0]
        self.bits = 16 if fat_sectors16 else 32
        at = 43 if self.bits == 16 else 71
        self._boot_label = self._boot[at : at + 11].decode("ascii", "replace").rstrip()
        backup = struct.unpack_from("<H", self._boot, 50)[0] if self.bits == 32 else 0
        self._backup = reserved[backup * _SECTOR : (backup + 1) * _SECTOR] if backup else None
        told = self._run("mlabel", "-s", "::")
        self.label = told.split(" is ", 1)[1].split("(")[0].strip() if " is " in told else ""

    def _run(self, program: str, *arguments: str) -> str:
        return run_program([program, "-i", self._drive, *arguments], _MTOOLS)

    def problems(self) -> list[str]:
        found = []
        if self._boot_label != self.label:
            found.append(
                f"the boot sector says label {self._boot_label!r}, the root folder {self.label!r}"
            )
        if self._backup is not None and self._backup != self._boot:
            found.append("the backup boot sector differs from the boot sector")
        return found

    def listing(self) -> list[str]:
        """Every file's absolute path, in the order of the folders."""
        lines = self._run("mdir", "-/", "-b", "-a", "::").splitlines()
        return [line.removeprefix("::") for line in lines if line and not line.endswith("/")]

    def read(self, path: str) -> bytes:
        """A file's bytes; mtools is asked for a copy, since standard output is text."""
        with tempfile.TemporaryDirectory(prefix="b2ct-inspect-") as folder:
            copy = Path(folder) / "copy"
            run_program(["mcopy", "-n", "-i", self._drive, f"::{path}", str(copy)], _MTOOLS)
            return copy.read_bytes()


def _manifest(volume: _Volume, lower: dict[str, str]) -> dict[str, str]:
    if _MANIFEST not in lower:
        return {}
    try:
        kickstarts = json.loads(volume.read(lower[_MANIFEST]))["kickstarts"]
    except (ValueError, KeyError, TypeError):
        raise MediaError(f"the manifest {_MANIFEST} on the key cannot be read") from None
    return {str(path): str(sha256) for path, sha256 in dict(kickstarts).items()}


def _is_text(path: str, manifest: dict[str, str]) -> bool:
    return path in manifest or path == "/ks.cfg"


def _text(volume: _Volume, path: str, manifest: dict[str, str]) -> KeyFile:
    digest = hashlib.sha256(volume.read(path)).hexdigest()
    return KeyFile(path, digest, manifest[path] == digest if path in manifest else None)


def _menu(volume: _Volume, path: str) -> KeyMenu | None:
    if not path.lower().endswith(_MENU_NAMES) or path.startswith("/b2ct/") or path == "/ks.cfg":
        return None
    text = volume.read(path)[:_LARGEST_MENU].decode("utf-8", "replace")
    dialect = bootconfig.dialect_of(text)
    if dialect is None:
        return None
    entries = bootconfig.read_entries(text, dialect)
    references = bootconfig.label_references(text, dialect)
    return KeyMenu(
        path,
        dialect.value,
        tuple((entry.title, entry.command_line) for entry in entries if entry.kernel),
        tuple(dict.fromkeys(r.label for r in references if r.label != volume.label)),
    )


def _missing(menu: KeyMenu, lower: dict[str, str], label: str) -> list[str]:
    """Kickstarts that a command line names on this key, and that are not there."""
    found = []
    for title, line in menu.command_lines:
        for word in commandline.words(line):
            prefix = f"{word.name}=hd:LABEL={label}:"
            if word.name in {"inst.ks", "ks"} and word.text.startswith(prefix):
                path = word.text.removeprefix(prefix)
                if path.lower() not in lower:
                    found.append(f"{menu.path}: {title}: {path} is not on the key")
    return found
