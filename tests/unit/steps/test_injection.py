"""Two-way typing: what a step returns comes back equal where a later step asks for its type."""

from __future__ import annotations

import asyncio
import functools
import json
import typing
from collections import ChainMap, OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from ipaddress import IPv4Address, IPv6Network
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import (
    AnyUrl,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    computed_field,
    field_serializer,
)
from typing_extensions import TypedDict

from corago.activity import ActivityFunction
from corago.core import codec
from corago.errors import DefinitionError, StepArgumentError, StepResultError
from corago.steps import State, conditional, done, init, step, workflow
from corago.steps.injection import Asked, Filler, result
from corago.steps.signatures import type_text

if typing.TYPE_CHECKING:
    from fractions import Fraction  # only type checkers see it

LAW = settings(derandomize=True, deadline=None, max_examples=150, database=None)
ONE = UUID(int=1)


def filled(function: Callable[..., Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that a step of this function would get."""
    return Filler("step 'A'", Asked(function, "step 'A'", {}).slots("step 'A'", {})).fill(values)


def asking(annotation: Any) -> Callable[..., Any]:
    def ask(value: Any) -> None: ...

    ask.__annotations__ = {"value": annotation}
    return ask


def there_and_back(value: Any, annotation: Any) -> Any:
    """A value returned by one step, kept as text, and taken by another."""
    kept = json.loads(json.dumps(result("step 'A'", {"value": value})))
    return filled(asking(annotation), kept)["value"]


# -- values of many types --------------------------------------------------------------------------


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Word(StrEnum):
    YES = "yes"


class Pair(NamedTuple):
    left: int
    right: UUID


class Box(TypedDict):
    size: Decimal
    key: bytes


@dataclass
class Line:
    port: UUID
    since: datetime | None = None
    tags: set[str] = field(default_factory=set)
    key: bytes = b""


@dataclass(frozen=True, slots=True)
class Spot:
    x: int
    y: Decimal


class Order(BaseModel):
    port: int


class Customer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: UUID
    born: date = Field(alias="birthDate")
    lines: list[Line] = []
    limit: Decimal | None = Field(default=None, validation_alias="max", serialization_alias="top")

    @computed_field  # type: ignore[prop-decorator]
    @property
    def age_days(self) -> int:
        return 5


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


def refused(function: Callable[..., Any], values: Mapping[str, Any]) -> str:
    with pytest.raises(StepArgumentError) as caught:
        filled(function, values)
    return str(caught.value)


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
        (SecretStr("x"), "result['k'] is of type SecretStr"),
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


# -- annotations -----------------------------------------------------------------------------------


def test_types_of_an_enclosing_function_are_found() -> None:
    @dataclass
    class Inner:
        port: UUID

    @dataclass
    class Outer:
        inner: Inner

    @step("Take")
    def take(outer: Outer, inners: list[Inner]) -> State:
        return {"port": outer.inner.port, "count": len(inners)}

    @conditional(lambda outer: outer is not None)
    @step("Unused")
    def unused(outer: Outer) -> None: ...

    @workflow("Local types")
    def flow():  # type: ignore[no-untyped-def] # noqa: ANN202 - as users write
        return init >> take >> unused >> done

    function = flow.functions["Take"]
    inner = {"port": str(ONE)}
    assert function({"outer": {"inner": inner}, "inners": [inner]}) == {
        "port": str(ONE),
        "count": 1,
    }


def test_a_type_may_be_defined_after_the_step_that_asks_for_it() -> None:
    @step("Take")
    def take(later: Later) -> State:
        return {"n": later.n}

    @dataclass
    class Later:
        n: int

    @workflow("Local types")
    def flow():  # type: ignore[no-untyped-def] # noqa: ANN202 - as users write
        return init >> take >> done

    assert flow.functions["Take"]({"later": {"n": 5}}) == {"n": 5}


def test_a_type_that_only_type_checkers_see_is_refused_with_a_way_out() -> None:
    @step("Take")
    def take(share: Fraction) -> None: ...

    with pytest.raises(DefinitionError, match=r"step 'Take'.*'Fraction'.*only under TYPE_CHECKING"):

        @workflow("Hidden type")
        def flow():  # type: ignore[no-untyped-def] # noqa: ANN202 - as users write
            return init >> take >> done


def test_what_is_returned_may_have_a_type_that_nobody_can_resolve() -> None:
    def take(a: int) -> Fraction: ...  # type: ignore[empty-body]

    assert filled(take, {"a": 1}) == {"a": 1}


class Plug:
    """Something that pydantic can't make from JSON."""


def test_a_type_that_cannot_be_made_from_json_is_refused_unless_it_has_a_default() -> None:
    def take(plug: Plug) -> None: ...
    def take_default(a: int, plug: Plug = Plug()) -> None: ...  # noqa: B008 - as users write

    with pytest.raises(DefinitionError, match="parameter 'plug' is a Plug, which can't be made"):
        step("Take")(take)
    assert filled(take_default, {"a": 1}) == {"a": 1}
    assert "parameter 'plug' is a Plug" in refused(take_default, {"a": 1, "plug": {}})


def test_an_annotation_that_is_no_type_is_refused() -> None:
    for nonsense in ("1 +", "int[str", "5"):
        with pytest.raises(DefinitionError, match="step 'A'"):
            step("A")(asking(nonsense))


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (int, "int"),
        (UUID, "UUID"),
        (None, "None"),
        (Any, "Any"),
        (UUID | None, "UUID | None"),
        (typing.Optional[UUID], "UUID | None"),  # noqa: UP045 - both forms are one
        (None | str | int, "int | str | None"),
        (typing.List[int], "list[int]"),  # noqa: UP006 - both forms are one
        (typing.Dict, "dict"),  # noqa: UP006 - as above
        (dict[str, list[Line]], "dict[str, list[Line]]"),
        (tuple[int, ...], "tuple[int, ...]"),
        (Annotated[int, Field(gt=0)], "int"),
        (Literal["a", 1, Color.RED], "Literal['a', 1, Color.RED]"),
        (typing.NewType("PortId", int), "PortId"),
        (Callable[[int], str], "Callable[[int], str]"),
        (typing.TypeVar("T"), "T"),
    ],
)
def test_a_type_has_one_text_without_modules(annotation: Any, text: str) -> None:
    assert type_text(annotation) == text


