"""OEMDRV media: what Anaconda's rules look at, and equal bytes for equal input."""

from __future__ import annotations

import io
import re
import stat

import pycdlib
import pytest

from iso_builder.errors import MediaError
from iso_builder.oemdrv import build_oemdrv
from tests.media import fattools

FILES = {
    "/ks.cfg": b"text\nreboot\n",
    "/b2ct/Hypervisor-1.example.org.cfg": b"x" * 40_000,
    "/b2ct/manifest.json": b"{}\n",
}


def test_a_stick_is_seen_by_its_label_and_holds_the_files(tmp_path):
    out = tmp_path / "oemdrv.img"
    result = build_oemdrv(out, FILES, kind="stick")
    assert fattools.probe(out, fattools.PARTITION_OFFSET)["LABEL"] == "OEMDRV"
    assert fattools.probe(out)["PTTYPE"] == "dos"
    volume = fattools.cut_partition(out, tmp_path / "volume")
    fattools.fsck(volume)
    found = fattools.extract(volume, tmp_path / "out")
    assert found == FILES | {"/b2ct/": b""}
    assert result.size == out.stat().st_size == 4 << 20
    assert result.sha256 == fattools.run("sha256sum", out).split()[0]


def test_an_iso_is_seen_by_its_label_and_holds_the_files_under_their_names(tmp_path):
    out = tmp_path / "oemdrv.iso"
    build_oemdrv(out, FILES, kind="iso")
    found = fattools.probe(out)
    assert (found["TYPE"], found["LABEL"]) == ("iso9660", "OEMDRV")
    iso = pycdlib.PyCdlib()
    iso.open(str(out))
    for path, content in FILES.items():
        for names in ({"rr_path": path}, {"joliet_path": path}):
            read = io.BytesIO()
            iso.get_file_from_iso_fp(read, **names)
            assert read.getvalue() == content
    iso.close()


@pytest.mark.parametrize("kind", ["stick", "iso"])
def test_equal_input_gives_equal_bytes_at_any_time_and_in_any_zone(tmp_path, monkeypatch, kind):
    build_oemdrv(tmp_path / "a", FILES, kind=kind)
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    (tmp_path / "elsewhere").mkdir()
    reversed_files = dict(reversed(FILES.items()))
    build_oemdrv(tmp_path / "elsewhere/b", reversed_files, kind=kind)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "elsewhere/b").read_bytes()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    build_oemdrv(tmp_path / "c", FILES, kind=kind)
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()


def test_no_date_is_that_of_the_build(tmp_path):
    build_oemdrv(tmp_path / "a.iso", FILES, kind="iso")
    iso = pycdlib.PyCdlib()
    iso.open(str(tmp_path / "a.iso"))
    dates = [iso.get_record(rr_path=path).date for path in ("/", "/ks.cfg", "/b2ct")]
    iso.close()
    assert {(date.years_since_1900, date.day_of_month, date.gmtoffset) for date in dates} == {
        (80, 1, 0)
    }
    build_oemdrv(tmp_path / "a.img", FILES, kind="stick")
    listing = fattools.run("mdir", "-i", f"{tmp_path / 'a.img'}@@1M", "::/")
    assert "1980-01-01" in listing
    assert "20" not in {date[:2] for date in re.findall(r"\d{4}-\d\d-\d\d", listing)}


@pytest.mark.parametrize("kind", ["stick", "iso"])
def test_only_its_owner_reads_the_password_hashes(tmp_path, kind):
    build_oemdrv(tmp_path / "a", FILES, kind=kind)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600


def test_thousands_of_kickstarts_fit(tmp_path):
    files = {f"/b2ct/node-{i:05}.example.org.cfg": b"k" * 12_000 for i in range(3_000)}
    result = build_oemdrv(tmp_path / "a", {"/ks.cfg": b""} | files, kind="stick")
    volume = fattools.cut_partition(tmp_path / "a", tmp_path / "volume")
    fattools.fsck(volume)
    assert result.size < 64 << 20


@pytest.mark.parametrize("kind", ["stick", "iso"])
def test_without_the_name_that_anaconda_loads_it_is_refused(tmp_path, kind):
    with pytest.raises(MediaError, match=r"needs /ks\.cfg"):
        build_oemdrv(tmp_path / "a", {"/kickstart.cfg": b""}, kind=kind)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["stick", "iso"])
def test_names_that_differ_by_case_are_refused_on_both_kinds(tmp_path, kind):
    with pytest.raises(MediaError, match="differs only by case"):
        build_oemdrv(tmp_path / "a", FILES | {"/KS.cfg": b""}, kind=kind)
    assert list(tmp_path.iterdir()) == []


def test_a_senseless_source_date_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(MediaError, match="SOURCE_DATE_EPOCH is 'yesterday'"):
        build_oemdrv(tmp_path / "a", FILES, kind="stick")


def test_a_missing_program_is_named_with_its_package(tmp_path, monkeypatch):
    monkeypatch.setattr("iso_builder.programs.shutil.which", lambda *args, **kwargs: None)
    with pytest.raises(MediaError, match="xorriso is not installed") as caught:
        build_oemdrv(tmp_path / "a", FILES, kind="iso")
    assert "apt install xorriso" in caught.value.hint
    assert list(tmp_path.iterdir()) == []
