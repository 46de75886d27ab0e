"""Writing to a real block device: a loop device that a fake /sys presents as a stick."""

from __future__ import annotations

import os
import random
import subprocess
import sys

import pytest

from iso_builder import writer
from iso_builder.errors import MediaError
from iso_builder.writer import write_image
from tests.media.fakehost import FakeHost
from tests.media.fakestick import STICK, attach, plugged_in

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="loop devices need root")

MIB = 1 << 20


@pytest.fixture
def stick(tmp_path):
    with plugged_in(tmp_path) as made:
        yield made


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "key.img"
    path.write_bytes(random.Random(1).randbytes(10 * MIB + 3 * 512))
    return path


def yes(device):
    return True


def test_the_image_is_on_the_stick_and_the_rest_is_untouched(stick, image):
    asked, lines = [], []

    def confirm(device):
        asked.append(device.phrase)
        assert stick.content()[:20] == b"old bootable content"
        return True

    result = write_image(
        image, stick.link, confirm=confirm, progress=lambda *line: lines.append(line),
        host=stick.host,
    )  # fmt: skip
    content = image.read_bytes()
    assert stick.content() == content + b"#" * (STICK - len(content))
    assert asked == ["Ultra Fit 4C530001"]
    assert (result.written, result.device.serial) == (len(content), "4C530001")
    assert {what for what, _, _ in lines} == {"writing", "verifying"}
    for phase in ("writing", "verifying"):
        counts = [(done, total) for what, done, total in lines if what == phase]
        assert counts == sorted(counts)
        assert counts[-1] == (len(content) - MIB, len(content) - MIB)


def corrupting(stick, sectors, when):
    """Give a progress function that changes the medium behind the device's back."""

    def corrupt(*line):
        if line == when:
            with stick.backing.open("r+b") as handle:
                for sector in sectors:
                    handle.seek(sector * 512 + 7)
                    handle.write(b"\0\1\2")

    return corrupt


@pytest.mark.parametrize("is_sound", [True, False])
def test_a_driver_without_direct_access_is_written_and_verified_too(
    stick, image, monkeypatch, is_sound
):
    real = os.open
    refused = []
    total = image.stat().st_size - MIB
    corrupt = corrupting(stick, [] if is_sound else [4000], ("writing", total, total))

    def no_direct(path, flags, *rest):
        if flags & os.O_DIRECT:
            refused.append(path)
            raise OSError(22, "Invalid argument")
        return real(path, flags, *rest)

    monkeypatch.setattr("iso_builder.writer.os.open", no_direct)
    if is_sound:
        write_image(image, stick.link, confirm=yes, progress=corrupt, host=stick.host)
        assert stick.content()[: 10 * MIB] == image.read_bytes()[: 10 * MIB]
    else:
        with pytest.raises(MediaError, match="1 sectors"):
            write_image(image, stick.link, confirm=yes, progress=corrupt, host=stick.host)
        assert stick.content()[:MIB] == bytes(MIB)
    assert refused == [stick.link]


def test_an_image_shorter_than_the_head_is_written_too(stick, tmp_path):
    image = tmp_path / "small.iso"
    image.write_bytes(b"i" * 5 * 2048)
    write_image(image, stick.link, confirm=yes, host=stick.host)
    assert stick.content() == b"i" * 5 * 2048 + b"#" * (STICK - 5 * 2048)


def test_a_dry_run_checks_and_asks_but_writes_nothing(stick, image):
    before = stick.content()
    asked = []
    result = write_image(
        image, stick.link, confirm=lambda d: asked.append(d) or True, dry_run=True, host=stick.host
    )
    assert (result.written, len(asked)) == (0, 1)
    assert stick.content() == before


def test_without_confirmation_nothing_is_written(stick, image):
    before = stick.content()
    with pytest.raises(MediaError, match="not confirmed: nothing was written"):
        write_image(image, stick.link, confirm=lambda device: False, host=stick.host)
    assert stick.content() == before


def test_a_device_that_something_holds_open_exclusively_is_refused(stick, image):
    holder = os.open(stick.node, os.O_RDONLY | os.O_EXCL)
    try:
        with pytest.raises(MediaError, match=r"cannot open .*: Device or resource busy") as caught:
            write_image(image, stick.link, confirm=yes, host=stick.host)
    finally:
        os.close(holder)
    assert "unmount" in caught.value.hint
    assert stick.content()[:20] == b"old bootable content"


def test_another_stick_in_its_place_after_the_question_is_refused(stick, image):
    serial = next((stick.machine.root / "sys/devices").rglob("1-2/serial"))

    def confirm(device):
        serial.write_text("ANOTHER\n")
        return True

    with pytest.raises(MediaError, match="not the device any more that was confirmed"):
        write_image(image, stick.link, confirm=confirm, host=stick.host)
    assert stick.content()[:20] == b"old bootable content"


