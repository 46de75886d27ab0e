"""Objects that belong to several clusters: datastores and virtual networks."""

from __future__ import annotations

from typing import Any, ClassVar
from xml.etree.ElementTree import Element

from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.engine import Step
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.owned import Owned
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.xml import ids_of

CLUSTERED: dict[str, Any] = {"clusters": {"type": "list", "elements": "str"}}


class Clustered(Owned):
    """An object that is in all clusters of a list; none named leaves it where it is."""

    #: The last word of ``one.cluster.add…`` and ``del…``.
    member: ClassVar[str]

    def settings(self, element: Element) -> dict[str, Any]:
        names = [
            self.directory.name("cluster", number) for number in ids_of(element, "CLUSTERS/ID")
        ]
        return {**super().settings(element), "clusters": sorted(names)}

    def wanted(self) -> dict[str, Any]:
        wanted = super().wanted()
        if self.params["clusters"] is not None:
            wanted["clusters"] = sorted(set(self.params["clusters"]))
        return wanted

    def first_cluster(self) -> int:
        """Give the cluster that a new object is made in; -1 leaves it to oned."""
        wanted = self.params["clusters"]
        return self.directory.number("cluster", sorted(wanted)[0]) if wanted else -1

    def change(self, key: str, before: Any, after: Any, number: int) -> list[Step]:  # noqa: ANN401
        if key != "clusters":
            return super().change(key, before, after, number)
        # First in, then out: it is never in no cluster on the way.
        steps = []
        for names, verb, way in (
            ([name for name in after if name not in before], "add", "to"),
            ([name for name in before if name not in after], "del", "from"),
        ):
            for name in names:
                words = {"add": "add", "del": "remove"}[verb]
                steps.append(
                    Step(
                        f"{words} {self.label} {way} cluster {name!r}",
                        f"one.cluster.{verb}{self.member}",
                        (self.directory.number("cluster", name), number),
                    )
                )
        return steps
