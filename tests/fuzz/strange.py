"""What strangers may send: hostile texts, JSON values and Python objects; documents, mutated.

`CORAGO_FUZZ=20` looks twenty times as far, from a new seed each time.
"""

from __future__ import annotations

import json
import os
import reprlib
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

FACTOR = float(os.environ.get("CORAGO_FUZZ", "0"))
"""How many times as far as in the daily run; 0 is the daily run, the same each time."""


def fuzz(examples: int) -> settings:
    """So many examples a day."""
    return settings(
        derandomize=not FACTOR,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        report_multiple_bugs=False,
        max_examples=int(examples * (FACTOR or 1)),
        suppress_health_check=list(HealthCheck),
    )


# -- texts -----------------------------------------------------------------------------------------

LONG = "x" * 5_000
NASTY = (
    *("", " ", "\n", "\t", "\0", "a\0b", "\ud800", "a\udfffb", "\u202e", "\ufeff", "é", "e\u0301"),
    *("0", "-1", "1.5", "1e999999", "9" * 30, "9" * 5_000, "NaN", "Infinity", "null", "true"),
    *("{}", "[]", "{", '"', "'", "\\", "/", "//", "..", ".", "~0", "%s", "{0}", "$blob"),
    *("--", "-", "--json", "=", "a=b", "@", "@/", "@\0", ":", "::", ";", "'; drop table events"),
    *("__class__", "None", "P1D", "٣", "²", "½", LONG, "\U0001f600", "\x1b[31m"),
)
texts = st.sampled_from(NASTY) | st.text(max_size=12)
texts_or_halves = texts | st.text(st.characters(categories=("Cs", "Lu", "Cc", "Nd")), max_size=4)
"""Texts, of which some hold half a surrogate pair."""

# -- JSON ------------------------------------------------------------------------------------------

huge = st.sampled_from([30, 400, 5_000]).map(lambda digits: 10**digits)
numbers = (
    st.sampled_from([0, 1, -1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64, -(2**63) - 1])
    | st.sampled_from([0.0, -0.0, 0.5, 1e308, 5e-324, float("nan"), float("inf"), -float("inf")])
    | huge
    | huge.map(lambda number: -number)
)
scalars = st.none() | st.booleans() | numbers | texts_or_halves


def nested(depth: int, inside: Any = None, *, is_list: bool = True) -> Any:
    """A value so many levels deep."""
    for _ in range(depth):
        inside = [inside] if is_list else {"a": inside}
    return inside


deep = st.builds(
    nested, st.sampled_from([99, 100, 101, 500, 3_000]), scalars, is_list=st.booleans()
)
jsons = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts_or_halves, inner, max_size=3),
    max_leaves=6,
)
"""What looks like JSON, whether or not JSON can hold it."""


def as_text(value: Any) -> str:
    """As JSON, strict or not."""
    try:
        return json.dumps(value)
    except ValueError:  # a number of more digits than Python writes
        return "9" * 5_000


def cyclic(kind: type) -> Any:
    """A list or dict that holds itself."""
    found: Any = kind()
    if kind is list:
        found.append(found)
    else:
        found["self"] = found
    return found


# -- Python objects --------------------------------------------------------------------------------


class StrangerError(Exception):
    """What strangers' objects raise."""


def _raises(*_: Any, **__: Any) -> Any:
    raise StrangerError("no")


class OddText(str):
    """A text that can't be compared, hashed or shown."""

    __slots__ = ()
    __eq__ = _raises
    __ne__ = _raises
    __hash__ = _raises
    __str__ = _raises
    __repr__ = _raises


class OddInt(int):
    """As OddText."""

    __eq__ = _raises
    __hash__ = _raises
    __repr__ = _raises
    __index__ = _raises
    __lt__ = _raises
    __le__ = _raises


class OddFloat(float):
    """As OddText."""

    __eq__ = _raises
    __hash__ = _raises


class OddDict(dict[str, Any]):
    """A dict that can't be looked through."""

    __eq__ = _raises
    __hash__ = _raises  # type: ignore[assignment]
    __iter__ = _raises
    items = _raises
    keys = _raises
    __getitem__ = _raises


class OddList(list[Any]):
    """A list that can't be looked through."""

    __eq__ = _raises
    __hash__ = _raises  # type: ignore[assignment]
    __iter__ = _raises
    __len__ = _raises


class OddMapping(Mapping[str, Any]):
    """A mapping that changes its mind."""

    def __getitem__(self, key: str) -> Any:
        raise StrangerError("no")

    def __iter__(self) -> Iterator[str]:
        return iter(("a", "b"))

    def __len__(self) -> int:
        raise StrangerError("no")


class OddModel:
    """It has the methods of a model, and they raise."""

    model_dump = _raises
    __fspath__ = _raises
    unicode_string = _raises
    __repr__ = _raises


class OddThing:
    """It has no attribute without a fight."""

    def __getattribute__(self, name: str) -> Any:
        raise StrangerError(name)


class Tuple(tuple[Any, ...]):
    """A tuple of a stranger's own."""

    __slots__ = ()


