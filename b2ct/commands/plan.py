"""`b2ct plan`: what a deployment would change, and at which risk."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from b2ct.commands._options import login_options, site_argument, stage_options, vault_options
from b2ct.load import VaultOptions
from b2ct.verify.fleet import Login

EXIT_CHANGES = 3


@click.command()
@site_argument
@stage_options
@click.option("--diff", "diffs", is_flag=True, help="Show the changed lines of each file.")
@click.option("--json", "as_json", is_flag=True, help="Report as one JSON object.")
@click.option("--exit-code", is_flag=True, help="Exit with 3 when there is something to change.")
@click.option("-v", "--verbose", count=True, help="More of Ansible's output in the log.")
@login_options
@vault_options
def command(
    site: Path,
    *,
    names: tuple[str, ...],
    limit: str | None,
    diffs: bool,
    as_json: bool,
    exit_code: bool,
    verbose: int,
    login: Login,
    vault: VaultOptions,
) -> None:
    """Say what `b2ct deploy` would change, host by host, and change nothing.

    Each change has a risk: none, restart (a service restarts), network (connections may be cut)
    or data (data may be lost). It is Ansible's check mode, told in words: what depends on a change
    that is not made yet, on a fresh node above all, cannot be foreseen, and the plan says where.

    The exit code is 0, also when there are changes, unless --exit-code is given: then it is 3. It
    is 1 when a host could not be looked at to the end, 2 for bad input and 130 after Ctrl-C.

    \b
    Example:
      b2ct plan torino
      b2ct plan torino --stage network --diff
      b2ct plan torino --limit cache1 --json
    """
    from b2ct.commands._deploy import EXIT_FAILED, EXIT_INTERRUPTED, prepare
    from b2ct.deploy import plan_text, run, stages
    from b2ct.deploy.plan import Planner
    from b2ct.deploy.view import Quiet

    chosen = stages.chosen(names)
    ready = prepare(site, limit, vault, login, check=True, verbosity=verbose)
    shown = Quiet(sys.stderr, chosen)
    planner = Planner(shown)
    with ready.log("plan") as (path, log):
        runner = run.Runner(ready.call, log, ready.redact, planner)
        try:
            for stage in chosen:
                runner.stage(stage)
        except KeyboardInterrupt:
            shown.close()
            click.echo("Interrupted; nothing was changed.", err=True)
            click.get_current_context().exit(EXIT_INTERRUPTED)
    shown.close()
    plan = planner.plan(ready.hosts)
    told = plan_text.json_text(plan) if as_json else plan_text.text(plan, diffs=diffs)
    click.echo(told, nl=False)
    if plan.unknown:
        click.echo(f"Log: {path}", err=True)
        click.get_current_context().exit(EXIT_FAILED)
    if exit_code and plan.changes:
        click.get_current_context().exit(EXIT_CHANGES)
