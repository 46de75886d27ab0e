"""Damaged base ISOs: a key that is sound, or an error with a reason and nothing left behind."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iso_builder.errors import MediaError
from iso_builder.usb import build_usb_image
from tests.media import fattools
from tests.media.bases import cached_base
from tests.media.places import scratch
from tests.unit.test_usb import PLAN

#: Descriptors, path tables and folders of the test ISOs lie here; El Torito and GPT too.
_STRUCTURES = 64 * 2048

_DAMAGE = st.one_of(
    st.tuples(
        st.just("bytes"),
        st.lists(
            st.tuples(st.integers(0, _STRUCTURES - 1), st.integers(0, 255)),
            min_size=1,
            max_size=12,
        ),
    ),
    st.tuples(st.just("block"), st.tuples(st.integers(0, 63), st.sampled_from([0, 0x20, 0xFF]))),
    st.tuples(st.just("end"), st.integers(0, 6 << 20)),
)


def damaged(base: Path, target: Path, damage) -> Path:
    shutil.copyfile(base, target)
    kind, what = damage
    if kind == "end":
        os.truncate(target, min(what, target.stat().st_size))
        return target
    with target.open("r+b") as handle:
        if kind == "block":
            handle.seek(what[0] * 2048)
            handle.write(bytes([what[1]]) * 2048)
        else:
            for offset, value in what:
                handle.seek(offset)
                handle.write(bytes([value]))
    return target


def judge(style, damage):
    with scratch() as folder:
        base = damaged(cached_base(style), folder / "base.iso", damage)
        out = folder / "out"
        out.mkdir()
        try:
            result = build_usb_image(base, out / "key.img", PLAN)
        except MediaError as error:
            assert error.message
            assert list(out.iterdir()) == []
        else:
            assert [path.name for path in out.iterdir()] == ["key.img"]
            fattools.fsck(fattools.cut_partition(result.out, folder / "volume"))


@settings(max_examples=25)
@given(style=st.sampled_from(["el6", "el9", "el10"]), damage=_DAMAGE)
def test_a_damaged_iso_makes_a_sound_key_or_an_error(style, damage):
    judge(style, damage)


@pytest.mark.slow
@settings(max_examples=200)
@given(style=st.sampled_from(["el6", "el7", "el8", "el9", "el10"]), damage=_DAMAGE)
def test_a_damaged_iso_makes_a_sound_key_or_an_error_many_times(style, damage):
    judge(style, damage)
