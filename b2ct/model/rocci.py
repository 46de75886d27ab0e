"""Section ``rocci``: OCCI for clients that speak nothing else."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from b2ct.model.addresses import AnySubnet
from b2ct.model.releases import Family
from b2ct.model.types import NO_TRUTH_VALUE, HostName, HttpsUrl, Model

#: The Ruby of each release that b2ct installs services on, by family and major number.
RUBIES: Final[dict[tuple[Family, int], str]] = {
    (Family.EL, 8): "2.5",
    (Family.EL, 9): "3.0",
    (Family.EL, 10): "3.3",
    (Family.DEBIAN, 12): "3.1",
    (Family.DEBIAN, 13): "3.3",
}
#: What rOCCI-server 2.0 runs on: 2.2.6 is its own demand, 2.6 the last one that its Rails 5.1
#: works with.
ROCCI_RUBIES: Final = ("2.2.6", "2.6")


class Rocci(Model):
    """rOCCI-server 2.0 of 2017, on one control node. Off unless asked for: see docs/rocci.md."""

    enabled: bool = Field(False, description="Whether it is set up")
    node: HostName | None = Field(
        None, description="The control node that runs it; the first one if not named"
    )
    keystone: HttpsUrl | None = Field(
        None, description="Address of Keystorm, the service from which its clients get tokens"
    )
    port: Annotated[int, Field(ge=1024, le=65535), NO_TRUTH_VALUE] = Field(
        11443, description="TCP port on which it is served over TLS"
    )
    clients: tuple[AnySubnet, ...] = Field(
        (), description="Networks that may use it, besides the service network"
    )
