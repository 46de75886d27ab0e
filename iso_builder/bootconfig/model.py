"""What the three dialects of boot menus have in common."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from iso_builder.bootconfig import commandline
from iso_builder.errors import MediaError
from iso_builder.plan import BootEntry, MediaPlan

#: Idents of our own entries begin with this, so that a second edit replaces them.
OWN = "b2ct-"

LOCAL_TITLE = "Boot from the local disk"

#: COMMAND_LINE_SIZE of the x86 kernels and the limit of isolinux are 2048 with the final NUL.
_LONGEST_COMMAND_LINE = 2047


class Dialect(StrEnum):
    """A language of boot menus."""

    ISOLINUX = "isolinux"
    GRUB2 = "grub2"
    GRUB_LEGACY = "grub-legacy"


@dataclass(frozen=True)
class MenuEntry:
    """One entry of a menu.

    ``command_line`` is the kernel's, as the file spells it (isolinux: the ``append`` text,
    with its ``initrd=``). ``line`` is its 1-based line, that of the title for entries that
    start no kernel. ``first`` and ``last`` are the 0-based lines of the whole entry.
    """

    ident: str
    title: str
    kernel: str
    command_line: str
    initrds: tuple[str, ...]
    line: int
    first: int
    last: int
    is_default: bool = False

    @property
    def is_own(self) -> bool:
        """Whether an earlier edit of ours wrote it."""
        return self.ident.startswith(OWN)

    @property
    def checks_medium(self) -> bool:
        """Whether the installer checks the implanted MD5 first."""
        return commandline.has_argument(self.command_line, *commandline.MEDIA_CHECK)

    @property
    def is_rescue(self) -> bool:
        """Whether it starts the vendor's rescue system."""
        return commandline.has_argument(self.command_line, "rescue", "inst.rescue")

    @property
    def is_installer(self) -> bool:
        """Whether it starts a kernel with an initrd to install from."""
        has_initrd = bool(self.initrds) or commandline.has_argument(self.command_line, "initrd")
        return bool(self.kernel) and has_initrd and not self.is_rescue


@dataclass(frozen=True)
class LabelReference:
    """A place that names a volume by its label. ``label`` is decoded (``\\x20`` is a space)."""

    line: int  #: 1-based
    where: str  #: the kernel argument, or ``search``
    label: str


@dataclass(frozen=True)
class BootChange:
    """What an edit shall do. ``old_label`` is the volume label that the base had.

    ``kickstart_argument`` is ``inst.ks``, or ``ks`` for EL 6. Without ``media_check``
    no entry checks the medium any more.
    """

    plan: MediaPlan
    old_label: str
    kickstart_argument: str = "inst.ks"
    media_check: bool = True

    def _with_console(self, text: str) -> str:
        if not self.plan.serial:
            return text
        # The last console is the one of the installer's own dialog.
        text = commandline.remove_arguments(text, "console")
        return commandline.append(text, f"console=tty0 console={self.plan.serial}")

    def vendor_line(self, line: str) -> str:
        """A whole line with the kernel command line of an entry of the vendor's."""
        if not self.media_check:
            line = commandline.remove_arguments(line, *commandline.MEDIA_CHECK)
        return self._with_console(line)

    def command_line(self, vendor: str, entry: BootEntry) -> str:
        """The vendor's command line with the plan's arguments added to it."""
        text = commandline.remove_arguments(vendor, "ks", "inst.ks")
        if not self.media_check:
            text = commandline.remove_arguments(text, *commandline.MEDIA_CHECK)
        if entry.kickstart:
            source = f"hd:LABEL={self.plan.label}:{entry.kickstart}"
            text = commandline.append(text, f"{self.kickstart_argument}={source}")
        text = self._with_console(text)
        text = commandline.append(text, entry.arguments.strip())
        if len(text) > _LONGEST_COMMAND_LINE:
            raise MediaError(
                f"the kernel command line of the entry {entry.title!r} has {len(text)} "
                f"characters; the boot loaders pass {_LONGEST_COMMAND_LINE}",
                "shorten the additional arguments",
            )
        return text


def plain(title: str) -> str:
    """A title in the characters that every boot menu can show: printable ASCII."""
    folded = unicodedata.normalize("NFKD", title)
    text = "".join(
        c if " " <= c <= "~" else "" if unicodedata.combining(c) else "?" for c in folded
    )
    return " ".join(text.split())


def serial_port(console: str) -> tuple[int, int] | None:
    """Unit and baud rate of a console such as ``ttyS1,115200n8``; None for other devices."""
    match = re.fullmatch(r"ttyS([0-9]+)(?:,([0-9]+)[noe]?[5-8]?r?)?", console)
    if not match:
        return None
    return int(match[1]), int(match[2] or 9600)


def template(entries: Iterable[MenuEntry]) -> MenuEntry:
    """The vendor's entry that ours are modelled on: the default one, or the first installer."""
    candidates = [entry for entry in entries if entry.is_installer and not entry.is_own]
    if not candidates:
        raise MediaError(
            "the boot menu has no entry that starts an installer (kernel and initrd)",
            "use the vendor's unmodified boot or netinst ISO as the base",
        )
    return next((entry for entry in candidates if entry.is_default), candidates[0])


def superfluous(entries: Iterable[MenuEntry]) -> list[MenuEntry]:
    """Checking entries that differ from another entry only in the check of the medium."""
    listed = list(entries)

    def bare(entry: MenuEntry) -> tuple[str, str, tuple[str, ...]]:
        text = commandline.remove_arguments(entry.command_line, *commandline.MEDIA_CHECK)
        return entry.kernel, " ".join(text.split()), entry.initrds

    unchecked = {bare(entry) for entry in listed if not entry.checks_medium}
    return [entry for entry in listed if entry.checks_medium and bare(entry) in unchecked]


def dropped_lines(entries: Iterable[MenuEntry], change: BootChange) -> set[int]:
    """The 0-based lines of entries that an edit leaves out."""
    listed = list(entries)
    useless = [] if change.media_check else superfluous(listed)
    return {
        number
        for entry in listed
        if entry.is_own or entry in useless
        for number in range(entry.first, entry.last + 1)
    }


def kernel_lines(entries: Iterable[MenuEntry]) -> set[int]:
    """The 0-based lines with the command lines of the vendor's installer and rescue entries."""
    return {entry.line - 1 for entry in entries if entry.is_installer or entry.is_rescue}


def with_default(entry: MenuEntry, is_default: bool) -> MenuEntry:
    """The entry with its default flag set."""
    return replace(entry, is_default=is_default)
