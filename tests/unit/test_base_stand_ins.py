"""The stand-ins for the vendors' ISOs have what the vendors' ISOs have."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.media.bases import INFO, STYLES, Style, cached_base, make_base


def _report(iso: Path) -> str:
    argv = ["xorriso", "-indev", str(iso), "-pvd_info"]
    argv += ["-report_system_area", "plain", "-report_el_torito", "plain"]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


_SYSTEM_AREA = {
    "el6": ("MBR isohybrid cyl-align-on\n", "El Torito img path :   2  /images/efiboot.img"),
    "el7": ("MBR isohybrid cyl-align-on GPT", "GPT partition path :   2  /images/efiboot.img"),
    "el8": ("MBR isohybrid cyl-align-on GPT", "GPT partition path :   2  /images/efiboot.img"),
    "el9": ("MBR isohybrid cyl-align-on GPT", "GPT partition path :   2  /images/efiboot.img"),
    "el10": ("grub2-mbr cyl-align-off GPT", "Partition offset   : 16", "Appended2"),
}


@pytest.mark.parametrize("style", STYLES)
def test_layout(style: Style) -> None:
    iso = cached_base(style)
    report = _report(iso)
    assert f"Volume Id    : {INFO[style].label}\n" in report
    assert "El Torito boot img :   1  BIOS  y   none" in report
    assert "El Torito boot img :   2  UEFI  y   none" in report
    for part in _SYSTEM_AREA[style]:
        assert part in report
    check = subprocess.run(["checkisomd5", str(iso)], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stdout


def test_own_copy_is_writable_and_without_media_check(tmp_path: Path) -> None:
    iso = make_base("el9", tmp_path / "own.iso", media_check=False, label="MY_LABEL")
    assert "Volume Id    : MY_LABEL\n" in _report(iso)
    with iso.open("r+b") as handle:
        handle.write(b"x")
    check = subprocess.run(["checkisomd5", str(iso)], capture_output=True, text=True, check=False)
    assert "No checksum information" in check.stdout + check.stderr
