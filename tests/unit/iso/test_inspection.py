"""The inspector sees what is there, and every fault that was put in."""

from __future__ import annotations

import hashlib
import shutil
import struct
import subprocess

import pytest

from iso_builder.eltorito import InfoTable, Platform
from iso_builder.errors import MediaError
from iso_builder.image import Image
from iso_builder.inspection import inspect_iso
from iso_builder.layouts import Layout, read_medium
from iso_builder.mediacheck import CheckState
from tests.media.bases import INFO, LAYOUTS, STYLES, cached_base, make_base
from tests.unit.iso.conftest import KICKSTART, PLAN


@pytest.mark.parametrize("style", STYLES)
def test_vendor_media_are_sound(style):
    report = inspect_iso(cached_base(style), full=True)
    assert report.problems == ()
    assert report.label == INFO[style].label
    assert report.release == INFO[style].version
    assert report.media_check is CheckState.VALID
    assert [(i.platform, i.bootable) for i in report.boot_images] == [
        (Platform.BIOS, True),
        (Platform.UEFI, True),
    ]
    assert report.boot_images[0].info_table is InfoTable.VALID
    # EL 6 has an MBR without a partition for UEFI: real firmware finds nothing on a stick.
    impossible = [way.name for way in report.ways if not way.possible]
    assert impossible == (["UEFI, as USB stick"] if style == "el6" else [])
    assert report.efi_label == "ANACONDA"
    assert (report.appended_partition is not None) == (style == "el10")
    assert report.kickstarts == ()


@pytest.mark.parametrize("style", LAYOUTS)
def test_built_media_are_sound(built, style):
    report = inspect_iso(built(style).out, full=True)
    assert report.problems == ()
    assert report.label == PLAN.label
    assert report.media_check is CheckState.VALID
    assert report.media_check_md5 == built(style).media_check
    assert report.command_lines == built(style).command_lines
    assert all(use.fits for use in report.labels)
    assert {use.path for use in report.kickstarts} == {e.kickstart for e in PLAN.entries}
    assert report.kickstarts[0].sha256 == hashlib.sha256(KICKSTART).hexdigest()
    assert report.kickstarts[0].titles == ("Install node1 of torino",)
    assert report.second_tree == (PLAN.label if style == "el10" else None)


def test_signatures_of_uefi_programs():
    programs = {p.path: p for p in inspect_iso(cached_base("el9")).programs if p.in_fat}
    shim = programs["/EFI/BOOT/BOOTX64.EFI"].program
    assert shim.is_signed
    assert any("Microsoft" in signer for signer in shim.signers)
    grub = programs["/EFI/BOOT/grubx64.efi"].program
    assert grub.is_program
    assert not grub.is_signed


def test_a_foreign_medium_is_told_as_far_as_it_goes(tmp_path):
    tree = tmp_path / "tree"
    (tree / "install.amd").mkdir(parents=True)
    (tree / "isolinux").mkdir()
    shutil.copyfile("/usr/lib/ISOLINUX/isolinux.bin", tree / "isolinux/isolinux.bin")
    iso = tmp_path / "debian.iso"
    argv = [
        "xorrisofs",
        "-quiet",
        "-o",
        iso,
        "-R",
        "-V",
        "Debian 13",
        "-b",
        "isolinux/isolinux.bin",
    ]
    argv += ["-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", tree]
    subprocess.run(argv, check=True, capture_output=True)
    report = inspect_iso(iso)
    assert report.layout is None
    assert "no boot entry for UEFI" in report.layout_reason or "Debian" in report.layout_reason
    assert [way.possible for way in report.ways] == [True, False, False, False]


def edited(tmp_path, style, change):
    """A copy of the base, with ``change(raw, medium)`` done to its bytes."""
    iso = make_base(style, tmp_path / "x.iso")
    iso.chmod(0o644)
    with Image(iso) as image:
        medium = read_medium(image)
    raw = bytearray(iso.read_bytes())
    change(raw, medium)
    iso.write_bytes(raw)
    return iso


def flip(offset):
    def change(raw, medium):
        place = offset(medium) if callable(offset) else offset
        raw[place] ^= 0x10

    return change


