"""USB keys made of each layout start in BIOS and UEFI and lead the guest to its kickstart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from iso_builder.usb import build_usb_image
from tests.boot.media import DEFAULT_KICKSTART, LABEL, check_found, two_node_plan
from tests.boot.probe import boot, bootable_base
from tests.boot.qemu import Firmware
from tests.media.bases import LAYOUTS, Style

pytestmark = pytest.mark.boot


@pytest.mark.parametrize("firmware", ["bios", "uefi"])
@pytest.mark.parametrize("style", LAYOUTS)
def test_key_boots(style: Style, firmware: Firmware, tmp_path: Path) -> None:
    key = tmp_path / f"key-{style}.img"
    build_usb_image(bootable_base(style), key, two_node_plan())
    found = boot(key, tmp_path, firmware=firmware, bus="usb")
    check_found(found, style=style, firmware=firmware, devices=("sda1",))


def test_key_boots_under_secure_boot(tmp_path: Path) -> None:
    key = tmp_path / "key.img"
    build_usb_image(bootable_base("el9", signed=True), key, two_node_plan())
    found = boot(key, tmp_path, firmware="uefi-secure", bus="usb")
    check_found(found, style="el9", firmware="uefi-secure", devices=("sda1",))


def test_kickstart_behind_a_wrong_label_is_not_found(tmp_path: Path) -> None:
    """The control: what the matrix asserts does not hold for a key with another label."""
    key = tmp_path / "key.img"
    build_usb_image(bootable_base("el9"), key, two_node_plan())
    content = key.read_bytes()
    # Every copy of the volume's own label, padded to 11 bytes as FAT has it; no menu does.
    own = LABEL.encode().ljust(11)
    assert content.count(own) >= 2
    key.write_bytes(content.replace(own, b"OTHER-LABEL"))
    found = boot(key, tmp_path, firmware="bios", bus="usb")
    assert f"{LABEL}:{DEFAULT_KICKSTART}" in found.cmdline
    assert ("sda1", "OTHER-LABEL") in found.volumes
    assert f"KS {LABEL}:{DEFAULT_KICKSTART} MISSING" in found.missing
    assert not found.kickstarts


def test_menu_serves_the_other_node_too(tmp_path: Path) -> None:
    plan = two_node_plan()
    plan = replace(plan, entries=tuple(reversed(plan.entries)))
    key = tmp_path / "key.img"
    build_usb_image(bootable_base("el10"), key, plan)
    found = boot(key, tmp_path, firmware="uefi", bus="usb")
    assert [where for where, *_ in found.kickstarts] == [f"{LABEL}:{plan.entries[0].kickstart}"]
