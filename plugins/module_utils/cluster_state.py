"""What crm_mon says of a cluster, and what is still missing."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Failure:
    """An operation that failed, as Pacemaker remembers it."""

    resource: str
    node: str
    task: str
    reason: str

    def __str__(self) -> str:
        return f"{self.resource}: {self.task} on {self.node} failed: {self.reason}"


@dataclass(frozen=True)
class State:
    """The members of a cluster and what runs where."""

    quorate: bool
    online: tuple[str, ...]
    offline: tuple[str, ...]
    running: Mapping[str, tuple[str, ...]]
    failures: tuple[Failure, ...]
    pending: int = 0

    def missing(self, wanted: Mapping[str, bool], members: Iterable[str]) -> list[str]:
        """Say what is wanted and does not run: on every member where the value is true."""
        found = []
        if not self.quorate:
            found.append("the cluster has no quorum")
        away = [name for name in members if name not in self.online]
        found += [f"{name} is not in the cluster" for name in away]
        for resource, everywhere in wanted.items():
            places = self.running.get(resource, ())
            absent = [name for name in members if name not in places]
            if everywhere and absent:
                found.append(f"{resource} does not run on {', '.join(absent)}")
            elif not places:
                found.append(f"{resource} does not run")
        return found

    def stuck(self, wanted: Mapping[str, bool]) -> list[tuple[str, str]]:
        """Give what does not run for a start that failed, by resource and member.

        Pacemaker does not try again by itself. What runs on one member only and has found another
        one is not stuck.
        """
        found = set()
        for one in self.failures:
            if one.task != "start" or one.resource not in wanted:
                continue
            places = self.running.get(one.resource, ())
            runs = one.node in places if wanted[one.resource] else places
            if not runs:
                found.add((one.resource, one.node))
        return sorted(found)


def _is_in(node: ET.Element) -> bool:
    """Tell whether a node is a member that Pacemaker uses.

    One whose Corosync runs and whose Pacemaker does not, as after a start while SBD waits, is
    "online" to crm_mon, and pending.
    """
    return node.get("online") == "true" and node.get("pending") != "true"


def read(text: str) -> State:
    """Read ``crm_mon --output-as=xml``; raise ValueError where it says nothing of a cluster."""
    try:
        root = ET.fromstring(text)  # noqa: S314 - Pacemaker's own
    except ET.ParseError as error:
        raise ValueError(f"crm_mon gives no XML: {error}") from None
    controller = root.find("summary/current_dc")
    quorate = controller is not None and controller.get("with_quorum") == "true"
    nodes = root.findall("nodes/node")
    running: dict[str, list[str]] = {}
    pending = 0
    for resource in root.iter("resource"):
        if resource.get("pending"):
            pending += 1
        if (
            resource.get("active") == "true"
            and resource.get("failed") != "true"
            and resource.get("role") not in {"Stopped", "Starting", "Stopping"}
        ):
            name = str(resource.get("id")).partition(":")[0]
            running.setdefault(name, []).extend(
                str(node.get("name")) for node in resource.findall("node")
            )
    failures = [
        Failure(
            str(one.get("op_key", "")).rsplit("_", 2)[0],
            str(one.get("node")),
            str(one.get("task")),
            one.get("exitreason") or one.get("exitstatus") or "no reason is given",
        )
        for one in root.iter("failure")
    ]
    return State(
        quorate,
        tuple(str(node.get("name")) for node in nodes if _is_in(node)),
        tuple(str(node.get("name")) for node in nodes if not _is_in(node)),
        {name: tuple(dict.fromkeys(places)) for name, places in running.items()},
        tuple(failures),
        pending,
    )