def test_a_mount_after_the_question_is_refused(stick, image):
    def confirm(device):
        stick.machine.mount(":".join(map(str, device.number)), str(device.path), "/media/x")
        assert stick.machine.host  # writes the new list
        return True

    with pytest.raises(MediaError, match="mounted at /media/x"):
        write_image(image, stick.link, confirm=confirm, host=stick.host)
    assert stick.content()[:20] == b"old bootable content"


def test_a_description_that_does_not_fit_the_device_is_refused(stick, image):
    size = next((stick.machine.root / "sys/devices").rglob("block/*/size"))
    size.write_text(f"{STICK // 512 + 8}\n")
    with pytest.raises(MediaError, match="not the device any more"):
        write_image(image, stick.link, confirm=yes, host=stick.host)
    assert stick.content()[:20] == b"old bootable content"


def test_a_stick_that_gives_back_something_else_fails_and_does_not_look_bootable(stick, image):
    total = image.stat().st_size - MIB
    corrupt = corrupting(stick, [3000, 3001, 20_000], ("writing", total, total))
    with pytest.raises(
        MediaError, match=r"3 sectors of 512 bytes differ \(the first: 3,000"
    ) as caught:
        write_image(image, stick.link, confirm=yes, progress=corrupt, host=stick.host)
    assert "use another one" in caught.value.hint
    assert stick.content()[:MIB] == bytes(MIB)


def test_a_head_that_does_not_come_back_is_emptied_again(stick, image, monkeypatch):
    real = writer._Stick.copy

    def copy(self, start, end, progress=None):
        real(self, start, end, progress)
        if start == 0:
            corrupting(stick, [100], ())()

    monkeypatch.setattr(writer._Stick, "copy", copy)
    with pytest.raises(MediaError, match=r"1 sectors .* \(the first: 100\)"):
        write_image(image, stick.link, confirm=yes, host=stick.host)
    assert stick.content()[:MIB] == bytes(MIB)


def test_a_too_small_stick_is_refused_before_the_question(stick, tmp_path):
    image = tmp_path / "large.img"
    with image.open("wb") as handle:
        handle.truncate(STICK + 512)
    with pytest.raises(MediaError, match="has 25165824 bytes, the image has 25166336"):
        write_image(image, stick.link, confirm=lambda d: pytest.fail("asked"), host=stick.host)


def test_a_device_that_fails_in_the_middle_is_an_error_that_says_so(tmp_path, image):
    small = tmp_path / "tmpfs"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "none", small], check=True)
    try:
        backing = small / "backing"
        with backing.open("wb") as handle:
            handle.truncate(STICK)  # more than the file system holds: writing fails at 6 MiB
        stick = attach(FakeHost(tmp_path / "machine"), backing, STICK)
        try:
            with pytest.raises(MediaError, match=r"failed: No space left on device.*incomplete"):
                write_image(image, stick.link, confirm=yes, host=stick.host)
            assert backing.read_bytes()[:MIB] == bytes(MIB)
        finally:
            subprocess.run(["losetup", "-d", stick.node], check=True)
    finally:
        subprocess.run(["umount", small], check=True)


_KILLED = """
import os, signal, sys
from pathlib import Path
from iso_builder.devices import Host
from iso_builder.writer import write_image
image, link, root, phase, at = sys.argv[1:]
def progress(what, done, total):
    if what == phase and done >= int(at):
        os.kill(os.getpid(), signal.SIGKILL)
root = Path(root)
write_image(Path(image), Path(link), confirm=lambda d: True, progress=progress,
            host=Host(root / "sys", root / "dev", root / "proc"))
"""


@pytest.mark.parametrize(
    ("phase", "at"),
    [("writing", 1), ("writing", 6 * MIB), ("verifying", 1), ("verifying", 9 * MIB)],
)
def test_a_killed_run_leaves_a_stick_that_looks_empty_and_can_be_written_again(
    stick, image, phase, at
):
    argv = [sys.executable, "-c", _KILLED, image, stick.link, stick.machine.root, phase, str(at)]
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    assert done.returncode == -9, done.stderr
    assert stick.content()[:MIB] == bytes(MIB)
    write_image(image, stick.link, confirm=yes, host=stick.host)
    assert stick.content()[: 10 * MIB] == image.read_bytes()[: 10 * MIB]


def test_ctrl_c_says_in_what_state_the_stick_is(stick, image):
    def interrupt(what, done, total):
        raise KeyboardInterrupt

    with pytest.raises(MediaError, match=r"interrupted: .* is incomplete and will not boot"):
        write_image(image, stick.link, confirm=yes, progress=interrupt, host=stick.host)
    assert stick.content()[:MIB] == bytes(MIB)


@pytest.mark.parametrize("kind", ["folder", "empty", "odd", "missing"])
def test_what_is_no_image_is_refused(stick, tmp_path, kind):
    path = tmp_path / kind
    if kind == "folder":
        path.mkdir()
    elif kind != "missing":
        path.write_bytes(b"x" * {"empty": 0, "odd": 1000}[kind])
    with pytest.raises(MediaError, match=r"is no disk image|cannot read") as caught:
        write_image(path, stick.link, confirm=lambda d: pytest.fail("asked"), host=stick.host)
    assert caught.value.hint
