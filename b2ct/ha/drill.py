"""A drill: the services lose their machine under a load of writes; it is told what that cost."""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from b2ct.errors import B2ctError
from b2ct.ha import timeline
from b2ct.ha.nodes import PairNodes
from b2ct.ha.recorder import FOLDER, Recorder
from b2ct.ha.status import status
from b2ct.ha.switch import LIMIT_S, Progress, command, refuse_unless_ready

#: Records before the services lose their machine, and after they are back.
_BEFORE: Final = 20
_AFTER: Final = 20
#: Seconds until the first records are there: the address is reached, the client is let in.
_START_S: Final = 120.0
_PAUSE_S: Final = 1.0
#: As long the client alone tells whether the services are back; then the nodes are asked, too.
_QUIET_S: Final = 120.0
#: Both machines are as before: one has started, and its copy has caught up.
RETURN_S: Final = 900.0

#: What strikes: it gets the pair, the active node and the other one.
Strike = Callable[[PairNodes, str, str], None]


class Kind(StrEnum):
    """What happens to the active node."""

    SWITCH = "switch"  #: nothing bad: a planned switch
    POWER = "power"  #: its power is cut, through its own fence agents
    CRASH = "crash"  #: its kernel stops at once


@dataclass(frozen=True)
class DrillReport:
    """What a drill found. Times are seconds since the last record before the gap."""

    kind: str
    source: str
    target: str
    acknowledged: int
    lost: tuple[int, ...]
    doubtful: tuple[int, ...]
    outage: float
    phases: dict[str, float] = field(default_factory=dict)
    returned: float | None = None

    @property
    def good(self) -> bool:
        """Whether everything that was acknowledged is there."""
        return not self.lost

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON's types."""
        return {
            "kind": self.kind,
            "from": self.source,
            "to": self.target,
            "acknowledged": self.acknowledged,
            "lost": list(self.lost),
            "in_doubt": list(self.doubtful),
            "outage_s": round(self.outage, 1),
            "phases_s": {name: round(seconds, 1) for name, seconds in self.phases.items()},
            "returned_s": None if self.returned is None else round(self.returned, 1),
            "good": self.good,
        }


def strike_of(kind: Kind) -> Strike:
    """Give what a kind of drill does."""
    return {Kind.SWITCH: _switch, Kind.POWER: _power, Kind.CRASH: _crash}[kind]


def _switch(nodes: PairNodes, active: str, standby: str) -> None:
    done = nodes.run(active, command(nodes, standby), timeout_s=LIMIT_S)
    if done.code != 0:
        raise B2ctError(f"{active} refused to hand over: {done.error or done.text}")


def _power(nodes: PairNodes, active: str, standby: str) -> None:
    done = nodes.run(standby, f"b2ct-fence {active} off", timeout_s=120)
    if done.code != 0:
        raise B2ctError(
            f"{standby} cannot switch {active} off: {done.error or done.text}",
            "fencing must work before anything else: see docs/ha.md",
        )


def _crash(nodes: PairNodes, active: str, _standby: str) -> None:
    # The answer never comes: that is the point.
    nodes.run(active, "echo 1 > /proc/sys/kernel/sysrq; echo c > /proc/sysrq-trigger", timeout_s=3)


