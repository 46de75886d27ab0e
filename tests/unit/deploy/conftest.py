"""A site on this machine with stages of its own: playbooks that write into a scratch folder."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from b2ct.cli import main
from tests.unit.site_texts import BASE

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "inventories" / "example"
PASSWORD = str(EXAMPLE / "vault-password.example")
SECRET = "example-root-7f3kq9wz"

EMPTY = "- name: Nothing\n  hosts: cache\n  tasks: []\n"
BASE_STAGE = """\
- name: Base
  hosts: all
  gather_facts: false
  handlers:
    - name: Restart the thing
      ansible.builtin.service: {name: b2ct-thing, state: restarted}
      when: never is defined
  tasks:
    - name: Write the file
      ansible.builtin.copy:
        content: "one\\ntwo\\n{{ vault_root_password }}\\n"
        dest: "{{ scratch }}/{{ inventory_hostname }}.conf"
        mode: "0600"
      notify: Restart the thing
    - name: Count the runs
      ansible.builtin.lineinfile:
        path: "{{ scratch }}/runs"
        line: "{{ inventory_hostname }}"
        create: true
        mode: "0600"
      tags: [risk_data]
      throttle: 1
"""
NETWORK_STAGE = """\
- name: Network
  hosts: all
  gather_facts: false
  tasks:
    - name: Demand the flag
      ansible.builtin.command: {argv: [test, -e, "{{ scratch }}/flag"]}
      changed_when: false
      check_mode: false
      when: inventory_hostname == 'node1'
    - name: Say the password aloud
      ansible.builtin.debug: {msg: "it is {{ vault_root_password }}"}
    - name: Make the folder
      ansible.builtin.file: {path: "{{ scratch }}/done", state: directory, mode: "0700"}
"""


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


@pytest.fixture
def site(tmp_path: Path, scratch: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "site.yml").write_text(BASE)
    shutil.copy(EXAMPLE / "vault.yml", folder)
    (folder / "group_vars").mkdir()
    (folder / "group_vars" / "all.yml").write_text(
        f"ansible_connection: local\nansible_python_interpreter: {sys.executable}\n"
        f"scratch: {scratch}\n"
    )
    return folder


Run = Callable[..., Result]


@pytest.fixture
def stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put harmless playbooks in the place of the real ones: these run on this very machine."""
    folder = tmp_path / "playbooks"
    folder.mkdir()
    from b2ct.deploy.stages import STAGES

    for stage in STAGES:
        (folder / f"{stage}.yml").write_text(EMPTY)
    (folder / "base.yml").write_text(BASE_STAGE)
    (folder / "network.yml").write_text(NETWORK_STAGE)
    monkeypatch.setattr("b2ct.deploy.run.playbook_of", lambda stage: folder / f"{stage}.yml")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return folder


@pytest.fixture
def b2ct(site: Path, stages: Path) -> Run:
    """Run a command on the site; without further words on two short stages."""

    def run(command: str, *words: str) -> Result:
        arguments = [command, str(site), "--vault-password-file", PASSWORD, *words]
        return CliRunner().invoke(main, arguments)

    return run
