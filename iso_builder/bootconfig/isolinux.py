"""isolinux.cfg: the BIOS menu of EL 6 to EL 9 (syslinux wiki, "Config" and "Menu")."""

from __future__ import annotations

import re

from iso_builder.bootconfig import commandline, model
from iso_builder.bootconfig.model import BootChange, LabelReference, MenuEntry
from iso_builder.plan import BootEntry

SIGNATURE = re.compile(r"(?im)^\s*(?:label\s+\S+|append\s+\S+)\s*$|^\s*default\s+\S+\.c32\s*$")

_KERNELS = ("kernel", "linux")
# Keywords that belong to the entry begun by the last `label`.
_OF_ENTRY = (*_KERNELS, "append", "initrd", "localboot", "com32", "boot", "ipappend", "sysappend")
_MENU_OF_ENTRY = ("label", "default", "indent", "hide", "disable", "passwd", "exit", "quit", "goto")


def _keyword(line: str) -> tuple[str, str]:
    """The lower-case keyword of a line (two words after ``menu``) and the text after it."""
    match = re.match(r"\s*(\S+)\s*(.*?)\s*$", line)
    if not match or match[1].startswith("#"):
        return "", ""
    word, rest = match[1].lower(), match[2]
    if word in ("menu", "text") and rest:
        second, _, rest = rest.partition(" ")
        return f"{word} {second.lower()}", rest.strip()
    return word, rest


def _keywords(lines: list[str]) -> list[tuple[str, str]]:
    """Keyword and text of every line; help texts count as lines without a keyword."""
    found = []
    in_help = False
    for line in lines:
        keyword, rest = _keyword(line)
        if in_help and keyword != "endtext":
            keyword, rest = "help", ""
        in_help = keyword == "text help" or (in_help and keyword != "endtext")
        found.append((keyword, rest))
    return found


def _belongs(keyword: str) -> bool:
    word, _, second = keyword.partition(" ")
    if word == "menu":
        return second in _MENU_OF_ENTRY
    return word in (*_OF_ENTRY, "text", "help", "endtext")


def _entry(lines: list[str], first: int, last: int) -> MenuEntry:
    ident = title = kernel = command_line = ""
    initrds: tuple[str, ...] = ()
    line, is_default = first, False
    for number in range(first, last + 1):
        keyword, rest = _keyword(lines[number])
        if keyword == "label":
            ident = rest
        elif keyword == "menu label":
            title = rest.replace("^", "")
        elif keyword == "menu default":
            is_default = True
        elif keyword in _KERNELS:
            kernel = rest
        elif keyword == "initrd":
            initrds = tuple(rest.split(","))
        elif keyword == "append":
            command_line, line = rest, number
    return MenuEntry(
        ident=ident,
        title=title or ident,
        kernel=kernel,
        command_line=command_line,
        initrds=initrds,
        line=line + 1,
        first=first,
        last=last,
        is_default=is_default,
    )


def read_entries(text: str) -> tuple[MenuEntry, ...]:
    """Every ``label`` of the file."""
    lines = text.splitlines()
    spans: list[list[int]] = []
    default, is_open = "", False
    for number, (keyword, rest) in enumerate(_keywords(lines)):
        if keyword == "label":
            spans.append([number, number])
            is_open = True
        elif keyword == "default" and not is_open:
            default = rest
        elif _belongs(keyword) and is_open:
            spans[-1][1] = number
        elif keyword.startswith("menu"):
            is_open = False
    entries = [_entry(lines, first, last) for first, last in spans]
    if not any(entry.is_default for entry in entries):
        entries = [model.with_default(entry, entry.ident == default) for entry in entries]
    return tuple(entries)


def _is_command(line: str) -> bool:
    return _keyword(line)[0] in ("append", *_KERNELS)


