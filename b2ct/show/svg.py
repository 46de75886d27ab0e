"""The network picture as one SVG file that needs nothing else.

Networks are lines downwards, nodes are rows; a dot is where they meet. Colours follow the
reader's light or dark setting; programs without style sheets media queries show the light one.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from b2ct.show.picture import Bus, Picture, Row, Section, Stop

_MARGIN: Final = 28
_CARD: Final = 200
_ROW: Final = 52
_HEADING: Final = 38
_LINE: Final = 17
#: Width of a letter in px, generously: 12 px monospace, and 14 px bold for names.
_MONO: Final = 7.3
_BOLD: Final = 8.6

_INDENT: Final = "\N{NO-BREAK SPACE}" * 6
_DOTS: Final = (
    ("f-service", "has an address"),
    ("open", "no address: a bridge for virtual machines"),
)

_STYLE: Final = """
text { font-family: system-ui, "DejaVu Sans", sans-serif; font-size: 12px; fill: #1e293b; }
.mono { font-family: ui-monospace, "DejaVu Sans Mono", monospace; }
.title { font-size: 24px; font-weight: 700; }
.name { font-size: 14px; font-weight: 700; }
.muted { fill: #64748b; }
.heading { font-size: 13px; font-weight: 700; letter-spacing: .04em; fill: #64748b; }
.ground { fill: #ffffff; }
.card { fill: #f8fafc; stroke: #cbd5e1; }
.wire { stroke: #cbd5e1; stroke-width: 2; fill: none; }
.bus { stroke-width: 4; stroke-linecap: round; }
.halo { stroke: #ffffff; stroke-width: 10; }
.service { stroke: #2563eb; } .f-service { fill: #2563eb; }
.private { stroke: #7c3aed; } .f-private { fill: #7c3aed; }
.public { stroke: #d9480f; } .f-public { fill: #d9480f; }
.h-service { fill: #eff6ff; stroke: #bfdbfe; } .h-private { fill: #f5f3ff; stroke: #ddd6fe; }
.h-public { fill: #fff4ed; stroke: #fed7aa; }
.dot { stroke-width: 3; } .open { fill: #ffffff; }
.r-control { fill: #0d9488; } .r-hypervisor { fill: #475569; } .r-cache { fill: #ca8a04; }
@media (prefers-color-scheme: dark) {
  text { fill: #e2e8f0; } .muted, .heading { fill: #94a3b8; }
  .ground { fill: #0f172a; } .card { fill: #1e293b; stroke: #334155; }
  .wire { stroke: #475569; } .halo { stroke: #0f172a; } .open { fill: #0f172a; }
  .service { stroke: #60a5fa; } .f-service { fill: #60a5fa; }
  .private { stroke: #a78bfa; } .f-private { fill: #a78bfa; }
  .public { stroke: #fb923c; } .f-public { fill: #fb923c; }
  .h-service { fill: #172554; stroke: #1e40af; } .h-private { fill: #2e1065; stroke: #5b21b6; }
  .h-public { fill: #431407; stroke: #9a3412; } .r-hypervisor { fill: #94a3b8; }
}
"""


def svg(picture: Picture, *, titled: bool = True) -> str:
    """Draw the picture; without its title where a page gives it."""
    return _Drawing(picture, titled=titled).whole()


class _Drawing:
    def __init__(self, picture: Picture, *, titled: bool) -> None:
        self.picture = picture
        self.titled = titled
        self.heads = [_head(bus) for bus in picture.buses]
        self.widths = [
            _column(bus, head, picture.rows)
            for bus, head in zip(picture.buses, self.heads, strict=True)
        ]
        self.card = max(_CARD, *(len(row.name) * _BOLD + 32 for row in picture.rows))
        self.left = [
            _MARGIN + self.card + 36 + sum(self.widths[:number])
            for number in range(len(self.widths))
        ]
        drawn = self.card + 36 + sum(self.widths)
        self.width = int(_MARGIN * 2 + max(drawn, _legend_width(picture)))
        self.top = _MARGIN + (62 if titled else 0)
        self.head_height = 34 + _LINE * max(len(head) for head in self.heads)
        self.rows_top = self.top + self.head_height + 12
        self.parts: list[str] = []

    def whole(self) -> str:
        places = self._places()
        bottom = places[-1][0] + _ROW / 2 + 14
        height = int(bottom + 56)
        if self.titled:
            self._title()
        for number, bus in enumerate(self.picture.buses):
            self._bus_head(number, bus)
        for y, _, row in places:
            self._wire(row, y)
        for number, bus in enumerate(self.picture.buses):
            x = self.left[number] + 16
            start = self.top + self.head_height
            self.parts.append(_stroke(x, start, x, bottom, "halo"))
            self.parts.append(_stroke(x, start, x, bottom, f"bus {bus.purpose.value}"))
        for y, section, row in places:
            if row is section.rows[0]:
                self._section(section, y - 36)
            self._card(section, row, y)
            for number, bus in enumerate(self.picture.buses):
                stop = row.stop(bus.name)
                if stop is not None:
                    self._stop(number, bus, stop, y)
        self._legend(bottom + 34)
        size = f'width="{self.width}" height="{height}" viewBox="0 0 {self.width} {height}"'
        label = escape(f"Network picture of the site {self.picture.title}", quote=True)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{label}">\n'
            f"<style>{_STYLE}</style>\n"
            f'<rect class="ground" width="{self.width}" height="{height}"/>\n'
            + "\n".join(self.parts)
            + "\n</svg>\n"
        )

    def _places(self) -> list[tuple[float, Section, Row]]:
        """Give the middle line of each row."""
        y: float = self.rows_top
        places = []
        for section in self.picture.sections:
            y += _HEADING
            for row in section.rows:
                # The first address stands above the wire, each further one above it.
                y += 14 * max(max((len(stop.addresses) for stop in row.stops), default=0) - 1, 0)
                places.append((y + _ROW / 2, section, row))
                y += _ROW
        return places

    def _text(self, x: float, y: float, words: str, kind: str = "") -> None:
        shown = f' class="{kind}"' if kind else ""
        self.parts.append(f'<text x="{x:g}" y="{y:g}"{shown}>{escape(words)}</text>')

    def _title(self) -> None:
        self._text(_MARGIN, _MARGIN + 20, self.picture.title, "title")
        nodes = len(self.picture.rows)
        facts = dict(self.picture.facts)
        told = [
            self.picture.domain,
            f"{nodes} node{'' if nodes == 1 else 's'}",
            facts["Release"],
            f"OpenNebula {facts['OpenNebula']}",
        ]
        self._text(_MARGIN, _MARGIN + 42, " · ".join(told), "muted")

    def _bus_head(self, number: int, bus: Bus) -> None:
        x, y, purpose = self.left[number], self.top, bus.purpose.value
        self.parts.append(
            f'<rect class="h-{purpose}" x="{x:g}" y="{y:g}" rx="8"'
            f' width="{self.widths[number] - 16:g}" height="{self.head_height:g}"/>'
        )
        self._text(x + 12, y + 22, bus.name, f"name f-{purpose}")
        for line, (words, kind) in enumerate(self.heads[number]):
            self._text(x + 12, y + 22 + _LINE * (line + 1), words, kind)

    def _section(self, section: Section, y: float) -> None:
        self._text(_MARGIN, y, f"{section.heading} ({len(section.rows)})", "heading")

    def _wire(self, row: Row, y: float) -> None:
        met = [
            number
            for number, bus in enumerate(self.picture.buses)
            if row.stop(bus.name) is not None
        ]
        if met:
            end = self.left[met[-1]] + 16
            self.parts.append(_stroke(_MARGIN + self.card, y, end, y, "wire"))

    def _card(self, section: Section, row: Row, y: float) -> None:
        top, height = y - 23, 46
        self.parts.append(
            f'<rect class="card" x="{_MARGIN}" y="{top:g}" rx="6" width="{self.card:g}"'
            f' height="{height}"/><rect class="r-{section.role.value}" x="{_MARGIN}" y="{top:g}"'
            f' rx="3" width="6" height="{height}"/>'
        )
        self._text(_MARGIN + 16, y - 4, row.name, "name")
        others = [role for role in row.roles if role != section.role.value]
        facts = [row.release, *([f"+ {', '.join(others)}"] if others else [])]
        self._text(_MARGIN + 16, y + 14, " · ".join(facts), "muted")

    def _stop(self, number: int, bus: Bus, stop: Stop, y: float) -> None:
        x, purpose = self.left[number] + 16, bus.purpose.value
        fill = f"f-{purpose}" if stop.addresses else "open"
        self.parts.append(f'<circle class="dot {purpose} {fill}" cx="{x:g}" cy="{y:g}" r="6"/>')
        for above, address in enumerate(reversed(stop.addresses)):
            self._text(x + 14, y - 7 - 14 * above, address, "mono")
        self._text(x + 14, y + 16, stop.interface, "mono muted")

    def _legend(self, y: float) -> None:
        x: float = _MARGIN
        for purpose in dict.fromkeys(bus.purpose.value for bus in self.picture.buses):
            self.parts.append(_stroke(x, y - 4, x + 22, y - 4, f"bus {purpose}"))
            self._text(x + 30, y, f"{purpose} network", "muted")
            x += 48 + 7 * len(f"{purpose} network")
        for fill, words in (
            ("f-service", "has an address"),
            ("open", "no address: a bridge for virtual machines"),
        ):
            self.parts.append(
                f'<circle class="dot service {fill}" cx="{x + 6:g}" cy="{y - 4:g}" r="5"/>'
            )
            self._text(x + 18, y, words, "muted")
            x += 40 + 7 * len(words)


def _head(bus: Bus) -> list[tuple[str, str]]:
    lines = [(f"{bus.tag} · MTU {bus.mtu}", "muted")]
    lines += [(subnet, "mono") for subnet in bus.subnets]
    lines += [(f"gateway {gateway}", "mono muted") for gateway in bus.gateways]
    lines += [(f"{address} {vip}", "mono") for vip, address in bus.service_addresses]
    for span in bus.vm_ranges:
        first, _, last = span.partition(" – ")
        lines += [
            (f"VMs from {first}", "mono muted"),
            ("\N{NO-BREAK SPACE}" * 6 + f"to {last}", "mono muted"),
        ]
    return lines


def _column(bus: Bus, head: Sequence[tuple[str, str]], rows: Sequence[Row]) -> float:
    longest = max(len(words) for words, _ in head) * _MONO + 24
    for row in rows:
        stop = row.stop(bus.name)
        if stop is not None:
            words = max(len(word) for word in (stop.interface, *stop.addresses))
            longest = max(longest, words * _MONO + 36)
    return max(longest, len(bus.name) * _BOLD + 24, 150) + 24


def _legend_width(picture: Picture) -> float:
    purposes = {f"{bus.purpose.value} network" for bus in picture.buses}
    return sum(48 + 7 * len(words) for words in purposes) + sum(
        40 + 7 * len(words) for _, words in _DOTS
    )


def _stroke(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}"/>'
