"""`b2ct show`: a site to look at."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from b2ct.commands._options import site_argument
from b2ct.load import load_site
from b2ct.model import Site
from iso_builder.atomic import atomic_output

FORMATS = ("text", "svg", "html", "json")


@click.command()
@site_argument
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help="What to write; by the name of the output file, else text.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="File to write; standard output without it.",
)
def command(site: Path, *, form: str | None, output: Path | None) -> None:
    """Show a site: its nodes as a table and its networks as a picture.

    As text for the terminal, as one SVG picture, as a page to look at in a browser, or as JSON
    with everything resolved, for programs. It holds no secrets: vault.yml is not read.

    \b
    Example:
      b2ct show torino
      b2ct show torino -o torino.html
    """
    if form is None:
        ending = output.suffix.lstrip(".").lower() if output else ""
        form = ending if ending in FORMATS else "text"
    written = _write(load_site(site), form)
    if output is None:
        click.echo(written, nl=False)
        return
    with atomic_output(output) as part:
        part.write_text(written, encoding="utf-8")
    click.echo(f"wrote {output}", err=True)


def _write(site: Site, form: str) -> str:
    from b2ct import show

    if form == "json":
        return show.json_text(site)
    picture = show.picture(site)
    if form == "svg":
        return show.svg(picture)
    if form == "html":
        return show.html(picture)
    return show.text(picture, shutil.get_terminal_size((100, 24)).columns)
