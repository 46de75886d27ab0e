"""`b2ct iso` as an admin meets it."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from b2ct.cli import main
from tests.media.bases import cached_base

ROOT = Path(__file__).resolve().parents[3]
SITE = ROOT / "inventories/example"


def run(*arguments, code=0):
    environment = {"B2CT_VAULT_PASSWORD_FILE": str(SITE / "vault-password.example")}
    result = CliRunner().invoke(main, [str(a) for a in arguments], env=environment)
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def base(tmp_path, monkeypatch):
    """An EL 9 ISO that the admin vouched for."""
    monkeypatch.setenv("B2CT_BASE_DIR", str(tmp_path / "store"))
    iso = cached_base("el9")
    run("base", "add", iso, "--sha256", hashlib.sha256(iso.read_bytes()).hexdigest())
    return iso


@pytest.fixture
def site_iso(base, tmp_path):
    out = tmp_path / "site.iso"
    result = run(
        "iso", "build", SITE, "--all", "--release", "almalinux-9", "--base", base, "-o", out
    )
    assert "site.iso: " in result.stdout
    assert "next: b2ct iso inspect" in result.stdout
    assert "node3 (debian-13)" in result.stderr
    return out


def test_from_the_site_to_a_verified_iso(site_iso, base):
    check = subprocess.run(["checkisomd5", site_iso], capture_output=True, check=False)
    assert check.returncode == 0
    beside = json.loads(site_iso.with_name("site.iso.manifest.json").read_text())
    assert beside["kind"] == "iso"
    assert beside["sha256"] == hashlib.sha256(site_iso.read_bytes()).hexdigest()
    assert beside["base"]["sha256"] == hashlib.sha256(base.read_bytes()).hexdigest()
    assert {"xorriso", "mtools"} <= set(beside["tools"])
    ((path, digest),) = beside["kickstarts"].items()
    for lines in beside["command_lines"].values():
        assert any(f"inst.ks=hd:LABEL=B2CT-EXAMPL:{path}" in line for line in lines)
    assert len(beside["command_lines"]) == 5

    shown = run("iso", "inspect", site_iso, "--full").stdout
    assert "EL 9 layout, release 9.6, label 'B2CT-EXAMPL'" in shown
    for way in ("BIOS, as CD", "UEFI, as CD", "BIOS, as USB stick", "UEFI, as USB stick"):
        assert f"{way}: boots\n" in shown
    assert f"kickstart {path}: SHA256 {digest}" in shown
    assert f"media check: valid (MD5 {beside['media_check']})" in shown
    assert "menu EFI boot image:/EFI/BOOT/grub.cfg:" in shown
    assert "EFI boot image:/EFI/BOOT/BOOTX64.EFI: signed by Microsoft" in shown
    assert "GPT: check sums and backup are right" in shown
    assert "problem" not in shown

    compared = run("iso", "verify", site_iso, "--base", base).stdout
    assert "nothing else changed" in compared
    assert f"{path}: added" in compared
    assert "/isolinux/isolinux.cfg: menu changed" in compared


def test_the_menu_names_site_and_nodes_and_speaks_on_the_serial_console(site_iso):
    report = json.loads(run("iso", "inspect", site_iso, "--json").stdout)
    titles = [line["title"] for line in report["command_lines"]]
    assert any("control1" in title for title in titles)
    defaults = [line for line in report["command_lines"] if line["is_default"]]
    assert len(defaults) == 5
    assert all(line["text"].endswith("console=ttyS0,115200n8") for line in defaults)
    assert report["media_check"] == "implanted, not checked"
    assert report["problems"] == []


def test_without_media_check(base, tmp_path):
    out = tmp_path / "node1.iso"
    run("iso", "build", SITE, "node1", "--base", base, "-o", out, "--no-media-check")
    shown = run("iso", "inspect", out, "--full").stdout
    assert "media check: not implanted" in shown
    assert "rd.live.check" not in shown
    beside = json.loads(out.with_name("node1.iso.manifest.json").read_text())
    assert beside["nodes"] == ["node1"]
    assert "media_check" not in beside


def test_problems_make_the_exit_code(site_iso, base):
    raw = bytearray(site_iso.read_bytes())
    raw[512 + 16] ^= 1
    site_iso.write_bytes(raw)
    result = run("iso", "inspect", site_iso, code=2)
    assert "problem: the check sum of the GPT header is wrong" in result.stdout
    assert "UEFI, as USB stick: does not boot" in result.stdout
    assert "has 1 problem" in result.stderr
    assert "hint:" in result.stderr
    result = run("iso", "verify", site_iso, "--base", base, code=2)
    assert "problem: the check sum of the GPT header is wrong" in result.stdout
    data = json.loads(run("iso", "verify", site_iso, "--base", base, "--json", code=2).stdout)
    assert data["problems"] == ["the check sum of the GPT header is wrong"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("build", SITE, "--base", "nothing.iso", "-o", "x.iso", "node1"), "no base medium"),
        (("build", SITE, "--base", "almalinux-9", "-o", "x.iso", "node1"), "is not here"),
        (("inspect", "nothing.iso"), "cannot read nothing.iso"),
        (("inspect", SITE / "site.yml"), "is not an ISO image"),
    ],
)
def test_errors_are_told_without_a_traceback(tmp_path, monkeypatch, arguments, says):
    monkeypatch.setenv("B2CT_BASE_DIR", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    result = run("iso", *arguments, code=2)
    assert says in result.stderr
    assert "Traceback" not in result.output
    assert not list(tmp_path.glob("*.iso"))


def test_a_base_of_another_release_is_refused(base, tmp_path):
    out = tmp_path / "x.iso"
    result = run("iso", "build", SITE, "node3", "--base", base, "-o", out, code=2)
    assert "error:" in result.stderr
    assert not out.exists()


def test_no_plaintext_of_the_vault_is_on_the_iso(site_iso):
    from b2ct.load import VaultOptions, load_secrets, load_site

    options = VaultOptions((), (str(SITE / "vault-password.example"),), False)
    secrets = load_secrets(SITE, load_site(SITE), options)
    raw = site_iso.read_bytes()
    assert secrets.plaintexts()
    for text in secrets.plaintexts():
        assert text.encode() not in raw
