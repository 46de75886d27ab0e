"""Archives behind an initrd: read back by GNU cpio, and refused where a kernel would stumble."""

import shutil
import subprocess

import pytest

from iso_builder.cpio import newc
from iso_builder.errors import MediaError


def listed(archive, tmp_path):
    subprocess.run(
        ["cpio", "-idm", "--quiet", "--no-absolute-filenames"],
        input=archive,
        cwd=tmp_path,
        check=True,
    )
    return {
        str(path.relative_to(tmp_path)): path for path in tmp_path.rglob("*") if not path.is_dir()
    }


def test_gnu_cpio_unpacks_what_was_packed(tmp_path):
    assert shutil.which("cpio")
    archive = newc(
        {"preseed.cfg": b"d-i\n", "b2ct/early": b"#!/bin/sh\n", "odd": b"12345"},
        programs={"b2ct/early"},
        links={"etc/ssl/certs/0a.0": "site.crt"},
    )
    found = listed(archive, tmp_path)
    assert set(found) == {"preseed.cfg", "b2ct/early", "odd", "etc/ssl/certs/0a.0"}
    assert found["odd"].read_bytes() == b"12345"
    assert found["b2ct/early"].stat().st_mode & 0o777 == 0o755
    assert found["preseed.cfg"].stat().st_mode & 0o777 == 0o644
    assert found["etc/ssl/certs/0a.0"].readlink().name == "site.crt"


def test_order_of_input_does_not_show():
    one = newc({"a": b"1", "b/c": b"2"})
    assert one == newc({"b/c": b"2", "a": b"1"})
    assert len(one) % 4 == 0


def test_folders_come_before_what_is_in_them():
    archive = newc({"x/y/z": b""})
    assert archive.index(b"x\0") < archive.index(b"x/y\0") < archive.index(b"x/y/z\0")


@pytest.mark.parametrize("path", ["/preseed.cfg", "../x", "a/../b", "", "TRAILER!!!"])
def test_paths_that_leave_the_archive_are_refused(path):
    with pytest.raises(MediaError, match="cannot be a path"):
        newc({path: b""})


def test_a_file_cannot_be_a_folder():
    with pytest.raises(MediaError, match="is a file"):
        newc({"a": b"", "a/b": b""})
