"""A plan for people, and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from textwrap import indent

from b2ct.deploy.plan import Change, Plan, Risk

_TAGS = {
    Risk.NONE: "",
    Risk.RESTART: "  [restart]",
    Risk.NETWORK: "  [network]",
    Risk.DATA: "  [data]",
}
_MEANING = {
    Risk.NONE: "no service is interrupted",
    Risk.RESTART: "services restart",
    Risk.NETWORK: "connections may be cut",
    Risk.DATA: "data may be lost",
}


def text(plan: Plan, *, diffs: bool = False) -> str:
    """Write a plan host by host; with the diffs of files where asked."""
    lines = [line for host in plan.hosts for line in _host(plan, host, diffs=diffs)]
    for unknown in plan.unknown:
        if not unknown.host:
            lines += [
                f"The stage {unknown.stage} cannot be foreseen:",
                indent(unknown.message, "  "),
            ]
    lines.append(summary(plan))
    return "\n".join(lines) + "\n"


def summary(plan: Plan) -> str:
    """Give the whole plan in one line."""
    sure = sum(change.certain for change in plan.changes)
    unsure = len(plan.changes) - sure
    touched = {change.host for change in plan.changes if change.certain}
    if not plan.changes and not plan.unknown:
        return f"Nothing to change on {_count(len(plan.hosts), 'host')}."
    told = [f"{_count(sure, 'change')} on {len(touched)} of {_count(len(plan.hosts), 'host')}"]
    if unsure:
        told.append(f"{_count(unsure, 'command')} that only a real run can judge")
    if plan.unknown:
        told.append(f"{len(plan.unknown)} not to be foreseen")
    risk = plan.risk()
    return f"{'; '.join(told)}. Highest risk: {risk.word} ({_MEANING[risk]})."


def json_text(plan: Plan) -> str:
    """Write a plan as JSON."""
    shown = {
        "risk": plan.risk().word,
        "hosts": [
            {
                "host": host,
                "risk": plan.risk(host).word,
                "changes": [_row(change) for change in plan.of(host)],
                "unknown": [asdict(found) for found in plan.unknown if found.host == host],
            }
            for host in plan.hosts
        ],
        "unknown": [asdict(found) for found in plan.unknown if not found.host],
    }
    return json.dumps(shown, indent=2, ensure_ascii=False) + "\n"


def _row(change: Change) -> dict[str, object]:
    row = asdict(change) | {"risk": change.risk.word}
    del row["host"]
    return row


def _host(plan: Plan, host: str, *, diffs: bool) -> Iterator[str]:
    changes = plan.of(host)
    unknown = [found for found in plan.unknown if found.host == host]
    if not changes and not unknown:
        yield f"{host}: nothing to change"
        return
    risk = plan.risk(host)
    sure = sum(change.certain for change in changes)
    yield f"{host}: {_count(sure, 'change')}, risk {risk.word} ({_MEANING[risk]})"
    stage = ""
    for change in changes:
        if change.stage != stage:
            stage = change.stage
            yield f"  {stage}"
        then = f", then {', '.join(change.handlers)}" if change.handlers else ""
        yield f"    {change.words}{then}{_TAGS[change.risk]}"
        if diffs and change.diff:
            yield indent(change.diff, "      | ", lambda _: True)
    for found in unknown:
        why = f"{found.task!r} fails in check mode"
        yield f"  {found.stage}: the rest cannot be foreseen, for {why}:"
        yield indent(found.message.strip(), "      ")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
