"""grub.cfg: the UEFI menu since EL 7, and the BIOS menu since EL 10 (GRUB manual, chapter 16)."""

from __future__ import annotations

import re

from iso_builder.bootconfig import commandline, model
from iso_builder.bootconfig.model import BootChange, LabelReference, MenuEntry
from iso_builder.errors import MediaError
from iso_builder.plan import BootEntry

SIGNATURE = re.compile(r"(?m)^\s*(?:menuentry|submenu)\s+[\"'\S].*\{")

_BEGIN = re.compile(
    r"^\s*(?P<kind>menuentry|submenu)\s+(?P<title>'[^']*'|\"[^\"]*\"|\S+)(?P<rest>.*)$"
)
_ID = re.compile(r"(?:--id[= ]|\$menuentry_id_option\s+)\s*['\"]?(?P<id>[^\s'\"{]+)")
_KERNEL = re.compile(r"^(?P<lead>\s*linux(?:efi|16)?\s+)(?P<kernel>\S+)(?P<args>.*)$")
_INITRD = re.compile(r"^(?P<lead>\s*initrd(?:efi|16)?\s+)(?P<files>.*)$")
_SET = re.compile(r"^\s*set\s+(?P<name>default|timeout|timeout_style|fallback)=(?P<value>.*)$")
_SEARCH = re.compile(
    r"""(?x)^(?P<lead>\s*search(?:\.fs_label\s+|\s+(?:.*\s)?(?:-l|--label|--fs-label)[\s=]+))
    (?P<label>'[^']*'|"[^"]*"|(?:\\[ ]|[^\s'"])+)"""
)
# -l may stand before the other options, and the label is then the last word.
_SEARCH_LAST = re.compile(
    r"""(?x)^(?P<lead>\s*search\s+(?:.*\s)?(?:-l|--label|--fs-label)\s+(?:--?[A-Za-z][\w-]*(?:=\S+)?\s+)+)
    (?P<label>'[^']*'|"[^"]*"|(?!-)(?:\\[ ]|[^\s'"])+)\s*$"""
)


def _unquoted(text: str) -> str:
    return text[1:-1] if text[:1] in ("'", '"') else text.replace("\\ ", " ")


def _quoted(text: str) -> str:
    """In single quotes, where grub expands nothing; a quote itself is spelt ``'\\''``."""
    return "'" + text.replace("'", "'\\''") + "'"


def _search(line: str) -> re.Match[str] | None:
    return _SEARCH_LAST.match(line) or _SEARCH.match(line)


def _default(lines: list[str]) -> str:
    for line in lines:
        match = _SET.match(line)
        if match and match["name"] == "default":
            return match["value"].strip().strip("\"'")
    return "0"


def _read_one(lines: list[str], first: int, last: int) -> MenuEntry:
    begin = _BEGIN.match(lines[first])
    assert begin is not None
    ident = _ID.search(begin["rest"])
    kernel = command_line = ""
    initrds: tuple[str, ...] = ()
    line = first
    for number in range(first, last + 1):
        if match := _KERNEL.match(lines[number]):
            kernel, command_line, line = match["kernel"], match["args"].strip(), number
        elif match := _INITRD.match(lines[number]):
            initrds = tuple(match["files"].split())
    return MenuEntry(
        ident=ident["id"] if ident else "",
        title=_unquoted(begin["title"]),
        kernel=kernel,
        command_line=command_line,
        initrds=initrds,
        line=line + 1,
        first=first,
        last=last,
    )


def read_entries(text: str) -> tuple[MenuEntry, ...]:
    """Every ``menuentry`` of the file, those of submenus included."""
    lines = text.splitlines()
    default = _default(lines)
    entries: list[MenuEntry] = []
    blocks: list[tuple[str, int]] = []  # the kind and first line of each open brace
    top = 0  # how many entries and submenus the main menu has so far
    numbers: dict[int, str] = {}
    for number, line in enumerate(lines):
        stripped = line.split(" #")[0].strip()
        if stripped.startswith("#"):
            continue
        if stripped.endswith("{") or stripped.endswith("{ true }"):
            begin = _BEGIN.match(line)
            kind = begin["kind"] if begin else ""
            if kind and not blocks:
                numbers[number] = str(top)
                top += 1
            if stripped.endswith("{"):
                blocks.append((kind, number))
            elif kind == "menuentry":
                entries.append(_read_one(lines, number, number))
        elif stripped == "}" and blocks:
            kind, first = blocks.pop()
            if kind == "menuentry":
                entries.append(_read_one(lines, first, number))
    entries.sort(key=lambda entry: entry.first)
    return tuple(
        model.with_default(
            entry, default in (numbers.get(entry.first, "-"), entry.ident or "-", entry.title)
        )
        for entry in entries
    )


