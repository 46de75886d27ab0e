"""%post, run for real: files of the node, volumes, the new system's settings, and the scrub.

%pre runs first on a fake machine, so that %post finds what %pre really leaves.
"""

from __future__ import annotations

import configparser
import json
import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from b2ct.model import Kind, Site
from b2ct.render import NoHashes, Rendered, render_node
from b2ct.render.el.facts import FACTS, NetworkFiles

from .cases import NODES, SomeHashes, rendered
from .machine import Machine, script
from .scratch import ADA, Scratch, make_programs

RELEASES = ("centos-6", "centos-7", "almalinux-8", "almalinux-9", "almalinux-10")
EVERY_RELEASE = pytest.mark.parametrize("release", RELEASES)
CASES = [*((release, Kind.CONTROL) for release in RELEASES),
         ("centos-6", Kind.HYPERVISOR), ("almalinux-9", Kind.HYPERVISOR),
         ("centos-7", None), ("almalinux-10", None)]  # fmt: skip
HASHES = SomeHashes()
SSHD_CONFIG = "Port 22\nPasswordAuthentication yes\nPermitRootLogin yes\n"
#: The installer's own description of the network, which must not stay.
LEFTOVERS = (
    "etc/NetworkManager/system-connections/ens9.nmconnection",
    "etc/sysconfig/network-scripts/ifcfg-ens9",
)
SCRUB = "/usr/libexec/b2ct/scrub"
CHECK = "/usr/libexec/b2ct/check-scrub"


@pytest.fixture(scope="session")
def programs(tmp_path_factory):
    return make_programs(tmp_path_factory.mktemp("programs"))


@dataclass
class Installation:
    """A machine in the middle of its installation: ``new`` is the system being installed."""

    machine: Machine
    new: Scratch
    kickstart: Rendered

    @property
    def facts(self):
        return FACTS[self.kickstart.release.major]

    def beside(self, index: int) -> int:
        """Run a ``%post --nochroot``: the first one (0) or the last (2)."""
        modern = self.kickstart.release.major >= 7
        where = {"ANA_INSTALL_PATH": str(self.new.root)} if modern else {}
        self.machine.start(script(self.kickstart, "%post", index), **where)
        return self.machine.finish()

    def inside(self) -> subprocess.CompletedProcess[str]:
        """Run the %post of the new system as Anaconda does: a script below its /tmp."""
        self.new.write("tmp/ks-script-inside", script(self.kickstart, "%post", 1), 0o700)
        try:
            return self.new.run("/bin/sh", "/tmp/ks-script-inside")
        finally:
            self.new.path("tmp/ks-script-inside").unlink()

    def installed(self) -> dict:
        return json.loads(self.new.read("etc/b2ct/installed.json"))


@pytest.fixture
def begin(machine, programs):
    """Start the installation of a kickstart on a machine that it knows; %pre has run.

    Without ``pre``, for tests that need nothing of it, it has not.
    """

    def start(
        kickstart: Rendered, kind: Kind | None = Kind.CONTROL, *, pre: bool = True
    ) -> Installation:
        if kind is Kind.HYPERVISOR:
            for name, mac in (("eno1", "52:54:00:20:01:11"), ("ens1f0", "aa:00:00:00:00:01"),
                              ("ens1f1", "aa:00:00:00:00:02")):  # fmt: skip
                machine.card(name, mac)
            machine.disk("nvme0n1", 894)
        else:
            machine.dmi("HPE", "DL380", "CZ3001AAAA")
            machine.card("eno1", "52:54:00:20:00:11")
            machine.card("eno2", "52:54:00:20:00:12")
            machine.disk("sda", 447)
        machine.key()
        modern = kickstart.release.major >= 7
        machine.write("run/install/ks.cfg" if modern else "tmp/ks.cfg", kickstart.text)
        if pre:
            machine.start(script(kickstart, "%pre"))
            assert machine.finish() == 0, machine.log()
        machine.program("lvm", "exit 0")
        new = Scratch(machine.root / ("mnt/sysroot" if modern else "mnt/sysimage"))
        new.fill(programs)
        new.write("etc/ssh/sshd_config", SSHD_CONFIG, 0o600)
        for name in LEFTOVERS:
            new.write(name, "of the installer\n", 0o600)
        new.write("etc/sysconfig/network-scripts/ifcfg-lo", "DEVICE=lo\n")
        shadow = "".join(
            f"{who}:{HASHES.hashed(who)}:19000:0:99999:7:::\n" for who in ("root", "ada")
        )
        new.write("etc/shadow", shadow + "bin:*:19000::::::\n", 0o600)
        return Installation(machine, new, kickstart)

    return start


