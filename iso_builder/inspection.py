"""Say what can boot an ISO, how, and what would not fit together: nothing is changed."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from iso_builder import bootconfig
from iso_builder.bootconfig import commandline
from iso_builder.eltorito import (
    BootCatalog,
    BootImage,
    InfoTable,
    Platform,
    info_table,
    read_catalog,
)
from iso_builder.errors import MediaError
from iso_builder.fatread import FatVolume, read_fat, read_fat_file
from iso_builder.image import SECTOR, Image
from iso_builder.layouts import (
    ConfigFile,
    Layout,
    check_is_iso,
    check_is_whole,
    read_configs,
    read_file,
    read_medium,
    read_release,
)
from iso_builder.mediacheck import CheckState, check_medium, read_implant
from iso_builder.partitions import EFI_SYSTEM, Gpt, GptPartition, Mbr, read_gpt, read_mbr
from iso_builder.pe import EfiProgram, read_program
from iso_builder.progress import Progress, silent
from iso_builder.volume import Volume, read_volume

_LARGEST_PROGRAM = 16 << 20
_LARGEST_KICKSTART = 4 << 20
_EFI_MBR_TYPE = 0xEF
#: Arguments that find the installer itself: with another label nothing boots.
_VITAL = ("search", "inst.stage2", "root", "inst.repo", "repo", "method")
_KICKSTART = ("inst.ks", "ks")
_ON_VOLUME = re.compile(r"(?:hd:(?:LABEL=(?P<label>[^:\s]+))|cdrom)(?::(?P<path>/\S*))?$")


@dataclass(frozen=True)
class BootImageReport:
    """A boot image of the El Torito catalogue; ``block`` of 2048 and ``sectors`` of 512 bytes."""

    platform: Platform
    bootable: bool
    emulation: bool
    load_segment: int
    block: int
    sectors: int
    info_table: InfoTable


@dataclass(frozen=True)
class ProgramReport:
    """A UEFI program. ``in_fat``: in the EFI boot image, which is what firmware reads."""

    path: str
    in_fat: bool
    program: EfiProgram


@dataclass(frozen=True)
class CommandLine:
    """A kernel command line of one copy of the boot configuration."""

    file: str
    line: int  #: 1-based
    title: str
    text: str
    is_default: bool


@dataclass(frozen=True)
class LabelUse:
    """A reference to a volume by its label. ``fits``: it is this volume's."""

    file: str
    line: int
    where: str
    label: str
    fits: bool


@dataclass(frozen=True)
class KickstartUse:
    """A kickstart that command lines name. ``sha256`` is None when it is not on the medium."""

    path: str
    label: str
    titles: tuple[str, ...]
    sha256: str | None


@dataclass(frozen=True)
class BootWay:
    """One of the four ways to start a machine, and what speaks against it (empty: nothing)."""

    name: str
    possible: bool
    reason: str


@dataclass(frozen=True)
class IsoReport:
    """What an ISO is. Sizes in bytes; ``problems`` are faults, empty for a sound medium.

    ``layout`` is None for a medium that cannot be remastered, ``layout_reason`` says why.
    """

    path: Path
    size: int
    layout: Layout | None
    layout_reason: str
    release: str
    label: str
    volume_size: int
    second_tree: str | None  #: label of the tree that partition 1 shows (EL 10)
    boot_images: tuple[BootImageReport, ...]
    mbr: Mbr | None
    gpt: Gpt | None
    appended_partition: GptPartition | None
    efi_label: str | None
    programs: tuple[ProgramReport, ...]
    command_lines: tuple[CommandLine, ...]
    labels: tuple[LabelUse, ...]
    kickstarts: tuple[KickstartUse, ...]
    media_check: CheckState
    media_check_md5: str | None
    ways: tuple[BootWay, ...]
    problems: tuple[str, ...]


def command_lines(config: ConfigFile, text: str | None = None) -> tuple[CommandLine, ...]:
    """Every kernel command line of a configuration, or of its edited ``text``."""
    if config.dialect is None or config.is_dead:
        return ()
    return tuple(
        CommandLine(config.name, entry.line, entry.title, entry.command_line, entry.is_default)
        for entry in bootconfig.read_entries(config.text if text is None else text, config.dialect)
        if entry.kernel
    )


