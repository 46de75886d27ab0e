"""`b2ct usb list` and `b2ct usb write` as an admin meets them."""

from __future__ import annotations

import json
import os
import sys

import pexpect
import pytest
from click.testing import CliRunner

from b2ct.cli import main
from tests.media.fakehost import FakeHost
from tests.media.fakestick import STICK, plugged_in

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="loop devices need root")


def run(host, *arguments):
    return CliRunner().invoke(main, ["usb", *map(str, arguments)], obj=host)


@pytest.fixture
def machine(tmp_path):
    machine = FakeHost(tmp_path / "machine")
    machine.disk("sda", "8:0", usb="", vendor="ATA", model="Disk", serial="S1", removable=False)
    machine.mount("8:0", "/dev/sda", "/")
    return machine


def test_without_a_stick_the_list_says_so(machine):
    result = run(machine.host, "list")
    assert (result.exit_code, result.output) == (0, "no USB stick is plugged in\n")


def test_the_list_shows_what_to_type_and_what_is_refused(machine):
    good = machine.disk("sdb", "8:16")
    bad = machine.disk("sdc", "8:32", usb="1-3", serial="4C530002", partitions=1)
    machine.mount("8:33", "/dev/sdc1", "/media/photos")
    result = run(machine.host, "list")
    assert result.exit_code == 0
    blocks = result.output.split(str(bad))
    assert str(good) in blocks[0]
    assert "SanDisk Ultra Fit, serial 4C530001, 16.0 GB" in blocks[0]
    assert "can be written to" in blocks[0]
    assert "refused: it is mounted at /media/photos: unmount it first" in blocks[1]
    assert "Disk" not in result.output.replace("SanDisk", "")


def test_all_disks_are_shown_on_demand(machine):
    result = run(machine.host, "list", "--all")
    assert "refused: it holds the running system (/); it is not a USB device" in result.output


def test_the_list_is_there_for_programs(machine):
    machine.disk("sdb", "8:16")
    (stick,) = json.loads(run(machine.host, "list", "--json").output)
    assert (stick["model"], stick["serial"], stick["refused"]) == ("Ultra Fit", "4C530001", [])


@pytest.fixture
def stick(tmp_path):
    with plugged_in(tmp_path) as made:
        yield made


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "key.img"
    path.write_bytes(os.urandom(5 << 20))
    return path


@needs_root
def test_writing_with_confirmation_reports_what_was_done(stick, image):
    result = run(stick.host, "write", image, stick.link, "--confirm", " Ultra Fit  4C530001 ")
    assert result.exit_code == 0, result.output
    assert f"{image} is on SanDisk Ultra Fit, serial 4C530001" in result.output
    assert "5.2 MB written in" in result.output
    assert "read back and equal" in result.output
    assert stick.content() == image.read_bytes() + b"#" * (STICK - (5 << 20))


@needs_root
def test_the_result_is_there_for_programs(stick, image):
    result = run(
        stick.host, "write", image, stick.link, "--confirm", "Ultra Fit 4C530001", "--json"
    )
    data = json.loads(result.stdout)
    assert (data["verified"], data["written"]) == (True, 5 << 20)
    events = [json.loads(line) for line in result.stderr.splitlines()]
    assert {event["what"] for event in events} == {"writing", "verifying"}


@needs_root
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "nobody is there to confirm"),
        (("--confirm", "Ultra Fit 4C539999"), "but the stick is 'Ultra Fit 4C530001'"),
    ],
)
def test_without_the_right_confirmation_nothing_is_written(stick, image, arguments, says):
    result = run(stick.host, "write", image, stick.link, *arguments)
    assert result.exit_code == 2
    assert says in result.stderr
    assert "hint:" in result.stderr
    assert stick.content()[:20] == b"old bootable content"


@needs_root
def test_a_dry_run_says_what_it_would_do(stick, image):
    result = run(
        stick.host, "write", image, stick.link, "--dry-run", "--confirm", "Ultra Fit 4C530001"
    )
    assert result.exit_code == 0
    assert result.output.startswith(f"dry run: {image} would be written to SanDisk Ultra Fit")
    assert stick.content()[:20] == b"old bootable content"


@needs_root
def test_a_refusal_is_a_message_and_exit_code_2(machine, image):
    link = machine.disk("sdb", "8:16", removable=False)
    result = run(machine.host, "write", image, link, "--confirm", "Ultra Fit 4C530001")
    assert result.exit_code == 2
    assert "error: will not write to" in result.stderr
    assert "it is a fixed disk" in result.stderr
    assert "hint: b2ct usb list" in result.stderr


def test_a_larger_device_needs_its_own_consent(machine, image):
    link = machine.disk("sdb", "8:16", size=500 * 10**9)
    result = run(machine.host, "write", image, link)
    assert "more than 256 GB" in result.stderr
    result = run(machine.host, "write", image, link, "--max-size", "600")
    assert "nobody is there to confirm" in result.stderr


_TYPED = """
import sys
from pathlib import Path
from b2ct.cli import main
from iso_builder.devices import Host
root = Path(sys.argv[1])
main(["usb", "write", *sys.argv[2:]], obj=Host(root / "sys", root / "dev", root / "proc"))
"""


@needs_root
@pytest.mark.parametrize(
    ("answer", "code"), [("Ultra Fit 4C530001", 0), ("yes", 2), ("Ultra Fit", 2)]
)
def test_at_a_terminal_model_and_serial_are_typed_back(stick, image, answer, code):
    argv = ["-c", _TYPED, str(stick.machine.root), str(image), str(stick.link)]
    child = pexpect.spawn(sys.executable, argv, encoding="utf-8", timeout=30)
    child.expect("All data on this stick will be lost")
    child.expect("SanDisk Ultra Fit, serial 4C530001")
    child.expect("Type its model and serial number")
    child.sendline(answer)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == code, child.before
    if code:
        assert "not confirmed: nothing was written" in child.before
        assert stick.content()[:20] == b"old bootable content"
    else:
        assert stick.content()[: 5 << 20] == image.read_bytes()
