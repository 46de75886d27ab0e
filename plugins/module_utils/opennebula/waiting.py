"""Waiting for what oned does in the background, with a limit and its own words where it fails."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol
from xml.etree.ElementTree import Element

from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.errors import OneError
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.xml import number_of

_LONGEST = 3.0
_DELETION = 30


class Subject(Protocol):
    """What can be waited for."""

    recovers: bool
    failure_hint: str

    @property
    def label(self) -> str:
        """Say what it is, for people."""

    def read(self, number: int) -> Element:
        """Give it as its own ``info`` shows it."""

    def find(self) -> Element | None:
        """Give it, if it is there."""

    def pending(self, element: Element) -> str | None:
        """Say what it still waits for."""

    def failed(self, element: Element) -> str | None:
        """Say how it has failed."""

    def still_there(self, element: Element) -> None:
        """Raise where its deletion has failed."""


def settled(
    subject: Subject,
    element: Element,
    limit: int,
    warn: Callable[[str], None],
    *,
    fresh: bool,
) -> Element:
    """Wait until oned has done in the background what the object waits for.

    :param limit: how long, in seconds.
    :param fresh: something was changed, so a failure may be that of the former state.
    """
    deadline = time.monotonic() + limit
    pause = 0.1
    while True:
        waits_for, failure = subject.pending(element), subject.failed(element)
        if failure is not None and subject.recovers and not fresh:
            warn(f"{subject.label} has failed: {failure}; {subject.failure_hint}")
            return element
        if failure is not None and not subject.recovers:
            raise OneError(f"{subject.label} has failed: {failure}", subject.failure_hint)
        if waits_for is None and failure is None:
            return element
        if time.monotonic() > deadline:
            raise OneError(
                f"{subject.label} is not ready after {limit} seconds: {failure or waits_for}",
                subject.failure_hint or "see the front-end's /var/log/one/oned.log",
            )
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST)
        element = subject.read(number_of(element, "ID"))


def gone(subject: Subject, limit: int | None, look_again: Callable[[], None]) -> None:
    """Wait until an object whose deletion oned has taken is no more.

    :param limit: how long, in seconds.
    :param look_again: forgets what was seen of oned before.
    """
    limit = limit or _DELETION
    deadline = time.monotonic() + limit
    pause = 0.05
    while True:
        look_again()
        left = subject.find()
        if left is None:
            return
        subject.still_there(left)
        if time.monotonic() > deadline:
            raise OneError(
                f"{subject.label} is still there {limit} seconds after oned took its deletion",
                "see the front-end's /var/log/one/oned.log",
            )
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST)
