"""The hosts of a site as Ansible knows them: groups, variables with templates expanded, the way in.

Ansible's own loaders do the work, so that ``group_vars`` and ``host_vars`` beside the
site.yml, ansible.cfg and the vault mean here what they mean in a playbook.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from b2ct.data import collection_folder
from b2ct.errors import B2ctError, ProblemsError
from b2ct.leaves import leaves
from b2ct.load import VAULT_FILE, Vault, VaultOptions
from b2ct.suggest import did_you_mean
from b2ct.verify.connection import Way

#: Variables that hold a secret by their name, besides those of the vault.
_SECRET_NAMES = ("ansible_become_password", "ansible_become_pass", "ansible_password")
#: What Ansible adds by itself to the variables of every host, and no check needs.
_MAGIC = frozenset(
    {
        *("ansible_config_file", "ansible_playbook_python", "ansible_version", "groups"),
        *("hostvars", "omit", "playbook_dir", "inventory_dir", "inventory_file", "role_names"),
        *("vars", "environment", "ansible_facts", "ansible_check_mode", "ansible_diff_mode"),
    }
)
_SSH = frozenset({"ssh", "smart", "paramiko_ssh", "paramiko"})


@dataclass(frozen=True)
class Login:
    """What the admin says on the command line about logging in; it comes before the variables."""

    user: str | None = None
    become_password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Target:
    """A host to be verified.

    ``variables`` are those of the roles' defaults and of the inventory, without secrets.
    ``secrets`` are texts that must stand in no report.
    """

    name: str
    groups: tuple[str, ...]
    variables: Mapping[str, Any]
    way: Way
    secrets: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Fleet:
    """The hosts that were asked for, and the members of every group of the site."""

    targets: tuple[Target, ...]
    groups: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Members:
    """The hosts that a pattern of Ansible's means, and what must stand in no log.

    ``vault`` are the passwords that opened the vault: pairs of identity and password.
    """

    hosts: tuple[str, ...]
    secrets: tuple[str, ...] = field(repr=False)
    vault: tuple[tuple[str, bytes], ...] = field(repr=False)


def fleet(
    file: Path, names: Iterable[str], vault: VaultOptions, login: Login | None = None
) -> Fleet:
    """Read the hosts of a site.

    :param file: the site.yml, known to be sound.
    :param names: hosts and groups; every host without any.
    :raises B2ctError: a name that is no host and no group, or a connection that is not ssh.
    """
    site = _Site(file, vault)
    with _told():
        found = tuple(site.target(name, login or Login()) for name in site.named(tuple(names)))
        return Fleet(found, site.groups())


def members(file: Path, limit: str | None, vault: VaultOptions) -> Members:
    """Say which hosts ``ansible-playbook --limit`` would take.

    :raises B2ctError: the pattern means no host.
    """
    site = _Site(file, vault)
    with _told():
        hosts = site.matching(limit)
        secrets = dict.fromkeys(text for name in hosts for text in site.expanded(name)[1])
    if not hosts:
        raise B2ctError(
            f"no host matches {limit!r}", did_you_mean(limit or "", [*site.all(), *site.groups()])
        )
    passwords = tuple((str(name), bytes(secret.bytes)) for name, secret in site.passwords)
    return Members(tuple(hosts), tuple(secrets), passwords)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    from ansible.errors import AnsibleError

    try:
        yield
    except AnsibleError as error:
        raise B2ctError(f"Ansible cannot read the site: {error}") from None


@cache
def _set_up_ansible() -> None:
    # A site file with problems ends the run here as well: never go on with half an inventory.
    os.environ.setdefault("ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED", "true")
    from ansible.plugins.loader import init_plugin_loader

    init_plugin_loader()


def _vault_passwords(file: Path, options: VaultOptions) -> tuple[tuple[str, Any], ...]:
    vault_file = file.parent / VAULT_FILE
    vault = Vault(options, vault_file)
    if vault.failures:
        raise B2ctError("the vault password cannot be had", "; ".join(vault.failures))
    if vault.has_passwords and vault_file.is_file():
        raw = vault_file.read_bytes().strip()
        if raw.startswith(b"$ANSIBLE_VAULT;"):
            try:
                vault.decrypt(raw)
            except ProblemsError as error:
                raise error from None
    return vault.passwords


class _Site:
    """A site through Ansible's loaders."""

    def __init__(self, file: Path, vault: VaultOptions) -> None:
        _set_up_ansible()
        from ansible.inventory.manager import InventoryManager
        from ansible.parsing.dataloader import DataLoader
        from ansible.vars.manager import VariableManager

        self.passwords = _vault_passwords(file, vault)
        self._loader = DataLoader()
        self._loader.set_basedir(str(file.parent))
        self._loader.set_vault_secrets(list(self.passwords))
        with _told():
            self._inventory = InventoryManager(loader=self._loader, sources=[str(file.absolute())])
            self._variables = VariableManager(loader=self._loader, inventory=self._inventory)
            self._defaults = self._role_defaults()

    def all(self) -> list[str]:
        return [str(host.name) for host in self._inventory.get_hosts("all")]

    def groups(self) -> dict[str, tuple[str, ...]]:
        return {
            str(name): tuple(str(host.name) for host in group.get_hosts())
            for name, group in self._inventory.groups.items()
        }

    def matching(self, pattern: str | None) -> list[str]:
        return [str(host.name) for host in self._inventory.get_hosts(pattern or "all")]

    def named(self, names: tuple[str, ...]) -> list[str]:
        hosts, groups = self.all(), self.groups()
        chosen = set() if names else set(hosts)
        for name in names:
            if name in hosts:
                chosen.add(name)
            elif name not in groups:
                hint = did_you_mean(name, [*hosts, *groups])
                raise B2ctError(f"there is no host or group {name!r}", hint)
            elif not groups[name]:
                raise B2ctError(f"the group {name!r} has no hosts")
            else:
                chosen.update(groups[name])
        return [name for name in hosts if name in chosen]

    def target(self, name: str, login: Login) -> Target:
        variables, secrets = self.expanded(name)
        clear = {
            key: value
            for key, value in variables.items()
            if not _is_secret(key) and value is not _UNKNOWN
        }
        groups = {str(group.name) for group in self._inventory.get_host(name).get_groups()}
        ordered = ("all", *sorted(groups - {"all"}))
        return Target(name, ordered, clear, _way(name, variables, login), secrets)

    def expanded(self, name: str) -> tuple[dict[str, Any], tuple[str, ...]]:
        """Give a host's variables with their templates expanded, and the secrets among them."""
        from ansible.template import Templar

        given = self._variables.get_vars(host=self._inventory.get_host(name))
        own = {**self._defaults, **given}
        templar = Templar(loader=self._loader, variables=own)
        variables = {
            key: _expanded(templar, value) for key, value in own.items() if key not in _MAGIC
        }
        secret = (value for key, value in variables.items() if _is_secret(key))
        texts = (leaf for leaf in leaves(list(secret)) if isinstance(leaf, str))
        return variables, tuple(dict.fromkeys(texts))

    def _role_defaults(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for file in sorted(collection_folder("roles").glob("*/defaults/main.yml")):
            found |= self._loader.load_from_file(str(file)) or {}
        return found


def _is_secret(name: str) -> bool:
    return name.startswith("vault_") or name in _SECRET_NAMES


#: A value that needs what only a running playbook knows (facts, a closed vault).
_UNKNOWN = object()


def _expanded(templar: Any, value: Any) -> Any:  # noqa: ANN401
    from ansible.errors import AnsibleError

    try:
        result = templar.template(value)
        return json.loads(json.dumps(result, default=str))
    except (AnsibleError, TypeError, ValueError):
        return _UNKNOWN


def _way(name: str, variables: Mapping[str, Any], login: Login) -> Way:
    known = {key: value for key, value in variables.items() if value is not _UNKNOWN}
    connection = str(known.get("ansible_connection", "ssh")).rpartition(".")[2]
    password = login.become_password or known.get("ansible_become_password")
    password = password or known.get("ansible_become_pass")
    becomes = str(known.get("ansible_become", "true")).lower() not in {"false", "no", "0"}
    if connection == "local":
        return Way(
            "localhost",
            local=True,
            become=becomes and os.geteuid() != 0,
            become_password=str(password) if password else None,
        )
    if connection not in _SSH:
        raise B2ctError(
            f"{name}: hosts are verified over ssh, not over ansible_connection {connection!r}"
        )
    if known.get("ansible_password") or known.get("ansible_ssh_pass"):
        raise B2ctError(
            f"{name}: hosts are verified with ssh keys, not with ansible_password",
            "put an ssh key of yours into site.admins, and remove the password",
        )
    setting = _SshSettings(known)
    user = login.user or setting("remote_user")
    return Way(
        address=str(known.get("ansible_host", name)),
        user=str(user) if user else None,
        port=int(setting("port") or 0) or None,
        key=str(Path(setting("private_key_file")).expanduser())
        if setting("private_key_file")
        else None,
        options=setting.options(),
        become=becomes and user != "root",
        become_password=str(password) if password else None,
    )


class _SshSettings:
    """The settings of Ansible's own ssh connection for one host."""

    def __init__(self, variables: Mapping[str, Any]) -> None:
        from ansible import constants
        from ansible.plugins.loader import connection_loader

        connection_loader.get("ssh", class_only=True)  # reads the definitions of its settings
        self._config = constants.config
        self._variables = variables

    def __call__(self, name: str) -> Any:  # noqa: ANN401
        return self._config.get_config_value(
            name, plugin_type="connection", plugin_name="ssh", variables=self._variables
        )

    def options(self) -> tuple[str, ...]:
        words = [
            word
            for name in ("ssh_args", "ssh_common_args", "ssh_extra_args")
            for word in shlex.split(str(self(name) or ""))
        ]
        if not self("host_key_checking"):
            words += ["-o", "StrictHostKeyChecking=no"]
        return (*words, "-o", f"ConnectTimeout={int(self('timeout') or 10)}")
