"""The same site for Ansible, with the way into the lab's guests.

A folder beside the lab's state: a copy of site.yml, links to what lies beside it, and for each
node ``host_vars/NODE/b2ct_lab.yml``. Addresses stay those of the site: only ssh is led to the
port on the host's loopback. So ``ansible-playbook -i FOLDER/site.yml`` and ``b2ct deploy
FOLDER`` work as on the real machines.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Final

from b2ct.lab.running import Running, RunningGuest
from b2ct.load import SITE_FILE

FOLDER: Final = "inventory"
KEY_FILE: Final = "id_ed25519"
KNOWN_HOSTS: Final = "known_hosts"
_LINKED: Final = ("vault.yml", "group_vars", "checks", "vault-password.example")


def ssh_options(lab: Path, guest: RunningGuest) -> tuple[str, ...]:
    """Give ssh's options that lead into a guest, whatever address it is called by."""
    return (
        *("-o", "HostName=127.0.0.1", "-o", f"Port={guest.ssh_port}"),
        *("-o", f"HostKeyAlias={guest.name}", "-o", f"UserKnownHostsFile={lab / KNOWN_HOSTS}"),
        *("-o", "StrictHostKeyChecking=yes", "-o", "IdentitiesOnly=yes"),
    )


def write_inventory(lab: Path, running: Running) -> Path:
    """Write the folder anew and give it."""
    folder = lab / FOLDER
    beside = running.site_file.parent
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    shutil.copyfile(running.site_file, folder / SITE_FILE)
    for name in _LINKED:
        if (beside / name).exists():
            (folder / name).symlink_to((beside / name).resolve())
    for guest in running.guests:
        variables = folder / "host_vars" / guest.name
        variables.mkdir(parents=True)
        own = beside / "host_vars"
        for found in (own / guest.name, own / f"{guest.name}.yml"):
            if found.is_file():
                (variables / "site.yml").symlink_to(found.resolve())
            elif found.is_dir():
                for file in sorted(found.iterdir()):
                    (variables / file.name).symlink_to(file.resolve())
        told = {
            "ansible_user": running.user,
            "ansible_ssh_private_key_file": str(lab / KEY_FILE),
            "ansible_ssh_common_args": " ".join(ssh_options(lab, guest)),
            "ansible_python_interpreter": "/usr/bin/python3",
        }
        # JSON is YAML.
        (variables / "b2ct_lab.yml").write_text(json.dumps(told, indent=2) + "\n")
    return folder