class TestPlace:
    """The first %post: beside the new system."""

    @pytest.mark.parametrize(("release", "kind"), CASES)
    def test_files_volumes_and_tags(self, begin, release, kind):
        kickstart = rendered(release, kind)
        node = begin(kickstart, kind)
        before = datetime.now(UTC).replace(microsecond=0)
        assert node.beside(0) == 0, node.machine.log()
        listed = [line.split(" ", 1) for line in node.machine.written("files").splitlines()]
        drbd = kind is not Kind.HYPERVISOR
        assert ("/etc/b2ct/volumes" in {path for _, path in listed}) == drbd
        for mode, path in listed:
            if path == "/etc/b2ct/volumes":
                assert not node.new.path(path).exists()
                continue
            assert node.new.mode(path) == int(mode, 8), path
            if path != "/etc/b2ct/installed.json":
                assert node.new.read(path) == node.machine.written(f"root{path}")
        for name in LEFTOVERS:
            assert not node.new.path(name).exists()
        assert node.new.read("etc/sysconfig/network-scripts/ifcfg-lo") == "DEVICE=lo\n"
        if node.facts.network_files is NetworkFiles.KEYFILE:
            folder, wanted = "etc/NetworkManager/system-connections", 0o600
        else:
            folder, wanted = "etc/sysconfig/network-scripts", 0o644
        ours = [path for _, path in listed if path.startswith(f"/{folder}/")]
        assert len(ours) >= 3
        assert {node.new.mode(path) for path in ours} == {wanted}
        assert node.new.mode("var/log/b2ct") == 0o700
        assert node.new.mode("var/log/b2ct/install.log") & 0o077 == 0

        record = node.installed()
        assert before <= datetime.fromisoformat(record.pop("installed_at")) <= datetime.now(UTC)
        role = Kind.HYPERVISOR if kind is Kind.HYPERVISOR else Kind.CONTROL
        assert record.pop("b2ct_version")
        assert record == {
            "site": "example",
            "node": NODES[role],
            "kind": role.value,
            "roles": [role.value],
            "release": release,
            "kickstart_sha256": kickstart.sha256,
            "scrubbed": False,
        }
        calls = [line for line in node.machine.calls().splitlines() if line.startswith("lvm ")]
        volumes = [
            "lvm lvcreate --yes --wipesignatures y --size 102400m --name database b2ct",
        ]
        assert calls == [
            *(volumes if drbd else []),
            "lvm vgchange --addtag b2ct-site-example b2ct",
            f"lvm vgchange --addtag b2ct-kickstart-{kickstart.sha256[:16]} b2ct",
        ]

    def test_a_volume_that_takes_the_rest(self, begin, raw):
        volumes = raw["hardware"]["control"]["volumes"]
        volumes["images"]["size"] = "50GiB"
        volumes["database"]["size"] = "rest"
        volumes["meta"] = {"purpose": "drbd", "size": "1GiB"}
        site = Site.model_validate(raw)
        node = begin(render_node(site, site.resolved["control1"], NoHashes()))
        assert node.beside(0) == 0, node.machine.log()
        made = [line.split("signatures y ")[1] for line in node.machine.calls().splitlines()
                if "lvcreate" in line]  # fmt: skip
        assert made == ["--size 1024m --name meta b2ct", "--extents 100%FREE --name database b2ct"]

    @pytest.mark.parametrize(
        ("failing", "said"),
        [
            ("lvcreate", "b2ct: volume database could not be made"),
            ("vgchange", "b2ct: the volume group could not be marked"),
        ],
    )
    def test_lvm_fails(self, begin, failing, said):
        node = begin(rendered("almalinux-9", Kind.CONTROL))
        node.machine.program("lvm", f'[ "$1" != {failing} ]')
        assert node.beside(0) == 1
        assert node.machine.log().splitlines()[-1] == said

    def test_no_new_system(self, begin):
        node = begin(rendered("almalinux-9", Kind.CONTROL))
        shutil.rmtree(node.new.root / "etc")
        assert node.beside(0) == 1
        assert "b2ct: the new system is not mounted" in node.machine.log()
        assert "lvm " not in node.machine.calls()

    def test_a_file_that_cannot_be_written(self, begin):
        node = begin(rendered("almalinux-9", Kind.CONTROL))
        node.new.write("etc/b2ct", "a file where a folder should be")
        assert node.beside(0) == 1
        assert "b2ct: /etc/b2ct/installed.json could not be written" in node.machine.log()
        assert "lvm " not in node.machine.calls()


