"""What QEMU forgives and other machines do not: the structures of built media, byte by byte.

The readers (tests/boot/diskview.py) and the programs asked here (sgdisk, xorriso,
checkisomd5, fsck.vfat, mtools) know nothing of iso_builder.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from iso_builder.build import build_iso
from tests.boot import diskview
from tests.boot.media import KICKSTARTS, LABEL, two_node_plan
from tests.media.bases import INFO, STYLES, Style, cached_base

_CONFIGS = ("isolinux.cfg", "grub.cfg", "BOOT.conf", "BOOTX64.conf")
#: Written anew with each tree: genisoimage's name lists and what nothing boots from.
_MAY_CHANGE = ("TRANS.TBL", "boot.cat", "grub.conf", "efiboot.img", "isolinux.bin", "eltorito.img")


@dataclass(frozen=True)
class Built:
    """A base and what was made of it."""

    style: Style
    media_check: bool
    base: Path
    iso: Path

    def gpt_or_none(self, image: Path) -> tuple[diskview.Partition, ...]:
        """Return the GPT's partitions; EL 6 has no GPT."""
        return () if self.style == "el6" else diskview.gpt(image)


@pytest.fixture(scope="module", params=[(style, check) for style in STYLES for check in (1, 0)],
                ids=lambda p: f"{p[0]}-{'checked' if p[1] else 'unchecked'}")  # fmt: skip
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    style, check = request.param
    iso = tmp_path_factory.mktemp("static") / "built.iso"
    base = cached_base(style)
    build_iso(base, iso, two_node_plan(), media_check=bool(check))
    return Built(style, bool(check), base, iso)


def _run(*argv: str | Path) -> str:
    done = subprocess.run(
        [str(word) for word in argv], check=False, capture_output=True, text=True, errors="replace"
    )
    return done.stdout + done.stderr


def test_partition_tables_are_sound_and_like_the_bases(built: Built) -> None:
    before, after = diskview.mbr(built.base), diskview.mbr(built.iso)
    assert [(p.number, p.kind, p.start) for p in after] == [
        (p.number, p.kind, p.start) for p in before
    ]
    whole = built.iso.stat().st_size // diskview.SECTOR
    assert after[0].start + after[0].sectors == whole
    before, after = built.gpt_or_none(built.base), built.gpt_or_none(built.iso)
    assert [(p.number, p.kind) for p in after[:2]] == [(p.number, p.kind) for p in before[:2]]
    assert [p.start for p in after[:1]] == [p.start for p in before[:1]]
    # xorriso names the padding behind the last partition "Gap1", if there is any.
    assert {p.name for p in (*before[2:], *after[2:])} <= {"Gap1"}


def test_efi_partition_is_the_boot_image(built: Built) -> None:
    uefi = diskview.boot_catalog(built.iso)[1]
    assert uefi.platform == 0xEF
    tables = [built.gpt_or_none(built.iso)]
    if built.style in {"el7", "el8", "el9"}:
        tables.append(diskview.mbr(built.iso))
    for table in filter(None, tables):
        assert (table[1].start, table[1].sectors) == (uefi.block * 4, uefi.sectors)


def test_first_partition_shows_the_whole_tree(built: Built) -> None:
    """Also EL 10's, which has a superblock and a tree of its own."""
    whole = diskview.tree(built.iso)
    for table in (diskview.mbr(built.iso), built.gpt_or_none(built.iso)):
        if table and table[0].kind != 0xEE:
            assert whole.end <= table[0].start + table[0].sectors
    if built.style == "el10":
        start = diskview.gpt(built.iso)[0].start
        assert start == 16 * 4
        assert diskview.tree(built.iso, start) == whole
        offset = start * diskview.SECTOR
        assert diskview.volume_labels(built.iso, offset) == {1: LABEL, 2: LABEL}


def test_sgdisk_finds_no_more_than_in_the_base(built: Built) -> None:
    def problems(image: Path) -> set[str]:
        text = _run("sgdisk", "-v", image)
        lines = re.findall(r"^(?:Problem|Warning|Caution|Error).*$", text, re.MULTILINE)
        # Alignment is nobody's concern on a medium that is only read.
        lines = [line for line in lines if "doesn't end on a" not in line]
        return {re.sub(r"\d+", "N", line) for line in lines}

    assert problems(built.iso) <= problems(built.base)
    assert not any("CRC" in problem for problem in problems(built.iso))


_WHOLE_LINES = (
    "System area",
    "Partition offset",
    "MBR partition path",
    "GPT partition path",
    "El Torito cat path",
    "El Torito img path",
    "El Torito img opts",
)


