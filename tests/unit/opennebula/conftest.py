"""A double of oned for each test, and modules run in this process."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils import basic
from ansible.module_utils.common import warnings as said

from tests.oned import Oned

PASSWORD = "correct-horse-battery"


class Cloud:
    """A double of oned, and the modules run against it."""

    def __init__(self, oned: Oned, auth_file: Path) -> None:
        self.oned = oned
        self.auth_file = auth_file

    def run(self, kind: str, /, check: bool = False, **arguments: Any) -> dict[str, Any]:
        """Run a module and give its answer, also where it fails."""
        given = {
            "endpoint": self.oned.endpoint,
            "auth_file": str(self.auth_file),
            "_ansible_check_mode": check,
            "_ansible_diff": True,
            **arguments,
        }
        module = import_module(f"ansible_collections.b2ct.cloud.plugins.modules.opennebula_{kind}")
        saved = (basic._ANSIBLE_ARGS, getattr(basic, "_ANSIBLE_PROFILE", None))
        basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": given}).encode()
        basic._ANSIBLE_PROFILE = "legacy"
        out = io.StringIO()
        said._global_warnings.clear()
        try:
            with redirect_stdout(out), pytest.raises(SystemExit):
                module.main()
        finally:
            basic._ANSIBLE_ARGS, basic._ANSIBLE_PROFILE = saved
        answer: dict[str, Any] = json.loads(out.getvalue().strip().splitlines()[-1])
        return answer

    def done(self, kind: str, /, **arguments: Any) -> dict[str, Any]:
        """Run a module that must succeed."""
        answer = self.run(kind, **arguments)
        assert not answer.get("failed"), answer["msg"]
        return answer

    def fails(self, kind: str, /, **arguments: Any) -> str:
        """Run a module that must fail, and give its words."""
        answer = self.run(kind, **arguments)
        assert answer.get("failed"), answer
        return str(answer["msg"])

    def one(self, kind: str, name: str) -> dict[str, Any] | None:
        """Give an object as the double keeps it."""
        return self.oned.world.named(kind, name)

    def attributes(self, kind: str, name: str) -> dict[str, Any]:
        """Give an object's template, of attributes that occur once."""
        one = self.one(kind, name)
        assert one is not None
        return dict(one["template"])


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    with _cloud(tmp_path)() as one:
        yield Cloud(one, tmp_path / "one_auth")


@pytest.fixture
def make_oned(tmp_path: Path) -> Callable[..., Oned]:
    return _cloud(tmp_path)


def _cloud(folder: Path) -> Callable[..., Oned]:
    auth_file = folder / "one_auth"
    auth_file.touch(mode=0o600)
    auth_file.write_text(f"oneadmin:{PASSWORD}\n")
    return lambda **options: Oned(auth_file, **options)


assert sys.version_info >= (3, 11)
