"""Section ``lvs``: service addresses behind which several nodes answer."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from b2ct.model.addresses import AnySubnet
from b2ct.model.types import NO_TRUTH_VALUE, HostName, Model, SectionName, matching


class LvsKind(StrEnum):
    """What answers, and so which servers it has, on which port, and how its health is judged."""

    SQUID = "squid"  #: the cache nodes
    FIREEDGE = "fireedge"  #: the control nodes' web front
    ROCCI = "rocci"  #: rOCCI-server's TLS port
    TCP = "tcp"  #: anything of your own that accepts connections
    HTTP = "http"
    HTTPS = "https"


class LvsScheduler(StrEnum):
    """Which server gets the next connection, as ipvsadm names it."""

    WLC = "wlc"  #: the one with the fewest connections for its weight
    LC = "lc"
    WRR = "wrr"
    RR = "rr"
    SH = "sh"  #: a client always gets the same one


Seconds = Annotated[int, Field(ge=1, le=600), NO_TRUTH_VALUE]
#: A kernel's weight is larger; nobody needs more, and keepalived takes no more.
Weight = Annotated[int, Field(ge=0, le=65535), NO_TRUTH_VALUE]
UrlPath = Annotated[
    str, matching(r"^/[A-Za-z0-9/._~?=&%+-]*$", "a path such as /status: absolute, no blanks", 255)
]


class LvsCheck(Model):
    """How a server shows that it is well, where asking it over HTTP is to be another question."""

    path: UrlPath | None = Field(None, description="Path that is asked for; the kind's own if none")
    status: Annotated[int, Field(ge=100, le=599), NO_TRUTH_VALUE] | None = Field(
        None, description="The one status that is well; the kind's own, or any of 200 to 299"
    )


class LvsService(Model):
    """A service address and port, and who answers there."""

    kind: LvsKind = Field(
        description="squid, fireedge and rocci know their servers, port and question;"
        " tcp, http and https are for services of your own"
    )
    address: SectionName = Field(
        description="Which of the networks' service_addresses it is reached at"
    )
    port: Annotated[int, Field(ge=1, le=65535), NO_TRUTH_VALUE] | None = Field(
        None, description="TCP port, the same on every server; that of the kind if none"
    )
    servers: tuple[HostName, ...] = Field(
        (), description="Nodes, or roles for every node of that role; those of the kind if empty"
    )
    weights: dict[HostName, Weight] = Field(
        default_factory=dict,
        description="Share of a server, 1 if it is not named; one with 0 gets no new connections",
    )
    scheduler: LvsScheduler = Field(
        LvsScheduler.WLC, description="wlc gives a connection to the server with the fewest"
    )
    persistence: Annotated[int, Field(ge=0, le=86400), NO_TRUTH_VALUE] = Field(
        0, description="Seconds for which a client stays with its server; 0 for none"
    )
    clients: tuple[AnySubnet, ...] = Field(
        (),
        description="Who may use a tcp, http or https service; the site's networks if empty."
        " The other kinds say it in their own sections",
    )
    check: LvsCheck = Field(
        default_factory=lambda: LvsCheck.model_validate({}), description="Another question"
    )


class Lvs(Model):
    """Two directors, of which one holds the service addresses and passes connections on."""

    directors: tuple[HostName, ...] = Field(
        description="The two directors, the preferred one first; they may be servers as well"
    )
    services: dict[SectionName, LvsService] = Field(min_length=1, description="By name")
    interval: Seconds = Field(2, description="Seconds between two questions to each server")
    timeout: Seconds = Field(2, description="Seconds within which it answers")
    retries: Annotated[int, Field(ge=0, le=10), NO_TRUTH_VALUE] = Field(
        1, description="How often it is asked again, each a second later, before it is left out"
    )
    advertise: Annotated[int, Field(ge=1, le=40), NO_TRUTH_VALUE] = Field(
        1,
        description="Seconds between two signs of life of the active director;"
        " after three without one the other one takes over",
    )
