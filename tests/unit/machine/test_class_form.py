"""Machines as classes: what a body compiles to, and what its faults say."""

from __future__ import annotations

import types
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Annotated, Any, Literal, TypedDict

import pytest
from annotated_types import Ge, Le
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from corago.errors import DefinitionError, InvalidMachineError
from corago.machine import (
    Event,
    Machine,
    Retry,
    State,
    activity,
    after,
    anyof,
    child,
    define,
    group,
    hook,
    previous,
)

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


class DeclinedError(Exception):
    pass


def charge(amount: int) -> dict[str, str]:
    return {"id": f"c{amount}"}


def refund(charge: str) -> None:
    return None


def rest() -> None:
    return None


def is_tired() -> bool:
    return True


def compiled(body: dict[str, Any], **options: Any) -> type[Machine]:
    """A machine of a class with this body."""
    machine: type[Machine] = types.new_class(
        "Some", (Machine,), options, lambda ns: ns.update(body)
    )
    return machine


def faults_of(body: dict[str, Any], **options: Any) -> str:
    with pytest.raises(InvalidMachineError) as caught:
        compiled(body, **options)
    return str(caught.value)


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
    class Order(Machine, version=3, conflict="first", max_transitions=7):
        """An order,
        from the basket to the door.

        More of it.
        """  # noqa: D205 - a summary of two lines is what is tried

        class External:
            amount: int
            address: str | None = None

        class Internal:
            attempts: int = 0
            charge: str | None

        class Cancel(Event):
            reason: str

        class Check(Event, name="T02 Check"):
            pass

        new = State(initial=True)
        paying = State(description="money")
        packing = State()
        fulfilling = State()
        shipped = State(terminal=True)
        failed = State(name="gone-wrong", forever=True)
        trouble = State(error=True)

        new.after("48h").to(failed)
        new.on(after(timedelta(days=3))).to(failed)
        new.when("external.address != None").described("known").to(paying)
        new.on(Check).stay()
        paying.run(
            charge,
            amount="external.amount",
            retry=Retry(attempts=5, give_up=(DeclinedError,)),
            timeout="2m",
            result={"type": "any"},
        )
        paying.done().set({"internal.charge": "result.id"}).to(packing)
        paying.failed(DeclinedError).to(failed)
        paying.failed().to(new)
        paying.enter(set={"internal.attempts": "internal.attempts + 1"})
        paying.exit(effect=[activity(refund, charge="'x'", queue="slow"), rest])
        packing.on(Cancel).when("event.reason != ''").effect(
            refund, charge="internal.charge", at_most_once=True
        ).to(failed)
        packing.on("poke").unless(is_tired).stay()
        packing.when("external.amount > 0").to(fulfilling)
        fulfilling.children(ship=child("shipping", order="external.amount"), join="any")
        fulfilling.done().to(shipped)
        trouble.on("resume").to(previous())
        early = group(new, paying, description="early")
        early.on("stop").to(failed)
        anyof(packing, fulfilling).on("stop").set({"internal.attempts": 0}).to(failed)
        on_transition = hook(set={"internal.attempts": "internal.attempts"})
        idle = after("30d").to(failed)
        lifetime = after(90 * 86400)
        validate = "internal.attempts < 100"

    stop = {"event": "stop", "set": {"internal.attempts": "0"}, "to": "gone-wrong"}
    assert Order.document == {
        "kind": "machine",
        "name": "order",
        "version": 3,
        "description": "An order, from the basket to the door.",
        "initial": "new",
        "conflict": "first",
        "max_transitions": 7,
        "error": "trouble",
        "external": {
            "amount": {"type": "integer"},
            "address": {"type": "string", "nullable": True, "default": None},
        },
        "internal": {
            "attempts": {"type": "integer", "default": 0},
            "charge": {"type": "string", "nullable": True},
        },
        "events": {"cancel": {"reason": {"type": "string"}}, "T02 Check": {}},
        "states": {
            "new": {
                "after": [
                    {"delay": "PT48H", "to": "gone-wrong"},
                    {"delay": "P3D", "to": "gone-wrong"},
                ],
                "when": [
                    {
                        "if": "external.address != None",
                        "description": "known",
                        "to": "paying",
                    }
                ],
                "on": [{"event": "T02 Check"}],
            },
            "paying": {
                "description": "money",
                "run": {
                    "activity": "charge",
                    "args": {"amount": "external.amount"},
                    "retry": {"attempts": 5, "give_up": ["DeclinedError"]},
                    "timeout": "PT2M",
                    "result": {"type": "any"},
                },
                "done": [{"set": {"internal.charge": "result.id"}, "to": "packing"}],
                "failed": [{"error": "DeclinedError", "to": "gone-wrong"}, {"to": "new"}],
                "enter": [{"set": {"internal.attempts": "internal.attempts + 1"}}],
                "exit": [
                    {
                        "effect": [
                            {"activity": "refund", "args": {"charge": "'x'"}, "queue": "slow"},
                            {"activity": "rest"},
                        ]
                    }
                ],
            },
            "packing": {
                "on": [
                    {
                        "event": "cancel",
                        "if": "event.reason != ''",
                        "effect": [
                            {
                                "activity": "refund",
                                "args": {"charge": "internal.charge"},
                                "at_most_once": True,
                            }
                        ],
                        "to": "gone-wrong",
                    },
                    {"event": "poke", "unless": {"call": "is_tired"}},
                    stop,
                ],
                "when": [{"if": "external.amount > 0", "to": "fulfilling"}],
            },
            "fulfilling": {
                "children": {
                    "ship": {"workflow": "shipping", "input": {"order": "external.amount"}}
                },
                "join": "any",
                "on": [stop],
                "done": [{"to": "shipped"}],
            },
            "shipped": {"terminal": True},
            "gone-wrong": {"forever": True},
            "trouble": {"on": [{"event": "resume", "to": "previous()"}]},
        },
        "groups": {
            "early": {
                "members": ["new", "paying"],
                "description": "early",
                "on": [{"event": "stop", "to": "gone-wrong"}],
            }
        },
        "on_transition": [{"set": {"internal.attempts": "internal.attempts"}}],
        "idle": {"delay": "P30D", "to": "gone-wrong"},
        "lifetime": {"delay": "P90D"},
        "validate": "internal.attempts < 100",
    }
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


