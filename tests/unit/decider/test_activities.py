"""Activities as users write them: classes and functions, and what their code is handed."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from corago import current
from corago.activity import Context, enter
from corago.decider import (
    Activity,
    FunctionActivity,
    Retry,
    activity,
)
from corago.decider.activities import functions_of, spec_of
from corago.errors import (
    RequestError,
    StepArgumentError,
)
from tests.unit.decider.ready import Order, document, run

# -- classes ---------------------------------------------------------------------------------------


class Double(Activity):
    def execute(self) -> Any:
        return self.input * 2


def test_a_class_is_called_like_itself() -> None:
    assert document(Double) == {"name": "Double", "input": "Any"}
    assert Double.name == "Double"
    assert run(Double, 4) == 8
    assert list(functions_of([Double])) == ["Double"]


def test_what_a_class_says_of_itself_stands_in_the_document() -> None:
    class Charge(Activity):
        name = "charge"
        version = 3
        category = "cards"
        schedule_to_start = timedelta(minutes=1)
        start_to_close = 2
        schedule_to_close = 3.5
        heartbeat_timeout = 4
        retry = Retry(attempts=5, delay=1)
        auto_complete = False
        at_most_once = True
        input: Order

        def execute(self) -> None: ...

    assert Charge.queue == "cards"
    assert document(Charge) == {
        "name": "charge",
        "version": 3,
        "queue": "cards",
        "schedule_to_start": 60.0,
        "start_to_close": 2.0,
        "schedule_to_close": 3.5,
        "heartbeat_timeout": 4.0,
        "retry": {
            "attempts": 5,
            "delay": 1.0,
            "factor": 2.0,
            "cap": 300.0,
            "jitter": 0.1,
            "give_up": [],
        },
        "at_most_once": True,
        "auto_complete": False,
        "input": "Order",
    }
    assert list(functions_of([Charge])) == ["charge@3"]
    assert functions_of([Charge])["charge@3"].defers


def test_a_subclass_has_a_name_of_its_own_and_the_rest_of_its_parent() -> None:
    class Slow(Double):
        name = "slow"
        category = "a"

    class Slower(Slow):
        queue = "b"

    assert document(Slower) == {"name": "Slower", "queue": "b", "input": "Any"}
    assert (Slower.queue, Slower.category, Slow.queue) == ("b", "b", "a")
    assert run(Slower, 3) == 6


def test_a_class_without_an_execute_is_for_others_to_extend() -> None:
    class Base(Activity):
        retry = 4

    class Leaf(Base):
        def execute(self) -> None: ...

    assert spec_of(Base) is None
    assert document(Leaf)["retry"]["attempts"] == 4
    with pytest.raises(NotImplementedError, match="Base has no execute"):
        Base().execute()


@pytest.mark.parametrize("given", [1, "1"])
def test_the_input_is_what_the_class_says(given: Any) -> None:
    class Typed(Activity):
        input: int

        def execute(self) -> Any:
            return [self.input, type(self.input).__name__]

    assert run(Typed, given) == [1, "int"]


def test_an_input_may_be_a_model() -> None:
    class Pay(Activity):
        input: Order

        def execute(self) -> Any:
            assert isinstance(self.input, Order)
            return self.input.amount

    assert run(Pay, {"id": "a", "amount": 3}) == 3
    with pytest.raises(StepArgumentError) as caught:
        run(Pay, {"amount": "x"})
    assert str(caught.value).startswith(
        "activity 'Pay' can't make its argument 'input' (Order) from the whole input, dict "
        '{"amount":"x"}: id: Field required'
    )


def test_a_type_may_be_defined_further_down() -> None:
    class Early(Activity):
        input: Further

        def execute(self) -> Any:
            return type(self.input).__name__

    assert run(Early, {"x": 1}) == "Further"


@dataclass
class Further:
    x: int


def test_an_input_that_is_not_there_may_have_a_default() -> None:
    class Counting(Activity):
        input: list[int] = [1]

        def execute(self) -> Any:
            self.input.append(2)
            return self.input

    assert run(Counting) == [1, 2]
    assert run(Counting) == [1, 2]
    assert run(Counting, [5]) == [5, 2]


def test_each_attempt_has_an_input_of_its_own() -> None:
    given: dict[str, list[int]] = {"n": []}

    class Spoiling(Activity):
        def execute(self) -> Any:
            self.input["n"].append(1)
            return self.input

    assert run(Spoiling, given) == {"n": [1]}
    assert given == {"n": []}


def test_async_is_the_same() -> None:
    class Later(Activity):
        async def execute(self) -> int:
            await asyncio.sleep(0)
            return int(self.input) + 1

    assert functions_of([Later])["Later"].is_async
    assert run(Later, 1) == 2


# -- what it is handed -----------------------------------------------------------------------------


@pytest.fixture
def context() -> Iterator[Context]:
    made = Context(process_id="p", run=2, path="a", workflow="w", occurrence=3, attempt=4)
    token = enter(made)
    yield made
    token.var.reset(token)


def test_running_code_knows_where_it_is(context: Context) -> None:
    class Knowing(Activity):
        def execute(self) -> Any:
            self.logger.debug("here")
            return [
                [self.id, self.process_id, self.run, self.workflow, self.attempt],
                [self.idempotency_key, self.last_details, self.is_cancel_requested],
                self.heartbeat({"done": 3}),
            ]

    assert run(Knowing) == [["a", "p", 2, "w", 4], ["p/2/a/3", None, False], False]
    assert context.details == {"done": 3}
    context.request_cancel()
    assert run(Knowing)[2] is True
    with pytest.raises(RequestError, match="has no token"):
        assert Knowing().token
    Knowing().put_document("kind", "id", {"a": 1}, expected=0)
    assert [each.id for each in context.documents] == ["id"]


def test_the_seed_s_form_is_handed_a_task_and_a_worker(context: Context) -> None:
    class Seed(Activity):
        input: int

        @classmethod
        def execute(cls, task: Any, worker: Any) -> Any:
            said = [worker.heartbeat(), worker.heartbeat(task), task.heartbeat()]
            assert context.details is None
            worker.heartbeat("half")
            return [task.input, task.activity, task.attempt, task.id, worker.process_id, said]

    assert run(Seed, "5") == [5, "Seed", 4, "a", "p", [False] * 3]
    assert context.details == "half"


@pytest.mark.parametrize("wrap", [classmethod, staticmethod, lambda function: function])
def test_a_task_alone_will_do_in_any_kind_of_method(wrap: Callable[..., Any]) -> None:
    def in_class(cls: Any, task: Any) -> Any:
        return task.input

    def bare(task: Any) -> Any:
        return task.input

    execute = wrap(bare if wrap is staticmethod else in_class)
    made = type("Made", (Activity,), {"execute": execute})
    assert run(made, 3) == 3


def test_an_async_classmethod_is_awaited() -> None:
    class Later(Activity):
        @classmethod
        async def execute(cls, task: Any, worker: Any) -> Any:
            await asyncio.sleep(0)
            return task.input

    assert run(Later, 3) == 3


def test_outside_an_engine_a_class_can_be_called_like_any_other() -> None:
    class Alone(Activity):
        def execute(self) -> Any:
            self.heartbeat("x")
            return [self.input, self.process_id, self.attempt, self.is_cancel_requested]

    assert Alone(5).execute() == [5, "", 1, False]


# -- functions -------------------------------------------------------------------------------------


@activity
def triple(n: int) -> int:
    """Three times."""
    return n * 3


@activity(name="pay", version="b", queue="cards", retry=2, start_to_close=3)
async def charge(amount: float, card: str = "none") -> dict[str, Any]:
    return {"amount": amount, "card": card, "by": current().process_id}


def test_a_function_stays_a_function() -> None:
    assert isinstance(triple, FunctionActivity)
    assert triple(2) == 6
    assert (triple.name, triple.__doc__, repr(triple)) == (
        "triple",
        "Three times.",
        "<activity 'triple'>",
    )
    assert str(inspect.signature(triple)) == "(n: 'int') -> 'int'"


def test_one_parameter_takes_the_whole_input() -> None:
    assert run(triple, 4) == 12
    assert document(triple) == {"name": "triple", "input": "int"}

    @activity
    def of(order: Order) -> str:
        return order.id

    assert run(of, {"id": "x"}) == "x"


def test_several_are_filled_by_name(context: Context) -> None:
    assert run(charge, {"amount": 3, "other": 1}) == {"amount": 3.0, "card": "none", "by": "p"}
    told = document(charge)
    assert told["parameters"] == [
        {"name": "amount", "type": "float"},
        {"name": "card", "type": "str", "optional": True},
    ]
    assert (told["name"], told["version"], told["queue"]) == ("pay", "b", "cards")
    with pytest.raises(StepArgumentError, match="'amount', 'card' by name from an input that is"):
        run(charge, [3])
    with pytest.raises(StepArgumentError, match="the input has no key 'amount'"):
        run(charge)


def test_none_asks_for_nothing() -> None:
    @activity
    def ping() -> str:
        return "pong"

    assert run(ping, {"a": 1}) == "pong"
    assert document(ping) == {"name": "ping"}


@pytest.mark.parametrize(("given", "got"), [(None, 3), (4, 4)])
def test_a_default_stands_in_for_no_input(given: Any, got: int) -> None:
    @activity
    def typed(n: int = 3) -> int:
        return n

    @activity
    def bare(n=3) -> Any:  # type: ignore[no-untyped-def]  # noqa: ANN001 - as users write
        return n

    assert run(typed, given) == got
    assert run(bare, given) == got


def test_where_none_is_meant_none_is_given() -> None:
    @activity
    def maybe(n: int | None = 3) -> Any:
        return n

    assert run(maybe, None) is None
