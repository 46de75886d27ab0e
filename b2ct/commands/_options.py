"""Arguments and options that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from b2ct.load import VaultOptions
from b2ct.model.types import parse_size

_Command = TypeVar("_Command", bound=Callable[..., Any])

#: Where a bare site name is looked up, below the working folder.
INVENTORIES = Path("inventories")


class SitePath(click.ParamType):  # type: ignore[type-arg] # not generic in older click
    """A site: its folder, its site.yml, or its bare name below ./inventories."""

    name = "site"

    def convert(
        self,
        value: str | Path,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Path:
        """Give the folder or file; what is not there is reported when it is read."""
        path = Path(value)
        if len(path.parts) == 1 and not path.exists():
            return INVENTORIES / path
        if len(path.parts) == 1 and not (path / "site.yml").exists() and path.is_dir():
            named = INVENTORIES / path
            return named if named.exists() else path
        return path

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,
        incomplete: str,
    ) -> list[CompletionItem]:
        """Offer the names below ./inventories, and paths."""
        names = sorted(
            found.parent.name
            for found in INVENTORIES.glob("*/site.yml")
            if found.parent.name.startswith(incomplete)
        )
        return [CompletionItem(name) for name in names] or [CompletionItem(incomplete, type="file")]


class SizeType(click.ParamType):  # type: ignore[type-arg] # not generic in older click
    """A number of bytes, written as in site.yml: ``8GB``, ``7.5GiB``."""

    name = "size"

    def convert(
        self,
        value: str | int,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> int:
        """Give the bytes."""
        try:
            return parse_size(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def site_argument(command: _Command) -> _Command:
    """Give a command the argument ``SITE``; the function gets ``site: Path``.

    Pass it to :func:`b2ct.load.load_site` and :func:`b2ct.load.load_secrets` as it is.
    """
    return click.argument("site", type=SitePath(), metavar="SITE")(command)


def vault_options(command: _Command) -> _Command:
    """Give a command Ansible's vault options; the function gets ``vault: VaultOptions``."""

    @functools.wraps(command)
    def collected(
        *args: Any,  # noqa: ANN401 - passed through
        vault_id: tuple[str, ...],
        vault_password_file: tuple[str, ...],
        ask_vault_pass: bool,
        **kwargs: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        options = VaultOptions(vault_id, vault_password_file, ask_vault_pass)
        return command(*args, vault=options, **kwargs)

    for option in reversed(
        (
            click.option(
                "--vault-id",
                multiple=True,
                metavar="ID@SOURCE",
                help="Vault identity and where its password is: a file, a program, or prompt.",
            ),
            click.option(
                "--vault-password-file",
                "--vault-pass-file",
                multiple=True,
                metavar="FILE",
                help="File with the vault password, or program that prints it"
                " [env: B2CT_VAULT_PASSWORD_FILE].",
            ),
            click.option(
                "-J",
                "--ask-vault-pass",
                "--ask-vault-password",
                is_flag=True,
                help="Ask for the vault password.",
            ),
        )
    ):
        collected = option(collected)
    return collected  # type: ignore[return-value]


def login_options(command: _Command) -> _Command:
    """Give a command Ansible's options for logging in; the function gets ``login: Login``."""

    @functools.wraps(command)
    def collected(
        *args: Any,  # noqa: ANN401 - passed through
        user: str | None,
        ask_become_pass: bool,
        **kwargs: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        from b2ct.verify.fleet import Login

        password = None
        if ask_become_pass:
            password = click.prompt("sudo password", hide_input=True, err=True)
        return command(*args, login=Login(user, password), **kwargs)

    for option in reversed(
        (
            click.option("-u", "--user", metavar="NAME", help="Log in as this user."),
            click.option(
                "-K", "--ask-become-pass", is_flag=True, help="Ask for the password of sudo."
            ),
        )
    ):
        collected = option(collected)
    return collected  # type: ignore[return-value]


def stage_options(command: _Command) -> _Command:
    """Give a command ``--stage`` and ``--limit``; the function gets ``names`` and ``limit``."""
    limited = click.option(
        "--limit", metavar="PATTERN", help="Only these hosts: a pattern of Ansible's."
    )(command)
    return click.option(
        "--stage",
        "names",
        multiple=True,
        metavar="STAGE",
        help="Only this stage; may be given several times.",
    )(limited)
