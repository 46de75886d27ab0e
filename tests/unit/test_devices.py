"""Disks as /sys, /dev and /proc describe them, and every reason not to write to one."""

from __future__ import annotations

import pytest

from iso_builder.devices import list_devices
from iso_builder.errors import MediaError
from iso_builder.writer import choose_target, describe, refusals
from tests.media.fakehost import FakeHost

GIB = 1 << 30


@pytest.fixture
def machine(tmp_path):
    machine = FakeHost(tmp_path / "machine")
    machine.disk(
        "sda", "8:0", usb="", vendor="ATA", model="Disk", serial="S1", removable=False,
        size=500 * 10**9, partitions=3,
    )  # fmt: skip
    machine.mount("8:1", "/dev/sda1", "/boot")
    machine.mapped("dm-0", "253:0", "sda/sda2")
    machine.mount("253:0", "/dev/mapper/vg-root", "/")
    return machine


def only_stick(machine):
    return next(d for d in list_devices(machine.host) if d.name == "sdb")


def test_a_stick_is_described_as_its_admin_knows_it(machine):
    link = machine.disk("sdb", "8:16", partitions=1)
    stick = only_stick(machine)
    assert (stick.vendor, stick.model, stick.serial) == ("SanDisk", "Ultra Fit", "4C530001")
    assert (stick.bus, stick.removable, stick.size, stick.number) == (
        "usb", True, 16 * 10**9, (8, 16),
    )  # fmt: skip
    assert stick.by_id == (link,)
    assert stick.partitions == ("sdb1",)
    assert (stick.mounts, stick.holders, stick.swaps) == ((), (), ())
    assert stick.phrase == "Ultra Fit 4C530001"
    assert describe(stick).startswith("SanDisk Ultra Fit, serial 4C530001, 16.0 GB, ")
    assert refusals(stick) == ()


def test_the_system_disk_is_known_through_partition_and_volume_group(machine):
    (disk,) = list_devices(machine.host)
    assert disk.system_mounts == ("/", "/boot")
    assert disk.holders == ("dm-0",)
    assert any("running system (/, /boot)" in reason for reason in refusals(disk))


def test_loop_ram_and_mapped_devices_are_no_disks(machine):
    for name, number in (("loop0", "7:0"), ("zram0", "252:0"), ("md0", "9:0")):
        machine.mapped(name, number)
    assert [device.name for device in list_devices(machine.host)] == ["sda"]


def test_a_good_stick_is_chosen_by_its_stable_name(machine):
    link = machine.disk("sdb", "8:16")
    assert choose_target(link, GIB, host=machine.host).name == "sdb"


def refused(machine, link, reason, image_size=GIB, **how):
    with pytest.raises(MediaError, match=reason) as caught:
        choose_target(link, image_size, host=machine.host, **how)
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    ("disk", "reason"),
    [
        ({"usb": ""}, r"not a USB device \(bus: scsi\)"),
        ({"removable": False}, "fixed disk"),
        ({"read_only": True}, "write-protected"),
        ({"size": GIB - 512}, "has 1073741312 bytes, the image has 1073741824"),
        ({"size": 0}, "no medium in it"),
        ({"size": 300 * 10**9}, "has 300 GB, more than 256 GB"),
        ({"model": "", "serial": ""}, "neither model nor serial"),
    ],
)
def test_what_a_disk_is_can_refuse_it(machine, disk, reason):
    if disk.get("model") == "":
        disk = disk | {"vendor": ""}
    link = machine.disk("sdb", "8:16", **disk)
    if disk.get("model") == "":
        (machine.root / "sys/devices/pci0000:00/0000:00:14.0/usb1/1-2/product").unlink()
    refused(machine, link, reason)


def test_the_size_limit_can_be_raised(machine):
    link = machine.disk("sdb", "8:16", size=300 * 10**9)
    assert choose_target(link, GIB, size_limit=512 * 10**9, host=machine.host).name == "sdb"


def test_a_mounted_partition_refuses(machine):
    link = machine.disk("sdb", "8:16", partitions=1)
    machine.mount("8:17", "/dev/sdb1", "/media/my\\040stick")
    refused(machine, link, "mounted at /media/my stick: unmount it first")


