"""`b2ct schema`: the JSON Schema of site.yml."""

from __future__ import annotations

from pathlib import Path

import click

from b2ct.schema import schema_text
from iso_builder.atomic import atomic_output


@click.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="File to write; standard output without it.",
)
def command(output: Path | None) -> None:
    """Print the JSON Schema of site.yml, for editors.

    With it an editor completes keys and marks faults as you type. Most find it through a
    comment at the top of site.yml:

    \b
      # yaml-language-server: $schema=../site.schema.json

    \b
    Example:
      b2ct schema -o inventories/site.schema.json
    """
    if output is None:
        click.echo(schema_text(), nl=False)
        return
    with atomic_output(output) as part:
        part.write_text(schema_text(), encoding="utf-8")
    click.echo(f"wrote {output}", err=True)
