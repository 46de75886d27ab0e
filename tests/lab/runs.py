"""A site in its lab: brought up from a copy, and worked on with Ansible and b2ct."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from b2ct.lab.lab import Lab
from b2ct.lab.open import up

ROOT = Path(__file__).resolve().parents[2]
SITES = Path(__file__).with_name("sites")
_B2CT = Path(sys.executable).with_name("b2ct")
_ANSIBLE = {
    "ANSIBLE_NOCOLOR": "1",
    "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
    # A task costs an emulated guest several seconds as it is.
    "ANSIBLE_PIPELINING": "1",
    "ANSIBLE_SSH_ARGS": "-o ControlMaster=auto -o ControlPersist=600",
    "ANSIBLE_TIMEOUT": "90",
}


@contextmanager
def lab_of(site: Path, folder: Path) -> Iterator[Lab]:
    """Give the lab of a site's copy below ``folder``, up; it goes down at the end."""
    place = folder / site.name
    shutil.copytree(site, place)
    lab = up(place, lambda told: print(told, file=sys.stderr), lambda *_: None).lab
    try:
        yield lab
    finally:
        lab.down()


def play(inventory: Path, playbook: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a playbook on the folder of a site."""
    argv = [sys.executable, "-m", "ansible", "playbook", "-i", str(inventory / "site.yml")]
    return subprocess.run(
        [*argv, str(playbook), *arguments],
        cwd=ROOT, env=os.environ | _ANSIBLE, capture_output=True, text=True, check=False,
    )  # fmt: skip


def played(inventory: Path, playbook: Path, *arguments: str) -> str:
    """Run a playbook that must succeed; give Ansible's words."""
    done = play(inventory, playbook, *arguments)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    return done.stdout


def b2ct(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of b2ct."""
    return subprocess.run(
        [_B2CT, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
