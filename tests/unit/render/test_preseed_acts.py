"""The script of a preseed, act by act, on a machine made of files, under real shells."""

from __future__ import annotations

import hashlib
import json
import os

import pytest

from b2ct.model import RELEASES, ReleaseId
from b2ct.render import NoHashes, render_site
from tests.unit.render.machine import GIB, real_pv
from tests.unit.render.test_preseed import OneHash, debian_site, script_of

#: The installer's is busybox; the others find what only one of them forgives.
EVERY_SHELL = pytest.mark.parametrize("shell", ["busybox", "dash", "bash"])
BUSYBOX = pytest.mark.parametrize("shell", ["busybox"])
MIB = 1 << 20
#: Programs that must not be the real ones.
STUBS = (
    *("arping", "blockdev", "chroot", "hostname", "ip", "modprobe", "poweroff", "pvs", "reboot"),
    *("sync", "udevadm", "udhcpc", "umount", "vconfig", "vgchange", "vgs", "wget"),
)


def made(**changes):
    site = debian_site(ReleaseId.DEBIAN_13, install__ask_timeout=60, **changes)
    return render_site(site, RELEASES[ReleaseId.DEBIAN_13], OneHash())


@pytest.fixture(scope="module")
def preseed():
    return made()


@pytest.fixture(scope="module")
def consenting():
    """A site whose hypervisors may lose whatever is on their disk."""
    rule = {"type": "nvme", "min_size": "900GB"}
    return made(hardware__hypervisor__disk={"rule": rule, "erase": "anything"})


class Installer:
    """What Debian's installer has, on a fake machine."""

    def __init__(self, machine, rendered, shell):
        self.machine, self.shell, self.rendered = machine, shell, rendered
        self.script = script_of(rendered.text)
        machine.write("preseed.cfg", rendered.text)
        for path in ("var/lib/dpkg/info", "usr/lib/finish-install.d", "etc", "proc/net/vlan"):
            (machine.root / path).mkdir(parents=True, exist_ok=True)
        machine.write("proc/net/vlan/config", "")
        machine.write("sys/class/net/lo/address", "00:00:00:00:00:00\n")
        for name in STUBS:
            machine.program(name, "exit 0")
        machine.program("pvs", "echo '  b2ct'")
        machine.program("vgs", "echo '  b2ct-site-other'")
        machine.program(
            "debconf-set-selections", f'cp "$1" "{machine.root}/given"; echo asked >&3; cat'
        )
        machine.program("wget", "exit 4")
        machine.program("chroot", f'cat >"{machine.root}/inside"')

    def start(self, act):
        # busybox takes its own applets before programs of PATH: only functions come first.
        # Without them this machine's name and network would be changed for real.
        programs = self.machine.root / "bin"
        stubs = "".join(f'{name}() {{ "{programs}/{name}" "$@"; }}\n' for name in STUBS)
        return self.machine.start(f"{stubs}set -- {act}\n{self.script}", self.shell)

    def act(self, name):
        self.start(name)
        assert self.machine.finish() == 0, self.machine.log()

    def given(self):
        path = self.machine.root / "given"
        return path.read_text() if path.exists() else None


def node1(machine):
    machine.card("eno1", "52:54:00:20:01:11")
    machine.card("ens1f0", "aa:00:00:00:00:01", link=False)
    machine.card("ens1f1", "aa:00:00:00:00:02", link=False)
    machine.key()


def part(path, offset, size):
    """Bytes of a device, counted from its end if ``offset`` is negative."""
    with path.open("rb") as device:
        device.seek(offset, os.SEEK_SET if offset >= 0 else os.SEEK_END)
        return device.read(size)


def digest(path):
    return hashlib.sha256(part(path, 0, 8 * MIB) + part(path, -8 * MIB, 8 * MIB)).hexdigest()


@EVERY_SHELL
def test_known_server_in_two_acts(machine, preseed, shell):
    node1(machine)
    installer = Installer(machine, preseed, shell)
    installer.act("early")
    calls = machine.calls()
    assert "ip link set dev eno1 up" in calls
    assert "ip addr add 10.20.0.21/24 dev eno1" in calls
    assert "ip route add default via 10.20.0.1 dev eno1" in calls
    assert "hostname node1" in calls
    root = machine.root
    assert (root / "etc/resolv.conf").read_text().splitlines()[0] == "nameserver 192.0.2.53"
    assert "10.20.0.21 node1.cloud.example.org node1" in (root / "etc/hosts").read_text()
    assert (root / "etc/hostname").read_text() == "node1\n"
    assert "exit 0" in (root / "var/lib/dpkg/info/netcfg.postinst").read_text()
    assert installer.given() is None, "no answer about disks before a disk was seen"

    # The disks come later: their drivers are fetched over that network.
    machine.disk("nvme0n1", 894, model="KIOXIA", serial="K1")
    machine.disk("sda", 447, model="SAMSUNG")
    installer.act("disk")
    answers = installer.given()
    assert "d-i partman-auto/disk string /dev/nvme0n1\n" in answers
    assert "d-i grub-installer/bootdev string /dev/nvme0n1\n" in answers
    assert "d-i partman/confirm boolean true\n" in answers
    assert "$bios_boot{ }" in answers and "method{ efi }" not in answers
    assert "libvirt-daemon-system" in answers
    assert "sdz" not in answers and "sda" not in answers and "@{" not in answers
    assert "blockdev" not in machine.calls(), "a blank disk is not cleared"
    installed = json.loads(machine.written("root/etc/b2ct/installed.json"))
    assert installed["kickstart_sha256"] == preseed.sha256


