"""The readers of boot structures pass what is right and catch what is wrong."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.boot import diskview
from tests.media.bases import STYLES, Style, cached_base, make_base


@pytest.mark.parametrize("style", STYLES)
def test_bases_pass(style: Style) -> None:
    base = cached_base(style)
    bios, uefi = diskview.boot_catalog(base)
    assert (bios.platform, uefi.platform) == (0, 0xEF)
    if style == "el10":
        content, efi = diskview.gpt(base)[:2]
        assert (content.kind, efi.kind) == (diskview.BASIC_DATA, diskview.ESP)
        assert (efi.start, efi.sectors) == (uefi.block * 4, uefi.sectors)
        assert diskview.tree(base) == diskview.tree(base, content.start)
        assert diskview.tree(base).end <= content.start + content.sectors
        diskview.check_grub2_boot_info(base, bios)
        return
    length = Path("/usr/lib/ISOLINUX/isolinux.bin").stat().st_size
    diskview.check_boot_info_table(base, bios, length)
    diskview.check_isohybrid_mbr(base, bios)
    if style != "el6":
        assert diskview.gpt(base)[1].start == uefi.block * 4


def _flip(iso: Path, offset: int) -> None:
    with iso.open("r+b") as handle:
        handle.seek(offset)
        byte = handle.read(1)[0]
        handle.seek(offset)
        handle.write(bytes([byte ^ 0x40]))


def _catalog_block(iso: Path) -> int:
    return int(struct.unpack("<I", diskview.read_at(iso, 17 * 2048 + 71, 4))[0])


_DAMAGES: dict[str, tuple[Callable[[Path], int], str]] = {
    "header": (lambda iso: 512 + 60, "GPT 1: header CRC"),
    "entries": (lambda iso: 2 * 512 + 40, "GPT 1: CRC of its entries"),
    "backup header": (lambda iso: iso.stat().st_size - 512 + 60, "header CRC"),
    "catalog": (lambda iso: _catalog_block(iso) * 2048 + 5, "validation entry: wrong check sum"),
    "signature": (lambda iso: 511, "no MBR"),
}


@pytest.mark.parametrize("damage", _DAMAGES)
def test_damage_is_seen(damage: str, tmp_path: Path) -> None:
    iso = make_base("el7", tmp_path / "base.iso")
    place, message = _DAMAGES[damage]
    _flip(iso, place(iso))
    with pytest.raises(AssertionError, match=message):
        diskview.mbr(iso)
        diskview.gpt(iso)
        diskview.boot_catalog(iso)


def test_truncated_backup_is_seen(tmp_path: Path) -> None:
    iso = make_base("el9", tmp_path / "base.iso")
    with iso.open("r+b") as handle:
        handle.truncate(iso.stat().st_size - 4096)
    with pytest.raises(AssertionError, match="backup GPT"):
        diskview.gpt(iso)


def test_grown_boot_file_is_seen() -> None:
    base = cached_base("el9")
    bios = diskview.boot_catalog(base)[0]
    length = Path("/usr/lib/ISOLINUX/isolinux.bin").stat().st_size
    with pytest.raises(AssertionError, match="boot info table"):
        diskview.check_boot_info_table(base, bios, length + 4)
