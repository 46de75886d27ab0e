"""`b2ct oemdrv`: the companion of the vendor's unmodified boot medium."""

from __future__ import annotations

from pathlib import Path

import click

from b2ct.commands._media import media_options, report_made
from b2ct.commands._options import site_argument, vault_options
from b2ct.console import ProgressPrinter
from b2ct.load import VaultOptions, load_secrets, load_site
from b2ct.media.wanted import Wanted


@click.command()
@site_argument
@media_options("companion")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="The medium to write: an ISO if it is called *.iso, else the image of a stick.",
)
@vault_options
def command(
    site: Path, *, wanted: Wanted, output: Path, vault: VaultOptions, as_json: bool
) -> None:
    """Make an OEMDRV stick or ISO for NODEs, or for every server of the site with --all.

    Boot the server from the vendor's unmodified boot ISO with this second medium plugged in:
    the installer (EL 7 and later) loads the kickstart from it by itself. Nothing of the
    vendor's is touched, so Secure Boot and the media check stay whole.

    \b
    Example:
      b2ct oemdrv torino --all -o torino-oemdrv.img
      b2ct usb write torino-oemdrv.img /dev/disk/by-id/usb-…
      b2ct oemdrv torino hv1 -o hv1-oemdrv.iso     (for a BMC's virtual CD drive)
    """
    from b2ct.media.make import make_oemdrv

    loaded = load_site(site)
    with ProgressPrinter(as_json=as_json) as progress:
        made = make_oemdrv(
            loaded,
            load_secrets(site, loaded, vault),
            wanted,
            output,
            kind="iso" if output.suffix.lower() == ".iso" else "stick",
            progress=progress,
        )
    report_made(made, as_json=as_json)
