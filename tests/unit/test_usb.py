"""USB keys from base ISOs and from loose files: what is on them, and what is refused."""

from __future__ import annotations

import io
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import pycdlib
import pytest

from iso_builder.bootconfig import dialect_of, label_references, read_entries
from iso_builder.errors import MediaError
from iso_builder.layouts import Layout
from iso_builder.plan import BootEntry, MediaPlan
from iso_builder.sources import Data, whole_file
from iso_builder.usb import build_usb_from_files, build_usb_image
from tests.media import fattools
from tests.media.bases import INFO, STYLES, cached_base, make_base

LABEL = "B2CT-TO"
PLAN = MediaPlan(
    LABEL,
    "Torino, all nodes",
    (
        BootEntry("auto", "Install this server", "/ks.cfg", "inst.text"),
        BootEntry("hv1", "Install hv1", "/b2ct/hv1.cfg"),
    ),
    {"/ks.cfg": b"# the site's\n", "/b2ct/hv1.cfg": b"# hv1's\n" * 500},
    timeout_s=7,
)
#: What only a CD is booted from.
LEFT_OUT = re.compile(
    r"/isolinux/.*|/boot/grub2/.*|/images/(efiboot|eltorito)\.img|/boot\.cat|.*/TRANS\.TBL"
)


def iso_files(path: Path) -> dict[str, bytes]:
    """Read an ISO with a reader of its own: no code is shared with the builder."""
    iso = pycdlib.PyCdlib()
    iso.open(str(path))
    found = {}
    for folder, _, names in iso.walk(rr_path="/"):
        for name in names:
            content = io.BytesIO()
            iso.get_file_from_iso_fp(content, rr_path=f"{folder.rstrip('/')}/{name}")
            found[f"{folder.rstrip('/')}/{name}"] = content.getvalue()
    iso.close()
    return found


