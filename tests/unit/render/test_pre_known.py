"""%pre on machines that the site file knows: nothing is typed, and nothing is guessed."""

from __future__ import annotations

import pytest

from b2ct.model import Kind

from .cases import rendered
from .machine import SHELLS, real_pv, script

EVERY_SHELL = pytest.mark.parametrize("shell", SHELLS)


def control1(machine, *, serial=True):
    if serial:
        machine.dmi("HPE", "DL380", "CZ3001AAAA")
    machine.card("eno1", "52:54:00:20:00:11")
    machine.card("eno2", "52:54:00:20:00:12")
    machine.key()


def stopped(machine, console, *said):
    """The script says all of ``said`` on the console, waits for Enter, and fails."""
    for text in said:
        console.expect.expect_exact(text)
    console.expect.expect_exact("Press Enter to leave the installer.")
    assert machine.process.poll() is None, "it must wait to be read"
    assert not (machine.root / "tmp/b2ct/storage.ks").exists()
    console.expect.send("\r\n")
    assert machine.finish() == 1


@EVERY_SHELL
def test_known_node_needs_no_typing(machine, site_ks, shell):
    control1(machine)
    machine.disk("sda", 447, model="SAMSUNG MZ7L3", serial="S4EVNX0M1")
    machine.disk("sdb", 14000, rotational=True)
    machine.write("run/install/ks.cfg", site_ks.text)
    machine.start(script(site_ks, "%pre"), shell)
    assert machine.finish() == 0, machine.log()
    storage = machine.written("storage.ks")
    assert storage.startswith("ignoredisk --only-use=sda\nzerombr\nclearpart --all")
    assert "sdb" not in storage and "sdz" not in storage
    network = machine.written("network.ks")
    assert "--hostname=control1.cloud.example.org" in network
    assert "--bondslaves=eno1,eno2" in network and "--ip=10.20.0.11" in network
    assert machine.written("packages.ks").startswith("@^minimal-environment\n")
    assert site_ks.sha256 in machine.written("root/etc/b2ct/installed.json")
    assert machine.written("kickstart").strip() == site_ks.sha256[:16]
    assert "0600 /etc/NetworkManager/system-connections/b2ct-bond0.40.nmconnection" in (
        machine.written("files")
    )


def test_card_is_found_by_mac_whatever_its_name(machine, site_ks):
    machine.card("ens3", "52:54:00:20:01:11")
    for name, mac in (("ens1f0", "aa:00:00:00:00:01"), ("ens1f1", "aa:00:00:00:00:02")):
        machine.card(name, mac)
    machine.key()
    machine.disk("nvme0n1", 894, model="KIOXIA")
    machine.start(script(site_ks, "%pre"))
    assert machine.finish() == 0, machine.log()
    assert "--device=ens3 " in machine.written("network.ks")
    keyfile = machine.written("root/etc/NetworkManager/system-connections/b2ct-eno1.nmconnection")
    assert "mac-address=52:54:00:20:01:11" in keyfile
    assert "@^virtualization-host-environment" in machine.written("packages.ks")


@pytest.mark.parametrize("efi", [True, False])
def test_el6_makes_its_own_efi_partition(machine, efi):
    control1(machine)
    if efi:
        (machine.root / "sys/firmware/efi").mkdir(parents=True)
    machine.disk("sda", 447)
    machine.start(script(rendered("centos-6", Kind.CONTROL), "%pre"))
    assert machine.finish() == 0, machine.log()
    line = "part /boot/efi --fstype=efi --size=200 --ondisk=sda"
    assert (line in machine.written("storage.ks")) == efi


def test_missing_card_stops(machine, site_ks):
    machine.card("ens3", "52:54:00:20:01:11")
    machine.key()
    machine.disk("nvme0n1", 894)
    console = machine.console("tty0")
    machine.cmdline("console=tty0")
    machine.root.joinpath("dev/tty1").symlink_to("tty0")
    machine.start(script(site_ks, "%pre"))
    stopped(machine, console, "This machine has no network card ens1f0.", "ens3 52:54:00:20:01:11")


