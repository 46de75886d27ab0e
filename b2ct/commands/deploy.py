"""`b2ct deploy`: the stages of a site, with a view of how far they are."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path

import click

from b2ct.commands._options import login_options, site_argument, stage_options, vault_options
from b2ct.console import human_time
from b2ct.load import VaultOptions
from b2ct.verify.fleet import Login


@click.command()
@site_argument
@stage_options
@click.option("--resume", is_flag=True, help="Leave out the stages that are done already.")
@click.option("--json", "as_json", is_flag=True, help="Report as one JSON object a line.")
@click.option("-v", "--verbose", count=True, help="More of Ansible's output in the log.")
@login_options
@vault_options
def command(
    site: Path,
    *,
    names: tuple[str, ...],
    limit: str | None,
    resume: bool,
    as_json: bool,
    verbose: int,
    login: Login,
    vault: VaultOptions,
) -> None:
    """Bring a site's nodes to what site.yml says, stage by stage.

    It is the same work as ansible-playbook -i SITE/site.yml playbooks/site.yml, with a view of each
    stage and host. The stages are precheck, base, network, storage, ha, database, opennebula,
    cache, occi, lvs and monitoring. A stage that fails on any host ends the run. After mending the
    cause, run it again: nothing is done twice that is as it should be. --resume also leaves out
    the stages that were done, as long as no file of the site has changed since.

    The whole output of Ansible is kept in a log that only you can read, without the secrets of the
    vault. The exit code is 0 when all went well, 1 when a stage failed, 2 for bad input and 130
    after Ctrl-C.

    \b
    Example:
      b2ct deploy torino
      b2ct deploy torino --stage cache --limit cache1
      b2ct deploy torino --resume
    """
    from b2ct.commands._deploy import EXIT_FAILED, EXIT_INTERRUPTED, prepare
    from b2ct.deploy import run, stages
    from b2ct.deploy.view import view

    chosen = stages.chosen(names)
    ready = prepare(site, limit, vault, login, check=False, verbosity=verbose)
    if resume and ready.state.outdated:
        told = "The site's files, or b2ct, changed since the last run: every stage runs again."
        click.echo(told, err=True)
    begun = time.monotonic()
    shown = view(sys.stdout, chosen, as_json=as_json)
    again = f"Go on with: b2ct deploy {_words(site, names, limit)} --resume"
    with ready.log("deploy") as (path, log):
        click.echo(f"Log: {path}", err=True)
        runner = run.Runner(ready.call, log, ready.redact, shown)
        try:
            ends = run.deploy(runner, chosen, ready.hosts, ready.state, resume=resume)
        except KeyboardInterrupt:
            shown.close()
            click.echo(f"Interrupted; Ansible has ended. {again}\nLog: {path}", err=True)
            click.get_current_context().exit(EXIT_INTERRUPTED)
    if not ends[-1].good:
        told = f"The stage {ends[-1].stage} failed, and no stage after it was begun."
        click.echo(f"{told}\n{again}\nLog: {path}", err=True)
        click.get_current_context().exit(EXIT_FAILED)
    count = f"{len(ready.hosts)} host{'' if len(ready.hosts) == 1 else 's'}"
    done = ", ".join(end.stage for end in ends)
    took = human_time(time.monotonic() - begun)
    click.echo(f"{ready.name}: {done} done on {count} in {took}.", err=True)


def _words(site: Path, names: tuple[str, ...], limit: str | None) -> str:
    words = [str(site), *(word for name in names for word in ("--stage", name))]
    return shlex.join([*words, *(["--limit", limit] if limit else [])])
