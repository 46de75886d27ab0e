"""Runs a scenario's checks: those of `b2ct verify` for its roles, and its own tests.

Usage, inside a session: python -m tests.containers.verify extensions/molecule/NAME
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import yaml

from tests.containers.places import ROOT

CHECKS = ROOT / "b2ct" / "verify" / "checks"


def roles(scenario: Path) -> list[str]:
    """Give the roles of a scenario: what its converge.yml lists, or itself."""
    names: list[str] = []
    for play in yaml.safe_load((scenario / "converge.yml").read_text()):
        for role in play.get("roles", ()):
            name = role if isinstance(role, str) else role.get("role") or role["name"]
            names.append(name.rpartition(".")[2])
    return list(dict.fromkeys(names)) or [scenario.name]


def main(scenario: Path) -> int:
    """Run pytest; an exit code other than 0 also when it found no test at all."""
    files = [str(file) for role in roles(scenario) if (file := CHECKS / f"test_{role}.py").exists()]
    own = scenario / "tests"
    if own.is_dir():
        files.append(str(own))
    if not files:
        print(f"no checks in {CHECKS} for {', '.join(roles(scenario))}, and no tests in {own}")
        return 1
    report = Path(os.environ["B2CT_SESSION_FOLDER"]) / "verify.xml"
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-q", "--import-mode=importlib",
            "-p", "no:cacheprovider",
            f"--rootdir={ROOT}", f"--ansible-inventory={scenario / 'inventory'}",
            "--connection=ansible", f"--junitxml={report}", *files,
        ],
        check=False, cwd=ROOT,
    )  # fmt: skip
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
