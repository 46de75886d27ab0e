"""What differs between Debian's releases, and what its installer calls things."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from b2ct.model import Kind, Release, Role, Site

#: Kernel arguments of every boot entry. The plain text frontend leaves the console to our
#: questions while it works (newt, bterm and screen would read the keys).
INSTALLER_ARGUMENTS = "DEBIAN_FRONTEND=text TERM=dumb"
#: Those of the installer's rescue mode.
RESCUE_ARGUMENTS = "rescue/enable=true"
#: Where the installer looks for its answers by itself, relative to the root of its initrd.
PRESEED_PATH = "preseed.cfg"

BOOT_MIB = 1024
EFI_MIB = 512
FILE_SYSTEM = "ext4"

_COMMON = (
    "apparmor",
    "ca-certificates",
    "chrony",
    "dbus",  # systemctl, timedatectl and hostnamectl of anybody but root
    "ethtool",
    "keyboard-configuration",
    "console-setup",
    "lvm2",
    "multipath-tools",
    "nftables",
    "nvme-cli",
    "open-iscsi",
    "openssh-server",
    "python3",
    "python3-apt",
    "rsync",
    "sg3-utils",
    "sudo",
    "xfsprogs",
)
_HYPERVISOR = (
    "bridge-utils",
    "libvirt-clients",
    "libvirt-daemon-system",
    "qemu-system-x86",
    "qemu-utils",
)
#: Enabled in the installed system; networking (ifupdown) keeps the loopback only.
SERVICES = ("chrony", "nftables", "ssh", "systemd-networkd")
#: sshd: keys only.
SSHD = (
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "PermitRootLogin prohibit-password",
)
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
COMPONENTS = "main non-free-firmware"
SECURITY = "https://deb.debian.org/debian-security"

#: Layouts that keyboard-configuration/xkb-keymap offers under their own name, in both
#: releases (console-setup-udeb.templates); any other one is set up in the installed system.
_INSTALLER_KEYBOARDS = (
    "al ara ba bd be bg br bt by ca ch cn cz de dk ee epo es et fi gb ge gr hr hu ie il in ir is"
    " it jp kg kh kz la latam lk lt lv mk mm nl no ph pl pt ro rs ru se si sk th tj tr ua us vn"
)


def packages(site: Site, roles: Iterable[Role]) -> tuple[str, ...]:
    """Give what is installed beside the base system on a node with these roles."""
    own = _HYPERVISOR if Role.HYPERVISOR in roles else ()
    return tuple(sorted({*_COMMON, *own, *site.install.packages}))


def roles_of_kind(kind: Kind) -> tuple[Role, ...]:
    """Give the roles that a machine of ``kind`` gets which the site file does not know."""
    return (Role.CONTROL,) if kind is Kind.CONTROL else (Role.HYPERVISOR,)


def language(site: Site) -> str:
    """Give the locale with its character set."""
    name, at, modifier = site.site.language.partition("@")
    return (name if "." in name else f"{name}.UTF-8") + at + modifier


def keyboard(site: Site) -> tuple[str, str]:
    """Give XKB layout and variant."""
    layout, _, variant = site.site.keyboard.partition("-")
    return layout, variant


def installer_keyboard(site: Site) -> str:
    """Give the keymap for the installer's own questions."""
    layout, _ = keyboard(site)
    if layout == "fr":
        return "fr(latin9)"
    return layout if layout in _INSTALLER_KEYBOARDS.split() else "us"


def mirror_answers(address: str, release: Release) -> tuple[tuple[str, str, str], ...]:
    """Give the questions about the mirror at ``address`` as (name, type, answer)."""
    parts = urlsplit(address)
    return (
        ("mirror/country", "string", "manual"),
        ("mirror/protocol", "select", parts.scheme),
        (f"mirror/{parts.scheme}/hostname", "string", parts.netloc),
        (f"mirror/{parts.scheme}/directory", "string", parts.path or "/"),
        (f"mirror/{parts.scheme}/proxy", "string", ""),
        ("mirror/suite", "string", release.suite),
    )
