"""Users' values as strict JSON: what is kept comes back, and what would be lost is refused."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from ipaddress import IPv4Address, IPv6Network
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AnyUrl, BaseModel, Field, SecretStr

from corago.core.codec import MAX_DEPTH, canonical, from_json, plain, to_json
from corago.errors import InvalidInputError
from tests.properties.programs import LAW

NAN = float("nan")


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Text(str):
    __slots__ = ("note",)


class Touchy(str):
    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        raise ValueError("not to be compared")

    __hash__ = str.__hash__


class Untold:
    def model_dump(self, **_: Any) -> Any:
        raise OSError("gone")


class Number(int):
    pass


class Share(float):
    pass


class Port(BaseModel):
    number: int
    label: Any = None
    hidden: Any = Field(default=None, exclude=True)


class Point(msgspec.Struct):
    x: Any
    y: Any = 0


@dataclass
class Size:
    width: Any
    tags: list[str] = field(default_factory=list)


class Stranger:
    pass


class Empty(Enum):
    NOT_A_NUMBER = NAN


def nested(depth: int, inner: Any = None) -> Any:
    value = inner
    for _ in range(depth):
        value = [value]
    return value


def iter_none() -> Iterator[None]:
    yield None


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda parts: st.lists(parts) | st.dictionaries(st.text(st.characters(codec="utf-8")), parts),
    max_leaves=20,
)


@LAW
@given(_json)
def test_what_is_json_comes_back_as_it_was(value: Any) -> None:
    assert plain(value) == value
    assert from_json(to_json(value)) == value
    assert from_json(canonical(value)) == value


def test_equal_values_give_equal_canonical_bytes() -> None:
    assert canonical({"b": 1, "a": {"d": 1, "c": 2}}) == b'{"a":{"c":2,"d":1},"b":1}'


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ((1, 2), [1, 2]),
        ({3}, [3]),
        (frozenset({3}), [3]),
        (deque([1, 2]), [1, 2]),
        (MappingProxyType({"a": 1}), {"a": 1}),
        ({1: "a"}, {"1": "a"}),
        ({Colour.RED: 1}, {"red": 1}),
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        (Text("a"), "a"),
        (Number(5), 5),
        (Share(0.5), 0.5),
        (b"bytes", "Ynl0ZXM="),
        (Decimal("1.10"), "1.10"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (date(2030, 1, 2), "2030-01-02"),
        (datetime(2030, 1, 2, tzinfo=UTC), "2030-01-02T00:00:00Z"),
        (time(1, 2), "01:02:00"),
        (timedelta(hours=1), "PT3600S"),
        (IPv4Address("10.0.0.1"), "10.0.0.1"),
        (IPv6Network("::/8"), "::/8"),
        (PurePosixPath("a/b"), "a/b"),
        (AnyUrl("https://example.org/a"), "https://example.org/a"),
        (Port(number=1), {"number": 1, "label": None}),
        ([Port(number=1, label=(2,))], [{"number": 1, "label": [2]}]),
        (Point(Size(1, ["t"])), {"x": {"width": 1, "tags": ["t"]}, "y": 0}),
        (nested(MAX_DEPTH), nested(MAX_DEPTH)),
        ([[1]] * (MAX_DEPTH + 1), [[1]] * (MAX_DEPTH + 1)),
        ([Level.HIGH, None, True, "x", b"", 1.5, Decimal(1)], [3, None, True, "x", "", 1.5, "1"]),
        ("**********", "**********"),
        (["**********", (1,)], ["**********", [1]]),
    ],
)
def test_what_has_a_json_form_is_kept_in_it(value: Any, kept: Any) -> None:
    assert plain(value) == kept


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (NAN, "x is nan, which JSON can't hold; use None or a text"),
        ({"a": [1, float("inf")]}, "x['a'][1] is inf, which"),
        ({"a": Decimal("NaN")}, "x['a'] is NaN, which"),
        (Point(Size(NAN)), "x.x.width is nan, which"),
        (Port(number=1, label=(NAN,)), "x.label[0] is nan, which"),
        (deque([NAN]), "x[0] is nan, which"),
        (Empty.NOT_A_NUMBER, "x is nan, which"),
        ({NAN: 1}, "a key of x is nan, which"),
        ({1: 0, "1": 0}, "x has two keys that are one text in JSON: 1 and '1'"),
        (
            [datetime(1900, 1, 1, tzinfo=timezone(timedelta(seconds=1172)))],
            "x[0] has an offset from UTC that its text can't hold: convert it to UTC",
        ),
        (SecretStr("hush"), "x is a SecretStr, and there is nothing to seal it with here"),
        (Port(number=1, label=SecretStr("hush")), "x.label is a SecretStr, and there is nothing"),
        (nested(MAX_DEPTH + 1), "x is nested more than 100 deep"),
        (nested(MAX_DEPTH + 1, {}), "x is nested more than 100 deep"),
        (Stranger(), "x is of type Stranger; it can't be kept as JSON"),
        (Stranger, "x is of type type; it"),
        ({"a": (1, Stranger())}, "x['a'][1] is of type Stranger; it"),
        ("\ud800", "x holds half a surrogate pair, which is no text; it"),
        ({"a": ["\ud800"]}, "x['a'][0] holds half a surrogate pair"),
        ({(1, 2): 1}, "x has the key (1, 2), and keys are texts; it"),
        (iter_none(), "x is of type generator (make it a list); it"),
        (Port(number=1, label=Stranger()), "x.label is of type Stranger; it"),
        ([10**5000], "x[0], of type int: "),
        ({"k" * 1000: NAN}, "x['" + "k" * 99 + "…] is nan"),
        (Touchy("a"), "x is of type Touchy; it can't be kept as JSON"),
        ([Untold()], "x holds an object that raises OSError when it is looked at"),
    ],
)
def test_what_would_be_lost_is_refused_and_its_place_named(value: Any, says: str) -> None:
    with pytest.raises(InvalidInputError) as raised:
        to_json(value, "x")
    assert says in str(raised.value)


def test_a_value_that_contains_itself_is_refused() -> None:
    round_and_round: list[Any] = []
    round_and_round.append(round_and_round)
    with pytest.raises(InvalidInputError, match="or contains itself"):
        plain(round_and_round)


def test_a_forgotten_await_is_pointed_out() -> None:
    async def fetch() -> None:
        pass

    forgotten = fetch()
    with pytest.raises(InvalidInputError, match=r"value\['a'\] .* \(is an `await` missing\?\)"):
        to_json({"a": forgotten})
    forgotten.close()
