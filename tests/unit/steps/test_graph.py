"""Step lists drawn for the terminal, alone and with a process in them."""

from __future__ import annotations

from hypothesis import given, settings

from corago.steps import StepList
from corago.steps.graph import MARKS, graph_text
from corago.steps.outline import Part, outline
from corago.steps.positions import Position
from tests.unit.steps.lists import EVERYTHING, LISTS, NESTED, made


def test_a_list_is_drawn_with_all_that_it_says() -> None:
    assert graph_text(EVERYTHING.document).splitlines() == [
        "tried (version 2): For a test",
        "├─ Start",
        "├─ Reserve",
        "├─ Ends  (if is_large)",
        "│  ╠═╤═ Check  (2 attempts, at most 1 min 30 s)",
        "│  ║ └─ Reserve",
        "│  ╚═══ Both",
        "│       ╠═══ Charge  (at most once)",
        "│       ╚═══ Check  (2 attempts, at most 1 min 30 s)",
        "├─ Reserve#2",
        "├─ Sleep  (1 d 1 h 30 min)",
        "├─ Wait for go  (into answer, at most 2.5 s)",
        "├─ Abort  (if is_large and is_late)",
        "└─ Done",
    ]


def test_a_position_puts_a_mark_before_each_element() -> None:
    assert list(MARKS.values()) == ["✓", "▶", "✗", "↷", "⏸", "·"]
    position: dict[str, Position] = {
        "Start": "done",
        "Reserve": "skipped",
        "Ends": "running",
        "Ends/Check": "failed",
        "Ends/Both/Charge": "waiting",
    }
    lines = graph_text(EVERYTHING.document, position).splitlines()
    assert lines[1:8] == [
        "├─ ✓ Start",
        "├─ ↷ Reserve",
        "├─ ▶ Ends  (if is_large)",
        "│  ╠═╤═ ✗ Check  (2 attempts, at most 1 min 30 s)",
        "│  ║ └─ · Reserve",
        "│  ╚═══ · Both",
        "│       ╠═══ ⏸ Charge  (at most once)",
    ]


def test_lists_within_elements_are_drawn_under_them() -> None:
    position: dict[str, Position] = {"Prepare": "done", "Ports": "running", "Ports/Label": "failed"}
    assert graph_text(NESTED.document, position, {"Ports": "7 of 12"}).splitlines() == [
        "tried (version 2): For a test",
        "├─ · Start",
        "├─ ✓ Prepare",
        "│  ├─ · Reserve",
        "│  └─ · Check all  (if is_large)",
        "│     └─ · Check  (2 attempts, at most 1 min 30 s)",
        "├─ ▶ Ports  (7 of 12, for each of ports, 16 at a time, into made)",
        "│  ├─ ✗ Label  (queue printers, undone by Reserve)",
        "│  └─ · Ends",
        "│     ╠═╤═ · Charge  (at most once)",
        "│     ║ └─ · Check  (2 attempts, at most 1 min 30 s)",
        "│     ╚═══ · Reserve",
        "├─ · billing",
        "│  └─ · Charge  (at most once)",
        "├─ · view  (on a view of the State, if is_late)",
        "│  └─ · Both",
        "│     ╚═══ · In",
        "│          └─ · Label  (queue printers, undone by Reserve)",
        "├─ · create_dns  (into dns)",
        "├─ · Another  (workflow other)",
        "└─ · Done",
    ]


@settings(derandomize=True, deadline=None, database=None, max_examples=60)
@given(LISTS)
def test_every_element_of_any_list_has_one_line(part: StepList) -> None:
    flow = made(part)
    lines = graph_text(flow.document, {}).splitlines()[1:]
    assert len(lines) == len(list(flow.steps.walk()))
    assert all(line.count(" · ") == 1 for line in lines)


def paths(parts: tuple[Part, ...]) -> list[str]:
    return [
        path
        for part in parts
        for path in (part.path, *(p for inner in part.lists for p in paths(inner)))
    ]


@settings(derandomize=True, deadline=None, database=None, max_examples=60)
@given(LISTS)
def test_an_outline_has_the_paths_of_the_program(part: StepList) -> None:
    flow = made(part)
    helpers = ("get", "set", "undo")
    known = {path for path, node in flow.program.nodes.items() if node.kind not in helpers}
    found = paths(outline(flow.document))
    assert len(found) == len(known)
    assert set(found) == known
