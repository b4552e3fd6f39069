"""Machines as classes: what a body compiles to, and what its faults say."""

from __future__ import annotations

import types
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corago.errors import DefinitionError, InvalidMachineError
from corago.machine import (
    Event,
    Machine,
    State,
    after,
    child,
    define,
    group,
    hook,
)
from tests.unit.machine.bodies import compiled, faults_of
from tests.unit.machine.orders import DOCUMENT, Order, charge, is_tired, refund, rest

DOOR = {
    "name": "door",
    "version": 1,
    "initial": "closed",
    "external": {"badge_ok": {"type": "boolean", "default": False}},
    "states": {
        "closed": {"on": [{"event": "open", "to": "opened"}, {"event": "lock", "to": "locked"}]},
        "opened": {"on": [{"event": "close", "to": "closed"}]},
        "locked": {"on": [{"event": "unlock", "if": "external.badge_ok", "to": "closed"}]},
    },
}


def test_the_door_as_a_class_and_as_data_is_the_same_machine() -> None:
    class Door(Machine, version=1):
        class External:
            badge_ok: bool = False

        closed = State(initial=True)
        opened = State()
        locked = State()
        closed.on("open").to(opened)
        closed.on("lock").to(locked)
        opened.on("close").to(closed)
        locked.on("unlock").when("external.badge_ok").to(closed)

    door = define(DOOR)
    assert Door.document == door.document
    assert Door.sha == door.sha
    assert (Door.name, Door.version, Door.kind) == ("door", 1, "machine")


def test_everything_that_a_class_may_say_is_in_its_document() -> None:
    assert Order.document == DOCUMENT
    assert Order.timeout == 90 * 86400
    assert Order.code == {"charge": charge, "refund": refund, "rest": rest, "is_tired": is_tired}
    assert set(Order.functions) == {"charge", "refund", "rest", "is_tired?"}
    assert Order.failed.name == "gone-wrong"


def test_workflows_that_a_class_starts_are_its_children() -> None:
    shipping = define(DOOR | {"name": "shipping"})

    class Order(Machine):
        new = State(initial=True)
        end = State()
        new.children(one=child(shipping), two=child(shipping), three=child("other"))
        new.done().to(end)

    assert Order.children == (shipping,)
    assert Order.document["states"]["new"]["children"]["one"] == {"workflow": "shipping"}


# -- faults ----------------------------------------------------------------------------------------


def test_all_faults_of_a_class_are_told_at_once_by_attribute_and_pointer() -> None:
    first, second, alias = State(initial=True), State(initial=True), State()
    first.on("begun")
    first.on("twice").when("True").when("False").to(second)
    first.on("strange").to(State())
    first.on("guard").when(lambda: True).to(second)
    first.on("set").set({"internal.x": 1}).set({"internal.x": 2}).to(second)
    first.when("external.amont > 3").to(second)
    first.run("one")
    first.run("two")
    body = {
        "External": type("External", (), {"__annotations__": {"amount": int}}),
        "Internal": 5,
        "first": first,
        "second": second,
        "alias": alias,
        "again": alias,
        "document": State(),
        "wait": after("1h"),
        "idle": "30d",
    }
    message = faults_of(body, functions={"one": rest})
    for told in (
        "first.on('begun') (/states/first/on/0): it does not end; add .to(state), or .stay()",
        "first.on('twice') (/states/first/on/1/if): it says `if` twice",
        "first.on('strange') (/states/first/on/2/to): <state> is no state of this class",
        "first.on('guard') (/states/first/on/3/if): <lambda> has no name",
        "first.on('set') (/states/first/on/4/set/internal.x): it sets internal.x twice",
        "first.when('external.amont > 3') (/states/first/when/0/if): ",
        "did you mean",
        "first.run (/states/first/run): a state runs one activity",
        "second (/states/second): 'first' is the initial state, and there is one",
        "Internal (/internal): it is 5",
        "again: this is the state 'alias' again",
        "document: every machine has this attribute",
        "wait: a time-out of the whole machine is called idle or lifetime",
        "idle (/idle): it is '30d'; write `idle = after(…)`",
    ):
        assert told in message, told
    assert message.count("/states/first/on/2/to") == 1  # and not once more for the document


def test_a_class_without_a_first_state_is_told_which_to_mark() -> None:
    message = faults_of({"only": State()})
    assert "write `only = State(initial=True)`" in message