class TestDisk:
    """Exactly one disk, and never the key."""

    @pytest.fixture
    def console(self, machine):
        machine.cmdline("inst.stage2=hd:LABEL=B2CT-EXAMPL console=ttyS0,115200n8")
        return machine.console("ttyS0")

    @EVERY_SHELL
    def test_two_disks_match(self, machine, console, site_ks, shell):
        control1(machine)
        machine.disk("sda", 447, serial="ONE")
        machine.disk("sdb", 447, serial="TWO")
        machine.start(script(site_ks, "%pre"), shell)
        stopped(machine, console, "Several disks match type ssd", "sda sdb", "serial ONE",
                "serial TWO", "never: this installer runs from it",
                "Name one of them in site.yml")  # fmt: skip

    def test_the_key_is_the_only_disk(self, machine, console, site_ks):
        control1(machine)
        machine.start(script(site_ks, "%pre"))
        stopped(machine, console, "The disk of control1 is not here", "sdz: ssd, Flash Voyager")

    @pytest.mark.parametrize(
        ("how", "reason"),
        [
            ({"removable": True}, "it is removable"),
            ({"read_only": True}, "it is read-only"),
            ({"bus": "pci0/usb2/2-1/host4"}, "it is a USB device"),
        ],
    )
    def test_such_a_disk_is_never_taken(self, machine, console, site_ks, how, reason):
        control1(machine)
        machine.disk("sda", 447, **how)
        machine.start(script(site_ks, "%pre"))
        stopped(machine, console, "The disk of control1 is not here", f"never: {reason}")

    def test_a_disk_of_the_storage_network_matches_no_rule(self, machine, console, site_ks):
        control1(machine)
        machine.disk("sda", 447, bus="pci0/host7/rport-7:0-1/target7:0:1")
        machine.start(script(site_ks, "%pre"))
        stopped(machine, console, "The disk of control1 is not here")

    @pytest.mark.parametrize(
        "argument",
        ["inst.ks=hd:LABEL=OTHER:/ks.cfg", "inst.repo=hd:/dev/sda1:/", "root=live:CDLABEL=OTHER",
         "ks=hd:sda1:/ks.cfg", "inst.stage2=hd:UUID=12-34"],
    )  # fmt: skip
    def test_what_the_command_line_names_is_the_medium(self, machine, console, site_ks, argument):
        control1(machine)
        machine.disk("sda", 447)
        machine.partition("sda", 1, 9000, label="OTHER")
        machine.link("by-uuid", "12-34", "sda1")
        machine.cmdline(f"{argument} console=ttyS0,115200n8")
        machine.start(script(site_ks, "%pre"))
        stopped(machine, console, "sda: ssd", "never: this installer runs from it")

    def test_what_is_mounted_is_the_medium(self, machine, console, site_ks):
        control1(machine)
        machine.disk("sda", 447)
        machine.partition("sda", 1, 9000)
        machine.write("proc/mounts", "/dev/sda1 /run/install/repo iso9660 ro 0 0\n")
        machine.start(script(site_ks, "%pre"))
        stopped(machine, console, "sda: ssd", "never: this installer runs from it")

    def test_too_small(self, machine, console, raw):
        ks = with_disk(raw, {"by_id": "wwn-1"})
        control1(machine)
        machine.disk("sda", 100, by_id="wwn-1", model="TINY")
        machine.start(script(ks, "%pre"))
        stopped(
            machine, console, "Disk sda (TINY", "has 100.0 GiB (107 GB); the volumes need 210.6"
        )


def with_disk(raw, disk, name="control1"):
    """The kickstart of a node whose disk is said to be ``disk``."""
    from b2ct.model import Site
    from b2ct.render import NoHashes, render_node

    raw["nodes"][name]["disk"] = disk
    site = Site.model_validate(raw)
    return render_node(site, site.resolved[name], NoHashes())