def rename(old, new):
    def change(raw, medium):
        assert len(old) == len(new)
        assert raw.count(old)
        raw[:] = raw.replace(old, new)

    return change


FAULTS = [
    ("el9", flip(512 + 16), "check sum of the GPT header is wrong"),
    ("el9", flip(2 * 512 + 40), "check sum of the GPT partition table is wrong"),
    ("el9", flip(lambda m: m.gpt.backup * 512 + 72), "backup GPT"),
    ("el9", flip(lambda m: m.gpt.backup * 512), "there is no backup GPT"),
    ("el7", flip(lambda m: m.gpt.backup * 512 + 20), "check sum of the backup GPT header"),
    ("el9", rename(b"inst.stage2=hd:LABEL=Alma", b"inst.stage2=hd:LABEL=Elma"), "inst.stage2"),
    ("el10", rename(b"root -l 'AlmaLinux-10", b"root -l 'ElmaLinux-10"), "search looks for"),
    ("el10", flip(lambda m: m.gpt.partition(1).extent.offset + 32768 + 41), "labelled"),
    ("el9", flip(lambda m: m.volume.files["/images/install.img"].offset), "implanted MD5"),
]


@pytest.mark.parametrize(("style", "change", "reason"), FAULTS)
def test_faults_are_found(tmp_path, style, change, reason):
    report = inspect_iso(edited(tmp_path, style, change), full=True)
    assert any(reason in problem for problem in report.problems), report.problems


def test_a_wrong_gpt_stops_uefi_from_a_stick(tmp_path):
    report = inspect_iso(edited(tmp_path, "el9", flip(512 + 16)))
    assert [way.name for way in report.ways if not way.possible] == ["UEFI, as USB stick"]


def test_a_wrong_boot_info_table_is_found(tmp_path):
    def change(raw, medium):
        raw[medium.bios.offset + 100] ^= 1

    report = inspect_iso(edited(tmp_path, "el9", change))
    assert report.boot_images[0].info_table is InfoTable.WRONG
    assert "BIOS, as CD" in [way.name for way in report.ways if not way.possible]


def test_a_wrong_catalogue_is_found(tmp_path):
    report = inspect_iso(edited(tmp_path, "el9", flip(lambda m: m.catalog.offset + 4)))
    assert "the check sum of the boot catalogue is wrong" in report.problems
    assert report.layout is None


def test_a_missing_kickstart_is_found(tmp_path, built):
    iso = tmp_path / "x.iso"
    iso.write_bytes(
        built("el9").out.read_bytes().replace(b"/b2ct/ks/node2.cfg", b"/b2ct/ks/node3.cfg")
    )
    problems = inspect_iso(iso).problems
    assert any("/b2ct/ks/node3.cfg is not on the medium" in problem for problem in problems)


def test_a_check_without_a_sum_is_found(tmp_path):
    iso = make_base("el9", tmp_path / "x.iso", media_check=False)
    assert "the menu checks the medium, but no MD5 is implanted" in inspect_iso(iso).problems


def test_a_stick_larger_than_the_image_is_sound(tmp_path):
    iso = make_base("el10", tmp_path / "x.iso")
    with iso.open("r+b") as stick:
        stick.truncate(64 << 20)
    report = inspect_iso(iso, full=True)
    assert report.problems == ()
    assert not report.gpt.at_end


def test_release_tells_a_remastered_el7_from_el9(built):
    assert built("el7").layout is Layout.EL7_8
    assert inspect_iso(built("el7").out).layout is Layout.EL7_8
    assert inspect_iso(built("el9").out).layout is Layout.EL9


def test_mbr_partitions_as_the_kernel_reads_them(built):
    iso = built("el7").out
    report = inspect_iso(iso)
    raw = iso.read_bytes()[446:510]
    status, kind = raw[0], raw[4]
    start, sectors = struct.unpack_from("<II", raw, 8)
    first = report.mbr.partitions[0]
    assert (first.active, first.kind) == (status == 0x80, kind)
    assert (first.start, first.sectors) == (start, sectors)
    assert sectors * 512 == iso.stat().st_size


@pytest.mark.parametrize("name", ["missing.iso", "."])
def test_unreadable_paths(tmp_path, name):
    with pytest.raises(MediaError):
        inspect_iso(tmp_path / name)
