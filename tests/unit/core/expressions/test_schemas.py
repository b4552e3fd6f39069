"""Declared types: what they are in the language, and which values fit."""

from __future__ import annotations

from typing import Any

import pytest

from corago.core.expressions import (
    ANYTHING,
    BOOLEAN,
    INTEGER,
    NUMBER,
    TEXT,
    Array,
    Choice,
    Record,
    Type,
    nullable,
    schema_type,
    unfit,
)

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "mail": {"type": "string", "default": ""},
        "ages": {"type": "array", "items": {"type": "integer", "minimum": 0}},
    },
}


@pytest.mark.parametrize(
    ("declared", "found"),
    [
        ({"type": "boolean"}, BOOLEAN),
        ("integer", INTEGER),
        ({"type": "number", "minimum": 0, "default": 1}, NUMBER),
        ({"type": "string", "nullable": True}, nullable(TEXT)),
        ({"type": "any"}, ANYTHING),
        ({"type": "any", "nullable": True}, ANYTHING),
        ({"type": "array"}, Array(ANYTHING)),
        ({"type": "array", "items": {"type": "integer"}}, Array(INTEGER)),
        ({"type": "object"}, Record(is_open=True)),
        ({"type": "string", "enum": ["a", "b"]}, Choice(("a", "b"))),
        (
            PERSON,
            Record(
                {"name": TEXT, "mail": TEXT, "ages": Array(INTEGER)}, optional=frozenset(["mail"])
            ),
        ),
    ],
)
def test_a_declared_type_is_one_of_the_language(declared: Any, found: Type) -> None:
    assert schema_type(declared) == found


@pytest.mark.parametrize(
    ("value", "declared"),
    [
        (True, "boolean"),
        (3, {"type": "integer"}),
        (3, {"type": "number"}),
        (3.5, {"type": "number", "minimum": 3.5, "maximum": 3.5}),
        ("", "string"),
        (None, {"type": "string", "nullable": True}),
        (None, "any"),
        ([None], {"type": "array"}),
        ({"x": 1}, {"type": "object"}),
        ({"name": "Ann", "ages": []}, PERSON),
        ({"name": "Ann", "ages": [1], "mail": "x"}, PERSON),
        ("a", {"type": "string", "enum": ["a", "b"]}),
        (None, {"type": "string", "enum": ["a"], "nullable": True}),
        (1, {"type": "any", "enum": [1, True]}),
    ],
)
def test_a_value_fits(value: Any, declared: Any) -> None:
    assert unfit(value, declared) is None


@pytest.mark.parametrize(
    ("value", "declared", "told"),
    [
        (1, "boolean", "must be true or false, not an integer (1)"),
        (True, "integer", "must be an integer, not a boolean (true)"),
        (3.0, "integer", "must be an integer, not a number (3.0); write 3"),
        ("3", "number", 'must be a number, not a text ("3"); leave out the quotes'),
        (2**63, "integer", "must be an integer"),
        (float("nan"), "number", "must be a number"),
        (None, "string", 'must be a text, not null; declare it "nullable": true'),
        (None, {"type": "any", "enum": [1]}, "one of the values of its enum, not null"),
        ([], "object", "must be an object, not an array"),
        ("opne", {"type": "string", "enum": ["open", "shut"]}, "did you mean open?"),
        (True, {"type": "any", "enum": [1]}, "must be 1, not true"),
        (2, {"type": "integer", "minimum": 3}, "must be at least 3, not 2"),
        (2.5, {"type": "number", "maximum": 2}, "must be at most 2, not 2.5"),
        ({"name": "Ann"}, PERSON, "has no field 'ages', which has no default"),
        (
            {"name": "Ann", "ages": [], "mial": ""},
            PERSON,
            "has a field 'mial' that is not declared; did you mean mail?",
        ),
        ({"name": 1, "ages": []}, PERSON, ".name must be a text, not an integer (1)"),
        ({"name": "", "ages": [1, -1]}, PERSON, ".ages[1] must be at least 0, not -1"),
        (["x"] * 99, "integer", "must be an integer, not an array (an array of 99 items)"),
    ],
)
def test_a_value_that_does_not_fit_is_told_why_and_where(
    value: Any, declared: Any, told: str
) -> None:
    assert told in str(unfit(value, declared))
