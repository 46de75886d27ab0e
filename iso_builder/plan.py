"""What a medium shall carry and offer: the input of every builder of this library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class BootEntry:
    """One line of the boot menu that starts the installer.

    ``kickstart`` is the absolute path of a kickstart on the medium; the builder spells it
    for the layout (``inst.ks=hd:LABEL=…`` or ``ks=hd:LABEL=…``). ``arguments`` is appended
    to the kernel command line as it stands. ``initrds`` are paths on the medium that are
    loaded after the installer's own initrd (Debian hands its preseed over that way).
    """

    ident: str  #: [a-z0-9-]+, unique in the plan
    title: str
    kickstart: str | None = None
    arguments: str = ""
    initrds: tuple[str, ...] = ()


@dataclass(frozen=True)
class MediaPlan:
    """A medium: its volume label, its menu and the files added to it.

    The first entry is the default one, started after ``timeout_s`` seconds. The builder
    adds a rescue entry (where the installer has one) and "boot from the local disk".
    ``files`` maps absolute POSIX paths on the medium to their content. ``serial`` is a
    kernel console such as ``ttyS0,115200n8``; None leaves the first console alone.
    """

    label: str
    title: str
    entries: tuple[BootEntry, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)
    timeout_s: int = 10
    serial: str | None = None
