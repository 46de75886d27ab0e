"""A planned switch: the services move to the other node, or nothing is done at all."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from b2ct.errors import B2ctError
from b2ct.ha.nodes import PairNodes
from b2ct.ha.status import NodeStatus, PairStatus, status
from b2ct.model import HaEngine

#: Seconds for stopping everything here and starting it there.
LIMIT_S: Final = 600.0
_PAUSE_S: Final = 1.0
#: Pacemaker's name of the group of services, as the role control_ha makes it.
GROUP: Final = "b2ct-services"

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Switched:
    """What was moved, and how many seconds it took."""

    source: str
    target: str
    seconds: float


def refuse_unless_ready(found: PairStatus, target: str | None) -> tuple[NodeStatus, NodeStatus]:
    """Give the active node and the one that can take over.

    :raises B2ctError: anything is wrong with the pair, or the services are there already.
    """
    active = found.active
    if active is None or found.problems:
        why = found.problems[0] if found.problems else "nobody is active"
        raise B2ctError(
            f"the pair is not ready for a switch: {why}",
            f"see all with: b2ct ha status {found.site}",
        )
    names = [node.name for node in found.nodes]
    if target is not None and target not in names:
        raise B2ctError(f"{target!r} is no node of the pair", f"the pair is {' and '.join(names)}")
    if target == active.name:
        raise B2ctError(f"the services are on {target} already", "nothing was done")
    return active, found.other(active)


def command(nodes: PairNodes, target: str) -> str:
    """Give the command that moves the group away; it runs on the active node."""
    if nodes.pair.engine is HaEngine.HEARTBEAT:
        return "/usr/share/heartbeat/hb_standby all"
    group = f"crm_resource --resource {GROUP}"
    # Of several actions crm_resource does the last one. What --move leaves behind would hold the
    # services on their node, or pull them back, later.
    return (
        f"{group} --move --node {nodes.engine_name(target)} || exit;"
        f" crm_resource --wait --timeout={LIMIT_S:.0f}; code=$?; {group} --clear; exit $code"
    )


def switch(nodes: PairNodes, target: str | None, progress: Progress) -> Switched:
    """Move the services to the other node; refuse where that is not certain to go well.

    :raises B2ctError: the pair is not ready, or the services did not come up in time.
    """
    active, standby = refuse_unless_ready(status(nodes), target)
    begun = time.monotonic()
    done = nodes.run(active.name, command(nodes, standby.name), timeout_s=LIMIT_S)
    if done.code != 0:
        raise B2ctError(
            f"{active.name} refused to hand over: {done.error or done.text}",
            f"see how it stands with: b2ct ha status {nodes.site}",
        )
    seconds = wait_active(nodes, standby.name, begun, progress)
    return Switched(active.name, standby.name, seconds)


def wait_active(nodes: PairNodes, target: str, begun: float, progress: Progress) -> float:
    """Wait until a node is active with all that belongs to it; give the seconds since ``begun``."""
    what = f"moving to {target}"
    last = ""
    while (waited := time.monotonic() - begun) < LIMIT_S:
        progress(what, int(waited), 0)
        found = status(nodes)
        node = next(one for one in found.nodes if one.name == target)
        late = [unit for unit, state in node.units.items() if state != "active"]
        if node.active and node.holds != "moving" and not late:
            return time.monotonic() - begun
        last = f"{late[0]} is {node.units[late[0]]}" if late else f"it holds {node.holds}"
        time.sleep(_PAUSE_S)
    raise B2ctError(
        f"the services did not come up on {target} within {LIMIT_S:.0f} s: {last}",
        f"look at: journalctl -b on {target}, and b2ct ha status {nodes.site}",
    )
