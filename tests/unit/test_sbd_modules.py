"""SBD's disks and watchdogs: what is told, refused and done, with the programs' own answers."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.b2ct.cloud.plugins.module_utils import san, sbd, watchdog
from ansible_collections.b2ct.cloud.plugins.module_utils.san import Lun, SanError
from ansible_collections.b2ct.cloud.plugins.module_utils.sbd import (
    Disk,
    Header,
    header_steps,
    look,
    read_header,
    read_slots,
    refusals,
)
from jinja2 import Environment

ROLE = Path(__file__).parents[2] / "roles/cluster"
WANTED = Header(30, 60)
DUMP = """\
==Dumping header on disk {device}
Header version     : 2.1
UUID               : 4eb2641a-d8a1-4bb3-bae3-6561d7e7bf84
Number of slots    : 255
Sector size        : 512
Timeout (watchdog) : {watchdog}
Timeout (allocate) : 2
Timeout (loop)     : 1
Timeout (msgwait)  : {msgwait}
==Header on disk {device} is dumped
"""
BEGINNING = bytes.fromhex("5342445f5342445f02ff00000000020000") + bytes(495)
EMPTY = '{"signatures": []}'
EXT4 = '{"signatures": [{"type": "ext4", "uuid": "a4e1", "label": "home"}]}'
GROUP = '{"signatures": [{"type": "LVM2_member", "uuid": "x"}]}'
LUN = Lun("sbd1", "350000b2c70000001", 1)


class Member:
    """A member with one disk: what is on it, and the answers of programs that look at it."""

    def __init__(self, folder: Path, beginning: bytes, found: str = EMPTY, group: str = "") -> None:
        self.device = folder / "scsi-350000b2c70000001"
        self.device.write_bytes(beginning + bytes(sbd.SECTORS * 512 - len(beginning)))
        self.found, self.group = found, group
        self.dump = (0, DUMP.format(device=self.device, watchdog=30, msgwait=60))
        self.asked: list[tuple[str, ...]] = []

    def __call__(self, *argv: str) -> tuple[int, str, str]:
        self.asked.append(argv)
        answers = {
            ("blockdev", "--getsize64"): (0, "8388608\n"),
            ("blockdev", "--getss"): (0, "512\n"),
            ("wipefs", "--json"): (0, self.found),
            ("pvs", "--noheadings"): (0, f"  {self.group}\n"),
            ("sbd", "-d"): self.dump,
        }
        rc, out = answers.get(argv[:2], (0, ""))
        return rc, out, "" if rc == 0 else out


@pytest.fixture(autouse=True)
def _by_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(san, "BY_ID", tmp_path)


def seen(member: Member) -> Disk:
    return look(member, LUN)


def test_the_times_and_slots_of_a_disk() -> None:
    assert read_header(DUMP.format(device="/dev/x", watchdog=15, msgwait=30)) == Header(15, 30)
    assert (
        read_header("==Dumping header on disk /dev/x\n==Header on disk /dev/x NOT dumped\n") is None
    )
    assert read_slots("0\tnode1\tclear\t\n1\tnode2\treset\tnode1\n") == {
        "node1": "clear",
        "node2": "reset",
    }


def test_a_disk_that_is_ready_is_left_alone(tmp_path: Path) -> None:
    member = Member(tmp_path, BEGINNING)
    disk = seen(member)
    assert disk == Disk(str(member.device), 8388608, WANTED, ())
    assert refusals({"sbd1": disk}, WANTED, [], ["node1"]) == []
    # Even where the consent to erase it still stands in the site file.
    assert refusals({"sbd1": disk}, WANTED, ["sbd1"], []) == []
    assert header_steps("sbd1", disk, WANTED) == []
    # Another member may have written it: what this one remembers of it is not looked at.
    assert ("blockdev", "--flushbufs", disk.device) in member.asked


def test_an_empty_disk_is_prepared_without_consent(tmp_path: Path) -> None:
    disk = seen(Member(tmp_path, b""))
    assert (disk.header, disk.holds) == (None, ())
    assert refusals({"sbd1": disk}, WANTED, [], []) == []
    (step,) = header_steps("sbd1", disk, WANTED)
    assert step.words == f"prepare sbd1 ({disk.device}) with watchdog 30 s, msgwait 60 s"
    assert step.argv == ("sbd", "-d", disk.device, "-1", "30", "-4", "60", "create")


@pytest.mark.parametrize(
    ("beginning", "found", "group", "told"),
    [
        (b"", EXT4, "", "a signature of ext4, labelled home, UUID a4e1"),
        (b"", GROUP, "vg-old", "a physical volume of LVM, of the volume group vg-old"),
        # No signature at all, and not empty: a virtual machine's raw disk, for instance.
        (bytes(200 * 512) + b"x", EMPTY, "", "data that no program here knows"),
    ],
)
def test_a_disk_that_holds_something_is_refused_and_named(
    beginning: bytes, found: str, group: str, told: str, tmp_path: Path
) -> None:
    disk = seen(Member(tmp_path, beginning, found, group))
    assert refusals({"sbd1": disk}, WANTED, [], []) == [
        f"sbd1 ({disk.device}) holds {told}. If that may be lost, write erase: [sbd1] under"
        " cluster, sbd in site.yml"
    ]
    assert refusals({"sbd1": disk}, WANTED, ["sbd1"], []) == []
    erased, prepared = header_steps("sbd1", disk, WANTED)
    assert erased.argv == ("wipefs", "--all", disk.device)
    assert prepared.argv[0] == "sbd"


def test_other_times_are_replaced_with_consent_and_with_the_cluster_down(tmp_path: Path) -> None:
    member = Member(tmp_path, BEGINNING)
    member.dump = (0, DUMP.format(device=member.device, watchdog=5, msgwait=10))
    disk = seen(member)
    (told,) = refusals({"sbd1": disk}, WANTED, [], [])
    assert told == (
        f"sbd1 ({disk.device}) has watchdog 5 s, msgwait 10 s, wanted is watchdog 30 s, msgwait"
        " 60 s. If no other cluster uses it, stop this one on all members (systemctl stop pacemaker"
        " corosync) and write erase: [sbd1] under cluster, sbd in site.yml"
    )
    (told,) = refusals({"sbd1": disk}, WANTED, ["sbd1"], ["node1", "node2"])
    assert "and SBD runs on node1, node2; stop the cluster on all members first" in told
    assert refusals({"sbd1": disk}, WANTED, ["sbd1"], []) == []
    assert [step.argv[0] for step in header_steps("sbd1", disk, WANTED)] == ["sbd"]


def test_a_header_that_cannot_be_read_is_no_empty_disk(tmp_path: Path) -> None:
    member = Member(tmp_path, BEGINNING)
    member.dump = (1, "==Header on disk NOT dumped\n")
    with pytest.raises(SanError, match="has a header that SBD cannot read"):
        seen(member)


def test_a_disk_that_is_not_seen(tmp_path: Path) -> None:
    member = Member(tmp_path, b"")
    with pytest.raises(SanError, match=r"sbd2 \(350000b2c70000002\) is not seen"):
        look(member, Lun("sbd2", "350000b2c70000002", 1))


def test_a_disk_of_sbd_is_no_disk_for_data(tmp_path: Path) -> None:
    """No program knows its header, so the SAN looks for it."""
    found = san.look(Member(tmp_path, BEGINNING), LUN)
    assert found.holds == ("the header of SBD, with which a cluster fences",)
    assert san.look(Member(tmp_path, b""), LUN).holds == ()


def kernel(folder: Path, *found: tuple[str, str]) -> dict[str, watchdog.Watchdog]:
    for number, (identity, state) in enumerate(found):
        place = folder / f"watchdog{number}"
        place.mkdir()
        for name, text in (("identity", identity), ("state", state), ("timeout", "60")):
            (place / name).write_text(f"{text}\n")
    return watchdog.watchdogs(folder)


def test_softdog_stands_in_where_there_is_no_hardware(tmp_path: Path) -> None:
    assert watchdog.watchdogs(tmp_path / "none") == {}
    assert watchdog.module_for("", {}) == "softdog"
    found = kernel(tmp_path, ("Software Watchdog", "active"))
    assert found["watchdog0"] == watchdog.Watchdog("watchdog0", "Software Watchdog", True, 60)
    # It stays written down at the second run.
    assert watchdog.module_for("", found) == "softdog"
    assert watchdog.module_for("ipmi_watchdog", found) == "ipmi_watchdog"


def test_hardware_needs_no_module(tmp_path: Path) -> None:
    found = kernel(tmp_path, ("Software Watchdog", "inactive"), ("i6300ESB timer", "active"))
    assert watchdog.module_for("", found) == ""
    assert watchdog.behind("/dev/watchdog", found) == found["watchdog0"]
    named = watchdog.behind("/dev/watchdog1", found)
    assert named is not None
    assert not named.is_software
    assert watchdog.behind("/dev/watchdog7", found) is None


def test_a_module_that_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "ipmi_watchdog").mkdir()
    assert watchdog.loaded("ipmi-watchdog", tmp_path)
    assert not watchdog.loaded("softdog", tmp_path)


def test_the_file_of_the_daemon() -> None:
    environment = Environment(trim_blocks=True, keep_trailing_newline=True)
    environment.filters["comment"] = "# {}".format
    text = environment.from_string((ROLE / "templates/etc/default/sbd.j2").read_text()).render(
        ansible_managed="managed",
        inventory_hostname="node1",
        cluster_sbd_watchdog="/dev/watchdog",
        cluster_sbd_watchdog_timeout=30,
        __cluster_sbd_delay=92,
        __cluster_sbd_seen={"devices": {"a": "/dev/mapper/a", "b": "/dev/b", "c": "/dev/c"}},
    )
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert lines[:2] == ['SBD_DEVICE="/dev/mapper/a;/dev/b;/dev/c"', 'SBD_OPTS="-n node1"']
    assert "SBD_DELAY_START=92" in lines
    assert "SBD_PACEMAKER=yes" in lines


def fence_resources(**more: object) -> list[dict]:
    """Give the fencing devices that the role describes to Pacemaker."""
    loader = DataLoader()
    variables, defaults = (
        loader.load_from_file(str(ROLE / file), trusted_as_template=True)
        for file in ("vars/main.yml", "defaults/main.yml")
    )
    given: dict[str, object] = {
        **defaults,
        "cluster_members": {"node1": {"id": 1}, "node2": {"id": 2}},
        "cluster_fencing": {
            name: [
                {"name": f"fence-{name}-1", "agent": "fence_ipmilan", "level": 1, "plug": name,
                 "options": {"ip": f"bmc-{name}"}},
                {"name": f"fence-{name}-2", "agent": "fence_sbd", "level": 2, "plug": name,
                 "options": {}},
            ]
            for name in ("node1", "node2")
        },
        **more,
    }  # fmt: skip
    templar = Templar(loader=loader, variables={**variables, **given})
    return templar.template(trust_as_template("{{ __cluster_stonith }}"))


def test_pacemaker_knows_disks_and_how_long_a_pill_takes() -> None:
    found = fence_resources(
        cluster_sbd_disks={"sbd1": {"wwid": LUN.wwid, "paths": 1}},
        cluster_sbd_msgwait=60,
        __cluster_sbd_seen={"devices": {"sbd1": "/dev/disk/by-id/scsi-350000b2c70000001"}},
    )
    first, second = found[:2]
    assert first["agent"] == "stonith:fence_ipmilan"
    assert "devices" not in first["parameters"]
    assert second["agent"] == "stonith:fence_sbd"
    told = {name: str(value) for name, value in second["parameters"].items()}
    assert told == {
        "devices": "/dev/disk/by-id/scsi-350000b2c70000001",
        "power_timeout": "72",
        "pcmk_host_list": "node1",
        "pcmk_delay_base": "10s",
    }
