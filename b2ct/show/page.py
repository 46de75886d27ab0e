"""A site as one HTML page: picture, nodes and disks, to look at or to print."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

import jinja2

from b2ct.show.picture import Picture, Row, Slice
from b2ct.show.svg import svg


@dataclass(frozen=True)
class Layout:
    """Nodes whose disks are cut alike."""

    names: tuple[str, ...]
    disk: str
    slices: tuple[Slice, ...]

    @property
    def to_scale(self) -> bool:
        """Whether every size is known, so that a bar can be drawn."""
        return all(part.size for part in self.slices)

    @property
    def total(self) -> int:
        """All bytes of the known parts."""
        return sum(part.size for part in self.slices)


def html(picture: Picture) -> str:
    """Write the page; it needs nothing else and loads nothing."""
    template = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).from_string(resources.files("b2ct.show").joinpath("page.html.j2").read_text("utf-8"))
    return template.render(
        picture=picture, drawing=svg(picture, titled=False), layouts=_layouts(picture.rows)
    )


def _layouts(rows: tuple[Row, ...]) -> list[Layout]:
    alike: dict[tuple[str, tuple[Slice, ...]], list[str]] = {}
    for row in rows:
        alike.setdefault((row.disk, row.slices), []).append(row.name)
    return [Layout(tuple(names), disk, slices) for (disk, slices), names in alike.items()]
