"""Damaged, foreign and hostile ISOs: an error that says why, at once, and nothing left behind."""

from __future__ import annotations

import errno
import functools
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iso_builder import copying
from iso_builder.build import build_iso
from iso_builder.errors import MediaError
from iso_builder.image import BLOCK, Image
from iso_builder.inspection import inspect_iso
from iso_builder.layouts import read_medium
from iso_builder.verification import verify_against_base
from iso_builder.volume import read_volume
from tests.media.bases import LAYOUTS, cached_base
from tests.media.places import scratch
from tests.unit.iso.conftest import PLAN

#: CPU seconds after which an input is taken to hang the work, which needs a tenth of one.
HANGS = 60
ROOT = Path(__file__).parents[3]


#: Address space that no input may need; without a limit one could take the whole machine.
MOST_MEMORY = 3 << 30


@pytest.fixture(autouse=True)
def _limited_memory():
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.fixture
def memory_path():
    """A folder as ``tmp_path``, in memory: the examples write some 50 GB."""
    with scratch() as folder:
        yield folder


@functools.cache
def raw_of(style):
    return cached_base(style).read_bytes()


@functools.cache
def spots(style):
    """Places that say where everything else is: (offset, size) of each."""
    with Image(cached_base(style)) as image:
        medium = read_medium(image)
        found = [(16 * BLOCK, 4 * BLOCK), (0, 34 * 512), (medium.catalog.offset, 256)]
        found += [(folder.offset, 512) for folder in medium.volume.folders.values()]
        found += [(medium.fat.extent.offset, 512), (medium.fat.extent.offset + 512, 4096)]
        found += [(config.offset, config.size) for config in configs(medium)]
        found += [(medium.bios.offset, 64), (len(raw_of(style)) - 34 * 512, 34 * 512)]
        tables = image.read(16 * BLOCK, BLOCK)
        for place in (140, 148):
            order = "little" if place == 140 else "big"
            found.append((int.from_bytes(tables[place : place + 4], order) * BLOCK, 256))
    return found


def configs(medium):
    paths = [config.path for config in medium.configs if not config.in_fat]
    return [medium.volume.files[path] for path in paths]


@dataclass(frozen=True)
class Damage:
    """What to do to a base. Small: hypothesis keeps every example that it made."""

    style: str
    patches: tuple[tuple[int, bytes], ...]
    end: int | None

    def content(self):
        raw = bytearray(raw_of(self.style))
        for place, patch in self.patches:
            raw[place : place + len(patch)] = patch
        return bytes(raw[: len(raw_of(self.style))][: self.end])


@st.composite
def damaged(draw):
    """A base of one of the layouts with some of its vital bytes changed."""
    style = draw(st.sampled_from(LAYOUTS))
    raw = raw_of(style)
    patches = []
    for _ in range(draw(st.integers(1, 4))):
        start, size = draw(st.sampled_from(spots(style)))
        place = start + draw(st.integers(0, size - 1))
        kind = draw(st.sampled_from(["bit", "byte", "number", "zeros", "copy"]))
        if kind == "bit":
            patch = bytes([raw[place] ^ (1 << draw(st.integers(0, 7)))])
        elif kind == "byte":
            patch = bytes([draw(st.integers(0, 255))])
        elif kind == "number":
            value = draw(st.sampled_from([0, 1, 16, 20, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]))
            patch = value.to_bytes(4, draw(st.sampled_from(["little", "big"])))
        elif kind == "zeros":
            patch = bytes(draw(st.integers(1, 300)))
        else:
            # A piece of another table: plausible, and wrong.
            other, length = draw(st.sampled_from(spots(style)))
            patch = raw[other : other + min(length, 256)]
        patches.append((place, patch))
    cut = draw(st.integers(0, 5)) == 0
    end = draw(st.integers(0, len(raw))) if cut else None
    return Damage(style, tuple(patches), end)


