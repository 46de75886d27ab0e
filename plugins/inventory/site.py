"""The inventory plugin ``b2ct.cloud.site``: a b2ct site.yml as an Ansible inventory."""

# The imports below the documentation are where Ansible expects them.
# ruff: noqa: E402

from __future__ import annotations

DOCUMENTATION = r"""
name: site
short_description: Uses a b2ct site.yml as an inventory
description:
  - Reads the C(site.yml) that describes a site for b2ct, with the same checks as C(b2ct check).
  - Makes a group of each role (C(control), C(hypervisor), C(cache)), of each release
    (C(el9), C(debian13)) below its family (C(el), C(debian)), and of each hardware
    (C(hardware_<name>)).
  - Sets C(ansible_host) to a node's address on the service network, or to its full name where
    DHCP gives the address.
  - Gives the resolved node as host variables, and what is true of the whole site as variables
    of the group C(all). Their names begin with C(b2ct_).
  - Gives the roles of this collection their variables, each named after its role. A secret among
    them is a reference to a variable of C(vault.yml).
  - Gives the variables of the C(vault.yml) beside the C(site.yml) to the group C(all) when Ansible
    was given a vault password. Without one they stay undefined, and a warning says so.
  - C(group_vars) and C(host_vars) beside the C(site.yml) work as with any inventory, and override
    what this plugin sets.
author:
  - The b2ct maintainers
version_added: "0.1.0"
requirements:
  - the Python package b2ct, in the same Python as Ansible
options:
  plugin:
    description: Names this plugin; makes the file an inventory.
    type: str
    required: true
    choices: [b2ct.cloud.site]
notes:
  - The other keys of the file are described by C(b2ct schema) and in docs/reference/site.md.
  - A file with problems is refused with all of them, each with its line. Ansible itself goes on
    without an inventory then, unless C(any_unparsed_is_failed) is set in the section
    C(inventory) of ansible.cfg, or C(ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED) is set to true.
"""

EXAMPLES = r"""
# The shortest useful site.yml. Use it with: ansible-inventory -i site.yml --graph
plugin: b2ct.cloud.site
site:
  name: torino
  domain: cloud.example.org
  admins:
    - name: ada
      ssh_keys:
        - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1mnM5oQ7XkqYbYlZTz9Hk7Vj0x2bq1mY0mWJ3l5m8a ada
  dns: {servers: [10.20.0.1]}
  time_servers: [ntp.example.org]
networks:
  service:
    purpose: service
    ipv4: {subnet: 10.20.0.0/24, gateway: 10.20.0.1}
install:
  release: debian-13
nodes:
  control1:
    roles: [control, hypervisor]
    macs: {eno1: "52:54:00:20:00:11"}
    attach:
      service: {device: eno1}
    disk:
      rule: {type: ssd, min_size: 400GB, max_size: 500GB}
    volumes:
      root: {size: 40GiB, mount: /}
      images: {purpose: datastore, size: rest, mount: /var/lib/one}
    addresses: {service: 10.20.0.11}
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError, AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin
from ansible.utils.unsafe_proxy import wrap_var

try:
    from ansible.template import trust_as_template
except ImportError:  # before 2.19

    def trust_as_template(value: str) -> str:
        """Leave a text alone: it is trusted anyway."""
        return value


try:
    from b2ct.errors import B2ctError, ProblemsError
    from b2ct.inventory import Inventory, Secret
    from b2ct.inventory import inventory as inventory_of
    from b2ct.load import VAULT_FILE, load_site
except ImportError as error:
    MISSING: ImportError | None = error
else:
    MISSING = None

#: The line that makes a file ours; quotes and comments are YAML's affair.
_OURS = re.compile(rb"^plugin:\s*['\"]?b2ct\.cloud\.site\b", re.MULTILINE)


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON's types
    """Give Ansible texts that it never expands, yet lists as plain texts.

    A text with braces is marked as no template (needed before Ansible 2.19). One without
    cannot be a template; from 2.19 on it is marked as trusted all the same, because
    ``ansible-inventory --list`` decorates each text that is not.
    """
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, Secret):
        return trust_as_template(value.template)
    if not isinstance(value, str):
        return value
    return wrap_var(value) if "{" in value else trust_as_template(value)


class InventoryModule(BaseInventoryPlugin):
    """Hands a site to Ansible."""

    NAME = "b2ct.cloud.site"

    def verify_file(self, path: str) -> bool:
        """Take YAML files that name this plugin."""
        if not super().verify_file(path) or not path.endswith((".yml", ".yaml")):
            return False
        try:
            return bool(_OURS.search(Path(path).read_bytes()))
        except OSError:
            return False

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:  # noqa: ANN401
        """Fill Ansible's inventory, or raise with all problems of the file."""
        super().parse(inventory, loader, path, cache)
        if MISSING is not None:
            raise AnsibleError(
                f"the inventory plugin {self.NAME} needs the Python package b2ct ({MISSING});"
                " install it beside Ansible: pip install b2ct"
            )
        try:
            described = inventory_of(load_site(Path(path)))
        except ProblemsError as error:
            lines = "\n".join(f"  {problem}" for problem in error.problems)
            raise AnsibleParserError(f"{error.message}:\n{lines}") from None
        except B2ctError as error:
            raise AnsibleParserError(f"{error.message}; {error.hint}") from None
        self._fill(described)
        for name, value in self._vault(Path(path).parent / VAULT_FILE).items():
            self.inventory.set_variable("all", name, value)

    def _fill(self, described: Inventory) -> None:
        # Nothing of the site file is a template, whatever braces it holds.
        for name, variables in described.host_variables.items():
            self.inventory.add_host(name, group="all")
            for key, value in variables.items():
                self.inventory.set_variable(name, key, _plain(value))
        for group in described.groups:
            self.inventory.add_group(group.name)
            for host in group.hosts:
                self.inventory.add_child(group.name, host)
        for group in described.groups:
            for child in group.children:
                self.inventory.add_child(group.name, child)
        for key, value in described.site_variables.items():
            self.inventory.set_variable("all", key, _plain(value))

    def _vault(self, file: Path) -> Mapping[str, Any]:
        """Give the variables of vault.yml, decrypted by Ansible with Ansible's own passwords."""
        if not file.is_file():
            return {}
        raw = file.read_bytes()
        whole = raw.lstrip().startswith(b"$ANSIBLE_VAULT;")
        if not whole and b"!vault" not in raw:
            raise AnsibleParserError(
                f"{file} is not encrypted; encrypt it with: ansible-vault encrypt {file}"
            )
        if whole and not self._has_vault_password():
            self.display.warning(
                f"{file} is encrypted and no vault password is given: its variables stay undefined"
            )
            return {}
        variables = self.loader.load_from_file(str(file))
        if variables is None:
            return {}
        if not isinstance(variables, Mapping):
            raise AnsibleParserError(f"{file} holds no variables; write 'name: value' lines")
        # In 2.19 and later nothing that a loader reads is a template unless it is marked as one,
        # and an inline !vault value stays encrypted until it is used.
        return {str(name): wrap_var(value) for name, value in variables.items()}

    def _has_vault_password(self) -> bool:
        # DataLoader has no public way to ask; both names are those of 2.17 to 2.19.
        vault = getattr(self.loader, "_vault", None)
        return bool(getattr(vault, "secrets", None))
