"""XML as oned sends it, read without believing anything that a document type could declare."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.errors import OneError


def hardened_parser() -> Any:  # noqa: ANN401 - expat's parser type has no public name
    """Give an expat parser that stops at a document type: no entity can be declared then."""
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def refuse(*_ignored: object) -> None:
        raise OneError(
            "the reply declares an XML document type, which oned never does",
            "see what listens at the endpoint: it is not oned",
        )

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    return parser


def read_xml(text: str) -> Element:
    """Read a document.

    :raises OneError: it is not XML, or it declares a document type.
    """
    builder = TreeBuilder()
    parser = hardened_parser()
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(text.encode("utf-8", "surrogatepass"), True)
        return builder.close()
    except (expat.ExpatError, AssertionError, UnicodeError) as error:
        raise OneError(
            f"oned's description of an object is not XML ({error})",
            "look at the object with the one* commands; its text may hold control characters",
        ) from None


def text_of(element: Element, path: str, default: str = "") -> str:
    """Give the text of an element below this one."""
    found = element.find(path)
    return default if found is None or found.text is None else found.text


def number_of(element: Element, path: str, default: int = -1) -> int:
    """Give the whole number below this element."""
    try:
        return int(text_of(element, path))
    except ValueError:
        return default


def ids_of(element: Element, path: str) -> list[int]:
    """Give the numbers of a list such as ``CLUSTERS/ID``."""
    return [int(part.text) for part in element.findall(path) if part.text]


def attributes_of(element: Element | None) -> dict[str, Any]:
    """Give a ``<TEMPLATE>`` as a mapping: texts, mappings of texts, and lists of either."""
    found: dict[str, Any] = {}
    for part in () if element is None else element:
        value: Any = {inner.tag: inner.text or "" for inner in part} if len(part) else part.text
        value = "" if value is None else value
        if part.tag not in found:
            found[part.tag] = value
        elif isinstance(found[part.tag], list):
            found[part.tag].append(value)
        else:
            found[part.tag] = [found[part.tag], value]
    return found