# -- functions that are not plain ------------------------------------------------------------------


def loud(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def activity(function: Callable[..., Any]) -> ActivityFunction:
    made = step("A")(function)

    @workflow("For a test")
    def flow():  # type: ignore[no-untyped-def] # noqa: ANN202 - as users write
        return init >> made >> done

    found = flow.functions["A"]
    assert isinstance(found, ActivityFunction)
    return found


def test_a_decorated_function_asks_for_what_it_wraps() -> None:
    @loud
    def take(port: UUID) -> State:
        return {"int": port.int}

    assert activity(take)({"port": str(ONE)}) == {"int": 1}


def test_a_decorator_that_knows_nothing_of_async_does_no_harm() -> None:
    @loud
    async def take(port: UUID) -> State:
        await asyncio.sleep(0)
        return {"int": port.int}

    function = activity(take)
    assert function.is_async
    assert asyncio.run(function({"port": str(ONE)})) == {"int": 1}


def test_an_object_with_an_async_call_is_awaited() -> None:
    class Caller:
        async def __call__(self, port: UUID) -> State:
            return {"int": port.int}

    function = activity(Caller())
    assert function.is_async
    assert asyncio.run(function({"port": str(ONE)})) == {"int": 1}


def test_what_a_partial_has_given_is_not_asked_of_the_state() -> None:
    def take(a: int, b: UUID, c: int = 0) -> State:
        return {"sum": a + b.int + c}

    bound = functools.partial(take, 10, c=100)
    assert activity(bound)({"a": 5, "b": str(ONE), "c": 7}) == {"sum": 111}
    late = functools.partial(take, a=10)
    assert activity(late)({"a": 5, "b": str(ONE), "c": 7}) == {"sum": 18}


def test_a_forgotten_await_is_told() -> None:
    async def fetch() -> State:
        return {}

    def forgets() -> Any:
        return fetch()

    def forgets_inside() -> State:
        return {"k": MappingProxyType({"a": 1}), "n": 1}

    with pytest.raises(StepResultError, match="returned a coroutine, which only an `async def`"):
        activity(forgets)({})
    assert activity(forgets_inside)({}) == {"k": {"a": 1}, "n": 1}


def test_a_predicate_that_answers_with_a_coroutine_is_refused() -> None:
    async def fetch() -> bool:
        return True

    @step("A")
    def take() -> None: ...

    @workflow("For a test")
    def flow():  # type: ignore[no-untyped-def] # noqa: ANN202 - as users write
        return init >> conditional(lambda: fetch())(take) >> done  # noqa: PLW0108 - hides that it is async

    with pytest.raises(StepResultError, match="'<lambda>' of 'A' answered with a coroutine"):
        flow.functions["A?0"]({})
