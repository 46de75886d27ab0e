"""`b2ct verify`: is every service of the site as the site says?"""

from __future__ import annotations

from pathlib import Path

import click

from b2ct.commands._options import login_options, site_argument, vault_options
from b2ct.console import ProgressPrinter
from b2ct.errors import B2ctError
from b2ct.load import VaultOptions, read_site
from b2ct.verify.fleet import Login
from iso_builder.atomic import atomic_output

EXIT_FAILED = 1


@click.command()
@site_argument
@click.argument("nodes", nargs=-1, metavar="[NODE]...")
@click.option(
    "--only",
    multiple=True,
    metavar="AREA",
    help="Only the checks of an area, such as squid; may be given several times.",
)
@click.option("--junit", type=click.Path(path_type=Path), help="Write JUnit XML to this file.")
@click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path),
    is_flag=False,
    flag_value="-",
    metavar="[FILE]",
    help="Write JSON to this file; to standard output without one.",
)
@click.option(
    "--html", type=click.Path(path_type=Path), help="Write the acceptance report to this file."
)
@click.option(
    "--sign",
    metavar="KEY",
    help="Sign the acceptance report with this key of your gpg, beside it as FILE.asc.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    default=8,
    show_default=True,
    help="How many hosts at a time.",
)
@click.option("-q", "--quiet", is_flag=True, help="Tell only what did not pass.")
@login_options
@vault_options
def command(
    site: Path,
    *,
    nodes: tuple[str, ...],
    only: tuple[str, ...],
    junit: Path | None,
    json_file: Path | None,
    html: Path | None,
    sign: str | None,
    workers: int,
    quiet: bool,
    login: Login,
    vault: VaultOptions,
) -> None:
    """Check every service of a site on every node, or on some nodes or groups.

    Each check is a line of the report; one that failed comes with what was found and with the end
    of its unit's journal. A node that does not answer, and one on which nothing could be checked,
    is a failure. Nothing is changed on the nodes. Checks of your own lie in the folder checks/
    beside site.yml.

    The exit code is 0 for a site that is as it should be, 1 when a check failed, 2 for bad input.

    \b
    Example:
      b2ct verify torino
      b2ct verify torino cache1 --only squid
      b2ct verify torino --html torino-accepted.html --sign ada@example.org
    """
    from b2ct import verify

    if sign is not None and html is None:
        raise B2ctError("--sign signs the acceptance report", "add --html FILE")
    loaded = read_site(site)
    found = verify.find_areas(loaded.path.parent, only)
    ships = verify.fleet(loaded.path, nodes, vault, login)
    with ProgressPrinter(unit="hosts") as progress:
        limits = verify.Limits(workers=workers, narrow=bool(only))
        report = verify.verify(loaded.site.site.name, ships, found, limits, progress)
    to_stdout = json_file is not None and str(json_file) == "-"
    if to_stdout:
        click.echo(verify.json_text(report), nl=False)
    else:
        click.echo(verify.text(report, verbose=not quiet), nl=False)
    if json_file is not None and not to_stdout:
        _write(json_file, verify.json_text(report))
    if junit is not None:
        _write(junit, verify.junit(report))
    if html is not None:
        _write(html, verify.html(report, loaded.site))
        if sign is not None:
            click.echo(f"wrote {verify.sign(html, sign)}", err=True)
    if not report.good:
        click.get_current_context().exit(EXIT_FAILED)


def _write(file: Path, text: str) -> None:
    with atomic_output(file) as part:
        part.write_text(text, encoding="utf-8")
    click.echo(f"wrote {file}", err=True)
