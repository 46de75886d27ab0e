"""Pacemaker's configuration as XML: what is described is merged into what is there.

Elements that are described become as described; whatever else the configuration holds stays, and
so do meta attributes of a described resource that the description leaves out: an admin who
disabled a resource finds it disabled.
"""

from __future__ import annotations

import copy
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

_SECRET = re.compile(r"passw(or)?d|passphrase|secret|token")
#: Set by hand or by programs, and no business of a description.
_OPERATION = ("interval", "timeout", "on-fail")


class CibError(Exception):
    """A description that makes no configuration."""


def merged(cib: str, wanted: Mapping[str, Any]) -> str:
    """Give the element ``configuration`` of a CIB with what is wanted merged into it."""
    root = ET.fromstring(cib)  # noqa: S314 - Pacemaker's own
    configuration = root if root.tag == "configuration" else root.find("configuration")
    if configuration is None:
        raise CibError("this is no configuration of Pacemaker")
    configuration = copy.deepcopy(configuration)
    properties = _child(_child(configuration, "crm_config"), "cluster_property_set",
                        "cib-bootstrap-options")  # fmt: skip
    _set_pairs(properties, wanted.get("properties") or {})
    if wanted.get("resource_defaults"):
        defaults = _child(_child(configuration, "rsc_defaults"), "meta_attributes", "rsc-options")
        _set_pairs(defaults, wanted["resource_defaults"])
    resources = _child(configuration, "resources")
    for described in wanted.get("resources") or ():
        _put(resources, _resource(described))
    constraints = _child(configuration, "constraints")
    for element in _constraints(wanted):
        _put(constraints, element)
    levels = list(_levels(wanted.get("levels") or ()))
    if levels:
        topology = _child(configuration, "fencing-topology")
        nodes = {level.get("target") for level in levels}
        keep = {level.get("id") for level in levels}
        for old in list(topology):
            if old.get("target") in nodes and old.get("id") not in keep:
                topology.remove(old)
        for level in levels:
            _put(topology, level)
    for name in wanted.get("absent") or ():
        _remove(configuration, name)
    _sort_sections(configuration)
    return ET.tostring(configuration, encoding="unicode")


def same(one: str, other: str) -> bool:
    """Tell whether two configurations say the same, whatever their order of attributes."""
    return _plain(_configuration(one)) == _plain(_configuration(other))


def text(cib: str) -> str:
    """Write a configuration as indented text without secrets, for a diff."""
    root = copy.deepcopy(_configuration(cib))
    for pair in root.iter("nvpair"):
        if _SECRET.search(pair.get("name", "")):
            pair.set("value", "********")
    for node in root.iter():
        node.text = node.tail = None
        ordered = dict(sorted(node.attrib.items()))
        node.attrib.clear()
        node.attrib.update(ordered)
    if hasattr(ET, "indent"):  # from Python 3.9 on
        ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def names(wanted: Mapping[str, Any]) -> dict[str, bool]:
    """Give the primitives that are described, and whether each runs on all nodes."""
    found: dict[str, bool] = {}
    for described in wanted.get("resources") or ():
        everywhere = described.get("clone") is not None
        for member in described.get("members") or [described]:
            found[member["name"]] = everywhere
    return found


def _configuration(cib: str) -> ET.Element:
    root = ET.fromstring(cib)  # noqa: S314 - Pacemaker's own
    found = root if root.tag == "configuration" else root.find("configuration")
    if found is None:
        raise CibError("this is no configuration of Pacemaker")
    return found


def _plain(node: ET.Element) -> Any:  # noqa: ANN401 - nested tuples
    attributes = {key: value for key, value in node.attrib.items() if key != "id"}
    children = [_plain(child) for child in node]
    if node.tag != "group":
        children.sort(key=repr)
    elif node.get("id"):
        pass  # the order of its members is its meaning
    name = node.get("id") if node.tag not in {"nvpair", "op"} else None
    return (node.tag, name, tuple(sorted(attributes.items())), tuple(children))


def _child(parent: ET.Element, tag: str, name: str | None = None) -> ET.Element:
    for child in parent.findall(tag):
        if name is None or child.get("id") == name:
            return child
    child = ET.SubElement(parent, tag)
    if name is not None:
        child.set("id", name)
    return child


