"""Ranges are copied exactly, wherever they lie, and shared where the file system shares."""

from __future__ import annotations

import os
import random
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iso_builder import copying

CONTENT = random.Random(5).randbytes(1 << 20)


def copied(folder, source_at, target_at, size):
    (folder / "source").write_bytes(CONTENT)
    (folder / "target").write_bytes(b"\xaa" * (3 << 20))
    told = []
    with (folder / "source").open("rb") as source, (folder / "target").open("r+b") as target:
        count = copying.copy_range(
            source.fileno(), source_at, target.fileno(), target_at, size, moved=told.append
        )
    assert sum(told) == count == max(0, min(size, len(CONTENT) - source_at))
    found = (folder / "target").read_bytes()
    assert found[target_at : target_at + count] == CONTENT[source_at : source_at + count]
    rest = found[:target_at] + found[target_at + count :]
    assert rest == b"\xaa" * len(rest)


OFFSETS = st.one_of(st.integers(0, 1 << 20), st.integers(0, 256).map(lambda n: n * 4096))
SIZES = st.one_of(st.integers(0, 2 << 20), st.sampled_from([0, 1, 4095, 4096, 256 << 10]))


@settings(max_examples=25)
@given(source_at=OFFSETS, target_at=OFFSETS, size=SIZES)
def test_any_range_is_copied_and_nothing_else_is_touched(
    tmp_path_factory, source_at, target_at, size
):
    copied(tmp_path_factory.mktemp("copy"), source_at, target_at, size)


@pytest.fixture
def btrfs(tmp_path):
    image, folder = tmp_path / "btrfs.img", tmp_path / "btrfs"
    folder.mkdir()
    with image.open("wb") as handle:
        handle.truncate(128 << 20)
    subprocess.run(["mkfs.btrfs", "-q", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_blocks_are_shared_where_the_file_system_can(btrfs, monkeypatch):
    real, shared = copying._clone, []

    def clone(*arguments):
        done = real(*arguments)
        shared.append((done, arguments[-1]))
        return done

    monkeypatch.setattr(copying, "_clone", clone)
    copied(btrfs, 4096 + 2048, 8192 + 2048, (1 << 19) + 77)
    assert shared == [(True, 127 * 4096)]
    copied(btrfs, 2048, 4096, 1 << 19)  # not alike within their blocks
    assert len(shared) == 1
    copied(btrfs, 0, 0, 4 << 20)  # to the end of the source
    assert shared[1] == (True, 1 << 20)
