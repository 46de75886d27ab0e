"""Built ISOs, judged by the tools that others read them with."""

from __future__ import annotations

import hashlib
import re
import subprocess
from dataclasses import replace

import pytest

from iso_builder.build import build_iso
from iso_builder.errors import MediaError
from iso_builder.image import Image
from iso_builder.layouts import Layout, read_medium
from iso_builder.volume import read_volume
from tests.media.bases import LAYOUTS, STYLES, cached_base, make_base
from tests.unit.iso.conftest import KICKSTART, PLAN

NAMES = {
    "el6": Layout.EL6,
    "el7": Layout.EL7_8,
    "el8": Layout.EL7_8,
    "el9": Layout.EL9,
    "el10": Layout.EL10,
}


def output(*argv, code=0):
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def fat_file(iso, offset, path):
    argv = ["mtype", "-i", f"{iso}@@{offset}", f"::{path}"]
    return subprocess.run(
        argv, capture_output=True, check=True, env={"MTOOLS_SKIP_CHECK": "1"}
    ).stdout


@pytest.mark.parametrize("style", STYLES)
def test_checkisomd5_passes(built, style):
    result = built(style)
    assert "PASS" in output("checkisomd5", result.out)
    assert re.fullmatch("[0-9a-f]{32}", result.media_check)
    # The algorithm is ours; the reference implants the same bytes.
    ours = result.out.read_bytes()[16 * 2048 :][883 : 883 + 512]
    copy = result.out.with_suffix(".ref")
    copy.write_bytes(result.out.read_bytes())
    try:
        output("implantisomd5", "--force", copy)
        assert copy.read_bytes()[16 * 2048 :][883 : 883 + 512] == ours
    finally:
        copy.unlink()


@pytest.mark.parametrize("style", STYLES)
def test_without_media_check_nothing_is_implanted_and_nothing_checks(built, style):
    result = built(style, False)
    assert result.media_check is None
    assert "No checksum information" in output("checkisomd5", result.out, code=1)
    assert b"ISO MD5SUM" not in result.out.read_bytes()
    assert result.command_lines
    assert not [line for line in result.command_lines if "rd.live.check" in line.text]


def xorriso_report(iso):
    text = output("xorriso", "-indev", iso, "-report_system_area", "plain")
    text += output("xorriso", "-indev", iso, "-report_el_torito", "plain")
    return text


@pytest.mark.parametrize("style", LAYOUTS)
def test_boot_structures_are_those_of_the_base(built, style):
    before, after = xorriso_report(cached_base(style)), xorriso_report(built(style).out)

    def shape(report):
        report = report.replace("cyl-align-off", "cyl-align-on")  # the file is padded, so it is
        kept = re.findall(
            r"(?m)^(?:System area summary|El Torito (?:boot img|img path|img opts)).*", report
        )
        return [re.sub(r"\s+\d+$", "", line) for line in kept]

    assert len(shape(before)) >= 4
    assert shape(after) == shape(before)
    for fact in (
        r"GPT disk GUID.*",
        r"GPT type GUID.*",
        r"Partition offset.*",
    ):
        wanted = re.findall(fact, before)
        # xorriso fills the end of EL 10's base with a third partition; the copy needs none.
        assert re.findall(fact, after)[:1] == wanted[:1]


@pytest.mark.parametrize("style", ["el7", "el9", "el10"])
def test_gpt_is_as_sound_as_the_vendors(built, style):
    def problems(iso):
        done = subprocess.run(["sgdisk", "-v", iso], capture_output=True, text=True, check=False)
        text = done.stdout + done.stderr
        return set(re.findall(r"(?m)^(?:Problem|Warning|Caution).*|No problems found", text)), text

    before, _ = problems(cached_base(style))
    after, text = problems(built(style).out)
    # Isohybrid partitions overlap each other by design; nothing may be added to that.
    assert {re.sub(r"\d+", "N", line) for line in after} == {
        re.sub(r"\d+", "N", line) for line in before
    }
    assert "damaged" not in text
    assert "CRC" not in text


