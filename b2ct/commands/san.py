"""`b2ct san`: the disks that the hypervisors share."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from b2ct.commands._options import login_options, site_argument, vault_options
from b2ct.errors import B2ctError
from b2ct.load import VaultOptions, read_site
from b2ct.verify.fleet import Login

EXIT_NOT_WELL = 1

_JSON = click.option("--json", "as_json", is_flag=True, help="Report as JSON.")


@click.group()
def command() -> None:
    """Look at the shared disks, and let them grow.

    \b
    Example:
      b2ct san check torino
      b2ct san status torino
      b2ct san grow torino
    """


@command.command()
@site_argument
@_JSON
@login_options
@vault_options
def check(site: Path, *, as_json: bool, login: Login, vault: VaultOptions) -> None:
    """Look at the disks on every member before anything is made on them. Nothing is changed.

    Told are disks that are not seen, or on too few paths; what a disk holds that would be lost; a
    volume group of another cluster. Disks of iSCSI and names of multipath are there only after the
    first run of the stage storage.

    The exit code is 0 when there is nothing to tell, 1 when there is, 2 for bad input.

    \b
    Example:
      b2ct san check torino
    """
    _play(site, "san_check", (), as_json=as_json, login=login, vault=vault)


@command.command()
@site_argument
@_JSON
@login_options
@vault_options
def grow(site: Path, *, as_json: bool, login: Login, vault: VaultOptions) -> None:
    """Take over disks that were added to site.yml or that have grown, while everything runs.

    Disks, volume group, volume and file system grow, and journals are added for new members.
    Nothing shrinks, and nothing is erased without consent.

    \b
    Example:
      b2ct san grow torino
    """
    _play(site, "storage", ("--tags", "san"), as_json=as_json, login=login, vault=vault)


@command.command()
@site_argument
@_JSON
@login_options
@vault_options
def status(site: Path, *, as_json: bool, login: Login, vault: VaultOptions) -> None:
    """Tell what each member sees of the disks, and how full the shared file system is.

    The exit code is 0 when all is as it should be, 1 when something is not, 2 for bad input.

    \b
    Example:
      b2ct san status torino --json
    """
    from b2ct.storage import san
    from b2ct.storage.members import open_members

    loaded = read_site(site)
    _refuse_without_san(loaded.site.san is not None, loaded.site.site.name)
    with open_members(loaded, vault, login) as members:
        found = san.status(members)
    text = json.dumps(found.as_json(), indent=2) + "\n" if as_json else san.text(found)
    click.echo(text, nl=False)
    if found.problems:
        click.get_current_context().exit(EXIT_NOT_WELL)


def _play(
    site: Path,
    stage: str,
    extra: tuple[str, ...],
    *,
    as_json: bool,
    login: Login,
    vault: VaultOptions,
) -> None:
    """Run a playbook on the members, with the view of a deployment."""
    import dataclasses

    from b2ct.commands._deploy import EXIT_FAILED, EXIT_INTERRUPTED, prepare
    from b2ct.deploy import run
    from b2ct.deploy.view import view

    loaded = read_site(site)
    _refuse_without_san(loaded.site.san is not None, loaded.site.site.name)
    ready = prepare(site, "san", vault, login, check=False, verbosity=0)
    call = dataclasses.replace(ready.call, extra=extra)
    shown = view(sys.stdout, (stage,), as_json=as_json)
    with ready.log(f"san-{stage}") as (path, log):
        try:
            end = run.Runner(call, log, ready.redact, shown).stage(stage)
        except KeyboardInterrupt:
            shown.close()
            click.echo(f"Interrupted; Ansible has ended.\nLog: {path}", err=True)
            click.get_current_context().exit(EXIT_INTERRUPTED)
    if not end.good:
        click.echo(f"Log: {path}", err=True)
        click.get_current_context().exit(EXIT_FAILED)


def _refuse_without_san(there: bool, name: str) -> None:
    if not there:
        raise B2ctError(
            f"the site {name} has no san", "describe one in site.yml; see docs/storage.md"
        )