def judged(work):
    """Run ``work``; only MediaError may come out, with words. A hang is ended by an alarm."""

    def hung(*_):
        pytest.fail(f"hangs: {HANGS} s of CPU and no end")

    before = signal.signal(signal.SIGVTALRM, hung)
    signal.setitimer(signal.ITIMER_VIRTUAL, HANGS)
    try:
        work()
    except MediaError as error:
        assert error.message.strip()
        assert "Traceback" not in error.message
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


PROPERTY = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@settings(PROPERTY, max_examples=60)
@given(damage=damaged())
def test_reading_damaged_media(memory_path, damage):
    iso = memory_path / "damaged.iso"
    iso.write_bytes(damage.content())
    judged(lambda: inspect_iso(iso))
    judged(lambda: verify_against_base(iso, cached_base("el9")))


@settings(PROPERTY, max_examples=15)
@given(damage=damaged())
def test_building_from_damaged_media(memory_path, damage):
    folder = memory_path / "out"
    folder.mkdir(exist_ok=True)
    iso = memory_path / "damaged.iso"
    iso.write_bytes(damage.content())
    out = folder / "out.iso"
    out.unlink(missing_ok=True)
    judged(lambda: build_iso(iso, out, PLAN))
    assert {path.name for path in folder.iterdir()} <= {"out.iso"}


@pytest.mark.slow
@settings(PROPERTY, max_examples=2000)
@given(damage=damaged())
def test_reading_damaged_media_long(memory_path, damage):
    iso = memory_path / "damaged.iso"
    iso.write_bytes(damage.content())
    judged(lambda: inspect_iso(iso))


@pytest.mark.slow
@settings(PROPERTY, max_examples=300)
@given(damage=damaged())
def test_building_from_damaged_media_long(memory_path, damage):
    iso, out = memory_path / "damaged.iso", memory_path / "out.iso"
    iso.write_bytes(damage.content())
    out.unlink(missing_ok=True)
    judged(lambda: build_iso(iso, out, PLAN))
    assert {path.name for path in memory_path.iterdir()} <= {"out.iso", "damaged.iso"}
    if out.exists():
        done = subprocess.run(["checkisomd5", out], capture_output=True, check=False)
        assert done.returncode == 0


def refused(iso, out):
    with pytest.raises(MediaError) as caught:
        build_iso(iso, out, PLAN)
    return caught.value.message


@pytest.mark.parametrize("style", LAYOUTS)
@pytest.mark.parametrize("part", [0.001, 0.3, 0.8])
def test_truncated_media(tmp_path, style, part):
    iso = tmp_path / "cut.iso"
    raw = raw_of(style)
    iso.write_bytes(raw[: int(len(raw) * part)])
    message = refused(iso, tmp_path / "out.iso")
    assert re.search("cut short|not an ISO|damaged|refers to", message), message
    assert [path.name for path in tmp_path.iterdir()] == ["cut.iso"]


FOREIGN = [
    (b"", "is empty"),
    (b"\x1f\x8b" + bytes(90_000), "gzip archive: unpack it"),
    (b"QFI\xfb" + bytes(90_000), "qcow2 disk image"),
    (b"<!DOCTYPE html>" + bytes(90_000), "a web page"),
    (b"hello", "is not an ISO image"),
    (bytes(200_000), "is not an ISO image"),
    (
        bytes(32768) + b"\x01CD001\x01" + bytes(90_000),
        "cannot be read|cut short|damaged|not an ISO",
    ),
    (random.Random(7).randbytes(300_000), "is not an ISO image"),
]


@pytest.mark.parametrize(("content", "reason"), FOREIGN)
def test_what_is_no_iso(tmp_path, content, reason):
    iso = tmp_path / "x.iso"
    iso.write_bytes(content)
    assert re.search(reason, refused(iso, tmp_path / "out.iso"))
    with pytest.raises(MediaError, match=reason):
        inspect_iso(iso)


