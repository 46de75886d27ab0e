"""One whole unattended installation of Debian from our key, to a login over ssh.

Long: tens of minutes in emulation. It is a tier of its own (``make install-test``) and says at
the end how long it took. ``B2CT_TEST_KEEP=FOLDER`` keeps disk and logs there.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest
from passlib.hash import sha512_crypt

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
)
from tests.boot.qemu import Drive, Machine, MachineSpec, Network, free_port
from tests.boot.relay import Relay

pytestmark = pytest.mark.install

#: Where QEMU's user-mode network forwards ports to.
ADDRESS = "10.0.2.15"
FIRST_MAC, SECOND_MAC = "52:54:00:b2:c7:21", "52:54:00:b2:c7:22"
TARGET = "TARGET01"
ROOT_HASH = sha512_crypt.using(rounds=5000, salt="b2ctinstalltest").hash("a password of the test")
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
      full_name: Ada Example
      ssh_keys: ["{{ssh_key}}"]
  dns: {{servers: [{NAME_SERVER}]}}
  time_servers: [{GATEWAY}]
networks:
  service:
    purpose: service
    ipv4: {{subnet: {SUBNET}, gateway: {GATEWAY}}}
  private:
    purpose: private
    vlan: 30
    ipv4: {{subnet: 10.30.0.0/16}}
install:
  release: {RELEASE}
  mirrors: {{{RELEASE}: {{url: "{{mirror}}"}}}}
  menu_timeout: 1
  serial_console: ttyS0,115200n8
nodes:
  server1:
    roles: [control]
    macs: {{lan1: "{FIRST_MAC}", lan2: "{SECOND_MAC}"}}
    bonds:
      bond0: {{members: [lan1, lan2], mode: active-backup}}
    attach:
      service: {{device: bond0}}
      private: {{device: bond0, bridge: br-private}}
    addresses: {{service: {ADDRESS}, private: 10.30.0.15}}
    disk: {{serial: {TARGET}, size: 16GiB}}
    volumes:
      root: {{size: 10GiB, mount: /}}
      swap: {{purpose: swap, size: 256MiB}}
      database: {{purpose: drbd, size: 200MiB}}
      images: {{purpose: datastore, size: rest, mount: /var/lib/one, filesystem: xfs}}
"""


class RootHash:
    """A password for root; the admin has none."""

    def hashed(self, account):
        return ROOT_HASH if account == "root" else None


class Ssh:
    """Commands on the installed machine, as the admin with the test's own key."""

    def __init__(self, key: Path, port: int) -> None:
        self._argv = ["ssh", "-i", str(key), "-p", str(port), "-o", "BatchMode=yes"]
        for option in (
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null",
            "LogLevel=ERROR",
            "ConnectTimeout=30",
            "IdentitiesOnly=yes",
        ):
            self._argv += ["-o", option]

    def run(self, command: str, *options: str, given: str = "", check: bool = True) -> str:
        """Run ``command``, which reads ``given``, and give what it prints."""
        argv = [*self._argv, *options, "ada@127.0.0.1", command]
        done = subprocess.run(
            argv, input=given, capture_output=True, text=True, timeout=900, check=False
        )
        if check and done.returncode != 0:
            pytest.fail(f"{command}: status {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout.strip() if check else f"{done.returncode} {done.stdout}{done.stderr}"

    def wait(self, machine: Machine, limit_s: float) -> None:
        """Wait until the machine lets the admin in."""
        deadline = time.monotonic() + limit_s
        while not self.run("true", check=False).startswith("0"):
            if time.monotonic() > deadline:
                pytest.fail(f"no login over ssh in {limit_s:.0f} s\n{machine.console[-3000:]}")
            time.sleep(10)


def machine_spec(name: str, drives: tuple[Drive, ...], port: int | None) -> MachineSpec:
    """The server, with two cards; ``port`` of the loopback leads to its ssh."""
    forwards = ((port, 22),) if port else ()
    return MachineSpec(
        name,
        drives=drives,
        networks=(
            Network(restrict=False, mac=FIRST_MAC, forwards=forwards),
            Network(restrict=False, mac=SECOND_MAC),
        ),
        memory_mib=2048,
        cpus=2,
    )


def test_from_the_key_to_ssh(tmp_path: Path) -> None:
    folder = Path(os.environ.get("B2CT_TEST_KEEP") or tmp_path)
    key = folder / "id"
    key.unlink(missing_ok=True)
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "t", "-f", key], check=True
    )
    # The installed machine takes its packages from the same place.
    with relay() as mirror:
        sha256 = install(folder, mirror, key)
        check_first_start(folder, key, sha256)


