"""The disks of a SAN: what is counted, told, refused and made, with the programs' own answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from ansible_collections.b2ct.cloud.plugins.module_utils.san import (
    Lun,
    SanError,
    Seen,
    active_paths,
    candidates,
    lock_owner,
    refusals,
    signatures,
)
from ansible_collections.b2ct.cloud.plugins.module_utils.san_rescan import is_there, rescan, scan
from ansible_collections.b2ct.cloud.plugins.module_utils.san_volume import (
    Wanted,
    group_steps,
    journals,
    mounted_steps,
    refresh_steps,
    volume_steps,
)

LISTING = """\
disk1 (3600508b400105e210000900000490000) dm-2 HP,HSV210
size=500G features='1 queue_if_no_path' hwhandler='1 alua' wp=rw
|-+- policy='service-time 0' prio=50 status=active
| |- 2:0:0:1 sdb 8:16  active ready running
| `- 3:0:0:1 sdd 8:48  active ready running
`-+- policy='service-time 0' prio=10 status=enabled
  |- 2:0:1:1 sdc 8:32  failed faulty running
  `- 3:0:1:1 sde 8:64  active ready running
"""
FOREIGN = """\
{"signatures": [
  {"device": "dm-2", "offset": "0x438", "type": "ext4", "uuid": "a4e1", "label": "home"}]}
"""


class Programs:
    """Answers by the beginning of the command line; anything else fails."""

    def __init__(self, answers: Mapping[str, tuple[int, str]]) -> None:
        self.answers = answers

    def __call__(self, *argv: str) -> tuple[int, str, str]:
        line = " ".join(argv)
        for beginning, (rc, out) in self.answers.items():
            if line.startswith(beginning):
                return rc, out, ""
        return 5, "", "not found"


def wanted(**said: object) -> Wanted:
    given: dict = {
        "group": "vg-san",
        "disks": ("/dev/mapper/disk1", "/dev/mapper/disk2"),
        "cluster": "example",
        "name": "one",
        "journals": 4,
        "mount": "/var/lib/one/datastores",
    }
    return Wanted(**(given | said))


def test_only_working_paths_count() -> None:
    assert active_paths(LISTING) == 3
    assert active_paths("") == 0


def test_where_a_disk_of_one_path_is() -> None:
    lun = Lun("disk1", "3600508b400105e210000900000490000", 1)
    assert [path.name for path in candidates(lun)] == [
        "scsi-3600508b400105e210000900000490000",
        "wwn-0x600508b400105e210000900000490000",
    ]
    assert [path.name for path in candidates(Lun("a", "virtio-san0", 1))] == ["virtio-san0"]
    assert [path.name for path in candidates(Lun("a", "eui.0025388b710b1a2c", 1))] == [
        "nvme-eui.0025388b710b1a2c"
    ]


def test_signatures_in_words() -> None:
    assert signatures(FOREIGN, "") == ("a signature of ext4, labelled home, UUID a4e1",)
    assert signatures("", "") == ()
    member = '{"signatures": [{"type": "LVM2_member", "uuid": "x"}]}'
    assert signatures(member, "vg-old") == ("a physical volume of LVM, of the volume group vg-old",)


def test_a_foreign_signature_is_refused_and_named() -> None:
    seen = {"disk1": Seen("/dev/mapper/disk1", 2, 10, signatures(FOREIGN, ""), "")}
    assert refusals(seen, "vg-san", [], "example", "") == [
        "disk1 (/dev/mapper/disk1) holds a signature of ext4, labelled home, UUID a4e1. If that may"
        " be lost, write erase: [disk1] under san in site.yml"
    ]
    assert refusals(seen, "vg-san", ["disk1"], "example", "") == []
    assert refusals({"disk1": Seen("/dev/x", 2, 10, (), "")}, "vg-san", [], "example", "") == []


def test_another_cluster_s_group_is_refused_even_with_consent() -> None:
    held = ("a physical volume of LVM, of the volume group vg-san",)
    seen = {"disk1": Seen("/dev/mapper/disk1", 2, 10, held, "vg-san")}
    assert refusals(seen, "vg-san", [], "example", "example") == []
    (told,) = refusals(seen, "vg-san", ["disk1"], "example", "other")
    assert told.startswith(
        "the volume group vg-san belongs to the cluster 'other', this one is 'example'"
    )
    (told,) = refusals(seen, "vg-san", [], "example", "")
    assert "belongs to no cluster" in told


def test_who_owns_a_group() -> None:
    assert lock_owner(Programs({"vgs": (0, "  dlm 1.0.0:example\n")}), "vg-san") == "example"
    assert lock_owner(Programs({"vgs": (0, "  \n")}), "vg-san") == ""
    assert lock_owner(Programs({}), "vg-san") == ""


def test_a_new_group_is_shared_and_only_what_is_named_is_erased() -> None:
    steps = group_steps(Programs({}), wanted(), ["/dev/mapper/disk2"])
    assert [step.argv[:2] for step in steps] == [("wipefs", "--all"), ("vgcreate", "--yes")]
    assert steps[0].argv[-1] == "/dev/mapper/disk2"
    assert "--shared" in steps[1].argv
    assert steps[1].argv[-3:] == ("vg-san", "/dev/mapper/disk1", "/dev/mapper/disk2")
    assert "--shared" not in group_steps(Programs({}), wanted(cluster=""), [])[0].argv


def test_a_disk_more_extends_the_group() -> None:
    programs = Programs(
        {
            "vgs": (0, "  /dev/mapper/disk1\n"),
            "pvs --noheadings --options pv_name /dev/mapper/disk1": (0, " /dev/mapper/disk1\n"),
        }
    )
    (step,) = group_steps(programs, wanted(), [])
    assert step.argv == ("vgextend", "--yes", "vg-san", "/dev/mapper/disk2")
    assert step.words == "add /dev/mapper/disk2 to the volume group vg-san"


def test_a_disk_that_has_grown_is_used() -> None:
    programs = Programs(
        {
            "vgs": (0, "  /dev/mapper/disk1\n  /dev/mapper/disk2\n"),
            "pvs --noheadings --nosuffix --units b --options dev_size,pv_size /dev/mapper/disk1": (
                0,
                f"  {200 << 30} {100 << 30}\n",
            ),
            "pvs --noheadings --nosuffix": (0, f"  {100 << 30} {(100 << 30) - (4 << 20)}\n"),
        }
    )
    (step,) = group_steps(programs, wanted(), [])
    assert step.argv == ("pvresize", "/dev/mapper/disk1")


def test_a_new_volume_gets_a_file_system_with_the_cluster_s_name() -> None:
    volume, files = volume_steps(Programs({}), wanted())
    assert volume.argv[-3:] == ("--name", "one", "vg-san")
    assert volume.argv[6:8] == ("--extents", "100%FREE")
    assert files.words == (
        "make the GFS2 file system example:one with 4 journals on /dev/vg-san/one"
    )
    assert files.argv[4:8] == ("lock_dlm", "-t", "example:one", "-j")


def lvs(size: int, free: int, blkid: tuple[int, str]) -> Programs:
    return Programs({"lvs": (0, f"  {size} {free}\n"), "blkid": blkid})


OURS = (0, "DEVNAME=/dev/vg-san/one\nLABEL=example:one\nTYPE=gfs2\n")


def test_a_volume_as_wanted_is_left_alone() -> None:
    assert volume_steps(lvs(100 << 30, 0, OURS), wanted()) == []
    assert volume_steps(lvs(100 << 30, 50 << 30, OURS), wanted(size=100 << 30)) == []


def test_room_in_the_group_is_taken_and_a_volume_never_shrinks() -> None:
    (step,) = volume_steps(lvs(100 << 30, 50 << 30, OURS), wanted())
    assert step.argv == ("lvextend", "--extents", "+100%FREE", "vg-san/one")
    assert step.words == "grow the volume vg-san/one by 51200 MiB"
    assert volume_steps(lvs(100 << 30, 50 << 30, OURS), wanted(size=10 << 30)) == []


def test_a_volume_interrupted_before_its_file_system_gets_it() -> None:
    (step,) = volume_steps(lvs(100 << 30, 0, (2, "")), wanted())
    assert step.argv[0] == "mkfs.gfs2"


def test_a_file_system_of_another_cluster_is_refused() -> None:
    blkid = (0, "LABEL=other:one\nTYPE=gfs2\n")
    with pytest.raises(SanError, match=r"of the cluster 'other'.*this one is 'example'"):
        volume_steps(lvs(100 << 30, 0, blkid), wanted())


def test_something_else_on_the_volume_is_refused() -> None:
    with pytest.raises(SanError, match="holds xfs, not GFS2; remove the volume if that may be"):
        volume_steps(lvs(100 << 30, 0, (0, "TYPE=xfs\n")), wanted())


JINDEX = "1: journal0\n 2: journal1\n 3: journal2\n"


def test_journals_are_counted_and_added() -> None:
    programs = Programs({"gfs2_edit -p jindex": (0, JINDEX)})
    assert journals(programs, "/dev/vg-san/one") == 3
    (step,) = mounted_steps(programs, wanted(), 99 << 30, 100 << 30, has_grown=False)
    assert step.argv == ("gfs2_jadd", "-j", "1", "-J", "128", "/var/lib/one/datastores")
    assert mounted_steps(programs, wanted(journals=3), 99 << 30, 100 << 30, False) == []


def test_a_volume_that_grew_grows_its_file_system() -> None:
    programs = Programs({"gfs2_edit -p jindex": (0, JINDEX)})
    few = wanted(journals=3)
    for room, grown in ((50 << 30, False), (99 << 30, True)):
        (step,) = mounted_steps(programs, few, room, 100 << 30, has_grown=grown)
        assert step.argv == ("gfs2_grow", "/var/lib/one/datastores")


def test_unreadable_journals_are_left_alone() -> None:
    assert mounted_steps(Programs({}), wanted(), 99 << 30, 100 << 30, has_grown=False) == []


class Kernel:
    """A disk on two paths below a folder that stands for /dev/mapper and /sys/class/block."""

    def __init__(self, folder: Path, mapped: int, **paths: int) -> None:
        self.mapper, self.block = folder / "mapper", folder / "block"
        self.mapper.mkdir()
        (folder / "dm-2").touch()
        (self.mapper / "disk1").symlink_to(folder / "dm-2")
        slaves = self.block / "dm-2" / "slaves"
        slaves.mkdir(parents=True)
        (self.block / "dm-2" / "size").write_text(f"{mapped * 2048}\n")
        for name, size in paths.items():
            (self.block / name / "device").mkdir(parents=True)
            (self.block / name / "device" / "rescan").touch()
            (self.block / name / "size").write_text(f"{size * 2048}\n")
            (slaves / name).symlink_to(self.block / name)

    def rescan(self) -> list:
        return rescan(Lun("disk1", "3600508b400105e210000900000490000", 2), self.mapper, self.block)


def test_every_path_is_asked_and_a_disk_of_the_same_size_left(tmp_path: Path) -> None:
    kernel = Kernel(tmp_path, 100, sda=100, sdb=100)
    assert kernel.rescan() == []
    for name in ("sda", "sdb"):
        assert (kernel.block / name / "device" / "rescan").read_text() == "1\n"


def test_a_disk_that_has_grown_is_taken_over(tmp_path: Path) -> None:
    (step,) = Kernel(tmp_path, 100, sda=150, sdb=150).rescan()
    assert step.words == "take over that disk1 has grown by 50 MiB"
    assert step.argv == ("multipathd", "resize", "map", "disk1")


@pytest.mark.parametrize(
    ("sizes", "told"),
    [
        ({"sda": 150, "sdb": 100}, "another size on each path: sda 150 MiB, sdb 100 MiB"),
        ({"sda": 90, "sdb": 90}, "has become smaller in the array, 90 MiB instead of 100 MiB"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(
    tmp_path: Path, sizes: dict[str, int], told: str
) -> None:
    with pytest.raises(SanError, match=told):
        Kernel(tmp_path, 100, **sizes).rescan()


def test_a_disk_that_is_not_there_is_not_judged_here(tmp_path: Path) -> None:
    kernel = Kernel(tmp_path, 100, sda=100)
    unknown = Lun("disk9", "3600508b400105e210000900000499999", 2)
    assert not is_there(unknown, kernel.mapper)
    assert rescan(unknown, kernel.mapper, kernel.block) == []


def test_every_controller_is_asked_for_new_disks(tmp_path: Path) -> None:
    for name in ("host0", "host3"):
        (tmp_path / name).mkdir()
    ran: list[tuple[str, ...]] = []

    def run(*argv: str) -> tuple[int, str, str]:
        ran.append(argv)
        return 0, "", ""

    (tmp_path / "disk1").touch()
    scan(run, ["disk1"], tmp_path, tmp_path)
    assert [file.read_text() for file in sorted(tmp_path.glob("*/scan"))] == ["- - -\n"] * 2
    assert [argv[:2] for argv in ran] == [("udevadm", "settle")]


@pytest.mark.parametrize(
    ("known", "loads"),
    [((0, "1073741824\n"), True), ((0, "3217031168\n"), False), ((1, ""), False)],
)
def test_a_volume_that_another_member_extended_is_loaded_anew(
    known: tuple[int, str], *, loads: bool
) -> None:
    """One that is not active has no device, and is left."""
    programs = Programs({"lvs": (0, "  3217031168\n"), "blockdev": known})
    steps = refresh_steps(programs, "vg-san", "one")
    assert [step.argv for step in steps] == [("lvchange", "--refresh", "vg-san/one")] * loads


def test_a_volume_that_is_still_to_be_made_is_not_loaded() -> None:
    assert refresh_steps(Programs({}), "vg-san", "one") == []
