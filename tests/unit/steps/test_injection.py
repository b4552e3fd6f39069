"""What a step takes from the State, what it may return, and what is said when that does not fit."""

from __future__ import annotations

import functools
from collections import ChainMap, OrderedDict, deque
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv6Network
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from pydantic import AnyUrl, BaseModel, Field, SecretStr, field_serializer

from corago.arguments.injection import result
from corago.errors import StepArgumentError, StepResultError
from corago.steps import State
from tests.unit.steps.samples import ONE, Customer, Line, Order, Spot, asking, filled, refused

# -- taking ----------------------------------------------------------------------------------------


def test_arguments_are_taken_by_name_with_defaults_where_nothing_is() -> None:
    def take(a: int, b: UUID, c: int = 3, *, d: str, e: date | None = None) -> None: ...

    given_ = {"b": str(ONE), "a": 1, "d": "x", "unasked": 5}
    assert filled(take, given_) == {"a": 1, "b": ONE, "d": "x"}
    more = {"c": 4, "e": "2030-01-02"}
    assert filled(take, given_ | more) == {
        "a": 1,
        "b": ONE,
        "c": 4,
        "d": "x",
        "e": date(2030, 1, 2),
    }


def test_what_has_no_annotation_is_taken_as_it_is() -> None:
    def take(a, b: Any, c: object) -> None: ...  # type: ignore[no-untyped-def] # noqa: ANN001

    values = {"a": [1], "b": {"x": None}, "c": 2.5}
    assert filled(take, values) == values


def test_every_step_gets_copies_of_its_own() -> None:
    def take(
        a: dict[str, Any], b: list[Any], c: Any, d: dict[str, list[int]], state: State
    ) -> None: ...

    values = {"a": {"x": [1]}, "b": [[1]], "c": [1], "d": {"x": [1]}}
    taken = filled(take, values)
    taken["a"]["x"].append(2)
    taken["b"][0].append(2)
    taken["c"].append(2)
    taken["d"]["x"].append(2)
    taken["state"]["a"]["x"].append(3)
    assert values == {"a": {"x": [1]}, "b": [[1]], "c": [1], "d": {"x": [1]}}


def test_state_is_the_whole_of_it_even_where_a_key_has_that_name() -> None:
    def take(state: State, a: int) -> None: ...

    assert filled(take, {"state": "NY", "a": 1}) == {"state": {"state": "NY", "a": 1}, "a": 1}
    layered: ChainMap[str, Any] = ChainMap({"a": 2}, {"a": 1, "b": 1})
    assert filled(take, layered) == {"state": {"a": 2, "b": 1}, "a": 2}


def test_state_may_be_asked_for_as_a_model() -> None:
    def take(state: Order) -> None: ...

    assert filled(take, {"port": 7, "more": 1}) == {"state": Order(port=7)}
    with pytest.raises(StepArgumentError, match=r"from the whole State.*port: Field required"):
        filled(take, {"more": 1})


@pytest.mark.parametrize(
    ("value", "annotation", "made"),
    [
        ("5", int, 5),
        (5, float, 5.0),
        (5.0, int, 5),
        ("1.10", Decimal, Decimal("1.10")),
        (1.5, Decimal, Decimal("1.5")),
        ("2030-01-02T03:04:05Z", datetime, datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("P1DT2H", timedelta, timedelta(days=1, hours=2)),
        (90, timedelta, timedelta(seconds=90)),
        ([2, 1, 2], set[int], {1, 2}),
        ({"birthDate": "2000-01-01", "id": str(ONE)}, Customer, None),
        ({"born": "2000-01-01", "id": str(ONE)}, Customer, None),
        ("x", Annotated[str, Field(max_length=1)], "x"),
        ("10.0.0.0/8", "IPv4Network | str", "10.0.0.0/8"),
    ],
)
def test_input_from_outside_is_converted_as_json(value: Any, annotation: Any, made: Any) -> None:
    if isinstance(annotation, str):
        annotation = IPv6Network | str
    back = filled(asking(annotation), {"value": value})["value"]
    assert back == (made or Customer(id=ONE, birthDate=date(2000, 1, 1)))


# -- what is missing or does not fit ---------------------------------------------------------------


def test_a_missing_key_is_named_with_the_nearest_there_are() -> None:
    def take(subscription_id: int) -> None: ...

    values = dict.fromkeys(["product", "subscriptions_id", *"xyzwvujq"], 1)
    assert refused(take, values) == (
        "step 'A' needs the argument 'subscription_id', and the State has no key "
        "'subscription_id'; keys there: 'subscriptions_id', 'product', 'u', 'x', 'y', 'z', 'w', "
        "'v' and 2 more"
    )
    assert refused(take, {}).endswith("keys there: none")


def test_that_it_may_be_none_is_no_default() -> None:
    def take(note: str | None) -> None: ...

    assert "`note: str | None = None` has one" in refused(take, {"notes": 1})
    assert filled(take, {"note": None}) == {"note": None}


def test_a_value_that_does_not_fit_is_named_with_its_key_type_and_the_reason() -> None:
    assert refused(asking(UUID), {"value": "no uuid"}).startswith(
        "step 'A' can't make its argument 'value' (UUID) from State['value'], str \"no uuid\": "
        "Input should be a valid UUID"
    )
    assert 'list ["' in refused(asking(int), {"value": ["x" * 100]})
    assert "…" in refused(asking(int), {"value": ["x" * 100]})
    assert "State['value'], null: " in refused(asking(int), {"value": None})
    assert "bool true: " in refused(asking(str), {"value": True})


def test_the_reason_says_where_inside_the_value() -> None:
    told = refused(asking(list[Line]), {"value": [{"port": "x"}, {}]})
    assert "0.port: Input should be a valid UUID" in told
    assert "1.port: Field required" in told
    assert "port: Field required" in refused(asking(Line), {"value": {}})
    assert "(and 2 more)" in refused(asking(list[int]), {"value": ["a"] * 5})


# -- returning -------------------------------------------------------------------------------------


def returned(value: Any) -> str:
    with pytest.raises(StepResultError) as caught:
        result("step 'A'", value)
    return str(caught.value)


def test_nothing_is_an_empty_dict() -> None:
    assert result("step 'A'", None) == result("step 'A'", {}) == {}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ([1], "step 'A' returned a list; a step returns a dict"),
        (5, "returned an int"),
        ("x", "returned a str"),
        (Spot(1, Decimal(1)), "returned a Spot"),
        (Customer, "returned a ModelMetaclass"),
        (True, "returned a bool"),
        ({1: 2}, "returned the key 1 of type int; the State's keys are texts"),
    ],
)
def test_a_result_is_a_dict_with_texts_as_keys(value: Any, told: str) -> None:
    assert told in returned(value)


