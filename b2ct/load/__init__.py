"""site.yml and vault.yml to a Site and its Secrets: the only code that reads raw YAML."""

from b2ct.load.site import LoadedSite, load_site, read_site
from b2ct.load.vault import VAULT_FILE, Secrets, load_secrets
from b2ct.load.vault_passwords import VaultOptions

__all__ = [
    "VAULT_FILE",
    "LoadedSite",
    "Secrets",
    "VaultOptions",
    "load_secrets",
    "load_site",
    "read_site",
]
