"""`b2ct lab` refuses what cannot work here, and says what to do."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from b2ct.cli import main
from b2ct.lab import image, make

SITES = Path(__file__).resolve().parents[2] / "lab/sites"


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("B2CT_LAB_CACHE", str(tmp_path / "cache"))


def b2ct(*words: str) -> Result:
    return CliRunner().invoke(main, ["lab", *words])


def refused(*words: str) -> str:
    done = b2ct(*words)
    assert done.exit_code == 2, done.output
    assert "Traceback" not in done.output
    return done.output


@pytest.mark.parametrize(
    "words", [("status",), ("down",), ("ssh", "node1"), ("power", "node1", "off"), ("inventory",)]
)
def test_a_site_without_a_lab(words: tuple[str, ...]) -> None:
    told = refused(words[0], str(SITES / "san3"), *words[1:])
    assert "san3 has no lab" in told
    assert f"b2ct lab up {SITES / 'san3'}" in told


@pytest.mark.parametrize(
    ("program", "package"),
    [("qemu-system-x86_64", "qemu-system-x86"), ("qemu-img", "qemu-utils"), ("zstd", "zstd")],
)
def test_a_missing_program(program: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    which = shutil.which
    monkeypatch.setattr(
        shutil, "which", lambda name, **more: None if name == program else which(name, **more)
    )
    told = refused("up", str(SITES / "san3"))
    assert f"a lab needs {program}, which is not here" in told
    assert f"apt install {package}" in told


def test_no_mmdebstrap(monkeypatch: pytest.MonkeyPatch) -> None:
    which = shutil.which
    monkeypatch.setattr(
        shutil, "which", lambda name, **more: None if name == "mmdebstrap" else which(name, **more)
    )
    told = refused("image")
    assert "made with mmdebstrap, which is not here" in told


def test_the_image_needs_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image.os, "geteuid", lambda: 1000)
    assert "needs root" in refused("image")


def test_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = SimpleNamespace(total=1, used=1, free=1 << 20)
    monkeypatch.setattr(image.shutil, "disk_usage", lambda _: usage)
    assert "1 MiB are free" in refused("image")


def test_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make, "free_memory_mib", lambda: 1000)
    told = refused("up", str(SITES / "san3"))
    assert "3 nodes need 2688 MiB of memory, and 1000 MiB are free" in told


def test_the_same_recipe_has_the_same_name() -> None:
    assert image.recipe_hash() == image.recipe_hash()
    assert "pacemaker" in image.packages()
    argv = image.bootstrap_argv(Path("/t"))
    assert argv[-3:] == ["bookworm", "/t", "-"]


def test_another_recipe_is_another_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = image.recipe_hash()
    copy = tmp_path / "image"
    shutil.copytree(Path(image.__file__).parent / "image", copy)
    with (copy / "packages.txt").open("a") as stream:
        stream.write("cowsay\n")
    monkeypatch.setattr(image, "_RECIPE", copy)
    assert image.recipe_hash() != before
    assert "cowsay" in ",".join(image.bootstrap_argv(tmp_path))


def test_the_machines_sources_or_debians_own() -> None:
    lines = image.sources().splitlines()
    assert lines
    assert all(line.startswith("deb ") and line.endswith(" main") for line in lines)
