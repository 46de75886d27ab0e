"""Inspection of keys: what boots, and every reference that leads nowhere."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path

import pytest

from iso_builder.errors import MediaError
from iso_builder.key import PARTITION_OFFSET
from iso_builder.keyinspect import KeyReport, inspect_key
from iso_builder.oemdrv import build_oemdrv
from iso_builder.plan import BootEntry, MediaPlan
from iso_builder.usb import build_usb_image
from tests.media.bases import make_base

KICKSTART = b"# kickstart\n"


def manifest(content: bytes, path: str) -> bytes:
    return json.dumps({"kickstarts": {path: hashlib.sha256(content).hexdigest()}}).encode()


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("key")
    base = make_base("el9", folder / "base.iso")
    plan = MediaPlan(
        label="B2CT-KEY",
        title="b2ct: site t",
        entries=(BootEntry("b2ct-auto", "Install", "/b2ct/t.ks"),),
        files={
            "/b2ct/t.ks": KICKSTART,
            "/b2ct/manifest.json": manifest(KICKSTART, "/b2ct/t.ks"),
        },
    )
    build_usb_image(base, folder / "key.img", plan)
    return folder / "key.img"


def altered(key: Path, tmp_path: Path, offset: int, data: bytes) -> KeyReport:
    copy = tmp_path / "altered.img"
    content = bytearray(key.read_bytes())
    content[offset : offset + len(data)] = data
    copy.write_bytes(content)
    return inspect_key(copy)


def test_sound_key(key: Path) -> None:
    report = inspect_key(key)
    assert report.problems == ()
    assert report.bios
    assert report.uefi == ("/EFI/BOOT/BOOTX64.EFI",)
    assert (report.label, report.fat_bits, report.oemdrv) == ("B2CT-KEY", 32, False)
    assert {menu.path for menu in report.menus} >= {
        "/EFI/BOOT/grub.cfg",
        "/syslinux/syslinux.cfg",
    }
    for menu in report.menus:
        assert any("inst.ks=hd:LABEL=B2CT-KEY:/b2ct/t.ks" in line for _, line in menu.command_lines)
    (text,) = report.texts
    assert (text.path, text.in_manifest) == ("/b2ct/t.ks", True)


def test_oemdrv_stick(tmp_path: Path) -> None:
    build_oemdrv(tmp_path / "o.img", {"/ks.cfg": KICKSTART}, kind="stick")
    report = inspect_key(tmp_path / "o.img")
    assert report.oemdrv
    assert not report.bios
    assert report.problems == ()
    assert report.texts[0].in_manifest is None


def test_changed_kickstart_is_told(key: Path, tmp_path: Path) -> None:
    at = key.read_bytes().index(KICKSTART)
    report = altered(key, tmp_path, at, b"X")
    assert report.problems == ("/b2ct/t.ks differs from the manifest",)


def test_wrong_label_is_told(key: Path, tmp_path: Path) -> None:
    content = key.read_bytes()
    at = content.index(b"inst.ks=hd:LABEL=B2CT-KEY") + len(b"inst.ks=hd:LABEL=")
    report = altered(key, tmp_path, at, b"B2CT-KEX")
    assert len(report.problems) == 1
    assert "names a volume 'B2CT-KEX', the key is 'B2CT-KEY'" in report.problems[0]


def test_missing_kickstart_is_told(key: Path, tmp_path: Path) -> None:
    content = key.read_bytes()
    at = content.index(b":/b2ct/t.ks") + len(b":/b2ct/")
    report = altered(key, tmp_path, at, b"u")
    assert len(report.problems) == 1
    assert "/b2ct/u.ks is not on the key" in report.problems[0]


def test_labels_of_boot_sector_and_backup_are_compared(key: Path, tmp_path: Path) -> None:
    report = altered(key, tmp_path, PARTITION_OFFSET + 71, b"OTHER      ")
    assert "the boot sector says label 'OTHER', the root folder 'B2CT-KEY'" in report.problems
    assert "the backup boot sector differs from the boot sector" in report.problems


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has no partition table"),
        (b"\0" * 4096, "has no partition table"),
        (b"\0" * 510 + b"\x55\xaa", "its first partition is not FAT"),
        (
            b"\0" * 450 + b"\x0c\0\0\0" + struct.pack("<II", 2048, 100) + b"\0" * 48 + b"\x55\xaa",
            "its partition begins behind its end",
        ),
    ],
)
def test_what_is_no_key(content: bytes, said: str, tmp_path: Path) -> None:
    image = tmp_path / "x.img"
    image.write_bytes(content)
    with pytest.raises(MediaError, match=said):
        inspect_key(image)


def test_cut_key(key: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.img"
    cut.write_bytes(key.read_bytes()[: 8 << 20])
    report = inspect_key(cut)
    assert any("behind the image" in problem for problem in report.problems)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="No such file"):
        inspect_key(tmp_path / "none.img")