def test_a_mounted_whole_disk_refuses(machine):
    link = machine.disk("sdb", "8:16")
    machine.mount("8:16", "/dev/sdb", "/mnt")
    refused(machine, link, "mounted at /mnt")


def test_a_btrfs_mount_refuses_although_its_number_is_another(machine):
    link = machine.disk("sdb", "8:16", partitions=1)
    machine.mount("0:45", "/dev/sdb1", "/data")
    refused(machine, link, "mounted at /data")


def test_a_second_device_of_a_btrfs_refuses(machine):
    link = machine.disk("sdb", "8:16", partitions=1)
    (machine.root / "sys/fs/btrfs/c0ffee/devices/sdb1").mkdir(parents=True)
    refused(machine, link, "part of btrfs c0ffee")


def test_a_mount_that_only_init_sees_refuses(machine):
    link = machine.disk("sdb", "8:16", partitions=1)
    init = machine.root / "proc/1"
    init.mkdir()
    (init / "mountinfo").write_text("30 1 8:17 / /run/media rw - vfat /dev/sdb1 rw\n")
    refused(machine, link, "mounted at /run/media")


def test_the_live_system_that_runs_from_the_stick_refuses(machine):
    link = machine.disk("sdb", "8:16", partitions=2)
    machine.mount("8:18", "/dev/sdb2", "/usr")
    error = refused(machine, link, r"holds the running system \(/usr\)")
    assert "it is mounted" not in error.message


@pytest.mark.parametrize("source", ["/dev/sdb1", "/dev/dm-7"])
def test_swap_refuses(machine, source):
    link = machine.disk("sdb", "8:16", partitions=1)
    machine.mapped("dm-7", "253:7", "sdb/sdb1")
    machine.swap(source)
    refused(machine, link, "used as swap")


@pytest.mark.parametrize(("name", "under"), [("dm-3", "sdb/sdb1"), ("md127", "sdb")])
def test_lvm_encryption_and_raid_refuse(machine, name, under):
    link = machine.disk("sdb", "8:16", partitions=1)
    machine.mapped(name, "253:3", under)
    refused(machine, link, f"part of {name}")


def test_a_mount_two_layers_up_refuses(machine):
    link = machine.disk("sdb", "8:16", partitions=1)
    machine.mapped("md0", "9:0", "sdb/sdb1")
    machine.mapped("dm-5", "253:5", "md0")
    machine.mount("253:5", "/dev/mapper/vg-data", "/data")
    refused(machine, link, "mounted at /data")


def test_all_reasons_come_at_once(machine):
    link = machine.disk("sdb", "8:16", partitions=1, usb="", removable=False, read_only=True)
    machine.mount("8:17", "/dev/sdb1", "/mnt")
    error = refused(machine, link, "will not write")
    for reason in ("mounted at /mnt", "not a USB", "fixed disk", "write-protected"):
        assert reason in error.message


def test_a_kernel_name_is_refused_with_the_stable_name(machine):
    link = machine.disk("sdb", "8:16")
    error = refused(machine, machine.root / "dev/sdb", "not a stable name")
    assert str(link) in error.hint
    assert "serial 4C530001" in error.hint


def test_a_partition_is_refused_with_the_name_of_the_whole_stick(machine):
    link = machine.disk("sdb", "8:16", partitions=1)
    error = refused(machine, link.with_name(link.name + "-part1"), "is a partition")
    assert error.hint == f"use {link}"


@pytest.mark.parametrize("name", ["usb-Nothing", "usb-Dangling"])
def test_a_name_of_no_disk_is_refused(machine, name):
    (machine.root / "dev/disk/by-id/usb-Dangling").symlink_to("../../sdz")
    refused(machine, machine.root / "dev/disk/by-id" / name, "not a disk of this machine")


def test_a_path_outside_dev_is_refused(machine, tmp_path):
    machine.disk("sdb", "8:16")
    (tmp_path / "sdb").touch()
    refused(machine, tmp_path / "sdb", "not a disk of this machine")


def test_this_machine_itself_can_be_listed():
    names = [device.name for device in list_devices()]
    assert names == sorted(set(names))
