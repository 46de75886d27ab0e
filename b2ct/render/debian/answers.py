"""The preseed's own answers: everything but network and disk, which the script answers."""

from __future__ import annotations

from b2ct.model import Release, Site
from b2ct.render.debian.facts import (
    COMPONENTS,
    SECURITY,
    installer_keyboard,
    language,
    mirror_answers,
)

_Answer = tuple[str, str, str]


def answers(site: Site, release: Release, mirror: str) -> tuple[str, ...]:
    """Write the lines for debconf: owner, question, type, answer."""
    given = (
        *_system(site),
        *mirror_answers(mirror, release),
        *_accounts(),
        *_packages(mirror, release),
        *_end(site),
    )
    return tuple(f"d-i {name} {kind} {value}".rstrip() for name, kind, value in given)


def _system(site: Site) -> tuple[_Answer, ...]:
    return (
        ("debconf/priority", "select", "critical"),
        ("debian-installer/locale", "string", language(site)),
        ("keyboard-configuration/xkb-keymap", "select", installer_keyboard(site)),
        ("hw-detect/load_firmware", "boolean", "true"),
        ("time/zone", "string", site.site.timezone),
        ("clock-setup/utc", "boolean", "true"),
        ("clock-setup/ntp", "boolean", "true"),
        ("clock-setup/ntp-server", "string", site.site.time_servers[0]),
    )


def _accounts() -> tuple[_Answer, ...]:
    # The script makes the accounts: so no hash is among the answers that the installer keeps.
    return (
        ("passwd/root-login", "boolean", "true"),
        ("passwd/root-password-crypted", "password", "*"),
        ("passwd/make-user", "boolean", "false"),
    )


def _packages(mirror: str, release: Release) -> tuple[_Answer, ...]:
    suite = release.suite
    return (
        ("base-installer/install-recommends", "boolean", "false"),
        ("base-installer/includes", "string", "ca-certificates"),
        ("apt-setup/non-free-firmware", "boolean", "true"),
        ("apt-setup/non-free", "boolean", "false"),
        ("apt-setup/contrib", "boolean", "false"),
        ("apt-setup/enable-source-repositories", "boolean", "false"),
        ("apt-setup/disable-cdrom-entries", "boolean", "true"),
        # The installer's own choice of services would write http://.
        ("apt-setup/services-select", "multiselect", ""),
        ("apt-setup/local0/repository", "string", f"{SECURITY} {suite}-security {COMPONENTS}"),
        ("apt-setup/local1/repository", "string", f"{mirror} {suite}-updates {COMPONENTS}"),
        ("pkgsel/run_tasksel", "boolean", "false"),
        ("pkgsel/upgrade", "select", "full-upgrade"),
        ("pkgsel/update-policy", "select", "none"),
        ("popularity-contest/participate", "boolean", "false"),
    )


def _end(site: Site) -> tuple[_Answer, ...]:
    serial = site.install.serial_console
    consoles = f"console=tty0 console={serial}" if serial else ""
    return (
        ("grub-installer/only_debian", "boolean", "true"),
        ("grub-installer/with_other_os", "boolean", "false"),
        # A new mainboard does not remember boot entries; it looks in the removable path.
        ("grub-installer/force-efi-extra-removable", "boolean", "true"),
        ("debian-installer/add-kernel-opts", "string", consoles),
        ("finish-install/keep-consoles", "boolean", "true"),
        ("finish-install/reboot_in_progress", "note", ""),
        ("cdrom-detect/eject", "boolean", "true"),
    )
