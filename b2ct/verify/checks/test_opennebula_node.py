"""What the role ``opennebula_node`` promises: a hypervisor that the front-end can use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from testinfra.host import Host

GROUPS = ("hypervisor",)
UNITS = ("libvirtd", "b2ct-hugepages", "b2ct-virtual-functions")


def test_virtualization(host: Host, wanted: Mapping[str, Any]) -> None:
    """The CPU can run virtual machines at full speed"""
    shown = host.run("grep -qwE 'vmx|svm' /proc/cpuinfo").rc == 0
    assert shown or wanted["opennebula_node_emulation"], (
        "neither vmx nor svm: enable virtualization in the firmware"
    )


def test_libvirt(host: Host) -> None:
    """libvirt runs or waits on its socket, and starts with the machine"""
    ready = host.service("libvirtd").is_running or host.service("libvirtd.socket").is_running
    assert ready, "see journalctl -u libvirtd"
    assert host.service("libvirtd").is_enabled, "enable it: systemctl enable libvirtd"


def test_machines_run_as_oneadmin(host: Host, wanted: Mapping[str, Any]) -> None:
    """Virtual machines run as oneadmin and migrate through known ports"""
    ports = wanted["opennebula_node_migration_ports"]
    text = host.file("/etc/libvirt/qemu.conf").content_string
    for line in (
        'user = "oneadmin"',
        'group = "oneadmin"',
        "dynamic_ownership = 0",
        f"migration_port_min = {ports['first']}",
        f"migration_port_max = {ports['last']}",
    ):
        assert f"\n{line}\n" in f"\n{text}\n", f"/etc/libvirt/qemu.conf lacks: {line}"


def test_oneadmin(host: Host, wanted: Mapping[str, Any]) -> None:
    """oneadmin may use libvirt, and lets the front-ends in by key only"""
    user = host.user("oneadmin")
    assert user.exists, "there is no oneadmin: run the stage opennebula"
    assert {"libvirt", "kvm"} <= set(user.groups), "oneadmin is not in the groups libvirt and kvm"
    keys = host.file("/var/lib/one/.ssh/authorized_keys")
    assert (keys.user, keys.mode) == ("oneadmin", 0o600)
    count = sum(1 for line in keys.content_string.splitlines() if line[:4] in ("ssh-", "ecds"))
    frontends = wanted["opennebula_node_frontends"]
    assert count >= len(frontends), f"{count} keys for {len(frontends)} front-ends"


def test_host_keys_are_known(host: Host, wanted: Mapping[str, Any]) -> None:
    """The host keys of the machines that OpenNebula works with are known"""
    missing = [
        peer
        for peer in wanted["opennebula_node_peers"]
        if host.run("ssh-keygen -F %s -f /etc/ssh/ssh_known_hosts", peer).rc != 0
    ]
    assert not missing, f"unknown: {', '.join(missing)}; run the stage opennebula again"


def test_large_pages(host: Host, wanted: Mapping[str, Any]) -> None:
    """As much memory is set apart in large pages as the site says"""
    sizes = {"2M": "2048kB", "1G": "1048576kB"}
    for pages in wanted["opennebula_node_hugepages"]:
        file = f"/sys/kernel/mm/hugepages/hugepages-{sizes[pages['size']]}/nr_hugepages"
        found = int(host.file(file).content_string)
        assert found >= pages["count"], f"{found} pages of {pages['size']}, not {pages['count']}"


def test_virtual_functions(host: Host, wanted: Mapping[str, Any]) -> None:
    """Network cards are split into virtual functions as the site says"""
    for card in wanted["opennebula_node_virtual_functions"]:
        file = f"/sys/class/net/{card['device']}/device/sriov_numvfs"
        found = int(host.file(file).content_string)
        assert found == card["count"], f"{card['device']}: {found} functions, not {card['count']}"
