"""A machine as a drawing: SVG, Mermaid or DOT, alone or with a process in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from corago.drawing.dot import dot
from corago.drawing.graph import Edge, Frame, Graph, Line, Mark, Node, Shape, Tone
from corago.drawing.mermaid import mermaid
from corago.drawing.svg import svg
from corago.machine.captions import (
    Document,
    Way,
    cause,
    effects,
    hooks,
    is_last,
    limits,
    ways,
    work,
)
from corago.machine.listing import graph_text
from corago.machine.standing import Standing

__all__ = [
    "FORMATS",
    "Standing",
    "drawing",
    "graph_dot",
    "graph_mermaid",
    "graph_svg",
    "graph_text",
]

_START, _ANY = "(start)", "(any state)"
"""Nodes that are no states: no state has a name with brackets."""

_PREVIOUS = "previous()"


def graph_svg(document: Document, standing: Standing | None = None) -> str:
    """A machine's document as SVG: one text that needs nothing else, with no script in it.

    Args:
        document: a machine's document.
        standing: how far a process is; None: no process is drawn.
    """
    return svg(drawing(document, standing))


def graph_dot(document: Document, standing: Standing | None = None) -> str:
    """A machine's document in the DOT language of Graphviz; arguments as in `graph_svg`."""
    return dot(drawing(document, standing))


def graph_mermaid(document: Document, standing: Standing | None = None) -> str:
    """A machine's document as a Mermaid flowchart; arguments as in `graph_svg`."""
    return mermaid(drawing(document, standing))


FORMATS: Mapping[str, Callable[..., str]] = {
    "text": graph_text,
    "mermaid": graph_mermaid,
    "dot": graph_dot,
    "svg": graph_svg,
}
"""Every way to draw a machine, by name; all take the arguments of `graph_svg`."""


def drawing(document: Document, standing: Standing | None = None) -> Graph:
    """What a machine's document looks like: a state is a node, a group a frame around its members.

    What all states share leaves from a node of its own, and an edge that stays is a line in its
    state's box. Arguments as in `graph_svg`.
    """
    sketch = _Sketch(document, standing)
    sketch.add()
    told = (f"version {document['version']}", document.get("description", ""))
    return Graph(
        tuple(sketch.nodes),
        tuple(sketch.edges.values()),
        tuple(sketch.frames),
        document["name"],
        " · ".join(filter(None, told)),
    )


class _Sketch:
    """Gathers the nodes, frames and edges of one document."""

    def __init__(self, document: Document, standing: Standing | None) -> None:
        self.nodes: list[Node] = []
        self.frames: list[Frame] = []
        self.edges: dict[tuple[str, str, Line, Tone, str], Edge] = {}
        self._document = document
        self._error: str | None = document.get("error")
        self._counts: Mapping[str, int] = standing.counts if standing else {}
        self._current = standing.state if standing else None
        self._marks: Mapping[str, Mark] = standing.marks(document) if standing else {}

    def add(self) -> None:
        """Draw the whole document."""
        self.nodes.append(Node(_START, (), "dot"))
        self._lead(Edge(_START, self._document["initial"], tone=self._start_tone()))
        groups = self._document.get("groups", {})
        frames = {state: name for name, group in groups.items() for state in group["members"]}
        for name, body in self._document["states"].items():
            self._state(name, body, frames.get(name))
        for name, group in groups.items():
            place = f"groups/{name}"
            self.frames.append(Frame(place, (name, *self._inner(group, place)), hint=_hint(group)))
            self._ways(place, ways(group, place))
        self._shared()

    def _start_tone(self) -> Tone:
        return "taken" if self._current else "plain"

    def _state(self, name: str, body: Document, group: str | None) -> None:
        place = f"states/{name}"
        is_error = name == self._error
        is_end = is_last(self._document, name)
        shape: Shape = "end" if is_end else "call" if "children" in body else "box"
        self.nodes.append(
            Node(
                name,
                (name, *work(body), *hooks(body), *self._inner(body, place)),
                shape,
                self._marks.get(name),
                None if group is None else f"groups/{group}",
                name == self._current,
                trouble=is_error,
                hint=_hint(body),
            )
        )
        self._ways(name, ways(body, place))

    def _inner(self, body: Document, place: str) -> Iterator[str]:
        """The edges that stay, as lines."""
        for way in ways(body, place):
            if way.target is None:
                yield ("on " if way.slot == "on" else "") + self._told(way)

    def _ways(self, source: str, some: Iterator[Way]) -> None:
        for way in some:
            if way.target is not None:
                target = self._previous(source) if way.target == _PREVIOUS else way.target
                tone: Tone = "plain"
                if self._counts.get(way.place):
                    tone = "taken"
                elif way.slot == "failed" or way.target == self._error:
                    tone = "error"
                line: Line = "dashed" if way.is_timed else "solid"
                alone = way.place if way.slot == "when" else ""
                self._lead(Edge(source, target, (self._told(way),), line, tone), alone)

    def _previous(self, source: str) -> str:
        """The node that stands for the state before."""
        id = f"(before {source})"
        if all(node.id != id for node in self.nodes):
            self.nodes.append(Node(id, ("previous state",), "pill", optional=True))
        return id

    def _shared(self) -> None:
        """What every state can come to: the limits of time, and the error state."""
        some = list(limits(self._document))
        if not some and self._error is None:
            return
        open_ended = [self._told(way) for way in some if way.target is None]
        self.nodes.append(Node(_ANY, ("any state", *open_ended), "pill", optional=True))
        self._ways(_ANY, iter(some))
        if self._error is not None:
            self._lead(Edge(_ANY, self._error, ("error",), tone="error"))

    def _told(self, way: Way) -> str:
        count = self._counts.get(way.place, 0)
        does = effects(way.edge)
        told = (cause(way), f"/ {does}" if does else "", f"{count}x" if count else "")
        return " ".join(filter(None, told))

    def _lead(self, edge: Edge, alone: str = "") -> None:
        """Draw an edge; those that look alike and have the same ends are one arrow.

        A guard without an event would be read as that of the line above it: it goes alone.
        """
        key = (edge.source, edge.target, edge.line, edge.tone, alone)
        before = self.edges.get(key)
        if before is not None:
            *others, last = before.text
            edge = replace(edge, text=(*others, f"{last},", *edge.text))
        self.edges[key] = edge


def _hint(body: Document) -> str:
    return str(body.get("description", ""))
