"""`b2ct iso`: build install ISOs, look at them, compare them with their base."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from b2ct.commands._media import media_options, report_made
from b2ct.commands._options import site_argument, vault_options
from b2ct.console import ProgressPrinter, human_size
from b2ct.errors import B2ctError
from b2ct.load import VaultOptions, load_secrets, load_site
from b2ct.media.wanted import Wanted
from iso_builder.image import SECTOR
from iso_builder.inspection import IsoReport, inspect_iso
from iso_builder.verification import Change, VerifyReport, verify_against_base

_FILE = click.Path(path_type=Path)
_base_option = click.option(
    "--base",
    metavar="ID|ISO",
    required=True,
    help="Base medium: an id of b2ct base list, or a verified ISO.",
)
_json_option = click.option("--json", "as_json", is_flag=True, help="The same as JSON.")


@click.group()
def command() -> None:
    """Build install ISOs from vendors' boot ISOs, and look at them.

    \b
    Example:
      b2ct iso build torino hv1 --base almalinux-9 -o hv1.iso
      b2ct iso inspect hv1.iso
      b2ct iso verify hv1.iso --base almalinux-9
    """


@command.command("build")
@site_argument
@media_options("ISO")
@_base_option
@click.option("-o", "--output", type=_FILE, required=True, help="The ISO to write.")
@click.option(
    "--no-media-check",
    is_flag=True,
    help="Implant no MD5 and do not check the medium before installing: faster to build and boot.",
)
@vault_options
def build_command(
    site: Path,
    *,
    wanted: Wanted,
    base: str,
    output: Path,
    no_media_check: bool,
    vault: VaultOptions,
    as_json: bool,
) -> None:
    """Build an ISO that installs NODEs, or every server of the site with --all.

    The base's boot loaders, kernel and signatures stay as they are; the kickstart and the
    menu entries are added to every copy of the boot configuration. It boots as a CD, as a
    virtual CD of a management board, and written to a stick (b2ct usb write), by BIOS and
    UEFI. A manifest (what from, what for, SHA256) is written beside the ISO.

    \b
    Example:
      b2ct iso build torino hv1 --base almalinux-9 -o hv1.iso
      b2ct iso build torino --all --base ~/AlmaLinux-9.6-x86_64-boot.iso -o torino.iso
    """
    from b2ct.base.resolve import resolve_base
    from b2ct.media.make import make_iso

    loaded = load_site(site)
    with ProgressPrinter(as_json=as_json) as progress:
        made = make_iso(
            loaded,
            load_secrets(site, loaded, vault),
            wanted,
            resolve_base(base, progress),
            output,
            media_check=not no_media_check,
            progress=progress,
        )
    report_made(made, as_json=as_json)
    if not as_json:
        click.echo(f"  next: b2ct iso inspect {output}")


@command.command("inspect")
@click.argument("iso", type=_FILE)
@click.option("--full", is_flag=True, help="Read all of it and check the implanted MD5.")
@_json_option
def inspect_command(iso: Path, *, full: bool, as_json: bool) -> None:
    """Say what can boot an ISO and how: a vendor's, one that b2ct built, any other.

    ISO is a file, or a stick that one was written to. Shown are boot images, partition
    tables with their check sums, signatures, the kernel command lines of every copy of the
    boot configuration, volume labels, kickstarts and the media check. Exit code 2 if
    something is wrong.

    \b
    Example:
      b2ct iso inspect hv1.iso
      b2ct iso inspect hv1.iso --full --json
    """
    with ProgressPrinter(as_json=as_json) as progress:
        report = inspect_iso(iso, full=full, progress=progress)
    if as_json:
        click.echo(json.dumps(asdict(report), indent=2, default=str))
    else:
        click.echo("\n".join(_lines(report)))
    _complain(iso, report.problems, "build it again, or download the base again")


@command.command("verify")
@click.argument("iso", type=_FILE)
@_base_option
@_json_option
def verify_command(iso: Path, *, base: str, as_json: bool) -> None:
    """Compare an ISO with the base that it was built from, file by file and byte by byte.

    Only the boot menus may differ, and what notes its own place; files may be added. Exit
    code 2 if anything else changed.

    \b
    Example:
      b2ct iso verify hv1.iso --base almalinux-9
    """
    from b2ct.base.resolve import resolve_base

    with ProgressPrinter(as_json=as_json) as progress:
        report = verify_against_base(iso, resolve_base(base, progress).path, progress=progress)
    if as_json:
        click.echo(json.dumps(asdict(report), indent=2, default=str))
    else:
        click.echo("\n".join(_comparison(report)))
    _complain(iso, report.problems, "it was not built from this base, or it is damaged")


def _complain(iso: Path, problems: tuple[str, ...], hint: str) -> None:
    if problems:
        count = len(problems)
        raise B2ctError(f"{iso} has {count} problem{'' if count == 1 else 's'}", hint)


def _lines(report: IsoReport) -> Iterator[str]:
    what = f"{report.layout} layout" if report.layout else "not a medium to build from"
    release = f", release {report.release}" if report.release else ""
    yield f"{report.path}: {human_size(report.size)}, {what}{release}, label {report.label!r}"
    if report.layout_reason:
        yield f"  reason: {report.layout_reason}"
    for way in report.ways:
        yield f"  {way.name}: {'boots' if way.possible else f'does not boot: {way.reason}'}"
    yield from _boot_structures(report)
    yield from _loaders(report)
    fitting = sum(use.fits for use in report.labels)
    other = sorted({use.label for use in report.labels if not use.fits})
    yield f"  labels: {fitting} references to {report.label!r}" + (
        f", {len(report.labels) - fitting} to {', '.join(map(repr, other))}" if other else ""
    )
    for use in report.kickstarts:
        told = f"SHA256 {use.sha256}" if use.sha256 else f"on another volume, {use.label!r}"
        yield f"  kickstart {use.path}: {told}"
    md5 = f" (MD5 {report.media_check_md5})" if report.media_check_md5 else ""
    yield f"  media check: {report.media_check}{md5}"
    file = ""
    for line in report.command_lines:
        if line.file != file:
            file = line.file
            yield f"  menu {file}:"
        yield f"    {'*' if line.is_default else ' '} {line.title} (line {line.line})"
        yield f"        {line.text}"
    for problem in report.problems:
        yield f"  problem: {problem}"


def _boot_structures(report: IsoReport) -> Iterator[str]:
    for boot in report.boot_images:
        table = f", boot info table {boot.info_table}" if boot.platform == "BIOS" else ""
        state = "" if boot.bootable else ", not bootable"
        yield (
            f"  El Torito {boot.platform}: block {boot.block}, {boot.sectors} sectors, "
            f"load segment {boot.load_segment:#06x}{table}{state}"
        )
    if report.mbr:
        code = "with boot code" if report.mbr.has_code else "without boot code"
        listed = ", ".join(
            f"{p.number} type {p.kind:#04x} from sector {p.start}, {p.sectors} sectors"
            for p in report.mbr.partitions
        )
        yield f"  MBR {code}: {listed or 'no partition'}"
    if report.gpt:
        sound = "; ".join(report.gpt.problems) or "check sums and backup are right"
        yield f"  GPT: {sound}"
        for partition in report.gpt.partitions:
            yield (
                f"    {partition.number} {partition.name}: from sector "
                f"{partition.extent.offset // SECTOR}, {partition.extent.size // SECTOR} sectors"
            )
    if report.appended_partition:
        yield f"  appended partition: {report.appended_partition.number}"
    if report.second_tree is not None:
        yield f"  tree of partition 1: label {report.second_tree!r}"


def _loaders(report: IsoReport) -> Iterator[str]:
    for entry in report.programs:
        where = "EFI boot image:" if entry.in_fat else ""
        if not entry.program.is_program:
            told = "not a UEFI program"
        elif entry.program.is_signed:
            told = f"signed by {', '.join(entry.program.signers) or 'an unreadable certificate'}"
        else:
            told = "not signed"
        yield f"  {where}{entry.path}: {told}"


def _comparison(report: VerifyReport) -> Iterator[str]:
    yield f"{report.iso}: {report.layout} layout, label {report.label!r}"
    yield f"  base: {report.base}, label {report.base_label!r}"
    counts = Counter(change.change for change in report.changes)
    told = ", ".join(f"{counts[kind]} {kind}" for kind in Change if counts[kind])
    yield f"  files: {report.unchanged} as in the base" + (f", {told}" if told else "")
    for change in report.changes:
        where = "EFI boot image:" if change.in_fat else ""
        yield f"    {where}{change.path}: {change.change}"
    for problem in report.problems:
        yield f"  problem: {problem}"
    if report.is_sound:
        yield "  boot catalogue, MBR and GPT are intact; nothing else changed"
