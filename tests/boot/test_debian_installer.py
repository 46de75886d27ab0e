"""Debian's real installer boots from our key, takes our preseed and partitions the right disk.

Each machine has the key and two disks, the wrong one first. It is stopped when the installer
goes on to the base system: by then preseed, network, mirror, disk, partitions and file systems
are settled. What follows takes much longer, and is for the whole installation (test_install.py).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from b2ct.render import NoHashes
from tests.boot.diskview import gpt
from tests.boot.installer import (
    GATEWAY,
    NAME_SERVER,
    RELEASE,
    SUBNET,
    SystemLog,
    blank_disk,
    digest,
    lab_key,
    read_volume_group,
    relay,
    wait_for_log,
)
from tests.boot.qemu import Drive, Firmware, Machine, MachineSpec, Network
from tests.boot.relay import Relay
from tests.unit.site_texts import SSH_KEY

pytestmark = pytest.mark.boot

MIB = 1 << 20
FIRST_MAC, SECOND_MAC, FOREIGN_MAC = "52:54:00:b2:c7:11", "52:54:00:b2:c7:12", "52:54:00:b2:c7:99"
TARGET = "TARGET01"
SITE = f"""\
plugin: b2ct.cloud.site
site:
  name: lab
  domain: lab.example.org
  label: B2CT-LAB
  timezone: Europe/Rome
  keyboard: it
  language: en_US.UTF-8
  admins:
    - name: ada
      ssh_keys: [{SSH_KEY}]
  dns: {{servers: [{NAME_SERVER}]}}
  time_servers: [{GATEWAY}]
networks:
  service:
    purpose: service
    ipv4: {{subnet: {SUBNET}, gateway: {GATEWAY}}}
install:
  release: {RELEASE}
  mirrors: {{{RELEASE}: {{url: "{{mirror}}"}}}}
  menu_timeout: 1
  serial_console: ttyS0,115200n8
nodes:
  boot1:
    roles: [hypervisor]
    macs: {{lan1: "{FIRST_MAC}", lan2: "{SECOND_MAC}"}}
    bonds:
      bond0: {{members: [lan1, lan2], mode: active-backup}}
    attach:
      service: {{device: bond0}}
    addresses: {{service: 10.0.2.50}}
    disk: {{serial: {TARGET}, size: 16GiB}}
    volumes:
      root: {{size: 10GiB, mount: /}}
      swap: {{purpose: swap, size: 256MiB}}
      database: {{purpose: drbd, size: 200MiB}}
      images: {{purpose: datastore, size: rest, mount: /var/lib/one, filesystem: xfs}}
