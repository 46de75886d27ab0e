"""What the node that took over did when, from its journal."""

from __future__ import annotations

import re
import time
from typing import Final

from b2ct.ha.nodes import PairNodes
from b2ct.model import HaEngine

#: What tells that something has begun (or is done, as the words say), in the journal's words.
_HEARTBEAT: Final = (
    ("detected", re.compile(r"node \S+: is dead|standby .*(?:acquire|took)|ACQUIRING", re.I)),
    ("fenced", re.compile(r"b2ct-fence\S*: \S+ is off|counts as switched off")),
    ("promoting", re.compile(r"drbddisk \S+ start")),
    ("mounting", re.compile(r"resource\.d/b2ct-agent Filesystem .* start")),
    ("address", re.compile(r"resource\.d/b2ct-agent IPaddr2 .* start")),
    ("starting", re.compile(r"resource\.d/b2ct-unit .* start")),
    ("complete", re.compile(r"takeover complete|HA resource acquisition completed")),
)
_PACEMAKER: Final = (
    ("detected", re.compile(r"is now lost|is unclean|Lost node|left the corosync|new membership")),
    ("fenced", re.compile(r"was terminated|Operation .*(?:reboot|off).* OK|targeting .*: OK")),
    ("promoting", re.compile(r"promote operation for|Initiating promote")),
    ("mounting", re.compile(r"Filesystem\(.*Running start|start operation for b2ct-fs")),
    ("address", re.compile(r"IPaddr2\(.*(?:Adding|ip -f)|start operation for b2ct-address")),
    ("starting", re.compile(r"execution of start operation for b2ct-unit")),
    ("complete", re.compile(r"Result of start operation for b2ct-unit-\S+ on \S+: ok")),
)


def clock_offset(nodes: PairNodes, name: str) -> float:
    """Give by how many seconds a node's clock is ahead of ours."""
    begun = time.time()
    answer = nodes.run(name, "date +%s.%N")
    middle = (begun + time.time()) / 2
    try:
        return float(answer.text) - middle
    except ValueError:
        return 0.0


def phases(nodes: PairNodes, name: str, since: float, offset: float) -> dict[str, float]:
    """Give the seconds after ``since`` (our clock) at which each phase was reached."""
    start = int(since + offset)
    answer = nodes.run(
        name, f"journalctl --no-pager --output=short-unix --since=@{start}", timeout_s=60
    )
    return parse(answer.text, nodes.pair.engine, since + offset)


def parse(journal: str, engine: HaEngine, since: float) -> dict[str, float]:
    """Find the phases in a journal; the first line of each counts, of the last one the last."""
    patterns = _HEARTBEAT if engine is HaEngine.HEARTBEAT else _PACEMAKER
    found: dict[str, float] = {}
    for line in journal.splitlines():
        stamp, _, words = line.partition(" ")
        try:
            when = float(stamp) - since
        except ValueError:
            continue
        if when < 0:
            continue
        for name, pattern in patterns:
            if (name not in found or name == "complete") and pattern.search(words):
                found[name] = when
    return dict(sorted(found.items(), key=lambda item: item[1]))