def install(folder: Path, mirror: Relay, key: Path) -> str:
    """Install on ``right.img`` from a key of the site; give the preseed's SHA256."""
    wrong, right = blank_disk(folder / "wrong.img", 16), blank_disk(folder / "right.img", 16)
    with SystemLog(folder / "syslog") as log:
        site = SITE.replace("{mirror}", mirror.address).replace("{ssh_key}", public(key))
        # Guests need no protection from each other's caches here, and are faster without.
        arguments = f"mitigations=off {log.arguments}"
        made = lab_key(folder, site, RootHash(), mirror, arguments, own_authorities=True)
        before = digest(made.image), digest(wrong)
        drives = (
            Drive(made.image, "usb", boot=True, serial="KEY01", keep_writes=True),
            Drive(wrong, "virtio", serial="WRONG01", keep_writes=True),
            Drive(right, "virtio", serial=TARGET, keep_writes=True),
        )
        with Machine(machine_spec("install", drives, None), folder) as machine:
            machine.wait_for(r"b2ct: installing on vdb ", limit_s=3600)
            machine.wait_for(r"b2ct: server1 is installed", limit_s=4 * 3600)
            machine.wait_for(r"b2ct: server1 is ready", limit_s=900)
            machine.wait_exit(limit_s=900)
    print(f"\ninstallation: {machine.wall_s / 60:.1f} min, {machine.cpu_s / 60:.1f} CPU min")
    print(f"components that the mirror lacks were supplied: {made.supplied}")
    assert (digest(made.image), digest(wrong)) == before, "the key or the other disk was changed"
    group = read_volume_group(right, gpt(right)[2].start * 512)
    assert set(group.tags) == {"b2ct-site-lab", f"b2ct-kickstart-{made.rendered.sha256[:16]}"}
    return made.rendered.sha256


def public(key: Path) -> str:
    """Give the public half of the admin's key."""
    return key.with_suffix(".pub").read_text().strip()


def check_first_start(folder: Path, key: Path, sha256: str) -> None:
    """Start the installed machine and judge it over ssh."""
    port = free_port()
    ssh = Ssh(key, port)
    drives = (Drive(folder / "right.img", "virtio", serial=TARGET, keep_writes=True),)
    with Machine(machine_spec("installed", drives, port), folder) as machine:
        machine.qmp("set_link", name="net1", up=False)
        ssh.wait(machine, 1800)
        print(f"ssh after {time.monotonic() - machine._started:.0f} s of the first start")
        check_installed(ssh, sha256, public(key))
        ssh.run("sudo systemctl poweroff", check=False)
        machine.wait_exit(limit_s=600)


