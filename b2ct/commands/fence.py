"""`b2ct fence`: whether members of the cluster can switch each other off."""

from __future__ import annotations

import json
from pathlib import Path

import click

from b2ct.commands._options import login_options, site_argument, vault_options
from b2ct.console import ProgressPrinter
from b2ct.errors import B2ctError
from b2ct.load import VaultOptions, read_site
from b2ct.verify.fleet import Login

EXIT_NOT_WELL = 1

_JSON = click.option("--json", "as_json", is_flag=True, help="Report as one JSON object.")


@click.group()
def command() -> None:
    """Ask and prove the fencing of the members of the cluster.

    \b
    Example:
      b2ct fence status torino
      b2ct fence test torino node2 --consent
    """


@command.command()
@site_argument
@_JSON
@login_options
@vault_options
def status(site: Path, *, as_json: bool, login: Login, vault: VaultOptions) -> None:
    """Ask every fencing device whether it answers. Nothing is switched.

    Where the site has SBD, each member also tells whether it reads the disks, whether a pill lies
    on them, and which watchdog is armed.

    The exit code is 0 when all answer, 1 when one does not, 2 for bad input.

    \b
    Example:
      b2ct fence status torino
      b2ct fence status torino --json
    """
    from b2ct.storage import fencing, sbd
    from b2ct.storage.members import open_members

    with (
        open_members(read_site(site), vault, login) as members,
        ProgressPrinter(as_json=as_json, unit="devices") as progress,
    ):
        found = fencing.status(members, progress)
    if as_json:
        click.echo(json.dumps(found.as_json(), indent=2))
    else:
        for one in found.devices:
            how = f"answers, watched by {one.watched_by or 'nobody'}" if one.answers else "SILENT"
            click.echo(f"{one.node}: level {one.level}, {one.agent}: {how}")
        for member in found.sbd:
            click.echo(sbd.text(member))
        for problem in found.problems:
            click.echo(f"problem: {problem}")
    if found.problems:
        click.get_current_context().exit(EXIT_NOT_WELL)


@command.command()
@site_argument
@click.argument("nodes", nargs=-1, metavar="[NODE]...")
@click.option("--consent", is_flag=True, help="Needed: each of the nodes loses its power.")
@_JSON
@login_options
@vault_options
def test(
    site: Path,
    *,
    nodes: tuple[str, ...],
    consent: bool,
    as_json: bool,
    login: Login,
    vault: VaultOptions,
) -> None:
    """Switch members off and on, one after the other, through their fencing devices.

    It is the proof that fencing fences. Virtual machines of the node die: move them away before.
    Refused unless all members are in the cluster and all devices answer. A node that was off
    already counts as fenced. All members without NODE.

    \b
    Example:
      b2ct fence test torino node2 --consent
      b2ct fence test torino --consent --json
    """
    from b2ct.storage import fencing
    from b2ct.storage.members import open_members

    if not consent:
        raise B2ctError(
            "a test of fencing cuts the power of the nodes",
            "move their virtual machines away, then consent with: --consent",
        )
    done = []
    with (
        open_members(read_site(site), vault, login) as members,
        ProgressPrinter(as_json=as_json, unit="s") as progress,
    ):
        chosen = nodes or members.names
        fencing.refuse_unless_ready(members, chosen, progress)
        for node in chosen:
            done.append(fencing.test(members, node, progress))
    if as_json:
        click.echo(json.dumps({"fenced": [one.as_json() for one in done]}, indent=2))
        return
    for one in done:
        click.echo(
            f"{one.node}: off and on by {one.by} in {one.off_and_on:.0f} s, as before after"
            f" {one.back:.0f} s"
        )
