"""The stages of a deployment, in their order: a playbook each."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from b2ct.data import collection_folder
from b2ct.errors import B2ctError
from b2ct.suggest import did_you_mean

#: Looks only, and is never left out when a deployment goes on.
PRECHECK: Final = "precheck"

#: Every stage, as playbooks/site.yml imports them (a test compares).
STAGES: Final = (
    PRECHECK,
    "base",
    "network",
    "storage",
    "ha",
    "database",
    "opennebula",
    "cache",
    "occi",
    "lvs",
    "monitoring",
)


def chosen(names: Iterable[str]) -> tuple[str, ...]:
    """Give the stages of these names in their order; every stage without names."""
    wanted = set(names)
    for name in sorted(wanted - set(STAGES)):
        raise B2ctError(f"there is no stage {name!r}", did_you_mean(name, STAGES))
    return tuple(stage for stage in STAGES if stage in wanted or not wanted)


def playbook(stage: str) -> Path:
    """Give the playbook of a stage."""
    return collection_folder("playbooks") / f"{stage}.yml"
