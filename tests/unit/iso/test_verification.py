"""The verifier accepts a build and finds everything else that changed."""

from __future__ import annotations

import pytest

from iso_builder.errors import MediaError
from iso_builder.image import Image
from iso_builder.layouts import read_medium
from iso_builder.verification import Change, verify_against_base
from tests.media.bases import STYLES, cached_base
from tests.unit.iso.conftest import PLAN


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("media_check", [True, False])
def test_a_build_is_sound(built, style, media_check):
    report = verify_against_base(built(style, media_check).out, cached_base(style))
    assert report.problems == ()
    assert report.is_sound
    kinds = {change.path: change.change for change in report.changes if not change.in_fat}
    assert {p for p, kind in kinds.items() if kind is Change.ADDED} == set(PLAN.files)
    boot = "/images/eltorito.img" if style == "el10" else "/isolinux/isolinux.bin"
    assert kinds[boot] is Change.BOOT
    assert all(c.change is Change.CONFIG for c in report.changes if c.in_fat)
    assert report.unchanged > 20


def test_the_base_itself_is_sound():
    base = cached_base("el10")
    report = verify_against_base(base, base)
    assert report.is_sound
    assert report.changes == ()


def damage(tmp_path, built, style, place):
    iso = tmp_path / "x.iso"
    raw = bytearray(built(style).out.read_bytes())
    with Image(built(style).out) as image:
        raw[place(read_medium(image))] ^= 1
    iso.write_bytes(raw)
    return verify_against_base(iso, cached_base(style)).problems


DAMAGES = [
    (
        "el9",
        lambda m: m.volume.files["/images/install.img"].offset + 1_500_000,
        "install.img is changed",
    ),
    (
        "el9",
        lambda m: m.fat.find("/EFI/BOOT/BOOTX64.EFI").extents[0].offset + 9000,
        "BOOTX64.EFI in",
    ),
    ("el9", lambda m: m.bios.offset + 3000, "boot info table"),
    ("el9", lambda m: m.bios.offset + 3000, "isolinux.bin is changed"),
    ("el10", lambda m: m.bios.offset + 3000, "eltorito.img is changed"),
    ("el7", lambda m: 100, "boot code in the MBR"),
    ("el7", lambda m: 446 + 4, "the MBR has other partitions"),
    ("el9", lambda m: 1024 + 3, "the check sum of the GPT partition table"),
    ("el9", lambda m: 1024 + 3, "the GPT has other partitions"),
    ("el10", lambda m: 65536 + 45, "partition 1 does not show"),
]


@pytest.mark.parametrize(("style", "place", "reason"), DAMAGES)
def test_damage_is_found(tmp_path, built, style, place, reason):
    problems = damage(tmp_path, built, style, place)
    assert any(reason in problem for problem in problems), problems


def test_another_release_is_found(built):
    report = verify_against_base(built("el9").out, cached_base("el10"))
    assert any("the layout was EL 10 and is EL 9" in problem for problem in report.problems)
    assert any("/images/eltorito.img is gone" in problem for problem in report.problems)


def test_a_missing_file_raises(tmp_path):
    with pytest.raises(MediaError, match="cannot read"):
        verify_against_base(tmp_path / "a.iso", cached_base("el9"))
