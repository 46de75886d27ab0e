"""Reports about the pair, in words."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

from b2ct.ha.drill import DrillReport
from b2ct.ha.status import NodeStatus, PairStatus
from b2ct.ha.switch import Switched

_FEW = 10


def status(found: PairStatus) -> str:
    """Write the pair as a table, and what is wrong with it."""
    active = found.active
    lines = [
        f"{found.site}: {found.address} is {'on ' + active.name if active else 'on no node alone'}"
        f" ({found.engine})"
    ]
    for node in found.nodes:
        lines.append(f"  {node.name}: {_node(node)}")
        for name, volume in node.volumes.items():
            if node.answers:
                mounted = ", mounted" if volume.mounted else ""
                lines.append(
                    f"    volume {name}: {volume.role}, {volume.connection},"
                    f" {volume.disk}/{volume.peer_disk}{mounted}"
                )
        if node.links:
            lines.append("    links: " + ", ".join(f"{k} {v}" for k, v in node.links.items()))
        if node.units and node.holds_anything:
            lines.append("    units: " + ", ".join(f"{k} {v}" for k, v in node.units.items()))
    lines += [f"  ! {problem}" for problem in found.problems]
    lines.append("  the other node could take over" if found.good else "  the pair is NOT well")
    return "\n".join(lines) + "\n"


def _node(node: NodeStatus) -> str:
    if node.error:
        return f"no answer: {node.error}"
    part = "active" if node.active else "holds a part" if node.holds_anything else "stands by"
    return f"{part}, engine {node.engine}, sees the other one {node.sees_peer}"


def switched(done: Switched) -> str:
    """Tell of a planned switch."""
    return f"moved from {done.source} to {done.target} in {done.seconds:.0f} s\n"


def drilled(report: DrillReport) -> str:
    """Tell of a drill: the steps, the outage, and what was lost."""
    lines = [f"{report.kind}: {report.source} -> {report.target}"]
    lines += [f"  {name:<16}{seconds:7.1f} s" for name, seconds in report.phases.items()]
    lines.append(f"  {report.acknowledged} records were acknowledged, {_lost(report.lost)}")
    if report.doubtful:
        lines.append(f"  {len(report.doubtful)} were sent and never answered")
    if report.returned is not None:
        lines.append(f"  both nodes were as before after {report.returned:.0f} s")
    return "\n".join(lines) + "\n"


def _lost(numbers: Sequence[int]) -> str:
    if not numbers:
        return "none was lost"
    named = ", ".join(str(number) for number in numbers[:_FEW])
    return f"{len(numbers)} WERE LOST: {named}{', …' if len(numbers) > _FEW else ''}"


def distribution(reports: Iterable[DrillReport]) -> str:
    """Tell how long the outages of several drills were."""
    every = list(reports)
    times = sorted(report.outage for report in every)
    lost = sum(len(report.lost) for report in every)
    return (
        f"{len(times)} drills: outage {times[0]:.1f} s at best, {statistics.median(times):.1f} s"
        f" in the middle, {times[-1]:.1f} s at worst; {lost} acknowledged records lost\n"
    )
