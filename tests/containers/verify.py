"""Runs a scenario's checks: those of `b2ct verify` for its roles, and its own tests.

Usage, inside a session: python -m tests.containers.verify extensions/molecule/NAME
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from tests.containers.places import ROOT
from tests.containers.session import ADMIN

CHECKS = ROOT / "b2ct" / "verify" / "checks"
#: pytest's exit code for "no tests".
_NOTHING = 5


def roles(scenario: Path) -> list[str]:
    """Give the roles of a scenario: what its converge.yml lists, or imports of playbooks/.

    A scenario that runs ``b2ct deploy`` has those of the whole site.
    """
    converge = scenario / "converge.yml"
    if "[b2ct, deploy," in converge.read_text():
        return _roles_of(ROOT / "playbooks/site.yml")
    return _roles_of(converge) or [scenario.name]


def _roles_of(playbook: Path) -> list[str]:
    names: list[str] = []
    for play in yaml.safe_load(playbook.read_text()) or ():
        if imported := play.get("ansible.builtin.import_playbook"):
            name = imported.rpartition(".")[2] if imported.startswith("b2ct.cloud.") else ""
            file = ROOT / "playbooks" / f"{name}.yml" if name else playbook.parent / imported
            names += _roles_of(file)
        for role in play.get("roles", ()):
            name = role if isinstance(role, str) else role.get("role") or role["name"]
            names.append(name.rpartition(".")[2])
    return list(dict.fromkeys(names))


def main(scenario: Path) -> int:
    """Run both; an exit code other than 0 also when there was nothing to run."""
    folder = Path(os.environ["B2CT_SESSION_FOLDER"])
    for report in folder.glob("verify-*.xml"):
        report.unlink()
    wanted = [name for name in roles(scenario) if (CHECKS / f"test_{name}.py").exists()]
    own = scenario / "tests"
    codes = []
    # Molecule wants colours; tests read what playbooks say.
    os.environ |= {"ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_NOCOLOR": "1"}
    if wanted:
        only = [argument for name in wanted for argument in ("--only", name)]
        codes.append(
            _run(
                ["b2ct", "verify", str(scenario / "inventory"), *only,
                 "--junit", str(folder / "verify-checks.xml")]
            )
        )  # fmt: skip
    if own.is_dir():
        hosts = _hosts(scenario, folder / "ssh_config")
        os.environ["B2CT_TEST_HOSTS"] = " ".join(f"ssh://{host}" for host in hosts)
        codes.append(
            _run(
                [sys.executable, "-m", "pytest", "-q", "--import-mode=importlib",
                 "-p", "no:cacheprovider", "-p", "tests.containers.plugin", "--sudo",
                 f"--rootdir={ROOT}", f"--ssh-config={folder / 'ssh_config'}",
                 f"--junitxml={folder / 'verify-own.xml'}", str(own)]
            )
        )  # fmt: skip
    if not codes:
        print(f"no checks in {CHECKS} for {', '.join(roles(scenario))}, and no tests in {own}")
        return _NOTHING
    return max(codes)


def _hosts(scenario: Path, file: Path) -> list[str]:
    """Write how ssh reaches the containers by their names, and give these."""
    listed = subprocess.run(
        ["ansible-inventory", "--inventory", str(scenario / "inventory"), "--list"],
        check=True, cwd=ROOT, capture_output=True, text=True,
    ).stdout  # fmt: skip
    hosts = json.loads(listed)["_meta"]["hostvars"]
    lines = [f"Host {name}\n  HostName {said['ansible_host']}\n" for name, said in hosts.items()]
    lines.append(
        "Host *\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n"
        f"  User {ADMIN}\n  IdentityFile {os.environ['ANSIBLE_PRIVATE_KEY_FILE']}\n"
    )
    file.write_text("".join(lines))
    return list(hosts)


def _run(argv: Sequence[str]) -> int:
    return subprocess.run(argv, check=False, cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
