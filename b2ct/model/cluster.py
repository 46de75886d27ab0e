"""Section ``cluster``: the hypervisors as a cluster that can fence, for storage that they share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field

from b2ct.model.san import Lun
from b2ct.model.types import NO_TRUTH_VALUE, HostName, Model, SectionName, matching

#: The lock table of GFS2 is ``<cluster>:<file system>``; older tools cut it at 16 with the NUL.
CLUSTER_NAME_MAX: Final = 15
#: Most links that knet has.
LINKS_MAX: Final = 8
#: The fence agent that writes poison pills on the disks of SBD.
SBD_AGENT: Final = "fence_sbd"
#: Seconds of a watchdog, where a path is all there is and where a dead one must be noticed first:
#: iSCSI asks every 5 s, waits 5 s for the answer, and 15 s for the session to come back.
_WATCHDOG_S: Final = 15
WATCHDOG_PATHS_S: Final = 30
#: Seconds that Pacemaker gives a fencing device, at least.
FENCE_TIMEOUT_S: Final = 120

_Seconds = Annotated[int, Field(ge=5, le=600), NO_TRUTH_VALUE]


class Sbd(Model):
    """Poison pills on small shared disks, read by each member under the eye of its watchdog."""

    disks: dict[SectionName, Lun] = Field(
        description="One disk or three, of a few MiB each, that hold nothing else"
    )
    watchdog: Annotated[
        str,
        matching(
            r"^/dev/[A-Za-z0-9/_.-]{0,30}watchdog[A-Za-z0-9_.-]{0,20}$",
            "the device of a watchdog, such as /dev/watchdog",
        ),
    ] = Field("/dev/watchdog", description="The watchdog that resets a member whose SBD hangs")
    watchdog_module: (
        Annotated[str, matching(r"^[a-z][A-Za-z0-9_]{0,55}$", "a module such as ipmi_watchdog")]
        | None
    ) = Field(
        None,
        description="Kernel module of the watchdog; if absent, what the system finds by itself, and"
        " softdog where it finds none",
    )
    watchdog_timeout: _Seconds | None = Field(
        None,
        description="Seconds without a good look at the disks after which a member is reset; 15,"
        " or 30 with several paths or iSCSI, if absent",
    )
    msgwait: _Seconds | None = Field(
        None,
        description="Seconds after which a pill counts as taken; twice the watchdog's if absent",
    )
    fence_timeout: Annotated[int, Field(ge=10, le=3600), NO_TRUTH_VALUE] | None = Field(
        None,
        description="Seconds that Pacemaker gives a fencing device (stonith-timeout), more than"
        " 1.2 times msgwait; 120, or 1.5 times msgwait where that is more, if absent",
    )
    erase: tuple[SectionName, ...] = Field(
        (),
        description="Consent: disks that lose whatever is found on them; an empty disk, and one"
        " that SBD has prepared already, needs none",
    )


@dataclass(frozen=True)
class SbdTimes:
    """The times of SBD in seconds, those that were left out filled in."""

    watchdog: int
    msgwait: int
    fence: int


def sbd_times(sbd: Sbd, *, paths: bool) -> SbdTimes:
    """Fill in the times of SBD, with ``paths`` where one may die before the disk is lost."""
    watchdog = sbd.watchdog_timeout or (WATCHDOG_PATHS_S if paths else _WATCHDOG_S)
    msgwait = sbd.msgwait or 2 * watchdog
    fence = sbd.fence_timeout or max(FENCE_TIMEOUT_S, msgwait * 3 // 2)
    return SbdTimes(watchdog, msgwait, fence)


class Cluster(Model):
    """Corosync and Pacemaker on the hypervisors, with fencing."""

    name: Annotated[
        str,
        matching(
            r"^[a-z][a-z0-9-]{0,14}$",
            f"small letters, digits and -, {CLUSTER_NAME_MAX} characters at most, a letter first",
        ),
    ] = Field(
        description="Name of the cluster; it is written into each GFS2 file system, so it stays"
    )
    nodes: tuple[HostName, ...] = Field((), description="The members; if empty, all hypervisors")
    links: tuple[SectionName, ...] = Field(
        (),
        max_length=LINKS_MAX,
        description="Networks over which the members hear each other, the preferred one first;"
        " if empty, the service network",
    )
    token: Annotated[int, Field(ge=1000, le=300000), NO_TRUTH_VALUE] = Field(
        10000, description="Milliseconds of silence after which a member counts as lost"
    )
    sbd: Sbd | None = Field(
        None, description="Fencing through shared disks (agent fence_sbd); none if absent"
    )
