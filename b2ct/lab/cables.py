"""Pulled cables: noted beside the guest, since a machine that is switched on anew has them all."""

from __future__ import annotations

import time
from typing import Final

from b2ct.errors import B2ctError
from b2ct.lab.monitor import qmp
from b2ct.lab.qemu import QMP
from b2ct.lab.running import RunningGuest

_FOLDER: Final = "pulled"
#: Seconds until QEMU's monitor answers; its firmware takes longer before it asks for a card.
_MONITOR_LIMIT_S: Final = 10.0


def set_cable(guest: RunningGuest, card: str, *, up: bool) -> None:
    """Pull or plug the cable of a card, and note it.

    :raises B2ctError: the machine is off, or has no such card.
    """
    qmp(guest.sockets / QMP, "set_link", name=card, up=up)
    note = guest.folder / _FOLDER / card
    if up:
        note.unlink(missing_ok=True)
    else:
        note.parent.mkdir(exist_ok=True)
        note.touch()


def pulled(guest: RunningGuest) -> tuple[str, ...]:
    """Give the cards whose cables are out."""
    folder = guest.folder / _FOLDER
    return tuple(sorted(file.name for file in folder.iterdir())) if folder.is_dir() else ()


def keep_pulled(guest: RunningGuest) -> None:
    """Pull the cables of a machine that was just started as they were before.

    :raises B2ctError: its monitor does not answer.
    """
    deadline = time.monotonic() + _MONITOR_LIMIT_S
    for card in pulled(guest):
        while True:
            try:
                qmp(guest.sockets / QMP, "set_link", name=card, up=False)
                break
            except B2ctError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
