"""The controller's half of ``b2ct.cloud.precheck``: asks, times the answer, judges."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.release import __version__
from ansible_collections.b2ct.cloud.plugins.module_utils.precheck import (
    judge,
    problem,
    too_new,
)

_ROUNDS = 3
_PYTHONS = ("python3", "/usr/bin/python3", "/usr/libexec/platform-python")


class ActionModule(ActionBase):
    """Looks at a node; whatever is wrong there is a finding and no failure."""

    _requires_connection = True

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:  # noqa: ANN401
        """Give ``problems`` and, where the node answers, ``clock``."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        result |= {"changed": False, "problems": []}
        self._wanted = self._task.args
        try:
            result["problems"] = list(self._problems(result, task_vars or {}))
        except AnsibleConnectionFailure as error:
            told = _one_line(error)
            address = (task_vars or {}).get("ansible_host") or str(
                (task_vars or {}).get("inventory_hostname")
            )
            result["problems"] = [problem(f"it does not answer: {told}", _remedy(told, address))]
        return result

    def _problems(
        self, result: dict[str, Any], task_vars: dict[str, Any]
    ) -> Iterator[dict[str, str]]:
        self._low_level_execute_command("true", sudoable=False)  # opens the connection
        result["clock"] = self._clock()
        yield from too_new(__version__, self._wanted)
        python = task_vars.get("ansible_python_interpreter")
        wanted = [python] if python and not str(python).startswith("auto") else _PYTHONS
        looks = " || ".join(f"command -v {name}" for name in wanted)
        if self._low_level_execute_command(looks, sudoable=False)["rc"] != 0:
            name = str(python).rpartition("/")[2] if len(wanted) == 1 else "python3"
            yield problem("it has no Python 3", f"install the package {name}")
            return
        told = self._not_root()
        if told:
            yield problem(
                f"Ansible cannot become root: {told}",
                "give the account sudo without a password, or run with -K",
            )
            return
        seen = self._execute_module(
            module_name="b2ct.cloud.precheck", module_args=self._wanted, task_vars=task_vars
        )
        if seen.get("unreachable"):
            raise AnsibleConnectionFailure(str(seen.get("msg")))
        if "seen" not in seen:
            why = seen.get("module_stderr") or seen.get("msg") or "no reason is given"
            yield problem(f"it cannot be looked at: {_one_line(why)}", "run again with -vvv")
            return
        yield from judge(seen["seen"], self._wanted)

    def _not_root(self) -> str:
        try:
            done = self._low_level_execute_command("id -u", sudoable=True)
        except AnsibleConnectionFailure:
            raise
        except AnsibleError as error:
            return _one_line(error)
        if done["rc"] == 0 and done["stdout"].split()[-1:] == ["0"]:
            return ""
        return _one_line(done["stderr"] or done["stdout"] or f"id -u gave code {done['rc']}")

    def _clock(self) -> list[float]:
        """Give how far the node's clock is ahead, at least and at most."""
        best = None
        for _ in range(_ROUNDS):
            before = time.time()
            told = self._low_level_execute_command("date +%s.%N", sudoable=False)["stdout"]
            after = time.time()
            theirs = float(told.split()[-1])
            if best is None or after - before < best[1] - best[0]:
                best = (theirs - after, theirs - before)
        assert best is not None
        return list(best)


def _remedy(told: str, address: str) -> str:
    if "Host key verification failed" in told:
        return f"compare its key with the one on its console, and accept it: ssh {address}"
    if "Permission denied" in told:
        return "log in as one of the site's admins with -u NAME, with a key of site.admins"
    return f"switch it on, look at its console, and try: ssh {address}"


def _one_line(told: Any) -> str:  # noqa: ANN401
    return " ".join(str(told).split())[:300]
