"""vault.yml to the secrets of a site, in memory only.

Decryption is Ansible's own (``ansible.parsing.vault``), with the passwords that Ansible
itself would use: ``--vault-id``, ``--vault-password-file``, ``--ask-vault-pass``,
``ANSIBLE_VAULT_PASSWORD_FILE``, ``ANSIBLE_VAULT_IDENTITY_LIST`` and ansible.cfg, executable
password files among them; and ``B2CT_VAULT_PASSWORD_FILE`` besides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from b2ct.errors import B2ctError, Note, Problem, ProblemsError
from b2ct.leaves import leaves
from b2ct.load.document import Document, parse
from b2ct.load.hashing import grub_pbkdf2, sha512_crypt
from b2ct.load.text import decode
from b2ct.load.vault_passwords import HOW_TO_GIVE, Vault, VaultOptions
from b2ct.model import Site
from b2ct.suggest import did_you_mean, nearest

VAULT_FILE: Final = "vault.yml"
ROOT: Final = "vault_root_password"
ADMINS: Final = "vault_admin_passwords"
BOOTLOADER: Final = "vault_bootloader_password"
#: What the roles take from the vault by themselves, beside what the media need.
OF_ROLES: Final = (
    "vault_fence_passwords",
    "vault_oneadmin_password",
    "vault_opennebula_db_password",
    "vault_opennebula_user_passwords",
    "vault_san_chap_password",
    "vault_tls_key_opennebula",
)
_KNOWN: Final = (ROOT, ADMINS, BOOTLOADER)
#: What marks a file that is encrypted as a whole.
_HEADER: Final = b"$ANSIBLE_VAULT;"


@dataclass(frozen=True)
class Secrets:
    """The decrypted secrets of a site. Its ``repr`` shows none of them."""

    site_name: str
    root_password: SecretStr | None = None
    admin_passwords: Mapping[str, SecretStr] = field(default_factory=dict)
    bootloader_password: SecretStr | None = None
    others: tuple[SecretStr, ...] = ()
    names: frozenset[str] = frozenset()

    def hashed(self, account: str) -> str | None:
        """Give the sha512-crypt hash of an account's password; None if it has none.

        The salt derives from public data, the site's name and the account's, so that the
        same site renders the same text each time. It must not derive from the password:
        the salt stands in the open beside the hash, and a salt made of the password by a
        fast function would let a thief test guesses against the salt at the speed of that
        function instead of the 100,000 rounds; it would also show which passwords are equal.
        """
        password = self.root_password if account == "root" else self.admin_passwords.get(account)
        if password is None:
            return None
        return sha512_crypt(password.get_secret_value(), self.site_name, account)

    def bootloader_hash(self) -> str | None:
        """Give the bootloader password as ``grub-mkpasswd-pbkdf2`` would; None without one."""
        if self.bootloader_password is None:
            return None
        return grub_pbkdf2(self.bootloader_password.get_secret_value(), self.site_name)

    def plaintexts(self) -> tuple[str, ...]:
        """Give every secret text of the vault, for searches that must find none of them."""
        known = (self.root_password, self.bootloader_password, *self.admin_passwords.values())
        found = [secret.get_secret_value() for secret in (*known, *self.others) if secret]
        return tuple(dict.fromkeys(found))


def check_vault(
    folder: Path, site: Site | None, options: VaultOptions | None = None
) -> tuple[Note, ...]:
    """Look at a site's vault.yml as far as the given passwords allow; give advice about it.

    :param site: None where site.yml has problems of its own; then the vault's contents
        cannot be judged, only that it is encrypted.
    :raises ProblemsError: with every problem of the file.
    :raises B2ctError: it cannot be read.
    """
    file = folder / VAULT_FILE
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        return (
            Note(
                str(file),
                0,
                "does not exist, so root and the admins have no passwords",
                "ssh keys work without; for console logins make one with: ansible-vault create"
                f" {file}",
            ),
        )
    except OSError as error:
        raise B2ctError(f"cannot read {file}: {error.strerror}", "check its permissions") from None
    if not raw.lstrip().startswith(_HEADER) and b"!vault" not in raw:
        _document(raw, file, VaultOptions())  # tells that it is not encrypted
        return ()
    vault = Vault(options or VaultOptions(), file)
    if vault.failures and not vault.has_passwords:
        vault.decrypt(raw)  # tells why
    if not vault.has_passwords:
        return (
            Note(
                str(file),
                0,
                "its contents were not looked at: no vault password is given",
                HOW_TO_GIVE,
            ),
        )
    if site is None:
        return ()
    return _missing(site, load_secrets(folder, site, options), file)


def _missing(site: Site, secrets: Secrets, file: Path) -> tuple[Note, ...]:
    """Advise about secrets that the roles of this site take from the vault, and that it lacks."""
    from b2ct.inventory import Secret, inventory

    described = inventory(site)
    variables = [described.site_variables, *described.host_variables.values()]
    wanted = dict.fromkeys(
        leaf.name for leaf in leaves(variables) if isinstance(leaf, Secret) and not leaf.optional
    )
    return tuple(
        Note(
            str(file),
            0,
            f"lacks {name}, without which the cloud's services are not set up",
            f"add it with: ansible-vault edit {file}",
        )
        for name in wanted
        if name not in secrets.names
    )


class _Decrypted(str):
    """A text that stood encrypted in the file."""

    __slots__ = ()


def load_secrets(folder: Path, site: Site, options: VaultOptions | None = None) -> Secrets:
    """Decrypt a site's vault.yml; a site without one has no passwords at all.

    :param folder: the site's folder, or a file in it.
    :raises ProblemsError: with every problem of the file.
    :raises B2ctError: no vault password is given, or none fits.
    """
    if not folder.is_dir():
        folder = folder.parent
    file = folder / VAULT_FILE
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        return Secrets(site.site.name)
    except OSError as error:
        raise B2ctError(f"cannot read {file}: {error.strerror}", "check its permissions") from None
    return _secrets(_document(raw, file, options or VaultOptions()), site)


def _document(raw: bytes, file: Path, options: VaultOptions) -> Document:
    name = str(file)
    if raw.lstrip().startswith(_HEADER):
        clear = Vault(options, file).decrypt(raw.strip())
        try:
            return parse(decode(clear, name), name, {})
        except ProblemsError as error:
            # The parser's words could repeat a piece of the secret text: give the lines only.
            raise ProblemsError(
                Problem(
                    name,
                    0,
                    f"line {problem.line} of its decrypted text is not valid YAML",
                    f"mend it with: ansible-vault edit {file}",
                )
                for problem in error.problems
            ) from None
    vault: Vault | None = None

    def decrypt(text: str) -> str:
        nonlocal vault
        vault = vault or Vault(options, file)
        clear = vault.decrypt(text.strip().encode())
        try:
            return _Decrypted(clear.decode("utf-8"))
        except UnicodeDecodeError:
            raise B2ctError(f"{file}: a decrypted value is not UTF-8 text") from None

    document = parse(decode(raw, name), name, {"!vault": decrypt})
    if vault is None and document.data is not None:
        raise ProblemsError(
            [Problem(name, 0, "is not encrypted", f"encrypt it with: ansible-vault encrypt {file}")]
        )
    _refuse_clear_values(document, file)
    return document


def _refuse_clear_values(document: Document, file: Path) -> None:
    """Refuse a file of which only some values are encrypted."""
    if not isinstance(document.data, dict):
        return
    problems: list[Problem] = []

    def walk(value: Any, path: tuple[str | int, ...]) -> None:  # noqa: ANN401 - raw YAML
        if isinstance(value, dict | list):
            items = value.items() if isinstance(value, dict) else enumerate(value)
            for key, part in items:
                walk(part, (*path, key))
        elif value is not None and not isinstance(value, _Decrypted):
            problems.append(
                Problem(
                    document.file,
                    document.line(path),
                    f"the value of {'.'.join(str(step) for step in path)} is not encrypted",
                    f"encrypt the file with: ansible-vault encrypt {file}"
                    " or the value with: ansible-vault encrypt_string",
                )
            )

    for key, value in document.data.items():
        if key.startswith("vault_"):
            walk(value, (key,))
    if problems:
        raise ProblemsError(problems)


class _Reader:
    """Reads secrets out of a document; messages name the variable, never its value."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []

    def report(self, path: tuple[str | int, ...], message: str, hint: str) -> None:
        self.problems.append(Problem(self.document.file, self.document.line(path), message, hint))

    def password(self, value: Any, *path: str) -> SecretStr | None:  # noqa: ANN401 - raw YAML
        name = ".".join(path)
        if isinstance(value, dict | list):
            self.report(path, f"{name} must be one text", "give one password")
        elif value is None or value == "":
            self.report(path, f"{name} is empty", "give a password or remove the line")
        elif not isinstance(value, str):
            self.report(path, f"{name}: YAML reads it as a number", "put the password in quotes")
        elif any(ord(character) < 32 for character in value):
            self.report(path, f"{name} holds a control character", "give a password on one line")
        else:
            return SecretStr(str(value))
        return None


