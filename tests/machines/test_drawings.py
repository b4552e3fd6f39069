"""Machines drawn in four ways, alone and with a process in them; a corpus that must look good."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corago.drawing.graph import Edge, Graph, Node
from corago.drawing.layout.levels import laid_out
from corago.machine.drawings import FORMATS, Standing, drawing, graph_dot, graph_svg, graph_text
from tests.machines.corpus import NAMES, document
from tests.unit.drawing.graphs import blemishes, faults

LAWS = settings(derandomize=True, deadline=None, database=None, max_examples=40)
SPACE = "{http://www.w3.org/2000/svg}"
GOLDEN = Path(__file__).parent / "golden"
DOOR = document("door")
LOCKED = Standing("locked", {"states/closed/on/1": 3, "states/locked/on/0": 2, "groups/x/on/0": 0})


def nodes(graph: Graph) -> dict[str, Node]:
    return {node.id: node for node in graph.nodes}


def edge(graph: Graph, source: str, target: str) -> Edge:
    found = [each for each in graph.edges if (each.source, each.target) == (source, target)]
    assert len(found) == 1
    return found[0]


def small(**states: Any) -> dict[str, Any]:
    return {"kind": "machine", "name": "m", "version": 1, "initial": "a", "states": states}


# -- what is drawn ---------------------------------------------------------------------------------


def test_a_dot_leads_to_the_initial_state() -> None:
    graph = drawing(DOOR)
    assert nodes(graph)["(start)"].shape == "dot"
    assert edge(graph, "(start)", "closed") == graph.edges[0]


def test_states_without_a_way_out_have_the_shape_of_an_end() -> None:
    lone = {"terminal": True, "on": [{"event": "x", "to": "a"}]}
    kept = small(a={"on": [{"event": "x", "to": "b"}]}, b={}, c=lone, d={}, e={})
    kept |= {"error": "e", "groups": {"g": {"members": ["d"], "on": [{"event": "x", "to": "a"}]}}}
    shapes = {id: node.shape for id, node in nodes(drawing(kept)).items()}
    assert (shapes["b"], shapes["c"]) == ("end", "end")
    assert (shapes["a"], shapes["d"], shapes["e"]) == ("box", "box", "box")


def test_groups_are_frames_and_their_edges_leave_from_the_frame_once() -> None:
    graph = drawing(DOOR)
    assert [frame.text for frame in graph.frames] == [("hung",)]
    members = {node.id for node in graph.nodes if node.inside == "groups/hung"}
    assert members == {"opened", "closed", "locked"}
    assert edge(graph, "groups/hung", "removed").text == ("remove",)
    assert [each for each in graph.edges if each.target == "removed"] == [
        edge(graph, "groups/hung", "removed")
    ]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"event": "go"}, "go"),
        ({"event": "go", "if": "external.x"}, "go [external.x]"),
        ({"event": "go", "unless": "external.x"}, "go [not external.x]"),
        (
            {"event": "go", "unless": "external.x or visits.a > 1"},
            "go [not (external.x or visits.a > 1)]",
        ),
        ({"event": "go", "if": {"call": "ready"}}, "go [ready()]"),
        ({"event": "go", "unless": {"call": "ready"}}, "go [not ready()]"),
        (
            {"event": "go", "effect": [{"activity": "mail"}, {"activity": "ring"}]},
            "go / mail, ring",
        ),
    ],
)
def test_an_edge_says_its_event_its_guard_and_what_it_starts(
    given: dict[str, Any], told: str
) -> None:
    graph = drawing(small(a={"on": [given | {"to": "b"}]}, b={}))
    assert edge(graph, "a", "b").text == (told,)


@pytest.mark.parametrize(
    ("delay", "told"),
    [
        ("PT48H", "after 48 h"),
        ("P1DT12H", "after 1 d 12 h"),
        ("PT2M", "after 2 min"),
        ("PT0.5S", "after 0.5 s"),
        ("P2W", "after 2 w"),
        ("soon", "after soon"),
    ],
)
def test_timeouts_are_dashed_and_say_how_long(delay: str, told: str) -> None:
    drawn = edge(drawing(small(a={"after": [{"delay": delay, "to": "b"}]}, b={})), "a", "b")
    assert (drawn.text, drawn.line) == ((told,), "dashed")


def test_failures_and_the_error_state_are_drawn_as_trouble() -> None:
    graph = drawing(document("order"))
    failed = edge(graph, "paying", "declined")
    assert (failed.text, failed.tone) == (("failed Declined",), "error")
    assert edge(graph, "(any state)", "trouble").tone == "error"
    assert [node.id for node in graph.nodes if node.trouble] == ["trouble"]
    assert nodes(graph)["trouble"].look == "failed"


def test_what_all_states_share_is_drawn_once() -> None:
    graph = drawing(document("order"))
    idle = edge(graph, "(any state)", "cancelled")
    assert (idle.text, idle.line) == (("idle 60 d",), "dashed")


def test_a_limit_without_a_target_leads_to_the_error_state_or_stands_in_the_box() -> None:
    kept = small(a={"on": [{"event": "x", "to": "b"}]}, b={}, e={}) | {"idle": {"delay": "PT1H"}}
    assert nodes(drawing(kept))["(any state)"].text == ("any state", "idle 1 h")
    told = [each.text for each in drawing(kept | {"error": "e"}).edges if each.target == "e"]
    assert told == [("idle 1 h",), ("error",)]


def test_the_way_back_leads_to_a_stand_in() -> None:
    graph = drawing(document("order"))
    assert edge(graph, "trouble", "(before trouble)").text == ("resume",)
    assert nodes(graph)["(before trouble)"].text == ("previous state",)


def test_what_goes_on_within_a_state_stands_in_its_box() -> None:
    states = nodes(drawing(document("atm")))
    assert states["reading"].text == ("reading", "run read_card")
    assert states["asking_amount"].text[1].startswith("on amount [not (event.amount % 10")
    advice = nodes(drawing(document("permit")))["advice"]
    assert advice.shape == "call"
    assert advice.text[1:] == ("child fire: fire_advice", "child heritage: heritage_advice")
    assert nodes(drawing(DOOR))["alarmed"].text == ("alarmed", "enter / call_guard")


def test_edges_that_look_alike_are_one_arrow_with_a_line_each() -> None:
    both = [{"event": "x", "to": "b"}, {"event": "y", "to": "b"}]
    timed = [{"delay": "PT1H", "to": "b"}]
    found = drawing(small(a={"on": both, "after": timed}, b={})).edges[1:]
    assert [(each.text, each.line) for each in found] == [
        (("x,", "y"), "solid"),
        (("after 1 h",), "dashed"),
    ]


def test_a_guard_without_an_event_has_an_arrow_of_its_own() -> None:
    """Below an event it would be read as the guard of that event."""
    state = {"on": [{"event": "x", "to": "b"}], "when": [{"if": "external.y", "to": "b"}]}
    found = drawing(small(a=state, b={})).edges[1:]
    assert [each.text for each in found] == [("x",), ("[external.y]",)]


# -- a process -------------------------------------------------------------------------------------


def test_the_current_state_is_bold_and_has_a_mark() -> None:
    states = nodes(drawing(DOOR, LOCKED))
    assert [id for id, node in states.items() if node.bold] == ["locked"]
    marks = {id: node.mark for id, node in states.items()}
    assert marks == {
        "(start)": None,
        "opened": "pending",
        "closed": "done",
        "locked": "waiting",
        "alarmed": "pending",
        "removed": "pending",
    }


@pytest.mark.parametrize(
    ("standing", "mark"),
    [
        (Standing("paying"), "running"),
        (Standing("new"), "waiting"),
        (Standing("paying", failed=True), "failed"),
        (Standing("closed", done=True), "done"),
        (Standing("gone"), None),
    ],
)
def test_the_mark_of_the_current_state_says_how_it_is(standing: Standing, mark: str | None) -> None:
    states = nodes(drawing(document("order"), standing))
    assert getattr(states.get(standing.state), "mark", None) == mark


def test_edges_that_were_taken_are_counted() -> None:
    graph = drawing(DOOR, LOCKED)
    lock, unlock = edge(graph, "closed", "locked"), edge(graph, "locked", "closed")
    assert (lock.text, lock.tone) == (("lock 3x",), "taken")
    assert unlock.text == ("unlock [external.badge_ok] 2x",)
    assert edge(graph, "(start)", "closed").tone == "taken"
    assert edge(graph, "closed", "opened").tone == "plain"


def test_an_edge_that_stays_is_counted_in_the_box() -> None:
    standing = Standing("opened", {"states/opened/after/0": 1})
    assert nodes(drawing(DOOR, standing))["opened"].text[1] == "after 2 min / ring 1x"


# -- the four formats ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("standing", [None, LOCKED], ids=["alone", "process"])
def test_the_door_looks_as_it_always_did(name: str, standing: Standing | None) -> None:
    told = FORMATS[name](DOOR, standing)
    golden = GOLDEN / f"door-{'process' if standing else 'alone'}.{name}"
    assert told.rstrip("\n") == golden.read_text(encoding="utf-8").rstrip("\n")


@pytest.mark.parametrize("name", FORMATS)
def test_equal_documents_are_drawn_equally(name: str) -> None:
    for machine in NAMES[::5]:
        assert FORMATS[name](document(machine)) == FORMATS[name](document(machine))


def test_the_text_tells_every_state_and_every_edge() -> None:
    for machine in NAMES:
        kept = document(machine)
        told = graph_text(kept)
        heads = re.findall(r"^([\w-]+)(?: |$)", told, re.MULTILINE)
        assert set(kept["states"]) <= set(heads)
        bodies = [*kept["states"].values(), *kept.get("groups", {}).values()]
        edges = [
            each
            for body in bodies
            for slot in ("on", "when", "after", "done", "failed")
            for each in body.get(slot, ())
        ]
        limits = sum(key in kept for key in ("idle", "lifetime", "error"))
        arrows = re.findall(r"^    .*(?: → | stays)", told, re.MULTILINE)
        assert len(arrows) == len(edges) + limits


HOSTILE = "<b onload=\"x\">&amp; 'quoted' \\ `code` ]]> --> %%{init}%% $$x$$ #1;"


@LAWS
@given(st.text(min_size=1, max_size=20) | st.just(HOSTILE))
def test_no_name_breaks_a_drawing(text: str) -> None:
    """Events, guards, descriptions, activities: whatever they say, every format holds."""
    state = {"on": [{"event": text, "if": text, "to": "b"}, {"event": text}], "description": text}
    given = small(a=state, b={"run": {"activity": text}}) | {"description": text}
    root = ET.fromstring(graph_svg(given))  # noqa: S314 - made by the code under test
    assert root.tag == f"{SPACE}svg"
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "Q", graph_dot(given), flags=re.DOTALL)
    assert re.fullmatch(r"[\w\s\[\]{}=,.;>-]*", bare)
    assert len(graph_text(given).splitlines()) == len(graph_text(_calm(given)).splitlines())
    told = FORMATS["mermaid"](given).splitlines()
    assert sum("-->" in line for line in told) == 2


def _calm(given: dict[str, Any]) -> dict[str, Any]:
    """The same machine with words for texts."""
    state = {"on": [{"event": "x", "if": "x", "to": "b"}, {"event": "x"}]}
    return small(a=state, b={"run": {"activity": "x"}}) | {"description": "x"}


def test_a_hostile_text_is_shown_as_it_is() -> None:
    root = ET.fromstring(graph_svg(small(a={"run": {"activity": HOSTILE}})))  # noqa: S314 - ours
    words = " ".join(each.text or "" for each in root.iter(f"{SPACE}text")).split()
    assert set(HOSTILE.split()) <= set(words)


# -- the corpus ------------------------------------------------------------------------------------


def test_the_corpus_has_machines_of_all_sizes() -> None:
    sizes = [len(document(name)["states"]) for name in NAMES]
    assert len(NAMES) == 20
    assert (min(sizes), max(sizes)) == (5, 30)
    assert sum(size >= 15 for size in sizes) >= 6


EXAMPLES = {
    name: getattr(import_module(f"examples.{module}"), name).document
    for module, name in (("permit_machine", "Application"), ("orders", "Order"))
}


@pytest.mark.parametrize("name", [*NAMES, *EXAMPLES])
def test_nothing_lies_on_anything_else(name: str) -> None:
    """Boxes, labels and edges are apart, and an edge is interrupted where its label stands."""
    kept = EXAMPLES.get(name) or document(name)
    places = [f"states/{state}/on/0" for state in kept["states"]]
    for standing in (None, Standing(kept["initial"], dict.fromkeys(places, 12))):
        layout = laid_out(drawing(kept, standing))
        assert faults(layout) == []
        assert blemishes(layout) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_sheet_is_neither_a_ribbon_nor_a_scroll(name: str) -> None:
    layout = laid_out(drawing(document(name)))
    assert 0.4 < layout.width / layout.height < 2.0


@pytest.mark.parametrize("name", NAMES)
def test_the_initial_state_stands_above_what_follows_from_it(name: str) -> None:
    kept = document(name)
    layout = laid_out(drawing(kept))
    top = layout.boxes[kept["initial"]].y
    targets = [
        each["to"]
        for each in kept["states"][kept["initial"]].get("on", ())
        if each.get("to", kept["initial"]) not in (kept["initial"], "previous()")
    ]
    assert all(layout.boxes[target].y > top for target in targets)
