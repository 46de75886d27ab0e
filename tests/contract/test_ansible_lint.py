"""ansible-lint's production profile holds for all roles, playbooks and scenarios."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_ansible_lint_is_content(tmp_path: Path) -> None:
    """About forty CPU seconds: too much for the fast tier."""
    tools = Path(sys.executable).parent
    done = subprocess.run(
        [str(tools / "ansible-lint"), "-q", "--nocolor", "roles", "playbooks", "extensions"],
        cwd=ROOT,
        # A cache of its own: runs side by side would wait for each other.
        env=os.environ
        | {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "ANSIBLE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_is_skipped() -> None:
    text = (ROOT / ".ansible-lint").read_text()
    assert "profile: production" in text
    assert "skip_list" not in text
    assert "warn_list" not in text
