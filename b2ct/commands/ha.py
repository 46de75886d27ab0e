"""`b2ct ha`: how the failover pair stands, planned switches, and drills."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

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
    """See and move the services of the failover pair.

    \b
    Example:
      b2ct ha status torino
      b2ct ha switch torino --to control2
      b2ct ha drill torino --kind switch
    """


@command.command()
@site_argument
@_JSON
@login_options
@vault_options
def status(site: Path, *, as_json: bool, login: Login, vault: VaultOptions) -> None:
    """Tell which node is active, and whether the other one could take over.

    The exit code is 0 for a pair that is as it should be, 1 when something is wrong with it, 2 for
    bad input.

    \b
    Example:
      b2ct ha status torino
      b2ct ha status torino --json
    """
    from b2ct.ha import text
    from b2ct.ha.nodes import open_pair
    from b2ct.ha.status import status as ask

    with open_pair(read_site(site), vault, login) as nodes:
        found = ask(nodes)
    _tell(found.as_json(), text.status(found), as_json=as_json)
    if not found.good:
        click.get_current_context().exit(EXIT_NOT_WELL)


@command.command()
@site_argument
@click.option("--to", "target", metavar="NODE", help="The node that shall be active.")
@_JSON
@login_options
@vault_options
def switch(
    site: Path, *, target: str | None, as_json: bool, login: Login, vault: VaultOptions
) -> None:
    """Move the services to the other node, as planned.

    It is refused unless both nodes answer, both copies of every volume are the same, and the
    engine runs on both.

    \b
    Example:
      b2ct ha switch torino
      b2ct ha switch torino --to control1
    """
    from b2ct.ha import text
    from b2ct.ha.nodes import open_pair
    from b2ct.ha.switch import switch as move

    with (
        open_pair(read_site(site), vault, login) as nodes,
        ProgressPrinter(as_json=as_json, unit="s") as progress,
    ):
        done = move(nodes, target, progress)
    report = {"from": done.source, "to": done.target, "seconds": round(done.seconds, 1)}
    _tell(report, text.switched(done), as_json=as_json)


@command.command()
@site_argument
@click.option(
    "--kind",
    type=click.Choice(["switch", "power", "crash"]),
    default="switch",
    show_default=True,
    help="switch: as planned; power: the active node's power is cut through its fence agents;"
    " crash: its kernel stops.",
)
@click.option(
    "--consent",
    is_flag=True,
    help="Needed for power and crash: the services are away for about the deadtime.",
)
@click.option(
    "--count", type=click.IntRange(1, 100), default=1, show_default=True, help="How many in a row."
)
@_JSON
@login_options
@vault_options
def drill(
    site: Path,
    *,
    kind: str,
    consent: bool,
    count: int,
    as_json: bool,
    login: Login,
    vault: VaultOptions,
) -> None:
    """Take the active node away under a load of writes, and tell what that cost.

    A client writes numbered records through the service address, each synced and acknowledged,
    while the services move. The report tells when each step was reached, how long the client got
    no answer, and which acknowledged records were lost.

    The exit code is 0 when nothing was lost, 1 when something was, 2 for a pair that is not ready
    for a drill or did not come back.

    \b
    Example:
      b2ct ha drill torino
      b2ct ha drill torino --kind power --consent
      b2ct ha drill torino --kind crash --consent --count 5 --json
    """
    from b2ct.ha import drill as drills
    from b2ct.ha import text
    from b2ct.ha.nodes import open_pair

    if kind != "switch" and not consent:
        raise B2ctError(
            f"a drill of the kind {kind} takes the active node down",
            "tell the users, then consent with: --consent",
        )
    reports = []
    with (
        open_pair(read_site(site), vault, login) as nodes,
        ProgressPrinter(as_json=as_json, unit="s") as progress,
    ):
        strike = drills.strike_of(drills.Kind(kind))
        for _ in range(count):
            report = drills.drill(nodes, kind, strike, progress)
            reports.append(report)
            if not as_json:
                click.echo(text.drilled(report), nl=False)
    if as_json:
        click.echo(json.dumps({"drills": [report.as_json() for report in reports]}, indent=2))
    elif count > 1:
        click.echo(text.distribution(reports), nl=False)
    if not all(report.good for report in reports):
        click.get_current_context().exit(EXIT_NOT_WELL)


def _tell(report: dict[str, Any], words: str, *, as_json: bool) -> None:
    if as_json:
        json.dump(report, sys.stdout, indent=2)
        click.echo()
    else:
        click.echo(words, nl=False)