"""
#: What the installer logs when all that is judged here has happened. (Volumes alone are too early:
#: partman sets the kinds of partitions last.)
PARTITIONED = r"main-menu\[\d+\]: INFO: Menu item 'bootstrap-base' selected"


def spec(
    name: str, firmware: Firmware, key: Path, disks: tuple[Path, Path], macs: tuple[str, ...]
) -> MachineSpec:
    """A server with the key, the wrong disk first, and a card for each MAC address."""
    wrong, right = disks
    return MachineSpec(
        name,
        firmware=firmware,
        drives=(
            Drive(key, "usb", boot=True, serial="KEY01", keep_writes=True),
            Drive(wrong, "virtio", serial="WRONG01", keep_writes=True),
            Drive(right, "virtio", serial=TARGET, keep_writes=True),
        ),
        networks=tuple(Network(restrict=False, mac=mac) for mac in macs),
        memory_mib=1024,
        cpus=2,
    )


def check_target(disk: Path, firmware: Firmware) -> None:
    """Partitions and volumes are those of the site, and nothing else."""
    partitions = gpt(disk)
    kinds = [str(partition.kind).upper()[:8] for partition in partitions]
    first = "C12A7328" if firmware == "uefi" else "21686148"  # EFI system, BIOS boot
    assert kinds == [first, "0FC63DAF", "E6D6D379"]  # Linux, LVM
    assert partitions[1].sectors * 512 >= 1024 * MIB
    start = partitions[2].start * 512
    group = read_volume_group(disk, start)
    assert group.name == "b2ct"
    sizes = {name: count * group.extent_bytes // MIB for name, count in group.extents.items()}
    images = sizes.pop("images")
    assert sizes == {"root": 10240, "swap": 256, "database": 200}
    # "rest" is what is left: less than one extent stays free.
    room = partitions[2].sectors * 512 - group.first_extent_byte
    assert room // MIB - sum(sizes.values()) - images <= 8


def site_text(mirror: Relay, release: str = RELEASE) -> str:
    """The lab's site with this machine's mirror."""
    return SITE.replace(RELEASE, release).replace("{mirror}", mirror.address)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """One key for both firmwares: that is what a key is for."""
    folder = tmp_path_factory.mktemp("debian-key")
    with SystemLog(folder / "syslog") as log, relay() as mirror:
        # Guests need no protection from each other's caches here, and are faster without.
        arguments = f"mitigations=off {log.arguments}"
        yield lab_key(folder, site_text(mirror), NoHashes(), mirror, arguments), log


def test_known_server_over_a_bond_in_bios(made, tmp_path: Path) -> None:
    key, log = made
    log.mark()
    wrong, right = blank_disk(tmp_path / "wrong.img", 16), blank_disk(tmp_path / "right.img", 16)
    before = digest(key.image), digest(wrong)
    machine = Machine(
        spec("debian-bios", "bios", key.image, (wrong, right), (FIRST_MAC, SECOND_MAC)), tmp_path
    )
    with machine:
        # The bond must do with one cable.
        machine.qmp("set_link", name="net1", up=False)
        machine.wait_for("b2ct: this machine is boot1 of site lab", limit_s=1800)
        machine.wait_for("b2ct: network is up: bond bond0 active-backup", limit_s=600)
        machine.wait_for(rf"b2ct: installing on vdb \(.*serial {TARGET}", limit_s=1800)
        wait_for_log(log, PARTITIONED, machine, limit_s=1800)
    print(f"\nBIOS: {machine.cpu_s:.0f} CPU s, {machine.wall_s:.0f} s")
    assert "Press Enter" not in machine.console
    check_target(right, "bios")
    assert (digest(key.image), digest(wrong)) == before


def test_unknown_server_by_dialog_in_uefi(made, tmp_path: Path) -> None:
    key, log = made
    log.mark()
    wrong, right = blank_disk(tmp_path / "wrong.img", 16), blank_disk(tmp_path / "right.img", 16)
    before = digest(key.image), digest(wrong)
    machine = Machine(
        spec("debian-uefi", "uefi", key.image, (wrong, right), (FOREIGN_MAC,)), tmp_path
    )

    def answer(question: str, text: str, limit_s: float = 120) -> None:
        machine.wait_for(rf"{question}\s*$", limit_s=limit_s)
        machine.send(f"{text}\n")

    with machine:
        answer("they are put on this machine's last console.\\)", "", 900)
        answer(r"2\) hypervisor: virtual machines only\s+Number \[2\]:", "2")
        answer(r"Host name \(without \.lab\.example\.org\) \[hypervisor-b2c799\]:", "boot1")
        answer(r"boot1 is in site\.yml[^\[]*\[hypervisor-b2c799\]:", "rack7")
        answer(r"link up\s+Number \[1\]:", "1")
        answer(r"2\) static\s+Number \[1\]:", "2")
        # QEMU's name server answers ARP; site.yml gives the gateway's address to somebody.
        answer(r"Address \[10\.0\.2\.1\]:", NAME_SERVER)
        answer(rf"Another machine answers for {NAME_SERVER}\.\s+Address \[.*\]:", GATEWAY)
        answer(rf"site\.yml gives {GATEWAY} to somebody else\.\s+Address \[.*\]:", "10.0.2.60")
        answer(r"Gateway \(none: no default route\) \[10\.0\.2\.2\]:", "")
        answer(r"Name servers .*\[10\.0\.2\.3\]:", "")
        machine.wait_for(r"b2ct: network is up: card .*address .* 10\.0\.2\.60/24", limit_s=600)
        choice = machine.wait_for(
            rf"(\d)\) vdb: .*serial {TARGET}.*nothing: it is blank", limit_s=900
        )
        answer(r"Number \[none\]:", choice[1])
        machine.wait_for(rf"on disk vdb, which is blank:\s+model .*serial {TARGET}", limit_s=60)
        answer(r"Install\? \(yes, or no to begin again\) \[yes\]:", "yes")
        machine.wait_for("b2ct: installing on vdb", limit_s=60)
        wait_for_log(log, PARTITIONED, machine, limit_s=1800)
    print(f"\nUEFI: {machine.cpu_s:.0f} CPU s, {machine.wall_s:.0f} s")
    check_target(right, "uefi")
    assert (digest(key.image), digest(wrong)) == before


def test_debian_12_fetches_its_components_in_uefi(tmp_path: Path) -> None:
    """Its GRUB and its busybox are older; from here on both releases go the same way.

    The mirror of the test machines lacks components of Debian 12 that no package replaces, so
    the installer is stopped as soon as it fetches the first ones.
    """
    with SystemLog(tmp_path / "syslog") as log, relay("debian-12") as mirror:
        key = lab_key(
            tmp_path,
            site_text(mirror, "debian-12"),
            NoHashes(),
            mirror,
            f"mitigations=off {log.arguments}",
            release="debian-12",
            complete=False,
        )
        disks = blank_disk(tmp_path / "wrong.img", 16), blank_disk(tmp_path / "right.img", 16)
        before = [digest(path) for path in (key.image, *disks)]
        machine = Machine(
            spec("debian-12-uefi", "uefi", key.image, disks, (FIRST_MAC, SECOND_MAC)), tmp_path
        )
        with machine:
            machine.qmp("set_link", name="net1", up=False)
            machine.wait_for("b2ct: this machine is boot1 of site lab", limit_s=900)
            machine.wait_for("b2ct: network is up: bond bond0 active-backup", limit_s=600)
            wait_for_log(log, r"anna\[\d+\]: DEBUG: retrieving", machine, limit_s=900)
    print(f"\nDebian 12: {machine.cpu_s:.0f} CPU s, {machine.wall_s:.0f} s")
    assert [digest(path) for path in (key.image, *disks)] == before