def make_iso(tmp_path, folders, *options):
    tree = tmp_path / "tree"
    for folder in folders:
        (tree / folder).mkdir(parents=True)
    (tree / "boot.bin").write_bytes(bytes(4096))
    (tree / "efi.img").write_bytes(bytes(8192))
    iso = tmp_path / "foreign.iso"
    argv = ["xorrisofs", "-quiet", "-o", iso, "-R", "-V", "X", *options, tree]
    subprocess.run(argv, check=True, capture_output=True)
    return iso


BIOS = ("-b", "boot.bin", "-no-emul-boot", "-boot-load-size", "4")
UEFI = ("-eltorito-alt-boot", "-e", "efi.img", "-no-emul-boot")


@pytest.mark.parametrize(
    ("folders", "options", "reason"),
    [
        (("docs",), (), "no El Torito boot record"),
        (("docs",), BIOS, "no boot entry for UEFI"),
        (("install.amd", ".disk"), (*BIOS, *UEFI), "Debian's installer, which is not remastered"),
        (("casper",), (*BIOS, *UEFI), "Ubuntu medium: not laid out"),
        (("docs",), (*BIOS, *UEFI), "not a FAT volume"),
    ],
)
def test_foreign_isos(tmp_path, folders, options, reason):
    iso = make_iso(tmp_path, folders, *options)
    assert reason in refused(iso, tmp_path / "out.iso")
    report = inspect_iso(iso)
    assert report.layout is None
    assert reason in report.layout_reason


def test_symlink_loops_are_kept_and_never_followed(tmp_path):
    base = tmp_path / "base.iso"
    shutil.copyfile(cached_base("el9"), base)
    for name, target in (("a", "b"), ("b", "a"), ("self", "self"), ("up", "..")):
        (tmp_path / name).symlink_to(target)
    argv = ["xorriso", "-dev", base, "-boot_image", "any", "replay"]
    for name in ("a", "b", "self", "up"):
        argv += ["-map", tmp_path / name, f"/loops/{name}"]
    subprocess.run([*argv, "-commit"], check=True, capture_output=True)
    result = build_iso(base, tmp_path / "out.iso", PLAN)
    with Image(result.out) as image:
        volume = read_volume(image)
    wanted = {"/loops/a": "b", "/loops/b": "a", "/loops/self": "self", "/loops/up": ".."}
    assert volume.symlinks == wanted
    assert verify_against_base(result.out, base).is_sound


def directory_record(style, name):
    """Offset of the root folder's record of ``name``."""
    with Image(cached_base(style)) as image:
        root = read_volume(image).folders["/"]
    return raw_of(style).index(name, root.offset) - 33, root


@pytest.mark.parametrize("style", ["el9", "el10"])
def test_folders_that_lead_in_circles(tmp_path, style):
    raw = bytearray(raw_of(style))
    record, root = directory_record(style, b"IMAGES")
    block = root.offset // BLOCK
    raw[record + 2 : record + 10] = block.to_bytes(4, "little") + block.to_bytes(4, "big")
    iso = tmp_path / "loop.iso"
    iso.write_bytes(raw)
    judged(lambda: build_iso(iso, tmp_path / "out.iso", PLAN))
    # Without the folder's files it is no installer, whatever the reader makes of the loop.
    assert not (tmp_path / "out.iso").exists()


def test_a_folder_of_four_gigabytes(tmp_path):
    raw = bytearray(raw_of("el9"))
    record, _ = directory_record("el9", b"IMAGES")
    size = 0xFFFFF800
    raw[record + 10 : record + 18] = size.to_bytes(4, "little") + size.to_bytes(4, "big")
    iso = tmp_path / "huge.iso"
    iso.write_bytes(raw)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    judged(lambda: inspect_iso(iso))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 << 10


# The target ----------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["missing/out.iso", "file/out.iso", "folder"])
def test_bad_targets(tmp_path, place):
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    assert "cannot write" in refused(cached_base("el9"), tmp_path / place)
    assert (tmp_path / "file").read_text() == "x"


