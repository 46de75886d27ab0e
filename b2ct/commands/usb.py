"""`b2ct usb`: make keys, look at them, list sticks and write to them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from b2ct.commands._media import media_options, report_made
from b2ct.commands._options import SizeType, site_argument, vault_options
from b2ct.console import ProgressPrinter, human_size, human_time
from b2ct.errors import B2ctError
from b2ct.load import VaultOptions, load_secrets, load_site
from b2ct.media.wanted import Wanted
from iso_builder.devices import BlockDevice, Host, list_devices
from iso_builder.keyinspect import KeyReport, inspect_key
from iso_builder.writer import SIZE_LIMIT, WriteResult, describe, refusals, write_image

_FILE = click.Path(path_type=Path)


@click.group()
def command() -> None:
    """Make USB keys, look at them, and write them to sticks.

    \b
    Example:
      b2ct usb image torino --all --base almalinux-9 -o torino.img
      b2ct usb list
      b2ct usb write torino.img /dev/disk/by-id/usb-SanDisk_Ultra_4C53-0:0
    """


@command.command("image")
@site_argument
@media_options("key")
@click.option(
    "--base",
    metavar="ID|ISO",
    required=True,
    help="Base medium: an id of b2ct base list, or a verified ISO.",
)
@click.option("-o", "--output", type=_FILE, required=True, help="The image to write.")
@click.option("--size", type=SizeType(), help="Length of the image; else as small as it can be.")
@vault_options
def image_command(
    site: Path,
    *,
    wanted: Wanted,
    base: str,
    output: Path,
    size: int | None,
    vault: VaultOptions,
    as_json: bool,
) -> None:
    """Make the image of a key that installs NODEs, or every server of the site with --all.

    One partition, FAT32, labelled as the site says, bootable by BIOS and UEFI. With --all, or
    with several nodes, the kickstart finds out by MAC address or serial number on which server
    it is; the menu offers each node, and the dialog for a server that the site does not know.
    A manifest (what from, what for, SHA256) is written beside the image.

    \b
    Example:
      b2ct usb image torino --all --base almalinux-9 -o torino.img
      b2ct usb image torino hv1 --base ~/AlmaLinux-9.6-x86_64-boot.iso -o hv1.img
    """
    from b2ct.base.resolve import resolve_base
    from b2ct.media.make import make_usb_image

    loaded = load_site(site)
    with ProgressPrinter(as_json=as_json) as progress:
        made = make_usb_image(
            loaded,
            load_secrets(site, loaded, vault),
            wanted,
            resolve_base(base, progress),
            output,
            size=size,
            progress=progress,
        )
    report_made(made, as_json=as_json)
    if not as_json:
        click.echo(f"  next: b2ct usb list; b2ct usb write {output} /dev/disk/by-id/usb-…")


@command.command("inspect")
@click.argument("image", type=_FILE)
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
def inspect_command(image: Path, *, as_json: bool) -> None:
    """Say what the image of a key boots and how, and whether all that it names is there.

    \b
    Example:
      b2ct usb inspect torino.img
    """
    report = inspect_key(image)
    if as_json:
        click.echo(json.dumps(asdict(report), indent=2, default=str))
    else:
        click.echo("\n".join(_key_lines(report)))
    if report.problems:
        count = len(report.problems)
        raise B2ctError(
            f"{image} has {count} problem{'' if count == 1 else 's'}", "build the key again"
        )


@command.command("list")
@click.option("--all", "everything", is_flag=True, help="Show every disk, and why it is refused.")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
@click.pass_context
def list_command(ctx: click.Context, *, everything: bool, as_json: bool) -> None:
    """Show the USB sticks of this machine and whether they can be written to.

    \b
    Example:
      b2ct usb list
      b2ct usb list --all
    """
    devices = [d for d in list_devices(_host(ctx)) if everything or d.bus == "usb"]
    if as_json:
        click.echo(json.dumps([_device_data(device) for device in devices], indent=2))
        return
    if not devices:
        click.echo("no USB stick is plugged in")
    for device in devices:
        reasons = refusals(device)
        click.echo(device.by_id[0] if device.by_id else f"{device.path} (without a stable name)")
        click.echo(f"  {describe(device)}")
        click.echo("  can be written to" if not reasons else f"  refused: {'; '.join(reasons)}")


@command.command("write")
@click.argument("image", type=_FILE)
@click.argument("device", type=_FILE)
@click.option("--dry-run", is_flag=True, help="Check and ask, but write nothing.")
@click.option(
    "--confirm",
    metavar="'MODEL SERIAL'",
    help="The stick's model and serial number, when nobody is there to type them.",
)
@click.option(
    "--max-size",
    type=click.IntRange(min=1),
    default=SIZE_LIMIT // 10**9,
    show_default=True,
    metavar="GB",
    help="Refuse larger devices: they are seldom sticks.",
)
@click.option("--json", "as_json", is_flag=True, help="Result as JSON; progress as JSON lines.")
@click.pass_context
def write_command(
    ctx: click.Context,
    image: Path,
    device: Path,
    *,
    dry_run: bool,
    confirm: str | None,
    max_size: int,
    as_json: bool,
) -> None:
    """Write IMAGE (a key or an ISO) to the stick DEVICE, and read it back to verify it.

    DEVICE is the stick's name in /dev/disk/by-id, which b2ct usb list shows. Everything on
    the stick is lost. A stick that is mounted, in use, not removable or not on USB is refused,
    and nothing is written before its model and serial number were typed.

    \b
    Example:
      b2ct usb write torino.img /dev/disk/by-id/usb-SanDisk_Ultra_4C53-0:0
      b2ct usb write torino.img /dev/disk/by-id/usb-… --dry-run
      b2ct usb write torino.img /dev/disk/by-id/usb-… --confirm "Ultra 4C53"
    """

    def confirmed(stick: BlockDevice) -> bool:
        return _confirmed(stick, confirm)

    with ProgressPrinter(as_json=as_json) as progress:
        result = write_image(
            image,
            device,
            confirm=confirmed,
            progress=progress,
            dry_run=dry_run,
            size_limit=max_size * 10**9,
            host=_host(ctx),
        )
    if as_json:
        click.echo(json.dumps(_result_data(result), indent=2))
    elif dry_run:
        click.echo(f"dry run: {image} would be written to {describe(result.device)}")
    else:
        _report(image, result)


def _key_lines(report: KeyReport) -> Iterator[str]:
    offset = human_size(report.partition_offset)
    yield f"{report.path}: {human_size(report.size)}"
    yield f"  partition: FAT{report.fat_bits} at {offset}, label {report.label}"
    if report.oemdrv:
        yield "  OEMDRV: Anaconda of EL 7 and later loads /ks.cfg from it by itself"
    yield f"  BIOS: {'boots by syslinux' if report.bios else 'does not boot'}"
    yield f"  UEFI: {'boots ' + ', '.join(report.uefi) if report.uefi else 'does not boot'}"
    for text in report.texts:
        told = {True: ", as in the manifest", False: ", NOT as in the manifest", None: ""}
        yield f"  {text.path}: SHA256 {text.sha256}{told[text.in_manifest]}"
    # Every copy of the menu should offer the same: then it is shown once.
    menus: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for menu in report.menus:
        menus.setdefault(menu.command_lines, []).append(menu.path)
    for lines, paths in menus.items():
        yield f"  menu in {', '.join(paths)}:"
        for title, line in lines:
            yield f"    {title}"
            yield f"      {line}"
    for problem in report.problems:
        yield f"  problem: {problem}"


def _host(ctx: click.Context) -> Host:
    """Give the machine to look at: this one, unless a caller of the function gave another."""
    return ctx.find_object(Host) or Host()


def _confirmed(stick: BlockDevice, given: str | None) -> bool:
    """Compare model and serial number with what was given, or ask for them."""
    if given is not None:
        if _words(given) != _words(stick.phrase):
            raise B2ctError(
                f"--confirm says {given!r}, but the stick is {stick.phrase!r}",
                "look at b2ct usb list: is it the right stick?",
            )
        return True
    if not sys.stdin.isatty():
        raise B2ctError(
            "nobody is there to confirm that this is the right stick",
            f"add --confirm with its model and serial number, as b2ct usb list shows them"
            f" ({describe(stick)})",
        )
    click.echo(f"All data on this stick will be lost:\n  {describe(stick)}", err=True)
    if stick.partitions:
        click.echo(f"  partitions on it: {', '.join(stick.partitions)}", err=True)
    typed = click.prompt(f'Type its model and serial number, "{stick.phrase}"', err=True)
    return _words(typed) == _words(stick.phrase)


def _words(text: str) -> list[str]:
    return text.split()


def _report(image: Path, result: WriteResult) -> None:
    def rate(seconds: float) -> str:
        per_second = human_size(result.written / max(seconds, 0.001))
        return f"{human_time(seconds)} ({per_second}/s)"

    click.echo(f"{image} is on {describe(result.device)}")
    click.echo(
        f"  {human_size(result.written)} written in {rate(result.write_s)},"
        f" read back and equal in {rate(result.verify_s)}"
    )
    if not result.partitions_reread:
        click.echo("  unplug it and plug it in again before you use it on this machine")


def _device_data(device: BlockDevice) -> dict[str, object]:
    return {
        "path": str(device.path),
        "by_id": [str(link) for link in device.by_id],
        "vendor": device.vendor,
        "model": device.model,
        "serial": device.serial,
        "size": device.size,
        "bus": device.bus,
        "removable": device.removable,
        "mounts": list(device.mounts),
        "refused": list(refusals(device)),
    }


def _result_data(result: WriteResult) -> dict[str, object]:
    return {
        "device": _device_data(result.device),
        "written": result.written,
        "write_s": round(result.write_s, 3),
        "verify_s": round(result.verify_s, 3),
        "verified": result.written > 0,
    }
