"""A site in its lab: brought up from a copy, and worked on with Ansible and b2ct."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import ansible_mitogen
import pytest

from b2ct.errors import B2ctError
from b2ct.lab.inventory import FOLDER
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
#: One Python stays in each guest and keeps what it has compiled: a third of the time. Sites are
#: not deployed like that: B2CT_LAB_PLAIN=1 runs Ansible as they do.
_FAST = {
    "ANSIBLE_STRATEGY": "mitogen_linear",
    "ANSIBLE_STRATEGY_PLUGINS": str(Path(ansible_mitogen.__file__).parent / "plugins" / "strategy"),
    "ANSIBLE_DEPRECATION_WARNINGS": "0",
}


#: Says what is another at each start of a machine.
BOOT_ID = "cat /proc/sys/kernel/random/boot_id"


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
    settings = _ANSIBLE if os.environ.get("B2CT_LAB_PLAIN") == "1" else _ANSIBLE | _FAST
    return subprocess.run(
        [*argv, str(playbook), *arguments],
        cwd=ROOT, env=os.environ | settings, capture_output=True, text=True, check=False,
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


@contextmanager
def with_vault(site: Path, folder: Path, content: str) -> Iterator[None]:
    """Let a site's folder have an encrypted vault.yml, as on a site.

    :param folder: holds the password of the vault.
    """
    password = folder / "password"
    password.write_text("of-the-vault\n")
    vault = site / "vault.yml"
    vault.write_text(content)
    program = str(Path(sys.executable).with_name("ansible-vault"))
    argv = [program, "encrypt", "--vault-password-file", str(password), str(vault)]
    subprocess.run(argv, check=True, capture_output=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(password))
        yield


def told(words: str) -> None:
    """Tell what is measured, whatever pytest keeps to itself."""
    sys.stderr.write(f"\nlab: {words}")


def until(what: str, met: Callable[[], bool], limit_s: float, pause_s: float = 1.0) -> float:
    """Wait until a condition holds; give how long it took."""
    begun = time.monotonic()
    while not met():
        assert time.monotonic() - begun < limit_s, f"not within {limit_s:.0f} s: {what}"
        time.sleep(pause_s)
    return time.monotonic() - begun


@contextmanager
def unplugged(lab: Lab, node: str, *cards: str) -> Iterator[None]:
    """Pull cables of a node; whatever is found meanwhile, they are put back."""
    try:
        for card in cards:
            lab.pull(node, card)
        yield
    finally:
        for card in cards:
            lab.plug(node, card)


def changed(words: str) -> dict[str, int]:
    """Give how many changes each host had, from Ansible's words."""
    return {
        name: int(count)
        for name, count in re.findall(r"^(\S+)\s+: ok=.*?changed=(\d+)", words, re.M)
    }


@dataclass(frozen=True)
class StorageLab:
    """A site whose nodes share disks, in its lab."""

    lab: Lab

    @property
    def site(self) -> Path:
        return self.lab.folder / FOLDER

    def play(self, *arguments: str) -> tuple[int, str]:
        """Run the stage storage; give Ansible's code and words."""
        begun = time.monotonic()
        done = play(self.site, ROOT / "playbooks" / "storage.yml", *arguments)
        told(f"storage {' '.join(arguments)}: {time.monotonic() - begun:.0f} s")
        return done.returncode, done.stdout + done.stderr

    def change(self, old: str, new: str) -> None:
        """Change the lab's copy of the site file."""
        file = self.site / "site.yml"
        text = file.read_text()
        assert text.count(old) == 1
        file.write_text(text.replace(old, new))

    def said(self, node: str, command: str) -> str:
        """Give what a command says that must succeed."""
        done = self.lab.run(node, command, limit_s=300)
        assert done.returncode == 0, f"{node}: {command}: {done.stderr}"
        return done.stdout.strip()

    def answer(self, node: str, command: str, limit_s: float = 60) -> str | None:
        """Give what a command says; nothing where it fails, or the node does not answer (yet)."""
        try:
            done = self.lab.run(node, command, limit_s=limit_s)
        except B2ctError:  # the connection is one to the machine as it was before
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    def boot(self, node: str) -> str:
        """Give what is another at each start of a node."""
        return self.said(node, BOOT_ID)
