"""Section ``monitoring``: metrics, alerts, the status page, and checks for Nagios."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from b2ct.model.addresses import AnyAddress, AnySubnet
from b2ct.model.types import NO_TRUTH_VALUE, Model

_Percent = Annotated[int, Field(ge=1, le=99), NO_TRUTH_VALUE]


class Monitoring(Model):
    """Exporters on every node; Prometheus, alerts and one plain page on the control nodes."""

    enabled: bool = Field(
        False, description="Whether it is set up. On EL the packages come from EPEL"
    )
    readers: tuple[AnySubnet, ...] = Field(
        (), description="Networks that may read the status page, besides the service network"
    )
    nagios: tuple[AnyAddress, ...] = Field(
        (), description="Nagios servers that may ask every node by NRPE; without any, NRPE is off"
    )
    retention_days: Annotated[int, Field(ge=1, le=3650), NO_TRUTH_VALUE] = Field(
        90, description="For how many days measurements are kept"
    )
    disk_percent: _Percent = Field(90, description="A file system fuller than this is an alert")
    squid_hit_percent: _Percent = Field(
        20, description="A cache that answers less of its requests by itself is an alert"
    )
    certificate_days: Annotated[int, Field(ge=1, le=365), NO_TRUTH_VALUE] = Field(
        21, description="A certificate that ends sooner is an alert"
    )
