"""What the commands that make media share: their options and their report."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from b2ct.console import human_size
from b2ct.media.wanted import Wanted
from b2ct.model import ReleaseId

if TYPE_CHECKING:
    from b2ct.media.make import Made

_Command = TypeVar("_Command", bound=Callable[..., Any])


def media_options(what: str) -> Callable[[_Command], _Command]:
    """Give a command ``[NODE…]``, ``--all``, ``--release`` and ``--json``.

    The function gets ``wanted: Wanted`` and ``as_json: bool``. ``what`` names the medium.
    """

    def decorate(command: _Command) -> _Command:
        @functools.wraps(command)
        def collected(
            *args: Any,  # noqa: ANN401 - passed through
            nodes: tuple[str, ...],
            everything: bool,
            release: str | None,
            **kwargs: Any,  # noqa: ANN401
        ) -> Any:  # noqa: ANN401
            wanted = Wanted(nodes, everything, ReleaseId(release) if release else None)
            return command(*args, wanted=wanted, **kwargs)

        for option in reversed(
            (
                click.argument("nodes", nargs=-1, metavar="[NODE]…"),
                click.option(
                    "--all", "everything", is_flag=True, help=f"One {what} for the whole site."
                ),
                click.option(
                    "--release",
                    type=click.Choice([ident.value for ident in ReleaseId]),
                    metavar="ID",
                    help="Take the nodes of this release, where the site has several.",
                ),
                click.option(
                    "--json",
                    "as_json",
                    is_flag=True,
                    help="The manifest as JSON; progress as JSON lines on stderr.",
                ),
            )
        ):
            collected = option(collected)
        return collected  # type: ignore[return-value]

    return decorate


def report_made(made: Made, *, as_json: bool) -> None:
    """Tell what was made, and which nodes it does not install."""
    if as_json:
        click.echo(made.manifest.text(), nl=False)
    else:
        click.echo(f"{made.out}: {human_size(made.size)}, label {made.manifest.label}")
        click.echo(f"  installs {', '.join(made.manifest.nodes)} ({made.selection.release.title})")
        click.echo(f"  manifest: {made.manifest_file}")
    if made.selection.left_out:
        listed = ", ".join(f"{n.name} ({n.release.id})" for n in made.selection.left_out)
        click.echo(f"note: these need a medium of their own release: {listed}", err=True)
