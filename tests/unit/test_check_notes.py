"""Advice: said, and no reason to refuse. And what the rules leave unsaid about broken parts."""

from __future__ import annotations

from pathlib import Path

import pytest

from b2ct.check.volumes import reserved
from b2ct.model import RELEASES, Family, ReleaseId, Role
from b2ct.render.el.facts import FACTS
from tests.unit.site_texts import BASE, Apple, altered, notes, told

NOTES = [
    Apple(
        "legacy_with_consent",
        "release: almalinux-9",
        "release: centos-7 #!\n  allow_legacy: true",
        "install.release: CentOS 7.9 has had no security updates for years;"
        " keep such machines off public networks",
    ),
    Apple(
        "no_control",
        "roles: [control]",
        "roles: [hypervisor]",
        "nodes: no node has the role control, so no cloud front-end will run here;"
        " give one node roles: [control]",
    ),
    Apple(
        "hardware_unused",
        "hardware:\n",
        "hardware:\n  old: {} #!\n",
        "hardware.old: no node is of this hardware; remove it, or use it",
    ),
    Apple(
        "mirror_unused",
        "  release: almalinux-9",
        "  release: almalinux-9\n  mirrors:\n    debian-12: {url: 'http://m.example.org'} #!",
        "install.mirrors.debian-12: no node installs Debian 12; remove this mirror",
    ),
    Apple(
        "opennebula_release",
        "release: almalinux-9",
        "release: rocky-8\nopennebula:\n  version: '7.0' #!",
        "opennebula.version: OpenNebula 7.0 is not certified on Rocky Linux 8 by its vendor;"
        " version '6.10' is, or choose EL 9",
    ),
    Apple(
        "lacp",
        "      bond0: {members: [ens1f0, ens1f1], mode: active-backup}",
        "      bond0: {members: [ens1f0, ens1f1], mode: 802.3ad} #!",
        "hardware.box.bonds.bond0: 802.3ad works only with a switch that groups these ports (LACP);"
        " without it use active-backup",
    ),
    Apple(
        "consent_to_a_kernel_name",
        "      rule: {type: nvme, min_size: 900GB}\n",
        "      device: nvme0n1 #!\n      consent_to_unstable_name: true\n",
        "hardware.box.disk.device: 'nvme0n1' may be another disk, even a stick, at the next start;"
        " by_id, by_path, serial and rule stay the same",
    ),
    Apple(
        "wide_rule",
        "rule: {type: nvme, min_size: 900GB}",
        "rule: {type: nvme} #!",
        "hardware.box.disk.rule: the rule takes any nvme disk; a machine with two of them will"
        " refuse to install; add min_size and max_size",
    ),
    Apple(
        "erase_anything",
        "      size: 960GB",
        "      size: 960GB\n      erase: anything #!",
        "hardware.box.disk.erase: whatever the disk holds is lost without a question;"
        " blank or b2ct is safer once the site runs",
    ),
    Apple(
        "size_unknown",
        "    disk:\n      rule: {type: nvme, min_size: 900GB}\n      size: 960GB\n",
        "    disk: #!\n      by_path: pci-0000:3b:00.0-nvme-1\n",
        "hardware.box.disk: without the disk's size nobody can tell whether the volumes fit;"
        " add size:, such as 480GB",
    ),
    Apple(
        "small_root",
        "root: {size: 40GiB",
        "root: {size: 6GiB #!\n       ",
        "hardware.box.volumes.root.size: 6 GiB for / are few: updates and logs fill them;"
        " 10 GiB or more is usual",
    ),
    Apple(
        "replicas_of_different_size",
        "    serial: SN0002\n",
        "    serial: SN0002\n    volumes: {r0: {purpose: drbd, size: 9GiB}} #!\n",
        "nodes.node1.volumes.r0.size: 'r0' has another size than on control1, line 49:"
        " DRBD uses the smaller one; give both the same size",
    ),
    Apple(
        "unrecognised",
        "    serial: SN0002\n"
        '    macs: {eno1: "52:54:00:20:01:11", ens1f0: "52:54:00:20:01:12",'
        ' ens1f1: "52:54:00:20:01:13"}\n',
        "    nics: [eno1, ens1f0, ens1f1]\n",
        "nodes.node1: nothing tells this machine from others: no MAC address and no serial number;"
        " add macs: or serial:, else its installer will ask",
    ),
]
BESIDES = {
    "replicas_of_different_size": [
        ("serial: SN0001", "serial: SN0001\n    volumes: {r0: {purpose: drbd, size: 8GiB}}")
    ],
}


