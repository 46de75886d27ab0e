"""The FAT reader agrees with mtools."""

from __future__ import annotations

import random
import subprocess

import pytest

from iso_builder.errors import MediaError
from iso_builder.fatedit import replace_files
from iso_builder.fatread import read_fat, read_fat_file
from iso_builder.image import Image

OFFSET = 3 * 2048


def volume(tmp_path, bits, size_kib):
    image = tmp_path / "volume.img"
    argv = ["mkfs.vfat", "-F", str(bits), "-n", "TESTVOL", "-C", image, str(size_kib)]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    files = {
        "/README.TXT": b"short name\n",
        "/a long name, with spaces.conf": b"long\n" * 500,
        "/EFI/BOOT/grubx64.efi": random.Random(1).randbytes(50_001),
        "/EFI/BOOT/grub.cfg": b"menu\n" * 1000,
        "/empty": b"",
        "/ünïcode": b"u",
    }
    subprocess.run(["mmd", "-i", image, "::/EFI", "::/EFI/BOOT"], check=True)
    # Something deleted in between leaves fragments and 0xE5 entries.
    subprocess.run(["mcopy", "-i", image, "-", "::/hole"], input=bytes(9000), check=True)
    for number, (path, content) in enumerate(files.items()):
        argv = ["mcopy", "-i", image, "-", f"::{path}"]
        subprocess.run(argv, input=content, check=True, env={"LC_ALL": "C.UTF-8"})
        if number == 1:
            subprocess.run(["mdel", "-i", image, "::/hole"], check=True)
    whole = tmp_path / "whole.img"
    whole.write_bytes(bytes(OFFSET) + image.read_bytes())
    return whole, files


@pytest.mark.parametrize(("bits", "size_kib"), [(12, 2048), (16, 20 << 10), (32, 64 << 10)])
def test_reads_what_mtools_wrote(tmp_path, bits, size_kib):
    path, files = volume(tmp_path, bits, size_kib)
    with Image(path) as image:
        fat = read_fat(image, OFFSET)
        assert fat.bits == bits
        assert fat.label == "TESTVOL"
        assert set(fat.files) == set(files)
        for name, content in files.items():
            assert read_fat_file(image, fat.files[name]) == content
        assert fat.find("/efi/boot/GRUB.CFG").size == 5000
        assert fat.find("/nothing") is None


@pytest.mark.parametrize(("bits", "size_kib"), [(12, 2048), (32, 64 << 10)])
def test_free_bytes_and_replacing(tmp_path, bits, size_kib):
    path, _ = volume(tmp_path, bits, size_kib)
    shown = subprocess.run(
        ["mdir", "-i", f"{path}@@{OFFSET}", "::"], capture_output=True, text=True, check=True
    ).stdout
    free = int("".join(c for c in shown.splitlines()[-2].split("bytes")[0] if c.isdigit()))
    with Image(path) as image:
        fat = read_fat(image, OFFSET)
        assert fat.free == free
    with path.open("r+b") as handle:
        replace_files(handle.fileno(), fat, {"/EFI/BOOT/grub.cfg": b"new\n" * 3000}, 0)
    with Image(path) as image:
        after = read_fat(image, OFFSET)
        assert read_fat_file(image, after.files["/EFI/BOOT/grub.cfg"]) == b"new\n" * 3000
        assert set(after.files) == set(fat.files)
    subprocess.run(["fsck.vfat", "-n", _alone(path)], check=True, stdout=subprocess.DEVNULL)


def _alone(path):
    alone = path.with_name("alone.img")
    alone.write_bytes(path.read_bytes()[OFFSET:])
    return alone


def test_what_does_not_fit_is_refused_before_anything_changes(tmp_path):
    path, _ = volume(tmp_path, 12, 2048)
    before = path.read_bytes()
    with Image(path) as image:
        fat = read_fat(image, OFFSET)
    with path.open("r+b") as handle, pytest.raises(MediaError, match="free"):
        replace_files(handle.fileno(), fat, {"/EFI/BOOT/grub.cfg": bytes(4 << 20)}, 0)
    assert path.read_bytes() == before


def test_no_fat_is_refused(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(bytes(4096))
    with Image(path) as image, pytest.raises(MediaError, match="not a FAT volume"):
        read_fat(image, 0)


def test_circles_are_refused(tmp_path):
    path, _ = volume(tmp_path, 12, 2048)
    raw = bytearray(path.read_bytes())
    # The folder EFI gets the first cluster of its own ".." entry's child: itself.
    with Image(path) as image:
        fat = read_fat(image, OFFSET)
    entry = raw.index(b"EFI        ", OFFSET)
    first = raw[entry + 26 : entry + 28]
    inner = raw.index(b"BOOT       ", entry + 32)
    raw[inner + 26 : inner + 28] = first
    path.write_bytes(raw)
    assert fat.files
    with Image(path) as image, pytest.raises(MediaError, match="circles"):
        read_fat(image, OFFSET)


@pytest.mark.parametrize(
    ("size", "reason"), [(0xFFFFFFF0, "larger than the whole"), (900_000, "ends before its file")]
)
def test_absurd_sizes_are_refused_at_once(tmp_path, size, reason):
    path, _ = volume(tmp_path, 12, 2048)
    raw = bytearray(path.read_bytes())
    entry = raw.index(b"GRUB    CFG", OFFSET)
    raw[entry + 28 : entry + 32] = size.to_bytes(4, "little")
    path.write_bytes(raw)
    with Image(path) as image, pytest.raises(MediaError, match=reason):
        read_fat(image, OFFSET)


def test_chains_that_never_end_are_refused(tmp_path):
    path, _ = volume(tmp_path, 16, 20 << 10)
    raw = bytearray(path.read_bytes())
    entry = raw.index(b"GRUBX64 EFI", OFFSET)
    first = int.from_bytes(raw[entry + 26 : entry + 28], "little")
    fat = OFFSET + 512 * int.from_bytes(raw[OFFSET + 14 : OFFSET + 16], "little")
    raw[fat + 2 * first : fat + 2 * first + 2] = first.to_bytes(2, "little")
    raw[entry + 28 : entry + 32] = (20 << 20).to_bytes(4, "little")
    path.write_bytes(raw)
    with Image(path) as image, pytest.raises(MediaError, match="in circles"):
        read_fat(image, OFFSET)