@pytest.mark.parametrize(
    ("selector", "how"),
    [
        ({"by_id": "wwn-0x5000"}, {"by_id": "wwn-0x5000"}),
        ({"by_path": "pci-0000:3b:00.0-ata-1"}, {"by_path": "pci-0000:3b:00.0-ata-1"}),
        ({"serial": "S4EVNX"}, {"serial": "S4EVNX"}),
        ({"device": "sdb", "consent_to_unstable_name": True}, {}),
    ],
)
def test_selectors(machine, raw, selector, how):
    control1(machine)
    machine.disk("sda", 447, serial="OTHER")
    machine.disk("sdb", 447, **how)
    machine.start(script(with_disk(raw, selector), "%pre"))
    assert machine.finish() == 0, machine.log()
    assert "ignoredisk --only-use=sdb\n" in machine.written("storage.ks")


def test_serial_from_vital_product_data(machine, raw):
    control1(machine)
    machine.disk("sda", 447)
    page = machine.root / "sys/block/sda/device/vpd_pg80"
    page.write_bytes(b"\x00\x80\x00\x14" + b"    S3Z9NB0K123456  ")
    machine.start(script(with_disk(raw, {"serial": "S3Z9NB0K123456"}), "%pre"))
    assert machine.finish() == 0, machine.log()


def test_selector_names_a_usb_disk(machine, raw):
    control1(machine)
    machine.disk("sda", 447, by_id="usb-1", bus="pci0/usb3/3-1", serial="US1", model="STORE N GO")
    machine.cmdline("console=ttyS0")
    console = machine.console("ttyS0")
    machine.start(script(with_disk(raw, {"by_id": "usb-1"}), "%pre"))
    stopped(machine, console, "is sda: it is a USB device.", "STORE N GO, serial US1, 447.0 GiB")


def test_selector_names_a_partition(machine, raw):
    control1(machine)
    machine.disk("sda", 447)
    machine.partition("sda", 1, 9000)
    machine.link("by-id", "wwn-1-part1", "sda1")
    machine.cmdline("console=ttyS0")
    console = machine.console("ttyS0")
    machine.start(script(with_disk(raw, {"by_id": "wwn-1-part1"}), "%pre"))
    stopped(machine, console, "The disk of control1 is not here: /dev/disk/by-id/wwn-1-part1.")


