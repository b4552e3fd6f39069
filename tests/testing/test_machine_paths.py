"""Paths through machines: every transition that can be reached, each by a shortest way."""

from __future__ import annotations

from typing import Any

import pytest

from corago.machine import Machine, State, define
from corago.testing import Path, Stimulus, transition_paths
from corago.testing.paths import World
from tests.unit.machine.test_semantics import DOOR as DOOR_DOCUMENT
from tests.unit.machine.test_semantics_trouble import safe
from tests.unit.machine.test_semantics_work import ORDER, with_children

DOOR = define(DOOR_DOCUMENT)


def machine(document: dict[str, Any], name: str = "tried") -> type[Machine]:
    return define({"name": name, **document}, code=False)


def walk_all(paths: list[Path], walked: type[Machine]) -> None:
    for path in paths:
        path.walk(walked)


def covered(paths: list[Path]) -> set[tuple[str, str]]:
    return {move for path in paths for move in path.covers}


@pytest.mark.parametrize("path", transition_paths(DOOR), ids=str)
def test_a_path_serves_as_a_parameter_and_can_be_walked(path: Path) -> None:
    end = path.walk(DOOR)
    assert end.state == path.states[-1]
    assert {edge for _, edge in path.covers} <= set(end.edges)


def test_the_paths_of_the_door_tell_how_it_is_unlocked() -> None:
    assert [str(path) for path in transition_paths(DOOR)] == [
        "open > close",
        'lock > update {"badge_ok":true} > unlock',
    ]


@pytest.mark.parametrize(
    ("document", "missing"),
    [
        (DOOR_DOCUMENT, set()),
        (ORDER, set()),
        (with_children(2), set()),
        (safe(), {("a", "states/a/on/4")}),  # its update always fails
    ],
    ids=["door", "order", "children", "trouble"],
)
def test_every_transition_that_can_be_reached_is_on_a_path(
    document: dict[str, Any], missing: set[tuple[str, str]]
) -> None:
    tried = machine(document, "x") if "name" not in document else DOOR
    wanted = {move for move in World(tried).moves() if move[1] != "error"}
    paths = transition_paths(tried)
    assert wanted - covered(paths) == missing
    for path in paths:
        path.walk(tried)


def test_no_path_is_the_beginning_of_another_one_and_each_is_there_for_something() -> None:
    paths = transition_paths(machine(safe()))
    for path in paths:
        assert path.covers
        longer = [each for each in paths if each is not path]
        assert not any(each.stimuli[: len(path.stimuli)] == path.stimuli for each in longer)


def test_data_that_guards_tell_apart_is_found_by_itself() -> None:
    document = {
        "initial": "a",
        "internal": {"n": "integer"},
        "events": {"pay": {"amount": "integer", "kind": {"type": "string", "enum": ["x", "y"]}}},
        "states": {
            "a": {
                "on": [
                    {"event": "pay", "if": "event.amount > 1000", "to": "much"},
                    {"event": "pay", "if": "event.amount <= 1000 and event.kind == 'y'", "to": "y"},
                ]
            },
            "much": {},
            "y": {"after": [{"delay": 60, "to": "late"}]},
            "late": {},
        },
    }
    paths = transition_paths(machine(document))
    assert {path.states[-1] for path in paths} == {"much", "late"}
    assert any(str(path).endswith("time is up") for path in paths)


def test_samples_may_be_given() -> None:
    document = {
        "initial": "a",
        "states": {
            "a": {
                "on": [{"event": "pay", "if": {"call": "fits"}, "to": "b"}],
            },
            "b": {},
        },
    }
    asking = define({"name": "x", **document}, {"fits": lambda event: event == {"n": 7}})
    assert ("a", "states/a/on/0") not in covered(transition_paths(asking))
    (path,) = transition_paths(asking, events={"pay": [None, {"n": 7}]})
    assert path.stimuli == (Stimulus("event", "pay", {"n": 7}),)


def test_a_machine_that_has_changed_fails_on_the_paths_of_the_old_one() -> None:
    paths = transition_paths(DOOR)
    states = DOOR_DOCUMENT["states"]
    for changed, said in (
        ({"opened": {"on": [{"event": "close", "to": "locked"}]}}, "stands in 'locked'"),
        ({"locked": {"on": [{"event": "unlock", "if": "false", "to": "closed"}]}}, "'locked'"),
    ):
        other = define({**DOOR_DOCUMENT, "states": {**states, **changed}})
        with pytest.raises(AssertionError, match=said):
            walk_all(paths, other)
    gone = {**states, "opened": {"on": [{"event": "shut", "to": "closed"}]}}
    other = define({**DOOR_DOCUMENT, "states": gone})
    with pytest.raises(AssertionError, match="has nothing that 'close' could come to"):
        walk_all(paths, other)


def test_required_input_is_filled_in_or_given() -> None:
    class Needy(Machine):
        class External:
            amount: int

        a = State(initial=True)
        b = State(terminal=True)
        c = State(terminal=True)
        a.when("external.amount > 5").to(b)
        a.on("go").to(c)

    assert {path.states[-1] for path in transition_paths(Needy)} == {"b", "c"}
    (path,) = transition_paths(Needy, {"amount": 9})
    assert (str(path), path.walk(Needy).status) == ("start", "completed")