ODD: tuple[Callable[[], Any], ...] = (
    *(lambda: OddText("a"), lambda: OddInt(3), lambda: OddFloat(0.5), lambda: OddDict(a=1)),
    *(lambda: OddList([1]), OddMapping, OddModel, lambda: OddThing, lambda: OddModel),
    *(lambda: Tuple([1]), object, lambda: object, lambda: Ellipsis, lambda: b"bytes"),
    *(lambda: bytearray(b"b"), lambda: memoryview(b"m"), lambda: {1, 2}, lambda: frozenset("a")),
    *(lambda: 1j, lambda: range(3), lambda: Decimal("1.5"), lambda: Decimal("NaN")),
    *(lambda: Decimal("1e999999"), lambda: Fraction(1, 3), lambda: date(2030, 1, 1)),
    *(lambda: datetime(2030, 1, 1), lambda: datetime.max.replace(tzinfo=UTC)),  # noqa: DTZ001 - strangers' instants have no zone
    *(lambda: datetime.min.replace(tzinfo=timezone(timedelta(hours=5))), lambda: timedelta.max),
    *(lambda: timedelta(days=-1), lambda: Path("a"), lambda: iter(()), lambda: len),
    *(lambda: lambda: None, lambda: ValueError("x"), lambda: {1: 2}, lambda: {None: 1}),
    *(lambda: {(1, 2): 3}, lambda: {b"k": 1}, lambda: {True: 1, "true": 2}, lambda: {1: 1, "1": 2}),
    *(lambda: {"k": OddText("a")}, lambda: [OddModel()]),
    *(lambda: cyclic(list), lambda: cyclic(dict)),
)


def _new(make: Callable[[], Any]) -> Any:
    return make()


WILD: tuple[Callable[[], Any], ...] = (*ODD, OddThing, lambda: {"k": OddThing()})
odd = st.integers(0, len(ODD) - 1).map(lambda number: _new(ODD[number]))
wild = st.integers(0, len(WILD) - 1).map(lambda number: _new(WILD[number]))
"""Python's values that no JSON is, and those that only look so."""


class Case:
    """Something to hand in, which shows itself briefly, whatever it is made of."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        try:
            return f"Case({_briefly.repr(self.value)})"
        except Exception as error:  # noqa: BLE001 - strangers' objects may not be shown
            return f"Case({type(self.value).__name__}, which raises {type(error).__name__})"


_briefly = reprlib.Repr()
_briefly.maxlevel = 15
_briefly.maxdict = _briefly.maxlist = 40
_briefly.maxstring = _briefly.maxother = 120


def cases(*strategies: st.SearchStrategy[Any]) -> st.SearchStrategy[Case]:
    """Any of these, as cases."""
    return st.one_of(*strategies).map(Case)


anything = jsons | deep | odd | st.builds(lambda inner: {"k": [inner]}, odd)


def is_json(value: Any, depth: int = 0) -> bool:
    """Whether it is exactly what a JSON reader may give, and can be kept."""
    if depth > 100:
        return False
    if value is None or type(value) is bool:
        return True
    if type(value) is int:
        return -(2**63) <= value < 2**64
    if type(value) is float:
        return value - value == 0
    if type(value) is str:
        return not any("\ud800" <= each <= "\udfff" for each in value)
    if type(value) is list:
        return all(is_json(each, depth + 1) for each in value)
    if type(value) is dict:
        return all(
            type(key) is str and is_json(key) and is_json(each, depth + 1)
            for key, each in value.items()
        )
    return False


# -- mutated documents -----------------------------------------------------------------------------

Spot = tuple[Any, ...]


def places(value: Any, path: Spot = ()) -> Iterator[Spot]:
    """Every place in a document, outermost first."""
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], (*path, key))
    elif isinstance(value, list):
        for index in range(len(value)):
            yield from places(value[index], (*path, index))


def at(value: Any, path: Spot) -> Any:
    """What stands there."""
    for key in path:
        value = value[key]
    return value


_VERBS = ("replace", "replace", "replace", "drop", "double", "steal", "rename", "wrap", "add")


@st.composite
def mutants(draw: st.DrawFn, document: Any, with_: st.SearchStrategy[Any] = jsons) -> Any:
    """The document with one to three things done to it, at any place."""
    found, spots = deepcopy(document), list(places(document))
    for _ in range(draw(st.integers(1, 3))):
        path, other = draw(st.sampled_from(spots)), draw(st.sampled_from(spots))
        try:
            found = _mutated(draw, found, path, at(document, other), with_)
        except (LookupError, TypeError, AttributeError, StrangerError):
            continue  # that place is gone
    return found


def _mutated(
    draw: st.DrawFn, document: Any, path: Spot, other: Any, with_: st.SearchStrategy[Any]
) -> Any:
    verb = draw(st.sampled_from(_VERBS))
    if not path:
        return draw(with_) if draw(st.integers(0, 9)) == 0 else document
    holder, key = at(document, path[:-1]), path[-1]
    match verb:
        case "drop":
            del holder[key]
        case "double" if isinstance(holder, list):
            holder.append(holder[key])
        case "rename" if isinstance(holder, dict):
            holder[draw(texts)] = holder.pop(key)
        case "wrap":
            holder[key] = [holder[key]] if draw(st.booleans()) else {draw(texts): holder[key]}
        case "add" if isinstance(holder, dict):
            holder[draw(texts)] = draw(with_)
        case "add":
            holder.insert(key, draw(with_))
        case "steal":
            holder[key] = deepcopy(other)
        case _:
            holder[key] = draw(with_)
    return document