def test_two_functions_of_one_name_are_a_fault() -> None:
    def ask() -> bool:
        return True

    one, only = ask, State(initial=True)

    def ask() -> bool:  # type: ignore[no-redef]
        return False

    only.when(one).stay()
    only.on("x").when(ask).stay()
    assert "two functions are called 'ask'" in faults_of({"only": only})


def test_a_misspelt_state_is_a_name_error() -> None:
    with pytest.raises(NameError):

        class Door(Machine):
            closed = State(initial=True)
            closed.on("open").to(opend)  # type: ignore[name-defined]  # noqa: F821 - the point


def test_a_machine_is_not_extended_and_not_called() -> None:
    door = compiled({"only": State(initial=True)})
    with pytest.raises(DefinitionError, match="extends nothing but Machine"):
        types.new_class("Other", (door,))
    with pytest.raises(DefinitionError, match="is a machine and is not called"):
        door()


# -- functions -------------------------------------------------------------------------------------


def test_functions_of_a_class_see_stores_and_events_as_their_types() -> None:
    class Order(Machine):
        class External:
            amount: int

        class Cancel(Event):
            reason: str

        @staticmethod
        def is_large(external: External) -> bool:
            return external.amount > 10

        @staticmethod
        def noted(event: Cancel, state: str, to: str | None) -> str:
            return f"{event.reason} {state} {to}"

        class Internal:
            note: str = ""

        new = State(initial=True)
        new.on(Cancel).when(is_large).set({"internal.note": noted}).stay()

    values = {
        "external": {"amount": 11},
        "internal": {"note": ""},
        "visits": {"new": 1},
        "event": {"reason": "late"},
        "result": None,
        "error": None,
        "state": "new",
        "to": None,
    }
    assert Order.functions["is_large?"](values) is True
    assert Order.functions["noted="](values) == "late new None"


# -- the law ---------------------------------------------------------------------------------------

NAMES = ("alpha", "beta", "gamma", "delta")
GUARDS = (None, "external.n > 1", "not external.ok", is_tired)


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    """Bodies of sound classes: some states, edges of all kinds between them, work, hooks."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=2, max_size=4, unique=True))
    states = {name: State(initial=name == names[0]) for name in names}

    class External:
        n: int = 0
        ok: bool = False

    class Internal:
        m: int = 0

    class Typed(Event):
        amount: int = 1

    body: dict[str, Any] = {"External": External, "Internal": Internal, "Typed": Typed, **states}
    for number in range(draw(st.integers(0, 6))):
        state, target = (draw(st.sampled_from(list(states.values()))) for _ in range(2))
        cause = draw(st.sampled_from((f"event {number}", Typed, after(f"{number + 1}h"), None)))
        edge = state.after(number + 1) if cause is None else state.on(cause)
        guard = draw(st.sampled_from(GUARDS))
        if guard is not None:
            edge = edge.when(guard) if draw(st.booleans()) else edge.unless(guard)
        if draw(st.booleans()):
            edge.set({"internal.m": "internal.m + 1" if draw(st.booleans()) else 3})
        if draw(st.booleans()):
            edge.effect(charge, amount="external.n", retry=draw(st.sampled_from((None, 2))))
        if draw(st.booleans()):
            edge.to(target)
        else:
            edge.stay()
    if draw(st.booleans()):
        states[names[0]].run(charge, amount="external.n", timeout=draw(st.integers(1, 100)))
        states[names[0]].done().to(states[names[1]])
    if draw(st.booleans()):
        body["joint"] = group(*states.values())
        body["joint"].on("stop").to(states[names[-1]])
    if draw(st.booleans()):
        body["on_enter"] = hook(set={"internal.m": "internal.m"}, effect=rest)
        body["lifetime"] = after("90d")
    return body


@given(bodies())
def test_a_class_and_its_document_are_the_same_machine(body: dict[str, Any]) -> None:
    """Law: defining a class's document with its own code gives that document and those keys."""
    try:
        machine = compiled(body)
    except InvalidMachineError as error:  # two edges that always hold, say
        assert all(each.pointer for each in error.faults)  # noqa: PT017 - what is left to hold
        return
    again = define(machine.document, machine.code)
    assert again.document == machine.document
    assert again.sha == machine.sha
    assert set(again.functions) == set(machine.functions)
