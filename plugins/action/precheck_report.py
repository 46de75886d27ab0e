"""The action plugin ``b2ct.cloud.precheck_report``: all problems of all nodes in one failure."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.b2ct.cloud.plugins.module_utils.precheck import clocks


class ActionModule(ActionBase):
    """Runs on the controller only."""

    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:  # noqa: ANN401
        """Fail if there is a problem."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        found = self._task.args["found"]
        limit = float(self._task.args.get("clock_limit", 2.0))
        measured = {host: part["clock"] for host, part in found.items() if "clock" in part}
        wrong_clocks = clocks(measured, limit)
        problems = [
            {"host": host, **problem}
            for host, part in found.items()
            for problem in (*part["problems"], *wrong_clocks.get(host, ()))
        ]
        result |= {"changed": False, "problems": problems}
        if problems:
            hosts = len({problem["host"] for problem in problems})
            lines = [
                f"{problem['host']}: {problem['what']}; {problem['remedy']}" for problem in problems
            ]
            counts = f"{_count(len(problems), 'problem')} on {_count(hosts, 'node')}"
            result["failed"] = True
            result["msg"] = "\n".join([f"{counts}; nothing was changed.", *lines])
        else:
            result["msg"] = f"no problem on {_count(len(found), 'node')}"
        return result


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
