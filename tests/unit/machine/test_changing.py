"""A machine's process goes over to another document, or is told why it can't."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from corago.core import commands, kernel, unasked
from corago.core import messages as m
from corago.core.calls import LiveCalls
from corago.core.program import NOTHING, Difference, Snapshot
from corago.machine.normal import normal
from corago.machine.program import MachineProgram
from tests.unit.machine.drive import Drive, machine

GO = {"event": "go", "to": "b"}
BACK = {"event": "back", "to": "previous()"}
COUNT = {"external": {"n": {"type": "integer", "default": 0}}}


def program(document: Mapping[str, Any]) -> MachineProgram:
    return MachineProgram(normal({"name": "tried", **document}))


def between(drive: Drive, document: Mapping[str, Any], **renames: str) -> tuple[Difference, ...]:
    return program(document).differences(drive.machine, drive.program, renames)


def adopted(drive: Drive, after: MachineProgram) -> Snapshot:
    message = m.Adopt(after, "other", 2, {})
    return unasked.adopt(drive.program, drive.snapshot, message, drive.now).snapshot


def taken(drive: Drive, after: MachineProgram, at: Snapshot, *messages: m.Message) -> Snapshot:
    return kernel.advance(after, at, messages, drive.now, LiveCalls({})).snapshot


# -- a person is needed ----------------------------------------------------------------------------


def halted(guard: str = "10 // external.n > 1") -> Drive:
    drive = Drive(machine({"a": {"on": [{**GO, "if": guard}]}, "b": {"on": [BACK]}}, **COUNT))
    return drive.event("go")


@pytest.mark.parametrize(("verb", "state"), [("retry", "b"), ("skip", "a")])
def test_a_machine_that_needs_a_person_still_does_and_goes_on_by_the_mended_guard(
    verb: str, state: str
) -> None:
    drive = halted()
    after = program(
        machine({"a": {"on": [{**GO, "if": "external.n < 1"}]}, "b": {"on": [BACK]}}, **COUNT)
    )
    there = taken(drive, after, adopted(drive, after))
    assert there.process.standing == "suspended"
    assert [each.path for each in (there.agenda or NOTHING).incidents] == ["states/a/on/0"]
    targets = commands.target(there.process, there.agenda or NOTHING, verb, None, drive.now)
    assert isinstance(targets, dict)
    end = taken(drive, after, there, m.Command(verb, targets))
    assert (end.process.standing, end.state.at) == ("running", state)
    assert not end.state.causes


@pytest.mark.parametrize(
    ("states", "renames"),
    [
        ({"a": {"when": [{"to": "b"}]}, "b": {}}, {}),
        ({"c": {"on": [GO]}, "b": {"on": [BACK]}}, {"a": "c"}),
    ],
    ids=["its place is gone", "its state has another name"],
)
def test_where_the_place_that_needs_a_person_is_gone_the_person_comes_first(
    states: dict[str, Any], renames: dict[str, str]
) -> None:
    (found,) = between(halted(), machine(states, **COUNT), **renames)
    assert found.stops
    assert "a person is needed at 'states/a/on/0' first" in found.text


# -- previous() ------------------------------------------------------------------------------------


def test_the_state_that_previous_leads_back_to_must_be_there() -> None:
    drive = Drive(machine({"a": {"on": [GO]}, "b": {"on": [BACK]}})).event("go")
    after = machine({"c": {"on": [GO]}, "b": {"on": [BACK]}})
    (found,) = between(drive, after)
    assert found.stops
    assert "previous() may lead back to state 'a'" in found.text
    assert "--map a=NEW" in found.text
    assert between(drive, after, a="c") == ()
    assert between(drive, machine({"c": {"on": [GO]}, "b": {"on": [GO]}})) == ()


# -- work ------------------------------------------------------------------------------------------

RUN = {"run": {"activity": "work"}, "done": [{"to": "b"}]}
CHILD = {"children": {"k": {"workflow": "other"}}, "done": [{"to": "b"}]}


@pytest.mark.parametrize(
    ("state", "phrase"),
    [(RUN, "would run 'work', which begins on entering it only"), (CHILD, "would wait for 'k'")],
    ids=["run", "children"],
)
def test_work_that_would_never_begin_stops_a_migration(state: dict[str, Any], phrase: str) -> None:
    drive = Drive(machine({"a": {"on": [GO]}, "b": {}}))
    (found,) = between(drive, machine({"a": state, "b": {}}))
    assert found.stops
    assert phrase in found.text


def test_work_that_is_the_same_or_has_ended_stops_nothing() -> None:
    waits = {**RUN, "done": [{"if": "external.n > 0", "to": "b"}]}
    drive = Drive(machine({"a": waits, "b": {}}, **COUNT))
    other = machine({"a": {"on": [GO]}, "b": {}}, **COUNT)
    assert between(drive, machine({"a": RUN, "b": {}}, **COUNT)) == ()
    (found,) = between(drive, other)
    assert "wait until that has ended, or cancel it" in found.text
    drive.done("a/work", 1)
    assert between(drive, other) == ()


# -- timers ----------------------------------------------------------------------------------------

SOON: dict[str, Any] = {"delay": 5, "if": "external.n > 0", "to": "b"}
LATE: dict[str, Any] = {"delay": 9, "to": "c"}


def timed(*edges: dict[str, Any], group: bool = False) -> dict[str, Any]:
    states: dict[str, Any] = {"a": {"on": [GO]}, "b": {}, "c": {}}
    if group:
        return machine(states, groups={"g": {"members": ["a"], "after": list(edges)}}, **COUNT)
    states["a"]["after"] = list(edges)
    return machine(states, **COUNT)


@pytest.mark.parametrize("group", [False, True], ids=["state", "group"])
@pytest.mark.parametrize(
    "edges",
    [
        (LATE, SOON),
        ({**SOON, "delay": 6},),
        ({**SOON, "to": "c"},),
        ({**SOON, "if": "external.n > 1"},),
        ({"delay": 5, "unless": "external.n > 0", "to": "b"},),
    ],
    ids=["one before it", "its delay", "its target", "its guard", "the guard negated"],
)
def test_an_edge_after_a_time_must_stand_where_it_stood(
    edges: tuple[dict[str, Any], ...],
    group: bool,  # noqa: FBT001 - a case
) -> None:
    drive = Drive(timed(SOON, group=group)).wait(6)
    (found,) = between(drive, timed(*edges, group=group))
    assert found.stops
    assert f"`after` of {'group' if group else 'state'}" in found.text
    assert "add new edges behind the old ones" in found.text


@pytest.mark.parametrize("group", [False, True], ids=["state", "group"])
def test_edges_may_be_added_behind_and_the_old_ones_do_not_fire_again(
    group: bool,  # noqa: FBT001 - a case
) -> None:
    drive = Drive(timed(SOON, group=group)).wait(6)
    after = program(timed({**SOON, "description": "hope"}, LATE, group=group))
    assert after.differences(drive.machine, drive.program, {}) == ()
    there = taken(drive, after, adopted(drive, after))
    (timer,) = there.process.timers
    assert timer.endswith("after/1@1")


def test_a_timer_that_was_taken_away_is_a_new_one_when_it_comes_back() -> None:
    drive = Drive(timed(SOON)).wait(6)
    without = program(timed())
    there = adopted(drive, without)
    assert there.state.fired == ()