@pytest.mark.parametrize("style", STYLES)
def test_every_copy_of_the_configuration_is_edited(built, style):
    result = built(style)
    assert result.layout is NAMES[style]
    with Image(result.out) as image:
        medium = read_medium(image)
        uefi = medium.uefi.offset
    live = [config for config in medium.configs if not config.is_dead]
    assert [c for c in live if c.in_fat]
    assert [c for c in live if not c.in_fat]
    argument = "ks" if style == "el6" else "inst.ks"
    for config in live:
        assert f" {argument}=hd:LABEL=B2CT-TORINO:/b2ct/ks/node1.cfg" in config.text
        assert "Install node2 of torino" in config.text
        assert medium.volume.label == "B2CT-TORINO"
        if config.in_fat:
            assert fat_file(result.out, uefi, config.path).decode() == config.text
        else:
            extracted = result.out.with_suffix(".txt")
            output("osirrox", "-indev", result.out, "-extract", config.path, extracted)
            assert extracted.read_text() == config.text
            extracted.chmod(0o600)
            extracted.unlink()
    old = cached_base(style)
    with Image(old) as image:
        label = read_volume(image).label
    spelt = label.replace(" ", "\\x20")
    for config in medium.configs:
        assert f"LABEL={spelt}" not in config.text
        assert f"'{label}'" not in config.text


@pytest.mark.parametrize("style", LAYOUTS)
def test_files_are_added_and_the_vendors_are_kept(built, style, tmp_path):
    result = built(style)
    output("osirrox", "-indev", result.out, "-extract", "/", tmp_path / "new")
    output("osirrox", "-indev", cached_base(style), "-extract", "/", tmp_path / "old")
    output("chmod", "-R", "u+rwX", tmp_path)

    def tree(name):
        top = tmp_path / name
        return {str(p.relative_to(top)): p.read_bytes() for p in top.rglob("*") if p.is_file()}

    old, new = tree("old"), tree("new")
    assert new["b2ct/ks/node1.cfg"] == KICKSTART
    assert set(new) - set(old) == {path[1:] for path in PLAN.files}
    changed = {path for path in old if new[path] != old[path]}
    configs = {path for path in changed if path.endswith((".cfg", ".conf"))}
    # The boot images hold their own place, the catalogue those of all; efiboot.img the menu.
    assert changed - configs <= {
        "isolinux/isolinux.bin",
        "isolinux/boot.cat",
        "images/efiboot.img",
        "images/eltorito.img",
    }
    assert configs


def test_second_tree_of_el10_has_the_new_files(built):
    """A USB stick's first partition is mounted as a volume of its own."""
    with Image(built("el10").out) as image:
        medium = read_medium(image)
        first = medium.gpt.partition(1)
        second = medium.gpt.partition(2)
        tree = read_volume(image, first.extent.offset)
        assert tree.label == "B2CT-TORINO"
        assert tree.files == medium.volume.files
        assert image.read(tree.files["/b2ct/ks/node1.cfg"].offset, len(KICKSTART)) == KICKSTART
        assert first.extent.end <= second.extent.offset
        assert max(f.offset + f.size for f in tree.files.values()) <= first.extent.end


@pytest.mark.parametrize("style", LAYOUTS)
def test_the_base_is_untouched_and_builds_are_repeatable(built, style, tmp_path):
    base = cached_base(style)
    before = sha256(base)
    again = build_iso(base, tmp_path / "again.iso", PLAN)
    assert sha256(again.out) == sha256(built(style).out)
    assert sha256(base) == before
    assert [p.name for p in tmp_path.iterdir()] == ["again.iso"]


