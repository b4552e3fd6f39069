"""The published JSON Schema says of shapes what the checker says, no more and no less."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from corago.machine.checking import faults
from corago.machine.normal import normal, read
from corago.machine.schema import json_schema
from tests.unit.machine.machines import Json, documents, givens
from tests.unit.machine.test_checking import ORDER, SEEDED, changed

LAW = settings(derandomize=True, deadline=None, max_examples=60, database=None)
CORPUS = sorted((Path(__file__).parents[2] / "machines/corpus").glob("*.json"))
SCHEMA = Draft202012Validator(json_schema())

DOOR: Json = {
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
# One of each thing that a document may hold, in short and in full.
EVERYTHING: Json = {
    "name": "every.thing-1",
    "initial": "first",
    "error": "trouble",
    "max_transitions": 7,
    "external": {"a": "any", "b": {"type": "number", "minimum": 0, "maximum": 1.5, "default": 1}},
    "internal": {
        "c": {"type": "object", "properties": {"d": "string"}, "nullable": True},
        "e": {"type": "array", "items": {"type": "integer", "enum": [1, 2]}},
    },
    "events": {"T02 Check": {"ok": "boolean"}},
    "states": {
        "first": {
            "on": [{"event": "T02 Check", "if": {"call": "f"}, "set": {"call": "g"}, "to": "x-y"}],
            "when": [{"unless": "external.b > 0", "to": "x-y", "description": "on"}],
            "after": [{"delay": 2.5, "set": {"internal.e": {"call": "g"}}}, {"delay": "1d 12h"}],
            "children": {"one": {"workflow": "w.x-1", "input": {"any key": "1"}}},
            "join": "any",
            "done": [{"to": "x-y"}],
            "failed": [{"error": "Declined", "to": "previous()"}],
            "enter": {"set": {"internal.e": "[1]"}},
            "exit": [{"effect": {"activity": "tell", "retry": 2, "queue": "slow one"}}],
        },
        "x-y": {
            "run": {
                "activity": "work",
                "args": {"b": "external.b"},
                "retry": {"delay": 2, "factor": 1.5, "cap": 9, "jitter": 0, "give_up": "KeyError"},
                "timeout": "PT0.5S",
                "at_most_once": True,
                "result": "object",
            },
            "failed": [{"error": "Declined", "to": "first"}],
            "forever": True,
        },
        "trouble": {"on": [{"event": "go", "to": "previous()"}]},
        "über": {"terminal": True},
    },
    "groups": {"both": {"members": ["first", "x-y"], "on": [{"event": "stop", "to": "über"}]}},
    "idle": "PT48H",
    "lifetime": {"delay": 90, "to": "über"},
    "on_enter": {"effect": [{"activity": "tell"}]},
    "on_transition": [{"set": {"internal.e": "[2]"}}],
    "validate": {"call": "f"},
}
SAMPLES = [DOOR, EVERYTHING, *(json.loads(each.read_text()) for each in CORPUS)]
TEXTS = ("", "x", "a b", "class", "2m")
VALUES: tuple[Any, ...] = (None, True, 0, -1, 2.5, *TEXTS, [], ["x"], [{}], {}, {"x": 1})
KEYS = ("x", "a b", "if", "to", "run", "children", "on", "items", "call", "default", "")


def test_the_schema_is_a_good_one_and_anew_each_time() -> None:
    Draft202012Validator.check_schema(json_schema())
    json_schema()["title"] = "mine"
    assert json_schema()["title"] == "A machine of corago"


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample["name"])
def test_a_sample_is_valid_in_both_eyes_as_given_and_in_normal_form(sample: Json) -> None:
    assert faults(sample) == ()
    assert [error.message for error in SCHEMA.iter_errors(sample)] == []
    assert [error.message for error in SCHEMA.iter_errors(normal(sample))] == []


@pytest.mark.parametrize(
    ("place", "value"),
    [each[:2] for each in SEEDED],
    ids=[f"{each[0]}={each[3]}" for each in SEEDED],
)
def test_a_seeded_fault_of_shape_is_one_in_both_eyes(place: str, value: Any) -> None:
    document = changed(place, value)
    assert SCHEMA.is_valid(ORDER)
    if read(document)[1]:
        assert not SCHEMA.is_valid(document)


@LAW
@given(documents())
def test_a_random_document_is_valid(document: Json) -> None:
    assert SCHEMA.is_valid(document)


@LAW
@given(givens())
def test_so_is_a_short_way_to_write_it(pair: tuple[Json, Json]) -> None:
    assert SCHEMA.is_valid(pair[0])


def _holders(value: Any) -> Iterator[Any]:
    """Every object and list inside, itself first."""
    if isinstance(value, dict | list):
        yield value
        for each in value.values() if isinstance(value, dict) else value:
            yield from _holders(each)


@st.composite
def mutants(draw: st.DrawFn) -> Json:
    """A good document after one or two accidents."""
    document: Json = deepcopy(draw(st.sampled_from(SAMPLES)))
    for _ in range(draw(st.integers(1, 2))):
        holder = draw(st.sampled_from([each for each in _holders(document) if each]))
        keys = list(holder) if isinstance(holder, dict) else range(len(holder))
        key = draw(st.sampled_from(keys))
        accident = draw(st.sampled_from(("replace", "replace", "lose", "add", "rename", "copy")))
        if accident == "lose":
            del holder[key]
        elif accident == "copy":
            other = draw(st.sampled_from(list(_holders(document))))
            holder[key] = deepcopy(other)
        elif accident == "replace" or isinstance(holder, list):
            holder[key] = deepcopy(draw(st.sampled_from(VALUES)))
        else:
            value = holder.pop(key) if accident == "rename" else draw(st.sampled_from(VALUES))
            holder[draw(st.sampled_from(KEYS))] = deepcopy(value)
    return document


@settings(LAW, max_examples=200)
@given(mutants())
def test_what_the_schema_refuses_the_checker_refuses(mutant: Json) -> None:
    if not SCHEMA.is_valid(mutant):
        assert faults(mutant), next(SCHEMA.iter_errors(mutant)).message


@settings(LAW, max_examples=200)
@given(mutants())
def test_what_the_checker_finds_out_of_shape_the_schema_refuses(mutant: Json) -> None:
    if found := read(mutant)[1]:
        assert not SCHEMA.is_valid(mutant), found


def test_mutants_are_often_out_of_shape_and_sometimes_sound() -> None:
    seen = {"valid": 0, "invalid": 0}

    @settings(LAW, max_examples=100)
    @given(mutants())
    def look(mutant: Json) -> None:
        seen["valid" if SCHEMA.is_valid(mutant) else "invalid"] += 1

    look()
    assert seen["valid"] > 5
    assert seen["invalid"] > 30
