"""Built ISOs of each layout start in BIOS and UEFI, as CD and as USB disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from iso_builder.build import build_iso
from tests.boot.media import DEFAULT_KICKSTART, LABEL, check_found, two_node_plan
from tests.boot.probe import boot, bootable_base
from tests.boot.qemu import Bus, Firmware
from tests.media.bases import LAYOUTS, Style

pytestmark = pytest.mark.boot

#: An ISO on a disk is seen on the disk itself and on its first partition.
_DEVICES = {"ahci-cd": ("sr0",), "scsi-cd": ("sr0",), "usb": ("sda", "sda1")}


@pytest.mark.parametrize("bus", ["ahci-cd", "usb"])
@pytest.mark.parametrize("firmware", ["bios", "uefi"])
@pytest.mark.parametrize("style", LAYOUTS)
def test_iso_boots(style: Style, firmware: Firmware, bus: Bus, tmp_path: Path) -> None:
    iso = tmp_path / f"iso-{style}.iso"
    build_iso(bootable_base(style), iso, two_node_plan())
    found = boot(iso, tmp_path, firmware=firmware, bus=bus)
    check_found(found, style=style, firmware=firmware, devices=_DEVICES[bus])


@pytest.mark.parametrize(("style", "bus"), [("el9", "scsi-cd"), ("el10", "usb")])
def test_iso_boots_under_secure_boot(style: Style, bus: Bus, tmp_path: Path) -> None:
    iso = tmp_path / "secure.iso"
    build_iso(bootable_base(style, signed=True), iso, two_node_plan())
    found = boot(iso, tmp_path, firmware="uefi-secure", bus=bus)
    check_found(found, style=style, firmware="uefi-secure", devices=_DEVICES[bus])


def test_kickstart_behind_a_wrong_label_is_not_found(tmp_path: Path) -> None:
    """The control: what the matrix asserts does not hold for an ISO with another label."""
    iso = tmp_path / "relabelled.iso"
    build_iso(bootable_base("el9"), iso, two_node_plan(), media_check=False)
    with iso.open("r+b") as handle:
        # The volume id of ISO 9660 in block 16 and of Joliet in block 18.
        for block, own, other in (
            (16, LABEL.encode().ljust(32), b"OTHER".ljust(32)),
            (18, LABEL.ljust(16).encode("utf-16-be"), "OTHER".ljust(16).encode("utf-16-be")),
        ):
            handle.seek(block * 2048 + 40)
            assert handle.read(32).replace(b"\0", b" ").strip() == own.replace(b"\0", b" ").strip()
            handle.seek(block * 2048 + 40)
            handle.write(other)
    found = boot(iso, tmp_path, firmware="bios", bus="ahci-cd")
    assert f"{LABEL}:{DEFAULT_KICKSTART}" in found.cmdline
    assert found.volumes == (("sr0", "OTHER"),)
    assert f"KS {LABEL}:{DEFAULT_KICKSTART} MISSING" in found.missing
    assert not found.kickstarts