class Hidden(BaseModel):
    password: SecretStr
    name: str = "n"


class Kept(BaseModel):
    password: SecretStr = Field(default=SecretStr("x"), exclude=True)


class Told(BaseModel):
    password: SecretStr

    @field_serializer("password")
    def reveal(self, value: SecretStr) -> str:
        return value.get_secret_value()


class Holder(BaseModel):
    content: Any


CIRCLE: dict[str, Any] = {}
CIRCLE["self"] = CIRCLE


def nested(depth: int) -> Any:
    return functools.reduce(lambda inner, _: [inner], range(depth), 1)  # type: ignore[arg-type,return-value]


class NotFinite(Enum):
    NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (float("nan"), "result['k'] is nan, which JSON can't hold"),
        ([1, {"x": float("-inf")}], "result['k'][1]['x'] is -inf, which JSON can't hold"),
        (Decimal("NaN"), "result['k'] is NaN, which JSON can't hold"),
        (Decimal("sNaN"), "result['k'] is sNaN"),
        (NotFinite.NAN, "result['k'] is nan"),
        (Holder(content=[float("inf")]), "result['k'].content[0] is inf"),
        ({float("inf"): 1}, "a key of result['k'] is inf"),
        (object(), "result['k'] is of type object"),
        (Line(ONE, tags={1j}), "result['k'].tags[0] is of type complex"),  # type: ignore[arg-type]
        (Holder(content=object()), "result['k'].content is of type object"),
        (Hidden.model_construct(password="x"), "result['k'], of type Hidden: Error calling"),
        ({(1, 2): 3}, "result['k'] has the key (1, 2), and keys are texts"),
        ({1: "a", "1": "b"}, "result['k'] has two keys that are one text in JSON: 1 and '1'"),
        ("half \ud800", "result['k'] holds half a surrogate pair"),
        ({"half \ud800": 1}, "and keys are texts"),
        ([10**5000], "result['k'][0], of type int: Exceeds the limit"),
        (SecretStr("x"), "result['k'] is a SecretStr, and there is no key to seal secrets with"),
        ([Hidden(password=SecretStr("x"))], "result['k'][0].password is a SecretStr"),
        (CIRCLE, "is nested more than 100 deep, or contains itself"),
        (nested(100), "result is nested more than 100 deep"),
        (nested(5000), "is nested more than 100 deep"),
        (int, "result['k'] is of type type"),
        ((each for each in "ab"), "result['k'] is of type generator (make it a list)"),
        (time(1, tzinfo=ZoneInfo("Europe/Berlin")), "result['k'] has an offset from UTC"),
    ],
)
def test_what_json_cannot_hold_is_refused_and_named(value: Any, told: str) -> None:
    message = returned({"fine": 1, "k": value})
    assert told in message
    assert message.startswith("step 'A': ")


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (OrderedDict(a=deque([1, (2, 3)])), {"a": [1, [2, 3]]}),
        (MappingProxyType({"a": ChainMap({"b": 1})}), {"a": {"b": 1}}),
        (Path("a") / "b", "a/b"),
        (AnyUrl("http://example.org/x"), "http://example.org/x"),
        (type("Name", (str,), {})("n"), "n"),
        (type("Count", (int,), {})(5), 5),
        (type("Share", (float,), {})(0.5), 0.5),
        (Told(password=SecretStr("x")), {"password": "x"}),
        (Kept(), {}),
        (nested(98), nested(98)),
        ("[" * 200, "[" * 200),
        (2**64, 2**64),
        ({ONE: {date(2030, 1, 2): b"\xff"}}, {str(ONE): {"2030-01-02": "/w=="}}),
    ],
)
def test_whatever_has_a_plain_form_is_kept_in_it(value: Any, kept: Any) -> None:
    assert result("step 'A'", {"k": value}) == {"k": kept}
