"""The hosts of a site as Ansible knows them: groups, variables with templates expanded, the way in.

Ansible's own loaders do the work, so that ``group_vars`` and ``host_vars`` beside the
site.yml, ansible.cfg and the vault mean here what they mean in a playbook.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from b2ct.data import collection_folder
from b2ct.errors import B2ctError, ProblemsError
from b2ct.load import VAULT_FILE, Vault, VaultOptions
from b2ct.redact import texts_of
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


def fleet(
    file: Path, names: Iterable[str], vault: VaultOptions, login: Login | None = None
) -> Fleet:
    """Read the hosts of a site.

    :param file: the site.yml, known to be sound.
    :param names: hosts and groups; every host without any.
    :raises B2ctError: a name that is no host and no group, or a connection that is not ssh.
    """
    _set_up_ansible()
    from ansible.errors import AnsibleError
    from ansible.inventory.manager import InventoryManager
    from ansible.parsing.dataloader import DataLoader
    from ansible.vars.manager import VariableManager

    loader = DataLoader()
    loader.set_basedir(str(file.parent))
    loader.set_vault_secrets(list(_vault_passwords(file, vault)))
    try:
        inventory = InventoryManager(loader=loader, sources=[str(file.absolute())])
        variables = VariableManager(loader=loader, inventory=inventory)
        defaults = _role_defaults(loader)
        found = [
            _target(inventory.get_host(name), variables, loader, defaults, login or Login())
            for name in _wanted(inventory, tuple(names))
        ]
    except AnsibleError as error:
        raise B2ctError(f"Ansible cannot read the site: {error}") from None
    groups = {
        name: tuple(str(host.name) for host in group.get_hosts())
        for name, group in inventory.groups.items()
    }
    return Fleet(tuple(found), groups)


@cache
def _set_up_ansible() -> None:
    # A site file with problems ends the run here as well: never go on with half an inventory.
    os.environ.setdefault("ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED", "true")
    from ansible.plugins.loader import init_plugin_loader

    init_plugin_loader()


def _vault_passwords(file: Path, options: VaultOptions) -> tuple[tuple[str, Any], ...]:
    vault_file = file.parent / VAULT_FILE
    vault = Vault(options, vault_file)
    if vault.failures and not vault.has_passwords:
        raise B2ctError("the vault password cannot be had", "; ".join(vault.failures))
    if vault.has_passwords and vault_file.is_file():
        raw = vault_file.read_bytes().strip()
        if raw.startswith(b"$ANSIBLE_VAULT;"):
            try:
                vault.decrypt(raw)
            except ProblemsError as error:
                raise error from None
    return vault.passwords


def _wanted(inventory: Any, names: tuple[str, ...]) -> list[str]:  # noqa: ANN401
    hosts = [str(host.name) for host in inventory.get_hosts("all")]
    if not names:
        return hosts
    chosen: list[str] = []
    for name in names:
        if name in hosts:
            chosen.append(name)
        elif name in inventory.groups:
            members = [str(host.name) for host in inventory.groups[name].get_hosts()]
            if not members:
                raise B2ctError(f"the group {name!r} has no hosts")
            chosen += members
        else:
            known = [*hosts, *inventory.groups]
            raise B2ctError(f"there is no host or group {name!r}", did_you_mean(name, known))
    return [name for name in hosts if name in chosen]


def _role_defaults(loader: Any) -> dict[str, Any]:  # noqa: ANN401 - Ansible is untyped
    found: dict[str, Any] = {}
    for file in sorted(collection_folder("roles").glob("*/defaults/main.yml")):
        found |= loader.load_from_file(str(file)) or {}
    return found


def _target(host: Any, manager: Any, loader: Any, defaults: dict[str, Any], login: Login) -> Target:  # noqa: ANN401
    from ansible.template import Templar

    given = {
        name: value for name, value in manager.get_vars(host=host).items() if name not in _MAGIC
    }
    own = {**defaults, **given}
    templar = Templar(loader=loader, variables={**defaults, **manager.get_vars(host=host)})
    secret_names = {name for name in own if name.startswith("vault_") or name in _SECRET_NAMES}
    expanded = {name: _expanded(templar, value) for name, value in own.items()}
    secrets = tuple(
        dict.fromkeys(text for name in secret_names for text in texts_of(expanded[name]))
    )
    clear = {
        name: value
        for name, value in expanded.items()
        if name not in secret_names and value is not _UNKNOWN
    }
    groups = tuple(sorted(str(group.name) for group in host.get_groups()))
    way = _way(str(host.name), expanded, login)
    return Target(str(host.name), ("all", *(g for g in groups if g != "all")), clear, way, secrets)


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
