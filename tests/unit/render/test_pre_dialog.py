"""The dialog with a machine that the site file does not know, typed for real."""

from __future__ import annotations

import pytest

from b2ct.model import Site
from b2ct.render import NoHashes, render_site

from .cases import rendered
from .machine import SHELLS, script

EVERY_SHELL = pytest.mark.parametrize("shell", SHELLS)
#: Time-outs really pass in these: the other shells wait for them in the slow tier.
EVERY_SHELL_WAITING = pytest.mark.parametrize(
    "shell",
    ["bash", *(pytest.param(shell, marks=pytest.mark.slow) for shell in ("dash", "busybox"))],
)
MAC = "52:54:00:aa:bb:cc"


@pytest.fixture
def console(machine):
    """An unknown machine with two cards and one blank disk, on a serial console."""
    machine.card("eno1", MAC, link=False)
    machine.card("eno2", "52:54:00:aa:bb:cd")
    machine.key()
    machine.cmdline("console=ttyS0,115200n8")
    machine.program("arping", "exit 0")
    return machine.console("ttyS0")


def blank_disk(machine):
    machine.disk("nvme0n1", 894, model="KIOXIA CD6", serial="K1")


class Talk:
    """Questions and answers in their order."""

    def __init__(self, console):
        self.console = console.expect

    def __call__(self, question, answer=""):
        self.console.expect_exact(question)
        self.console.send(f"{answer}\n")

    def hears(self, *texts):
        for text in texts:
            self.console.expect_exact(text)

    def role(self, answer=""):
        self("Number [2]: ", answer)

    def name(self, answer=""):
        self("Host name (without .cloud.example.org) [", answer)

    def network(self, card="", method=""):
        self("Number [2]: ", card)
        self("Number [1]: ", method)

    def disk(self, answer=""):
        self.hears("Disk to install on:")
        self("Number [", answer)


@pytest.fixture
def talk(console):
    return Talk(console)


def brisk(ks, seconds=1):
    """The script with a short time-out: the model's least is ten seconds."""
    text = script(ks, "%pre")
    assert "ASK_TIMEOUT=120" in text
    return text.replace("ASK_TIMEOUT=120", f"ASK_TIMEOUT={seconds}")


@EVERY_SHELL
def test_every_answer_typed(machine, talk, site_ks, shell):
    blank_disk(machine)
    machine.disk("sda", 1000, rotational=True, model="ST1000", serial="Z1")
    machine.start(script(site_ks, "%pre"), shell)
    talk.hears("This machine is not in the site file of example.", "serial number UNKNOWN01")
    talk.role("1")
    talk.name("head-7")
    talk.hears("eno1, MAC 52:54:00:aa:bb:cc, no link", "eno2, MAC 52:54:00:aa:bb:cd, link up")
    talk.network("2", "2")
    talk("Address [10.20.0.2]: ", "10.20.0.77")
    talk.hears("Asking the network whether 10.20.0.77 is in use")
    talk("Gateway (none: no default route) [10.20.0.1]: ", "10.20.0.254")
    talk("Name servers (commas between them) [192.0.2.53,2001:db8::53]: ", "192.0.2.1 192.0.2.2")
    talk.hears("1) nvme0n1: KIOXIA CD6, serial K1, 894.0 GiB (959 GB); on it: nothing: it is blank",
               "2) sda: ST1000, serial Z1")  # fmt: skip
    talk("Number [", "2")
    talk.hears(
        "Install head-7.cloud.example.org as control, on network service by card eno2",
        "with address 10.20.0.77, gateway 10.20.0.254, name servers 192.0.2.1,192.0.2.2",
        "on disk sda, which is blank:",
        "model ST1000, serial Z1, 1000.0 GiB (1073 GB)",
        "on it now: nothing: it is blank",
    )
    talk("Install? (yes, or no to begin again) [yes]: ", "yes")
    assert machine.finish() == 0, machine.log()
    if shell != "busybox":  # it takes its own arping, wherever PATH leads
        assert "arping -D -q -c 2 -w 4 -I eno2 10.20.0.77" in machine.calls()
    assert machine.written("network.ks") == (
        "network --hostname=head-7.cloud.example.org\n"
        "network --device=eno2 --bootproto=static --ip=10.20.0.77 --netmask=255.255.255.0"
        " --nameserver=192.0.2.1,192.0.2.2 --noipv6 --mtu=9000 --onboot=yes --activate"
        " --gateway=10.20.0.254\n"
    )
    assert machine.written("storage.ks").startswith("ignoredisk --only-use=sda\n")
    keyfile = machine.written("root/etc/NetworkManager/system-connections/b2ct-eno2.nmconnection")
    assert "mac-address=52:54:00:aa:bb:cd" in keyfile
    assert "address1=10.20.0.77/24\ngateway=10.20.0.254\ndns=192.0.2.1;192.0.2.2;" in keyfile
    assert '"node": "head-7"' in machine.written("root/etc/b2ct/installed.json")
    assert machine.written("packages.ks").startswith("@^minimal-environment\n")