def test_result_tells_what_was_built(built):
    result = built("el9")
    assert result.size == result.out.stat().st_size
    assert result.label == PLAN.label
    assert result.release == "9.6"
    defaults = [line for line in result.command_lines if line.is_default]
    assert {line.file for line in defaults} == {
        "/EFI/BOOT/BOOT.conf",
        "/EFI/BOOT/grub.cfg",
        "/isolinux/isolinux.cfg",
        "EFI boot image:/EFI/BOOT/BOOT.conf",
        "EFI boot image:/EFI/BOOT/grub.cfg",
    }
    for line in defaults:
        assert line.text.endswith("console=tty0 console=ttyS0,115200n8")
        assert line.title == "Install node1 of torino"


def test_a_built_iso_can_be_the_base_of_the_next(built, tmp_path):
    plan = replace(
        PLAN,
        label="SECOND",
        files={"/second.cfg": b"x\n"},
        entries=(replace(PLAN.entries[0], kickstart="/second.cfg"),),
    )
    first = built("el10")
    result = build_iso(first.out, tmp_path / "second.iso", plan)
    assert "PASS" in output("checkisomd5", result.out)
    titles = [line.title for line in result.command_lines if line.file == "/EFI/BOOT/grub.cfg"]
    assert titles.count("Install node1 of torino") == 1
    assert "Install node2 of torino" not in titles


def test_progress_is_told(tmp_path):
    told = []
    build_iso(cached_base("el9"), tmp_path / "x.iso", PLAN, progress=lambda *now: told.append(now))
    last = [now for now in told if now[2]][-1]
    assert last[1] == last[2]


# Refusals ------------------------------------------------------------------------------


def refused(base, out, plan=PLAN):
    with pytest.raises(MediaError) as caught:
        build_iso(base, out, plan)
    return caught.value


def test_the_base_is_never_the_output(tmp_path):
    base = make_base("el9", tmp_path / "base.iso")
    assert "is the base itself" in refused(base, base).message
    link = tmp_path / "link.iso"
    link.symlink_to(base)
    assert "is the base itself" in refused(base, link).message


def test_files_of_the_base_are_not_replaced(tmp_path):
    plan = replace(PLAN, files={**PLAN.files, "/images/install.img": b"x", "/.discinfo/x": b"x"})
    message = refused(cached_base("el9"), tmp_path / "x.iso", plan).message
    assert "/images/install.img is on the base medium already" in message
    plan = replace(PLAN, files={**PLAN.files, "/.discinfo/x": b"x"})
    message = refused(cached_base("el9"), tmp_path / "x.iso", plan).message
    assert "/.discinfo/x would lie in /.discinfo, a file" in message
    plan = replace(PLAN, files={**PLAN.files, "/empty": b""})
    assert "/empty is empty" in refused(cached_base("el9"), tmp_path / "x.iso", plan).message
    assert list(tmp_path.iterdir()) == []


def test_menus_that_do_not_fit_into_the_efi_image_are_refused(tmp_path):
    entry = replace(PLAN.entries[0], arguments="a" * 1500)
    entries = tuple(replace(entry, ident=f"n{number}") for number in range(400))
    error = refused(cached_base("el10"), tmp_path / "x.iso", replace(PLAN, entries=entries))
    assert "in the EFI boot image" in error.message
    assert "fewer nodes" in error.hint


def test_missing_xorriso_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("iso_builder.programs._SYSTEM_FOLDERS", "")
    monkeypatch.setenv("PATH", str(tmp_path))
    error = refused(cached_base("el9"), tmp_path / "x.iso")
    assert "xorriso is not installed" in error.message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a b", "x*[y]?", "q'\"q", "o@@1M", "-dash", "ünï", "a:b,c=d"])
def test_odd_names_of_files_and_folders(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    base = make_base("el10", folder / f"{name}.iso")
    result = build_iso(base, folder / f"{name}-out.iso", PLAN)
    assert "PASS" in output("checkisomd5", result.out)
    with Image(result.out) as image:
        medium = read_medium(image)
        offset = medium.volume.files["/b2ct/ks/node1.cfg"].offset
        assert image.read(offset, len(KICKSTART)) == KICKSTART
