"""Section ``ha``: the control node's services as a failover pair."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from b2ct.model.storage import FileSystem
from b2ct.model.types import (
    NO_TRUTH_VALUE,
    HostName,
    Model,
    MountPoint,
    SectionName,
    Size,
    VolumeName,
    matching,
)


class HaEngine(StrEnum):
    """What watches the nodes and moves the services."""

    AUTO = "auto"  #: heartbeat on Debian, pacemaker on Enterprise Linux
    HEARTBEAT = "heartbeat"
    PACEMAKER = "pacemaker"


class HaService(StrEnum):
    """Services that b2ct itself sets up and can move."""

    MARIADB = "mariadb"
    OPENNEBULA = "opennebula"


UnitName = Annotated[
    str,
    matching(
        r"^[A-Za-z0-9][A-Za-z0-9_.@-]*\.(service|socket|timer)$",
        "the full name of a systemd unit, such as portal.service",
        128,
    ),
]
Seconds = Annotated[int, Field(ge=1, le=600), NO_TRUTH_VALUE]


class HaVolume(Model):
    """A replicated volume, mounted where the services run."""

    mount: MountPoint = Field(description="Where it is mounted on the active node")
    filesystem: FileSystem = Field(FileSystem.EXT4, description="Made when the volume is new")


class Ha(Model):
    """Two control nodes, of which one is active and the other takes over."""

    engine: HaEngine = Field(
        HaEngine.AUTO,
        description="heartbeat (Debian), pacemaker, or auto: heartbeat on Debian, pacemaker on EL",
    )
    nodes: tuple[HostName, ...] = Field(
        (), description="The two nodes, the preferred one first; if empty, the control nodes"
    )
    address: SectionName = Field(
        description="Which of the service network's service_addresses moves with the services"
    )
    links: tuple[SectionName, ...] = Field(
        (),
        description="Networks over which the nodes watch each other; the first one carries the"
        " replication. If empty, the service network alone",
    )
    keepalive: Seconds = Field(1, description="Seconds between two signs of life")
    deadtime: Seconds = Field(
        20, description="Seconds without a sign of life after which a node is dead and is fenced"
    )
    volumes: dict[VolumeName, HaVolume] = Field(
        min_length=1, description="Volumes of purpose drbd of both nodes, in the order of mounting"
    )
    services: tuple[HaService, ...] = Field(
        (HaService.MARIADB, HaService.OPENNEBULA),
        description="What runs on the active node only, in the order of starting",
    )
    units: tuple[UnitName, ...] = Field(
        (), description="Further systemd units of your own, started after the services"
    )
    resync_rate: Size = Field(
        100 << 20, description="How fast a node that was away catches up, a second"
    )
    verify_day: Annotated[
        str, matching(r"^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)$", "a day of the week such as Sun")
    ] = Field("Sun", description="On which night both copies are compared block by block")