def _set_pairs(parent: ET.Element, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        for pair in parent.findall("nvpair"):
            if pair.get("name") == name:
                pair.set("value", _text(value))
                break
        else:
            _pair(parent, name, value)


def _pair(parent: ET.Element, name: str, value: Any) -> None:  # noqa: ANN401 - JSON's types
    identity = f"{parent.get('id')}-{name}"
    ET.SubElement(parent, "nvpair", {"id": identity, "name": name, "value": _text(value)})


def _text(value: Any) -> str:  # noqa: ANN401 - JSON's types
    return str(value).lower() if isinstance(value, bool) else str(value)


def _pairs(parent: ET.Element, tag: str, values: Mapping[str, Any] | None) -> None:
    if values:
        inner = ET.SubElement(parent, tag, {"id": f"{parent.get('id')}-{tag}"})
        for name, value in values.items():
            _pair(inner, name, value)


def _resource(described: Mapping[str, Any]) -> ET.Element:
    """Make a primitive or a group, within a clone where it runs on all nodes."""
    members = described.get("members")
    if members:
        element = ET.Element("group", {"id": described["name"]})
        _pairs(element, "meta_attributes", described.get("meta"))
        element.extend(_primitive(member) for member in members)
    else:
        element = _primitive(described)
    if described.get("clone") is None:
        return element
    clone = ET.Element("clone", {"id": f"{described['name']}-clone"})
    _pairs(clone, "meta_attributes", described["clone"])
    clone.append(element)
    return clone


def _primitive(described: Mapping[str, Any]) -> ET.Element:
    parts = str(described.get("agent", "")).split(":")
    if len(parts) == 2 and parts[0] in {"stonith", "systemd"}:
        kind = {"class": parts[0], "type": parts[1]}
    elif len(parts) == 3 and parts[0] == "ocf":
        kind = {"class": "ocf", "provider": parts[1], "type": parts[2]}
    else:
        raise CibError(
            f"resource {described.get('name')}: {described.get('agent')!r} is no agent; write one"
            " like ocf:heartbeat:Filesystem, stonith:fence_ipmilan or systemd:httpd"
        )
    element = ET.Element("primitive", {"id": described["name"], **kind})
    _pairs(element, "instance_attributes", described.get("parameters"))
    operations = described.get("operations") or {}
    if operations:
        inner = ET.SubElement(element, "operations")
        for name, said in operations.items():
            values = {"interval": "0s", **{key: _text(value) for key, value in said.items()}}
            identity = f"{described['name']}-{name}-{values['interval']}"
            ET.SubElement(inner, "op", {"id": identity, "name": name, **values})
    _pairs(element, "meta_attributes", described.get("meta"))
    return element


def _constraints(wanted: Mapping[str, Any]) -> Iterator[ET.Element]:
    for one in wanted.get("orders") or ():
        identity = f"order-{one['first']}-{one['then']}"
        said = {key: _text(value) for key, value in one.items()}
        yield ET.Element("rsc_order", {"id": identity, **said})
    for one in wanted.get("colocations") or ():
        identity = f"colocation-{one['resource']}-{one['with']}"
        more = {key: _text(value) for key, value in one.items() if key not in {"resource", "with"}}
        yield ET.Element(
            "rsc_colocation",
            {
                "id": identity,
                "rsc": one["resource"],
                "with-rsc": one["with"],
                "score": "INFINITY",
                **more,
            },
        )
    for one in wanted.get("locations") or ():
        yield ET.Element(
            "rsc_location",
            {
                "id": f"location-{one['resource']}-{one['node']}",
                "rsc": one["resource"],
                "node": one["node"],
                "score": _text(one["score"]),
            },
        )


def _levels(levels: Iterable[Mapping[str, Any]]) -> Iterator[ET.Element]:
    for one in levels:
        yield ET.Element(
            "fencing-level",
            {
                "id": f"fl-{one['node']}-{one['level']}",
                "target": one["node"],
                "index": _text(one["level"]),
                "devices": ",".join(one["devices"]),
            },
        )


def _put(parent: ET.Element, element: ET.Element) -> None:
    """Put an element in the place of the one of the same name, wherever that is."""
    for position, old in enumerate(list(parent)):
        if old.get("id") == element.get("id"):
            _keep_meta(old, element)
            parent.remove(old)
            parent.insert(position, element)
            return
    for inner in element.iter():
        # The same resource, but not yet in a clone or a group, or no longer.
        if inner.tag in {"primitive", "group"}:
            _remove(parent, str(inner.get("id")))
    parent.append(element)


def _keep_meta(old: ET.Element, new: ET.Element) -> None:
    known = {element.get("id"): element for element in new.iter()}
    for element in old.iter():
        mine = known.get(element.get("id"))
        if mine is None or element.tag not in {"primitive", "group", "clone"}:
            continue
        for meta in element.findall("meta_attributes"):
            ours = mine.find("meta_attributes")
            said = {pair.get("name") for pair in ours} if ours is not None else set()
            rest = [pair for pair in meta if pair.get("name") not in said]
            if rest and ours is None:
                ours = ET.Element("meta_attributes", {"id": str(meta.get("id"))})
                mine.insert(0 if mine.tag != "primitive" else len(mine), ours)
            if ours is not None:
                ours.extend(copy.deepcopy(pair) for pair in rest)


def _remove(root: ET.Element, name: str) -> None:
    for parent in list(root.iter()):
        for child in list(parent):
            if child.get("id") == name:
                parent.remove(child)


def _sort_sections(configuration: ET.Element) -> None:
    """Pacemaker's schema wants the sections in their order."""
    order = ["crm_config", "nodes", "resources", "constraints", "rsc_defaults", "op_defaults",
             "acls", "tags", "alerts", "fencing-topology"]  # fmt: skip
    known = {tag: position for position, tag in enumerate(order)}
    configuration[:] = sorted(configuration, key=lambda child: known.get(child.tag, len(order)))