class TestErase:
    """Nothing is erased without the consent that site.yml gives."""

    @pytest.fixture
    def console(self, machine):
        control1(machine)
        machine.cmdline("console=ttyS0,115200n8")
        return machine.console("ttyS0")

    def own(self, machine, pv=None):
        machine.disk("sda", 447, serial="DISK1", model="SAMSUNG")
        machine.partition("sda", 1, 600)
        machine.partition("sda", 2, 1024)
        machine.partition("sda", 3, 450000, content=real_pv() if pv is None else pv)

    @pytest.mark.parametrize(("erase", "shell"), [("blank", "dash"), ("b2ct", "busybox")])
    def test_data_without_consent(self, machine, console, raw, shell, erase):
        machine.disk("sda", 447, serial="DISK1", model="SAMSUNG")
        machine.partition("sda", 1, 450000)
        machine.program("blkid", 'echo "$1: LABEL=\\"data\\" UUID=\\"1\\" TYPE=\\"xfs\\""')
        ks = with_disk(raw, {"serial": "DISK1", "erase": erase})
        machine.start(script(ks, "%pre"), shell)
        stopped(machine, console, "Disk sda of control1 is not blank",
                "SAMSUNG, serial DISK1, 447.0 GiB (479 GB)",
                "On it: sda1 xfs labelled data, 439.4 GiB",
                f"erase: {erase}")  # fmt: skip

    @EVERY_SHELL
    def test_own_installation_may_be_erased(self, machine, console, raw, shell):
        self.own(machine)
        ks = with_disk(raw, {"serial": "DISK1", "erase": "b2ct"})
        machine.start(script(ks, "%pre"), shell)
        assert machine.finish() == 0, machine.log()
        assert "an installation of site example" in machine.log()

    def test_own_installation_is_kept_without_consent(self, machine, console, raw):
        self.own(machine)
        machine.start(script(with_disk(raw, {"serial": "DISK1"}), "%pre"))
        stopped(machine, console, "is not blank", "an installation of site example: sda1")

    @pytest.mark.parametrize(
        "change",
        [
            (b"b2ct-site-example", b"b2ct-site-examplf"),
            (b"b2ct {", b"b2cu {"),
            (b"LABELONE", b"LABELTWO"),
            (b'tags = ["b2ct-site', b'tags = ["b3ct-site'),
        ],
    )
    def test_another_sites_installation_is_kept(self, machine, console, raw, change):
        self.own(machine, real_pv().replace(*change))
        machine.start(script(with_disk(raw, {"serial": "DISK1", "erase": "b2ct"}), "%pre"))
        stopped(machine, console, "is not blank")

    def test_a_large_foreign_partition_beside_ours_is_kept(self, machine, console, raw):
        self.own(machine)
        machine.partition("sda", 4, 5000)
        machine.start(script(with_disk(raw, {"serial": "DISK1", "erase": "b2ct"}), "%pre"))
        stopped(machine, console, "is not blank")

    def test_anything(self, machine, console, raw):
        machine.disk("sda", 447, serial="DISK1", content=b"\x55" * 4096)
        machine.start(script(with_disk(raw, {"serial": "DISK1", "erase": "anything"}), "%pre"))
        assert machine.finish() == 0, machine.log()

    @pytest.mark.parametrize("where", [0, 447 * (1 << 30) - 512])
    def test_unknown_bytes_are_not_blank(self, machine, console, raw, where):
        machine.disk("sda", 447, serial="DISK1")
        with (machine.root / "dev/sda").open("r+b") as device:
            device.seek(where)
            device.write(b"EFI PART")
        machine.start(script(with_disk(raw, {"serial": "DISK1"}), "%pre"))
        stopped(machine, console, "is not blank", "no partition, but unknown content")

    def test_an_unreadable_disk_is_not_blank(self, machine, console, raw):
        machine.disk("sda", 447, serial="DISK1")
        (machine.root / "dev/sda").unlink()
        machine.start(script(with_disk(raw, {"serial": "DISK1"}), "%pre"))
        stopped(machine, console, "is not blank")

    def test_ones_are_blank(self, machine, console, raw):
        machine.disk("sda", 447, serial="DISK1")
        with (machine.root / "dev/sda").open("r+b") as device:
            device.write(b"\xff" * (1 << 20))
            device.seek(-(1 << 20), 2)
            device.write(b"\xff" * (1 << 20))
        machine.start(script(with_disk(raw, {"serial": "DISK1"}), "%pre"))
        assert machine.finish() == 0, machine.log()

    @pytest.fixture
    def twice(self, machine, console, raw):
        """A disk that this very kickstart has installed."""
        ks = with_disk(raw, {"serial": "DISK1", "erase": "anything"})
        machine.write("run/install/ks.cfg", ks.text)
        self.own(machine, real_pv().replace(b"0123456789abcdef", ks.sha256[:16].encode()))
        return ks

    def test_a_forgotten_key_does_not_install_again(self, machine, console, twice):
        machine.start(script(twice, "%pre"))
        console.expect.expect_exact("has already installed control1 on disk sda")
        console.expect.expect_exact("Your answer: ")
        console.expect.send("no\n")
        stopped(machine, console, "control1 is installed already.")

    def test_reinstall_on_request(self, machine, console, twice):
        machine.start(script(twice, "%pre"))
        console.expect.expect_exact("Your answer: ")
        console.expect.send("reinstall\n")
        assert machine.finish() == 0, machine.log()

    def test_reinstall_by_kernel_argument(self, machine, console, twice):
        machine.cmdline("b2ct.reinstall=1 console=ttyS0,115200n8")
        machine.start(script(twice, "%pre"))
        assert machine.finish() == 0, machine.log()


