"""`b2ct kickstart`: render and validate the kickstart and preseed texts of a site."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from b2ct.commands._options import site_argument, vault_options
from b2ct.console import ProgressPrinter
from b2ct.errors import B2ctError
from b2ct.load import VaultOptions, load_secrets, load_site
from b2ct.model import ResolvedNode, Site
from b2ct.render import Rendered, choose_nodes, render_all, render_site
from iso_builder.atomic import atomic_output

EXIT_DIFFERS = 1
#: Password hashes are in every text.
_MODE = 0o600
_SUFFIXES = (".ks", ".preseed")


@click.command()
@site_argument
@click.argument("nodes", nargs=-1, metavar="[NODE]…")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder to write to, made if it is not there; a file a node, readable by you only.",
)
@click.option(
    "--whole-site",
    is_flag=True,
    help="The texts that serve all nodes of a release, as media made with --all carry them.",
)
@click.option(
    "--diff",
    "old",
    type=click.Path(path_type=Path, exists=True),
    metavar="OLD",
    help="Compare with an earlier rendering, a folder or a file. Exit code 1 if they differ.",
)
@click.option(
    "-j", "--jobs", type=click.IntRange(min=1), help="Processes to render in; one a core."
)
@click.option("--json", "as_json", is_flag=True, help="Report as JSON.")
@vault_options
def command(
    site: Path,
    *,
    nodes: tuple[str, ...],
    output: Path | None,
    whole_site: bool,
    old: Path | None,
    jobs: int | None,
    as_json: bool,
    vault: VaultOptions,
) -> None:
    """Render and validate the kickstart or preseed of NODEs, or of every node.

    A text is validated for its release by pykickstart (Debian: debconf-set-selections), with
    warnings as errors, and by b2ct's own linter. All problems are reported in one run, and
    nothing is written if there is one. Without -o a single text goes to standard output.

    \b
    Example:
      b2ct kickstart torino -o kickstarts/
      b2ct kickstart torino control1 | less
      b2ct kickstart torino --diff kickstarts/
    """
    loaded = load_site(site)
    secrets = load_secrets(site, loaded, vault)
    chosen = choose_nodes(loaded, nodes or None)
    if whole_site:
        texts = [
            render_site(_narrowed(loaded, chosen), release, secrets)
            for release in _narrowed(loaded, chosen).releases
        ]
    else:
        with ProgressPrinter(as_json=as_json, unit="nodes") as progress:
            texts = render_all(loaded, secrets, [node.name for node in chosen], jobs, progress)
    if output is not None:
        _write(texts, output)
    if old is not None:
        _compare(texts, old)
    elif as_json:
        click.echo(json.dumps([_row(text) for text in texts], indent=2))
    elif output is None and len(texts) == 1:
        click.echo(texts[0].text, nl=False)
    else:
        _report(texts, output)
    if output is not None and not nodes:
        _tell_leftovers(texts, output)


def _narrowed(site: Site, nodes: Sequence[ResolvedNode]) -> Site:
    return site.narrowed({node.name for node in nodes})


def _write(texts: Sequence[Rendered], folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise B2ctError(
            f"cannot make the folder {folder}: {error.strerror}", "choose another one with -o"
        ) from error
    for text in texts:
        with atomic_output(folder / text.path, mode=_MODE) as part:
            part.write_text(text.text, encoding="utf-8")


def _row(text: Rendered) -> dict[str, str | None]:
    return {
        "name": text.name,
        "kind": text.kind.value if text.kind else None,
        "release": text.release.id.value,
        "path": text.path,
        "sha256": text.sha256,
    }


def _report(texts: Sequence[Rendered], folder: Path | None) -> None:
    width = max(len(text.path) for text in texts)
    for text in texts:
        kind = text.kind.value if text.kind else "all nodes"
        click.echo(
            f"{text.path:<{width}}  {kind:<10}  {text.release.title:<16}  {text.sha256[:16]}  valid"
        )
    count = f"{len(texts)} text{'' if len(texts) == 1 else 's'}"
    if folder is None:
        click.echo(f"{count} valid; write them with -o DIR")
    else:
        click.echo(f"{count} valid, written to {folder}")


def _compare(texts: Sequence[Rendered], old: Path) -> None:
    """Print unified diffs; end with exit code 1 if there are any."""
    if old.is_file() and len(texts) != 1:
        raise B2ctError(
            f"{old} is one file, but {len(texts)} texts were rendered",
            "name the node that it belongs to, or give the folder of an earlier rendering",
        )
    differs = False
    for text in texts:
        before = old if old.is_file() else old / text.path
        lines = list(_diff(before, text))
        differs = differs or bool(lines)
        click.echo("".join(lines), nl=False)
    if differs:
        click.get_current_context().exit(EXIT_DIFFERS)


def _diff(before: Path, text: Rendered) -> Iterator[str]:
    try:
        former = before.read_text(encoding="utf-8") if before.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise B2ctError(f"cannot read {before}: {error}", "give an earlier rendering") from error
    named = str(before) if before.exists() else "/dev/null"
    return difflib.unified_diff(
        former.splitlines(keepends=True), text.text.splitlines(keepends=True), named, text.path
    )


def _tell_leftovers(texts: Sequence[Rendered], folder: Path) -> None:
    """Name texts of an earlier rendering that this one has not replaced."""
    fresh = {text.path for text in texts}
    left = sorted(
        path.name
        for path in folder.iterdir()
        if path.suffix in _SUFFIXES and path.name not in fresh
    )
    if left:
        click.echo(f"note: {folder} also has {', '.join(left)}, not of this run", err=True)