# -- types of fields -------------------------------------------------------------------------------


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Street(TypedDict):
    name: str


@dataclass
class Address:
    street: Street
    number: int = 1


class Account(BaseModel):
    owner: str = "nobody"


class Point:
    x: float
    y: float = 0.0


@pytest.mark.parametrize(
    ("annotation", "kind"),
    [
        (bool, {"type": "boolean"}),
        (int, {"type": "integer"}),
        (float, {"type": "number"}),
        (int | float, {"type": "number"}),
        (str, {"type": "string"}),
        (list[int], {"type": "array", "items": {"type": "integer"}}),
        (list, {"type": "array"}),
        (dict[str, int], {"type": "object"}),
        (Any, {"type": "any"}),
        (object, {"type": "any"}),
        (SecretStr, {"type": "any"}),
        (str | None, {"type": "string", "nullable": True}),
        (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
        (Literal[1] | None, {"type": "integer", "enum": [1], "nullable": True}),
        (Literal[1, "a"], {"type": "any", "enum": [1, "a"]}),
        (Colour, {"type": "string", "enum": ["red", "blue"]}),
        (Annotated[int, Ge(1), Le(9)], {"type": "integer", "minimum": 1, "maximum": 9}),
        (Annotated[str, "what it is"], {"type": "string", "description": "what it is"}),
        (Street, {"type": "object", "properties": {"name": {"type": "string"}}}),
        (
            Address,
            {
                "type": "object",
                "properties": {
                    "street": {"type": "object", "properties": {"name": {"type": "string"}}},
                    "number": {"type": "integer", "default": 1},
                },
            },
        ),
        (
            Account,
            {"type": "object", "properties": {"owner": {"type": "string", "default": "nobody"}}},
        ),
        (
            Point,
            {
                "type": "object",
                "properties": {
                    "x": {"type": "number"},
                    "y": {"type": "number", "default": 0.0},
                },
            },
        ),
    ],
)
def test_a_field_has_the_type_of_its_annotation(annotation: Any, kind: dict[str, Any]) -> None:
    store = type("External", (), {"__annotations__": {"field": annotation}})
    machine = compiled({"External": store, "only": State(initial=True)})
    assert machine.document["external"] == {"field": kind}


def test_a_default_that_can_change_is_a_copy_of_its_own() -> None:
    class Internal:
        tags: list[str] = ["a"]

    machine = compiled({"Internal": Internal, "only": State(initial=True)})
    assert machine.document["internal"]["tags"]["default"] == ["a"]
    one, other = Internal(), Internal()
    one.tags.append("b")
    assert other.tags == ["a"]


@pytest.mark.parametrize(
    ("annotation", "told"),
    [
        (set[int], "a document has no type for set[int]"),
        (list[bytes], "External.field[] (/external/field/items): a document has no type for bytes"),
        (int | str, "a document can't say int | str: write Any"),
        (Annotated[int, Ge(1), Le("x")], "/external/field"),
        (Literal[b"x"], "a choice is among texts, numbers and booleans, not b'x'"),
    ],
)
def test_a_type_that_a_document_has_not_is_a_fault(annotation: Any, told: str) -> None:
    store = type("External", (), {"__annotations__": {"field": annotation}})
    message = faults_of({"External": store, "only": State(initial=True)})
    assert told in message
    assert "External" in message


def test_a_class_that_holds_itself_and_a_field_without_a_type_are_faults() -> None:
    node = type("Node", (), {})
    node.__annotations__ = {"next": node}
    store = type("External", (), {"__annotations__": {"first": node}, "count": 5})
    message = faults_of({"External": store, "only": State(initial=True)})
    assert "External.first.next (/external/first/properties/next): Node holds itself" in message
    assert "External.count (/external/count): it has no type" in message


def test_an_annotation_that_nobody_knows_is_a_fault_of_its_store() -> None:
    store = type("External", (), {"__annotations__": {"first": "Unknown"}})
    message = faults_of({"External": store, "only": State(initial=True)})
    assert "External (/external): name 'Unknown' is not defined" in message


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
