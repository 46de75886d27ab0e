"""How a lab is: for people and for programs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from b2ct.lab.inventory import FOLDER
from b2ct.lab.lab import Lab


@dataclass(frozen=True)
class NodeStatus:
    """One machine. ``cpu_s`` are the CPU seconds since it was switched on."""

    name: str
    power: str
    pid: int | None
    ssh_port: int
    memory_mib: int
    cpu_s: float
    console_log: Path


@dataclass(frozen=True)
class LabStatus:
    """A lab and its machines."""

    lab: str
    running: bool
    accel: str
    folder: Path
    inventory: Path
    power_port: int
    nodes: tuple[NodeStatus, ...]

    @property
    def all_on(self) -> bool:
        """Whether every machine is on."""
        return all(node.power == "on" for node in self.nodes)


def status(lab: Lab) -> LabStatus:
    """Look at a lab."""
    runs = lab.keeper is not None
    nodes = []
    for guest in lab.running.guests:
        found = lab.process(guest.name)
        nodes.append(
            NodeStatus(
                name=guest.name,
                power=lab.power(guest.name, "status") if runs else "off",
                pid=found.pid if found else None,
                ssh_port=guest.ssh_port,
                memory_mib=guest.memory_mib,
                cpu_s=round(found.cpu_s, 1) if found else 0.0,
                console_log=guest.folder / "console.log",
            )
        )
    return LabStatus(
        lab.running.name,
        runs,
        lab.running.accel,
        lab.folder,
        lab.folder / FOLDER,
        lab.running.power_port,
        tuple(nodes),
    )
