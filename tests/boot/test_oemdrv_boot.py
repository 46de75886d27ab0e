"""An OEMDRV medium beside the vendor's unmodified ISO is found by the booted guest."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from iso_builder.oemdrv import build_oemdrv
from tests.boot.probe import boot, bootable_base
from tests.boot.qemu import Bus, Drive, Firmware
from tests.media.bases import Style

pytestmark = pytest.mark.boot

KICKSTART = b"# kickstart of the OEMDRV test\ntext\n"


@pytest.mark.parametrize(
    ("style", "firmware", "bus", "kind"),
    [
        ("el7", "bios", "ahci-cd", "stick"),
        ("el9", "uefi", "scsi-cd", "iso"),
        ("el9", "bios", "usb", "stick"),
        ("el10", "uefi", "usb", "stick"),
    ],
)
def test_oemdrv_is_found(
    style: Style, firmware: Firmware, bus: Bus, kind: str, tmp_path: Path
) -> None:
    base = bootable_base(style, console="ttyS0", timeout_s=1)
    companion = tmp_path / "oemdrv"
    build_oemdrv(companion, {"/ks.cfg": KICKSTART}, kind=kind)
    second = Drive(companion, "usb" if kind == "stick" else "scsi-cd")
    found = boot(base, tmp_path, firmware=firmware, bus=bus, others=(second,))
    assert found.firmware == firmware
    assert "ks=" not in found.cmdline
    assert {(where, digest) for where, _, digest in found.kickstarts} == {
        ("OEMDRV:/ks.cfg", hashlib.sha256(KICKSTART).hexdigest())
    }
    assert found.stage2
    assert not found.missing
    assert not found.errors


def test_no_oemdrv_no_kickstart(tmp_path: Path) -> None:
    base = bootable_base("el9", console="ttyS0", timeout_s=1)
    found = boot(base, tmp_path, firmware="bios", bus="ahci-cd")
    assert not found.kickstarts
    assert found.stage2
