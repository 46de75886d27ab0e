"""The boot menu on a serial console: other nodes, and the server's own disk."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from pathlib import Path

import pytest

from iso_builder.usb import build_usb_image
from tests.boot.media import KICKSTARTS, LABEL, two_node_plan
from tests.boot.probe import bootable_base, read_console
from tests.boot.qemu import Drive, Firmware, Machine, MachineSpec
from tests.media.bases import Style
from tests.media.localdisk import MESSAGE, local_disk

pytestmark = pytest.mark.boot

#: Seconds for firmware and menu, and for what was chosen.
_LIMIT_S = 120
#: Control-N: one byte, where a cursor key's three may be taken apart by a busy machine.
_DOWN = "\x0e"
#: What both menus print last: from here on they read keys.
_COUNTDOWN = "Automatic boot in|executed automatically in"
_MENUS: list[tuple[Style, Firmware]] = [
    ("el6", "uefi"),
    ("el9", "bios"),
    ("el9", "uefi"),
    ("el10", "uefi"),
]
#: grub legacy cannot leave for the firmware's next entry: it starts the machine anew.
_LOCAL_MENUS: list[tuple[Style, Firmware]] = [m for m in _MENUS if m != ("el6", "uefi")]


def _key(style: Style, folder: Path) -> Path:
    plan = replace(two_node_plan(), timeout_s=120)
    key = folder / f"key-{style}.img"
    build_usb_image(bootable_base(style), key, plan)
    return key


def _choose(machine: Machine, steps_down: int) -> None:
    machine.wait_for(_COUNTDOWN, limit_s=_LIMIT_S)
    time.sleep(1)
    machine.send(_DOWN * steps_down)
    # The new line is drawn before the next key is read.
    time.sleep(1)
    machine.send("\r")


@pytest.mark.parametrize(("style", "firmware"), _MENUS)
def test_another_node_is_chosen(style: Style, firmware: Firmware, tmp_path: Path) -> None:
    key = Drive(_key(style, tmp_path), "usb", boot=True)
    spec = MachineSpec(f"node-2-{style}-{firmware}", firmware=firmware, drives=(key,))
    with Machine(spec, tmp_path) as machine:
        machine.wait_for("Install node 2", limit_s=_LIMIT_S)
        _choose(machine, 1)
        machine.wait_for("^B2CT-END", limit_s=_LIMIT_S)
        found = read_console(machine.console)
    path, content = list(KICKSTARTS.items())[1]
    digest = hashlib.sha256(content).hexdigest()
    assert found.kickstarts == ((f"{LABEL}:{path}", "sda1", digest),)


@pytest.mark.parametrize(("style", "firmware"), _LOCAL_MENUS)
def test_the_local_disk_is_chosen(style: Style, firmware: Firmware, tmp_path: Path) -> None:
    key = Drive(_key(style, tmp_path), "usb", boot=True)
    disk = Drive(local_disk(tmp_path / "local.img"), "ahci")
    spec = MachineSpec(f"local-{style}-{firmware}", firmware=firmware, drives=(key, disk))
    with Machine(spec, tmp_path) as machine:
        machine.wait_for("Boot from the local disk", limit_s=_LIMIT_S)
        _choose(machine, 2)
        machine.wait_for(f"{MESSAGE} {firmware}", limit_s=_LIMIT_S)
