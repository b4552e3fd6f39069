"""Stores and their types, as the tests of expressions use them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from corago.core.expressions import INTEGER, Record, Type, schema_type

VALUES: dict[str, Any] = {
    "external": {
        "amount": 12,
        "price": 2.5,
        "name": "Ann",
        "kind": "open",
        "note": None,
        "limit": 5,
        "is_known": True,
        "scores": [1, 5, 9],
        "names": ["Ann", "Bob"],
        "lines": [{"price": 3, "is_paid": True}, {"price": 7, "is_paid": False}],
        "person": {"name": "Ann", "in": 1},
        "extra": {"key": 1},
        "any": None,
    },
    "visits": {"paying": 2},
}

DECLARED: dict[str, Any] = {
    "amount": {"type": "integer"},
    "price": {"type": "number"},
    "name": {"type": "string"},
    "kind": {"type": "string", "enum": ["open", "closed"]},
    "note": {"type": "string", "nullable": True},
    "limit": {"type": "integer", "nullable": True},
    "is_known": {"type": "boolean"},
    "scores": {"type": "array", "items": {"type": "integer"}},
    "names": {"type": "array", "items": {"type": "string"}},
    "lines": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"price": {"type": "number"}, "is_paid": {"type": "boolean"}},
        },
    },
    "person": {
        "type": "object",
        "nullable": True,
        "properties": {
            "name": {"type": "string"},
            "in": {"type": "integer"},
            "mail": {"type": "string", "default": ""},
        },
    },
    "extra": {"type": "object"},
    "any": {"type": "any"},
}

SCOPE: Mapping[str, Type] = {
    "external": Record({name: schema_type(each) for name, each in DECLARED.items()}),
    "visits": Record({"paying": INTEGER}),
}
