"""From a site file through the commands to a booted guest: what an admin does, in one piece."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from b2ct.cli import main
from tests.boot.probe import Found, boot, bootable_base
from tests.boot.qemu import Drive

pytestmark = pytest.mark.boot

SITE = Path(__file__).resolve().parents[2] / "inventories/example"
#: Volume label of the example site.
LABEL = "B2CT-EXAMPL"


def _b2ct(*arguments: str | Path) -> None:
    environment = {"B2CT_VAULT_PASSWORD_FILE": str(SITE / "vault-password.example")}
    result = CliRunner().invoke(main, [str(a) for a in arguments], env=environment)
    assert result.exit_code == 0, result.output


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a signed EL 9 base that the admin vouched for."""
    monkeypatch.setenv("B2CT_BASE_DIR", str(tmp_path / "store"))
    iso = bootable_base("el9", signed=True)
    _b2ct("base", "add", iso, "--sha256", hashlib.sha256(iso.read_bytes()).hexdigest())
    return iso


def _kickstart_of(out: Path) -> tuple[str, str]:
    """Return path and SHA-256 of the one kickstart that the manifest names."""
    manifest = json.loads(out.with_name(f"{out.name}.manifest.json").read_text())
    ((path, digest),) = manifest["kickstarts"].items()
    return path, digest


def _check(found: Found, label: str, path: str, digest: str) -> None:
    assert not found.errors
    assert not found.missing
    assert found.stage2
    assert {(where, seen) for where, _, seen in found.kickstarts} == {(f"{label}:{path}", digest)}


def test_iso_of_the_example_site(base: Path, tmp_path: Path) -> None:
    out = tmp_path / "site.iso"
    _b2ct("iso", "build", SITE, "--all", "--release", "almalinux-9", "--base", base, "-o", out)
    found = boot(out, tmp_path, firmware="uefi-secure", bus="usb")
    assert found.secure_boot
    _check(found, LABEL, *_kickstart_of(out))


def test_key_of_the_example_site(base: Path, tmp_path: Path) -> None:
    out = tmp_path / "site.img"
    _b2ct("usb", "image", SITE, "--all", "--release", "almalinux-9", "--base", base, "-o", out)
    found = boot(out, tmp_path, firmware="bios", bus="usb")
    assert found.firmware == "bios"
    _check(found, LABEL, *_kickstart_of(out))


def test_oemdrv_of_the_example_site(tmp_path: Path) -> None:
    """The vendor's ISO is untouched: Secure Boot stays whole."""
    base = bootable_base("el9", console="ttyS0", timeout_s=1, signed=True)
    out = tmp_path / "oemdrv.img"
    _b2ct("oemdrv", SITE, "--all", "--release", "almalinux-9", "-o", out)
    stick = (Drive(out, "usb"),)
    found = boot(base, tmp_path, firmware="uefi-secure", bus="ahci-cd", others=stick)
    assert found.secure_boot
    _check(found, "OEMDRV", *_kickstart_of(out))
