"""`b2ct base`: get, add, list and verify the media that everything else is built from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from b2ct.base.catalogue import (
    Entry,
    IsoEntry,
    NetbootEntry,
    check_address,
    load_catalogue,
    normalise_fingerprint,
    normalise_sha256,
)
from b2ct.base.manage import Listing, State, find_records, listing, remove, verify_record
from b2ct.base.proof import Given
from b2ct.base.store import Record, Store
from b2ct.console import ProgressPrinter, human_size
from b2ct.errors import B2ctError

_T = TypeVar("_T")
_FILE = click.Path(path_type=Path, dir_okay=False)


def _checked(normalise: Callable[[str], str]) -> Callable[..., str | None]:
    """Make an option's callback that checks a value and gives it its one spelling."""

    def callback(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
        try:
            return None if value is None else normalise(value)
        except ValueError as error:
            raise click.BadParameter(str(error)) from error

    return callback


_sha256_option = click.option(
    "--sha256",
    metavar="HEX",
    callback=_checked(normalise_sha256),
    help="The SHA256 that you vouch for; no vendor's list is read.",
)
_key_option = click.option(
    "--key", type=_FILE, help="The vendor's public key, instead of the catalogue's address."
)
_fingerprint_option = click.option(
    "--fingerprint",
    metavar="HEX",
    callback=_checked(normalise_fingerprint),
    help="Full fingerprint of the vendor's key, for an entry that lacks it.",
)
_mirror_option = click.option(
    "--mirror",
    metavar="URL",
    callback=_checked(check_address),
    help="Folder to get medium, list and signature from (for -netboot: a Debian archive). "
    "http:// is possible too: signature and SHA256 prove the medium.",
)
_json_option = click.option(
    "--json", "as_json", is_flag=True, help="Results as JSON; progress as JSON lines on stderr."
)


@click.group()
def command() -> None:
    """Get and verify the install media that everything is built from.

    A medium is used only when its SHA256 and the vendor's signature over the list of
    check sums are right, or when you vouch for its SHA256. Media are kept in
    $B2CT_BASE_DIR, else ~/.cache/b2ct/base.

    \b
    Example:
      b2ct base list
      b2ct base fetch almalinux-9
      b2ct base add ~/Downloads/AlmaLinux-9.6-x86_64-boot.iso --id almalinux-9
    """


@command.command("list")
@_json_option
def list_command(as_json: bool) -> None:
    """Show the catalogue, and what of it is here.

    \b
    Example:
      b2ct base list
    """
    lines = listing(load_catalogue(), Store())
    if as_json:
        click.echo(json.dumps([_listing_data(line) for line in lines], indent=2))
        return
    rows = [("ID", "STATE", "MEDIUM", "VERIFIED BY"), *(_row(line) for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        click.echo("  ".join([*cells, row[3]]).rstrip())


@command.command("fetch")
@click.argument("ids", metavar="ID…", nargs=-1, required=True)
@_sha256_option
@_fingerprint_option
@_key_option
@_mirror_option
@click.option("--refresh", is_flag=True, help="Ask whether the vendor has a newer one.")
@_json_option
def fetch_command(
    ids: tuple[str, ...],
    *,
    sha256: str | None,
    fingerprint: str | None,
    key: Path | None,
    mirror: str | None,
    refresh: bool,
    as_json: bool,
) -> None:
    """Download media of the catalogue and verify them.

    A broken download is continued by the next run. Debian's -netboot media come from
    Debian's package through apt, without root and beside the machine's own apt state.

    \b
    Example:
      b2ct base fetch almalinux-9 debian-13-netboot
      b2ct base fetch rocky-10 --mirror https://mirror.example.org/rocky/10/isos/x86_64/
    """
    catalogue = load_catalogue()
    entries = [catalogue.get(ident) for ident in ids]
    if len(entries) > 1 and (sha256 or fingerprint or key or mirror):
        raise B2ctError(
            "--sha256, --fingerprint, --key and --mirror are of one medium", "name one ID"
        )
    given = Given(sha256=sha256, fingerprint=fingerprint, key=key, mirror=mirror)
    store = Store()

    def fetch(entry: Entry, progress: ProgressPrinter) -> Record:
        # Loaded on use: `list` needs neither the HTTP library nor apt.
        if isinstance(entry, NetbootEntry):
            from b2ct.base.netboot import fetch_netboot

            if sha256 or fingerprint or key:
                raise B2ctError(
                    f"{entry.id} is proved by apt", "leave out --sha256, --fingerprint, --key"
                )
            got = fetch_netboot(entry, store, mirror=mirror, refresh=refresh, progress=progress)
        else:
            from b2ct.base.download import Client
            from b2ct.base.fetch import fetch_iso

            got = fetch_iso(entry, given, store, Client(), refresh=refresh, progress=progress)
        if not as_json:
            _say(got.record, "verified" if got.fresh else "here already")
        return got.record

    _each(entries, lambda entry: entry.id, fetch, as_json=as_json)


@command.command("add")
@click.argument("file", type=_FILE)
@click.option("--id", "ident", metavar="ID", help="Check it against this entry's signed list.")
@_sha256_option
@click.option("--checksums", type=_FILE, help="The vendor's list, instead of today's one.")
@click.option("--signature", type=_FILE, help="The detached signature over --checksums.")
@_fingerprint_option
@_key_option
@_mirror_option
@click.option("--copy", is_flag=True, help="Copy it into the store; else it stays where it is.")
@_json_option
def add_command(
    file: Path,
    *,
    ident: str | None,
    sha256: str | None,
    checksums: Path | None,
    signature: Path | None,
    fingerprint: str | None,
    key: Path | None,
    mirror: str | None,
    copy: bool,
    as_json: bool,
) -> None:
    """Verify an ISO that is here already.

    With --id the vendor's signed list must have it, under whatever name; a list that you
    saved with an older release is given with --checksums (and --signature). With --sha256
    you vouch for it, and that is what the manifests of the media will say.

    \b
    Example:
      b2ct base add AlmaLinux-9.6-x86_64-boot.iso --id almalinux-9 --checksums CHECKSUM
      b2ct base add centos-stream.iso --id centos-stream-9 --sha256 0123…
    """
    from b2ct.base.add import add_iso
    from b2ct.base.download import Client

    entry = load_catalogue().get_iso(ident) if ident else None
    if signature and not checksums:
        raise B2ctError("--signature is over a list", "give the list with --checksums")
    if sha256 and (checksums or fingerprint or key or mirror):
        raise B2ctError(
            "with --sha256 you vouch for the ISO, no vendor's list is read",
            "leave out --sha256, or --checksums, --key, --fingerprint and --mirror",
        )
    given = Given(sha256, fingerprint, key, checksums, signature, mirror)
    with ProgressPrinter(as_json=as_json) as progress:
        record = add_iso(file, entry, given, Store(), Client(), copy=copy, progress=progress)
    if as_json:
        click.echo(json.dumps(_record_data(record), indent=2))
    else:
        _say(record, "verified")
        if entry and record.vendor_name != entry.file and "*" not in entry.file:
            click.echo(f"  note: the vendor calls it {record.vendor_name}, not {entry.file}")


@command.command("verify")
@click.argument("refs", metavar="[REF]…", nargs=-1)
@_json_option
def verify_command(refs: tuple[str, ...], as_json: bool) -> None:
    """Hash media again and repeat their proof: all that are here, or those named.

    \b
    Example:
      b2ct base verify
      b2ct base verify almalinux-9 ./my.iso
    """
    catalogue, store = load_catalogue(), Store()
    records = find_records(refs, catalogue, store)

    def verify(record: Record, progress: ProgressPrinter) -> Record:
        verified = verify_record(record, catalogue, store, progress)
        if not as_json:
            _say(verified, "verified")
        return verified

    if not records and not as_json:
        click.echo("no base medium is here: b2ct base fetch ID")
    _each(list(records), lambda record: record.id or record.path, verify, as_json=as_json)


@command.command("remove")
@click.argument("refs", metavar="REF…", nargs=-1, required=True)
def remove_command(refs: tuple[str, ...]) -> None:
    """Remove media and unfinished downloads from the store.

    A file that was added in place is forgotten, not removed.

    \b
    Example:
      b2ct base remove debian-12
    """
    catalogue, store = load_catalogue(), Store()
    for ref in refs:
        removed = remove(ref, catalogue, store)
        for path in removed:
            click.echo(f"removed {path}")
        if not removed:
            click.echo(f"forgotten: {ref} (the file is not b2ct's, it stays)")


def _each(
    things: list[_T],
    name: Callable[[_T], str],
    work: Callable[[_T, ProgressPrinter], Record],
    *,
    as_json: bool,
) -> None:
    """Do all of them, then fail if one failed: the others should not wait for its repair."""
    done: list[Record] = []
    failed: list[B2ctError] = []
    for thing in things:
        try:
            with ProgressPrinter(as_json=as_json) as progress:
                done.append(work(thing, progress))
        except B2ctError as error:
            if len(things) == 1:
                raise
            failed.append(error)
            click.echo(f"error: {name(thing)}: {error.message}", err=True)
            if error.hint:
                click.echo(f"  hint: {error.hint}", err=True)
    if as_json:
        click.echo(json.dumps([_record_data(record) for record in done], indent=2))
    if failed:
        raise B2ctError(f"{len(failed)} of {len(things)} base media failed")


def _say(record: Record, word: str) -> None:
    click.echo(f"{record.id or record.vendor_name}: {word}, {record.path}")
    click.echo(f"  {human_size(record.size)}, {record.verified_by}")


def _row(line: Listing) -> tuple[str, str, str, str]:
    state: str = line.state
    if line.state is State.PARTIAL:
        state = f"partial ({human_size(line.partial_bytes)})"
    if line.record is not None and line.state is not State.ABSENT:
        return line.ident, state, line.record.vendor_name, line.record.verified_by
    return line.ident, state, line.title, _needs(line.entry)


def _needs(entry: Entry | None) -> str:
    """Say how a medium that is not here would be verified."""
    if entry is None:
        return ""
    if isinstance(entry, NetbootEntry):
        return "(apt)"
    if entry.signed:
        return "(vendor's signature)" if entry.key and entry.key.fingerprint else "(--fingerprint)"
    return "(pinned SHA256)" if entry.sha256 else "(unsigned: needs --sha256)"


def _record_data(record: Record) -> dict[str, object]:
    return {
        "id": record.id,
        "kind": record.kind,
        "path": record.path,
        "name": record.vendor_name,
        "sha256": record.sha256,
        "size": record.size,
        "method": record.method,
        "fingerprint": record.fingerprint,
        "verified_by": record.verified_by,
        "verified_at": record.verified_at,
        "source": record.source,
    }


def _listing_data(line: Listing) -> dict[str, object]:
    entry = line.entry
    return {
        "id": line.ident,
        "title": line.title,
        "state": line.state,
        "partial_bytes": line.partial_bytes,
        "addresses": list(entry.addresses) if isinstance(entry, IsoEntry) else [],
        "note": entry.note if entry else "",
        "medium": _record_data(line.record) if line.record else None,
    }
