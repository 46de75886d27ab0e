"""What is verified on one host: handed to the worker, and to the fixtures of the checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from testinfra.host import Host

from b2ct.verify.areas import Area
from b2ct.verify.fleet import Target


@dataclass(frozen=True)
class Job:
    """One host and the checks that concern it. ``epoch`` is when the verification began."""

    target: Target
    areas: tuple[Area, ...]
    groups: Mapping[str, tuple[str, ...]]
    host: Host
    epoch: float


#: Where the fixtures find it.
JOB = pytest.StashKey[Job]()
