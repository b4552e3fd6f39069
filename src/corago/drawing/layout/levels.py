"""Where everything goes: deterministic, level by level, the contents of frames first.

A frame is laid out like a drawing of its own and is then one item of the level around it. An edge
that crosses its border does so at a port, a place on its upper or lower side.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from corago.drawing import metrics
from corago.drawing.graph import Edge, Frame, Graph, Node
from corago.drawing.layout.cells import Item, Plan, Wire, planned
from corago.drawing.layout.geometry import Box, Run, backwards, moved
from corago.drawing.layout.loops import Loops
from corago.drawing.layout.ports import room
from corago.drawing.layout.sheet import PAD, Arrangement, arranged

MARGIN = 14.0
"""Around the whole drawing."""


@dataclass(frozen=True, slots=True)
class PlacedEdge:
    """An edge, its runs from source to target, and the box of its label.

    A label stands in a gap between two runs; beside the run where the edge is a loop.
    """

    edge: Edge
    runs: tuple[Run, ...]
    label: Box | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """A graph with a box for each node and frame (by id), in a sheet of this size."""

    graph: Graph
    width: float
    height: float
    boxes: Mapping[str, Box]
    edges: tuple[PlacedEdge, ...]


def laid_out(graph: Graph) -> Layout:
    """Lay out a graph. Equal graphs are laid out equally."""
    sheet = _Levels(graph).sheet(None)
    title = metrics.title_size(graph)
    width = max(sheet.width, title[0] + 2 * PAD)
    dx, dy = MARGIN + (width - sheet.width) / 2, MARGIN + title[1]
    edges = []
    for number, edge in enumerate(graph.edges):
        pieces = sorted(sheet.pieces.get(number, ()), key=lambda piece: piece[0])
        runs = tuple(run for _, runs in pieces for run in runs)
        label = sheet.labels.get(number)
        edges.append(
            PlacedEdge(edge, moved(runs, dx, dy), None if label is None else label.moved(dx, dy))
        )
    boxes = {id: box.moved(dx, dy) for id, box in sheet.boxes.items()}
    height = sheet.height + title[1] + 2 * MARGIN
    return Layout(graph, width + 2 * MARGIN, height, boxes, tuple(edges))


@dataclass(frozen=True, slots=True)
class _Port:
    """An edge that passes the border of a frame; `inner` is its end inside, None if there is none.

    With `is_entry` that end is its target; with `is_top` it passes the upper side.
    """

    edge: int
    inner: str | None
    is_entry: bool
    is_top: bool
    has_label: bool = False


@dataclass(slots=True)
class _Sheet:
    """One level in its place: boxes by id; the rest by the number of the edge.

    Each piece of an edge says where it comes among the pieces, counted from the source.
    """

    width: float
    height: float
    boxes: dict[str, Box] = field(default_factory=dict)
    pieces: dict[int, list[tuple[int, tuple[Run, ...]]]] = field(default_factory=dict)
    labels: dict[int, Box] = field(default_factory=dict)
    ports: dict[int, float] = field(default_factory=dict)

    def take(self, other: _Sheet, at: Box) -> None:
        """What is inside another sheet, with its corner here."""
        for id, box in other.boxes.items():
            self.boxes[id] = box.moved(at.x, at.y)
        for edge, pieces in other.pieces.items():
            told = [(place, moved(runs, at.x, at.y)) for place, runs in pieces]
            self.pieces.setdefault(edge, []).extend(told)
        for edge, box in other.labels.items():
            self.labels[edge] = box.moved(at.x, at.y)


@dataclass(frozen=True, slots=True)
class _Link:
    """A wire of one level: an edge's number, what it ties, and where its piece comes.

    The tail's and the head's `inner` are what it goes on to inside of a frame.
    """

    edge: int
    wire: Wire
    place: int
    tail_inner: str | None = None
    head_inner: str | None = None


class _Levels:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        parents = {each.id: each.inside for each in graph.members()}
        self._paths: dict[str, tuple[str, ...]] = {}
        for id, parent in parents.items():
            path, above = [id], parent
            while above is not None:
                path.append(above)
                above = parents[above]
            self._paths[id] = tuple(reversed(path))
        self._members: dict[str | None, list[Node | Frame]] = {None: []}
        for each in graph.members():
            self._members.setdefault(each.inside, []).append(each)
        self._frames = {frame.id: frame for frame in graph.frames}
        self._loops: dict[str, list[int]] = {}
        self._own: dict[str | None, list[int]] = {}
        for number, edge in enumerate(graph.edges):
            if edge.source == edge.target:
                self._loops.setdefault(edge.source, []).append(number)
            else:
                self._own.setdefault(self._level(edge), []).append(number)

    def _level(self, edge: Edge) -> str | None:
        """The innermost frame that holds both ends, or is one of them."""
        level = None
        paths = self._paths[edge.source], self._paths[edge.target]
        for one, other in zip(*paths, strict=False):
            if one != other:
                break
            level = one
        return level

    # -- a level -----------------------------------------------------------------------------

    def sheet(self, level: str | None, ports: Sequence[_Port] = (), least: float = 0.0) -> _Sheet:
        """A level laid out, `least` wide at least, with the ports where edges pass its border."""
        ports = [*ports, *self._inward(level)]
        members = self._members.get(level, [])
        index = {each.id: number for number, each in enumerate(members)}
        first = len(members)
        links = list(self._links(level, ports, index, first))
        wires = [link.wire for link in links]
        tops = frozenset(first + n for n, port in enumerate(ports) if port.is_top)
        bottoms = frozenset(first + n for n, port in enumerate(ports) if not port.is_top)
        plan = planned(first + len(ports), wires, tops, bottoms)
        inside: dict[str, _Sheet] = {}
        loops: dict[str, Loops] = {}
        items = []
        for number, member in enumerate(members):
            loops[member.id] = Loops([self._label(n) for n in self._loops.get(member.id, ())])
            sides = _sides(number, plan, links)
            if isinstance(member, Frame):
                needed = max(room(len(each)) for each in sides.values())
                inside[member.id] = self.sheet(member.id, list(_ports(sides)), needed)
            items.append(_item(member, inside.get(member.id), loops[member.id], sides))
        items += [Item(2.0, 0.0)] * len(ports)
        heading = metrics.frame_size(self._frames[level]) if level is not None else None
        found = arranged(plan, items, wires, heading, least)
        sheet = self._filled(found, members, inside, loops)
        for number, (link, runs) in enumerate(zip(links, found.runs, strict=True)):
            told = backwards(runs) if number in plan.turned else runs
            sheet.pieces.setdefault(link.edge, []).append((link.place, told))
            if number in found.labels:
                sheet.labels[link.edge] = found.labels[number]
        for number, port in enumerate(ports):
            sheet.ports[port.edge] = found.boxes[first + number].middle[0]
        return sheet

    def _inward(self, level: str | None) -> Iterator[_Port]:
        """Ports for the edges between a frame itself and what is in it."""
        for number in self._own.get(level, ()):
            edge = self._graph.edges[number]
            if level in (edge.source, edge.target):
                is_entry = edge.source == level
                path = self._paths[edge.target if is_entry else edge.source]
                inner = path[len(self._paths[level or ""])]
                yield _Port(number, inner, is_entry, is_top=is_entry, has_label=True)

    def _links(
        self, level: str | None, ports: Sequence[_Port], index: Mapping[str, int], first: int
    ) -> Iterator[_Link]:
        depth = 0 if level is None else len(self._paths[level])
        for number in self._own.get(level, ()):
            edge = self._graph.edges[number]
            tail, head = self._paths[edge.source], self._paths[edge.target]
            if len(tail) > depth and len(head) > depth:
                wire = Wire(index[tail[depth]], index[head[depth]], self._label(number))
                yield _Link(number, wire, 0, _at(tail, depth + 1), _at(head, depth + 1))
        for place, port in enumerate(ports, start=first):
            if port.inner is None:
                continue
            edge = self._graph.edges[port.edge]
            path = self._paths[edge.target if port.is_entry else edge.source]
            label = self._label(port.edge) if port.has_label else None
            inner, deeper = index[port.inner], _at(path, depth + 1)
            if port.is_entry:
                yield _Link(port.edge, Wire(place, inner, label), depth, None, deeper)
            else:
                yield _Link(port.edge, Wire(inner, place, label), -depth, deeper, None)

    def _label(self, number: int) -> tuple[float, float] | None:
        text = metrics.label_text(self._graph.edges[number])
        return (text.width, text.height) if text.lines else None

    def _filled(
        self,
        found: Arrangement,
        members: Sequence[Node | Frame],
        inside: Mapping[str, _Sheet],
        loops: Mapping[str, Loops],
    ) -> _Sheet:
        """The sheet with its members' boxes, what is inside them, and their loops."""
        sheet = _Sheet(found.width, found.height)
        for member, box in zip(members, found.boxes, strict=False):
            sheet.boxes[member.id] = box
            if member.id in inside:
                sheet.take(inside[member.id], box)
            drawn = loops[member.id].drawn(box)
            for number, (run, label) in zip(self._loops.get(member.id, ()), drawn, strict=True):
                sheet.pieces[number] = [(0, (run,))]
                if label is not None:
                    sheet.labels[number] = label
        return sheet


