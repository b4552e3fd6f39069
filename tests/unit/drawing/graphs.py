"""Graphs to draw: any, and some like those that people will draw."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise

from hypothesis import strategies as st

from corago.drawing.graph import Edge, Frame, Graph, Line, Mark, Node, Shape, Tone
from corago.drawing.layout.geometry import Box, Point, Run, Segment
from corago.drawing.layout.levels import Layout, PlacedEdge

NAMES = st.sampled_from(
    ["open", "closed", "waiting_for_approval", "a", "shipped to the customer, at last", "…", ""]
)
LABELS = st.sampled_from(
    [
        (),
        ("open",),
        ("x",),
        ("approve", "[external.amount > 1000 and not external.is_known_customer]"),
        ("after 48 h",),
        ("cancelled by the customer, an operator, or whoever else has a reason to",),
    ]
)
SHAPES: tuple[Shape, ...] = ("box", "pill", "wait", "call", "end", "dot")
MARKS: tuple[Mark | None, ...] = (
    None,
    "done",
    "running",
    "failed",
    "skipped",
    "waiting",
    "pending",
)
LINES: tuple[Line, ...] = ("solid", "dashed", "dotted")
TONES: tuple[Tone, ...] = ("plain", "taken", "error", "faint")


@st.composite
def graphs(draw: st.DrawFn, frames: int = 4, nodes: int = 12, edges: int = 20) -> Graph:
    """Any graph: circles, loops, many edges between two, frames within frames, loose ends."""
    count = draw(st.integers(0, frames))
    ids = [f"frame {n}" for n in range(count)]
    made = []
    for n, id in enumerate(ids):
        inside = draw(st.sampled_from([None, *ids[:n]]))
        text = draw(st.sampled_from([(), ("Ports",), ("A group with a long name", "7 of 12")]))
        made.append(Frame(id, text, draw(st.sampled_from(MARKS)), inside))
    parts = []
    for n in range(draw(st.integers(1, nodes))):
        inside = draw(st.sampled_from([None, *ids]))
        text = (draw(NAMES), *draw(st.sampled_from([(), ("3 attempts, at most 5 min",)])))
        shape, mark = draw(st.sampled_from(SHAPES)), draw(st.sampled_from(MARKS))
        parts.append(Node(f"n{n}", text, shape, mark, inside, bold=draw(st.booleans())))
    ends = st.sampled_from([*(part.id for part in parts), *ids])
    arrows = [
        Edge(
            draw(ends),
            draw(ends),
            draw(LABELS),
            draw(st.sampled_from(LINES)),
            draw(st.sampled_from(TONES)),
        )
        for _ in range(draw(st.integers(0, edges)))
    ]
    return Graph(tuple(parts), tuple(arrows), tuple(made), "A title", "and what is below it")


def meets(one: Box, other: Box) -> bool:
    """Whether two boxes have more than an edge in common."""
    return (
        one.x < other.right
        and other.x < one.right
        and one.y < other.bottom
        and other.y < one.bottom
    )


def holds(outer: Box, inner: Box) -> bool:
    """Whether one box lies wholly in another."""
    return (
        outer.x <= inner.x
        and outer.y <= inner.y
        and inner.right <= outer.right
        and inner.bottom <= outer.bottom
    )


def points(run: Run) -> Iterator[Point]:
    """Points along a run, close enough to tell what it meets."""
    for segment in run:
        curve = segment if len(segment) == 4 else (segment[0], *segment, segment[1])
        xs, ys = zip(*segment, strict=True)
        count = 16 + int(max(max(xs) - min(xs), max(ys) - min(ys)) / 2)
        for step in range(count + 1):
            at = step / count
            shares = ((1 - at) ** 3, 3 * at * (1 - at) ** 2, 3 * at**2 * (1 - at), at**3)
            xs, ys = zip(*curve, strict=True)
            yield (
                sum(share * x for share, x in zip(shares, xs, strict=True)),
                sum(share * y for share, y in zip(shares, ys, strict=True)),
            )


def around(graph: Graph, id: str) -> set[str]:
    """The frames around a node or frame."""
    parents = {each.id: each.inside for each in graph.members()}
    found = set()
    above = parents[id]
    while above is not None:
        found.add(above)
        above = parents[above]
    return found


def faults(layout: Layout) -> list[str]:
    """What is wrong with a layout: nothing, if it keeps its promises."""
    return [*_boxes(layout), *_labels(layout), *_edges(layout)]


def _boxes(layout: Layout) -> Iterator[str]:
    whole = Box(0.0, 0.0, layout.width, layout.height)
    above = {id: around(layout.graph, id) for id in layout.boxes}
    for id, box in layout.boxes.items():
        if not holds(whole, box):
            yield f"{id} is off the sheet"
        for frame in above[id]:
            if not holds(layout.boxes[frame], box):
                yield f"{id} is not within {frame}"
    for one, other in combinations(layout.boxes, 2):
        is_apart = one not in above[other] and other not in above[one]
        if is_apart and meets(layout.boxes[one], layout.boxes[other]):
            yield f"{one} and {other} overlap"


def _labels(layout: Layout) -> Iterator[str]:
    whole = Box(0.0, 0.0, layout.width, layout.height)
    labels = {n: placed.label for n, placed in enumerate(layout.edges) if placed.label is not None}
    for number, label in labels.items():
        if not holds(whole, label):
            yield f"label {number} is off the sheet"
        for node in layout.graph.nodes:
            if meets(label, layout.boxes[node.id]):
                yield f"label {number} is on {node.id}"
        for placed in layout.edges:
            if any(_passes(run, label) for run in placed.runs):
                yield f"an edge runs over label {number}: {placed.edge}"
    for (one, box), (other, there) in combinations(labels.items(), 2):
        if meets(box, there):
            yield f"labels {one} and {other} overlap"


def _edges(layout: Layout) -> Iterator[str]:
    graph = layout.graph
    nodes = {node.id for node in graph.nodes}
    for placed in layout.edges:
        edge = placed.edge
        ends = (placed.runs[0][0][0], placed.runs[-1][-1][-1])
        for end, point in zip((edge.source, edge.target), ends, strict=True):
            if not _is_at_border(point, layout.boxes[end]):
                yield f"{edge} does not end at the border of {end}"
        for run in placed.runs:
            if any(one[-1] != other[0] for one, other in pairwise(run)):
                yield f"{edge} has a hole"
        own = {edge.source, edge.target} - nodes
        own |= around(graph, edge.source) | around(graph, edge.target)
        for id, box in layout.boxes.items():
            if id not in own and any(_passes(run, box) for run in placed.runs):
                yield f"{edge} runs over {id}"


def blemishes(layout: Layout) -> list[str]:
    """What makes a layout hard to read, though nothing that stands on something else."""
    return [*_covered(layout), *_on_borders(layout)]


def _covered(layout: Layout) -> Iterator[str]:
    """Edges of which one runs along on the other."""
    for (one, here), (other, there) in combinations(enumerate(layout.edges), 2):
        for first in _straights(here):
            if any(_run_together(first, second) for second in _straights(there)):
                yield f"edges {one} and {other} run on one another"
                break


def _straights(placed: PlacedEdge) -> list[Box]:
    lines = [line for run in placed.runs for segment in run for line in _legs(segment)]
    return [
        Box(min(a[0], b[0]), min(a[1], b[1]), abs(a[0] - b[0]), abs(a[1] - b[1])) for a, b in lines
    ]


def _legs(segment: Segment) -> list[tuple[Point, Point]]:
    """A line, or the two legs of a corner; none for other curves."""
    first, last = segment[0], segment[-1]
    if len(segment) == 2:
        return [(first, last)]
    is_level = segment[1][1] == first[1]
    if is_level == (segment[2][1] == last[1]):
        return []
    corner = (last[0], first[1]) if is_level else (first[0], last[1])
    return [(first, corner), (corner, last)]


def _run_together(one: Box, other: Box) -> bool:
    wide = min(one.right, other.right) - max(one.x, other.x)
    high = min(one.bottom, other.bottom) - max(one.y, other.y)
    return max(wide, high) > 1.0 and min(wide, high) > -1.0


def _on_borders(layout: Layout) -> Iterator[str]:
    """Labels that the border of a frame crosses."""
    for number, placed in enumerate(layout.edges):
        label = placed.label
        for frame in layout.graph.frames:
            box = layout.boxes[frame.id]
            if label is not None and meets(box, label) and not holds(box, label):
                yield f"label {number} is on the border of {frame.id}"


def _is_at_border(point: Point, box: Box) -> bool:
    spot = Box(*point, 0.0, 0.0)
    return holds(box.grown(0.5), spot) and not meets(box.grown(-0.5), spot)


def _passes(run: Run, box: Box) -> bool:
    inner = box.grown(-0.5)
    for segment in run:
        xs, ys = [x for x, _ in segment], [y for _, y in segment]
        hull = Box(min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)).grown(0.01)
        if meets(hull, inner) and any(
            meets(inner, Box(x, y, 0.0, 0.0)) for x, y in points((segment,))
        ):
            return True
    return False


@st.composite
def machines(draw: st.DrawFn) -> Graph:
    """Graphs like those of state machines: 10 to 30 states, most edges with labels, circles."""
    count = draw(st.integers(10, 30))
    states = [Node("first", (), "dot")]
    for n in range(count):
        text = (draw(NAMES) or "state", f"number {n}")
        states.append(Node(f"s{n}", text, "end" if n % 7 == 6 else "box", bold=n == 3))
    edges = [Edge("first", "s0")]
    for n in range(1, count):
        before = draw(st.integers(max(0, n - 4), n - 1))
        edges.append(Edge(f"s{before}", f"s{n}", draw(LABELS)))
    some = st.integers(0, count - 1)
    for _ in range(draw(st.integers(0, count))):
        line, tone = draw(st.sampled_from(LINES)), draw(st.sampled_from(TONES))
        edges.append(Edge(f"s{draw(some)}", f"s{draw(some)}", draw(LABELS), line, tone))
    return Graph(tuple(states), tuple(edges), title="machine")


def arrows(*ends: str) -> Graph:
    """A graph of arrows such as `a>b`, or `a>b: a label`."""
    edges = []
    for each in ends:
        way, _, label = each.partition(": ")
        source, _, target = way.partition(">")
        edges.append(Edge(source, target, (label,) if label else ()))
    names = dict.fromkeys(end for edge in edges for end in (edge.source, edge.target))
    return Graph(tuple(Node(name, (name,)) for name in names), tuple(edges))


DOOR = Graph(
    (
        Node("start", (), "dot"),
        Node("closed", ("closed",), mark="running", bold=True),
        Node("opened", ("opened", "run ring"), mark="pending"),
        Node("locked", ("locked",), mark="done"),
        Node("broken", ("broken",), "end", "pending"),
    ),
    (
        Edge("start", "closed"),
        Edge("closed", "opened", ("open",), tone="taken"),
        Edge("opened", "closed", ("close",)),
        Edge("opened", "closed", ("after 48 h",), line="dashed"),
        Edge("closed", "locked", ("lock",)),
        Edge("locked", "closed", ("unlock", "[external.badge_ok]")),
        Edge("locked", "locked", ("knock", "3 times")),
        Edge("opened", "broken", ("failed",), tone="error"),
        Edge("locked", "broken", ("kick",), tone="error"),
    ),
    title="door",
    subtitle="with locks",
)
"""A small machine with everything that edges can be."""
