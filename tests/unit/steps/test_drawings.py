"""Step lists drawn as SVG, DOT and Mermaid, alone and with a process in them."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings

from corago.drawing.graph import Edge
from corago.drawing.layout.levels import laid_out
from corago.steps import StepList
from corago.steps.drawings import FORMATS, drawing, graph_dot, graph_mermaid, graph_svg
from corago.steps.positions import Position, counts, positions
from tests.unit.drawing.graphs import faults
from tests.unit.steps.drive import Drive
from tests.unit.steps.lists import EVERYTHING, LISTS, NESTED, made

POSITION: dict[str, Position] = {
    "Start": "done",
    "Prepare": "done",
    "Prepare/Reserve": "done",
    "Prepare/Check all": "skipped",
    "Ports": "running",
    "Ports/Label": "failed",
}


def test_an_element_is_a_node_with_all_that_it_says() -> None:
    graph = drawing(EVERYTHING.document)
    nodes = {node.id: node for node in graph.nodes}
    assert nodes["Ends/Check"].text == ("Check", "2 attempts, at most 1 min 30 s")
    shapes = {node.text[0]: node.shape for node in graph.nodes}
    assert (shapes["Start"], shapes["Done"], shapes["Abort"]) == ("pill", "pill", "pill")
    assert (shapes["Sleep"], shapes["Wait for go"], shapes["Charge"]) == ("wait", "wait", "box")
    assert nodes["Abort"].optional
    assert nodes["Abort"].text[-1] == "if is_large and is_late"
    assert not nodes["Reserve"].optional
    assert (graph.title, graph.subtitle) == ("tried", "version 2 · For a test")
    assert {node.mark for node in graph.nodes} == {None}


def test_elements_with_lists_are_frames_around_them() -> None:
    graph = drawing(NESTED.document)
    frames = {frame.id: frame for frame in graph.frames}
    assert frames["Prepare/Check all"].inside == "Prepare"
    assert frames["Ports"].repeated
    assert not frames["Prepare"].repeated
    assert frames["view"].optional
    lanes = [frame for frame in graph.frames if frame.lane]
    assert [lane.inside for lane in lanes] == ["Ports/Ends", "Ports/Ends", "view/Both"]
    inside = {node.id: node.inside for node in graph.nodes}
    assert inside["Prepare/Reserve"] == "Prepare"
    assert inside["Ports/Ends/Charge"] == inside["Ports/Ends/Check"] == lanes[0].id
    assert inside["Ports/Ends/Reserve"] == lanes[1].id
    assert {node.id: node.shape for node in graph.nodes}["create_dns"] == "call"


def test_arrows_lead_from_each_element_of_a_list_to_the_next() -> None:
    ends = {(edge.source, edge.target) for edge in drawing(NESTED.document).edges}
    assert ends == {
        ("Start", "Prepare"),
        ("Prepare", "Ports"),
        ("Ports", "billing"),
        ("billing", "view"),
        ("view", "create_dns"),
        ("create_dns", "Another"),
        ("Another", "Done"),
        ("Prepare/Reserve", "Prepare/Check all"),
        ("Ports/Label", "Ports/Ends"),
        ("Ports/Ends/Charge", "Ports/Ends/Check"),
    }


def test_a_process_shows_by_marks_counts_and_the_arrows_that_it_took() -> None:
    graph = drawing(NESTED.document, POSITION, {"Ports": "7 of 12"})
    marks = {each.id: each.mark for each in graph.members()}
    assert marks["Prepare/Check all"] == "skipped"
    assert marks["Done"] == "pending"
    frames = {frame.id: frame for frame in graph.frames}
    assert frames["Ports"].text[:2] == ("Ports", "7 of 12")
    nodes = {node.id: node for node in graph.nodes}
    assert nodes["Ports/Label"].bold
    assert not nodes["Start"].bold
    assert nodes["Ports/Label"].hint == "Ports/Label: failed"
    taken = {edge.target for edge in graph.edges if edge.tone == "taken"}
    assert taken == {"Prepare", "Ports", "Prepare/Check all"}
    assert Edge("Ports", "billing") in graph.edges


def test_a_live_process_is_drawn_where_it_stands() -> None:
    drive = Drive(EVERYTHING).run()
    program, snapshot = drive.workflow.program, drive.snapshot
    found = positions(program, snapshot, drive.events, now=drive.now)
    drawn = graph_mermaid(EVERYTHING.document, found, counts(program, snapshot))
    assert '"⏸ Sleep<br/>1 d 1 h 30 min"' in drawn
    assert '"↷ Ends · if is_large"' in drawn


def test_every_format_tells_every_name() -> None:
    for form, draw in FORMATS.items():
        drawn = draw(NESTED.document, POSITION, {"Ports": "7 of 12"})
        for name in ("Prepare", "Check all", "Another", "7 of 12", "queue printers"):
            assert name in drawn, (form, name)
    assert list(FORMATS) == ["text", "mermaid", "dot", "svg"]


@pytest.mark.parametrize("form", ["text", "svg", "dot", "mermaid"])
def test_a_workflow_draws_itself(form: str) -> None:
    assert getattr(NESTED, form)() == FORMATS[form](NESTED.document)


def test_a_name_with_everything_in_it_is_drawn() -> None:
    name = "<a> & \"b\" 'c' [d] {e} `f` #g; \\h | 100 % ü → 日本"
    document = {
        "name": "evil",
        "version": 1,
        "description": name,
        "steps": [{"kind": "group", "name": name, "steps": [{"kind": "step", "name": name}]}],
    }
    texts = [each.text for each in ET.fromstring(graph_svg(document)).iter() if each.text]  # noqa: S314 - our own
    assert any(name.split(maxsplit=1)[0] in text for text in texts)
    assert name.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;") in graph_dot(
        document
    )
    assert "#60;a#62; #38; #34;b#34; 'c' [d] {e} #96;f#96; #35;g;" in graph_mermaid(document)


@settings(derandomize=True, deadline=None, database=None, max_examples=40)
@given(LISTS)
def test_any_list_has_a_drawing_in_which_nothing_overlaps(part: StepList) -> None:
    """One box for each element, apart from the others, and frames around exactly their lists."""
    flow = made(part)
    found = laid_out(drawing(flow.document, {}))
    assert faults(found) == []
    drawn = [id for id in found.boxes if "\n" not in id]
    assert len(drawn) == len(list(flow.steps.walk()))