@BUSYBOX
def test_debconf_is_spoken_to_on_its_own_descriptors(machine, preseed, shell):
    """Ours are put aside: answers come in by 0, questions go out by 3, whatever the dialog does."""
    node1(machine)
    installer = Installer(machine, preseed, shell)
    installer.act("early")
    machine.disk("nvme0n1", 894)
    installer.script = (
        f'exec <"{machine.root}/answers" 3>"{machine.root}/questions"\n' + installer.script
    )
    machine.write("answers", "0 ok\n")
    installer.act("disk")
    assert (machine.root / "questions").read_text() == "asked\n"
    assert "0 ok" in machine.log()


def test_efi_machine_gets_an_efi_partition(machine, preseed):
    node1(machine)
    (machine.root / "sys/firmware/efi").mkdir(parents=True)
    installer = Installer(machine, preseed, "busybox")
    installer.act("early")
    machine.disk("nvme0n1", 894)
    installer.act("disk")
    assert "method{ efi }" in installer.given() and "$bios_boot" not in installer.given()


@BUSYBOX
def test_bond_for_the_installation(machine, preseed, shell):
    machine.dmi("HPE", "DL380", "CZ3001AAAA")
    machine.card("eno1", "52:54:00:20:00:11")
    machine.card("eno2", "52:54:00:20:00:12")
    machine.key()
    bonding = machine.root / "sys/class/net"
    machine.write("sys/class/net/bonding_masters", "\n")
    for name in ("mode", "miimon", "slaves"):
        machine.write(f"sys/class/net/bond0/bonding/{name}", "")
    machine.write("sys/class/net/bond0/carrier", "1\n")
    installer = Installer(machine, preseed, shell)
    installer.act("early")
    assert (bonding / "bonding_masters").read_text() == "+bond0\n"
    assert (bonding / "bond0/bonding/mode").read_text() == "active-backup\n"
    assert (bonding / "bond0/bonding/slaves").read_text() == "+eno2\n", "each card is written alone"
    assert "ip addr add 10.20.0.11/24 dev bond0" in machine.calls()


def test_tagged_service_network(machine):
    node1(machine)
    machine.write("sys/class/net/eno1.20/carrier", "1\n")
    rendered = made(networks__service__vlan=20)
    (machine.root / "sys/class/net/eno1.20/carrier").unlink()
    (machine.root / "sys/class/net/eno1.20").rmdir()
    installer = Installer(machine, rendered, "busybox")
    installer.act("early")
    assert "vconfig add eno1 20" in machine.calls()
    assert "ip addr add 10.20.0.21/24 dev eno1.20" in machine.calls()


def test_dhcp_runs_on_without_the_installer_s_pipes(machine):
    node1(machine)
    rendered = made(nodes__node1__addresses={"service": "dhcp"})
    installer = Installer(machine, rendered, "dash")
    machine.program("udhcpc", f'ls /proc/self/fd >"{machine.root}/held"')
    installer.act("early")
    assert "udhcpc -i eno1" in machine.calls()
    # 0 to 2, and the one by which ls reads the folder.
    assert len((machine.root / "held").read_text().split()) == 4


def test_network_that_does_not_come_up_is_told(machine, preseed):
    node1(machine)
    installer = Installer(machine, preseed, "busybox")
    machine.program("ip", 'case "$*" in "route "*) exit 2 ;; esac')
    console = machine.console("tty1")
    machine.cmdline("console=tty0")
    installer.start("early")
    console.expect.expect_exact("No disk has been changed")
    console.expect.expect_exact("gateway 10.20.0.1 on eno1")
    console.expect.send("\n")
    assert machine.finish() == 1


def test_disk_act_without_the_first_is_refused(machine, preseed):
    node1(machine)
    machine.disk("nvme0n1", 894)
    installer = Installer(machine, preseed, "busybox")
    console = machine.console("tty1")
    machine.cmdline("console=tty0")
    installer.start("disk")
    console.expect.expect_exact("The first part of this script has not run")
    console.expect.send("\n")
    assert machine.finish() == 1
    assert installer.given() is None


