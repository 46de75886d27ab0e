"""The boot menu on a serial console: other nodes, and the server's own disk."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from iso_builder.build import build_iso
from iso_builder.usb import build_usb_image
from tests.boot.media import KICKSTARTS, LABEL, two_node_plan
from tests.boot.probe import bootable_base, read_console
from tests.boot.qemu import Bus, Drive, Firmware, Machine, MachineSpec
from tests.media.bases import Style
from tests.media.localdisk import MESSAGE, local_disk

pytestmark = pytest.mark.boot

#: Seconds for firmware and menu, and for what was chosen.
_LIMIT_S = 120
#: Control-N: one byte, where a cursor key's three may be taken apart by a busy machine.
_DOWN = "\x0e"
#: What both menus print last: from here on they read keys.
_COUNTDOWN = "Automatic boot in|executed automatically in"
Menu = tuple[Literal["key", "iso"], Style, Firmware, Bus]
#: syslinux, grub 2, the language of grub legacy, isolinux, and grub 2 of a BIOS.
_MENUS: list[Menu] = [
    ("key", "el9", "bios", "usb"),
    ("key", "el9", "uefi", "usb"),
    ("key", "el6", "uefi", "usb"),
    ("iso", "el9", "bios", "ahci-cd"),
    ("iso", "el10", "bios", "usb"),
    ("iso", "el10", "uefi", "usb"),
]
#: grub legacy cannot start another disk's loader: its entry restarts the machine.
_LOCAL_MENUS = [menu for menu in _MENUS if menu[1:3] != ("el6", "uefi")]


def _medium(menu: Menu, folder: Path) -> Drive:
    kind, style, _, bus = menu
    plan = replace(two_node_plan(), timeout_s=120)
    path = folder / f"{kind}-{style}.img"
    build = {"key": build_usb_image, "iso": build_iso}[kind]
    build(bootable_base(style), path, plan)
    return Drive(path, bus, boot=True)


def _choose(machine: Machine, steps_down: int) -> None:
    machine.wait_for(_COUNTDOWN, limit_s=_LIMIT_S)
    time.sleep(1)
    machine.send(_DOWN * steps_down)
    # The new line is drawn before the next key is read.
    time.sleep(1)
    machine.send("\r")


@pytest.mark.parametrize("menu", _MENUS, ids="-".join)
def test_another_node_is_chosen(menu: Menu, tmp_path: Path) -> None:
    spec = MachineSpec("node-2", firmware=menu[2], drives=(_medium(menu, tmp_path),))
    with Machine(spec, tmp_path) as machine:
        _choose(machine, 1)
        machine.wait_for("^B2CT-END", limit_s=_LIMIT_S)
        found = read_console(machine.console)
    path, content = list(KICKSTARTS.items())[1]
    digest = hashlib.sha256(content).hexdigest()
    assert {(where, seen) for where, _, seen in found.kickstarts} == {(f"{LABEL}:{path}", digest)}


@pytest.mark.parametrize("menu", _LOCAL_MENUS, ids="-".join)
def test_the_local_disk_is_chosen(menu: Menu, tmp_path: Path) -> None:
    disk = Drive(local_disk(tmp_path / "local.img"), "ahci")
    drives = (_medium(menu, tmp_path), disk)
    with Machine(MachineSpec("local", firmware=menu[2], drives=drives), tmp_path) as machine:
        _choose(machine, 2)
        machine.wait_for(f"{MESSAGE} {menu[2]}", limit_s=_LIMIT_S)