@EVERY_SHELL_WAITING
def test_nobody_answers_a_blank_machine(machine, talk, site_ks, shell):
    blank_disk(machine)
    machine.start(brisk(site_ks), shell)
    talk.hears("No answer in 1 seconds: 2", "No answer in 1 seconds: yes")
    assert machine.finish() == 0, machine.log()
    assert "--hostname=hypervisor-aabbcc.cloud.example.org" in machine.written("network.ks")
    assert "--device=eno2 --bootproto=dhcp" in machine.written("network.ks")
    assert "@^virtualization-host-environment" in machine.written("packages.ks")


@EVERY_SHELL_WAITING
def test_nobody_answers_and_the_disk_has_data(machine, talk, site_ks, shell):
    blank_disk(machine)
    machine.partition("nvme0n1", 1, 900000)
    machine.start(brisk(site_ks), shell)
    talk.hears("AND ERASE DISK nvme0n1:", "model KIOXIA CD6, serial K1, 894.0 GiB (959 GB)",
               "on it now: nvme0n1p1 unknown content, 878.9 GiB",
               "Type yes to ERASE this disk", "Nobody agreed to erase disk nvme0n1.",
               "Press Enter to leave the installer.")  # fmt: skip
    talk.console.send("\n")
    assert machine.finish() == 1
    assert not (machine.root / "tmp/b2ct/storage.ks").exists()


@pytest.mark.parametrize("answer", ["y", "YES", "no", "", "yes please"])
def test_data_is_lost_by_a_full_yes_only(machine, talk, site_ks, answer):
    blank_disk(machine)
    machine.partition("nvme0n1", 1, 900000)
    machine.start(script(site_ks, "%pre"))
    for say in (answer, "yes"):
        talk.role()
        talk.name()
        talk.network()
        talk.disk()
        talk("anything else to begin again: ", say)
    assert machine.finish() == 0, machine.log()
    assert machine.log().count("AND ERASE DISK") == 2


@pytest.mark.slow
def test_typing_ahead_is_no_consent(machine, talk, site_ks):
    blank_disk(machine)
    machine.partition("nvme0n1", 1, 900000)
    machine.start(brisk(site_ks, 3))
    talk.hears("Number [2]: ")
    talk.console.send("\n\n\n\n\nyes\nyes\nyes\n")
    talk.hears("Type yes to ERASE this disk", "Nobody agreed")


def test_wrong_answers_are_asked_again(machine, talk, site_ks):
    blank_disk(machine)
    machine.start(script(site_ks, "%pre"))
    for wrong in ("0", "3", "two", "99999999999999999999", "-1", "$(reboot)"):
        talk.role(wrong)
        talk.hears("Please type a number from 1 to 2.")
    talk.role("2")
    for wrong in ("Node", "-a", "a-", "a_b", "123", "x" * 64, "a b", "`id`", "a.b", "é"):
        talk.name(wrong)
        talk.hears("A host name has small letters")
    talk.name("node1")
    talk.hears("node1 is in site.yml, and this machine is another one.", "b2ct.node=node1")
    talk.name("x" * 63)
    talk.network("", "2")
    for wrong, said in (
        ("10.20.0", "is no IPv4 address"),
        ("10.20.0.256", "is no IPv4 address"),
        ("10.20.0.010", "is no IPv4 address"),
        ("10.20.1.5", "is no address for a machine of 10.20.0.0/24"),
        ("10.20.0.0", "is no address for a machine of"),
        ("10.20.0.255", "is no address for a machine of"),
        ("10.20.0.1", "site.yml gives 10.20.0.1 to somebody else"),
        ("10.20.0.5", "site.yml gives 10.20.0.5 to somebody else"),
        ("10.20.0.21", "site.yml gives 10.20.0.21 to somebody else"),
    ):
        talk("Address [", wrong)
        talk.hears(said)
    talk("Address [", "10.20.0.99")
    for wrong in ("10.20.1.1", "x", "10.20.0.0"):
        talk("Gateway", wrong)
        talk.hears("is no address of 10.20.0.0/24.")
    talk("Gateway", "none")
    for wrong in ("x", "1.2.3", "192.0.2.1,x", "2001:db8::g"):
        talk("Name servers", wrong)
        talk.hears("Please type IP addresses")
    talk("Name servers", "")
    talk.disk("")
    talk("Install?", "")
    assert machine.finish() == 0, machine.log()
    network = machine.written("network.ks")
    assert "--ip=10.20.0.99 " in network and "--gateway" not in network
    assert "\ngateway=" not in machine.written(
        "root/etc/NetworkManager/system-connections/b2ct-eno2.nmconnection"
    )


