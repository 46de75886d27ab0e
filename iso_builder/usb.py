"""USB keys: one FAT32 partition that boots the installer in BIOS and UEFI.

Files are copied from the base ISO's own extents into the clusters of the key. What is left
out is what only a CD boots from: those files would keep menus with the ISO's label.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from iso_builder import syslinux
from iso_builder.atomic import atomic_output
from iso_builder.bootconfig import BootChange, Dialect, MenuEntry, edit, read_entries
from iso_builder.bootconfig.commandline import append, has_argument
from iso_builder.clock import media_time
from iso_builder.errors import MediaError
from iso_builder.fat import FatTree, label_problem
from iso_builder.image import Image
from iso_builder.key import PARTITION_OFFSET, write_key
from iso_builder.layouts import Layout, Medium, encode, read_medium
from iso_builder.links import linked_files
from iso_builder.plan import MediaPlan
from iso_builder.plancheck import plan_problems
from iso_builder.progress import Progress, silent
from iso_builder.sources import Data, FileRange, Source

#: Free space on a key: for ldlinux.sys, and for what an admin puts there.
SLACK = 16 << 20
_EFI_FOLDER = "/EFI/BOOT"
_EFI_LOADERS = ("BOOTX64.EFI", "BOOTAA64.EFI", "BOOTIA32.EFI")
_STAGE2 = "/images/install.img"
#: Only a CD is booted from these; the key has its own syslinux.
_CD_BOOT_FOLDERS = ("/isolinux/", "/boot/grub2/")
_CD_BOOT_FILES = frozenset(
    {"/boot.cat", "/boot.catalog", "/images/efidisk.img", "/images/macboot.img"}
)
#: genisoimage's lists of the ISO's file names, one in each folder.
_NAME_LIST = "TRANS.TBL"
#: Kickstarts hold password hashes: the image is for its owner only.
_MODE = 0o600


@dataclass(frozen=True)
class UsbResult:
    """What was built. Sizes are in bytes; ``entries`` is the menu as both firmwares show it.

    ``layout``, ``release`` and ``base_label`` are those of the base ISO; without one they
    are None and empty.
    """

    out: Path
    label: str
    size: int
    content: int
    entries: tuple[MenuEntry, ...]
    layout: Layout | None = None
    release: str = ""
    base_label: str = ""


def build_usb_image(
    base: Path, out: Path, plan: MediaPlan, *, size: int | None = None, progress: Progress = silent
) -> UsbResult:
    """Make a key from a netinstall ISO of Enterprise Linux 6 to 10.

    :param size: length of the image in bytes; None: content and some free space.
    :raises MediaError: for a plan or label that FAT or the boot loaders cannot take, a base
        that is no such ISO, files that FAT cannot hold, or an output that cannot be written.
    """
    with Image(base) as image:
        medium = read_medium(image)
    sources = _base_sources(base, medium)
    _check(plan, sources)
    menus, entries = _edited_menus(base, medium, plan)
    if not any(_find(sources, f"{_EFI_FOLDER}/{name}") for name in _EFI_LOADERS):
        raise _incomplete(base, f"it has no UEFI boot loader in {_EFI_FOLDER}")
    for entry in entries:
        for path in (entry.kernel, *entry.initrds):
            if path and path not in sources and path not in plan.files:
                raise _incomplete(base, f"its menu names {path}, which is not on it")
    result = _build(out, plan, sources | menus, entries, size=size, progress=progress)
    return replace(
        result, layout=medium.layout, release=medium.release, base_label=medium.volume.label
    )


def build_usb_from_files(
    files: Mapping[str, Source],
    out: Path,
    plan: MediaPlan,
    *,
    kernel: str,
    initrd: str,
    grub_config: str,
    arguments: str = "",
    rescue_arguments: str | None = None,
    kickstart_argument: str = "inst.ks",
    size: int | None = None,
    progress: Progress = silent,
) -> UsbResult:
    """Make a key from loose files of an installer, such as Debian's netboot kernel and initrd.

    :param files: absolute path on the key -> content; among them the UEFI loaders, at
        ``/EFI/BOOT/BOOTX64.EFI`` and where the first loader looks for the next.
    :param kernel: path of the kernel among ``files``; ``initrd`` likewise. The initrds of a
        plan's entry are loaded after it.
    :param grub_config: path where the UEFI loader looks for its configuration (its prefix,
        and ``/grub.cfg``).
    :param arguments: kernel arguments of every entry, before those of the plan's entries.
    :param rescue_arguments: those of the installer's rescue mode; None: it has none.
    """
    sources = dict(files)
    _check(plan, sources)
    missing = [path for path in (kernel, initrd) if path not in sources]
    if missing:
        raise MediaError(
            f"the installer's files lack {' and '.join(missing)}", "name them as they are given"
        )
    if not any(_find(sources, f"{_EFI_FOLDER}/{name}") for name in _EFI_LOADERS):
        raise MediaError(
            f"the key has no UEFI boot loader: none of {', '.join(_EFI_LOADERS)} in {_EFI_FOLDER}",
            "give the signed shim as BOOTX64.EFI, and the signed grub beside it",
        )
    text = _grub_text(plan, kernel, initrd, arguments, rescue_arguments)
    change = BootChange(plan, plan.label, kickstart_argument, media_check=False)
    text = edit(text, Dialect.GRUB2, change)
    entries = read_entries(text, Dialect.GRUB2)
    config: dict[str, Source] = {grub_config: Data(text.encode("ascii"))}
    return _build(out, plan, sources | config, entries, size=size, progress=progress)


def _check(plan: MediaPlan, sources: Mapping[str, Source]) -> None:
    problems = plan_problems(plan, sources)
    if (label := label_problem(plan.label)) and label not in problems:
        problems.insert(0, label)
    if problems:
        listed = "".join(f"\n  - {problem}" for problem in problems)
        raise MediaError(f"the key cannot be built as planned:{listed}")


def _build(
    out: Path,
    plan: MediaPlan,
    sources: dict[str, Source],
    entries: Sequence[MenuEntry],
    *,
    size: int | None,
    progress: Progress,
) -> UsbResult:
    host = syslinux.find_files()
    sources = sources | {path: Data(content) for path, content in plan.files.items()}
    sources = sources | host.modules | syslinux.config_source(plan, entries)
    tree = FatTree(sources)
    with atomic_output(out, mode=_MODE) as part:
        write_key(
            part,
            tree,
            label=plan.label,
            boot_code=host.boot_code,
            active=True,
            timestamp=media_time(),
            slack=SLACK,
            size=size,
            bits=32,
            progress=progress,
        )
        syslinux.install(part, PARTITION_OFFSET)
        length = part.stat().st_size
    content = sum(source.size for source in sources.values())
    return UsbResult(out, plan.label, length, content, tuple(entries))


def _base_sources(base: Path, medium: Medium) -> dict[str, Source]:
    """Choose what of the ISO goes on the key; refuse what FAT cannot hold."""
    linked, problems = linked_files(medium.volume)
    boot_images = {medium.bios.offset, medium.uefi.offset}
    sources: dict[str, Source] = {}
    for path, file in {**medium.volume.files, **linked}.items():
        lower = path.lower()
        if lower in _CD_BOOT_FILES or lower.startswith(_CD_BOOT_FOLDERS):
            continue
        if path.rpartition("/")[2] == _NAME_LIST or (file.size and file.offset in boot_images):
            continue
        if len(file.extents) > 1:
            problems.append(f"{path}: {file.size / 1e9:.1f} GB, but a file on FAT ends below 4 GiB")
            continue
        sources[path] = FileRange(base, file.offset, file.size)
    if problems:
        raise MediaError(
            f"these files of {base.name} cannot go on a FAT key:\n  " + "\n  ".join(problems),
            "use a netinst or boot ISO as the base, or write the ISO itself to the key"
            " (b2ct iso build, then b2ct usb write)",
        )
    return sources


def _edited_menus(
    base: Path, medium: Medium, plan: MediaPlan
) -> tuple[dict[str, Source], tuple[MenuEntry, ...]]:
    """Edit every menu that UEFI may read; return them, and the entries of the main one."""
    menus: dict[str, Source] = {}
    entries: tuple[MenuEntry, ...] = ()
    for config in medium.configs:
        lower = config.path.lower()
        if (
            config.in_fat
            or config.dialect is None
            or not lower.startswith(f"{_EFI_FOLDER}/".lower())
        ):
            continue
        text = _edited(config.text, config.dialect, medium, plan)
        menus[config.path] = Data(encode(text))
        if not entries or lower.endswith("/grub.cfg"):
            entries = read_entries(text, config.dialect)
    if not entries:
        raise _incomplete(base, f"it has no UEFI boot menu in {_EFI_FOLDER}")
    return menus, entries


def _edited(text: str, dialect: Dialect, medium: Medium, plan: MediaPlan) -> str:
    # The loader of EL 6 looks for its second stage on CDs only, unless it is told.
    if medium.layout is Layout.EL6 and _STAGE2 in medium.volume.files:
        text = _with_argument(text, dialect, f"stage2=hd:LABEL={plan.label}:{_STAGE2}")
    # The check reads the medium as an ISO with its MD5 implanted, which a key is not.
    change = BootChange(
        plan, medium.volume.label, medium.layout.kickstart_argument, media_check=False
    )
    return edit(text, dialect, change)


def _with_argument(text: str, dialect: Dialect, argument: str) -> str:
    """Append an argument to every entry that starts a kernel and has none of its name."""
    lines = text.splitlines()
    name = argument.partition("=")[0]
    for entry in read_entries(text, dialect):
        if entry.kernel and not has_argument(entry.command_line, name):
            lines[entry.line - 1] = append(lines[entry.line - 1], argument)
    return "\n".join(lines) + "\n"


def _find(sources: Mapping[str, Source], path: str) -> str | None:
    return next((name for name in sources if name.lower() == path.lower()), None)


def _incomplete(base: Path, reason: str) -> MediaError:
    return MediaError(
        f"{base.name} is not a whole boot ISO: {reason}",
        "use the vendor's unmodified boot or netinst ISO as the base",
    )


def _grub_text(
    plan: MediaPlan, kernel: str, initrd: str, arguments: str, rescue: str | None
) -> str:
    """Write the menu that the vendor would have on such a key: the plan's is made from it."""

    def entry(title: str, more: str) -> str:
        line = " ".join(part for part in (kernel, arguments, more) if part)
        return f"menuentry '{title}' {{\n\tlinux {line}\n\tinitrd {initrd}\n}}\n"

    head = (
        f"insmod all_video\nset gfxpayload=keep\nsearch --no-floppy --set=root -l '{plan.label}'\n"
    )
    text = head + entry("Installer without answers", "")
    if rescue is not None:
        text += entry("Rescue mode", rescue)
    return text