def _labels(configs: tuple[ConfigFile, ...], volume: Volume) -> tuple[LabelUse, ...]:
    return tuple(
        LabelUse(config.name, found.line, found.where, found.label, found.label == volume.label)
        for config in configs
        if config.dialect is not None
        for found in bootconfig.label_references(config.text, config.dialect)
    )


def _kickstarts(
    image: Image, volume: Volume, lines: tuple[CommandLine, ...]
) -> tuple[KickstartUse, ...]:
    titles: dict[tuple[str, str], list[str]] = {}
    for line in lines:
        for word in commandline.words(line.text):
            match = _ON_VOLUME.match(word.text.partition("=")[2])
            if word.name not in _KICKSTART or not match:
                continue
            label = commandline.unescape(match["label"] or volume.label)
            key = (match["path"] or "/ks.cfg", label)
            if line.title not in titles.setdefault(key, []):
                titles[key].append(line.title)
    uses = []
    for (path, label), named_by in titles.items():
        file = volume.files.get(path) if label == volume.label else None
        digest = None
        if file is not None:
            digest = hashlib.sha256(read_file(image, file, _LARGEST_KICKSTART)).hexdigest()
        uses.append(KickstartUse(path, label, tuple(named_by), digest))
    return tuple(uses)


def _programs(image: Image, volume: Volume, fat: FatVolume | None) -> tuple[ProgramReport, ...]:
    found = []
    for path, inner in sorted(fat.files.items() if fat else ()):
        if path.casefold().endswith(".efi"):
            program = read_program(read_fat_file(image, inner, _LARGEST_PROGRAM))
            found.append(ProgramReport(path, True, program))
    for path, file in sorted(volume.files.items()):
        if path.casefold().endswith(".efi"):
            program = read_program(read_file(image, file, _LARGEST_PROGRAM))
            found.append(ProgramReport(path, False, program))
    return tuple(found)


@dataclass(frozen=True)
class _Parts:
    """What the judgement looks at."""

    catalog: BootCatalog | None
    images: tuple[BootImageReport, ...]
    mbr: Mbr | None
    gpt: Gpt | None
    fat: FatVolume | None
    fat_reason: str

    def boot_image(self, platform: Platform) -> BootImage | None:
        return self.catalog.image(platform) if self.catalog else None


def _ways(parts: _Parts) -> tuple[BootWay, ...]:
    bios, uefi = parts.boot_image(Platform.BIOS), parts.boot_image(Platform.UEFI)
    loader = parts.fat.find("/EFI/BOOT/BOOTX64.EFI") if parts.fat else None
    no_loader = "" if loader else parts.fat_reason or "no EFI/BOOT/BOOTX64.EFI in the boot image"
    wrong = any(
        i.platform is Platform.BIOS and i.info_table is InfoTable.WRONG for i in parts.images
    )
    bios_reason = "the boot info table is wrong" if wrong else ""
    cd_bios = bios_reason if bios else "no El Torito entry for BIOS"
    cd_uefi = no_loader if uefi else "no El Torito entry for UEFI"
    disk_bios = "" if parts.mbr and parts.mbr.has_code else "no boot code in the MBR"
    starts = {p.extent.offset for p in parts.gpt.partitions} if parts.gpt else set()
    if parts.mbr:
        starts |= {p.start * SECTOR for p in parts.mbr.partitions if p.kind == _EFI_MBR_TYPE}
    if parts.gpt and parts.gpt.problems:
        disk_uefi = parts.gpt.problems[0]
    elif uefi and uefi.offset in starts:
        disk_uefi = no_loader
    else:
        disk_uefi = "no partition is the EFI boot image"
    reasons = (
        ("BIOS, as CD", cd_bios),
        ("UEFI, as CD", cd_uefi),
        ("BIOS, as USB stick", disk_bios or (bios_reason if bios else "no boot image for BIOS")),
        ("UEFI, as USB stick", disk_uefi),
    )
    return tuple(BootWay(name, not reason, reason) for name, reason in reasons)


def _read_fat(image: Image, catalog: BootCatalog | None) -> tuple[FatVolume | None, str]:
    boot = catalog.image(Platform.UEFI) if catalog else None
    if boot is None:
        return None, ""
    try:
        return read_fat(image, boot.offset), ""
    except MediaError as error:
        return None, error.message


