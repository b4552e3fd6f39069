"""A decider as a drawing: what it declares, or the path that a process of it took."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from corago.core.durations import in_words
from corago.core.retry import Retry
from corago.decider.program import key_of
from corago.decider.sightings import Kind
from corago.decider.trail import Landmark, Lead, Trail
from corago.drawing.dot import dot
from corago.drawing.graph import Edge, Graph, Line, Node, Shape, Tone
from corago.drawing.listing import listing
from corago.drawing.mermaid import mermaid
from corago.drawing.svg import svg

_SHAPES: Mapping[Kind, Shape] = {
    "start": "pill",
    "timer": "wait",
    "child": "call",
    "signal": "pill",
    "update": "pill",
    "request": "pill",
    "message": "pill",
    "end": "end",
}
"""By kind; everything else is a box."""

_NEXT = "(next)"
_DECIDES = "(decide)"
"""Nodes that are no landmarks: these begin with a number, or the name of a kind."""


def graph_text(document: Mapping[str, Any], trail: Trail | None = None) -> str:
    """A decider in lines of text.

    Args:
        document: a decider's document.
        trail: the path of a process (see `trail`); None: what the document declares.
    """
    return listing(drawing(document, trail))


def graph_svg(document: Mapping[str, Any], trail: Trail | None = None) -> str:
    """A decider as SVG: one text that needs nothing else; arguments as in `graph_text`."""
    return svg(drawing(document, trail))


def graph_dot(document: Mapping[str, Any], trail: Trail | None = None) -> str:
    """A decider in the DOT language of Graphviz; arguments as in `graph_text`."""
    return dot(drawing(document, trail))


def graph_mermaid(document: Mapping[str, Any], trail: Trail | None = None) -> str:
    """A decider as a Mermaid flowchart; arguments as in `graph_text`."""
    return mermaid(drawing(document, trail))


FORMATS: Mapping[str, Callable[..., str]] = {
    "text": graph_text,
    "mermaid": graph_mermaid,
    "dot": graph_dot,
    "svg": graph_svg,
}
"""Every way to draw a decider, by name; all take the arguments of `graph_text`."""


def drawing(document: Mapping[str, Any], trail: Trail | None = None) -> Graph:
    """What there is to see: a node for each landmark, an arrow where one led to another.

    A solid arrow leads from what a decision answered, a dotted one from what had come before and
    was not answered. What comes next nobody knows: it is dashed. Arguments as in `graph_text`.
    """
    version, description = document["version"], document.get("description", "")
    run = f"run {trail.run}" if trail is not None and trail.run > 1 else ""
    told = (f"version {version}", run, description)
    nodes, edges = _declared(document) if trail is None else _observed(trail)
    return Graph(
        tuple(nodes),
        tuple(edges),
        title=document["name"],
        subtitle=" · ".join(filter(None, told)),
    )


# -- a path ----------------------------------------------------------------------------------------


def _observed(trail: Trail) -> tuple[list[Node], list[Edge]]:
    nodes = [_node(each) for each in trail.landmarks]
    edges = [_edge(each) for each in trail.leads]
    if trail.standing:
        nodes.append(Node(_NEXT, ("next",), "pill", "pending", optional=True))
        edges += [Edge(each, _NEXT, line="dashed", tone="faint") for each in trail.standing]
    return nodes, edges


def _node(met: Landmark) -> Node:
    shape = _SHAPES.get(met.kind, "box")
    hint = f"{met.kind} {met.name}: {met.mark}"
    return Node(met.id, (met.name, *met.said), shape, met.mark, bold=met.is_open, hint=hint)


def _edge(lead: Lead) -> Edge:
    count = f"{lead.count:,}x" if lead.count > 1 else ""
    text = " ".join(filter(None, (lead.verb, count)))
    line: Line = "solid" if lead.is_direct else "dotted"
    tone: Tone = "error" if lead.verb == "cancels" else "taken" if lead.is_direct else "faint"
    return Edge(lead.source, lead.target, (text,) if text else (), line, tone)


# -- a definition ----------------------------------------------------------------------------------


def _declared(document: Mapping[str, Any]) -> tuple[list[Node], list[Edge]]:
    said = f"at most {in_words(document['timeout'])}" if document.get("timeout") else ""
    nodes = [Node("Start", ("Start",), "pill"), Node(_DECIDES, ("decide", *filter(None, (said,))))]
    edges = [Edge("Start", _DECIDES)]
    for activity in document["activities"]:
        name = key_of(activity)
        nodes.append(Node(f"activity {name}", (name, *_policies(activity)), optional=True))
        edges.append(Edge(_DECIDES, f"activity {name}", line="dashed"))
    return nodes, edges


def _policies(activity: Mapping[str, Any]) -> Iterator[str]:
    """How an activity is run, in a few words each."""
    if "queue" in activity:
        yield f"queue {activity['queue']}"
    if "retry" in activity:
        yield f"{activity['retry'].get('attempts', Retry().attempts)} attempts"
    for name, said in _SPANS.items():
        if name in activity:
            yield f"{said} {in_words(activity[name])}"
    if activity.get("at_most_once"):
        yield "at most once"
    if activity.get("auto_complete") is False:
        yield "completed from outside"


_SPANS = {
    "schedule_to_start": "taken within",
    "start_to_close": "at most",
    "schedule_to_close": "in all at most",
    "heartbeat_timeout": "heard of every",
}