@pytest.mark.parametrize("apple", NOTES, ids=lambda apple: apple.name)
def test_advice(apple: Apple, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text, line = altered(apple.old, apple.new)
    for old, new in BESIDES.get(apple.name, []):
        text, _ = altered(old, new, text)
        line = altered(old, new, text.replace(new, old))[1]
    monkeypatch.setattr("b2ct.check.releases.version", lambda _: "2.16.19")
    found = notes(tmp_path, text)
    expected = f"{line}: note: {apple.told}"
    if not line:
        found = [entry.partition(": ")[2] for entry in found]
        expected = f"note: {apple.told}"
    assert found == [expected]


@pytest.mark.parametrize("release", ["almalinux-8", "rocky-8"])
def test_el_8_needs_an_older_ansible(
    release: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, line = altered(
        "release: almalinux-9", f"release: {release} #!\nopennebula: {{version: '6.10'}}"
    )
    for ours in ("2.17.0", "2.19.14"):
        monkeypatch.setattr("b2ct.check.releases.version", lambda _, ours=ours: ours)
        assert notes(tmp_path, text) == [
            f"{line}: note: install.release: media can be made, but ansible-core {ours} of this"
            f" machine cannot manage the packages of {RELEASES[ReleaseId(release)].title}: its dnf"
            " has Python 3.6; before you deploy: pip install 'ansible-core~=2.16.0' (no longer"
            " maintained); or choose EL 9"
        ]
    monkeypatch.setattr("b2ct.check.releases.version", lambda _: "2.16.19")
    assert notes(tmp_path, text) == []


def test_a_sound_site_needs_no_advice(tmp_path: Path) -> None:
    assert notes(tmp_path, BASE) == []


def test_without_questions_an_unrecognised_node_is_refused(tmp_path: Path) -> None:
    text = BASE.replace("release: almalinux-9", "release: almalinux-9\n  ask: []")
    text = text.replace("    serial: SN0002\n", "").replace(
        '    macs: {eno1: "52:54:00:20:01:11", ens1f0: "52:54:00:20:01:12",'
        ' ens1f1: "52:54:00:20:01:13"}',
        "    nics: [eno1, ens1f0, ens1f1]",
    )
    assert told(tmp_path, text) == [
        "52: nodes.node1: nothing tells this machine from others: no MAC address and no serial"
        " number; add macs: or serial:, or let install.ask ask"
    ]


def test_a_usb_disk_is_refused_by_id(tmp_path: Path) -> None:
    text = BASE.replace(
        "    serial: SN0002\n", "    serial: SN0002\n    disk: {by_id: usb-Stick-0:0}\n"
    ).replace("    serial: SN0001\n", "    serial: SN0001\n    disk: {by_id: wwn-0x5-part1}\n")
    first, second = told(tmp_path, text)
    assert "'wwn-0x5-part1' is a partition; name the whole disk" in first
    assert "'usb-Stick-0:0' is a USB device, as the install key is" in second


def test_a_role_that_no_release_supports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    for ident, release in RELEASES.items():
        monkeypatch.setitem(RELEASES, ident, replace(release, roles=frozenset({Role.HYPERVISOR})))
    assert told(tmp_path, BASE) == [
        "46: nodes.control1.roles[0]: no release supports the role 'control'; remove the role"
    ]


def test_what_centos_6_cannot(tmp_path: Path) -> None:
    text = BASE.replace("almalinux-9", "centos-6\n  allow_legacy: true").replace(
        "root: {size: 40GiB", "root: {filesystem: xfs, size: 40GiB"
    )
    text = text.replace("    purpose: service", "    purpose: service\n    vlan: 7")
    found = told(tmp_path, text)
    assert [entry.partition("; ")[0] for entry in found] == [
        "11: site.admins[0].ssh_keys: CentOS 6.7 understands none of these keys",
        "30: install.release: the installer of CentOS 6.7 reaches https:// addresses only when it"
        " is told to by hand",
        "37: hardware.box.attach.service: the installer of CentOS 6.7 brings up no VLAN",
        "43: hardware.box.volumes.root.filesystem: the installer of CentOS 6 makes no xfs",
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        # A broken part draws no finding that rests on it; others are still told.
        ("    disk:\n      rule: {type: nvme", "    disk:\n      rule: {typ: nvme"),
        ("      root: {size: 40GiB, mount: /}", "      root: {size: 40, mount: /}"),
        ("  private:\n    purpose: private", "  private:\n    purpose: privat"),
        ("  service:\n    purpose: service", "  service:\n    purpose: servic"),
        ("      subnet: 10.20.0.0/24", "      subnet: 10.20.0.0/33"),
        ("    hardware: box\n    serial: SN0001", "    hardware: Box\n    serial: SN0001"),
        ("    addresses: {service: 10.20.0.11}", "    addresses: {service: x}"),
        ("      gateway: 10.20.0.1", "      gateway: x"),
        ("attach:\n      service: {device: eno1}", "attach:\n      service: {device: ''}"),
        ("release: almalinux-9", "release: almalinux-1"),
        ("  dns: {servers: [192.0.2.53]}", "  dns: {servers: []}"),
    ],
)
def test_broken_parts_draw_no_false_findings(old: str, new: str, tmp_path: Path) -> None:
    text, _ = altered(old, new)
    assert len(told(tmp_path, text)) == 1
    # A rule across fields is still judged: the time zone is a matter of rules, not of form.
    both, _ = altered("timezone: Europe/Rome", "timezone: Europe/Rom", text)
    found = told(tmp_path, both)
    assert len(found) == 2
    assert any("'Europe/Rom' is no time zone" in entry for entry in found)


def test_reserved_room() -> None:
    for release in RELEASES.values():
        if release.family is Family.EL:
            facts = FACTS[release.major]
            assert reserved(release) >= (facts.boot_mib + facts.efi_mib) << 20, release.id
    assert reserved(RELEASES[ReleaseId.ALMALINUX_9]) == (1024 + 600 + 64) << 20
    assert reserved(RELEASES[ReleaseId.ROCKY_10]) == (2048 + 600 + 64) << 20
