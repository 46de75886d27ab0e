"""BIOS boot of a FAT key with the host's syslinux: its files, its menu, its installation."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from iso_builder.bootconfig.model import LOCAL_TITLE, OWN, MenuEntry, plain, serial_port
from iso_builder.clock import media_time
from iso_builder.copying import write_all
from iso_builder.errors import MediaError
from iso_builder.fat.volume import BACKUP_BOOT_SECTOR
from iso_builder.plan import MediaPlan
from iso_builder.programs import run_program
from iso_builder.sources import Data, Source, whole_file

FOLDER = "/syslinux"
CONFIG = f"{FOLDER}/syslinux.cfg"
#: Places of the package's files: Debian and Ubuntu, then Enterprise Linux, Fedora and SUSE.
_PLACES = (
    (Path("/usr/lib/syslinux/mbr"), Path("/usr/lib/syslinux/modules/bios")),
    (Path("/usr/share/syslinux"), Path("/usr/share/syslinux")),
)
#: The text menu, the module that starts the local disk, and what these two are linked with.
_MODULES = ("menu.c32", "chain.c32", "libcom32.c32", "libutil.c32")
#: What the kernel takes is 2,048 with the final NUL; syslinux puts two arguments before ours.
_LONGEST_COMMAND_LINE = 2047
_SECTOR = 512


@dataclass(frozen=True)
class SyslinuxFiles:
    """Files of the host's syslinux package. ``modules`` are those for the key: path -> source."""

    boot_code: bytes
    modules: dict[str, Source]


def find_files() -> SyslinuxFiles:
    """Find the host's syslinux; :class:`MediaError` names the package when it is not there."""
    for mbr, modules in _PLACES:
        if (mbr / "mbr.bin").exists() and all((modules / name).exists() for name in _MODULES):
            sources: dict[str, Source] = {
                f"{FOLDER}/{name}": whole_file(modules / name) for name in _MODULES
            }
            return SyslinuxFiles((mbr / "mbr.bin").read_bytes(), sources)
    raise MediaError(
        "the files of syslinux (mbr.bin and modules) are not installed",
        "install the package syslinux-common (Debian), syslinux-nonlinux (Enterprise Linux)",
    )


def menu_text(plan: MediaPlan, entries: Sequence[MenuEntry]) -> str:
    """Write syslinux.cfg from the entries of the key's UEFI menu, so that both offer the same.

    Entries that start no kernel are left out: they are in the language of the other loader.
    The entry for the local disk comes after the plan's own ones; for BIOS, the key is the
    first disk, so that the local one is the second: ``swap`` makes it the first again.
    """
    port = serial_port(plan.serial) if plan.serial else None
    lines = [f"serial {port[0]} {port[1]}"] if port else []
    lines += [
        "default menu.c32",
        "prompt 0",
        # In tenths of seconds; 0 would wait for ever.
        f"timeout {max(plan.timeout_s * 10, 1)}",
        f"menu title {plain(plan.title)}",
    ]
    bootable = [entry for entry in entries if entry.kernel and entry.initrds]
    ours = [entry for entry in bootable if entry.is_own]
    vendor = [entry for entry in bootable if not entry.is_own]
    default = f"{OWN}{plan.entries[0].ident}"
    for entry in ours:
        lines += _entry(entry.ident, entry, is_default=entry.ident == default)
    lines += [
        "",
        f"label {OWN}local",
        f"  menu label {LOCAL_TITLE}",
        "  com32 chain.c32",
        "  append hd1 swap",
    ]
    for number, entry in enumerate(vendor, 1):
        lines += _entry(f"vendor-{number}", entry, is_default=False)
    return "\n".join(lines) + "\n"


def _entry(ident: str, entry: MenuEntry, *, is_default: bool) -> list[str]:
    initrds = ",".join(entry.initrds)
    text = f"BOOT_IMAGE={entry.kernel} {entry.command_line} initrd={initrds}"
    if len(text) > _LONGEST_COMMAND_LINE:
        raise MediaError(
            f"the kernel command line of the entry {entry.title!r} has {len(text)} characters;"
            f" syslinux passes {_LONGEST_COMMAND_LINE}",
            "shorten the additional arguments",
        )
    lines = ["", f"label {ident}", f"  menu label {plain(entry.title).replace('^', '')}"]
    if is_default:
        lines.append("  menu default")
    lines += [f"  kernel {entry.kernel}", f"  initrd {initrds}"]
    if entry.command_line:
        lines.append(f"  append {entry.command_line}")
    return lines


def config_source(plan: MediaPlan, entries: Sequence[MenuEntry]) -> dict[str, Source]:
    """Return the configuration as a file for the key."""
    return {CONFIG: Data(menu_text(plan, entries).encode("ascii"))}


def install(image: Path, offset: int) -> None:
    """Install syslinux on the FAT volume at ``offset`` bytes of ``image``.

    The folder :data:`FOLDER` must be there. Afterwards the backup of the boot sector (and of
    FSInfo) is renewed: programs that repair FAT would else put the old one back.
    """
    run_program(
        ["syslinux", "--offset", str(offset), "--directory", FOLDER, "--install", str(image)],
        # mtools, which syslinux calls, takes its dates from there.
        {"SOURCE_DATE_EPOCH": str(media_time()), "TZ": "UTC", "MTOOLS_SKIP_CHECK": "1"},
    )
    with image.open("r+b") as handle:
        head = os.pread(handle.fileno(), 2 * _SECTOR, offset)
        write_all(handle.fileno(), head, offset + BACKUP_BOOT_SECTOR * _SECTOR)
