"""Deciders drawn as text, SVG, DOT and Mermaid: what they declare, and the path of a process."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corago.core import events as e
from corago.decider.drawings import FORMATS, drawing, graph_svg, graph_text
from tests.unit.decider.histories import BEGUN, DOCUMENT, Story, order


def test_a_path_in_text_says_what_led_where_and_where_it_stands() -> None:
    assert graph_text(DOCUMENT, order().trail()).splitlines() == [
        "order · version 2",
        "✓ Start",
        "✓ Pay (queue cards, 2 attempts)  ← Start",
        "✓ Ship  ← Pay",
        "✗ Ship#2 (ValueError: parcel lost)  ← Pay",
        "↷ timer (1 h 30 min, canceled)  ← Pay, Ship#2 [cancels]",
        "✓ extra (signal, by ann)",
        "▶ Late (Ship@2)  ← extra, Ship#2 [cancels] ← here",
        '✓ gave up (marker, {"why":"lost"})  ⇠ Ship  ← Ship#2',
        "· next  ⇠ Late",
    ]


def test_a_closed_process_has_nothing_next() -> None:
    story = Story(run=2).note(e.ProcessCompleted)
    assert graph_text(DOCUMENT, story.trail()).splitlines() == [
        "order · version 2 · run 2",
        "✓ Start (run 2)",
        "✓ completed  ← Start",
    ]


def test_shapes_lines_and_tones_tell_what_things_are() -> None:
    graph = drawing(DOCUMENT, order().trail())
    shapes = {node.text[0]: node.shape for node in graph.nodes}
    assert [shapes[name] for name in ("Start", "Pay", "timer", "extra", "next")] == [
        "pill",
        "box",
        "wait",
        "pill",
        "pill",
    ]
    assert [node.text[0] for node in graph.nodes if node.bold] == ["Late"]
    assert [node.text[0] for node in graph.nodes if node.optional] == ["next"]
    looks = {(edge.line, edge.tone) for edge in graph.edges}
    assert looks == {
        ("solid", "taken"),
        ("solid", "error"),
        ("dotted", "faint"),
        ("dashed", "faint"),
    }


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_shows_a_definition_and_a_process(form: str) -> None:
    draw = FORMATS[form]
    assert "Pay" in draw(DOCUMENT)
    assert "parcel lost" not in draw(DOCUMENT)
    assert "parcel lost" in draw(DOCUMENT, order().trail())
    assert draw(DOCUMENT, order().trail()) == draw(DOCUMENT, order().trail())


def test_an_svg_is_one_xml_document_with_all_that_was_met() -> None:
    root = ET.fromstring(graph_svg(DOCUMENT, order().trail()))  # noqa: S314 - our own text
    texts = {each.text for each in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"Ship#2", "ValueError: parcel lost", "cancels", "next"} <= texts


LOST = e.Failure("LeaseLost", "who?")
NAMES = st.sampled_from(["a", "a#2", "b", "next", "(next)", "Start", "decision", "é\x00\n"])
EVENTS = st.one_of(
    st.builds(lambda n: (e.ActivityScheduled, {"path": n, "activity": n}), NAMES),
    st.builds(lambda n: (e.ActivityScheduled, {"path": n, "queue": "q", "attempt": 2}), NAMES),
    st.builds(lambda n: (e.ActivityClosed, {"path": n, "result": e.ActivityAborted(n)}), NAMES),
    st.builds(lambda n: (e.ActivityCancelRequested, {"path": n}), NAMES),
    st.builds(lambda n: (e.StepSkipped, {"path": n}), NAMES),
    st.builds(lambda n: (e.TimerStarted, {"timer": n, "due": BEGUN}), NAMES),
    st.builds(lambda n: (e.TimerFired, {"timer": n}), NAMES),
    st.builds(lambda n: (e.ChildStarted, {"path": n, "child": n, "workflow": n}), NAMES),
    st.builds(lambda n: (e.ChildClosed, {"path": n, "child": n, "status": "failed"}), NAMES),
    st.builds(lambda n: (e.MessageSent, {"path": n, "to": n, "command": "cancel"}), NAMES),
    st.builds(lambda n: (e.MarkerRecorded, {"name": n, "details": {n: n}}), NAMES),
    st.builds(lambda n: (e.SignalReceived, {"name": n, "data": n}), NAMES),
    st.builds(lambda n: (e.ProcessSuspended, {"path": n, "error": LOST}), NAMES),
    st.builds(lambda n: (e.ProcessResumed, {"paths": (n,)}), NAMES),
    st.sampled_from(
        [
            (e.ProcessSuspended, {"error": LOST, "undecided": 1}),
            (e.ProcessReopened, {}),
            (e.CancelRequested, {}),
            (e.ProcessCompleted, {"result": [1]}),
            (e.ProcessFailed, {"error": LOST}),
            (e.ProcessAborted, {}),
            (e.ProcessTimedOut, {}),
            (e.ContinuedAsNew, {"following": 2}),
        ]
    ),
)


@settings(derandomize=True, deadline=None, database=None, max_examples=150)
@given(st.lists(st.tuples(EVENTS, st.booleans()), max_size=30))
def test_every_history_can_be_drawn(steps: list[tuple[Any, bool]]) -> None:
    """Whatever was recorded, in whatever order: each node is told once, and all formats draw it."""
    story = Story()
    for (kind, fields), is_over in steps:
        story.note(kind, **fields)
        if is_over:
            story.then()
    found = story.trail()
    text = graph_text(DOCUMENT, found)
    assert len(text.splitlines()) == 1 + len(found.landmarks) + bool(found.standing)
    for draw in FORMATS.values():
        assert draw(DOCUMENT, found)
