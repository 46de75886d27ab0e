"""One table drives it all: every release and kind is accepted, exact, valid and clean."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pytest
from pykickstart.errors import KickstartParseWarning
from pykickstart.parser import KickstartParser
from pykickstart.version import makeVersion

from b2ct import __version__
from b2ct.data import data_folder
from b2ct.errors import ProblemsError
from b2ct.model import Kind, Site
from b2ct.render import render_all
from b2ct.render.el import problems

from .cases import EL_RELEASES, SomeHashes, case_site, every_el_release, rendered
from .machine import script

GOLDEN = Path(__file__).parents[2] / "golden/kickstart"
CASES = [(release, kind) for release in every_el_release() for kind in (*Kind, None)]
EACH_MAJOR = [release for release in EL_RELEASES if not release.startswith(("rocky", "centos-s"))]


def shortened(text: str) -> str:
    """The text with each constant part named instead of written out."""
    for path in sorted((data_folder("kickstart_templates") / "partials").rglob("*")):
        if path.is_file() and path.suffix != ".j2":
            part = path.read_text()
            text = text.replace(part, f"[{path.name}]\n")
    return (
        text.replace(f"b2ct {__version__} ", "b2ct <version> ")
        .replace(f"VERSION={__version__}", "VERSION=<version>")
        .replace(f'"b2ct_version": "{__version__}"', '"b2ct_version": "<version>"')
    )


@pytest.mark.parametrize(("release", "kind"), CASES)
def test_text(release, kind, request):
    """The text is the golden one, and nothing is wrong with it.

    ``pytest --update-golden`` writes the golden files anew; read the diff afterwards.
    """
    ks = rendered(release, kind)
    assert problems(ks) == ()
    text = shortened(ks.text)
    assert text.count(".sh]") >= 11, "the constant parts are not in the text as they stand"
    golden = GOLDEN / f"{release}-{kind.value if kind else 'site'}.ks"
    if request.config.getoption("--update-golden"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text)
    assert text == golden.read_text()


def test_no_golden_file_is_left_over():
    names = {f"{release}-{kind.value if kind else 'site'}.ks" for release, kind in CASES}
    assert {path.name for path in GOLDEN.iterdir()} == names


def test_the_whole_site_renders_the_same_in_processes(monkeypatch):
    monkeypatch.setattr("b2ct.render.run._WORTH_A_PROCESS", 2)
    site = case_site("almalinux-9")
    alone, together = (render_all(site, SomeHashes(), jobs=jobs) for jobs in (1, 2))
    assert together == alone


def test_nothing_differs_from_one_rendering_to_the_next():
    again = rendered.__wrapped__("almalinux-9", Kind.CONTROL)
    assert again == rendered("almalinux-9", Kind.CONTROL)


MACHINES = {
    Kind.CONTROL: (("eno1", "52:54:00:20:00:11"), ("eno2", "52:54:00:20:00:12")),
    Kind.HYPERVISOR: (("eno1", "52:54:00:20:01:11"), ("ens1f0", "a0::1"), ("ens1f1", "a0::2")),
}


@pytest.mark.parametrize("release", EACH_MAJOR)
@pytest.mark.parametrize("whole_site", [True, False])
def test_what_pre_writes_is_what_was_judged(release, whole_site, machine):
    """%pre runs on the machine; pykickstart follows the includes to what it has written."""
    kind = Kind.HYPERVISOR if whole_site else Kind.CONTROL
    ks = rendered(release, None if whole_site else kind)
    for card in MACHINES[kind]:
        machine.card(*card)
    machine.key()
    machine.disk("sda", 447)
    machine.disk("nvme0n1", 894)
    machine.start(script(ks, "%pre"))
    assert machine.finish() == 0, machine.log()
    text = ks.text.replace("%include /tmp/", f"%include {machine.root}/tmp/")
    handler = makeVersion(ks.release.handler)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # A bond and a VLAN on it: see parse._is_vlan_of_same_device.
        warnings.filterwarnings("ignore", ".*bond0 has already been", KickstartParseWarning)
        KickstartParser(handler).readKickstartFromString(text)
    disk = "nvme0n1" if whole_site else "sda"
    assert handler.ignoredisk.onlyuse == [disk]
    assert handler.clearpart.drives == [disk]
    assert {volume.vgname for volume in handler.logvol.lvList} == {"b2ct"}
    assert {volume.mountpoint for volume in handler.logvol.lvList} >= {"/", "swap", "/var/lib/one"}
    assert [network.ip for network in handler.network.network if network.ip]
    assert "qemu-kvm" in handler.packages.packageList or not whole_site
    assert "tcpdump" in handler.packages.packageList


class TestSays:
    """What the issue promises, said once more in plain words."""

    @pytest.fixture(params=EACH_MAJOR)
    def ks(self, request):
        return rendered(request.param, Kind.CONTROL)

    def test_passwords_are_hashes(self, ks):
        assert f'rootpw --iscrypted "$6$saltsalt${"root":x<86}"' in ks.text
        assert f'--iscrypted --password="$6$saltsalt${"ada":x<86}"' in ks.text

    def test_ssh_takes_keys_only(self, ks):
        assert "PasswordAuthentication no" in ks.text
        assert ks.text.count("ssh-ed25519 AAAA") == 1

    def test_selinux_and_firewall(self, ks):
        assert "\nselinux --enforcing\nfirewall --enabled --service=ssh" in ks.text

    def test_repositories_are_verified(self, ks):
        written = re.findall(
            r"write 0644 /etc/yum\.repos\.d/(\S+)\.repo((?: .*\\\n)*.*\n)", ks.text
        )
        expected = ["epel"] if ks.release.legacy else ["opennebula", "epel"]
        assert [name for name, _ in written] == expected
        for name, body in written:
            # OpenNebula signs its metadata, EPEL only its packages.
            metadata = int(name == "opennebula")
            assert f" gpgcheck=1 repo_gpgcheck={metadata} sslverify=1" in body
            assert "baseurl=https://" in body and "gpgkey=https://" in body

    def test_time(self, ks):
        assert ks.text.count("ntp1.example.org") == 1 and ks.text.count("ntp2.example.org") == 1

    def test_drbd_volume_has_room_and_no_file_system(self, ks):
        assert "'volgroup b2ct pv.01 --reserved-space=102400'" in ks.text
        assert "database" not in re.findall(r"logvol.*", ks.text)
        assert "'database 102400'" in ks.text

    def test_serial_console(self, ks):
        assert '--append="console=tty0 console=ttyS0,115200n8"' in ks.text

    def test_boot_loader_has_its_password(self, ks):
        given = "--iscrypted --password=grub.pbkdf2.sha512.10000.5A17.F00D'" in ks.text
        assert given == (ks.release.major > 6), "GRUB 1 knows no such hash"


class TestCannotBeWritten:
    """What no kickstart can say is refused, every node in the same run."""

    def refused(self, raw):
        site = Site.model_validate(raw)
        with pytest.raises(ProblemsError) as refusal:
            render_all(site, SomeHashes())
        return [str(problem) for problem in refusal.value.problems]

    def test_all_nodes_in_one_run(self, raw):
        raw["networks"]["service"]["vlan"] = 20
        raw["install"]["release"] = "centos-6"
        del raw["nodes"]["control2"]["addresses"]["service"]
        found = self.refused(raw)
        assert [line.split(":")[0] for line in found] == [
            "control1.ks", "control2.ks", "node1.ks", "node2.ks",
        ]  # fmt: skip
        assert "the installer of EL 6 brings up no VLAN, and network service is tagged" in found[0]
        assert "control2 has no address on the service network" in found[1]

    def test_two_untagged_networks_on_one_card(self, raw):
        raw["nodes"]["node1"]["attach"] = {"private": {"device": "eno1", "tagged": False}}
        (found,) = self.refused(raw)
        assert "node1: networks service and private are both untagged on eno1" in found

    def test_name_that_the_kernel_does_not_take(self, raw):
        raw["hardware"]["control"]["bonds"] = {
            "a-long-bond0": {"members": ["eno1", "eno2"]},
        }
        raw["hardware"]["control"]["attach"] = {
            "service": {"device": "a-long-bond0"}, "public": {"device": "a-long-bond0"},
        }  # fmt: skip
        raw["networks"]["public"]["vlan"] = 4000
        found = self.refused(raw)
        assert "device name a-long-bond0.4000 has 17 characters, the kernel takes 15" in found[0]

    def test_a_card_twice(self, raw):
        raw["nodes"]["node1"]["attach"] = {"service": {"device": "ens1f0"}}
        (found,) = self.refused(raw)
        assert "node1: ens1f0 would be set up twice" in found

    def test_no_root_volume(self, raw):
        raw["hardware"]["hypervisor"]["volumes"]["root"]["mount"] = "/srv"
        found = self.refused(raw)
        assert "no volume is mounted on /; give one volume `mount: /`" in found[0]