def ini(text: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    return parser


def sshd_values(text: str) -> dict[str, str]:
    """What sshd takes: the first value of each word."""
    values: dict[str, str] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            word, value = line.split(None, 1)
            values.setdefault(word.lower(), value)
    return values


class TestSetup:
    """The second %post: in the new system."""

    @pytest.fixture
    def done(self, begin, release):
        node = begin(rendered(release, Kind.CONTROL))
        assert node.beside(0) == 0, node.machine.log()
        result = node.inside()
        assert result.returncode == 0, result.stderr
        assert result.stdout == "b2ct: the system is set up\n" and result.stderr == ""
        return node

    @EVERY_RELEASE
    def test_what_is_written(self, done, release):
        new, facts = done.new, done.facts
        self.repositories(new, facts)
        self.sudo_rights(new)
        self.sshd(new, facts)
        keys = "home/ada/.ssh/authorized_keys"
        assert new.path(keys).exists() != facts.sshkey
        if not facts.sshkey:
            assert new.read(keys).startswith("ssh-ed25519 AAAA") and new.read(keys).count("\n") == 1
            assert (new.mode("home/ada/.ssh"), new.mode(keys)) == (0o700, 0o600)
            owner = new.path(keys).stat()
            expected = ADA or new.root.stat().st_uid
            assert owner.st_uid == new.path("home/ada/.ssh").stat().st_uid == expected
        for program in (SCRUB, CHECK):
            assert new.mode(program) == 0o755
        if facts.systemd:
            self.systemd(new)
        else:
            self.upstart(new)
        assert "restorecon -R /usr/libexec/b2ct" in new.read("calls")

    def repositories(self, new, facts):
        names = {path.name for path in new.path("etc/yum.repos.d").iterdir()}
        assert names == {"epel.repo", *(["opennebula.repo"] if facts.opennebula else [])}
        for name in names:
            parsed = ini(new.read(f"etc/yum.repos.d/{name}"))
            (section,) = parsed.sections()
            assert f"{section}.repo" == name and new.mode(f"etc/yum.repos.d/{name}") == 0o644
            values = dict(parsed[section])
            assert values["gpgcheck"] == values["sslverify"] == values["enabled"] == "1"
            for key in ("baseurl", "gpgkey"):
                assert values[key].startswith("https://") and "{" not in values[key]
            if name == "epel.repo":
                assert values["baseurl"] == f"https://epel.example.org/{facts.major}/x86_64"

    def sudo_rights(self, new):
        path = new.path("etc/sudoers.d/b2ct-ada")
        visudo = shutil.which("visudo", path="/usr/sbin:/usr/bin:/sbin")
        assert visudo is not None, "the Debian package sudo is missing"
        checked = subprocess.run(
            [visudo, "-cf", str(path)], capture_output=True, text=True, check=False
        )
        assert checked.returncode == 0, checked.stderr
        assert new.mode("etc/sudoers.d/b2ct-ada") == 0o440
        assert path.read_text() == "ada ALL=(ALL) NOPASSWD: ALL\n"

    def sshd(self, new, facts):
        if facts.sshd_include:
            name = "etc/ssh/sshd_config.d/01-b2ct.conf"
            assert new.read("etc/ssh/sshd_config") == SSHD_CONFIG
        else:
            name = "etc/ssh/sshd_config"
            assert new.read(name).endswith("\n" + SSHD_CONFIG)
        values = sshd_values(new.read(name))
        assert new.mode(name) == 0o600
        assert values["passwordauthentication"] == "no"
        assert values["permitrootlogin"] in {"prohibit-password", "without-password"}
        # OpenSSH 8.7, of EL 9, has the new word; older ones refuse to start with it.
        word = "kbdinteractive" if facts.major >= 9 else "challengeresponse"
        assert values[f"{word}authentication"] == "no"
        assert {path.name for path in new.path("etc/ssh").iterdir()} <= {
            "sshd_config",
            "sshd_config.d",
        }

    def systemd(self, new):
        name = "etc/systemd/system/b2ct-scrub.service"
        unit = ini(new.read(name))
        assert unit["Service"]["ExecStart"] == SCRUB and unit["Service"]["Type"] == "oneshot"
        wanted = unit["Install"]["WantedBy"]
        link = new.path(f"etc/systemd/system/{wanted}.wants/b2ct-scrub.service")
        assert str(link.readlink()) == f"/{name}"
        assert ini(new.read("etc/NetworkManager/conf.d/10-b2ct.conf"))["main"]["no-auto-default"]
        assert not new.path("etc/init").exists() and "chkconfig" not in new.read("calls")

    def upstart(self, new):
        job = new.read("etc/init/b2ct-scrub.conf").splitlines()
        assert "start on runlevel [2345]" in job and f"exec {SCRUB}" in job
        assert not new.path("etc/systemd").exists()
        servers = [line for line in new.read("etc/ntp.conf").splitlines() if "server" in line]
        assert servers == ["server ntp1.example.org iburst", "server ntp2.example.org iburst"]
        assert {"chkconfig ntpd on", "chkconfig network on"} < set(new.read("calls").splitlines())

    @pytest.mark.parametrize(
        ("release", "path", "said"),
        [
            ("centos-7", "home", "/home/ada/.ssh/authorized_keys could not be written"),
            ("almalinux-8", "etc/ssh", "sshd is not installed"),
            ("almalinux-9", "etc/sudoers.d", "/etc/sudoers.d/b2ct-ada could not be written"),
            ("almalinux-10", "usr/libexec", "/usr/libexec/b2ct could not be made"),
        ],
    )
    def test_what_cannot_be_done_is_said(self, begin, release, path, said):
        node = begin(rendered(release, Kind.CONTROL), pre=False)
        shutil.rmtree(node.new.path(path), ignore_errors=True)
        node.new.write(path, "a file where a folder should be")
        result = node.inside()
        assert result.returncode == 1
        assert result.stderr.splitlines()[-1] == f"b2ct: {said}"

    @pytest.mark.parametrize(
        ("release", "said"),
        [("centos-6", "services could not be enabled"), ("centos-7", "account ada is missing")],
    )
    def test_what_the_system_lacks_is_said(self, begin, release, said):
        node = begin(rendered(release, Kind.CONTROL), pre=False)
        if release == "centos-6":
            node.new.write("usr/bin/chkconfig", "#!/bin/sh\nexit 1\n", 0o755)
        else:
            node.new.write("etc/passwd", "root:x:0:0:root:/root:/bin/bash\n")
        result = node.inside()
        assert result.returncode == 1
        assert result.stderr.splitlines()[-1] == f"b2ct: {said}"


class TestScrub:
    """At the first start: no copy of the kickstart stays, and the record says so."""

    def system(self, begin, release: str) -> tuple[Installation, list[str]]:
        """An installed system with every copy that an installer may leave; their paths."""
        node = begin(rendered(release, Kind.CONTROL))
        assert node.beside(0) == 0, node.machine.log()
        result = node.inside()
        assert result.returncode == 0, result.stderr
        text = node.kickstart.text
        copies = {
            "/root/anaconda-ks.cfg": text,
            "/root/original-ks.cfg": text,
            "/tmp/ks-script-x": script(node.kickstart, "%post", 1),
            "/var/log/anaconda/ks-script-0abc.log": "b2ct: the system is set up\n",
            "/var/log/anaconda/program log": f"INFO: usermod -p {HASHES.hashed('ada')} ada\n",
            "/var/log/anaconda.log": f"INFO: rootpw --iscrypted {HASHES.hashed('root')}\n",
            "/var/log/anaconda/journal.log": f"anaconda: {text}",
            "/var/tmp/copy.ks": text,
        }
        if not node.facts.systemd:
            copies["/root/install.log"] = "Installing bash\n"
            copies["/root/install.log.syslog"] = "<86>root: new user: name=ada\n"
        for name, content in copies.items():
            node.new.write(name, content, 0o600)
        node.new.write("root/notes", "of the admin\n")
        node.new.write("var/log/messages", "of the system\n")
        return node, sorted(copies)

    def listed(self, new: Scratch) -> list[str]:
        checked = new.run(CHECK)
        assert (checked.returncode, checked.stderr) == (1, "")
        title, *files = checked.stdout.splitlines()
        assert title == "A copy of the kickstart or of a password hash is left in:"
        return sorted(files)

    @EVERY_RELEASE
    def test_every_copy_goes(self, begin, release):
        node, copies = self.system(begin, release)
        assert self.listed(node.new) == copies
        before = node.installed()
        result = node.new.run(SCRUB)
        assert (result.returncode, result.stderr) == (0, "")
        for name in copies:
            assert not node.new.path(name).exists(), name
        assert node.installed() == {**before, "scrubbed": True}
        assert node.new.mode("etc/b2ct/installed.json") == 0o644
        assert not list(node.new.path("etc").rglob("b2ct-scrub*"))
        assert node.new.read("root/notes") and node.new.read("var/log/messages")
        assert node.new.path("var/log/b2ct/install.log").exists()
        checked = node.new.run(CHECK)
        assert (checked.returncode, checked.stdout) == (0, "No copy of the kickstart is left.\n")

    @pytest.mark.parametrize("release", ["centos-6", "almalinux-9"])
    def test_a_persons_copy_is_reported_and_kept(self, begin, release):
        node, _ = self.system(begin, release)
        places = ["/boot/ks.cfg", "/home/ada/ks.cfg", "/var/lib/a/ks.cfg"]
        for place in places:
            node.new.write(place, node.kickstart.text)
        while places:
            result = node.new.run(SCRUB)
            assert result.returncode == 1 and result.stdout.splitlines()[1:] == places
            assert self.listed(node.new) == places
            assert node.installed()["scrubbed"] is False
            # Its unit stays: the next start tries again.
            assert list(node.new.path("etc").rglob("b2ct-scrub*"))
            node.new.path(places.pop()).unlink()
        assert node.new.run(SCRUB).returncode == 0
        assert node.installed()["scrubbed"] is True

    def test_hash_of_a_locked_account(self, begin):
        node, _ = self.system(begin, "almalinux-9")
        assert node.new.run(SCRUB).returncode == 0
        node.new.write("etc/shadow", f"root:!!{HASHES.hashed('root')}:19000::::::\n", 0o600)
        node.new.write("home/ada/note", f"was {HASHES.hashed('root')}\n")
        assert self.listed(node.new) == ["/home/ada/note"]

    def test_no_account_has_a_password(self, begin):
        node, copies = self.system(begin, "almalinux-9")
        node.new.write("etc/shadow", "root:!!:19000::::::\nada:*:19000::::::\n", 0o600)
        quoting = {"/var/log/anaconda/program log", "/var/log/anaconda.log"}
        assert self.listed(node.new) == sorted(set(copies) - quoting)

    def test_images_of_machines_are_not_read(self, begin):
        node, _ = self.system(begin, "almalinux-9")
        assert node.new.run(SCRUB).returncode == 0
        node.new.write("var/lib/one/image", node.kickstart.text)
        assert self.listed(node.new) == ["/var/lib/one/image"]
        with node.new.path("var/lib/one/image").open("r+") as image:
            image.truncate(1 << 30)
        assert node.new.run(CHECK).returncode == 0

    @EVERY_RELEASE
    def test_the_installers_own_copy_goes(self, begin, release):
        node = begin(rendered(release, Kind.CONTROL), pre=False)
        for name in ("run/install/ks.cfg", "tmp/ks.cfg"):
            node.machine.write(name, node.kickstart.text)
        for name in ("root/anaconda-ks.cfg", "root/original-ks.cfg"):
            node.new.write(name, node.kickstart.text)
        assert node.beside(2) == 0, node.machine.log()
        for name in ("run/install/ks.cfg", "tmp/ks.cfg"):
            assert not (node.machine.root / name).exists()
        assert not list(node.new.path("root").iterdir())
        assert (node.machine.root / "tmp/NOSAVE_INPUT_KS").read_bytes() == b""

    def test_the_installers_own_copy_stays(self, begin):
        node = begin(rendered("almalinux-9", Kind.CONTROL), pre=False)
        node.machine.write("tmp/ks.cfg/inside", "a folder that rm -f leaves")
        assert node.beside(2) == 1
        assert "b2ct: the kickstart could not be removed" in node.machine.log()