@pytest.fixture(scope="module", params=STYLES)
def built(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    base = cached_base(request.param)
    result = build_usb_image(base, folder / "key.img", PLAN)
    volume = fattools.cut_partition(result.out, folder / "volume")
    return request.param, base, result, volume, fattools.extract(volume, folder / "out")


def test_every_file_of_the_base_is_on_the_key_byte_for_byte(built):
    _, base, result, _, found = built
    expected = {
        path: data for path, data in iso_files(base).items() if not LEFT_OUT.fullmatch(path)
    }
    configs = {p for p in expected if p.startswith("/EFI/") and p.endswith((".cfg", ".conf"))}
    for path, content in expected.items():
        if path not in configs:
            assert found[path] == content, path
    own = {p for p in found if re.fullmatch("/syslinux/.+", p)} | set(PLAN.files)
    assert {path for path in found if not path.endswith("/")} == set(expected) | own
    assert {path: found[path] for path in PLAN.files} == PLAN.files
    assert result.base_label == INFO[built[0]].label
    assert result.release == INFO[built[0]].version
    assert (result.layout is Layout.EL6) == (built[0] == "el6")


def test_the_volume_is_sound_and_carries_the_label_everywhere(built):
    _, _, result, volume, _ = built
    fattools.fsck(volume)
    found = fattools.probe(result.out, fattools.PARTITION_OFFSET)
    assert (found["TYPE"], found["VERSION"]) == ("vfat", "FAT32")
    assert found["LABEL"] == found["LABEL_FATBOOT"] == result.label == LABEL


def test_bios_finds_an_active_partition_and_syslinux_on_it(built):
    _, _, result, _, found = built
    head = result.out.read_bytes()[: (1 << 20) + 16 * 512]
    code = Path("/usr/lib/syslinux/mbr/mbr.bin").read_bytes()
    assert head[: len(code)] == code
    active, kind, start, sectors = struct.unpack_from("<B3xB3xII", head, 446)
    assert (active, kind, start) == (0x80, 0x0C, 2048)
    assert (start + sectors) * 512 == result.size == result.out.stat().st_size
    assert head[462:510] == bytes(48)
    boot, backup = head[1 << 20 :][:512], head[(1 << 20) + 6 * 512 :][:512]
    assert boot[3:11] == b"SYSLINUX"
    assert boot == backup
    assert {"/syslinux/ldlinux.sys", "/syslinux/ldlinux.c32", "/syslinux/menu.c32"} <= set(found)


def menus(built):
    _, _, _, _, found = built
    return {
        path: content.decode()
        for path, content in found.items()
        if path.endswith((".cfg", ".conf")) and path.startswith(("/EFI/", "/syslinux/"))
    }


def test_no_menu_names_the_label_of_the_iso_or_checks_the_medium(built):
    style = built[0]
    texts = menus(built)
    assert len(texts) == (3 if style in {"el8", "el9"} else 2)
    old = INFO[style].label
    for path, text in texts.items():
        assert "rd.live.check" not in text, path
        assert f"LABEL={old}" not in text.replace("\\x20", " "), path
        if dialect := dialect_of(text):
            assert {ref.label for ref in label_references(text, dialect)} == {LABEL}


def test_bios_and_uefi_offer_the_same_kernels_with_the_same_arguments(built):
    style = built[0]
    texts = menus(built)
    uefi = texts["/EFI/BOOT/BOOTX64.conf" if style == "el6" else "/EFI/BOOT/grub.cfg"]
    bios = texts["/syslinux/syslinux.cfg"]
    dialect = dialect_of(uefi)
    assert dialect
    wanted = [
        (e.kernel, ",".join(e.initrds), e.command_line)
        for e in read_entries(uefi, dialect)
        if e.kernel
    ]
    offered = re.findall(r"  kernel (\S+)\n  initrd (\S+)\n  append (.*)\n", bios)
    assert offered == wanted
    assert bios.index("menu default") < bios.index("b2ct-hv1") < bios.index("b2ct-local")
    assert "timeout 70\n" in bios


def test_the_installer_is_told_where_kickstart_and_second_stage_are(built):
    style = built[0]
    bios = menus(built)["/syslinux/syslinux.cfg"]
    first = next(line for line in bios.splitlines() if line.startswith("  append"))
    if style == "el6":
        assert f"stage2=hd:LABEL={LABEL}:/images/install.img" in first
        assert f" ks=hd:LABEL={LABEL}:/ks.cfg" in first
    else:
        assert f"inst.stage2=hd:LABEL={LABEL}" in first
        assert f"inst.ks=hd:LABEL={LABEL}:/ks.cfg" in first
    assert "inst.text" in first
    # The rescue entry of EL 6 looks for its second stage on the key, too.
    rescue = [x for x in bios.splitlines() if x.startswith("  append") and "rescue" in x]
    assert len(rescue) == 1
    assert f"stage2=hd:LABEL={LABEL}" in rescue[0]


def test_equal_input_gives_an_equal_key(built, tmp_path, monkeypatch):
    _, base, result, _, _ = built
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    again = build_usb_image(base, tmp_path / "again.img", PLAN)
    assert again.out.read_bytes() == result.out.read_bytes()


def test_no_date_on_a_key_is_that_of_the_build(built):
    listing = fattools.run("mdir", "-/", "-a", "-i", built[3], "::/")
    assert "ldlinux  sys" in listing.lower()
    assert set(re.findall(r"\d{4}-\d\d-\d\d", listing)) == {"1980-01-01"}


def test_a_size_can_be_asked_for(tmp_path):
    result = build_usb_image(cached_base("el9"), tmp_path / "k", PLAN, size=301 * 10**6)
    assert result.size == result.out.stat().st_size == 301 * 10**6
    assert result.out.stat().st_blocks * 512 < 40 << 20
    fattools.fsck(fattools.cut_partition(result.out, tmp_path / "volume"))


def test_a_serial_console_reaches_menu_and_kernel(tmp_path):
    plan = MediaPlan(LABEL, "T", PLAN.entries, PLAN.files, serial="ttyS1,9600n8")
    result = build_usb_image(cached_base("el9"), tmp_path / "k", plan)
    text = fattools.read_file(result.out, "/syslinux/syslinux.cfg").decode()
    assert text.startswith("serial 1 9600\n")
    assert all(
        "console=tty0 console=ttyS1,9600n8" in e.command_line for e in result.entries if e.kernel
    )


def test_progress_reaches_the_whole_content(tmp_path):
    lines = []
    result = build_usb_image(
        cached_base("el9"), tmp_path / "k", PLAN, progress=lambda *line: lines.append(line)
    )
    assert lines[-1] == ("copying files", result.content, result.content)


# What is refused.


def changed(tmp_path, *commands, style="el9") -> Path:
    """A base of ``style``, changed by xorriso commands; its boot records stay."""
    out = tmp_path / "changed.iso"
    subprocess.run(
        ["xorriso", "-indev", cached_base(style), "-outdev", out, "-boot_image", "any", "replay",
         "-follow", "off", *commands],
        check=True, capture_output=True,
    )  # fmt: skip
    return out


def refused(base, tmp_path, match, plan=PLAN, **how):
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(MediaError, match=match) as caught:
        build_usb_image(base, out / "key.img", plan, **how)
    assert list(out.iterdir()) == []
    return caught.value


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        ("TORINO-SITE-1", "has 13 characters, FAT holds 11"),
        ("b2ct", "may hold only A-Z"),
        ("B2CT KEY", "may hold only A-Z"),
        ("", "at least one character"),
    ],
)
def test_labels_that_fat_or_boot_loaders_cannot_take(tmp_path, label, reason):
    plan = MediaPlan(label, PLAN.title, PLAN.entries, PLAN.files)
    assert (
        reason in refused(cached_base("el9"), tmp_path, "cannot be built as planned", plan).message
    )


