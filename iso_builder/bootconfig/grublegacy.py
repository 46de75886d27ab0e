"""BOOTX64.conf of EL 6: the menu of GRUB 0.97 built for UEFI (GRUB legacy manual, chapter 13)."""

from __future__ import annotations

import re

from iso_builder.bootconfig import commandline, model
from iso_builder.bootconfig.model import BootChange, LabelReference, MenuEntry
from iso_builder.errors import MediaError
from iso_builder.plan import BootEntry

SIGNATURE = re.compile(r"(?m)^\s*title\s+\S.*$")

_TITLE = re.compile(r"^\s*title\s+(?P<title>.*?)\s*$")
_KERNEL = re.compile(r"^(?P<lead>\s*kernel\s+)(?P<kernel>\S+)(?P<args>.*)$")
_INITRD = re.compile(r"^(?P<lead>\s*initrd\s+)(?P<files>.*)$")
_OPTION = re.compile(r"^\s*(?P<name>default|timeout|fallback|hiddenmenu)\b(?P<value>.*)$")

# This GRUB has no command that goes on to the firmware's next boot option.
_LOCAL_TITLE = f"{model.LOCAL_TITLE} (restarts: take the medium out)"


def _default(lines: list[str]) -> int:
    for line in lines:
        match = _OPTION.match(line)
        if match and match["name"] == "default":
            value = match["value"].strip(" \t=")
            return int(value) if value.isdecimal() else 0
    return 0


def _ident(title: str, lines: list[str]) -> str:
    """Our entries carry their ident in a comment: this GRUB has no names for entries."""
    return next((m[1] for line in lines if (m := re.match(rf"\s*#\s*({model.OWN}\S+)", line))), "")


def read_entries(text: str) -> tuple[MenuEntry, ...]:
    """Every ``title`` of the file."""
    lines = text.splitlines()
    default = _default(lines)
    starts = [number for number, line in enumerate(lines) if _TITLE.match(line)]
    entries = []
    for index, first in enumerate(starts):
        end = starts[index + 1] if index + 1 < len(starts) else len(lines)
        title = _TITLE.match(lines[first])
        assert title is not None
        kernel = command_line = ""
        initrds: tuple[str, ...] = ()
        line = first
        for number in range(first, end):
            if match := _KERNEL.match(lines[number]):
                kernel, command_line, line = match["kernel"], match["args"].strip(), number
            elif match := _INITRD.match(lines[number]):
                initrds = tuple(match["files"].split())
        entries.append(
            MenuEntry(
                ident=_ident(title["title"], lines[first:end]),
                title=title["title"],
                kernel=kernel,
                command_line=command_line,
                initrds=initrds,
                line=line + 1,
                first=first,
                last=end - 1,
                is_default=index == default,
            )
        )
    return tuple(entries)


def label_references(text: str) -> tuple[LabelReference, ...]:
    """Labels in ``kernel`` lines."""
    return tuple(
        LabelReference(number + 1, name, label)
        for number, line in enumerate(text.splitlines())
        if (match := _KERNEL.match(line))
        for name, label in commandline.labels(match["args"])
    )


def relabel(text: str, old: str, new: str) -> str:
    """Move the label in every ``kernel`` line."""
    return "".join(
        commandline.move_label(line, old, new) if _KERNEL.match(line) else line
        for line in text.splitlines(keepends=True)
    )


def _written(
    lines: list[str], vendor: MenuEntry, change: BootChange, entry: BootEntry
) -> list[str]:
    if entry.initrds:
        raise MediaError(
            f"the UEFI boot loader of EL 6 loads one initrd only (entry {entry.title!r})",
            "leave the additional initrds out, or use a newer release",
        )
    out = [f"title {model.plain(entry.title)}", f"\t# {model.OWN}{entry.ident}"]
    for line in lines[vendor.first + 1 : vendor.last + 1]:
        body = line.strip()
        if match := _KERNEL.match(body):
            args = change.command_line(match["args"].strip(), entry)
            body = f"{match['lead']}{match['kernel']} {args}".rstrip()
        if body:
            out.append(f"\t{body}")
    return out


def edit(text: str, change: BootChange) -> str:
    """See :func:`iso_builder.bootconfig.edit`."""
    plan = change.plan
    lines = relabel(text, change.old_label, plan.label).splitlines()
    entries = read_entries("\n".join(lines))
    vendor = model.template(entries)
    ours = [line for entry in plan.entries for line in _written(lines, vendor, change, entry)]
    ours += [f"title {_LOCAL_TITLE}", f"\t# {model.OWN}local", "\treboot"]
    dropped = model.dropped_lines(entries, change)
    kernels = model.kernel_lines(entries)
    out: list[str] = []
    for number, line in enumerate(lines):
        if number == entries[0].first:
            out += ["default=0", f"timeout={plan.timeout_s}", *ours]
        if number in dropped or (_OPTION.match(line) and number < entries[0].first):
            continue
        out.append(change.vendor_line(line) if number in kernels else line)
    return "\n".join(out) + "\n"
