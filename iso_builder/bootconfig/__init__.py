"""Boot menus as pure text: read them, move their volume label, add entries.

Three dialects cover the netinstall media of Enterprise Linux: isolinux.cfg (BIOS, EL 6 to
9), grub.cfg (UEFI since EL 7, BIOS since EL 10) and grub legacy's BOOTX64.conf (UEFI of
EL 6). No function here reads or writes a file.
"""

from __future__ import annotations

import re
from typing import Protocol

from iso_builder.bootconfig import grub2, grublegacy, isolinux
from iso_builder.bootconfig.model import BootChange, Dialect, LabelReference, MenuEntry

__all__ = [
    "BootChange",
    "Dialect",
    "LabelReference",
    "MenuEntry",
    "dialect_of",
    "edit",
    "label_references",
    "read_entries",
    "relabel",
]


class _Language(Protocol):
    """What the module of each dialect offers."""

    SIGNATURE: re.Pattern[str]

    def read_entries(self, text: str) -> tuple[MenuEntry, ...]: ...
    def label_references(self, text: str) -> tuple[LabelReference, ...]: ...
    def relabel(self, text: str, old: str, new: str) -> str: ...
    def edit(self, text: str, change: BootChange) -> str: ...


_DIALECTS: dict[Dialect, _Language] = {
    Dialect.ISOLINUX: isolinux,
    Dialect.GRUB2: grub2,
    Dialect.GRUB_LEGACY: grublegacy,
}


def dialect_of(text: str) -> Dialect | None:
    """Tell the dialect from the text itself; None when it is no menu of a known dialect.

    Names do not tell: ``BOOT.conf`` is grub legacy on EL 6 and grub 2 on EL 7.
    """
    for dialect, module in _DIALECTS.items():
        if module.SIGNATURE.search(text):
            return dialect
    return None


def read_entries(text: str, dialect: Dialect) -> tuple[MenuEntry, ...]:
    """Every entry of the menu and its submenus, in the order of the file."""
    return _DIALECTS[dialect].read_entries(text)


def label_references(text: str, dialect: Dialect) -> tuple[LabelReference, ...]:
    """Every place where the menu names a volume by its label, comments left out."""
    return _DIALECTS[dialect].label_references(text)


def relabel(text: str, dialect: Dialect, old: str, new: str) -> str:
    """Move every reference to the volume ``old`` to ``new``; change nothing else."""
    return _DIALECTS[dialect].relabel(text, old, new)


def edit(text: str, dialect: Dialect, change: BootChange) -> str:
    """Make the plan's entries the first ones of the menu and its first entry the default.

    The vendor's entries stay below them (the rescue entry among them), their labels moved.
    Raises :class:`~iso_builder.errors.MediaError` when the menu has no entry that starts an
    installer, or when a kernel command line would be too long.
    """
    return _DIALECTS[dialect].edit(text, change)