def _secrets(document: Document, site: Site) -> Secrets:
    data = document.data if document.data is not None else {}
    if not isinstance(data, dict):
        raise ProblemsError(
            [Problem(document.file, 1, "this is no list of variables", f"begin with '{ROOT}: …'")]
        )
    reader = _Reader(document)
    reader.problems += document.problems
    root = reader.password(data[ROOT], ROOT) if ROOT in data else None
    bootloader = reader.password(data[BOOTLOADER], BOOTLOADER) if BOOTLOADER in data else None
    if bootloader is not None and not bootloader.get_secret_value().isascii():
        reader.report(
            (BOOTLOADER,),
            f"{BOOTLOADER} holds letters that the boot menu's keyboard lacks",
            "use ASCII characters only",
        )
    admins = _admin_passwords(data.get(ADMINS, {}), site, reader)
    for name in data:
        near = None if name in (*_KNOWN, *OF_ROLES) else nearest(name, (*_KNOWN, *OF_ROLES))
        if near is not None and _is_typo(name, near):
            reader.report((name,), f"unknown variable {name!r}", f"did you mean {near!r}?")
    if reader.problems:
        raise ProblemsError(reader.problems)
    others = tuple(
        SecretStr(text)
        for name, value in data.items()
        if name not in _KNOWN
        for text in _texts(value)
    )
    return Secrets(site.site.name, root, admins, bootloader, others, frozenset(data))


def _admin_passwords(given: Any, site: Site, reader: _Reader) -> dict[str, SecretStr]:  # noqa: ANN401
    if not isinstance(given, dict):
        reader.report((ADMINS,), f"{ADMINS} must map names to passwords", "write 'name: password'")
        return {}
    known = [admin.name for admin in site.site.admins]
    passwords = {}
    for name, value in given.items():
        if name not in known:
            hint = did_you_mean(name, known)
            reader.report((ADMINS, name), f"{ADMINS}: {name!r} is no admin of the site", hint)
            continue
        password = reader.password(value, ADMINS, name)
        if password is not None:
            passwords[name] = password
    return passwords


def _is_typo(name: str, known: str) -> bool:
    """Whether a name is a slip of a known one, at most two letters off, not one of its kind."""
    row = list(range(len(known) + 1))
    for position, letter in enumerate(name.lower(), 1):
        above, row[0] = row[0], position
        for column, other in enumerate(known, 1):
            change = above + (letter != other)
            above, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, change)
    return row[-1] <= 2


def _texts(value: Any) -> list[str]:  # noqa: ANN401 - raw YAML
    return [str(leaf) for leaf in leaves(value) if isinstance(leaf, str) and leaf]
