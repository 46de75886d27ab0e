"""Faults of SBD in the site file, what is left out, and what the roles are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from b2ct.inventory import inventory
from b2ct.load import load_site
from tests.unit.site_texts import Apple, altered, notes, told
from tests.unit.test_check_san import AGENT, CLUSTER
from tests.unit.test_check_san import GOOD as GOOD_SAN

SBD = """\
  sbd:
    disks:
      sbd1: {wwid: "3600508b400105e2100009000004b0000"}
"""
#: The site with a SAN, where a board is asked first and SBD where that is silent.
GOOD = GOOD_SAN.replace(CLUSTER, CLUSTER + SBD).replace(
    f"    fence: [{{{AGENT}}}]\n",
    f"    fence:\n      - {{{AGENT}}}\n      - {{agent: fence_sbd}}\n",
)
_WWID = '"3600508b400105e2100009000004b0000"'

APPLES = [
    Apple(
        "no_disk_of_two_members",
        '    disks:\n      sbd1: {wwid: "3600508b400105e2100009000004b0000"}\n',
        "    disks: {} #!\n",
        "cluster.sbd.disks: without a disk none of two members knows which one goes on: neither is"
        " a majority; name one disk, or three on different arrays",
    ),
    Apple(
        "two_disks",
        "    disks:\n",
        "    disks: #!\n      sbd2: {wwid: '3600508b400105e2100009000004c0000'}\n",
        "cluster.sbd.disks: with two disks nobody is fenced any more once one of them is lost;"
        " name one disk, or three on different arrays",
    ),
    Apple(
        "four_disks",
        "    disks:\n",
        "    disks: #!\n"
        + "".join(
            f"      more{n}: {{wwid: '3600508b400105e2100009000004c000{n}'}}\n" for n in range(3)
        ),
        "cluster.sbd.disks: SBD reads three disks at most, here are 4; name one disk, or three on"
        " different arrays",
    ),
    Apple(
        "same_disk",
        "    disks:\n",
        f"    disks:\n      sbd3: {{wwid: '3600508b400105e2100009000004c0000'}}\n"
        f"      sbd2: {{wwid: {_WWID}}}\n",
        "",
    ),
    Apple(
        "disk_with_data",
        _WWID + "}",
        '"3600508b400105e210000900000490000"} #!',
        "cluster.sbd.disks.sbd1.wwid: is the disk 'disk1' of the san, which holds data; give SBD a"
        " disk of its own; a few MiB are enough",
    ),
    Apple(
        "name_of_another",
        "      sbd1: {wwid",
        "      disk2: #!\n        {wwid",
        "cluster.sbd.disks.disk2: a disk of the san has this name, and both would be"
        " /dev/mapper/disk2; choose another name",
    ),
    Apple(
        "wwid_is_a_kernel_name",
        _WWID,
        "sdb #!\n       ",
        "cluster.sbd.disks.sbd1.wwid: 'sdb' changes between boots; write the WWID, as 'multipath"
        " -ll' or /usr/lib/udev/scsi_id -g -u DEVICE prints it",
    ),
    Apple(
        "installed_on_it",
        "    serial: SN0003\n",
        "    serial: SN0003\n    disk: {by_id: wwn-0x600508b400105e2100009000004b0000}\n",
        "",
    ),
    Apple(
        "consent_for_nothing",
        "    disks:\n",
        "    erase: [sbd2] #!\n    disks:\n",
        "cluster.sbd.erase[0]: there is no disk 'sbd2'; did you mean 'sbd1'?",
    ),
    Apple(
        "counts_as_dead_too_early",
        "    disks:\n",
        "    watchdog_timeout: 30\n    msgwait: 45 #!\n    disks:\n",
        "cluster.sbd.msgwait: 45 s: a member would count as dead while its watchdog of 30 s may"
        " still let it write; write 60 at least, or leave it out",
    ),
    Apple(
        "gives_up_too_early",
        "    disks:\n",
        "    msgwait: 100\n    fence_timeout: 120 #!\n    disks:\n",
        "cluster.sbd.fence_timeout: Pacemaker would give up after 120 s, before a pill counts as"
        " taken (100 s); write 121 at least, or leave it out",
    ),
    Apple(
        "watchdog_too_short",
        "    disks:\n",
        "    watchdog_timeout: 2 #!\n    disks:\n",
        "cluster.sbd.watchdog_timeout: '2' is too small; the least is 5",
    ),
    Apple(
        "no_watchdog",
        "    disks:\n",
        "    watchdog: /dev/null #!\n    disks:\n",
        "cluster.sbd.watchdog: '/dev/null' does not fit; write the device of a watchdog, such as"
        " /dev/watchdog",
    ),
    Apple(
        "agent_without_disks",
        SBD,
        "",
        "",
    ),
    Apple(
        "disks_without_agent",
        "      - {agent: fence_sbd}\n",
        "",
        "",
    ),
    Apple(
        "options_of_b2ct",
        "{agent: fence_sbd}",
        "agent: fence_sbd\n        options: {devices: /dev/sdb} #!",
        "hardware.box.fence[1].options: b2ct itself tells fence_sbd its devices; remove it",
    ),
    Apple(
        "plug_of_b2ct",
        "{agent: fence_sbd}",
        "agent: fence_sbd\n        options: {port: other} #!",
        "hardware.box.fence[1].options: b2ct itself tells fence_sbd its plug; remove it",
    ),
    Apple(
        "together_with_a_board",
        "      - {agent: fence_sbd}\n",
        "      - {agent: fence_sbd, with_previous: true} #!\n",
        "hardware.box.fence[1]: fence_sbd switches off by itself, and never on again with another"
        " device; make it a level of its own: no with_previous at it, nor at the entry after it",
    ),
]
#: Those whose line is elsewhere than where the text was altered, with the beginning of the line.
ELSEWHERE = {
    "same_disk": (
        "      sbd1:",
        "cluster.sbd.disks.sbd1.wwid: is the same disk as 'sbd2'; write the WWID of another disk,"
        " or remove one",
    ),
    "installed_on_it": (
        "      sbd1:",
        "cluster.sbd.disks.sbd1.wwid: is the disk on which node2 is installed; write the WWID of"
        " a disk that all members share",
    ),
    "agent_without_disks": (
        "      - {agent: fence_sbd}",
        "hardware.box.fence[1].agent: fence_sbd needs a disk that all members of the cluster share;"
        " describe it under cluster: sbd: {disks: …} (docs/storage.md)",
    ),
    "disks_without_agent": (
        "  sbd:",
        "cluster.sbd: no member is fenced with it; add an entry agent: fence_sbd under fence of the"
        " members, or remove sbd",
    ),
}


@pytest.mark.parametrize("apple", APPLES, ids=lambda apple: apple.name)
def test_fault_is_told_with_its_line(apple: Apple, tmp_path: Path) -> None:
    text, line = altered(apple.old, apple.new, GOOD)
    found = told(tmp_path, text)
    if apple.name not in ELSEWHERE:
        assert found == [f"{line}: {apple.told}"]
        return
    beginning, words = ELSEWHERE[apple.name]
    rows = text.splitlines()
    number = next(n for n, row in enumerate(rows, 1) if row.startswith(beginning))
    assert found == [f"{number}: {words}"]


def test_a_node_of_the_failover_pair_has_no_disks_of_the_cluster(tmp_path: Path) -> None:
    text = GOOD.replace(
        "hardware:\n",
        "ha:\n  address: control\n  volumes:\n    database: {mount: /srv/pair}\n  services: []\n"
        "hardware:\n",
        1,
    ).replace("  node1:\n", "  control2:\n    roles: [control]\n    hardware: box\n"
              "    addresses: {service: 10.20.0.12}\n  node1:\n", 1)  # fmt: skip
    found = [line for line in told(tmp_path, text) if "fence_sbd" in line]
    assert [line.partition(": ")[2] for line in found] == [
        f"hardware.box.fence[1].agent: fence_sbd is for members of the cluster, and {name} is one"
        f" of the failover pair; give {name} a fence: of its own, with its management board"
        for name in ("control1", "control2")
    ]


def test_a_good_site_has_no_advice(tmp_path: Path) -> None:
    assert notes(tmp_path, GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "advice"),
    [
        (
            f"      - {{{AGENT}}}\n",
            "",
            "cluster.sbd: control nodes see none of its disks and cannot switch off node1 and"
            " node2: OpenNebula does not start their virtual machines elsewhere; write the"
            " management board as the first entry of fence, and this as the second",
        ),
        (
            "    serial: SN0003\n",
            f"    serial: SN0003\n    fence: [{{{AGENT}}}]\n",
            "cluster.sbd: node2 is not fenced with it; add an entry agent: fence_sbd under fence",
        ),
        (
            "    disks:\n",
            "    watchdog_timeout: 15\n    disks:\n",
            "cluster.sbd.watchdog_timeout: a path that dies may be noticed only after 25 s, and a"
            " watchdog of 15 s resets the members before; write 30, or leave it out",
        ),
    ],
)
def test_advice(old: str, new: str, advice: str, tmp_path: Path) -> None:
    text = altered(old, new, GOOD)[0]
    assert [note.partition(" note: ")[2] for note in notes(tmp_path, text)] == [advice]


def test_paths_need_the_part_that_joins_them(tmp_path: Path) -> None:
    """One disk of one path, without any SAN, is good for two members."""
    text = GOOD.replace(GOOD[GOOD.index("san:\n") : GOOD.index("opennebula:\n")], "")
    line = next(n for n, row in enumerate(text.splitlines(), 1) if "sbd1:" in row)
    assert told(tmp_path, text) == [
        f"{line}: cluster.sbd.disks.sbd1: 2 paths are joined where the disks of a san are set up,"
        " and there is none; add a section san, or write paths: 1"
    ]
    one = text.replace(_WWID, f"{_WWID}, paths: 1")
    assert [note.partition(": ")[2] for note in notes(tmp_path, one)] == [
        "note: cluster: there is no san, so it has nothing to share; add a section san"
    ]


@pytest.mark.parametrize(
    ("said", "times"),
    [
        ("", (30, 60, 120)),
        ("    watchdog_timeout: 60\n", (60, 120, 180)),
        ("    watchdog_timeout: 30\n    msgwait: 200\n", (30, 200, 300)),
        ("    msgwait: 90\n    fence_timeout: 110\n", (30, 90, 110)),
    ],
)
def test_times_follow_from_each_other(
    said: str, times: tuple[int, int, int], tmp_path: Path
) -> None:
    (tmp_path / "site.yml").write_text(GOOD.replace("    disks:\n", f"{said}    disks:\n"))
    found = load_site(tmp_path).sbd_times
    assert (found.watchdog, found.msgwait, found.fence) == times


def test_one_path_needs_less_time(tmp_path: Path) -> None:
    (tmp_path / "site.yml").write_text(GOOD.replace(_WWID, f"{_WWID}, paths: 1"))
    assert load_site(tmp_path).sbd_times.watchdog == 15


def test_what_the_roles_are_told(tmp_path: Path) -> None:
    (tmp_path / "site.yml").write_text(GOOD)
    found = inventory(load_site(tmp_path))
    member = found.host_variables["node1"]
    disks = {"sbd1": {"wwid": "3600508b400105e2100009000004b0000", "paths": 2}}
    assert member["cluster_sbd_disks"] == disks
    assert member["cluster_sbd_watchdog"] == "/dev/watchdog"
    assert (member["cluster_sbd_watchdog_timeout"], member["cluster_sbd_msgwait"]) == (30, 60)
    assert member["cluster_fence_timeout"] == 120
    # It gets its name with the disks of the SAN, and is none of them.
    assert member["san_named_luns"] == disks
    assert set(member["san_luns"]) == {"disk1", "disk2"}
    levels = [(one["agent"], one["level"]) for one in member["cluster_fencing"]["node2"]]
    assert levels == [("fence_ipmilan", 1), ("fence_sbd", 2)]
    # Control nodes see no disk of it.
    outside = found.host_variables["control1"]["fence_nodes"]["node2"]
    assert [one["agent"] for one in outside] == ["fence_ipmilan"]


def test_nobody_outside_fences_with_disks_alone(tmp_path: Path) -> None:
    (tmp_path / "site.yml").write_text(GOOD.replace(f"      - {{{AGENT}}}\n", ""))
    control = inventory(load_site(tmp_path)).host_variables["control1"]
    assert control["fence_nodes"] == {}
    assert "opennebula_frontend_host_failure" not in control


def test_a_site_without_it_is_told_nothing_of_it(tmp_path: Path) -> None:
    (tmp_path / "site.yml").write_text(GOOD_SAN)
    member = inventory(load_site(tmp_path)).host_variables["node1"]
    assert [name for name in member if "sbd" in name or name == "cluster_fence_timeout"] == []