def _at(path: Sequence[str], depth: int) -> str | None:
    return path[depth] if depth < len(path) else None


_Sides = tuple[list[_Port], list[_Port]]


def _sides(number: int, plan: Plan, links: Sequence[_Link]) -> dict[bool, dict[int, _Port]]:
    """What ends at the upper (True) and the lower side of an item, by the number of the wire."""
    found: dict[bool, dict[int, _Port]] = {True: {}, False: {}}
    for wire, link in enumerate(links):
        if number in (link.wire.tail, link.wire.head):
            is_entry = number == link.wire.head
            is_top = plan.ends(wire, link.wire)[1] == number
            inner = link.head_inner if is_entry else link.tail_inner
            found[is_top][wire] = _Port(link.edge, inner, is_entry, is_top)
    return found


def _ports(sides: Mapping[bool, Mapping[int, _Port]]) -> Iterator[_Port]:
    """The ports of a frame: where one edge goes on inside, all edges at that side have one."""
    for ports in sides.values():
        if any(port.inner is not None for port in ports.values()):
            yield from ports.values()


def _item(
    member: Node | Frame,
    inside: _Sheet | None,
    loops: Loops,
    sides: Mapping[bool, Mapping[int, _Port]],
) -> Item:
    width, height = (
        (inside.width, inside.height)
        if inside is not None
        else metrics.node_size(member)
        if isinstance(member, Node)
        else (0.0, 0.0)
    )
    fixed: dict[bool, dict[int, float] | None] = {}
    for is_top, ports in sides.items():
        has_ports = inside is not None and any(port.edge in inside.ports for port in ports.values())
        fixed[is_top] = (
            {wire: inside.ports[port.edge] for wire, port in ports.items()}
            if inside is not None and has_ports
            else None
        )
    if inside is None and not (isinstance(member, Node) and member.shape == "dot"):
        width = max(width, *(room(len(ports)) for ports in sides.values()))
    return Item(
        width,
        max(height, loops.height),
        loops.width,
        uppers=fixed[True],
        lowers=fixed[False],
        stretch=isinstance(member, Frame) and member.lane,
    )
