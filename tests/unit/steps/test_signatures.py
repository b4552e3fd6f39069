"""What functions ask for: types near and far, and functions that are not plain."""

from __future__ import annotations

import asyncio
import functools
import typing
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, Field

from corago.activity import ActivityFunction
from corago.arguments.signatures import type_text
from corago.errors import DefinitionError, StepResultError
from corago.steps import State, conditional, done, init, step, workflow
from tests.unit.steps.samples import ONE, Color, Line, asking, filled, refused

if typing.TYPE_CHECKING:
    from fractions import Fraction  # only type checkers see it


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


def test_a_function_made_elsewhere_brings_the_types_that_it_knows() -> None:
    def make() -> Callable[..., Any]:
        class Size(BaseModel):
            n: int

        def take(size: Size) -> State:
            assert isinstance(size, Size)
            return {"n": size.n}

        return take

    assert activity(make())({"size": {"n": 5}}) == {"n": 5}


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


def test_a_decorator_may_answer_in_place_of_an_async_function() -> None:
    def remembering(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapper(port: int) -> Any:
            return {"known": port} if port == 1 else function(port)

        return wrapper

    @remembering
    async def take(port: int) -> State:
        return {"new": port}

    function = activity(take)
    assert asyncio.run(function({"port": 1})) == {"known": 1}
    assert asyncio.run(function({"port": 2})) == {"new": 2}


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
