"""Graphs in lines of text: a part each, with what leads to it."""

from __future__ import annotations

from hypothesis import given, settings

from corago.drawing.graph import Edge, Frame, Graph, Node
from corago.drawing.listing import listing
from tests.unit.drawing.graphs import graphs

LAWS = settings(derandomize=True, deadline=None, database=None, max_examples=60)


def test_a_line_has_mark_name_details_and_what_leads_there() -> None:
    graph = Graph(
        (
            Node("a", ("Ask", "queue q", "2 attempts"), mark="done"),
            Node("b", ("Bake",), mark="running", bold=True),
            Node("c", (), "dot"),
        ),
        (
            Edge("a", "b", ("twice", "a day")),
            Edge("c", "b"),
            Edge("b", "b", line="dotted"),
            Edge("a", "c", line="dashed"),
        ),
        title="work",
        subtitle="version 1",
    )
    assert listing(graph).splitlines() == [
        "work · version 1",
        "✓ Ask (queue q, 2 attempts)",
        "▶ Bake  ← Ask [twice a day], ●  ⇠ Bake ← here",
        "●  ⇠ Ask",
    ]


def test_what_is_in_a_frame_stands_under_it() -> None:
    graph = Graph(
        (Node("a", ("Ask",), inside="f"), Node("z", ("Zip",))),
        (Edge("f", "z"),),
        (Frame("f", ("All", "7 of 12"), inside="g"), Frame("g", ("Group",))),
    )
    assert listing(graph).splitlines() == [
        "Zip  ← All",
        "Group",
        "   All (7 of 12)",
        "      Ask",
    ]


@LAWS
@given(graphs())
def test_every_part_has_one_line(graph: Graph) -> None:
    """Each node and each frame is told once, and no text breaks its line."""
    head = bool(graph.title or graph.subtitle)
    assert len(listing(graph).splitlines()) == head + len(list(graph.members()))
