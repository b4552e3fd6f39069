"""A step list as a drawing: SVG, Mermaid or DOT, alone or with a process in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from corago.drawing.dot import dot
from corago.drawing.graph import Edge, Frame, Graph, Node, Shape
from corago.drawing.mermaid import mermaid
from corago.drawing.svg import svg
from corago.steps.graph import graph_text
from corago.steps.outline import Part, outline, told
from corago.steps.positions import Position

_SHAPES: Mapping[str, Shape] = {
    "init": "pill",
    "done": "pill",
    "abort": "pill",
    "sleep": "wait",
    "wait_for": "wait",
    "child": "call",
}
"""By kind; everything else is a box."""

_AHEAD: Position = "pending"


def graph_svg(
    document: Mapping[str, Any],
    position: Mapping[str, Position] | None = None,
    details: Mapping[str, str] | None = None,
) -> str:
    """A step list's document as SVG: one text that needs nothing else, with no script in it.

    Args:
        document: a step list's document.
        position: by path, how far a process is (see `positions`); None: no process is drawn.
        details: by path, what else to say of an element, such as `7 of 12` (see `counts`).
    """
    return svg(drawing(document, position, details))


def graph_dot(
    document: Mapping[str, Any],
    position: Mapping[str, Position] | None = None,
    details: Mapping[str, str] | None = None,
) -> str:
    """A step list's document in the DOT language of Graphviz; arguments as in `graph_svg`."""
    return dot(drawing(document, position, details))


def graph_mermaid(
    document: Mapping[str, Any],
    position: Mapping[str, Position] | None = None,
    details: Mapping[str, str] | None = None,
) -> str:
    """A step list's document as a Mermaid flowchart; arguments as in `graph_svg`."""
    return mermaid(drawing(document, position, details))


FORMATS: Mapping[str, Callable[..., str]] = {
    "text": graph_text,
    "mermaid": graph_mermaid,
    "dot": graph_dot,
    "svg": graph_svg,
}
"""Every way to draw a step list, by name; all take the arguments of `graph_svg`."""


def drawing(
    document: Mapping[str, Any],
    position: Mapping[str, Position] | None = None,
    details: Mapping[str, str] | None = None,
) -> Graph:
    """What a step list's document looks like: an element is a node, or a frame around its lists.

    Arguments as in `graph_svg`.
    """
    sketch = _Sketch(position, details or {})
    sketch.add(outline(document), None)
    version, description = document["version"], document["description"]
    return Graph(
        tuple(sketch.nodes),
        tuple(sketch.edges),
        tuple(sketch.frames),
        document["name"],
        f"version {version}" + (f" · {description}" if description else ""),
    )


class _Sketch:
    """Gathers the nodes, frames and edges of a list and of all that is within it."""

    def __init__(self, position: Mapping[str, Position] | None, details: Mapping[str, str]) -> None:
        self.nodes: list[Node] = []
        self.frames: list[Frame] = []
        self.edges: list[Edge] = []
        self._position = position
        self._details = details

    def add(self, parts: tuple[Part, ...], inside: str | None) -> None:
        """Draw a list within a frame."""
        for part in parts:
            self._add(part, inside)
        for one, other in pairwise(parts):
            is_taken = self._mark(other) not in (None, _AHEAD)
            self.edges.append(Edge(one.path, other.path, tone="taken" if is_taken else "plain"))

    def _add(self, part: Part, inside: str | None) -> None:
        path, mark = part.path, self._mark(part)
        text = (part.name, *filter(None, self._said(part)))
        hint = path if mark is None else f"{path}: {mark}"
        is_optional = bool(part.condition)
        if not part.lists:
            shape = _SHAPES.get(part.kind, "box")
            is_here = mark in ("running", "waiting", "failed")
            self.nodes.append(Node(path, text, shape, mark, inside, is_here, is_optional, hint))
            return
        is_loop = part.kind == "foreach"
        self.frames.append(
            Frame(path, text, mark, inside, optional=is_optional, repeated=is_loop, hint=hint)
        )
        for number, inner in enumerate(part.lists):
            within = path
            if part.kind == "parallel":
                within = f"{path}/\n{number}"  # no name has a line's end: this is no path
                self.frames.append(Frame(within, inside=path, lane=True))
            self.add(inner, within)

    def _said(self, part: Part) -> Iterator[str]:
        yield self._details.get(part.path, "")
        yield ", ".join(told(part.element))
        yield part.condition

    def _mark(self, part: Part) -> Position | None:
        if self._position is None:
            return None
        return self._position.get(part.path, _AHEAD)
