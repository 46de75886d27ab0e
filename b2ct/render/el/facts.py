"""What differs between the major releases of Enterprise Linux: facts, not branches.

Sources: the installers' own code (branches rhel6-branch, rhel7-branch, rhel-8, rhel-9 and
rhel-10 of rhinstaller/anaconda), pykickstart's handlers, and the releases' package groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class TimeStyle(StrEnum):
    """How a kickstart names time servers."""

    SCRIPT = "script"  #: not at all; %post writes ntp.conf
    TIMEZONE = "timezone"  #: ``timezone --ntpservers``
    TIMESOURCE = "timesource"  #: ``timesource --ntp-server``


class NetworkFiles(StrEnum):
    """How an installed system describes its network."""

    IFCFG = "ifcfg"
    KEYFILE = "keyfile"


#: sshd: keys only. OpenSSH 8.7 renamed ChallengeResponseAuthentication.
_SSHD = (
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "PermitRootLogin prohibit-password",
)
_SSHD_OLD = (
    "PasswordAuthentication no",
    "ChallengeResponseAuthentication no",
    "PermitRootLogin without-password",
)


@dataclass(frozen=True)
class Packages:
    """What %packages names for one kind of node. ``environment`` is empty where there is none."""

    environment: str
    groups: tuple[str, ...]
    packages: tuple[str, ...]


@dataclass(frozen=True)
class Facts:
    """One major release.

    ``trees`` are the repositories below the release's base address, the first one being the
    install tree. ``boot_mib`` is the size of /boot, ``efi_mib`` that of the EFI partition.
    ``vlan_at_install``: whether the installer brings up a VLAN by itself.
    ``https_mirror``: whether the installer opens the network for an https:// mirror; without
    it an unattended installation needs http://.
    ``sshd_include``: whether sshd reads /etc/ssh/sshd_config.d.
    ``firewall_drop``: services that the firewall's default zone opens beside ssh.
    """

    major: int
    display: str
    keyboard: str
    time_style: TimeStyle
    network_files: NetworkFiles
    trees: tuple[tuple[str, str], ...]
    control: Packages
    hypervisor: Packages
    services: tuple[str, ...]
    file_system: str
    boot_mib: int
    efi_mib: int
    boot_drive: str
    firewall_drop: tuple[str, ...] = ()
    reqpart: bool = True
    sshkey: bool = True
    eula: bool = True
    systemd: bool = True
    grub2: bool = True
    vlan_at_install: bool = True
    https_mirror: bool = True
    ipv6_gateway: bool = True
    sshd_include: bool = True
    sshd: tuple[str, ...] = _SSHD
    root_locked: str = "rootpw --lock"
    opennebula: bool = True


#: What every release calls the same.
_COMMON = (
    "device-mapper-multipath",
    "iscsi-initiator-utils",
    "lvm2",
    "openssh-server",
    "rsync",
    "sg3_utils",
    "sudo",
    "tar",
    "xfsprogs",
)
#: Of each release since 7: the firewall, time, and what Ansible needs.
_MODERN = ("chrony", "ethtool", "firewalld", "nvme-cli", "python3-libselinux")
_LIBVIRT = ("libvirt-client", "libvirt-daemon-kvm", "qemu-kvm")
_SERVICES = ("chronyd", "firewalld", "sshd")
_SPLIT_TREES = (
    ("BaseOS", "BaseOS/x86_64/os/"),
    ("AppStream", "AppStream/x86_64/os/"),
)


def _packages(*names: str) -> tuple[str, ...]:
    return tuple(sorted({*_COMMON, *names}))


def _modern(major: int, python: str, *, boot_mib: int, time_style: TimeStyle) -> Facts:
    own = (*_MODERN, "policycoreutils-python-utils", python)
    return Facts(
        major=major,
        display="text --non-interactive",
        keyboard="--vckeymap=",
        time_style=time_style,
        network_files=NetworkFiles.KEYFILE,
        trees=_SPLIT_TREES,
        control=Packages("minimal-environment", (), _packages(*own)),
        hypervisor=Packages("virtualization-host-environment", (), _packages(*own, *_LIBVIRT)),
        services=_SERVICES,
        file_system="xfs",
        boot_mib=boot_mib,
        efi_mib=600,
        boot_drive="--boot-drive=",
        firewall_drop=("cockpit", "dhcpv6-client"),
        sshd_include=major >= 9,
        sshd=_SSHD if major >= 9 else _SSHD_OLD,
    )


_EL7 = ("chrony", "ethtool", "firewalld", "libselinux-python", "policycoreutils-python", "python")
_EL6 = ("ethtool", "libselinux-python", "ntp", "policycoreutils-python", "python")

#: Facts by major release.
FACTS: dict[int, Facts] = {
    # ansible-core runs on Python 3.8 and later; EL 8's own is 3.6, 8.10 offers 3.12 beside it.
    8: _modern(8, "python3.12", boot_mib=1024, time_style=TimeStyle.TIMEZONE),
    9: _modern(9, "python3", boot_mib=1024, time_style=TimeStyle.TIMESOURCE),
    10: _modern(10, "python3", boot_mib=2048, time_style=TimeStyle.TIMESOURCE),
    7: Facts(
        major=7,
        display="cmdline",
        keyboard="--vckeymap=",
        time_style=TimeStyle.TIMEZONE,
        network_files=NetworkFiles.IFCFG,
        trees=(("os", "os/x86_64/"), ("updates", "updates/x86_64/")),
        control=Packages("minimal", (), _packages(*_EL7)),
        hypervisor=Packages(
            "virtualization-host-environment", (), _packages(*_EL7, "libvirt-client", "qemu-kvm")
        ),
        services=_SERVICES,
        file_system="xfs",
        boot_mib=1024,
        efi_mib=600,
        boot_drive="--boot-drive=",
        firewall_drop=("dhcpv6-client",),
        sshkey=False,
        sshd_include=False,
        sshd=_SSHD_OLD,
        opennebula=False,
    ),
    6: Facts(
        major=6,
        display="cmdline",
        keyboard="",
        time_style=TimeStyle.SCRIPT,
        network_files=NetworkFiles.IFCFG,
        trees=(("os", "os/x86_64/"), ("updates", "updates/x86_64/")),
        control=Packages("", ("core", "base"), _packages(*_EL6)),
        hypervisor=Packages(
            "",
            ("core", "base", "virtualization", "virtualization-client", "virtualization-platform"),
            _packages(*_EL6, "bridge-utils", "libvirt-client", "qemu-kvm"),
        ),
        services=("network", "ntpd", "sshd"),
        file_system="ext4",
        boot_mib=500,
        efi_mib=200,
        boot_drive="--driveorder=",
        reqpart=False,
        sshkey=False,
        eula=False,
        systemd=False,
        grub2=False,
        vlan_at_install=False,
        https_mirror=False,
        ipv6_gateway=False,
        sshd_include=False,
        sshd=_SSHD_OLD,
        root_locked='rootpw --iscrypted --lock "*"',
        opennebula=False,
    ),
}

#: Package groups and environments that each release has, for the linter. Not complete:
#: those that a server of this project could sensibly name.
_GROUPS_78910 = {
    "core",
    "debugging",
    "network-file-system-client",
    "performance",
    "remote-system-management",
    "hardware-monitoring",
    "virtualization-client",
    "virtualization-hypervisor",
    "virtualization-platform",
    "virtualization-tools",
}
_GROUPS_8910 = {
    "container-management",
    "development",
    "file-server",
    "guest-agents",
    "headless-management",
    "network-server",
    "security-tools",
    "standard",
    "system-tools",
}
_ENVIRONMENTS_8910 = {
    "custom-environment",
    "graphical-server-environment",
    "minimal-environment",
    "server-product-environment",
    "virtualization-host-environment",
    "workstation-product-environment",
}
GROUPS: dict[int, frozenset[str]] = {
    6: frozenset(
        {
            "base",
            "client-mgmt-tools",
            "console-internet",
            "core",
            "debugging",
            "directory-client",
            "hardware-monitoring",
            "java-platform",
            "large-systems",
            "network-file-system-client",
            "network-server",
            "network-tools",
            "performance",
            "perl-runtime",
            "server-platform",
            "server-policy",
            "storage-client-fcoe",
            "storage-client-iscsi",
            "storage-client-multipath",
            "system-admin-tools",
            "virtualization",
            "virtualization-client",
            "virtualization-platform",
            "virtualization-tools",
        }
    ),
    7: frozenset({"base", "compat-libraries", "development", "guest-agents", *_GROUPS_78910}),
    8: frozenset(_GROUPS_78910 | _GROUPS_8910),
    9: frozenset(_GROUPS_78910 | _GROUPS_8910),
    10: frozenset(_GROUPS_78910 | _GROUPS_8910),
}
ENVIRONMENTS: dict[int, frozenset[str]] = {
    6: frozenset(),
    7: frozenset(
        {
            "compute-node-environment",
            "graphical-server-environment",
            "infrastructure-server-environment",
            "minimal",
            "virtualization-host-environment",
        }
    ),
    8: frozenset(_ENVIRONMENTS_8910),
    9: frozenset(_ENVIRONMENTS_8910),
    10: frozenset(_ENVIRONMENTS_8910),
}
