"""Values of variables that are no plain data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Secret:
    """A variable's value that Ansible takes from the vault when it needs it, and not before.

    ``name`` is the variable of vault.yml, such as ``vault_mariadb_password``. The inventory
    plugin writes it down as ``{{ vault_mariadb_password }}``: no secret is in the inventory.
    ``optional`` is one that a site may well do without: it is an empty mapping then.
    """

    name: str
    optional: bool = False

    @property
    def template(self) -> str:
        """The Jinja2 expression that Ansible expands."""
        return "{{ " + self.name + (" | default({})" if self.optional else "") + " }}"