def _appended(gpt: Gpt | None, volume: Volume, catalog: BootCatalog | None) -> GptPartition | None:
    boot = catalog.image(Platform.UEFI) if catalog else None
    if gpt is None or boot is None:
        return None
    if any(file.offset == boot.offset and file.size for file in volume.files.values()):
        return None
    return next((p for p in gpt.partitions if p.extent.offset == boot.offset), None)


def _second_tree(image: Image, gpt: Gpt | None, volume: Volume, problems: list[str]) -> str | None:
    first = gpt.partition(1) if gpt else None
    if first is None or first.extent.offset == 0 or first.kind == EFI_SYSTEM:
        return None
    try:
        tree = read_volume(image, first.extent.offset)
    except MediaError as error:
        problems.append(f"partition 1 shows no volume: {error.message}")
        return None
    if tree.label != volume.label:
        problems.append(f"partition 1 is labelled {tree.label!r}, the medium {volume.label!r}")
    if tree.files != volume.files:
        problems.append("partition 1 shows other files than the medium")
    return tree.label


def _judge_menus(
    volume: Volume, labels: tuple[LabelUse, ...], kickstarts: tuple[KickstartUse, ...]
) -> list[str]:
    problems = [
        f"{use.file}:{use.line}: {use.where} looks for a volume labelled {use.label!r}, "
        "which this is not"
        for use in labels
        if not use.fits and use.where in _VITAL
    ]
    problems += [
        f"the kickstart {use.path} is not on the medium, but named by: {', '.join(use.titles)}"
        for use in kickstarts
        if use.label == volume.label and use.sha256 is None
    ]
    return problems


def inspect_iso(path: Path, *, full: bool = False, progress: Progress = silent) -> IsoReport:
    """Inspect an ISO, or a stick that one was written to.

    ``full`` reads all of it to check the implanted MD5. Raises :class:`MediaError` for what
    is no readable ISO at all; everything else is told in the report.
    """
    with Image(path) as image:
        check_is_iso(image)
        volume = read_volume(image)
        check_is_whole(image, volume)
        problems: list[str] = []
        layout, reason = None, ""
        try:
            layout = read_medium(image).layout
        except MediaError as error:
            reason = error.message
        catalog = read_catalog(image)
        problems += catalog.problems if catalog else ()
        fat, fat_reason = _read_fat(image, catalog)
        mbr, gpt = read_mbr(image), read_gpt(image)
        problems += gpt.problems if gpt else ()
        problems += [
            f"MBR partition {p.number} ends after the medium does"
            for p in (mbr.partitions if mbr and not mbr.is_protective else ())
            if (p.start + p.sectors) * SECTOR > image.size
        ]
        boot_images = tuple(
            BootImageReport(
                platform=boot.platform,
                bootable=boot.bootable,
                emulation=boot.emulation,
                load_segment=boot.load_segment,
                block=boot.offset // 2048,
                sectors=boot.sectors,
                info_table=info_table(image, boot),
            )
            for boot in (catalog.images if catalog else ())
        )
        configs = read_configs(image, volume, fat)
        lines = tuple(line for config in configs for line in command_lines(config))
        labels = _labels(configs, volume)
        kickstarts = _kickstarts(image, volume, lines)
        second_tree = _second_tree(image, gpt, volume, problems)
        problems += _judge_menus(volume, labels, kickstarts)
        implant = read_implant(image)
        state = CheckState.ABSENT if implant is None else CheckState.UNCHECKED
        if full:
            state = check_medium(image, progress=progress)
        if state is CheckState.WRONG:
            problems.append("the implanted MD5 is not that of the content")
        if implant is None and any(
            commandline.has_argument(line.text, "rd.live.check") for line in lines
        ):
            problems.append("the menu checks the medium, but no MD5 is implanted")
        parts = _Parts(catalog, boot_images, mbr, gpt, fat, fat_reason)
        return IsoReport(
            path=path,
            size=image.size,
            layout=layout,
            layout_reason=reason,
            release=read_release(image, volume),
            label=volume.label,
            volume_size=volume.size,
            second_tree=second_tree,
            boot_images=boot_images,
            mbr=mbr,
            gpt=gpt,
            appended_partition=_appended(gpt, volume, catalog),
            efi_label=fat.label if fat else None,
            programs=_programs(image, volume, fat),
            command_lines=lines,
            labels=labels,
            kickstarts=kickstarts,
            media_check=state,
            media_check_md5=implant.md5 if implant else None,
            ways=_ways(parts),
            problems=tuple(problems),
        )
