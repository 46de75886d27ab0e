"""The vault passwords that the admin's options and settings name, as Ansible would find them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from b2ct.errors import B2ctError, Problem, ProblemsError

if TYPE_CHECKING:
    from ansible.parsing.vault import VaultLib

PASSWORD_FILE_VARIABLE: Final = "B2CT_VAULT_PASSWORD_FILE"  # noqa: S105 - its name


@dataclass(frozen=True)
class VaultOptions:
    """Where vault passwords come from, as given on the command line."""

    ids: tuple[str, ...] = ()
    password_files: tuple[str, ...] = ()
    ask: bool = False


class Vault:
    """Ansible's vault with the passwords that the admin's options and settings name."""

    def __init__(self, options: VaultOptions, file: Path) -> None:
        self._file = file
        self._failures: list[str] = []
        self._secrets = self._collect(options)

    @property
    def has_passwords(self) -> bool:
        """Whether any password was found."""
        return bool(self._secrets)

    @property
    def passwords(self) -> tuple[tuple[str, Any], ...]:
        """The passwords as Ansible's own pairs of identity and secret, in order."""
        return tuple(self._secrets)

    @property
    def failures(self) -> tuple[str, ...]:
        """Why passwords that were named could not be had."""
        return tuple(self._failures)

    def decrypt(self, text: bytes) -> bytes:
        """Decrypt a vault text; raise with the way to give the right password."""
        from ansible.errors import AnsibleError
        from ansible.parsing.vault import AnsibleVaultFormatError

        if not self._secrets:
            raise self._problem("is encrypted and no vault password is given", self._how())
        try:
            clear: bytes = self._lib().decrypt(text)
        except (AnsibleVaultFormatError, ValueError, IndexError):
            raise self._problem(
                "its encrypted text is damaged", "restore it from a backup"
            ) from None
        except AnsibleError:
            raise self._problem("the vault password does not fit", self._how()) from None
        return clear

    def encrypt(self, text: str) -> bytes:
        """Encrypt a text with the first password."""
        if not self._secrets:
            raise B2ctError("no vault password is given", self._how())
        vault_id, secret = self._secrets[0]
        named = None if vault_id == "default" else vault_id
        cipher: bytes = self._lib().encrypt(text, secret=secret, vault_id=named)
        return cipher

    def _how(self) -> str:
        return "; ".join(self._failures) or HOW_TO_GIVE

    def _problem(self, message: str, hint: str) -> ProblemsError:
        return ProblemsError([Problem(str(self._file), 0, message, hint)])

    def _lib(self) -> VaultLib:
        from ansible.parsing.vault import VaultLib

        return VaultLib(secrets=self._secrets)

    def _collect(self, options: VaultOptions) -> list[tuple[str, Any]]:
        from ansible import constants
        from ansible.errors import AnsibleError
        from ansible.parsing.dataloader import DataLoader

        setting: Callable[[str], Any] = constants.config.get_config_value
        loader = DataLoader()
        sources = [_split_id(slug) for slug in options.ids]
        sources += [("", name) for name in options.password_files]
        if options.ask:
            sources.append(("", "prompt"))
        if not sources and setting("DEFAULT_ASK_VAULT_PASS"):
            sources.append(("", "prompt"))
        if os.environ.get(PASSWORD_FILE_VARIABLE):
            sources.append(("", os.environ[PASSWORD_FILE_VARIABLE]))
        sources += [_split_id(slug) for slug in setting("DEFAULT_VAULT_IDENTITY_LIST") or ()]
        if setting("DEFAULT_VAULT_PASSWORD_FILE"):
            sources.append(("", setting("DEFAULT_VAULT_PASSWORD_FILE")))
        default = str(setting("DEFAULT_VAULT_IDENTITY") or "default")
        secrets: list[tuple[str, Any]] = []
        for vault_id, source in dict.fromkeys(sources):
            try:
                secret = _secret(vault_id, source, loader)
                secret.load()
            except (AnsibleError, OSError, EOFError) as error:
                self._failures.append(str(error).rstrip("."))
                continue
            secrets.append((vault_id or default, secret))
            loader.set_vault_secrets(secrets)
        return secrets


def _split_id(slug: str) -> tuple[str, str]:
    """Split Ansible's ``id@source``; without an id, all of it is the source."""
    vault_id, found, source = slug.partition("@")
    return (vault_id, source) if found else ("", slug)


def _secret(vault_id: str, source: str, loader: Any) -> Any:  # noqa: ANN401 - Ansible is untyped
    from ansible.parsing.vault import PromptVaultSecret, get_file_vault_secret

    if source in ("prompt", "prompt_ask_vault_pass"):
        title = f"Vault password ({vault_id}): " if vault_id else "Vault password: "
        return PromptVaultSecret(vault_id=vault_id or "default", prompt_formats=[title])
    name = str(Path(source).expanduser())
    return get_file_vault_secret(filename=name, vault_id=vault_id or None, loader=loader)


HOW_TO_GIVE = (
    f"set {PASSWORD_FILE_VARIABLE} to a file with the password, or use --vault-password-file FILE"
    " or --ask-vault-pass"
)
