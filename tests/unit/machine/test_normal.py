"""The normal form: what shorts unfold to, what is dropped, and that it is its own normal form."""

from __future__ import annotations

import json
import math
from copy import deepcopy
from datetime import timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings

from corago.errors import DefinitionError, InvalidMachineError
from corago.machine.normal import normal
from tests.unit.machine.machines import Json, documents, givens

LAW = settings(derandomize=True, deadline=None, max_examples=60, database=None)


def door(**more: Any) -> Json:
    return {"name": "door", "initial": "closed", "states": {"closed": {}}} | more


@LAW
@given(documents())
def test_a_normal_form_is_its_own_normal_form_to_the_letter(document: Json) -> None:
    assert json.dumps(normal(document)) == json.dumps(document)


@LAW
@given(givens())
def test_every_short_way_to_write_a_document_has_its_normal_form(pair: tuple[Json, Json]) -> None:
    short, document = pair
    assert normal(short) == document
    assert json.dumps(normal(normal(short))) == json.dumps(normal(short))


@LAW
@given(givens())
def test_the_given_document_is_left_as_it_is(pair: tuple[Json, Json]) -> None:
    short, _ = pair
    before = deepcopy(short)
    found = normal(short)
    assert short == before
    found["states"]["new"]["on"] = [{"event": "mine"}]
    assert short == before


def test_kind_and_version_are_spelled_out_and_come_first() -> None:
    assert list(normal(door())) == ["kind", "name", "version", "initial", "states"]
    assert normal(door())["version"] == 1


SHORTS: dict[str, tuple[Json, str, Any]] = {
    "a bare type": ({"external": {"x": "integer"}}, "external", {"x": {"type": "integer"}}),
    "a bare type inside": (
        {"internal": {"x": {"type": "array", "items": "string"}}},
        "internal",
        {"x": {"type": "array", "items": {"type": "string"}}},
    ),
    "a hook out of its list": (
        {"on_enter": {"effect": {"activity": "greet"}}},
        "on_enter",
        [{"effect": [{"activity": "greet"}]}],
    ),
    "a bare delay": ({"idle": "30d"}, "idle", {"delay": "P30D"}),
    "seconds": ({"lifetime": 90}, "lifetime", {"delay": "PT1M30S"}),
    "a timedelta": ({"idle": {"delay": timedelta(days=2)}}, "idle", {"delay": "P2D"}),
    "the attempts alone": (
        {"on_exit": {"effect": {"activity": "greet", "retry": 5}}},
        "on_exit",
        [{"effect": [{"activity": "greet", "retry": {"attempts": 5}}]}],
    ),
    "blanks around an expression": ({"validate": "  1 < 2\n"}, "validate", "1 < 2"),
    "a whole number written with a point": ({"version": 2.0}, "version", 2),
}


@pytest.mark.parametrize("case", SHORTS)
def test_a_short_is_unfolded(case: str) -> None:
    given_, key, expected = SHORTS[case]
    assert normal(door(**given_))[key] == expected


DEFAULTS: tuple[Json, ...] = (
    {"conflict": "error", "max_transitions": 100, "description": "", "groups": {}, "events": {}},
    {"external": {}, "internal": {}, "on_enter": [], "on_exit": [], "on_transition": []},
    {
        "states": {
            "closed": {"on": [], "when": [], "enter": [], "terminal": False, "forever": False}
        }
    },
)


@pytest.mark.parametrize("given_", DEFAULTS, ids=str)
def test_what_is_said_by_default_is_dropped(given_: Json) -> None:
    assert normal(door(**given_)) == normal(door())


def test_the_defaults_of_work_are_dropped() -> None:
    retry = {"attempts": 3, "delay": 1, "factor": 2.0, "cap": 300, "jitter": 0.1, "give_up": []}
    run = {"activity": "f", "args": {}, "retry": retry, "at_most_once": False}
    children = {"c": {"workflow": "w", "input": {}}}
    states = {"closed": {"run": run}, "b": {"children": children, "join": "all"}}
    assert normal(door(states=states))["states"] == {
        "closed": {"run": {"activity": "f", "retry": {}}},
        "b": {"children": {"c": {"workflow": "w"}}},
    }


def test_a_default_of_null_is_a_default() -> None:
    kind = {"type": "string", "nullable": True, "default": None}
    assert normal(door(external={"x": kind}))["external"]["x"]["default"] is None


def test_any_mapping_and_any_sequence_will_do() -> None:
    state = MappingProxyType({"on": ({"event": "open", "to": "closed"},)})
    found = normal(MappingProxyType(door(states=MappingProxyType({"closed": state}))))
    assert json.dumps(found["states"]) == '{"closed": {"on": [{"event": "open", "to": "closed"}]}}'


@pytest.mark.parametrize(
    "value", [math.nan, -math.inf, 2**63, {1, 2}, b"x", Decimal(1), {1: 2}, "\ud800", object()]
)
def test_what_json_cannot_hold_is_refused(value: Any) -> None:
    given_ = door(external={"x": {"type": "any", "default": [value]}})
    with pytest.raises(InvalidMachineError, match="/external/x/default/0") as caught:
        normal(given_)
    assert [fault.pointer for fault in caught.value.faults] == ["/external/x/default/0"]


def test_a_value_that_holds_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(InvalidMachineError, match="nested too deeply"):
        normal(door(external={"x": {"type": "any", "default": endless}}))


def test_an_invalid_machine_lists_its_faults_one_a_line_and_counts_those_it_leaves_out() -> None:
    states: Json = {f"s{n}": {"onn": []} for n in range(23)}
    with pytest.raises(InvalidMachineError) as caught:
        normal(door(states=states))
    error = caught.value
    lines = str(error).splitlines()
    assert isinstance(error, DefinitionError)
    assert error.code == "invalid_machine"
    assert len(error.faults) == 23
    assert lines[0] == "the machine 'door' has 23 faults:"
    assert lines[1].startswith("  - /states/s0/onn: a state has no key 'onn'; did you mean 'on'?")
    assert len(lines) == 22
    assert lines[-1] == "  - and 3 more (`faults` of this error has them all)"


def test_one_fault_is_called_one() -> None:
    with pytest.raises(
        InvalidMachineError, match="the machine '\\?' has a fault:\n  - the document"
    ):
        normal({"initial": "a", "states": {"a": {}}})
