"""Python's types as types of a document: annotated classes as stores and events."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal, TypedDict

import pytest
from annotated_types import Ge, Le
from pydantic import BaseModel, SecretStr

from corago.machine import State
from tests.unit.machine.bodies import compiled, faults_of


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