@BUSYBOX
def test_a_used_disk_is_refused_without_consent(machine, preseed, shell):
    node1(machine)
    installer = Installer(machine, preseed, shell)
    installer.act("early")
    machine.disk("nvme0n1", 894, content=b"precious" * 1000)
    before = digest(machine.root / "dev/nvme0n1")
    console = machine.console("tty1")
    machine.cmdline("console=tty0")
    installer.start("disk")
    console.expect.expect_exact("Disk nvme0n1 of node1 is not blank")
    console.expect.send("\n")
    assert machine.finish() == 1
    assert installer.given() is None
    assert digest(machine.root / "dev/nvme0n1") == before


@EVERY_SHELL
def test_a_used_disk_is_cleared_with_consent(machine, consenting, shell):
    node1(machine)
    installer = Installer(machine, consenting, shell)
    installer.act("early")
    machine.disk("nvme0n1", 894, content=b"old partition table")
    machine.partition("nvme0n1", 1, 500, content=b"old file system")
    machine.partition("nvme0n1", 2, 6000, content=real_pv())
    machine.disk("sda", 447, content=real_pv())
    tail = machine.root / "dev/nvme0n1p1"
    with tail.open("r+b") as partition:
        partition.seek(500 * MIB - 4096)
        partition.write(b"an old RAID superblock")
    other = digest(machine.root / "dev/sda")
    installer.act("disk")
    for name in ("nvme0n1", "nvme0n1p1", "nvme0n1p2"):
        device = machine.root / "dev" / name
        assert not any(part(device, 0, 4 * MIB)), name
        assert not any(part(device, -4 * MIB, 4 * MIB)), name
    assert tail.stat().st_size == 500 * MIB
    assert (machine.root / "dev/nvme0n1").stat().st_size == 894 * GIB
    assert "blockdev --rereadpt" in machine.calls()
    assert digest(machine.root / "dev/sda") == other
    assert "d-i partman-lvm/device_remove_lvm boolean false" in installer.given()


def test_unknown_server_answers_in_two_acts(machine, preseed):
    machine.card("ens9", "aa:bb:cc:dd:ee:ff")
    machine.key()
    console = machine.console("ttyS0")
    machine.cmdline("console=ttyS0")
    installer = Installer(machine, preseed, "busybox")
    say = console.expect
    installer.start("early")
    say.expect_exact("2) hypervisor")
    say.expect_exact("Number [2]: ")
    say.send("1\n")
    say.expect_exact("[control-ddeeff]: ")
    say.send("rack7\n")
    say.expect_exact("Number [1]: ")
    say.send("\n")
    say.expect_exact("Number [1]: ")
    say.send("2\n")
    say.expect_exact("Address [10.20.0.")
    say.send("10.20.0.77\n")
    say.expect_exact("Gateway")
    say.send("\n")
    say.expect_exact("Name servers")
    say.send("\n")
    assert machine.finish() == 0, machine.log()
    assert "ip addr add 10.20.0.77/24 dev ens9" in machine.calls()
    assert installer.given() is None

    machine.disk("sda", 447, model="FIRST", serial="S1")
    machine.disk("sdb", 447, model="SECOND", serial="S2", content=b"something")
    installer.start("disk")
    say.expect_exact("Disk to install on:")
    say.expect_exact("2) sdb: SECOND")
    say.expect_exact("]: ")
    say.send("2\n")
    say.expect_exact("AND ERASE DISK sdb")
    say.expect_exact("Type yes to ERASE")
    say.send("no\n")
    say.expect_exact("Disk to install on:")
    say.expect_exact("]: ")
    assert installer.given() is None
    say.send("2\n")
    say.expect_exact("Type yes to ERASE")
    say.send("yes\n")
    assert machine.finish() == 0, machine.log()
    assert "d-i partman-auto/disk string /dev/sdb\n" in installer.given()
    written = machine.written("root/etc/systemd/network/30-b2ct-ens9.network")
    assert "PermanentMACAddress=aa:bb:cc:dd:ee:ff" in written and "10.20.0.77/24" in written
    assert "10.20.0.77 rack7.cloud.example.org rack7" in machine.written("root/etc/hosts")


