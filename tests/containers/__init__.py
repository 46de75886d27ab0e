"""Containers with systemd in which the roles are tested (docs/developing.md, "Roles")."""