def label_references(text: str) -> tuple[LabelReference, ...]:
    """Labels in ``append`` lines, the global one included."""
    return tuple(
        LabelReference(number + 1, name, label)
        for number, line in enumerate(text.splitlines())
        if _is_command(line)
        for name, label in commandline.labels(_keyword(line)[1])
    )


def relabel(text: str, old: str, new: str) -> str:
    """Move the label in every ``append`` line."""
    return "".join(
        commandline.move_label(line, old, new) if _is_command(line) else line
        for line in text.splitlines(keepends=True)
    )


def _written(
    lines: list[str], vendor: MenuEntry, change: BootChange, entry: BootEntry
) -> list[str]:
    """Our entry: the vendor's, with its title and command line changed."""
    indent = "  "
    out = [f"label {model.OWN}{entry.ident}"]
    out.append(f"{indent}menu label {model.plain(entry.title).replace('^', '')}")
    if entry is change.plan.entries[0]:
        out.append(f"{indent}menu default")
    has_append = False
    more = ",".join(entry.initrds)
    for number in range(vendor.first, vendor.last + 1):
        keyword, rest = _keyword(lines[number])
        if keyword == "append":
            has_append = True
            if more and not vendor.initrds:
                rest = re.sub(r"(?<!\S)initrd=\S+", lambda match: f"{match[0]},{more}", rest)
            out.append(f"{indent}append {change.command_line(rest, entry)}")
        elif keyword == "initrd":
            out.append(f"{indent}initrd {rest},{more}" if more else f"{indent}initrd {rest}")
        elif keyword in _OF_ENTRY:
            out.append(f"{indent}{keyword} {rest}")
    if not has_append:
        out.append(f"{indent}append {change.command_line('', entry)}")
    out.append("")
    return out


def menu(change: BootChange, lines: list[str], vendor: MenuEntry) -> list[str]:
    """The lines of all our entries, modelled on ``vendor`` of the file ``lines``."""
    out = []
    for entry in change.plan.entries:
        out += _written(lines, vendor, change, entry)
    out += [
        f"label {model.OWN}local",
        f"  menu label {model.LOCAL_TITLE}",
        "  localboot 0xffff",
        "",
    ]
    return out


def _kept(keyword: str, in_submenu: bool, has_serial: bool) -> bool:
    """Whether a line of the vendor's stays: what we write anew or what undoes it goes."""
    if keyword in ("menu default", "menu hidden", "menu autoboot", "ontimeout", "totaltimeout"):
        return False
    if keyword in ("timeout", "menu title"):
        return in_submenu
    return not (keyword == "serial" and has_serial)


def edit(text: str, change: BootChange) -> str:
    """See :func:`iso_builder.bootconfig.edit`."""
    plan = change.plan
    lines = relabel(text, change.old_label, plan.label).splitlines()
    entries = read_entries("\n".join(lines))
    ours = menu(change, lines, model.template(entries))
    dropped = model.dropped_lines(entries, change)
    port = model.serial_port(plan.serial) if plan.serial else None
    # isolinux counts tenths of seconds, and 0 would wait for ever.
    head = [f"timeout {max(plan.timeout_s * 10, 1)}", f"menu title {model.plain(plan.title)}"]
    keywords = _keywords(lines)
    begin = next(n for n, (word, _) in enumerate(keywords) if word in ("label", "menu begin"))
    out: list[str] = [f"serial {port[0]} {port[1]}"] if port else []
    kernels = model.kernel_lines(entries)
    depth = 0
    for number, (line, (keyword, rest)) in enumerate(zip(lines, keywords, strict=True)):
        if number == begin:
            out += [*head, "", *ours]
        depth += (keyword == "menu begin") - (keyword == "menu end")
        if number in dropped or not _kept(keyword, depth > 0, port is not None):
            continue
        if keyword == "default" and not rest.lower().endswith(".c32"):
            out.append(f"default {model.OWN}{plan.entries[0].ident}")
        else:
            out.append(change.vendor_line(line) if number in kernels else line)
    return "\n".join(out) + "\n"
