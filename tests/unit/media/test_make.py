"""`b2ct usb image`, `b2ct usb inspect` and `b2ct oemdrv` from a site to a finished medium."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner

from b2ct.cli import main
from tests.media import fattools
from tests.media.bases import cached_base

ROOT = Path(__file__).resolve().parents[3]
SITE = ROOT / "inventories/example"


@pytest.fixture
def kickstarts(monkeypatch):
    """Short texts in place of real kickstarts: what is in them is not the question here."""
    texts = ModuleType("b2ct.render.el")
    texts.SUFFIX = "ks"
    texts.node_text = lambda site, node, hashes: f"# {node.name}\n"
    texts.site_text = lambda site, release, hashes: (
        f"# {site.site.name}: {', '.join(site.resolved)}\n# {hashes.hashed('root')}\n"
    )
    texts.problems = lambda rendered: ()
    monkeypatch.setitem(sys.modules, "b2ct.render.el", texts)


@pytest.fixture
def base(tmp_path, monkeypatch):
    """An EL 9 ISO that the admin vouched for."""
    monkeypatch.setenv("B2CT_BASE_DIR", str(tmp_path / "store"))
    iso = cached_base("el9")
    digest = hashlib.sha256(iso.read_bytes()).hexdigest()
    run("base", "add", iso, "--sha256", digest)
    return iso


def run(*arguments, code=0):
    environment = {"B2CT_VAULT_PASSWORD_FILE": str(SITE / "vault-password.example")}
    result = CliRunner().invoke(main, [str(a) for a in arguments], env=environment)
    assert result.exit_code == code, result.output
    return result


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.usefixtures("kickstarts")
def test_one_key_for_the_whole_site(base, tmp_path):
    out = tmp_path / "site.img"
    result = run(
        "usb", "image", SITE, "--all", "--release", "almalinux-9", "--base", base, "-o", out
    )
    assert "site.img: " in result.stdout
    assert "label B2CT-EXAMPL" in result.stdout
    assert "installs control1, control2, node1, node2" in result.stdout
    assert "note: these need a medium of their own release: node3 (debian-13)" in result.stderr
    beside = json.loads((tmp_path / "site.img.manifest.json").read_text())
    assert beside["sha256"] == sha256(out)
    assert beside["size"] == out.stat().st_size
    assert beside["base"]["sha256"] == sha256(base)
    assert beside["base"]["verified_by"] == "SHA256 given by the admin"
    assert {"mtools", "syslinux"} <= set(beside["tools"])
    assert any("inst.ks=hd:LABEL=B2CT-EXAMPL:/b2ct/" in x for x in beside["command_lines"]["menu"])
    (path, digest) = next(iter(beside["kickstarts"].items()))
    content = fattools.read_file(out, path)
    assert hashlib.sha256(content).hexdigest() == digest
    assert b"control1, control2, node1, node2\n# $6$" in content
    on_key = json.loads(fattools.read_file(out, "/b2ct/manifest.json"))
    assert on_key["kickstarts"] == beside["kickstarts"]
    assert "sha256" not in on_key


@pytest.mark.usefixtures("kickstarts")
def test_inspection_of_a_key_finds_all_in_order(base, tmp_path):
    out = tmp_path / "k.img"
    run("usb", "image", SITE, "control1", "--base", base, "-o", out)
    result = run("usb", "inspect", out)
    assert "FAT32 at 1.0 MB, label B2CT-EXAMPL" in result.stdout
    assert "BIOS: boots by syslinux" in result.stdout
    assert "UEFI: boots /EFI/BOOT/BOOTX64.EFI" in result.stdout
    assert "as in the manifest" in result.stdout
    assert (
        "menu in /EFI/BOOT/BOOT.conf, /EFI/BOOT/grub.cfg, /syslinux/syslinux.cfg:" in result.stdout
    )
    assert result.stdout.count("Install control1") == 1
    assert "problem" not in result.stdout
    assert json.loads(run("usb", "inspect", out, "--json").stdout)["label"] == "B2CT-EXAMPL"


def test_inspection_of_something_else_says_so(tmp_path):
    (tmp_path / "x").write_bytes(bytes(4096))
    assert "is no image of a key" in run("usb", "inspect", tmp_path / "x", code=2).stderr


@pytest.mark.usefixtures("kickstarts")
def test_inspection_of_a_damaged_key_fails(tmp_path):
    out = tmp_path / "o.img"
    run("oemdrv", SITE, "control1", "-o", out)
    content = out.read_bytes()
    at = content.index(b"# control1\n")
    out.write_bytes(content[:at] + b"# CONTROL1\n" + content[at + 11 :])
    # OEMDRV's manifest names the text; a changed one must not pass.
    result = run("usb", "inspect", out, code=2)
    assert "NOT as in the manifest" in result.stdout
    assert "/ks.cfg differs from the manifest" in result.stdout
    assert "has 1 problem" in result.stderr


@pytest.mark.usefixtures("kickstarts")
@pytest.mark.parametrize(("name", "kind"), [("o.img", "vfat"), ("o.iso", "iso9660")])
def test_the_name_of_the_output_chooses_stick_or_iso(tmp_path, name, kind):
    out = tmp_path / name
    result = run("oemdrv", SITE, "--all", "-o", out)
    assert "label OEMDRV" in result.stdout
    offset = fattools.PARTITION_OFFSET if kind == "vfat" else 0
    found = fattools.probe(out, offset)
    assert (found["TYPE"], found["LABEL"]) == (kind, "OEMDRV")
    beside = json.loads((tmp_path / f"{name}.manifest.json").read_text())
    assert beside["sha256"] == sha256(out)
    assert list(beside["kickstarts"]) == ["/ks.cfg"]


@pytest.mark.usefixtures("kickstarts")
def test_the_manifest_is_there_for_programs(base, tmp_path):
    out = tmp_path / "k.img"
    result = run("usb", "image", SITE, "node1", "--base", base, "-o", out, "--json")
    assert json.loads(result.stdout)["nodes"] == ["node1"]
    assert all(json.loads(line)["event"] == "progress" for line in result.stderr.splitlines())


@pytest.mark.usefixtures("kickstarts")
def test_a_size_as_in_the_site_file(base, tmp_path):
    out = tmp_path / "k.img"
    run("usb", "image", SITE, "node1", "--base", base, "-o", out, "--size", "64MiB")
    assert out.stat().st_size == 64 << 20
    result = run("usb", "image", SITE, "node1", "--base", base, "-o", out, "--size", "much", code=2)
    assert "'much' is no size" in result.stderr


@pytest.mark.usefixtures("kickstarts")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "say what the medium is for"),
        (("nodex",), "has no node nodex (did you mean node"),
        (("node3",), "is installed with debian-13"),
        (("--all",), "use several releases"),
    ],
)
def test_what_cannot_be_made_is_said_and_nothing_is_left(base, tmp_path, arguments, says):
    out = tmp_path / "out"
    out.mkdir()
    result = run("usb", "image", SITE, *arguments, "--base", base, "-o", out / "k.img", code=2)
    assert says in result.stderr
    assert "hint:" in result.stderr
    assert list(out.iterdir()) == []


@pytest.mark.usefixtures("kickstarts")
def test_a_base_that_nobody_verified_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("B2CT_BASE_DIR", str(tmp_path / "store"))
    result = run(
        "usb", "image", SITE, "node1", "--base", cached_base("el9"), "-o", tmp_path / "k", code=2
    )
    assert "b2ct base add" in result.stderr
    assert not (tmp_path / "k").exists()


@pytest.mark.usefixtures("kickstarts")
def test_a_base_of_another_release_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("B2CT_BASE_DIR", str(tmp_path / "store"))
    iso = cached_base("el10")
    run("base", "add", iso, "--sha256", sha256(iso))
    result = run("usb", "image", SITE, "node1", "--base", iso, "-o", tmp_path / "k", code=2)
    assert "laid out as EL 10, but node1 is installed with almalinux-9" in result.stderr