def test_a_folder_where_nobody_may_write():
    assert "cannot write" in refused(cached_base("el9"), Path("/proc/out.iso"))


def test_too_little_room_is_told_before_the_work(tmp_path, monkeypatch):
    real = os.statvfs(tmp_path)

    def almost_full(path):
        fields = list(real)
        fields[4] = 100  # f_bavail
        return os.statvfs_result(fields)

    monkeypatch.setattr("iso_builder.build.os.statvfs", almost_full)
    assert "MiB are needed" in refused(cached_base("el9"), tmp_path / "out.iso")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("after", [0, 40, 41, 42])
@pytest.mark.parametrize("media_check", [True, False])
def test_the_disk_fills_up_on_the_way(tmp_path, monkeypatch, after, media_check):
    """Whatever write fails: the message names the target, and nothing stays behind."""
    out = tmp_path / "out.iso"
    out.write_bytes(b"the one before")
    real, count = os.pwrite, 0

    def full(*arguments):
        nonlocal count
        count += 1
        if count > after:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*arguments)

    monkeypatch.setattr(copying.os, "pwrite", full)
    with pytest.raises(MediaError) as caught:
        build_iso(cached_base("el9"), out, PLAN, media_check=media_check)
    assert "No space left" in caught.value.message
    assert "free some space" in caught.value.hint
    monkeypatch.undo()
    assert out.read_bytes() == b"the one before"
    assert [path.name for path in tmp_path.iterdir()] == ["out.iso"]


def script(base, out, *, delay_of_copy=0.0):
    """A program that builds and prints the error's message, if any."""
    return f"""
import sys, time
from pathlib import Path
from iso_builder import sparse
from iso_builder.build import build_iso
from iso_builder.errors import MediaError
from tests.unit.iso.conftest import PLAN
copy = sparse.copy_range
def slow(*arguments):
    time.sleep({delay_of_copy})
    return copy(*arguments)
sparse.copy_range = slow
print("begin", flush=True)
try:
    build_iso(Path({str(base)!r}), Path({str(out)!r}), PLAN)
except MediaError as error:
    print(error.message)
    sys.exit(2)
"""


def test_a_limit_on_the_size_of_files(tmp_path):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (5 << 20, 5 << 20))

    done = subprocess.run(
        [sys.executable, "-c", script(cached_base("el9"), tmp_path / "out.iso")],
        cwd=ROOT,
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "cannot write" in done.stdout
    assert list(tmp_path.iterdir()) == []


def kill_once(tmp_path, style, delay):
    """Build in a process of its own and kill it after ``delay`` seconds."""
    base, out = cached_base(style), tmp_path / "out.iso"
    program = script(base, out, delay_of_copy=0.01)
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        process.stdout.readline()
        time.sleep(delay)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if out.exists():  # then it is whole
        subprocess.run(["checkisomd5", out], check=True, capture_output=True)
    return base, out


def assert_next_run_is_clean(tmp_path, base, out):
    build_iso(base, out, PLAN)
    subprocess.run(["checkisomd5", out], check=True, capture_output=True)
    assert [path.name for path in tmp_path.iterdir()] == ["out.iso"]


@pytest.mark.parametrize("delay", [0.0, 0.15, 0.3])
def test_killed_builds_leave_no_litter(tmp_path, delay):
    base, out = kill_once(tmp_path, "el9", delay)
    assert_next_run_is_clean(tmp_path, base, out)


@pytest.mark.slow
@pytest.mark.parametrize("style", LAYOUTS)
def test_kills_at_random_moments(tmp_path, style):
    dice = random.Random(style)
    for _ in range(25):
        base, out = kill_once(tmp_path, style, dice.uniform(0, 0.6))
        out.unlink(missing_ok=True)
    assert_next_run_is_clean(tmp_path, base, out)