class TestWhichNode:
    """The boot menu may say which node this is; the machine may contradict."""

    @pytest.fixture
    def console(self, machine):
        return machine.console("ttyS0")

    def test_unknown_node_argument(self, machine, console, site_ks):
        control1(machine)
        machine.cmdline("b2ct.node=control9 console=ttyS0")
        machine.start(script(site_ks, "%pre"))
        stopped(machine, console, "asks for node control9, which this medium does not know",
                "It knows: control1 control2 node1 node2")  # fmt: skip

    def test_node_argument_that_fits(self, machine, console, site_ks):
        control1(machine)
        machine.disk("sda", 447)
        machine.cmdline("b2ct.node=control1 console=ttyS0")
        machine.start(script(site_ks, "%pre"))
        assert machine.finish() == 0, machine.log()

    @EVERY_SHELL
    def test_node_argument_that_contradicts(self, machine, console, site_ks, shell):
        control1(machine)
        machine.disk("sda", 447)
        machine.cmdline("b2ct.node=control2 console=ttyS0")
        machine.start(script(site_ks, "%pre"), shell)
        console.expect.expect_exact("this machine does not look like it")
        console.expect.expect_exact("serial CZ3001AAAB, MAC addresses 52:54:00:20:00:21")
        console.expect.expect_exact("serial number CZ3001AAAA")
        console.expect.expect_exact("It looks like control1.")
        console.expect.expect_exact("as control2 all the same: ")
        console.expect.send("yes\n")
        assert machine.finish() == 0, machine.log()
        assert "--ip=10.20.0.12" in machine.written("network.ks")
        # The cards are this machine's own: by name, with the addresses that they have.
        keyfile = machine.written(
            "root/etc/NetworkManager/system-connections/b2ct-eno1.nmconnection"
        )
        assert "mac-address=52:54:00:20:00:11" in keyfile

    @pytest.mark.parametrize("answer", ["no\n", "y\n", "\n", None])
    def test_contradiction_without_a_yes(self, machine, console, site_ks, answer):
        control1(machine)
        machine.disk("sda", 447)
        machine.cmdline("b2ct.node=control2 console=ttyS0")
        machine.start(script(site_ks, "%pre").replace("ASK_TIMEOUT=120", "ASK_TIMEOUT=1"))
        console.expect.expect_exact("all the same: ")
        if answer:
            console.expect.send(answer)
        stopped(machine, console, "This machine is not control2.")

    def test_a_nodes_own_medium_in_another_machine(self, machine, console, node_ks):
        machine.card("eno1", "52:54:00:99:99:99")
        machine.cmdline("console=ttyS0")
        machine.start(script(node_ks, "%pre"))
        console.expect.expect_exact("This medium installs control1, but this machine does not")
        console.expect.expect_exact("all the same: ")
        console.expect.send("no\n")
        stopped(machine, console, "This machine is not control1.")

    def test_two_nodes_at_once(self, machine, console, site_ks):
        machine.dmi("HPE", "DL380", "CZ3001AAAA")
        machine.card("eno1", "52:54:00:20:00:21")
        machine.cmdline("console=ttyS0")
        machine.start(script(site_ks, "%pre"))
        stopped(machine, console, "several nodes of the site file at once: control1 control2")


def test_a_bug_is_said_and_not_installed(machine, site_ks):
    control1(machine)
    machine.disk("sda", 447)
    machine.cmdline("console=ttyS0")
    console = machine.console("ttyS0")
    broken = script(site_ks, "%pre").replace("guard_disk\n    # ", "exit 0\n    # ")
    assert broken != script(site_ks, "%pre")
    machine.start(broken)
    stopped(machine, console, "The script of b2ct ended where it should not.")
