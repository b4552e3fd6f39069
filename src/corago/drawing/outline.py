"""A graph seen as a tree of frames, for languages that nest them."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from corago.drawing.graph import Frame, Graph, Node


class Outline:
    """What is inside what."""

    def __init__(self, graph: Graph) -> None:
        """Look at the graph once."""
        self._members: dict[str | None, list[Node | Frame]] = {}
        for each in graph.members():
            self._members.setdefault(each.inside, []).append(each)
        self._parents = {each.id: each.inside for each in graph.members()}
        self._numbers = {each.id: n for n, each in enumerate(graph.members(), start=1)}
        self._frames = {frame.id for frame in graph.frames}
        arrows = [(edge.source, edge.target) for edge in graph.edges if edge.source != edge.target]
        self._left = {source for source, _ in arrows}
        self._entered = {target for _, target in arrows}

    def members(self, level: str | None) -> Sequence[Node | Frame]:
        """The nodes, then the frames, directly inside a frame, or outside of all (None).

        Lanes come last one first: Graphviz and Mermaid put what is told last to the left.
        """
        members = self._members.get(level, [])
        lanes = [each for each in members if isinstance(each, Frame) and each.lane]
        return [*(each for each in members if each not in lanes), *reversed(lanes)]

    def number(self, id: str) -> int:
        """The place of a node or frame in its graph, from 1."""
        return self._numbers[id]

    def is_frame(self, id: str) -> bool:
        """Whether this is a frame."""
        return id in self._frames

    def is_within(self, id: str, frame: str) -> bool:
        """Whether a node or frame is inside a frame at any depth, or is that frame."""
        above: str | None = id
        while above is not None and above != frame:
            above = self._parents[above]
        return above is not None

    def first(self, frame: str) -> str | None:
        """A node inside a frame that no arrow leads to, if there is one; None without any node."""
        return self._node(frame, self._entered)

    def last(self, frame: str) -> str | None:
        """A node inside a frame that no arrow leaves, if there is one; None without any node."""
        return self._node(frame, self._left)

    def _node(self, frame: str, met: AbstractSet[str]) -> str | None:
        def order(member: Node | Frame) -> tuple[bool, int]:
            return (member.id in met, -self._size(member.id))  # of lanes, the longest

        members = sorted(self.members(frame), key=order)
        for member in members:
            is_frame = isinstance(member, Frame)
            found = self._node(member.id, met) if is_frame else member.id
            if found is not None:
                return found
        return None

    def _size(self, id: str) -> int:
        return 1 + sum(self._size(member.id) for member in self.members(id))