@BUSYBOX
def test_late_puts_everything_in_its_place(machine, preseed, shell):
    node1(machine)
    installer = Installer(machine, preseed, shell)
    installer.act("early")
    machine.disk("nvme0n1", 894)
    installer.act("disk")
    # Late commands come too late for this: the installer has listed its last scripts by then.
    hook = machine.root / "usr/lib/finish-install.d/94zz-b2ct"
    assert hook.stat().st_mode & 0o111
    assert "script' last" in hook.read_text()
    installer.act("late")
    target = machine.root / "target"
    installed = json.loads((target / "etc/b2ct/installed.json").read_text())
    assert installed["installed_at"].endswith("Z") and installed["scrubbed"] is False
    assert (target / "etc/sudoers.d/b2ct-ada").stat().st_mode & 0o777 == 0o440
    assert (target / "etc/systemd/network").stat().st_mode & 0o777 == 0o755
    sources = (target / "etc/apt/sources.list.d/opennebula.sources").read_text()
    assert sources.startswith("Enabled: no\n"), "its key could not be had"
    tags = f"--addtag b2ct-site-example --addtag b2ct-kickstart-{preseed.sha256[:16]} b2ct"
    assert f"vgchange {tags}" in machine.calls()
    inside = (machine.root / "inside").read_text()
    assert "useradd" in inside and "chpasswd --encrypted" in inside


def test_the_key_is_made_read_only_whenever_it_appears(machine, preseed):
    node1(machine)
    Installer(machine, preseed, "busybox").act("early")
    rule = (machine.root / "etc/udev/rules.d/99-b2ct.rules").read_text()
    assert rule == ('ENV{ID_FS_LABEL}=="B2CT-EXAMPL", RUN+="/sbin/blockdev --setro $devnode"\n')
    assert "udevadm trigger --subsystem-match=block" in machine.calls()
    assert "umount" not in machine.calls()


def test_a_key_that_is_mounted_already_is_unmounted(machine, preseed):
    node1(machine)
    machine.write("proc/mounts", "/dev/sda1 /media vfat rw,relatime 0 0\n")
    Installer(machine, preseed, "busybox").act("early")
    assert f"umount {machine.root}/media" in machine.calls()


@pytest.mark.parametrize("own", [True, False])
def test_base_hands_over_the_authorities_of_the_initrd(machine, preseed, own):
    node1(machine)
    installer = Installer(machine, preseed, "busybox")
    installer.act("early")
    machine.disk("nvme0n1", 894)
    installer.act("disk")
    hook = machine.root / "usr/lib/post-base-installer.d/02b2ct"
    assert "script' base" in hook.read_text() and hook.stat().st_mode & 0o111
    machine.write("etc/ssl/certs/ca.pem", "of Debian")
    if own:
        machine.write("etc/ssl/certs/site.crt", "of the site")
    installer.act("base")
    copied = machine.root / "target/usr/local/share/ca-certificates"
    assert ([path.name for path in copied.glob("*")] == ["site.crt"]) is own
    assert ("chroot" in machine.calls()) is own


@pytest.mark.parametrize("armoured", [True, False])
def test_key_of_a_repository_is_kept_as_apt_reads_it(machine, preseed, armoured):
    node1(machine)
    installer = Installer(machine, preseed, "busybox")
    installer.act("early")
    machine.disk("nvme0n1", 894)
    installer.act("disk")
    key = "-----BEGIN PGP PUBLIC KEY BLOCK-----" if armoured else "\\0231\\0001"
    body = 'while [ "$1" != -O ]; do shift; done\n'
    machine.program("wget", f"{body}printf '%b' '{key}' >\"$2\"")
    installer.act("late")
    ending = "asc" if armoured else "gpg"
    assert (machine.root / f"target/etc/apt/keyrings/opennebula.{ending}").is_file()
    sources = (machine.root / "target/etc/apt/sources.list.d/opennebula.sources").read_text()
    assert "Enabled: yes\n" in sources
    assert f"Signed-By: /etc/apt/keyrings/opennebula.{ending}\n" in sources


@pytest.mark.parametrize("clean", [True, False])
def test_last_says_whether_a_copy_is_left(machine, preseed, clean):
    node1(machine)
    installer = Installer(machine, preseed, "busybox")
    installer.act("early")
    machine.disk("nvme0n1", 894)
    installer.act("disk")
    installer.act("late")
    machine.write("target/var/log/installer/cdebconf/questions.dat", "Name: passwd/x\n")
    machine.program("chroot", "exit 0" if clean else "exit 1")
    installer.start("last")
    assert machine.finish() == (0 if clean else 1)
    assert not (machine.root / "target/var/log/installer/cdebconf").exists()
    installed = json.loads((machine.root / "target/etc/b2ct/installed.json").read_text())
    assert installed["scrubbed"] is clean


def test_no_hash_reaches_the_installer_s_log(machine, preseed):
    node1(machine)
    installer = Installer(machine, preseed, "busybox")
    for act in ("early", "disk", "late"):
        if act == "disk":
            machine.disk("nvme0n1", 894)
        installer.act(act)
        assert "$6$" not in machine.log()
    assert "$6$" not in machine.written("log") and "$6$" not in machine.written("state")
    assert NoHashes().hashed("root") is None
