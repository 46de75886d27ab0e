"""`b2ct new`: a starting point for a site."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from b2ct.commands._options import site_argument, vault_options
from b2ct.errors import B2ctError
from b2ct.load import SITE_FILE, VaultOptions
from b2ct.load.vault_passwords import Vault
from b2ct.new import FIELDS, Field, Surroundings, judge, look_around, write_site

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _field_options(command: _Command) -> _Command:
    for field in reversed(FIELDS):
        option = click.option(field.option, field.key, metavar="TEXT", help=field.help)
        command = option(command)
    return command


@click.command()
@site_argument
@_field_options
@click.option("--yes", is_flag=True, help="Ask nothing; take the guesses for what is not given.")
@vault_options
def command(site: Path, *, yes: bool, vault: VaultOptions, **given: str | None) -> None:
    """Write a commented starting point for the site SITE.

    SITE is a name, for a folder below ./inventories, or the path of a folder. At a terminal b2ct
    asks for what the options do not give; press Enter to take its guess. The file passes
    b2ct check as it is: complete it with the MAC addresses or serial numbers of your machines.

    With a vault password it also writes vault.yml, encrypted, with random passwords for root,
    the admin and the boot menu.

    \b
    Example:
      b2ct new torino
      b2ct new torino --domain cloud.example.org --ssh-key ~/.ssh/id_ed25519.pub --yes
    """
    file = site if site.suffix in (".yml", ".yaml") else site / SITE_FILE
    if file.exists():
        raise B2ctError(f"{file} exists already", "choose another name, or edit it")
    name = file.parent.resolve().name.lower()
    around = look_around(Path.home())
    if not yes and sys.stdin.isatty() and sys.stdout.isatty():
        _ask(given, around)
    answers = judge(name, given, around)
    key = Vault(vault, file.parent / "vault.yml")
    if key.failures and not key.has_passwords:
        raise B2ctError(f"the vault password cannot be had: {'; '.join(key.failures)}")
    shown = name if file.parent == Path("inventories") / name else str(site)
    written = write_site(answers, file, shown, key if key.has_passwords else None)
    for path in written:
        click.echo(f"wrote {path}")
    _next_steps(written, shown)


def _ask(given: dict[str, str | None], around: Surroundings) -> None:
    """Ask for what no option gave, each answer until it fits."""
    said = {"subnet": "10.20.0.0/24", "gateway": "10.20.0.1"}
    for field in FIELDS:
        value = given.get(field.key)
        if value is None:
            value = _answer(field, field.default(around, said))
            given[field.key] = value
        said[field.key] = value


def _answer(field: Field, guess: str) -> str:
    def fitting(text: str) -> str:
        try:
            return field.judge(text.strip())
        except ValueError as error:
            raise click.UsageError(str(error)) from None

    answer: str = click.prompt(field.question, default=guess or None, value_proc=fitting)
    return answer


def _next_steps(written: tuple[Path, ...], shown: str) -> None:
    folder = written[0].parent
    click.echo("\nWhat to do next:")
    click.echo(f"  1. Write in the MAC addresses or serial numbers: $EDITOR {written[0]}")
    if len(written) > 1:
        click.echo(f"  2. See the passwords: ansible-vault view {written[1]}")
    else:
        click.echo("  2. Give root and the admin passwords, for console logins:")
        click.echo(f"       ansible-vault create {folder}/vault.yml")
        click.echo("       vault_root_password: …")
        click.echo("       vault_admin_passwords: {NAME: …}")
    click.echo(f"  3. Check the site:    b2ct check {shown}")
    click.echo(f"  4. Look at it:        b2ct show {shown}")
    image = f"{folder.name}.img"
    click.echo(f"  5. Make a key of it:  b2ct usb image {shown} --all --base ID -o {image}")
