"""site.yml and vault.yml to a Site and its Secrets: the only code that reads raw YAML."""

from b2ct.load.site import SITE_FILE, LoadedSite, check_text, load_site, read_site, site_file
from b2ct.load.vault import VAULT_FILE, Secrets, check_vault, load_secrets
from b2ct.load.vault_passwords import Vault, VaultOptions

__all__ = [
    "SITE_FILE",
    "VAULT_FILE",
    "LoadedSite",
    "Secrets",
    "Vault",
    "VaultOptions",
    "check_text",
    "check_vault",
    "load_secrets",
    "load_site",
    "read_site",
    "site_file",
]