def test_all_problems_of_a_plan_at_once(tmp_path):
    plan = MediaPlan("b2ct", "T", (BootEntry("A", "", "/none.cfg"),), {"/.discinfo": b""})
    message = refused(cached_base("el9"), tmp_path, "as planned", plan).message
    for part in ("'b2ct'", "'A'", "title", "/none.cfg", "/.discinfo is on the base"):
        assert part in message


def joined_to_4_gib(base: Path) -> Path:
    """Make the files BIG.IMG and BIG.IMH of an ISO the two extents of one file over 4 GiB.

    The image becomes a sparse one: writing one with xorriso takes half a minute.
    """
    content = bytearray(base.read_bytes())
    first, second = (content.index(name) - 33 for name in (b"BIG.IMG;1", b"BIG.IMH;1"))
    length = 0xFFFFF800
    content[first + 10 : first + 18] = struct.pack("<I", length) + struct.pack(">I", length)
    content[first + 25] |= 0x80  # more extents follow
    for at in (second + 33, content.index(b"BIG.IMH", second + 40)):
        content[at : at + 7] = b"BIG.IMG"
    base.write_bytes(content)
    os.truncate(base, 5 << 30)
    return base


def test_what_fat_cannot_hold_is_named_before_anything_is_written(tmp_path):
    tree = tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "good").symlink_to("sub/file")
    (tree / "sub/file").write_text("x")
    (tree / "loop").symlink_to("loop")
    (tree / "round").symlink_to("sub/../circle")
    (tree / "circle").symlink_to("round")
    (tree / "folder-link").symlink_to("sub")
    (tree / "outside").symlink_to("/etc/passwd")
    (tree / "dangling").symlink_to("../none")
    (tree / "BIG.IMG").write_text("first part")
    (tree / "BIG.IMH").write_text("second part")
    base = joined_to_4_gib(changed(tmp_path, "-map", tree, "/x"))
    error = refused(base, tmp_path, "cannot go on a FAT key")
    for part in (
        "/x/BIG.IMG: 4.3 GB, but a file on FAT ends below 4 GiB",
        "/x/loop: a loop of symbolic links",
        "/x/round: a loop of symbolic links",
        "/x/folder-link: a symbolic link to the folder /x/sub",
        "/x/outside: a symbolic link to /etc/passwd, which is not on the ISO",
        "/x/dangling: a symbolic link to ../none, which is not on the ISO",
    ):
        assert part in error.message
    assert "/x/good" not in error.message


def test_links_to_files_become_files(tmp_path):
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "also").symlink_to("../images/pxeboot/../install.img")
    (tree / "chain").symlink_to("also")
    result = build_usb_image(changed(tmp_path, "-map", tree, "/x"), tmp_path / "k", PLAN)
    install = fattools.read_file(result.out, "/images/install.img")
    assert fattools.read_file(result.out, "/x/also") == install
    assert fattools.read_file(result.out, "/x/chain") == install


def test_names_that_differ_only_by_case(tmp_path):
    (tmp_path / "empty").write_text("x")
    base = changed(tmp_path, "-map", tmp_path / "empty", "/.DiscInfo")
    message = refused(base, tmp_path, "cannot go on a FAT key").message
    assert "/.discinfo: differs only by case from .DiscInfo" in message


@pytest.mark.parametrize(
    ("gone", "reason"),
    [
        (("/EFI/BOOT/grub.cfg", "/EFI/BOOT/BOOT.conf"), "no UEFI boot menu"),
        (("/EFI/BOOT/BOOTX64.EFI",), "no UEFI boot loader"),
        (("/images/pxeboot/vmlinuz",), "names /images/pxeboot/vmlinuz, which is not on it"),
    ],
)
def test_an_iso_with_parts_missing(tmp_path, gone, reason):
    commands = [word for path in gone for word in ("-rm", path, "--")]
    base = changed(tmp_path, *commands)
    refused(base, tmp_path, f"changed.iso is not a whole boot ISO: .*{reason}")


