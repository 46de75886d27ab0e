"""How a failover pair stands: who is active, are the copies alike, could the other take over."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from b2ct.ha.nodes import Answer, PairNodes
from b2ct.model import HaEngine

#: Both copies the same, and connected.
GOOD_DISK = "UpToDate"
_CONNECTED = ("Connected", "Established")


@dataclass(frozen=True)
class Volume:
    """One replicated volume as a node sees it."""

    role: str = "Unknown"
    connection: str = "Unknown"
    disk: str = "DUnknown"
    peer_disk: str = "DUnknown"
    mounted: bool = False

    @property
    def connected(self) -> bool:
        """Whether the copies talk to each other, and none catches up."""
        return self.connection in _CONNECTED

    @property
    def whole(self) -> bool:
        """Whether both copies are the same."""
        return self.connected and self.disk == self.peer_disk == GOOD_DISK


@dataclass(frozen=True)
class NodeStatus:
    """What one node says. ``error`` tells why it says nothing."""

    name: str
    error: str = ""
    engine: str = "unknown"  #: state of the engine's systemd unit
    waits: bool = False  #: its engine waits for the other node before it starts
    alone: bool = False  #: an admin has told it to go on without the other node
    barred: bool = False  #: the cluster lets only the other node take over: its copy is newer
    holds: str = "unknown"  #: all, none, or moving
    sees_peer: str = "unknown"  #: what it thinks of the other node: active, dead…
    address: bool = False
    links: dict[str, str] = field(default_factory=dict)
    volumes: dict[str, Volume] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)

    @property
    def answers(self) -> bool:
        """Whether the node could be asked."""
        return not self.error

    @property
    def active(self) -> bool:
        """Whether the services are here: the address, and every volume mounted."""
        return self.address and all(volume.mounted for volume in self.volumes.values())

    @property
    def holds_anything(self) -> bool:
        """Whether anything of the group is here."""
        mounted = any(volume.mounted for volume in self.volumes.values())
        return self.address or mounted


@dataclass(frozen=True)
class PairStatus:
    """The pair, and what is wrong with it: ``problems`` in words."""

    site: str
    engine: str
    address: str
    nodes: tuple[NodeStatus, NodeStatus]
    problems: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether the services run, and the other node could take over."""
        return not self.problems

    @property
    def active(self) -> NodeStatus | None:
        """The node on which the services are, if it is exactly one."""
        found = [node for node in self.nodes if node.active]
        return found[0] if len(found) == 1 else None

    def other(self, node: NodeStatus) -> NodeStatus:
        """Give the other node."""
        return self.nodes[1] if node is self.nodes[0] else self.nodes[0]

    def as_json(self) -> dict[str, Any]:
        """Give all of it as JSON's types."""
        active = self.active
        return {
            "site": self.site,
            "engine": self.engine,
            "address": self.address,
            "active": active.name if active else None,
            "good": self.good,
            "problems": list(self.problems),
            "nodes": {node.name: _node_json(node) for node in self.nodes},
        }


def _node_json(node: NodeStatus) -> dict[str, Any]:
    if node.error:
        return {"answers": False, "error": node.error}
    return {
        "answers": True,
        "engine": node.engine,
        "waits": node.waits,
        "alone": node.alone,
        "barred": node.barred,
        "holds": node.holds,
        "sees_peer": node.sees_peer,
        "address": node.address,
        "links": dict(node.links),
        "volumes": {name: vars(volume).copy() for name, volume in node.volumes.items()},
        "units": dict(node.units),
    }


def status(nodes: PairNodes) -> PairStatus:
    """Ask both nodes."""
    answers = nodes.run_each({name: question(nodes, name) for name in nodes.names})
    found = tuple(read(nodes, name, answers[name]) for name in nodes.names)
    pair = (found[0], found[1])
    return PairStatus(
        site=nodes.site,
        engine=nodes.pair.engine.value,
        address=str(nodes.pair.address.ip),
        nodes=pair,
        problems=tuple(judge(pair)),
    )


def question(nodes: PairNodes, name: str) -> str:
    """Give the shell script that a node answers: lines of ``key=value``."""
    peer = nodes.engine_name(nodes.other(name))
    lines = ["exec 2>/dev/null"]
    for resource, mount in nodes.mounts.items():
        quoted, place = shlex.quote(resource), shlex.quote(mount)
        lines.append(
            f"echo volume.{resource}=$(drbdadm role {quoted}) $(drbdadm cstate {quoted})"
            f" $(drbdadm dstate {quoted}) $(mountpoint -q {place} && echo mounted)"
        )
    lines.append(
        f"ip -o addr show to {nodes.pair.address.ip} | grep -q inet && echo address=yes"
        " || echo address=no"
    )
    lines += [
        f"echo unit.{unit}=$(systemctl is-active {shlex.quote(unit)})" for unit in nodes.units
    ]
    lines.append("test -e /run/b2ct-ha/alone && echo alone=yes")
    if nodes.pair.engine is HaEngine.HEARTBEAT:
        lines += [
            "echo engine=$(systemctl is-active heartbeat)",
            "echo holds=$(cl_status rscstatus)",
            f"echo sees_peer=$(cl_status nodestatus {peer})",
            f"for link in $(cl_status listhblinks {peer}); do"
            f" echo link.$link=$(cl_status hblinkstatus {peer} $link); done",
        ]
    else:
        lines += [
            "echo engine=$(systemctl is-active pacemaker)",
            f"echo sees_peer=$(crm_mon --one-shot --output-as=xml | {online_filter(peer)})",
            f"cibadmin --query --scope constraints | {allowed_filter()}",
            "corosync-cfgtool -s | awk '/^LINK ID/ {l=$3} /nodeid: *[0-9]+:/"
            ' {if ($3 != "localhost") print "link." l "=" $3}\'',
        ]
    return "\n".join(lines)


