"""The action ``b2ct.cloud.network_confirm`` (plugins/modules/network_confirm.py documents it)."""

from __future__ import annotations

import shlex
import time
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

PROGRAM = "/usr/libexec/b2ct/network-transaction"
#: The change has not been applied yet (EX_TEMPFAIL of sysexits.h).
NOT_YET = 75
#: A connection that dies while the network changes must not be waited for.
_SSH = "-o ControlPath=none -o ServerAliveInterval=3 -o ServerAliveCountMax=2"
_CONNECT_SECONDS = 5


class ActionModule(ActionBase):
    """Tries over and over, each time with a connection of its own."""

    _VALID_ARGS = frozenset({"id", "expect", "timeout"})
    TRANSFERS_FILES = False

    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Confirm the change, or wait until it is undone."""
        outcome: dict[str, Any] = super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(
            {
                "id": {"type": "str", "required": True},
                "expect": {
                    "type": "str",
                    "choices": ["confirmed", "undone"],
                    "default": "confirmed",
                },
                "timeout": {"type": "int", "required": True},
            }
        )
        self._prefer_new_connections()
        return {**outcome, **self._try(**arguments)}

    def _try(self, id: str, expect: str, timeout: int) -> dict[str, Any]:
        found: dict[str, Any] = {"changed": False, "attempts": 0, "reached": False}
        end = time.monotonic() + timeout
        error = "no attempt was made"
        while time.monotonic() < end:
            found["attempts"] += 1
            try:
                code, said = self._ask(id, expect)
                found["reached"] = True
            except AnsibleConnectionFailure as failure:
                error = " ".join(str(failure).split())
            else:
                if code == 0 and (expect == "confirmed" or said == f"undone {id}"):
                    return found
                error = said or f"exit code {code}"
                if expect == "confirmed" and code != NOT_YET:
                    break
            time.sleep(1)
        message = f"the change is not {expect}: {error}"
        return {**found, "failed": True, "msg": message, "last_error": error}

    def _ask(self, ident: str, expect: str) -> tuple[int, str]:
        words = ["confirm", ident] if expect == "confirmed" else ["state"]
        answer = self._low_level_execute_command(shlex.join([PROGRAM, *words]), sudoable=True)
        said = answer["stdout"].strip() or answer["stderr"].strip()
        return int(answer["rc"]), said.splitlines()[-1] if said else ""

    def _prefer_new_connections(self) -> None:
        if self._connection.transport != "ssh":
            return
        # ssh takes the first value of an option: ours stand before those of the site.
        given = self._connection.get_option("ssh_args") or ""
        self._connection.set_option("ssh_args", f"{_SSH} {given}".strip())
        self._connection.set_option("timeout", _CONNECT_SECONDS)
