"""A site as text: what is true of it, its nodes as a table, its networks as a picture."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Sequence
from enum import IntEnum

from b2ct.show.picture import Bus, Picture, Row

_GAP = 2


class _Detail(IntEnum):
    """How much is said where a node meets a network."""

    FIRST_ADDRESS = 0
    ADDRESSES = 1
    ALL = 2


def text(picture: Picture, width: int = 100) -> str:
    """Give the whole text; no line of the tables is broken, prose is broken at ``width``."""
    parts = [
        f"Site {picture.title}",
        _facts(picture, width),
        "Nodes",
        _table(_HEAD, [_cells(row) for row in picture.rows]),
        "Networks",
        _networks(picture, width),
        "Disks",
        _disks(picture),
    ]
    return "\n\n".join(parts) + "\n"


def _facts(picture: Picture, width: int) -> str:
    wide = max(len(label) for label, _ in picture.facts)
    lines = []
    for label, value in picture.facts:
        indent = " " * (wide + _GAP + 2)
        lines += textwrap.wrap(
            f"  {label:<{wide + _GAP}}{value}", width, subsequent_indent=indent
        ) or [f"  {label}"]
    return "\n".join(lines)


_HEAD = ("name", "roles", "release", "hardware", "recognised by")


def _cells(row: Row) -> tuple[str, ...]:
    return (row.name, ", ".join(row.roles), row.release, row.hardware or "-", row.known_by)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(_wide(line[column]) for line in (head, *rows)) for column in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell + " " * (wide - _wide(cell)) for cell, wide in zip(cells, widths, strict=True)
        ]
        return ("  " + (" " * _GAP).join(padded)).rstrip()

    return "\n".join([line([cell.upper() for cell in head]), *(line(row) for row in rows)])


def _wide(cell: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in cell)


def _networks(picture: Picture, width: int) -> str:
    """Draw each network as a line downwards, each node as a line that meets its networks.

    Where the whole would be wider than ``width``, the devices are left out, then all but the
    first address.
    """
    for detail in reversed(_Detail):
        drawn = _drawn(picture, detail)
        if max(_wide(line) for line in drawn.splitlines()) <= width:
            break
    return drawn


def _drawn(picture: Picture, detail: _Detail) -> str:
    heads = [_head(bus) for bus in picture.buses]
    left = max([len(row.name) for row in picture.rows] + [len("gateway")]) + 2
    widths = []
    for bus, head in zip(picture.buses, heads, strict=True):
        cells = [_meeting(row, bus, detail) for row in picture.rows]
        widest = max([_wide(cell) + 2 for cell in cells] + [_wide(line) for line in head])
        widths.append(widest + 3)
    lines = []
    for number in range(max(len(head) for head in heads)):
        padded = [
            (head[number] if number < len(head) else "").ljust(wide)
            for head, wide in zip(heads, widths, strict=True)
        ]
        lines.append("  " + " " * left + "".join(padded))
    down = "  " + " " * left + "".join("│".ljust(wide) for wide in widths)
    lines.append(down)
    for section in picture.sections:
        for row in section.rows:
            meetings = [_meeting(row, bus, detail) for bus in picture.buses]
            lines.append(_node_line(row, picture.buses, meetings, widths, left))
        lines.append(down)
    return "\n".join(line.rstrip() for line in lines)


def _head(bus: Bus) -> list[str]:
    lines = [bus.name.upper(), f"{bus.tag}, MTU {bus.mtu}", *bus.subnets]
    lines += [f"gateway {gateway}" for gateway in bus.gateways]
    lines += [f"{vip} at {address}" for vip, address in bus.service_addresses]
    for span in bus.vm_ranges:
        first, _, last = span.partition(" – ")
        lines += [f"VMs from {first}", f"      to {last}"]
    return lines


def _meeting(row: Row, bus: Bus, detail: _Detail) -> str:
    stop = row.stop(bus.name)
    if stop is None:
        return ""
    if detail is _Detail.ALL:
        return " ".join((*stop.addresses, f"[{stop.interface}]"))
    addresses = stop.addresses[:1] if detail is _Detail.FIRST_ADDRESS else stop.addresses
    return " ".join(addresses) or stop.interface.partition(" on ")[0]


def _node_line(
    row: Row, buses: Sequence[Bus], meetings: Sequence[str], widths: Sequence[int], left: int
) -> str:
    met = [number for number, bus in enumerate(buses) if row.stop(bus.name) is not None]
    last = met[-1] if met else -1
    line = f"  {row.name} ".ljust(left + 2, "─" if met else " ")
    for number, (bus, wide) in enumerate(zip(buses, widths, strict=True)):
        if row.stop(bus.name) is not None:
            cell = f"● {meetings[number]} "
        else:
            cell = "┼" if number < last else "│"
        fill = "─" if number < last else " "
        line += cell + fill * (wide - _wide(cell))
    return line


def _disks(picture: Picture) -> str:
    """Tell the layouts, nodes of the same one together."""
    alike: dict[tuple[object, ...], list[str]] = {}
    for row in picture.rows:
        alike.setdefault((row.disk, row.slices), []).append(row.name)
    blocks = []
    for names in alike.values():
        row = next(row for row in picture.rows if row.name == names[0])
        lines = textwrap.wrap(", ".join(names), 96, initial_indent="  ", subsequent_indent="  ")
        lines.append(f"    {row.disk}")
        wide = max(len(part.name) for part in row.slices)
        room = max(len(part.text) for part in row.slices)
        for part in row.slices:
            purpose = "" if part.purpose in (part.name, "system") else part.purpose
            line = f"      {part.name:<{wide}}  {part.text:>{room}}  {part.mount:<20} {purpose}"
            lines.append(line.rstrip())
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)
