"""The action ``b2ct.cloud.network_confirm`` (plugins/modules/network_confirm.py documents it)."""

from __future__ import annotations

import shlex
import time
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

PROGRAM = "/usr/libexec/b2ct/network-transaction"
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
                said = self._ask("state")
                found["reached"] = True
                if said == f"pending {id} applied" and expect == "confirmed":
                    # That connection may be older than the change; the next one cannot be.
                    said = self._ask("confirm", id) or f"confirmed {id}"
            except AnsibleConnectionFailure as failure:
                said = " ".join(str(failure).split())
            if said == f"{expect} {id}":
                return found
            error = said
            if said in {f"undone {id}", f"confirmed {id}"}:
                break
            time.sleep(1)
        message = f"the change is not {expect}: {error}"
        return {**found, "failed": True, "msg": message, "last_error": error}

    def _ask(self, *words: str) -> str:
        """Give the last line of what the program on the host says, over a new connection."""
        answer = self._low_level_execute_command(shlex.join([PROGRAM, *words]), sudoable=True)
        lines = (answer["stdout"].strip() or answer["stderr"].strip()).splitlines()
        if lines:
            return str(lines[-1])
        return "" if answer["rc"] == 0 else f"exit code {answer['rc']}"

    def _prefer_new_connections(self) -> None:
        if self._connection.transport != "ssh":
            return
        # ssh takes the first value of an option: ours stand before those of the site.
        given = self._connection.get_option("ssh_args") or ""
        self._connection.set_option("ssh_args", f"{_SSH} {given}".strip())
        self._connection.set_option("timeout", _CONNECT_SECONDS)
