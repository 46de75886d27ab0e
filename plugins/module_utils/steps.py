"""Commands with what they do in words: taken in their order, or only told in check mode."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.b2ct.cloud.plugins.module_utils.san import Run


@dataclass(frozen=True)
class Step:
    """One command and what it does in words."""

    words: str
    argv: tuple[str, ...]


class Steps:
    """Takes steps for a module."""

    def __init__(self, module: AnsibleModule, run: Run) -> None:
        self.module = module
        self.run = run
        self.done: list[str] = []

    def take(self, steps: Iterable[Step]) -> None:
        """Take steps in their order; fail with the program's own words."""
        for step in steps:
            self.done.append(step.words)
            if self.module.check_mode:
                continue
            rc, out, err = self.run(*step.argv)
            if rc != 0:
                self.module.fail_json(
                    msg=f"cannot {step.words}: {(err or out).strip()} ({' '.join(step.argv)})",
                    steps=self.done,
                )

    def result(self) -> dict[str, Any]:
        """Give what was done, as a module returns it."""
        text = "".join(f"{words}\n" for words in self.done)
        return {
            "changed": bool(self.done),
            "steps": self.done,
            "diff": {"before": "", "after": text},
        }
