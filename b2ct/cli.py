"""The command line: options in, one call, errors out."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from b2ct import __version__
from b2ct.errors import B2ctError, ProblemsError
from iso_builder.errors import MediaError

#: command -> module below b2ct.commands whose attribute ``command`` is the click command.
#: Loaded on use, so that `b2ct --help` does not import pykickstart or Ansible.
COMMANDS: dict[str, str] = {
    "new": "new",
    "check": "check",
    "show": "show",
    "schema": "schema",
    "kickstart": "kickstart",
    "base": "base",
    "iso": "iso",
    "usb": "usb",
    "oemdrv": "oemdrv",
    "plan": "plan",
    "deploy": "deploy",
    "verify": "verify",
    "ha": "ha",
    "san": "san",
    "fence": "fence",
    "lab": "lab",
}

EXIT_BAD_INPUT = 2


class LazyGroup(click.Group):
    """A group that imports a command's module only when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order in which an admin needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"b2ct.commands.{COMMANDS[cmd_name]}")
        command: click.Command = module.command
        return command

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own signature
        """Run a command and turn the errors of the libraries into messages and exit code 2."""
        try:
            return super().invoke(ctx)
        except ProblemsError as error:
            for problem in error.problems:
                click.echo(str(problem), err=True)
            click.echo(f"{error.message}.", err=True)
        except (B2ctError, MediaError) as error:
            click.echo(f"error: {error.message}", err=True)
            if error.hint:
                click.echo(f"  hint: {error.hint}", err=True)
        sys.exit(EXIT_BAD_INPUT)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="b2ct")
def main() -> None:
    """From one site file to install media that boot, and to a running cloud.

    \b
    Example:
      b2ct new torino
      b2ct check inventories/torino
      b2ct usb image inventories/torino --all --base almalinux-9 -o torino.img
    """