def _report(image: Path) -> list[str]:
    """Return xorriso's report without places, sizes and names, which differ between media."""
    plain = ("-report_system_area", "plain", "-report_el_torito", "plain")
    kept = []
    for line in _run("xorriso", "-indev", image, *plain).splitlines():
        name, _, rest = line.partition(":")
        name, words = name.strip(), rest.split()
        if name in _WHOLE_LINES or name.startswith("System area"):
            kept.append(line)
        elif name == "El Torito boot img":
            kept.append(" ".join(words[:6]))
        elif name == "MBR partition":
            kept.append(" ".join(words[:3]))
        elif name == "GPT type GUID" and words[0] in ("1", "2"):
            kept.append(line)
    return kept


def test_xorriso_reports_what_it_reports_of_the_base(built: Built) -> None:
    report = _report(built.iso)
    assert report == _report(built.base)
    assert sum(line.startswith("System area summary: MBR") for line in report) == 1


def test_loaders_find_themselves(built: Built) -> None:
    bios = diskview.boot_catalog(built.iso)[0]
    assert bios.platform == 0
    name = "images/eltorito.img" if built.style == "el10" else "isolinux/isolinux.bin"
    lines = _run("xorriso", "-indev", built.iso, "-lsl", f"/{name}")
    length = int(re.search(rf"(\d+) \w+ +\d+ +[\d:]+ '/?{name}'", lines)[1])  # type: ignore[index]
    diskview.check_boot_info_table(built.iso, bios, length)
    if built.style == "el10":
        diskview.check_grub2_boot_info(built.iso, bios)
    else:
        diskview.check_isohybrid_mbr(built.iso, bios)


def test_tree_is_the_bases_plus_the_plans(built: Built) -> None:
    before, after = diskview.tree(built.base).files, diskview.tree(built.iso).files
    assert set(after) == set(before) | set(KICKSTARTS)
    for path, content in KICKSTARTS.items():
        assert after[path] == hashlib.sha256(content).hexdigest()
    changed = {path for path in before if after[path] != before[path]}
    configs = {path for path in before if path.endswith(_CONFIGS)}
    assert configs <= changed
    assert {path for path in changed if not path.endswith(_MAY_CHANGE)} == configs


def test_label_is_the_same_everywhere(built: Built) -> None:
    assert diskview.volume_labels(built.iso) == {1: LABEL, 2: LABEL}


def _config_copies(built: Built, folder: Path) -> dict[str, str]:
    """Return every copy of the boot configuration, in the tree and in the FAT image."""
    out = folder / "out"
    _run("xorriso", "-osirrox", "on", "-indev", built.iso, "-extract", "/", out)
    found = {
        f"iso:{path.relative_to(out)}": path.read_text()
        for path in out.rglob("*")
        if path.name in _CONFIGS
    }
    uefi = diskview.boot_catalog(built.iso)[1]
    fat = folder / "efi.img"
    fat.write_bytes(diskview.read_at(built.iso, uefi.block * 2048, uefi.sectors * 512))
    check = subprocess.run(
        ["fsck.vfat", "-n", str(fat)], capture_output=True, text=True, check=False
    )
    assert check.returncode == 0, check.stdout
    for name in _CONFIGS:
        text = folder / f"fat-{name}"
        _run("mcopy", "-i", fat, f"::/EFI/BOOT/{name}", text)
        if text.exists():
            found[f"fat:{name}"] = text.read_text()
    return found


def test_every_copy_of_the_configuration_is_edited(built: Built, tmp_path: Path) -> None:
    copies = _config_copies(built, tmp_path)
    efi_name = "BOOTX64.conf" if built.style == "el6" else "grub.cfg"
    assert copies[f"fat:{efi_name}"] == copies[f"iso:EFI/BOOT/{efi_name}"]
    bios = "iso:boot/grub2/grub.cfg" if built.style == "el10" else "iso:isolinux/isolinux.cfg"
    assert bios in copies
    argument = "ks" if built.style == "el6" else "inst.ks"
    old = INFO[built.style].label
    for name, text in copies.items():
        for path in KICKSTARTS:
            assert f" {argument}=hd:LABEL={LABEL}:{path} " in text, name
        assert f"LABEL={old}" not in text, name
        assert "LABEL=" + old.replace(" ", "\\x20") not in text, name
        assert set(re.findall(r"search .*-l '([^']*)'", text)) <= {LABEL}, name
        assert ("rd.live.check" in text) == (built.media_check and built.style != "el6"), name


def test_media_check(built: Built) -> None:
    done = subprocess.run(["checkisomd5", built.iso], capture_output=True, text=True, check=False)
    if built.media_check:
        assert done.returncode == 0, done.stdout
    else:
        assert "No checksum information" in done.stdout + done.stderr
