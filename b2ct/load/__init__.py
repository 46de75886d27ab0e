"""site.yml and vault.yml to a Site: the only code that reads raw YAML."""
