"""`b2ct check`: all problems of a site in one run."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from b2ct.commands._options import site_argument, vault_options
from b2ct.errors import Note, Problem, ProblemsError
from b2ct.load import LoadedSite, VaultOptions, check_vault, read_site, site_file

EXIT_PROBLEMS = 2


@dataclass
class _Findings:
    loaded: LoadedSite | None = None
    problems: list[Problem] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


@click.command()
@site_argument
@click.option("--json", "as_json", is_flag=True, help="Report as one JSON object.")
@vault_options
def command(site: Path, *, as_json: bool, vault: VaultOptions) -> None:
    """Check a site and its vault, and report all problems in one run.

    Each problem is one line: the file and line, what is wrong, what to do. Notes are advice and do
    not fail the check. The secrets in vault.yml are looked at when a vault password is given.

    The exit code is 0 for a sound site and 2 for one with problems.

    \b
    Example:
      b2ct check torino
      b2ct check inventories/torino/site.yml --json
    """
    found = _look(site, vault)
    if as_json:
        click.echo(json.dumps(_as_json(found), indent=2, ensure_ascii=False))
        if found.problems:
            click.get_current_context().exit(EXIT_PROBLEMS)
        return
    for note in found.notes:
        click.echo(str(note))
    if found.problems:
        raise ProblemsError(found.problems)
    assert found.loaded is not None
    model = found.loaded.site
    counts = f"{_count(len(model.nodes), 'node')} on {_count(len(model.networks), 'network')}"
    advice = f", {_count(len(found.notes), 'note')}" if found.notes else ""
    click.echo(f"{found.loaded.path}: {counts}, no problems{advice}.")


def _look(site: Path, vault: VaultOptions) -> _Findings:
    found = _Findings()
    path = site_file(site)
    try:
        found.loaded = read_site(path)
        found.notes += found.loaded.notes
    except ProblemsError as error:
        found.problems += error.problems
    try:
        found.notes += check_vault(path.parent, found.loaded.site if found.loaded else None, vault)
    except ProblemsError as error:
        found.problems += error.problems
    return found


def _as_json(found: _Findings) -> dict[str, Any]:
    return {
        "site": found.loaded.site.site.name if found.loaded else None,
        "problems": _rows(found.problems),
        "notes": _rows(found.notes),
    }


def _rows(problems: Iterable[Problem]) -> list[dict[str, Any]]:
    return [
        {
            "file": problem.file,
            "line": problem.line,
            "message": problem.message,
            "hint": problem.hint,
        }
        for problem in sorted(problems)
    ]


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
