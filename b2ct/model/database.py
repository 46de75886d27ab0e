"""Section ``mariadb``: OpenNebula's database."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from b2ct.model.types import NO_TRUTH_VALUE, HostName, Model, Size, matching


class DatabaseMode(StrEnum):
    """How many servers hold the database."""

    SINGLE = "single"
    GALERA = "galera"


class DatabaseBackup(Model):
    """The dumps that a timer makes."""

    time: Annotated[str, matching(r"^([01][0-9]|2[0-3]):[0-5][0-9]$", "a time such as 02:30")] = (
        Field("02:30", description="When, each day; in quotes")
    )
    keep: Annotated[int, Field(ge=1, le=366), NO_TRUTH_VALUE] = Field(
        14, description="How many dumps are kept"
    )


class MariaDb(Model):
    """OpenNebula's database, on the control nodes unless other nodes are named."""

    mode: DatabaseMode = Field(
        DatabaseMode.SINGLE,
        description="single: one server; galera: each server holds all data, and commits on all",
    )
    nodes: tuple[HostName, ...] = Field(
        (), description="The servers; if empty, the first control node, or with galera all of them"
    )
    arbitrator: HostName | None = Field(
        None,
        description="galera only: a node that votes without holding data (garbd), where the"
        " number of servers is even",
    )
    buffer_pool: Size = Field(256 << 20, description="Memory for InnoDB's pages")
    backup: DatabaseBackup = Field(
        default_factory=lambda: DatabaseBackup.model_validate({}), description="The daily dumps"
    )
