"""What a site's lab is made of, and what it refuses to be made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from b2ct.errors import B2ctError, ProblemsError
from b2ct.lab.golden import shape
from b2ct.lab.plan import plan
from b2ct.lab.qemu import Surroundings, Wire, argv
from b2ct.lab.settings import Settings, read_settings
from b2ct.load import load_site
from b2ct.model import ReleaseId, Site
from b2ct.model.san import San

SITES = Path(__file__).resolve().parents[2] / "lab/sites"
EXAMPLE = Path(__file__).resolve().parents[3] / "inventories/example"

LUN = {"lun0": {"size": "1GiB", "wwid": "350000b2c70000001"}}


def settings(**values: object) -> Settings:
    return Settings.model_validate(values)


def around(**values: object) -> Surroundings:
    given = {
        "lab": "x", "accel": "tcg", "kernel": Path("/i/vmlinuz"), "initrd": Path("/i/initrd"),
        "root": Path("/l/root.qcow2"), "own": Path("/l/own.raw"), "luns": Path("/l/luns"),
        "console_log": Path("/l/console.log"), "sockets": Path("/s"), "ssh_port": 4022,
        "wires": (Wire("239.1.2.3", 4000), Wire("239.1.2.4", 4001)),
    }  # fmt: skip
    return Surroundings(**{**given, **values})  # type: ignore[arg-type]


def test_networks_become_cards_and_wires() -> None:
    found = plan(load_site(SITES / "san3"), read_settings(SITES / "san3/site.yml"))
    assert [guest.name for guest in found.guests] == ["node1", "node2", "node3"]
    assert found.segments == (("service",), ("private",))
    cards = {
        guest.name: [(card.name, card.segment) for card in guest.cards] for guest in found.guests
    }
    assert cards["node2"] == [("lan0", 0), ("lan1", 1)]
    macs = [card.mac for guest in found.guests for card in guest.cards]
    assert len(set(macs)) == 6
    assert [disk.wwn for disk in found.disks] == ["0x50000b2c70000001"]


def test_a_disk_of_sbd_and_a_watchdog_card() -> None:
    found = plan(load_site(SITES / "sbd2"), read_settings(SITES / "sbd2/site.yml"))
    assert [(disk.wwn, disk.paths) for disk in found.disks] == [("0x50000b2c70000001", 1)]
    lines = {guest.name: " ".join(argv(guest, around())) for guest in found.guests}
    assert "-device i6300esb -action watchdog=reset" in lines["node1"]
    assert "i6300esb" not in lines["node2"]
    # A machine with the card is saved apart from one without.
    first, second = (shape(guest) for guest in found.guests)
    assert first == {**second, "watchdog": True}
    with pytest.raises(B2ctError, match="'node7', which is no node"):
        plan(load_site(SITES / "sbd2"), settings(watchdogs=["node7"]))


def test_networks_that_share_a_bond_share_a_wire() -> None:
    site = load_site(EXAMPLE)
    (guest,) = plan(site, settings(nodes=["cache1"])).guests
    assert [(card.name, card.mac) for card in guest.cards] == [("eno1", "52:54:00:20:02:11")]
    install = site.install.model_copy(update={"release": ReleaseId.DEBIAN_12})
    debian = site.narrowed(site.nodes).model_copy(update={"install": install})
    found = plan(debian, settings(nodes=["control1", "node1"]))
    # control1 has service and public on one bond, so service, private and public meet.
    assert found.segments == (("private", "public", "service"),)
    assert [card.name for card in found.guests[0].cards] == ["eno1", "eno2"]
    assert found.guests[0].volumes == {"database": 100 << 30}


def test_another_release_is_refused() -> None:
    with pytest.raises(B2ctError, match="control1 runs almalinux-9; a lab has machines of debian"):
        plan(load_site(EXAMPLE), settings())


def test_an_unknown_node_is_refused() -> None:
    with pytest.raises(B2ctError, match="'control9', which is no node") as error:
        plan(load_site(SITES / "ha2"), settings(nodes=["control9"]))
    assert "control" in error.value.hint


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("memory: 100\n", "lab.yml:1: memory: Input should be greater than or equal to 384"),
        ("memory: 512\nluns:\n  a: {size: 1GiB, wwid: '3600a'}\n",
         "lab.yml:3: luns.a.wwid: no WWID that QEMU can give a disk; write 35 and 15 digits"),
        ("luns:\n  a: {size: 1, wwid: '350000b2c70000001'}\n",
         "lab.yml:2: luns.a.size: 1 lacks a unit"),
        ("cpu: 2\n", "lab.yml:1: cpu: Extra inputs are not permitted"),
        ("- 1\n", "holds no settings"),
    ],
)  # fmt: skip
def test_bad_settings_are_told(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "lab.yml").write_text(text)
    with pytest.raises(B2ctError) as error:
        read_settings(tmp_path / "site.yml")
    problems = error.value.problems if isinstance(error.value, ProblemsError) else [error.value]
    assert told in "\n".join(map(str, problems))


def test_without_settings_there_are_defaults(tmp_path: Path) -> None:
    assert read_settings(tmp_path / "site.yml") == Settings.model_validate({})


def test_a_shared_disk_hangs_on_one_controller_a_path() -> None:
    guest = plan(load_site(SITES / "ha2"), settings(luns=LUN)).guests[0]
    line = argv(guest, around())
    devices = [line[at + 1] for at, word in enumerate(line) if word == "-device"]
    disks = [device for device in devices if device.startswith("scsi-hd")]
    assert [device.split("bus=")[1].split(",")[0] for device in disks] == ["path0.0", "path1.0"]
    assert all("wwn=0x50000b2c70000001" in disk and "share-rw=on" in disk for disk in disks)
    files = [word for word in line if word.startswith("driver=file,filename=/l/luns/lun0.raw")]
    assert len(files) == 2
    assert all("locking=off" in file for file in files)


def test_the_command_line_has_no_secret_and_its_own_place_for_each_card() -> None:
    guest = plan(load_site(SITES / "ha2"), settings()).guests[1]
    line = " ".join(argv(guest, around()))
    assert "user,id=net-host,hostfwd=tcp:127.0.0.1:4022-:22" in line
    assert "socket,id=net-lan1,mcast=239.1.2.4:4001,localaddr=127.0.0.1" in line
    assert "serial=b2ctown" in line  # the disk below DRBD
    assert "token" not in line
    assert "password" not in line


def _with_san(wwid: str) -> Site:
    """Give san3 with a LUN that only site.yml names."""
    site = load_site(SITES / "san3")
    san = San.model_validate(
        {"transport": "attached", "luns": {"lun0": {"wwid": wwid, "paths": 3}}}
    )
    return site.narrowed(site.nodes).model_copy(update={"san": san})


def test_a_lun_of_the_site_is_that_of_the_lab() -> None:
    disks = plan(_with_san("350000b2c7000000a"), settings(luns={"lun0": {"size": "1GiB"}})).disks
    assert [(disk.wwid, disk.wwn, disk.paths) for disk in disks] == [
        ("350000b2c7000000a", "0x50000b2c7000000a", 3)
    ]


@pytest.mark.parametrize(
    ("wwid", "lun", "told"),
    [
        ("3" + "6" * 32, {}, "which no disk of QEMU can be"),
        ("350000b2c7000000a", {"wwid": "350000b2c70000001"}, "in lab.yml and 350000b2c7000000a"),
    ],
)
def test_a_lun_that_cannot_be_is_refused(wwid: str, lun: dict[str, str], told: str) -> None:
    with pytest.raises(B2ctError, match=told):
        plan(_with_san(wwid), settings(luns={"lun0": {"size": "1GiB", **lun}}))


def test_a_disk_without_a_wwid_is_refused() -> None:
    with pytest.raises(B2ctError, match="the disk lun7 has no WWID"):
        plan(load_site(SITES / "ha2"), settings(luns={"lun7": {"size": "1GiB"}}))
