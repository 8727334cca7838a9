"""Elements of a page as values: HTML when a page is asked for, JSON for a page that is open already.

So that what is on a page is described once, and its script needs to know nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, NamedTuple, TypeAlias

from otel_bridge.reports.text import inert

#: Characters of a name that are shown.
MAX_NAME = 200

#: Elements without an end tag.
_VOID = frozenset(["input"])


class Element(NamedTuple):
    tag: str
    attributes: Mapping[str, str]
    children: tuple[Node, ...]


#: A text is only ever a text.
Node: TypeAlias = Element | str


def element(tag: str, attributes: Mapping[str, str | None], *children: Node | None) -> Element:
    """An element; attributes and children that are None are left out.

    Args:
        tag: its name; SVG's elements are known by an ancestor ``svg``.
        attributes: what HTML calls them; their values may be of any origin, save for addresses.
        children: texts of ours, :func:`name` for those of others, and elements.
    """
    return Element(
        tag,
        {name: value for name, value in attributes.items() if value is not None},
        tuple(child for child in children if child is not None),
    )


def name(text: str, unknown: str = "(no name)") -> Element:
    """A name that somebody else gave: nothing in it acts, and its letters' direction ends with it."""
    return element("bdi", {}, inert(text, limit=MAX_NAME) or unknown)


def as_html(*nodes: Node) -> str:
    """The HTML of some nodes, one after the other."""
    return "".join(piece for node in nodes for piece in _pieces(node))


def _pieces(node: Node) -> Iterator[str]:
    if isinstance(node, str):
        yield escape(node)
        return
    said = "".join(
        f' {name}="{escape(value)}"' if value else f" {name}" for name, value in node.attributes.items()
    )
    yield f"<{node.tag}{said}>"
    for child in node.children:
        yield from _pieces(child)
    if node.tag not in _VOID:
        yield f"</{node.tag}>"


def as_json(node: Node) -> Any:
    """``[tag, attributes, child, …]``, or the text."""
    if isinstance(node, str):
        return node
    return [node.tag, dict(node.attributes), *map(as_json, node.children)]
