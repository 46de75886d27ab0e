"""The FAT writer, judged by fsck.vfat, mtools and blkid."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iso_builder.errors import MediaError
from iso_builder.fat import FatTree, choose_geometry, label_problem, write_volume
from iso_builder.fat.folders import dos_time
from iso_builder.fat.names import fold, name_problem, short_names
from iso_builder.sources import Data, FileRange, Source, whole_file
from tests.media import fattools


def write(path: Path, files: dict[str, Source], folders: list[str] | None = None, **how):
    tree = FatTree(files, folders or [])
    geometry = choose_geometry(tree, **{"slack": 0, **how})
    with path.open("w+b") as handle:
        handle.truncate(geometry.total_sectors * 512)
        write_volume(
            handle.fileno(), 0, tree, geometry, label="B2CT", serial=0x12345678, timestamp=0
        )
    return geometry


_SIZES = st.one_of(
    st.sampled_from([0, 1, 511, 512, 513, 1023, 1024, 1025, 4095, 4096, 4097]),
    st.integers(0, 20_000),
)
_NAMES = st.text(st.sampled_from("abcXYZ019._-~ +,;=[]é日'$"), min_size=1, max_size=30).filter(
    lambda name: name_problem(name) is None
)


@st.composite
def _trees(draw):
    files: dict[str, bytes] = {}
    folders: list[str] = []
    used: dict[str, set[str]] = {"": set()}
    for _ in range(draw(st.integers(0, 25))):
        parent = draw(st.sampled_from(sorted(used)))
        name = draw(_NAMES)
        if fold(name) in used[parent]:
            continue
        used[parent].add(fold(name))
        path = f"{parent}/{name}"
        if draw(st.integers(0, 3)) == 0:
            folders.append(path)
            used[path] = set()
        else:
            size = draw(_SIZES)
            files[path] = (path.encode() + b"|") * (size // (len(path.encode()) + 1) + 1)
            files[path] = files[path][:size]
    return files, folders


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(tree=_trees(), bits=st.sampled_from([16, 32]), slack=st.integers(0, 3 << 20))
def test_any_tree_comes_back_byte_for_byte_and_fsck_has_nothing_to_say(tree, bits, slack):
    files, folders = tree
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        volume = base / "volume"
        write(volume, {p: Data(c) for p, c in files.items()}, folders, bits=bits, slack=slack)
        fattools.fsck(volume)
        expected = dict(files) | {f"{folder}/": b"" for folder in folders}
        assert fattools.extract(volume, base / "out") == expected


@pytest.mark.parametrize(("bits", "version"), [(16, "FAT16"), (32, "FAT32")])
def test_blkid_sees_type_label_and_serial_as_the_installer_will(tmp_path, bits, version):
    write(tmp_path / "v", {"/ks.cfg": Data(b"text\n")}, bits=bits)
    found = fattools.probe(tmp_path / "v")
    assert found["TYPE"] == "vfat"
    assert found["VERSION"] == version
    assert found["LABEL"] == found["LABEL_FATBOOT"] == "B2CT"
    assert found["UUID"] == "1234-5678"


@pytest.mark.parametrize("megabytes", [1, 40, 200, 300, 9_000, 20_000, 40_000])
def test_geometry_of_every_size_is_what_fsck_takes(tmp_path, megabytes):
    tree = {"/a": Data(b"x" * 5000), "/folder/b": Data(b"y")}
    bits = 16 if megabytes < 40 else 32
    size = max(megabytes, 4) << 20
    geometry = write(tmp_path / "v", tree, size=size, bits=bits)
    assert geometry.total_sectors * 512 <= size
    assert geometry.total_sectors * 512 > size - (4 << 20)
    assert (4085 <= geometry.clusters < 65525) if bits == 16 else geometry.clusters >= 65525
    fattools.fsck(tmp_path / "v")
    # Sparse: what was written is metadata, not the size of the volume.
    assert (tmp_path / "v").stat().st_blocks * 512 < size // 50 + (1 << 20)


@settings(max_examples=200)
@given(
    extra=st.integers(0, 5000),
    bits=st.sampled_from([16, 32]),
    content=st.lists(st.integers(0, 3 << 20), max_size=6),
)
def test_any_number_of_sectors_keeps_room_for_the_content_and_fats_that_cover_it(
    extra, bits, content
):
    sources: dict[str, Source] = {
        f"/{i}": FileRange(Path("/dev/zero"), 0, size) for i, size in enumerate(content)
    }
    tree = FatTree(sources)
    least = choose_geometry(tree, slack=0, bits=bits)
    grown = choose_geometry(tree, slack=0, bits=bits, size=(least.total_sectors + extra) * 512)
    for geometry in (least, grown):
        assert geometry.clusters >= geometry.needed(tree)
        assert (geometry.clusters + 2) * (bits // 8) <= geometry.fat_sectors * 512


@pytest.mark.parametrize("extra", [1, 7, 8, 9, 15, 16, 17, 40])
def test_sectors_that_need_more_fat_than_they_give_clusters_stay_unused(extra):
    # A FAT that is full to its last entry: one cluster more needs a larger one.
    clusters = 66 * 1024 - 2
    tree = FatTree({"/a": FileRange(Path("/dev/zero"), 0, (clusters - 1) * 512)})
    full_fat = (clusters + 2) * 4 // 512
    sectors = 32 + 2 * full_fat + clusters + extra
    geometry = choose_geometry(tree, slack=0, bits=32, size=sectors * 512)
    assert geometry.clusters >= clusters == geometry.needed(tree)
    assert (geometry.clusters + 2) * 4 <= geometry.fat_sectors * 512


def test_a_size_below_the_content_is_refused_with_the_size_that_does():
    tree = FatTree({"/a": FileRange(Path("/dev/zero"), 0, 300 << 20)})
    with pytest.raises(MediaError, match=r"needs 30[0-9] MiB.*leaves 100 MiB") as caught:
        choose_geometry(tree, slack=0, size=100 << 20, bits=32)
    assert "ask for 30" in caught.value.hint


def test_sixty_thousand_small_files_make_fat32_of_what_would_be_fat16():
    tree = FatTree({f"/{i % 50}/{i}": Data(b"x") for i in range(66_000)})
    assert choose_geometry(tree, slack=0).bits == 32


def test_extents_are_copied_from_their_place_in_a_larger_file(tmp_path):
    blob = os.urandom(3 << 20)
    (tmp_path / "base").write_bytes(blob)
    ranges = {"/first": (0, 700_001), "/second": (700_416, 2048), "/last": (len(blob) - 3, 3)}
    write(
        tmp_path / "v",
        {path: FileRange(tmp_path / "base", at, size) for path, (at, size) in ranges.items()},
    )
    fattools.fsck(tmp_path / "v")
    found = fattools.extract(tmp_path / "v", tmp_path / "out")
    assert found == {path: blob[at : at + size] for path, (at, size) in ranges.items()}


def test_a_source_that_ends_early_is_an_error_that_names_the_file(tmp_path):
    (tmp_path / "base").write_bytes(b"x" * 5000)
    with pytest.raises(MediaError, match=r"base ends in the middle of /images/install\.img"):
        write(tmp_path / "v", {"/images/install.img": FileRange(tmp_path / "base", 4096, 2048)})


def test_all_refusals_of_a_tree_come_in_one_error(tmp_path):
    with (tmp_path / "big").open("wb") as handle:
        handle.truncate(4 << 30)
    with pytest.raises(MediaError) as caught:
        FatTree(
            {
                "/images/install.img": whole_file(tmp_path / "big"),
                "/Packages/A.rpm": Data(b""),
                "/Packages/a.rpm": Data(b""),
                "/x:y": Data(b""),
                "/readme": Data(b""),
                "/readme/notes": Data(b""),
                "/dot.": Data(b""),
                "/n" * 1 + "n" * 255: Data(b""),
            }
        )
    text = caught.value.message
    assert "/images/install.img: 4.3 GB, but a file on FAT ends below 4 GiB" in text
    assert "/Packages/a.rpm: differs only by case from A.rpm" in text
    assert "/x:y: its name holds ':'" in text
    assert "/readme: is a file and a folder" in text
    assert "/dot.: its name begins with a blank or ends with" in text
    assert "its name is longer than 255" in text
    assert caught.value.hint


def test_a_file_of_4_gib_less_one_byte_is_taken(tmp_path):
    with (tmp_path / "big").open("wb") as handle:
        handle.truncate((4 << 30) - 1)
    tree = FatTree({"/big": whole_file(tmp_path / "big")})
    assert choose_geometry(tree, slack=0).clusters * 4096 >= 4 << 30


def test_names_that_are_not_unicode_are_refused_in_print():
    with pytest.raises(MediaError, match=r"/\\udcff: its name is not valid Unicode"):
        FatTree({"/" + os.fsdecode(b"\xff"): Data(b"")})


def test_short_names_are_unique_and_spare_the_names_that_are_short_already():
    names = ["Long file name.text", "LONGFI~1.TEX", "longfile name 2.text", ".treeinfo", "a.b.c"]
    shorts = short_names(names)
    assert shorts[1] == b"LONGFI~1TEX"
    assert shorts[0] == b"LONGFI~2TEX"
    assert shorts[2] == b"LONGFI~3TEX"
    assert shorts[3] == b"TREEIN~1   "
    assert shorts[4] == b"AB~1    C  "
    many = short_names([f"package-number-{i}.rpm" for i in range(12_000)])
    assert len(set(many)) == 12_000


@pytest.mark.parametrize("label", ["B2CT", "A", "ABCDEFGHIJK", "EL-10_X"])
def test_labels_that_every_boot_loader_spells_alike_are_taken(label):
    assert label_problem(label) is None


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        ("", "at least one"),
        ("ABCDEFGHIJKL", "12 characters, FAT holds 11"),
        ("b2ct", "only A-Z"),
        ("A B", "only A-Z"),
        ("A.B", "only A-Z"),
        ("A$B", "only A-Z"),
        ("CLÉ", "only A-Z"),
        ("A\n", "only A-Z"),
    ],
)
def test_other_labels_are_refused_with_the_reason(label, reason):
    assert reason in (label_problem(label) or "")


def test_times_are_clamped_to_the_years_that_fat_has():
    assert dos_time(0) == (1 << 5 | 1, 0)
    assert dos_time(1 << 40) == (127 << 9 | 12 << 5 | 31, 23 << 11 | 59 << 5 | 29)
    assert dos_time(1_700_000_001) == (43 << 9 | 11 << 5 | 14, 22 << 11 | 13 << 5 | 10)
