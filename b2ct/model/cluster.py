"""Section ``cluster``: the hypervisors as a cluster that can fence, for storage that they share."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from b2ct.model.types import NO_TRUTH_VALUE, HostName, Model, SectionName, matching

#: The lock table of GFS2 is ``<cluster>:<file system>``; older tools cut it at 16 with the NUL.
CLUSTER_NAME_MAX: Final = 15
#: Most links that knet has.
LINKS_MAX: Final = 8


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
