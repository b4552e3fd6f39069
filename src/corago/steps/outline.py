"""A document of steps as a tree of parts, and what is said of each. Draws nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from corago.core.durations import in_words
from corago.steps.nodes import Nodes, compile_nodes


@dataclass(frozen=True, slots=True)
class Part:
    """An element of a list: its path, its name in that list, and the lists within it."""

    path: str
    name: str
    element: Mapping[str, Any]
    lists: tuple[tuple[Part, ...], ...]

    @property
    def kind(self) -> str:
        """The kind of the element."""
        kind: str = self.element["kind"]
        return kind

    @property
    def condition(self) -> str:
        """Its predicates, as `if one and other`; empty without any."""
        guards = self.element.get("guards")
        return f"if {' and '.join(guards)}" if guards else ""


def outline(document: Mapping[str, Any]) -> tuple[Part, ...]:
    """The parts of a step list's document, in order."""
    first, nodes = compile_nodes(list(document["steps"]))
    return tuple(_parts(first, "", nodes))


def _parts(first: str | None, prefix: str, nodes: Nodes) -> Iterator[Part]:
    path = first
    while path is not None:
        node = nodes[path]
        lists = tuple(tuple(_parts(inner, f"{path}/", nodes)) for inner in node.branches)
        yield Part(path, path.removeprefix(prefix), node.element, lists)
        path = node.following


def told(element: Mapping[str, Any]) -> Iterator[str]:
    """What an element's document says of it beside name and predicates, in a few words each."""
    kind, into = element["kind"], element.get("into")
    if kind == "sleep":
        yield in_words(element["seconds"])
    if kind == "foreach":
        yield f"for each of {element['key']}"
        yield f"{element['limit']} at a time"
    if kind == "focus" and element["key"] != element["name"]:
        yield f"on {element['key']}"
    if kind == "lens":
        yield "on a view of the State"
    if kind == "child" and element["workflow"] != element["name"]:
        yield f"workflow {element['workflow']}"
    if into:
        yield f"into {into}"
    retry = element.get("retry")
    if retry is not None:
        yield f"{retry.get('attempts', 3)} attempts"
    if element.get("timeout") is not None:
        yield f"at most {in_words(element['timeout'])}"
    if element.get("at_most_once"):
        yield "at most once"
    if element.get("queue") is not None:
        yield f"queue {element['queue']}"
    if element.get("undo") is not None:
        yield f"undone by {element['undo']['name']}"