def drill(
    nodes: PairNodes,
    kind: str,
    strike: Strike,
    progress: Progress,
    *,
    limit_s: float = LIMIT_S,
    comes_back: bool = True,
) -> DrillReport:
    """Run one drill.

    :param strike: what happens to the active node, see :func:`strike_of`.
    :param comes_back: whether to wait until both machines are as before.
    :raises B2ctError: the pair is not ready, or the services did not come back.
    """
    active, standby = refuse_unless_ready(status(nodes), None)
    offset = timeline.clock_offset(nodes, standby.name)
    name = f"drill-{secrets.token_hex(4)}"
    with Recorder(nodes, standby.name, name) as recorder:
        if not recorder.wait(_BEFORE, _START_S):
            raise B2ctError(
                f"no record could be written through {nodes.pair.address.ip}: {recorder.told}",
                "nothing was done to the pair",
            )
        before = len(recorder.acknowledged)
        connections = recorder.connections
        begun = time.time()
        strike(nodes, active.name, standby.name)
        _wait_for_client(recorder, connections, standby.name, progress)
        _wait_for_target(nodes, standby.name, begun, limit_s, progress)
        if not recorder.wait(_AFTER, limit_s):
            raise B2ctError(
                f"{standby.name} is active, and no record can be written: {recorder.told}",
                f"look at: journalctl -b on {standby.name}",
            )
    acknowledged = list(recorder.acknowledged)
    last, first = _gap(acknowledged, before)
    kept = _read_back(nodes, standby.name, name)
    phases = timeline.phases(nodes, standby.name, last, offset)
    # The connection that brought the first record.
    answers = [when for when in recorder.answered if last < when <= first]
    if answers:
        phases["address answers"] = answers[-1] - last
    returned = _wait_for_return(nodes, begun, progress) if comes_back else None
    return DrillReport(
        kind=kind,
        source=active.name,
        target=standby.name,
        acknowledged=len(acknowledged),
        lost=tuple(number for number, _ in acknowledged if number not in kept),
        doubtful=tuple(recorder.doubtful),
        outage=first - last,
        phases={**phases, "first answer": first - last},
        returned=returned,
    )


def _gap(acknowledged: list[tuple[int, float]], before: int) -> tuple[float, float]:
    """Give the times around the longest silence since the strike."""
    times = [when for _, when in acknowledged[max(before - 1, 0) :]]
    return max(itertools.pairwise(times), key=lambda pair: pair[1] - pair[0])


def _wait_for_client(recorder: Recorder, connections: int, target: str, progress: Progress) -> None:
    """Wait a while for the client to be let in again.

    Meanwhile the machine that takes over is asked nothing: a question about its state costs it
    as much as a step of the failover.
    """
    begun = time.monotonic()
    while (waited := time.monotonic() - begun) < _QUIET_S and recorder.connections == connections:
        progress(f"waiting for {target}", int(waited), 0)
        time.sleep(_PAUSE_S)


def _wait_for_target(
    nodes: PairNodes, target: str, begun: float, limit_s: float, progress: Progress
) -> None:
    """Wait until the other node has all of it."""
    last = "it does not answer"
    while (waited := time.time() - begun) < limit_s:
        progress(f"waiting for {target}", int(waited), 0)
        found = next(one for one in status(nodes).nodes if one.name == target)
        late = [unit for unit, state in found.units.items() if state != "active"]
        if found.active and not late:
            return
        if found.answers:
            last = f"{late[0]} does not run" if found.active else f"it holds {found.holds}"
        time.sleep(_PAUSE_S)
    raise B2ctError(
        f"{target} did not take over within {limit_s:.0f} s: {last}",
        f"look at: journalctl -b on {target}, and b2ct ha status {nodes.site}",
    )


def _read_back(nodes: PairNodes, target: str, name: str) -> set[int]:
    file = f"{next(iter(nodes.mounts.values()))}/{FOLDER}/{name}"
    answer = nodes.run(target, "cat %s", file, timeout_s=120)
    if answer.code != 0:
        raise B2ctError(f"{target} cannot read the records back: {answer.error or answer.text}")
    nodes.run(target, "rm -f %s", file)
    return {int(line) for line in answer.text.split() if line.isdigit()}


def _wait_for_return(nodes: PairNodes, begun: float, progress: Progress) -> float:
    last = ""
    while (waited := time.time() - begun) < RETURN_S:
        progress("waiting until both nodes are as before", int(waited), 0)
        found = status(nodes)
        if found.good:
            return time.time() - begun
        last = found.problems[0]
        time.sleep(2 * _PAUSE_S)
    raise B2ctError(
        f"the services run, and after {RETURN_S:.0f} s the pair is not whole again: {last}",
        f"see how it stands with: b2ct ha status {nodes.site}",
    )
