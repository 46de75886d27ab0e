"""What the tests of ISOs share: a plan, and one build of each layout a test process."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

import pytest

from iso_builder.build import BuildResult, build_iso
from iso_builder.plan import BootEntry, MediaPlan
from tests.media.bases import Style, cached_base

KICKSTART = b"# node1\ninstall\n" * 300
PLAN = MediaPlan(
    label="B2CT-TORINO",
    title="b2ct: torino",
    entries=(
        BootEntry("node1", "Install node1 of torino", "/b2ct/ks/node1.cfg"),
        BootEntry("node2", "Install node2 of torino", "/b2ct/ks/node2.cfg", "inst.text"),
    ),
    files={
        "/b2ct/ks/node1.cfg": KICKSTART,
        "/b2ct/ks/node2.cfg": b"# node2\n",
        "/b2ct/manifest.json": b"{}\n",
    },
    serial="ttyS0,115200n8",
)


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """``built(style, media_check)``: the result of one build, made once a test process."""
    folder = tmp_path_factory.mktemp("built")

    @functools.cache
    def build(style: Style, media_check: bool = True) -> BuildResult:
        with tempfile.NamedTemporaryFile(dir=folder, suffix=f"-{style}.iso") as place:
            name = Path(place.name)
        return build_iso(cached_base(style), name, PLAN, media_check=media_check)

    return build