def online_filter(peer: str) -> str:
    """Give a filter that finds in Pacemaker's words whether a node is there: true or false.

    Pending is one whose Corosync runs and whose Pacemaker does not.
    """
    here = '/ online="true"/ && !/ pending="true"/'
    program = f'/<node name="{peer}" / {{print ({here}) ? "true" : "false"; exit}}'
    return f"awk {shlex.quote(program)}"


def allowed_filter() -> str:
    """Give a filter that finds which node alone DRBD lets become active: ``allowed=NODE``.

    Its handler of broken replications (crm-fence-peer) writes that into the cluster's constraints.
    """
    program = (
        '/<rsc_location .*id="drbd-fence-by-handler-/ {inside=1}'
        ' inside && match($0, /value="[^"]*"/)'
        ' {print "allowed=" substr($0, RSTART + 7, RLENGTH - 8); inside=0}'
    )
    return f"awk {shlex.quote(program)}"


def read(nodes: PairNodes, name: str, answer: Answer) -> NodeStatus:
    """Understand a node's answer."""
    if not answer.came:
        return NodeStatus(name, error=answer.error)
    said = [line.partition("=") for line in answer.text.splitlines() if "=" in line]
    plain = {key: value.strip() for key, _, value in said}
    engine = plain.get("engine", "unknown")
    sees = plain.get("sees_peer", "")
    return NodeStatus(
        name=name,
        engine=engine,
        waits=engine == "activating",
        alone=plain.get("alone") == "yes",
        barred=plain.get("allowed", nodes.engine_name(name)) != nodes.engine_name(name),
        holds=_holds(plain),
        sees_peer={"true": "active", "false": "dead"}.get(sees, sees or "unknown"),
        address=plain.get("address") == "yes",
        links=_below(plain, "link."),
        volumes={
            resource: _volume(plain.get(f"volume.{resource}", "")) for resource in nodes.mounts
        },
        units=_below(plain, "unit."),
    )


def _below(plain: dict[str, str], prefix: str) -> dict[str, str]:
    return {
        key.removeprefix(prefix): value for key, value in plain.items() if key.startswith(prefix)
    }


def _holds(plain: dict[str, str]) -> str:
    # Heartbeat speaks of local and foreign resources, also where a node has none of its own: only
    # whether they are on their way counts.
    if plain.get("holds") == "transition":
        return "moving"
    return "all" if plain.get("address") == "yes" else "none"


def _volume(said: str) -> Volume:
    words = said.split()
    mounted = "mounted" in words
    words = [word for word in words if word != "mounted"]
    if len(words) < 3:
        return Volume(mounted=mounted)
    # DRBD 9 says more than one word for the connection: only the pair's one peer counts.
    role, connection, disks = words[0], words[1], words[-1]
    disk, _, peer_disk = disks.partition("/")
    return Volume(role.partition("/")[0], connection, disk, peer_disk or "DUnknown", mounted)


def judge(nodes: tuple[NodeStatus, NodeStatus]) -> Iterator[str]:
    """Say what is wrong, the worst first."""
    active = [node for node in nodes if node.holds_anything]
    if len(active) == 2:
        yield "both nodes hold something of the group: see docs/ha.md, Split brain"
    elif not any(node.active for node in nodes):
        yield "the services run on no node"
    for node in nodes:
        if node.error:
            yield f"{node.name} does not answer: {node.error}"
            continue
        yield from _judge_node(node)


def _judge_node(node: NodeStatus) -> Iterator[str]:
    if node.waits:
        yield f"{node.name} waits for the other node to start, see docs/ha.md, Both nodes off"
    elif node.engine != "active":
        yield f"{node.name}: the engine does not run ({node.engine})"
    elif node.sees_peer != "active":
        yield f"{node.name} thinks that the other node is {node.sees_peer}"
    for link, state in node.links.items():
        if state not in {"up", "connected"}:
            yield f"{node.name}: the link {link} is {state}"
    yield from _judge_copies(node)
    for unit, state in node.units.items():
        if node.active and state != "active":
            yield f"{node.name} is active, and {unit} is {state}"
        if not node.holds_anything and state == "active":
            yield f"{node.name} is not active, and {unit} runs there"


def _judge_copies(node: NodeStatus) -> Iterator[str]:
    if node.barred:
        yield f"{node.name} may not take over until its copy is in step: the other one is newer"
    for name, volume in node.volumes.items():
        if volume.connection == "StandAlone":
            yield (
                f"{node.name}: the volume {name} refuses the other copy (StandAlone),"
                " see docs/ha.md, Split brain"
            )
        elif not volume.connected:
            yield f"{node.name}: the volume {name} is {volume.connection}"
        if volume.disk != GOOD_DISK:
            yield f"{node.name}: its copy of {name} is {volume.disk}"
