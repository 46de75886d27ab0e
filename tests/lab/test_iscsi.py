"""A SAN of iSCSI without a cluster, for OpenNebula's LVM drivers: logins, paths, a lost cable.

The array is a machine of the lab with tgt, a target in user space. The tests build on each other
and run in their order.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial

import pytest

from tests.lab import runs
from tests.lab.conftest import MakeLab
from tests.lab.runs import StorageLab, b2ct, changed

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("lab-iscsi")]

NODES = ("node1", "node2")
TARGET = "iqn.2016-01.org.example.lab:array"
PASSWORD = "of-the-array-12"
GROUP = "vg-one-100"
#: Emulated on a busy host, everything takes several times as long as on hardware.
until = partial(runs.until, limit_s=600.0)
ARRAY = f"""\
set -eu
systemctl start tgt
truncate -s 1G /srv/lun1
truncate -s 512M /srv/lun2
tgtadm --lld iscsi --op new --mode target --tid 1 --targetname {TARGET}
tgtadm --lld iscsi --op new --mode logicalunit --tid 1 --lun 1 --backing-store /srv/lun1
tgtadm --lld iscsi --op new --mode account --user b2ct --password {PASSWORD}
tgtadm --lld iscsi --op bind --mode account --tid 1 --user b2ct
tgtadm --lld iscsi --op bind --mode target --tid 1 --initiator-address ALL
"""


class Iscsi(StorageLab):
    """The site in its lab."""

    def paths(self) -> list[dict[str, int]]:
        """Give what the command tells of each node's paths."""
        asked = b2ct("san", "status", str(self.site), "--json")
        assert asked.stdout, asked.stderr
        return [one["paths"] for one in json.loads(asked.stdout)["members"]]


@pytest.fixture(scope="module")
def san(make_lab: MakeLab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Iscsi]:
    found = Iscsi(make_lab("iscsi2"))
    done = found.lab.run("control1", ARRAY)
    assert done.returncode == 0, done.stderr
    secret = f"vault_san_chap_password: {PASSWORD}\n"
    with runs.with_vault(found.site, tmp_path_factory.mktemp("vault"), secret):
        yield found


def test_the_stage_logs_in_and_makes_the_volume_group(san: Iscsi) -> None:
    code, words = san.play()
    assert code == 0, words
    assert PASSWORD not in words
    for name in NODES:
        sessions = san.said(name, "iscsiadm --mode session")
        for portal in ("10.77.0.11:3260", "10.78.0.11:3260"):
            assert f"{portal},1 {TARGET}" in sessions
        assert san.said(name, "cat /etc/iscsi/initiatorname.iscsi").endswith(f".lab:{name}")
        # Only root may read the password.
        assert san.said(name, "stat -c %a /etc/iscsi/iscsid.conf") == "600"
        assert san.said(name, f"vgs --noheadings -o vg_name,vg_lock_type {GROUP}") == GROUP
    assert san.paths() == [{"lun1": 2}] * 2


def test_a_second_run_changes_nothing_in_check_mode_or_for_real(san: Iscsi) -> None:
    for arguments in (("--check", "--diff"), ()):
        code, words = san.play(*arguments)
        assert code == 0, words
        assert changed(words) == dict.fromkeys(NODES, 0), words


def test_both_see_the_volumes_of_the_other(san: Iscsi) -> None:
    """As OpenNebula's driver works: made on one host, switched on where the machine runs."""
    san.said("node1", f"lvcreate --yes --wipesignatures n --size 64M --name lv-one-1-0 {GROUP}")
    san.said("node1", f"echo of-node1 | dd of=/dev/{GROUP}/lv-one-1-0 bs=512 conv=sync,fsync")
    san.said("node1", f"lvchange --activate n {GROUP}/lv-one-1-0")
    san.said("node2", f"lvchange --activate y {GROUP}/lv-one-1-0")
    assert san.said("node2", f"head -c 8 /dev/{GROUP}/lv-one-1-0") == "of-node1"


def test_a_cable_of_the_san_is_lost_and_comes_back(san: Iscsi) -> None:
    with runs.unplugged(san.lab, "node2", "lan1"):
        # Written at once: it waits until the dead path is given up, and then goes the other way.
        san.said(
            "node2", f"echo still-there | dd of=/dev/{GROUP}/lv-one-1-0 bs=512 conv=sync,fsync"
        )
        until("the lost path is told of", lambda: san.paths() == [{"lun1": 2}, {"lun1": 1}])
        asked = b2ct("san", "status", str(san.site))
        assert asked.returncode == 1
        assert "node2 sees lun1 on 1 of 2 paths" in asked.stdout
        # What one node sees less of is changed on none.
        code, words = san.play()
        assert code == 2, words
        assert "lun1 (360000000000000000e00000000010001) is seen on 1 path of 2" in words
    until("both paths work again", lambda: san.paths() == [{"lun1": 2}] * 2)
    assert san.said("node2", f"head -c 11 /dev/{GROUP}/lv-one-1-0") == "still-there"


def test_a_disk_that_is_not_there_is_refused(san: Iscsi) -> None:
    san.change("0e00000000010001", "0e00000000010009")
    code, words = san.play()
    san.change("0e00000000010009", "0e00000000010001")
    assert code == 2, words
    assert "lun1 (360000000000000000e00000000010009) is not seen" in words
    assert "seen are 360000000000000000e00000000010001" in words


def test_a_node_that_starts_anew_logs_in_by_itself(san: Iscsi) -> None:
    before = san.boot("node2")
    san.lab.power("node2", "reboot")
    san.lab.await_ssh(san.lab.running.guest("node2"))
    assert san.boot("node2") != before
    until("its paths are back", lambda: san.paths() == [{"lun1": 2}] * 2)
    san.said("node2", f"lvchange --activate y {GROUP}/lv-one-1-0")
    assert san.said("node2", f"head -c 11 /dev/{GROUP}/lv-one-1-0") == "still-there"


def test_another_disk_joins_while_all_is_in_use(san: Iscsi) -> None:
    free = float(san.said("node1", f"vgs --noheadings --nosuffix --units m -o vg_free {GROUP}"))
    new = "tgtadm --lld iscsi --op new --mode logicalunit --tid 1 --lun 2"
    san.said("control1", f"{new} --backing-store /srv/lun2")
    san.change(
        "  luns:\n",
        '  luns:\n    lun2: {wwid: "360000000000000000e00000000010002", paths: 2}\n',
    )
    grown = b2ct("san", "grow", str(san.site))
    assert grown.returncode == 0, grown.stdout + grown.stderr
    for name in NODES:
        now = float(san.said(name, f"vgs --noheadings --nosuffix --units m -o vg_free {GROUP}"))
        assert now > free + 500


def test_checks_of_verify_accept_it(san: Iscsi) -> None:
    done = b2ct("verify", str(san.site), *NODES, "--only", "san")
    assert done.returncode == 0, done.stdout + done.stderr
