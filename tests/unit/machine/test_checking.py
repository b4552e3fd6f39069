"""Every fault of a document is found, at its place and all at once; sound documents have none."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings

from corago.errors import InvalidMachineError
from corago.machine import define
from corago.machine.checking import faults
from corago.machine.faults import Fault, split
from corago.machine.names import PREVIOUS
from tests.unit.machine.machines import Json, documents, givens

LAW = settings(derandomize=True, deadline=None, max_examples=60, database=None)
GONE: Any = object()

ORDER: Json = {
    "name": "order",
    "initial": "new",
    "error": "trouble",
    "external": {"amount": "integer", "kind": {"type": "string", "enum": ["a", "b"]}},
    "internal": {"charge": {"type": "string", "nullable": True}, "attempts": "integer"},
    "events": {"cancel": {"reason": "string"}},
    "states": {
        "new": {
            "on": [{"event": "cancel", "if": "event.reason != ''", "to": "failed"}],
            "when": [{"if": "external.amount > 0", "to": "paying"}],
            "after": [{"delay": "48h", "to": "failed"}],
        },
        "paying": {
            "run": {
                "activity": "charge_card",
                "args": {"amount": "external.amount"},
                "retry": {"attempts": 5},
                "timeout": "PT2M",
                "result": {"type": "object", "properties": {"id": "string"}},
            },
            "done": [{"set": {"internal.charge": "result.id"}, "to": "packing"}],
            "failed": [{"error": "Declined", "if": "error.message != ''", "to": "failed"}],
            "enter": {"set": {"internal.attempts": "internal.attempts + 1"}},
        },
        "packing": {
            "children": {"ship": {"workflow": "shipping", "input": {"amount": "external.amount"}}},
            "done": [{"if": "result.ship.status == 'completed'", "to": "shipped"}],
        },
        "shipped": {"terminal": True},
        "failed": {"terminal": True},
        "trouble": {"on": [{"event": "resume", "unless": "error.kind == 'guard'", "to": PREVIOUS}]},
    },
    "groups": {"open": {"members": ["new", "paying"], "on": [{"event": "stop", "to": "failed"}]}},
    "idle": {"delay": "P30D", "to": "failed"},
    "validate": "internal.attempts < 100",
}


def changed(place: str, value: Any) -> Json:
    """The order with one more, one other or one lacking thing."""
    document = deepcopy(ORDER)
    *path, last = split(place)
    here: Any = document
    for part in path:
        here = here[int(part)] if isinstance(here, list) else here.setdefault(part, {})
    if isinstance(here, list):
        here.insert(int(last), value)
    elif value is GONE:
        del here[last]
    else:
        here[last] = value
    return document


NEW, PAYING, PACKING = "/states/new", "/states/paying", "/states/packing"
GREETING = {"effect": {"activity": "greet", "args": {"text": "y"}}}
TEXT_OF_NOTE = {"type": "string", "default": 3}

# What is changed, to what; where the fault is told; what is said of it, and what to do.
SEEDED: list[tuple[str, Any, str, str]] = [
    # keys and types
    ("/intial", "new", "/intial", "a machine has no key 'intial'; did you mean 'initial'?"),
    (f"{NEW}/on_entry", [], f"{NEW}/on_entry", "no key 'on_entry'; did you mean 'enter'?"),
    (f"{NEW}/on/0/goto", "a", f"{NEW}/on/0/goto", "an edge under `on` has no key 'goto'; "),
    (f"{NEW}/when/0/event", "x", f"{NEW}/when/0/event", "only an edge under `on` has an event"),
    (f"{NEW}/a~0b~1c", 1, f"{NEW}/a~0b~1c", "a state has no key 'a~b/c'"),
    (NEW, 5, NEW, "a state is a number, 5; write an object, {...}"),
    ("/states", [], "/states", "states is a list, []; write an object by state's name"),
    (f"{NEW}/on", {"event": "x"}, f"{NEW}/on", "`on` is an object, {'event': 'x'}; write a list"),
    (f"{NEW}/on/0/to", 7, f"{NEW}/on/0/to", "target is a number, 7; write a state's name"),
    ("/version", 0, "/version", "version is a number, 0; write a whole number from 1"),
    ("/version", True, "/version", "version is a boolean, True; write a whole number from 1"),
    ("/conflict", "frist", "/conflict", "'frist' is none of them; did you mean 'first'? one of: "),
    ("/max_transitions", 2.5, "/max_transitions", "2.5; write a whole number from 1"),
    (f"{NEW}/terminal", "yes", f"{NEW}/terminal", "a text, 'yes' is no boolean; write true or"),
    (f"{NEW}/description", 3, f"{NEW}/description", "a description is a number, 3; write a text"),
    # what is missing
    ("/name", GONE, "", "a machine lacks 'name'; add 'name'"),
    ("/initial", GONE, "", "a machine lacks 'initial'; add 'initial'"),
    ("/states", {}, "/states", "states is empty; name at least one"),
    (f"{NEW}/on/0/event", GONE, f"{NEW}/on/0", "an edge under `on` lacks 'event'"),
    (f"{NEW}/after/0/delay", GONE, f"{NEW}/after/0", "an edge under `after` lacks 'delay'"),
    (f"{PAYING}/run/activity", GONE, f"{PAYING}/run", "an activity lacks 'activity'"),
    (f"{PACKING}/children/ship/workflow", GONE, f"{PACKING}/children/ship", "lacks 'workflow'"),
    # names
    ("/name", "2 doors", "/name", "'2 doors' is no good name; write letters, digits and _"),
    ("/states/in review", {}, "/states/in review", "'in review' is no good state's name; write"),
    ("/states/-x", {}, "/states/-x", "'-x' is no good state's name"),
    ("/states/class", {}, "/states/class", "'class' is no good state's name"),
    ("/external/a-b", "any", "/external/a-b", "'a-b' is no good field's name"),
    (f"{NEW}/on/0/event", " x", f"{NEW}/on/0/event", "' x' is no good event's name; write a text"),
    ("/events/a\nb", {}, "/events/a\nb", "'a\\nb' is no good event's name"),
    (f"{PAYING}/run/activity", "a.b", f"{PAYING}/run/activity", "'a.b' is no good activity's name"),
    # states and targets
    ("/initial", "nwe", "/initial", "state 'nwe' is no state; did you mean 'new'? valid states: n"),
    ("/error", "x", "/error", "the error state 'x' is no state; valid states: new, paying, packin"),
    ("/error", "new", "/error", "'new' is the initial state and the error state; let the machine"),
    (
        f"{NEW}/on/0/to",
        "fialed",
        f"{NEW}/on/0/to",
        "'new' leads to 'fialed', which is no state; did you mean 'failed'? valid states: new, pa",
    ),
    (f"{NEW}/on/0/to", "open", f"{NEW}/on/0/to", "'open' is a group; lead to one of its states"),
    (f"{NEW}/on/0/to", "trouble", f"{NEW}/on/0/to", "to the error state 'trouble'; lead to anoth"),
    ("/idle", {"delay": 5, "if": "true"}, "/idle/if", "an edge under `idle` has 'if' but no 'to'"),
    ("/lifetime", {"delay": 5, "effect": []}, "/lifetime/effect", "has 'effect' but no 'to'"),
    ("/idle/to", "trouble", "/idle/to", "error state 'trouble'; leave 'to' out: `idle` without"),
    ("/groups/open/on/0/to", "x", "/groups/open/on/0/to", "the group 'open' leads to 'x', which"),
    # edges and states that contradict themselves
    (f"{NEW}/on/0/unless", "true", f"{NEW}/on/0", "has both 'if' and 'unless'; keep one"),
    (f"{PAYING}/children", {"a": {"workflow": "w"}}, PAYING, "has both 'run' and 'children'"),
    (f"{NEW}/done", [{"to": "paying"}], f"{NEW}/done", "has 'done' but no 'run' or 'children'"),
    (f"{NEW}/failed", [{"to": "paying"}], f"{NEW}/failed", "has 'failed' but no 'run' or 'child"),
    (f"{NEW}/join", 1, f"{NEW}/join", "a state has 'join' but no 'children'"),
    (f"{PACKING}/join", 2, f"{PACKING}/join", "waits for 2 children and has 1; write a number"),
    (f"{PACKING}/join", 0, f"{PACKING}/join", "join is a number, 0; write 'all', 'any' or a wh"),
    (f"{PACKING}/children", {}, f"{PACKING}/children", "children is empty"),
    ("/states/failed/after", [{"delay": 5, "to": "new"}], "/states/failed/after", "'failed' is te"),
    (f"{PACKING}/terminal", True, f"{PACKING}/children", "'packing' is terminal, but has 'childr"),
    # groups
    ("/groups/open/members", [], "/groups/open/members", "members is empty; name at least one"),
    ("/groups/open/members/0", "nwe", "/groups/open/members/0", "has 'nwe', which is no state; d"),
    ("/groups/open/members/2", "new", "/groups/open/members/2", "'new' is in the group 'open' tw"),
    ("/groups/b", {"members": ["new"]}, "/groups/b/members/0", "group 'b' in 'open' too; a state"),
    ("/groups/open/members/0", "shipped", "/groups/open/members/0", "is terminal and in the grou"),
    # what is certain to go wrong
    (f"{NEW}/when", [{"to": "paying"}, {"to": "failed"}], f"{NEW}/when/1", "without a guard, th"),
    (f"{NEW}/when/1", {"to": "new"}, f"{NEW}/when/1", "for ever, with no guard on the way: new →"),
    (f"{NEW}/when/1", {"set": {"internal.attempts": "1"}}, f"{NEW}/when/1", "round for ever"),
    (f"{PAYING}/done/1", {"to": "new"}, f"{PAYING}/done/1", "when the work is done, this edge and"),
    # durations and retries
    (f"{NEW}/after/0/delay", "soon", f"{NEW}/after/0/delay", "'soon' is no duration; write an IS"),
    (f"{NEW}/after/0/delay", "P1Y", f"{NEW}/after/0/delay", "'P1Y' is no duration; write an ISO"),
    ("/lifetime", 0, "/lifetime", "0 is no duration: it must be more than 0"),
    (f"{PAYING}/run/retry/attempts", 0, f"{PAYING}/run/retry/attempts", "a whole number from 1"),
    (f"{PAYING}/run/retry", 0, f"{PAYING}/run/retry", "attempts is a number, 0; write a whole"),
    (f"{PAYING}/run/retry/jitter", 2, f"{PAYING}/run/retry/jitter", "finite number from 0 to 1"),
    (f"{PAYING}/run/retry/retries", 2, f"{PAYING}/run/retry/retries", "a retry policy has no key"),
    # setting
    (f"{NEW}/on/0/set", {"x": "1"}, f"{NEW}/on/0/set/x", "'x' is no good target of `set`; write"),
    (
        f"{NEW}/on/0/set",
        {"internal.atempts": "1"},
        f"{NEW}/on/0/set/internal.atempts",
        "'internal.atempts' is no declared field; did you mean 'internal.attempts'?",
    ),
    (f"{NEW}/on/0/set", {"internal.attempts": 1}, f"{NEW}/on/0/set/internal.attempts", 'text: "1"'),
    (
        f"{NEW}/on/0/set",
        {"internal.attempts": "'many'"},
        f"{NEW}/on/0/set/internal.attempts",
        "an integer",
    ),
    (f"{NEW}/on/0/set", {"call": 5}, f"{NEW}/on/0/set/call", "function's name is a number, 5"),
    # expressions
    (f"{NEW}/on/0/if", "event.", f"{NEW}/on/0/if", "event."),
    (f"{NEW}/on/0/if", "", f"{NEW}/on/0/if", "a guard is empty; write an expression as text"),
    (f"{NEW}/on/0/if", True, f"{NEW}/on/0/if", 'a guard is a boolean, True; write it as text: "t'),
    (f"{NEW}/on/0/if", "event.raeson == ''", f"{NEW}/on/0/if", "reason"),
    (f"{NEW}/on/0/if", "external.amount + 1", f"{NEW}/on/0/if", "boolean"),
    (f"{NEW}/on/0/if", "external.kind == 'c'", f"{NEW}/on/0/if", "is never this"),
    (f"{NEW}/on/0/if", "internal.x", f"{NEW}/on/0/if", "internal has no field x"),
    (f"{NEW}/on/0/if", "visits.old > 1", f"{NEW}/on/0/if", "old"),
    (f"{NEW}/when/0/if", "event.x", f"{NEW}/when/0/if", "'event' can't be read here; only `on`"),
    (f"{NEW}/on/0/if", "result.x", f"{NEW}/on/0/if", "'result' can't be read here; only `done`"),
    (f"{NEW}/on/0/if", "error.kind == 'x'", f"{NEW}/on/0/if", "'error' can't be read here; only"),
    (f"{PAYING}/done/0/if", "result.di == 'x'", f"{PAYING}/done/0/if", "id"),
    (f"{PAYING}/run/args/amount", "external.", f"{PAYING}/run/args/amount", "external."),
    (f"{PAYING}/run/args/amount", {"call": "f"}, f"{PAYING}/run/args/amount", "only guards and"),
    (f"{PAYING}/run/args/amount", 5, f"{PAYING}/run/args/amount", 'write it as text: "5"'),
    (
        f"{PACKING}/children/ship/input/amount",
        "external.x",
        f"{PACKING}/children/ship/input/amount",
        "external has no field x",
    ),
    (f"{PACKING}/done/0/if", "result.shop.status == ''", f"{PACKING}/done/0/if", "ship"),
    ("/validate", "internal.attempts", "/validate", "boolean"),
    (
        "/on_enter",
        {"effect": {"activity": "f", "args": {"x": "y"}}},
        "/on_enter/effect/args/x",
        "y",
    ),
    # types and values
    ("/external/note", TEXT_OF_NOTE, "/external/note/default", "the default does not fit"),
    ("/external/note", "strnig", "/external/note", "none of them; did you mean 'string'?"),
    (
        "/external/note",
        {"type": "string", "items": "any"},
        "/external/note/items",
        "has no 'items'",
    ),
    ("/external/note", {"type": "any", "minimum": 1}, "/external/note/minimum", "no 'minimum'"),
    (
        "/external/note",
        {"type": "integer", "minimum": 2, "maximum": 1},
        "/external/note/minimum",
        "the minimum 2 is above the maximum 1; swap them",
    ),
    ("/external/note", {"type": "integer", "enum": ["x"]}, "/external/note/enum/0", "integer"),
    ("/external/note", {"type": "integer", "enum": []}, "/external/note/enum", "enum is empty"),
    (
        "/external/note",
        {"type": "integer", "enum": [1, 1]},
        "/external/note/enum/1",
        "listed twice",
    ),
    (
        "/internal/note",
        {"type": "string", "enum": ["a"]},
        "/internal/note",
        "'note' has no default, and the '' that it would begin with does not fit",
    ),
    (
        "/internal/note",
        {"type": "string", "default": None},
        "/internal/note/default",
        'write "nullable": true, or give another default',
    ),
    (
        "/events/cancel/reason",
        {"type": "array", "items": {"type": "string", "default": 1}},
        "/events/cancel/reason/items/default",
        "the default does not fit",
    ),
    (f"{PAYING}/run/result", {"type": "text"}, f"{PAYING}/run/result/type", "'text' is none of th"),
    # functions
    (
        f"{NEW}/on/0/if",
        {"call": "charge_card"},
        f"{PAYING}/run",
        "'charge_card' is an activity here and a guard at /states/new/on/0/if; one function can't",
    ),
    (
        f"{NEW}/on/0/effect",
        {"activity": "mail", "result": "any"},
        f"{NEW}/on/0/effect/result",
        "nothing reads the result of an effect: use `run`",
    ),
]


def test_the_order_is_sound() -> None:
    assert faults(ORDER) == ()


@pytest.mark.parametrize(
    ("place", "value", "pointer", "phrase"), SEEDED, ids=[f"{each[0]}={each[3]}" for each in SEEDED]
)
def test_a_seeded_fault_is_found_at_its_place_with_a_fix(
    place: str, value: Any, pointer: str, phrase: str
) -> None:
    found = {fault.pointer: fault for fault in faults(changed(place, value))}
    assert pointer in found, found
    fault = found[pointer]
    assert phrase in str(fault)
    assert fault.fix


@LAW
@given(documents())
def test_a_sound_document_has_no_fault(document: Json) -> None:
    assert faults(document) == ()


@LAW
@given(givens())
def test_nor_has_a_short_way_to_write_it(pair: tuple[Json, Json]) -> None:
    assert faults(pair[0]) == ()


def test_all_faults_are_told_at_once_in_the_order_of_the_document() -> None:
    document = changed(f"{NEW}/on/0/to", "nowhere")
    document["states"]["packing"]["done"][0]["if"] = "result.ship"
    document["states"]["new"]["on"][0]["if"] = "event.x"
    document["initial"] = "old"
    document["typo"] = 1
    del document["states"]["paying"]["run"]["activity"]
    assert [fault.pointer for fault in faults(document)] == [
        "/initial",
        "/states/new/on/0/if",
        "/states/new/on/0/to",
        "/states/paying/run",
        "/states/packing/done/0/if",
        "/typo",
    ]


def test_what_is_broken_is_told_once_and_causes_no_other_fault() -> None:
    document = changed("/external", 5)
    document["states"]["paying"] = None
    document["events"]["cancel"] = "none"
    assert [fault.pointer for fault in faults(document)] == [
        "/external",
        "/events/cancel",
        "/states/paying",
    ]


@pytest.mark.parametrize("given_", [None, 5, [], "door", {}, {"states": None}, {"name": {}}])
def test_whatever_is_given_gets_an_answer(given_: Any) -> None:
    found = faults(given_)
    assert found
    assert all(isinstance(fault, Fault) and fault.fix for fault in found)


def test_with_the_first_edge_winning_two_may_be_true() -> None:
    document = changed(f"{PAYING}/done/1", {"to": "new"})
    assert faults(document | {"conflict": "first"}) == ()


def test_two_edges_that_do_the_same_are_no_conflict() -> None:
    edge = {"event": "go", "to": "failed"}
    document = changed(f"{NEW}/on", [edge, {**edge, "description": "the same"}])
    assert faults(document) == ()


def test_a_round_through_a_group_is_found_and_the_states_own_edge_breaks_it() -> None:
    document = changed("/groups/open/when", [{"to": "new"}])
    document["states"]["new"].pop("when")
    assert [fault.pointer for fault in faults(document)] == ["/groups/open/when/0"]
    document["states"]["new"]["when"] = [{"if": "external.amount > 0", "to": "packing"}]
    assert faults(document) == ()


def test_the_first_edge_breaks_a_round_where_the_first_one_wins() -> None:
    document = changed(f"{NEW}/when/1", {"to": "new"})
    assert [fault.pointer for fault in faults(document)] == [f"{NEW}/when/1"]
    assert faults(document | {"conflict": "first"}) == ()


def test_a_round_is_told_once_however_many_ways_lead_into_it() -> None:
    states = {name: {"when": [{"to": to}]} for name, to in (("a", "b"), ("b", "c"), ("c", "b"))}
    document = {"name": "rounds", "initial": "a", "states": states | {"d": states["a"]}}
    assert [fault.pointer for fault in faults(document)] == ["/states/b/when/0"]


def test_all_that_happens_in_the_error_state_may_read_the_error() -> None:
    told = {"activity": "report", "args": {"text": "error.message"}}
    document = changed("/states/trouble/run", told)
    document["states"]["trouble"]["enter"] = {"effect": told}
    document["states"]["trouble"]["done"] = [{"if": "error['from'] == 'new'", "to": PREVIOUS}]
    assert faults(document) == ()


def places_of(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where a text stands in a document."""
    if isinstance(value, str):
        yield at
    elif isinstance(value, (dict, list)):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places_of(each, (*at, key))