class TestProbe:
    """Whether an address is in use is asked of the network, with what the installer has."""

    def to_address(self, talk, answer):
        talk.role()
        talk.name()
        talk.network("2", "2")
        talk("Address [", answer)

    def finish(self, machine, talk):
        talk("Gateway")
        talk("Name servers")
        talk.disk()
        talk("Install?")
        assert machine.finish() == 0, machine.log()

    def test_arping_hears_somebody(self, machine, talk, site_ks):
        blank_disk(machine)
        machine.program("arping", 'case "$*" in *10.20.0.77) exit 1 ;; esac; exit 0')
        machine.start(script(site_ks, "%pre"))
        self.to_address(talk, "10.20.0.77")
        talk.hears("Another machine answers for 10.20.0.77.")
        talk("Address [10.20.0.78]: ")
        self.finish(machine, talk)
        assert "--ip=10.20.0.78 " in machine.written("network.ks")

    @pytest.mark.parametrize(("exit_code", "taken"), [(0, True), (1, False)])
    def test_ping_where_there_is_no_arping(self, machine, talk, site_ks, exit_code, taken):
        blank_disk(machine)
        (machine.root / "bin/arping").unlink()
        machine.program("ping", f'case "$*" in *10.20.0.77) exit {exit_code} ;; esac; exit 1')
        machine.start(script(site_ks, "%pre"), "dash", without=("arping", "ping"))
        self.to_address(talk, "10.20.0.77")
        if taken:
            talk.hears("Another machine answers for 10.20.0.77.")
            talk("Address [10.20.0.78]: ")
        self.finish(machine, talk)
        assert "ping -c 1 -W 2 -I eno2 10.20.0.77" in machine.calls()

    def test_neither_is_said(self, machine, talk, site_ks):
        blank_disk(machine)
        (machine.root / "bin/arping").unlink()
        machine.start(script(site_ks, "%pre"), "dash", without=("arping", "ping"))
        self.to_address(talk, "10.20.0.77")
        talk.hears("Neither arping nor ping is here: whether 10.20.0.77 is in use")
        self.finish(machine, talk)

    @pytest.mark.slow
    def test_every_suggestion_is_in_use_and_nobody_is_there(self, machine, talk, site_ks):
        blank_disk(machine)
        machine.program("arping", "exit 1")
        machine.start(brisk(site_ks, 2))
        talk.role()
        talk.name()
        talk.network("2", "2")
        talk.hears("No free address was found, and nobody answered.")


def test_several_disks_and_nobody_there(machine, talk, site_ks):
    blank_disk(machine)
    machine.disk("nvme1n1", 894)
    machine.start(brisk(site_ks))
    talk.hears("Number [none]: ", "Several disks could be meant, and nobody chose one.")


def test_no_disk_will_do(machine, talk, site_ks):
    machine.disk("sda", 10)
    machine.start(brisk(site_ks))
    talk.hears("No disk of this machine can be installed on;", "sda: ssd", "10.0 GiB",
               "sdz: ssd, Flash Voyager", "never: this installer runs from it")  # fmt: skip


def test_a_disk_of_the_storage_network_is_marked(machine, talk, site_ks):
    machine.disk("sda", 894, bus="pci0/host7/rport-7:0-1/target7:0:1")
    machine.start(brisk(site_ks))
    talk.hears("[a disk of the storage network!]")