def check_installed(ssh: Ssh, sha256: str, public_key: str) -> None:
    """Judge the installed machine from inside."""
    installed = json.loads(ssh.run("cat /etc/b2ct/installed.json"))
    assert installed.pop("installed_at").endswith("Z")
    assert installed.pop("b2ct_version")
    assert installed == {
        "site": "lab",
        "node": "server1",
        "kind": "control",
        "roles": ["control"],
        "release": RELEASE,
        "kickstart_sha256": sha256,
        "scrubbed": True,
    }
    assert ssh.run("sudo /usr/libexec/b2ct/check-scrub") == "No copy of the preseed is left."
    # The same question without our own script: where is the hash of root's password?
    # (What is searched for goes in by standard input: sudo logs its command line.)
    where = "sudo grep -rlF -f - /boot /etc /home /root /tmp /var 2>/dev/null || true"
    holders = ssh.run(where, given=f"{ROOT_HASH}\n").split()
    assert set(holders) <= {"/etc/shadow", "/etc/shadow-"}, holders
    assert ssh.run(where, given="b2ct preseed: site\n") == ""
    assert ssh.run("sudo getent shadow root").split(":")[1] == ROOT_HASH
    assert ssh.run("sudo getent shadow ada").split(":")[1] == "!"
    assert ssh.run("getent passwd ada").split(":")[4] == "Ada Example"
    assert ssh.run("cat .ssh/authorized_keys") == public_key

    volumes = dict(
        line.split()
        for line in ssh.run(
            "sudo lvs --noheadings --units m --nosuffix -o lv_name,lv_size b2ct"
        ).splitlines()
    )
    images = float(volumes.pop("images"))
    assert {name: float(size) for name, size in volumes.items()} == {
        "root": 10240,
        "swap": 256,
        "database": 200,
    }
    assert images > 3000
    assert ssh.run("findmnt -n -o SOURCE,FSTYPE /").split() == ["/dev/mapper/b2ct-root", "ext4"]
    assert ssh.run("findmnt -n -o FSTYPE /var/lib/one") == "xfs"
    assert ssh.run("sudo swapon --show=NAME --noheadings | xargs readlink -f") == ssh.run(
        "readlink -f /dev/b2ct/swap"
    )
    # Made, and left without a signature.
    assert ssh.run("sudo blkid -p /dev/b2ct/database; echo $?") == "2"

    sshd = ssh.run("sudo sshd -T").splitlines()
    assert {"passwordauthentication no", "kbdinteractiveauthentication no"} <= set(sshd)
    assert {"permitrootlogin without-password"} <= set(sshd)
    refused = ssh.run("true", "-o", "PubkeyAuthentication=no", check=False)
    assert "Permission denied (publickey)" in refused

    for service in ("systemd-networkd", "nftables", "chrony", "ssh"):
        assert ssh.run(f"systemctl is-active {service}") == "active", service
    assert "policy drop" in ssh.run("sudo nft list chain inet filter input")
    addresses = {
        link["ifname"]: [a["local"] for a in link["addr_info"] if a["family"] == "inet"]
        for link in json.loads(ssh.run("ip -json address"))
    }
    assert addresses["bond0"] == [ADDRESS]
    assert addresses["br-private"] == ["10.30.0.15"]
    assert ssh.run("cat /sys/class/net/bond0/bonding/slaves").split() == ["enp0s6", "enp0s7"] or (
        len(ssh.run("cat /sys/class/net/bond0/bonding/slaves").split()) == 2
    )
    assert "bond0.30" in ssh.run("ls /sys/class/net/br-private/brif")
    assert ssh.run("ip -4 route show default").startswith(f"default via {GATEWAY} dev bond0")
    assert ssh.run("hostname -f") == "server1.lab.example.org"
    assert ssh.run("getent hosts server1").split()[0] == ADDRESS
    assert ssh.run("timedatectl show -p Timezone --value") == "Europe/Rome"
    assert 'XKBLAYOUT="it"' in ssh.run("cat /etc/default/keyboard")
    assert GATEWAY in ssh.run("sudo chronyc -n sources")
    assert ".pool.ntp.org" not in ssh.run("sudo chronyc sources")
    failed = ssh.run("systemctl --failed --plain --no-legend")
    assert failed == "", failed
    # Package sources are signed, and complete: this reads every one of them.
    told = ssh.run("sudo apt-get update 2>&1")
    assert "W:" not in told and "E:" not in told, told
    print(ssh.run("grep -H Enabled /etc/apt/sources.list.d/*.sources || true"))
