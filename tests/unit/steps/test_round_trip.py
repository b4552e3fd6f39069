"""Values of many types: what a step returns comes back equal to whoever asks for its type."""

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from ipaddress import IPv4Address
from pathlib import PurePosixPath
from typing import Any, Literal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corago.arguments.injection import result
from corago.core import codec
from corago.errors import StepResultError
from tests.unit.steps.samples import (
    Box,
    Color,
    Customer,
    Level,
    Line,
    Pair,
    Spot,
    Word,
    asking,
    filled,
)

LAW = settings(derandomize=True, deadline=None, max_examples=150, database=None)


def there_and_back(value: Any, annotation: Any) -> Any:
    """A value returned by one step, kept as text, and taken by another."""
    kept = json.loads(json.dumps(result("step 'A'", {"value": value})))
    return filled(asking(annotation), kept)["value"]


DATETIMES = st.datetimes(datetime(1970, 1, 1), datetime(9000, 1, 1))  # noqa: DTZ001 - naive ones too
OFFSETS = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False)
LINES = st.builds(
    Line, st.uuids(), st.none() | DATETIMES, st.sets(st.text(max_size=3)), st.binary(max_size=5)
)
CUSTOMERS = st.builds(
    Customer,
    id=st.uuids(),
    birthDate=st.dates(),
    lines=st.lists(LINES.filter(lambda line: not line.key), max_size=2),
    max=st.none() | DECIMALS,
)

HASHABLE: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (str, st.text()),
    (int, st.integers(-(10**30), 10**30)),
    (bool, st.booleans()),
    (float, st.floats(allow_nan=False, allow_infinity=False)),
    (UUID, st.uuids()),
    (datetime, DATETIMES),
    (datetime, st.datetimes(datetime(1, 1, 2), datetime(9998, 1, 1), timezones=OFFSETS)),  # noqa: DTZ001
    (date, st.dates()),
    (time, st.times()),
    (timedelta, st.timedeltas()),
    (Decimal, DECIMALS),
    (bytes, st.binary()),
    (Color, st.sampled_from(Color)),
    (Level, st.sampled_from(Level)),
    (Word, st.sampled_from(Word)),
    (Literal["a", 1], st.sampled_from(["a", 1])),
    (Pair, st.builds(Pair, st.integers(), st.uuids())),
    (Spot, st.builds(Spot, st.integers(), DECIMALS)),
    (IPv4Address, st.ip_addresses(v=4)),
    (PurePosixPath, st.sampled_from([PurePosixPath("a/b"), PurePosixPath("/")])),
]
OTHERS: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (Line, LINES),
    (Customer, CUSTOMERS),
    (Box, st.fixed_dictionaries({"size": DECIMALS, "key": st.binary()})),
    (dict[str, Any], st.dictionaries(st.text(), st.none() | st.integers())),
    (list, st.lists(st.booleans() | st.text())),
]
KEYS = [each for each in HASHABLE if each[0] in (str, int, UUID, date, Decimal, Color, bytes)]


@st.composite
def typed_values(draw: st.DrawFn) -> tuple[Any, Any]:
    """An annotation, and a value of it."""
    annotation, values = draw(st.sampled_from(HASHABLE + OTHERS))
    is_hashable = any(values is each for _, each in HASHABLE)
    for _ in range(draw(st.integers(0, 2))):
        wrappers = [
            "list",
            "tuple",
            "pair",
            "optional",
            "dict",
            *(["set", "frozenset"] * is_hashable),
        ]
        match draw(st.sampled_from(wrappers)):
            case "list":
                annotation, values = list[annotation], st.lists(values, max_size=3)  # type: ignore[valid-type]
            case "tuple":
                annotation, values = tuple[annotation, ...], st.lists(values, max_size=3).map(tuple)  # type: ignore[valid-type]
            case "pair":
                annotation, values = tuple[annotation, int], st.tuples(values, st.just(5))  # type: ignore[valid-type]
            case "optional":
                annotation, values = annotation | None, st.none() | values
                continue
            case "dict":
                key, keys = draw(st.sampled_from(KEYS))
                annotation = dict[key, annotation]  # type: ignore[valid-type]
                values = st.dictionaries(keys, values, max_size=3)
            case "set":
                annotation, values = set[annotation], st.sets(values, max_size=3)  # type: ignore[valid-type]
            case _:
                annotation, values = frozenset[annotation], st.frozensets(values, max_size=3)  # type: ignore[valid-type]
        is_hashable = False
    return annotation, draw(values)


@LAW
@given(typed_values())
def test_a_typed_value_comes_back_equal_and_of_the_same_type(case: tuple[Any, Any]) -> None:
    annotation, value = case
    back = there_and_back(value, annotation)
    assert back == value
    assert type(back) is type(value)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@LAW
@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_plain_json_comes_back_as_it_was_and_as_a_copy(values: dict[str, Any]) -> None:
    kept = result("step 'A'", values)
    assert kept == values
    assert json.loads(codec.to_json(kept)) == values

    def whole(state: dict[str, Any]) -> None: ...

    taken = filled(whole, kept)["state"]
    assert taken == kept
    assert taken is not kept


@LAW
@given(st.datetimes(timezones=st.timezones()))
def test_an_instant_in_any_zone_comes_back_or_is_refused(at: datetime) -> None:
    offset = at.utcoffset()
    if offset is not None and offset % timedelta(minutes=1):
        with pytest.raises(StepResultError, match=r"result\['value'\] has an offset from UTC"):
            there_and_back(at, datetime)
    else:
        back = there_and_back(at, datetime)
        assert (back.replace(tzinfo=None), back.utcoffset()) == (at.replace(tzinfo=None), offset)