def label_references(text: str) -> tuple[LabelReference, ...]:
    """Labels in ``search`` commands and kernel command lines."""
    found = []
    for number, line in enumerate(text.splitlines()):
        if match := _search(line):
            found.append(LabelReference(number + 1, "search", _unquoted(match["label"])))
        elif match := _KERNEL.match(line):
            found += [
                LabelReference(number + 1, name, label)
                for name, label in commandline.labels(match["args"])
            ]
    return tuple(found)


def relabel(text: str, old: str, new: str) -> str:
    """Move the label in ``search`` commands and kernel command lines."""
    out = []
    for line in text.splitlines(keepends=True):
        match = _search(line)
        if match and _unquoted(match["label"]) == old:
            label = f"{match['label'][0]}{new}{match['label'][0]}"
            start, end = match.span("label")
            out.append(line[:start] + (label if label[0] in "'\"" else new) + line[end:])
        elif _KERNEL.match(line):
            out.append(commandline.move_label(line, old, new))
        else:
            out.append(line)
    return "".join(out)


def _written(
    lines: list[str], vendor: MenuEntry, change: BootChange, entry: BootEntry
) -> list[str]:
    begin = _BEGIN.match(lines[vendor.first])
    assert begin is not None
    rest = re.sub(_ID, "", begin["rest"]).strip()
    title = _quoted(model.plain(entry.title))
    out = [f"menuentry {title} --id {model.OWN}{entry.ident} {rest}"]
    for line in lines[vendor.first + 1 : vendor.last]:
        body = line.strip()
        if match := _KERNEL.match(body):
            if body.endswith("\\"):
                raise MediaError(
                    f"the kernel command line of {vendor.title!r} goes on in a second line",
                    "use the vendor's unmodified boot or netinst ISO as the base",
                )
            args = change.command_line(match["args"].strip(), entry)
            body = f"{match['lead']}{match['kernel']} {args}"
        elif _INITRD.match(body) and entry.initrds:
            body = f"{body.rstrip()} {' '.join(entry.initrds)}"
        out.append(f"\t{body}")
    return [*out, "}"]


# Where the systems that this medium installs put their UEFI loaders. None of these folders
# is on the medium itself.
_LOCAL_LOADERS = (
    *(f"/EFI/{name}/shimx64.efi" for name in ("almalinux", "rocky", "centos", "redhat", "debian")),
    "/EFI/debian/grubx64.efi",
)
# In UEFI the disk's own loader is started: a plain `exit` would tell the firmware that all
# went well, and it would show its set-up screen instead of going on to the disk (UEFI 2.10,
# section 3.1.1). `exit 1` at the end is Red Hat's spelling of "go on"; others ignore the 1.
# A BIOS loads the first sector of the first disk that is not the medium; `root` names that.
_LOCAL = f"""\
menuentry '{model.LOCAL_TITLE}' --id {model.OWN}local {{
	if [ "$grub_platform" = "efi" ]; then
		for loader in {" ".join(_LOCAL_LOADERS)}; do
			if search --no-floppy --set=disk --file $loader; then
				chainloader ($disk)$loader
				boot
			fi
		done
		exit 1
	fi
	insmod chain
	insmod regexp
	if regexp '^hd0' "$root"; then
		chainloader (hd1)+1
	else
		chainloader (hd0)+1
	fi
}}"""


def menu(change: BootChange, lines: list[str], vendor: MenuEntry) -> list[str]:
    """The lines of all our entries, modelled on ``vendor`` of the file ``lines``."""
    out = [f"menuentry {_quoted(model.plain(change.plan.title))} --id {model.OWN}title {{ true }}"]
    for entry in change.plan.entries:
        out += _written(lines, vendor, change, entry)
    return [*out, *_LOCAL.splitlines()]


def _serial(console: str) -> list[str]:
    port = model.serial_port(console)
    if port is None:
        return []
    return [
        f"if serial --unit={port[0]} --speed={port[1]}; then",
        "  terminal_input --append serial",
        "  terminal_output --append serial",
        "fi",
    ]


def edit(text: str, change: BootChange) -> str:
    """See :func:`iso_builder.bootconfig.edit`."""
    plan = change.plan
    lines = relabel(text, change.old_label, plan.label).splitlines()
    entries = read_entries("\n".join(lines))
    vendor = model.template(entries)
    ours = menu(change, lines, vendor)
    dropped = model.dropped_lines(entries, change)
    begin = next((n for n, line in enumerate(lines) if _BEGIN.match(line)), None)
    if begin is None:
        raise MediaError("the grub.cfg has no menu entry")
    kernels = model.kernel_lines(entries)
    head = [
        *_serial(plan.serial or ""),
        f'set default="{model.OWN}{plan.entries[0].ident}"',
        f"set timeout={plan.timeout_s}",
        "",
    ]
    out: list[str] = []
    for number, line in enumerate(lines):
        if number == begin:
            out += [*head, *ours]
        if number in dropped or _SET.match(line):
            continue
        out.append(change.vendor_line(line) if number in kernels else line)
    return "\n".join(out) + "\n"
