"""Hardware as the nodes have it, so that what alike machines share is judged once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from b2ct.model import RELEASES, Hardware, Node, Release, ReleaseId, Site, merged_hardware
from b2ct.places import Path

#: Sections that a node may say for itself and that the rules for hardware judge.
_OWN = frozenset({"bonds", "attach", "disk", "volumes"})


@dataclass(frozen=True)
class Setup:
    """One hardware description as its nodes have it, or one node that differs.

    ``name`` is the description's name; None if there is none. ``node`` is the node that
    says some of it for itself; None where all ``nodes`` share the description unchanged.
    """

    hardware: Hardware
    name: str | None
    node: str | None
    nodes: tuple[str, ...]
    own: Hardware | None
    releases: tuple[Release, ...]

    def path(self, section: str, *rest: str | int) -> Path:
        """Give the place that says a thing: the node if it says it, else the description."""
        if self.node is not None and (self.name is None or self._node_says(section, rest)):
            return ("nodes", self.node, section, *rest)
        if self.name is None:
            return ("hardware",)
        return ("hardware", self.name, section, *rest)

    def rests_on(self, section: str) -> tuple[Path, ...]:
        """Give the places that decide what the section holds."""
        places: list[Path] = []
        if self.name is not None:
            places.append(("hardware", self.name, section))
        if self.node is not None:
            places += [("nodes", self.node, "hardware"), ("nodes", self.node, section)]
        return tuple(places)

    def _node_says(self, section: str, rest: tuple[str | int, ...]) -> bool:
        assert self.own is not None
        if section not in self.own.model_fields_set:
            return False
        said = getattr(self.own, section)
        if not rest or said is None:
            return True
        return rest[0] in (said.model_fields_set if section == "disk" else said)


def setups(site: Site) -> Iterator[Setup]:
    """Give every setup of a site; nodes whose hardware is unknown are left out."""
    alike: dict[str, list[str]] = {name: [] for name in site.hardware}
    for name, node in site.nodes.items():
        if node.hardware is not None and node.hardware not in site.hardware:
            continue
        if node.hardware is not None and not node.model_fields_set & _OWN:
            alike[node.hardware].append(name)
            continue
        yield Setup(
            merged_hardware(site, node),
            node.hardware,
            name,
            (name,),
            node,
            (RELEASES[_release(site, node)],),
        )
    for hardware, names in alike.items():
        used = {_release(site, site.nodes[name]) for name in names}
        releases = tuple(RELEASES[ident] for ident in sorted(used))
        yield Setup(site.hardware[hardware], hardware, None, tuple(names), None, releases)


def _release(site: Site, node: Node) -> ReleaseId:
    return node.release or site.install.release