def test_no_card(machine, site_ks):
    machine.key()
    machine.cmdline("console=ttyS0")
    talk = Talk(machine.console("ttyS0"))
    machine.program("sleep", "exit 0")
    machine.start(brisk(site_ks))
    talk.hears("This machine has no network card that the installer knows.")


def asking(raw, *questions):
    raw["install"]["ask"] = list(questions)
    site = Site.model_validate(raw)
    return render_site(site, site.resolved["control1"].release, NoHashes())


def test_no_questions_allowed(machine, talk, raw):
    blank_disk(machine)
    machine.start(brisk(asking(raw)))
    talk.hears("This machine is not in the site file of example, and the site allows no questions.",
               f"eno1 has MAC {MAC};", "Press Enter")  # fmt: skip


def test_only_the_disk_is_asked(machine, talk, raw):
    blank_disk(machine)
    machine.start(script(asking(raw, "disk"), "%pre"))
    talk.disk("1")
    talk("Install?")
    assert machine.finish() == 0, machine.log()
    assert "What shall" not in machine.log() and "Host name" not in machine.log()
    assert "--bootproto=dhcp" in machine.written("network.ks")


def test_the_disk_is_not_asked_and_not_guessed(machine, talk, raw):
    blank_disk(machine)
    machine.disk("nvme1n1", 894)
    machine.start(brisk(asking(raw, "role")))
    talk.hears("Several disks could be meant, and the site does not let me ask for one.")


@pytest.mark.slow
def test_a_known_machine_can_be_asked(machine, talk, site_ks):
    machine.dmi("HPE", "DL380", "CZ3001AAAA")
    machine.cmdline("b2ct.ask=1 console=ttyS0")
    blank_disk(machine)
    machine.start(brisk(site_ks))
    talk.hears("What shall this machine be?")
    assert machine.finish() == 0, machine.log()


def test_tagged_service_network(machine, talk, raw):
    raw["networks"]["service"]["vlan"] = 20
    blank_disk(machine)
    machine.start(script(asking(raw, "network"), "%pre"))
    talk.network("2", "2")
    talk("Address [", "10.20.0.77")
    talk.hears("The network is tagged: whether 10.20.0.77 is in use could not be asked.")
    talk("Gateway")
    talk("Name servers")
    talk("Install?")
    assert machine.finish() == 0, machine.log()
    assert "--device=eno2 --vlanid=20 " in machine.written("network.ks")
    assert "parent=eno2" in machine.written(
        "root/etc/NetworkManager/system-connections/b2ct-eno2.20.nmconnection"
    )


@pytest.mark.parametrize("release", ["centos-6", "centos-7"])
def test_legacy_releases_get_ifcfg_files(machine, talk, release):
    blank_disk(machine)
    machine.start(script(rendered(release, None), "%pre"))
    talk.role()
    talk.name("old")
    talk.network("2", "2")
    talk("Address [", "10.20.0.77")
    talk("Gateway")
    talk("Name servers", "192.0.2.1 2001:db8::1")
    talk.disk()
    talk("Install?")
    assert machine.finish() == 0, machine.log()
    ifcfg = machine.written("root/etc/sysconfig/network-scripts/ifcfg-eno2")
    assert "HWADDR=52:54:00:aa:bb:cd\n" in ifcfg and "\nDNS1=192.0.2.1\n" in ifcfg
    assert "\nIPADDR=10.20.0.77\nNETMASK=255.255.255.0\nGATEWAY=10.20.0.1\n" in ifcfg
    assert ("NM_CONTROLLED=no" in ifcfg) == (release == "centos-6")
    efi = "part /boot/efi --fstype=efi --size=200 --ondisk=nvme0n1"
    assert efi not in machine.written("storage.ks"), "this machine has started in BIOS mode"


def test_ipv6_only_service_network(machine, talk, raw):
    raw["networks"]["service"] = {"purpose": "service", "ipv6": {"subnet": "2001:db8:20::/64"}}
    for name, node in raw["nodes"].items():
        node["addresses"]["service"] = {"ipv6": f"2001:db8:20::{len(name)}:{name[-1]}"}
    blank_disk(machine)
    machine.start(script(asking(raw, "hostname", "network"), "%pre"))
    talk.name("new")
    talk("Number [2]: ")
    talk.hears("with an address given by the network (auto)")
    talk("Install?")
    assert machine.finish() == 0, machine.log()
    assert "--noipv4 --ipv6=auto" in machine.written("network.ks")
