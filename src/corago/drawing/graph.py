"""What is to be drawn: nodes, edges between them, and frames around some of them.

Says what things are, never where they go or which colour they have.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

Mark = Literal["done", "running", "failed", "skipped", "waiting", "pending"]
"""How far a process is with a node; None where no process is drawn."""

SIGNS: Mapping[Mark, str] = {
    "done": "✓",
    "running": "▶",
    "failed": "✗",
    "skipped": "↷",
    "waiting": "⏸",
    "pending": "·",
}
"""What stands for a mark where there is nothing but text."""

Shape = Literal["box", "pill", "wait", "call", "end", "dot"]
"""A `box` is work, a `pill` a beginning or an end of work, a `wait` a pause, a `call` another
definition; a machine's last state is an `end`, and a `dot` (which shows no text) points at its
first."""

Line = Literal["solid", "dashed", "dotted"]
Tone = Literal["plain", "taken", "error", "faint"]
"""What an edge tells: nothing special, that a process went along it, that it leads to trouble, or
that it hardly matters."""

Text = tuple[str, ...]
"""Lines; the first one is the name, the others are details."""

_UNSHOWN = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Node:
    """A node. `id` is unique in its graph, among frames too; `inside` is the id of its frame.

    `bold` makes it stand out (a current state); `optional` draws its outline dashed; `trouble`
    gives it the colours of what failed until it has been met. `hint` is what a viewer shows when
    somebody points at it.
    """

    id: str
    text: Text
    shape: Shape = "box"
    mark: Mark | None = None
    inside: str | None = None
    bold: bool = False
    optional: bool = False
    hint: str = ""
    trouble: bool = False

    @property
    def look(self) -> Mark | Literal["plain"]:
        """Which colours it has."""
        if self.trouble and self.mark in (None, "pending"):
            return "failed"
        return self.mark or "plain"


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame around nodes and other frames.

    A `lane` is a quiet one: frames without edges of their own that stand side by side. What is in
    one that is `repeated` happens many times.
    """

    id: str
    text: Text = ()
    mark: Mark | None = None
    inside: str | None = None
    lane: bool = False
    optional: bool = False
    repeated: bool = False
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Edge:
    """An arrow from a node or frame to a node or frame, itself included."""

    source: str
    target: str
    text: Text = ()
    line: Line = "solid"
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Graph:
    """A whole drawing. Raises ValueError for ids that are used twice, unknown, or in a circle."""

    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()
    frames: tuple[Frame, ...] = ()
    title: str = ""
    subtitle: str = ""

    def __post_init__(self) -> None:
        """Refuse what can't be drawn."""
        parents = {each.id: each.inside for each in self.members()}
        if len(parents) != len(self.nodes) + len(self.frames):
            ids = [each.id for each in self.members()]
            twice = sorted({each for each in ids if ids.count(each) > 1})
            raise ValueError(f"ids are used twice in one graph: {', '.join(map(repr, twice))}")
        frames = {frame.id for frame in self.frames}
        for id, parent in parents.items():
            if parent is not None and parent not in frames:
                raise ValueError(f"{id!r} is inside {parent!r}, which is no frame of this graph")
        for edge in self.edges:
            for end in (edge.source, edge.target):
                if end not in parents:
                    raise ValueError(f"an edge has the end {end!r}, which is not in this graph")
        for frame in self.frames:
            seen, above = {frame.id}, frame.inside
            while above is not None:
                if above in seen:
                    raise ValueError(f"the frame {frame.id!r} is inside itself")
                seen.add(above)
                above = parents[above]

    def members(self) -> Iterator[Node | Frame]:
        """Every node, then every frame."""
        yield from self.nodes
        yield from self.frames


def lines(texts: Iterable[str]) -> Text:
    """Texts as lines: what has several is split, blank ones are left out.

    Characters that no drawing can show (controls, halves of surrogate pairs) are replaced.
    """
    found = (_UNSHOWN.sub("\ufffd", line).strip() for text in texts for line in text.splitlines())
    return tuple(line for line in found if line)


def description(graph: Graph) -> str:
    """What a drawing shows, in words."""
    names = {each.id: (lines(each.text) or (each.id,))[0] for each in graph.members()}
    parts = [
        names[each.id] + (f" ({each.mark})" if each.mark else "")
        for each in graph.members()
        if each.text
    ]
    arrows = [
        f"{names[each.source]} to {names[each.target]}"
        + (f" ({' '.join(lines(each.text))})" if each.text else "")
        for each in graph.edges
    ]
    told = [("Parts", parts), ("Arrows", arrows)]
    return " ".join(f"{head}: {'; '.join(each)}." for head, each in told if each)