def test_an_iso_that_boots_nothing(tmp_path):
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "file").write_text("x")
    subprocess.run(["genisoimage", "-quiet", "-R", "-o", tmp_path / "x.iso", tree], check=True)
    refused(tmp_path / "x.iso", tmp_path, "not laid out as a boot ISO of Enterprise Linux")


def test_what_is_no_iso(tmp_path):
    (tmp_path / "text").write_text("no ISO\n" * 10_000)
    refused(tmp_path / "text", tmp_path, "text is not an ISO image")


def test_a_missing_base(tmp_path):
    refused(tmp_path / "none.iso", tmp_path, r"cannot read .*none\.iso: No such file")


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.99])
def test_a_truncated_iso(tmp_path, keep):
    base = make_base("el9", tmp_path / "base.iso")
    os.truncate(base, int(base.stat().st_size * keep) // 2048 * 2048)
    refused(base, tmp_path, "cut short")


def test_a_size_that_is_too_small(tmp_path):
    error = refused(cached_base("el9"), tmp_path, "the content needs", size=20 << 20)
    assert "ask for" in error.hint


_LIMITED = """
import resource, sys
from pathlib import Path
from tests.unit.test_usb import PLAN
from iso_builder.errors import MediaError
from iso_builder.usb import build_usb_image
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
try:
    build_usb_image(Path(sys.argv[1]), Path(sys.argv[2]), PLAN)
except MediaError as error:
    print(error.message, "|", error.hint)
else:
    print("built")
"""


def test_an_output_that_may_not_become_so_large(tmp_path):
    argv = [sys.executable, "-c", _LIMITED, cached_base("el9"), tmp_path / "key.img", str(9 << 20)]
    done = subprocess.run(argv, check=True, capture_output=True, text=True)
    assert "key.img: File too large" in done.stdout
    assert list(tmp_path.iterdir()) == []


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small tmpfs needs root")


@needs_root
@pytest.mark.parametrize(
    ("options", "reason"), [("size=3m", "No space left"), ("ro", "Read-only file system")]
)
def test_a_target_that_is_full_or_read_only(tmp_path, options, reason):
    target = tmp_path / "small"
    target.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", target], check=True)
    try:
        with pytest.raises(MediaError, match=f"cannot write .*key.img: {reason}") as caught:
            build_usb_image(cached_base("el9"), target / "key.img", PLAN)
        assert "another folder" in caught.value.hint
        assert list(target.iterdir()) == []
    finally:
        subprocess.run(["umount", target], check=True)


@pytest.mark.parametrize("kind", ["no folder", "a folder"])
def test_a_target_that_cannot_be_a_file(tmp_path, kind):
    target = tmp_path if kind == "a folder" else tmp_path / "none/key.img"
    with pytest.raises(MediaError, match="cannot write") as caught:
        build_usb_image(cached_base("el9"), target, PLAN)
    assert caught.value.hint


_LOOPED = """
import sys
from pathlib import Path
from tests.unit.test_usb import PLAN
from iso_builder.usb import build_usb_image
print("ready", flush=True)
while True:
    build_usb_image(Path(sys.argv[1]), Path(sys.argv[2]), PLAN)
"""


@pytest.mark.slow
@pytest.mark.parametrize("delay_ms", [1, 5, 13, 29, 47, 71, 97, 130, 170, 230])
def test_a_killed_build_leaves_a_whole_key_or_none_and_no_litter_that_stays(tmp_path, delay_ms):
    base = make_base("el9", tmp_path / "base.iso", payload_mib=60)
    out = tmp_path / "out"
    out.mkdir()
    argv = [sys.executable, "-c", _LOOPED, base, out / "key.img"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as running:
        assert running.stdout
        running.stdout.readline()
        try:
            running.wait(timeout=delay_ms / 1000)
        except subprocess.TimeoutExpired:
            running.kill()
    reference = build_usb_image(base, tmp_path / "reference.img", PLAN).out.read_bytes()
    if (out / "key.img").exists():
        assert (out / "key.img").read_bytes() == reference
    build_usb_image(base, out / "key.img", PLAN)
    assert [path.name for path in out.iterdir()] == ["key.img"]
    assert (out / "key.img").read_bytes() == reference


# Keys from loose files.


def loose_files(tmp_path):
    (tmp_path / "vmlinuz").write_bytes(os.urandom(70_001))
    (tmp_path / "initrd").write_bytes(os.urandom(300_000))
    return {
        "/install/vmlinuz": whole_file(tmp_path / "vmlinuz"),
        "/install/initrd.gz": whole_file(tmp_path / "initrd"),
        "/EFI/BOOT/BOOTX64.EFI": Data(b"MZ shim"),
        "/EFI/BOOT/grubx64.efi": Data(b"MZ grub"),
    }


DEBIAN = MediaPlan(
    "B2CT-DEB",
    "Site 'T'",
    (
        BootEntry("n1", "Install n1", None, "auto=true file=/preseed.cfg", ("/b2ct/n1.cpio",)),
        BootEntry("n2", "Install n2", None, "auto=true file=/preseed.cfg", ("/b2ct/n2.cpio",)),
    ),
    {"/b2ct/n1.cpio": b"1" * 600, "/b2ct/n2.cpio": b"2"},
)
LOOSE = {
    "kernel": "/install/vmlinuz",
    "initrd": "/install/initrd.gz",
    "grub_config": "/EFI/debian/grub.cfg",
}


def test_a_key_from_loose_files_holds_them_and_both_menus(tmp_path):
    files = loose_files(tmp_path)
    result = build_usb_from_files(
        files, tmp_path / "k", DEBIAN, arguments="vga=788", rescue_arguments="rescue/enable=true",
        **LOOSE,
    )  # fmt: skip
    volume = fattools.cut_partition(result.out, tmp_path / "volume")
    fattools.fsck(volume)
    found = fattools.extract(volume, tmp_path / "out")
    assert found["/install/vmlinuz"] == (tmp_path / "vmlinuz").read_bytes()
    assert found["/install/initrd.gz"] == (tmp_path / "initrd").read_bytes()
    assert found["/EFI/BOOT/grubx64.efi"] == b"MZ grub"
    grub = found["/EFI/debian/grub.cfg"].decode()
    assert "search --no-floppy --set=root -l 'B2CT-DEB'\n" in grub
    assert 'set default="b2ct-n1"' in grub
    assert "linux /install/vmlinuz vga=788 auto=true file=/preseed.cfg\n" in grub
    assert "initrd /install/initrd.gz /b2ct/n2.cpio\n" in grub
    assert "linux /install/vmlinuz vga=788 rescue/enable=true\n" in grub
    bios = found["/syslinux/syslinux.cfg"].decode()
    assert "  initrd /install/initrd.gz,/b2ct/n1.cpio\n" in bios
    assert "  append vga=788 auto=true file=/preseed.cfg\n" in bios
    assert "  append vga=788 rescue/enable=true\n" in bios
    assert fattools.probe(result.out, fattools.PARTITION_OFFSET)["LABEL"] == "B2CT-DEB"


def test_the_menu_of_loose_files_is_one_that_grub_can_read(tmp_path):
    result = build_usb_from_files(
        loose_files(tmp_path),
        tmp_path / "k",
        DEBIAN,
        rescue_arguments="rescue/enable=true",
        **LOOSE,
    )
    (tmp_path / "grub.cfg").write_bytes(fattools.read_file(result.out, "/EFI/debian/grub.cfg"))
    fattools.run("grub-script-check", tmp_path / "grub.cfg")


@pytest.mark.parametrize(
    ("without", "reason"),
    [
        ("/install/vmlinuz", "lack /install/vmlinuz"),
        ("/install/initrd.gz", "lack /install/initrd.gz"),
        ("/EFI/BOOT/BOOTX64.EFI", "no UEFI boot loader"),
    ],
)
def test_loose_files_without_a_part_are_refused(tmp_path, without, reason):
    files = loose_files(tmp_path)
    del files[without]
    with pytest.raises(MediaError, match=reason):
        build_usb_from_files(files, tmp_path / "k", DEBIAN, **LOOSE)
    assert not (tmp_path / "k").exists()


def test_a_command_line_too_long_for_syslinux_is_refused(tmp_path):
    entry = BootEntry("n1", "Install n1", None, "x=" + "y" * 2010)
    plan = MediaPlan("B2CT-DEB", "T", (entry,), {})
    with pytest.raises(MediaError, match="syslinux passes 2047"):
        build_usb_from_files(loose_files(tmp_path), tmp_path / "k", plan, **LOOSE)


def test_without_syslinux_the_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("iso_builder.syslinux._PLACES", ((tmp_path, tmp_path),))
    assert (
        "syslinux-common" in refused(cached_base("el9"), tmp_path, "syslinux.*not installed").hint
    )