@pytest.mark.parametrize(
    "place", list(places_of(ORDER)), ids=lambda place: "/".join(map(str, place))
)
def test_half_a_character_in_any_text_is_a_fault(place: tuple[Any, ...]) -> None:
    document = deepcopy(ORDER)
    holder = document
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] += "\ud800"
    with pytest.raises(InvalidMachineError):
        define(document, code=False)


def test_half_a_character_in_a_description_is_told_where_it_is() -> None:
    (fault,) = faults(changed("/description", "half a \ud83d"))
    assert fault.pointer == "/description"
    assert "has half a character" in fault.text
    assert str(fault).encode()


@pytest.mark.parametrize(
    "place", ["name", "external", "internal", "events", "states", "groups"], ids=str
)
def test_a_name_may_have_two_hundred_characters_and_no_more(place: str) -> None:
    def named(length: int) -> Json:
        name = "x" * length
        stays = {"on": [{"event": "go", "to": "a"}]}
        document: Json = {"name": "m", "initial": "a", "states": {"a": stays}}
        bodies = {"states": stays, "groups": {"members": ["a"]}, "events": {}}
        if place == "name":
            return document | {"name": name}
        return document | {place: document.get(place, {}) | {name: bodies.get(place, "integer")}}

    assert faults(named(200)) == ()
    (fault,) = faults(named(201))
    assert "name has 201 characters" in fault.text
    assert fault.fix == "write at most 200"


def test_a_long_pointer_is_shown_by_its_ends_and_kept_whole() -> None:
    kind: Any = "nothing"
    for _ in range(40):
        kind = {"type": "array", "items": kind}
    (fault,) = faults(changed("/external/note", kind))
    assert fault.pointer == "/external/note" + "/items" * 40
    shown = str(fault).partition(":")[0]
    assert len(shown) <= 121
    assert shown.startswith("/external/note/items/")
    assert shown.endswith("/items/items")
    assert "…" in shown
