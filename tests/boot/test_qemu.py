"""The harness ends every machine and says why a wait failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.boot.probe import read_console
from tests.boot.qemu import Machine, MachineError, MachineSpec, _unstuttered

_CONSOLE = """\r
SeaBIOS\r
B2CT-FIRMWARE uefi\r
B2CT-CMDLINE BOOT_IMAGE=vmlinuz inst.ks=hd:LABEL=B2CT:/ks.cfg quiet\r
B2CT-VOLUME sr0 B2CT\r
B2CT-STAGE2 - sr0 images/install.img 2097152\r
B2CT-KS B2CT:/ks.cfg sr0 abc\r
B2CT-KS B2CT:/other.cfg MISSING\r
B2CT-END\r
"""


def test_probe_console_is_read() -> None:
    found = read_console(_CONSOLE)
    assert found.firmware == "uefi"
    assert found.cmdline == "BOOT_IMAGE=vmlinuz inst.ks=hd:LABEL=B2CT:/ks.cfg quiet"
    assert found.volumes == (("sr0", "B2CT"),)
    assert found.stage2 == (("-", "sr0", "images/install.img", 2097152),)
    assert found.kickstarts == (("B2CT:/ks.cfg", "sr0", "abc"),)
    assert found.missing == ("KS B2CT:/other.cfg MISSING",)


def test_unfinished_probe_is_no_result() -> None:
    with pytest.raises(ValueError, match="did not come to its end"):
        read_console(_CONSOLE.replace("B2CT-END", ""))


def test_spoilt_line_is_told() -> None:
    spoilt = _CONSOLE.replace("sr0 abc", "sr0 a[   5.1] random: crng init done")
    with pytest.raises(ValueError, match=r"not whole: KS 'B2CT:/ks\.cfg sr0 a"):
        read_console(spoilt)


def _alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.mark.boot
def test_time_limit_ends_the_machine(tmp_path: Path) -> None:
    machine = Machine(MachineSpec("idle"), tmp_path)
    with pytest.raises(MachineError, match="did not print 'never'"), machine:
        pid = int((tmp_path / "idle/qemu.pid").read_text())
        assert _alive(pid)
        machine.wait_for("never", limit_s=1)
    assert not _alive(pid)
    assert (tmp_path / "idle/screen.png").stat().st_size > 1000
    assert machine.cpu_s > 0


@pytest.mark.boot
def test_ended_machine_is_noticed(tmp_path: Path) -> None:
    with Machine(MachineSpec("quit"), tmp_path) as machine:
        machine.qmp("quit")
        with pytest.raises(MachineError, match="ended without printing"):
            machine.wait_for("never", limit_s=30)


@pytest.mark.boot
def test_wrong_option_is_told(tmp_path: Path) -> None:
    spec = MachineSpec("wrong", extra=("-device", "no-such-device"))
    with pytest.raises(MachineError, match="no-such-device"), Machine(spec, tmp_path):
        pass


@pytest.mark.parametrize(
    ("text", "once"),
    [
        ("hypervisor: vvirtual", "hypervisor: virtual"),
        (r"\s+Number \[2\]:\s*$", r"\s+Number \[2\]:\s*$"),
        ("rack77", "rack7"),
        ("hypervisor:  virtual", "hypervisor: virtual"),
    ],
)
def test_stuttered_characters_count_once(text: str, once: str) -> None:
    assert _unstuttered(text) == once
