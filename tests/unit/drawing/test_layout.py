"""Where things go: nothing on top of anything else, whatever is drawn."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings

from corago.drawing.graph import Edge, Frame, Graph, Node
from corago.drawing.layout.geometry import Box, moved
from corago.drawing.layout.levels import Layout, laid_out
from tests.unit.drawing.graphs import DOOR, arrows, blemishes, faults, graphs, machines

LAWS = settings(derandomize=True, deadline=None, database=None, max_examples=60)


@LAWS
@given(graphs())
def test_nothing_overlaps_and_frames_hold_exactly_what_is_theirs(graph: Graph) -> None:
    """For any graph: boxes are apart, frames hold theirs, edges run over neither box nor label."""
    assert faults(laid_out(graph)) == []


@settings(LAWS, max_examples=12)
@given(machines())
def test_nothing_overlaps_in_large_machines(graph: Graph) -> None:
    """For machines of 10 to 30 states: as for any graph, and no edge runs along another."""
    found = laid_out(graph)
    assert faults(found) == []
    assert blemishes(found) == []


@settings(LAWS, max_examples=15)
@given(graphs())
def test_equal_graphs_are_laid_out_equally(graph: Graph) -> None:
    """A layout depends on nothing but the graph."""
    assert laid_out(graph) == laid_out(replace(graph))


def test_a_layout_with_faults_is_noticed() -> None:
    found = laid_out(DOOR)
    assert faults(found) == []
    boxes = {**found.boxes, "closed": found.boxes["opened"].moved(3, 3)}
    told = faults(replace(found, boxes=boxes))
    assert "closed and opened overlap" in told
    assert any("does not end at the border of closed" in each for each in told)
    first, second, *others = found.edges
    assert second.label is not None
    for label, fault in (
        (found.boxes["locked"], "label 1 is on locked"),
        (second.label.moved(0, -second.label.height), "runs over label 1"),
        (second.label.moved(60, 0), "labels 1 and 2 overlap"),
        (second.label.moved(-60, 0), "label 1 is off the sheet"),
    ):
        told = faults(replace(found, edges=(first, replace(second, label=label), *others)))
        assert any(fault in each for each in told)


def test_edges_on_one_another_and_labels_on_borders_are_noticed() -> None:
    graph = replace(DOOR, frames=(Frame("f"),), nodes=(*DOOR.nodes, Node("in", (), inside="f")))
    found = laid_out(graph)
    assert blemishes(found) == []
    first, second, *others = found.edges
    along = replace(second, runs=tuple(moved(first.runs, 0.3, 5.0)), label=None)
    told = blemishes(replace(found, edges=(first, along, *others)))
    assert told == ["edges 0 and 1 run on one another"]
    assert second.label is not None
    frame = found.boxes["f"]
    label = second.label.moved(frame.x - second.label.x - 5, frame.y - second.label.y + 5)
    told = blemishes(replace(found, edges=(first, replace(second, label=label), *others)))
    assert told == ["label 1 is on the border of f"]


def test_a_line_over_a_label_is_noticed_however_long_it_is() -> None:
    found = laid_out(arrows("a>b: here", "b>c"))
    here, there = found.edges
    long = (((0.0, 0.0), (0.0, 9000.0)),)
    for y in (100.0, 4321.0, 8765.0):
        layout = replace(
            found, edges=(replace(here, label=Box(-3, y, 6, 6)), replace(there, runs=(long,)))
        )
        assert any("runs over label 0" in each for each in faults(layout))


def test_within_a_frame_the_story_begins_where_it_is_entered() -> None:
    frame = (Frame("f"),)
    nodes = (Node("s", (), "dot"), *(Node(id, (id,), inside="f") for id in "abc"))
    edges = (Edge("a", "b"), Edge("b", "c"), Edge("c", "a"))
    for first in "abc":
        found = laid_out(Graph(nodes, (Edge("s", first), *edges), frame))
        assert min("abc", key=lambda id: found.boxes[id].y) == first


def test_a_chain_is_straight_and_leads_downwards() -> None:
    found = laid_out(arrows("a>bb", "bb>ccc: next", "ccc>d"))
    middles = [found.boxes[id].middle for id in ("a", "bb", "ccc", "d")]
    assert len({x for x, _ in middles}) == 1
    assert [y for _, y in middles] == sorted(y for _, y in middles)
    assert [len(run) for placed in found.edges for run in placed.runs] == [1, 1, 1, 1]
    label = found.edges[1].label
    assert label is not None
    assert label.middle[0] == middles[0][0]


def test_what_forks_stands_in_the_middle_above() -> None:
    found = laid_out(arrows("a>b", "a>c", "b>d", "c>d"))
    ends = [found.boxes[id].middle[0] for id in "abcd"]
    assert ends[1] < ends[0] < ends[2]
    assert ends[0] == ends[3] == (ends[1] + ends[2]) / 2


def test_the_way_back_runs_upwards_from_source_to_target() -> None:
    found = laid_out(arrows("a>b: go", "b>a: back"))
    there, back = (placed.runs for placed in found.edges)
    assert there[0][0][0][1] == found.boxes["a"].bottom
    assert there[-1][-1][-1][1] == found.boxes["b"].y
    assert back[0][0][0][1] == found.boxes["b"].y
    assert back[-1][-1][-1][1] == found.boxes["a"].bottom
    assert found.boxes["a"].middle[1] < found.boxes["b"].middle[1]


def test_loops_make_their_node_higher_and_stand_beside_it() -> None:
    found = laid_out(arrows("a>a: one", "a>a: two", "a>a", "b>a"))
    assert found.boxes["a"].height > found.boxes["b"].height
    labels = [placed.label for placed in found.edges[:2]]
    assert all(label is not None and label.x > found.boxes["a"].right for label in labels)


def test_a_label_stands_near_to_where_its_arrow_comes_from() -> None:
    found = laid_out(arrows("a>b", "b>c", "c>d", "d>e", "a>e: far", "e>a: home"))
    far, home = (placed.label for placed in found.edges[4:])
    assert far is not None
    assert home is not None
    assert far.bottom < found.boxes["c"].y < home.y


FRAMED = Graph(
    (
        Node("in", ("in",), inside="inner"),
        Node("beside", ("beside",), inside="inner"),
        Node("out", ("out",)),
    ),
    (
        Edge("out", "in", ("enter",)),
        Edge("in", "out", ("leave",)),
        Edge("out", "inner"),
        Edge("outer", "in", ("reset",)),
        Edge("beside", "outer", ("rise",)),
        Edge("outer", "outer", ("tick",)),
        Edge("in", "beside"),
    ),
    (Frame("outer", ("Outer",)), Frame("inner", ("Inner", "with more"), inside="outer")),
)


def test_an_edge_passes_the_borders_of_the_frames_between_its_ends() -> None:
    found = laid_out(FRAMED)
    assert faults(found) == []
    outer, inner = found.boxes["outer"], found.boxes["inner"]
    enter = found.edges[0].runs
    heights = [point[1] for run in enter for segment in run for point in segment]
    assert outer.y in heights
    assert inner.y in heights
    assert found.edges[2].runs[-1][-1][-1][1] in (inner.y, inner.bottom)


def test_lanes_stand_side_by_side_and_are_of_one_height() -> None:
    frames = (Frame("both", ("Both",)), *(Frame(n, lane=True, inside="both") for n in "lr"))
    nodes = (Node("a", ("a",), inside="l"), Node("b", ("b",), inside="l"))
    graph = Graph((*nodes, Node("c", ("c",), inside="r")), (Edge("a", "b"),), frames)
    found = laid_out(graph)
    left, right = found.boxes["l"], found.boxes["r"]
    assert (left.y, left.height) == (right.y, right.height)
    assert left.right < right.x
    assert found.boxes["a"].y == found.boxes["c"].y
    assert faults(found) == []


def test_headings_widen_what_is_too_narrow_for_them() -> None:
    graph = Graph((Node("a", ("a",), inside="f"),), (), (Frame("f", ("A heading of words",)),))
    found = laid_out(graph)
    assert found.boxes["f"].width > 2 * found.boxes["a"].width
    assert abs(found.boxes["f"].middle[0] - found.boxes["a"].middle[0]) < 0.01
    titled = laid_out(replace(graph, title="A title that is much longer than all the rest"))
    assert titled.width > found.width


def test_nothing_at_all_is_drawn_as_an_empty_sheet() -> None:
    assert faults(laid_out(Graph())) == []
    found = laid_out(Graph(frames=(Frame("empty"),)))
    assert found.boxes["empty"].width > 0


def test_hundreds_of_steps_in_a_row_are_no_trouble() -> None:
    found = laid_out(arrows(*(f"{n}>{n + 1}" for n in range(600))))
    assert isinstance(found, Layout)
    assert isinstance(found.boxes["600"], Box)


TANGLES = {
    "a>b: a rather long label; b>c: back again; a>d: a rather long label; "
    "d>c: a rather long label; c>b: x; b>c: go": 8,
    "a>b: back again; a>c; c>d; c>e: back again; e>f: a rather long label; e>g: back again; "
    "a>e: x; g>b; c>c: x": 10,
    "a>b: x; a>b: back again; c>a": 2,
    "c>e: back again; d>b: back again; d>b: x; c>e: back again": 4,
}
"""Graphs, and how many of their lines bend. A better layout may lower a number."""


@pytest.mark.parametrize(("told", "count"), TANGLES.items())
def test_lines_are_straight_where_they_can_be(told: str, count: int) -> None:
    found = laid_out(arrows(*told.split("; ")))
    bent = [run for placed in found.edges for run in placed.runs if len(run) > 1]
    assert len(bent) <= count
