"""How an activity ends: by what it returns, by what it raises, or said outright."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from corago.core import events as e
from corago.decider import (
    Activity,
    ActivityAborted,
    ActivityCanceled,
    ActivityCompleted,
    ActivityFailed,
    ActivityTimedOut,
    Failure,
    activity,
)
from corago.errors import StepResultError
from tests.unit.decider.ready import Order, Receipt, run

# -- ends ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("returned", "end"),
    [
        (None, None),
        ({"a": [1]}, {"a": [1]}),
        (Receipt(1), {"number": 1, "paid": True}),
        (Order(id="a"), {"id": "a", "amount": 0}),
        (ActivityCompleted(3), e.ActivityCompleted(3)),
        (ActivityCompleted(result=Receipt(1)), e.ActivityCompleted({"number": 1, "paid": True})),
        (ActivityAborted("no"), e.ActivityAborted("no")),
        (ActivityAborted(reason=ValueError("x")), e.ActivityAborted("x")),  # type: ignore[arg-type]
        (ActivityCanceled({"at": 1}), e.ActivityCanceled({"at": 1})),
        (ActivityTimedOut("heartbeat", 3.0), e.ActivityTimedOut("heartbeat", 3.0)),
        (ActivityFailed("no"), e.ActivityFailed(Failure("ActivityFailed", "no"))),
        (ActivityFailed(Failure("A", "b")), e.ActivityFailed(Failure("A", "b"))),
        (
            ActivityFailed(exception=Exception("no input")),
            e.ActivityFailed(Failure("Exception", "no input", "Exception: no input\n")),
        ),
        (ActivityFailed(error=KeyError("k")), None),
    ],
)
def test_what_is_returned_is_the_end(returned: Any, end: Any) -> None:
    @activity
    def ends() -> Any:
        return returned

    found = run(ends)
    if isinstance(returned, ActivityFailed):
        assert isinstance(found, e.ActivityFailed)
        assert end is None or found == end
    else:
        assert found == end


def test_a_failure_keeps_the_traceback_of_what_was_raised() -> None:
    @activity
    def ends() -> Any:
        try:
            raise ValueError("deep")
        except ValueError as error:
            return ActivityFailed(error)

    found = run(ends)
    assert found.error.type == "ValueError"
    assert "in ends" in found.error.traceback


def test_what_a_history_holds_is_an_instance_of_what_was_returned() -> None:
    held = e.ActivityFailed(Failure("A", "b"))
    assert isinstance(held, ActivityFailed)
    assert not isinstance(e.ActivityAborted(), ActivityFailed)
    assert issubclass(e.ActivityFailed, ActivityFailed)
    match held:
        case ActivityFailed(error):
            assert error.type == "A"
    for kind in (ActivityAborted, ActivityCompleted, ActivityCanceled, ActivityTimedOut):
        assert kind is getattr(e, kind.__name__)


def test_a_failure_is_of_something() -> None:
    with pytest.raises(TypeError, match="ActivityFailed takes an exception or a text, not 5"):
        ActivityFailed(5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("annotation", "returned", "result"),
    [
        (int, "4", 4),
        (float, 4, 4.0),
        (Receipt, {"number": "4"}, {"number": 4, "paid": True}),
        (Order | None, None, None),
        (Order | None, {"id": "a"}, {"id": "a", "amount": 0}),
        (list[Receipt], [{"number": 1}], [{"number": 1, "paid": True}]),
        (int | ActivityAborted, "4", 4),
        (int | ActivityAborted | ActivityFailed, ActivityCompleted("4"), e.ActivityCompleted(4)),
        (ActivityAborted | None, "4", "4"),
        (ActivityAborted, "4", "4"),
        ("Any", Receipt(1), {"number": 1, "paid": True}),
        (None, 5, 5),
        ("NoSuchType", 5, 5),
        (Iterator[int], [1], [1]),
        (asyncio.Event, {"a": 1}, {"a": 1}),
    ],
)
def test_a_result_is_made_what_is_written_behind_the_arrow(
    annotation: Any, returned: Any, result: Any
) -> None:
    def ends() -> Any:
        return returned

    ends.__annotations__["return"] = annotation
    assert run(activity(ends)) == result


def test_a_result_that_is_none_of_it_is_refused() -> None:
    @activity
    def ends() -> Order:
        return {"amount": 3}  # type: ignore[return-value]

    with pytest.raises(StepResultError) as caught:
        run(ends)
    assert str(caught.value) == (
        "activity 'ends' returned {\"amount\":3}, which is no Order: id: Field required"
    )


@pytest.mark.parametrize(
    ("returned", "says"),
    [
        (float("nan"), "activity 'ends': result is nan, which JSON can't hold"),
        (ActivityAborted, "returned the class ActivityAborted: make it one, as in ActivityAborted"),
        (ActivityFailed, "returned the class ActivityFailed"),
        (ActivityCanceled(print), "activity 'ends': details is of type builtin_function"),
    ],
)
def test_what_can_be_no_result_is_refused(returned: Any, says: str) -> None:
    @activity
    def ends() -> Any:
        return returned

    with pytest.raises(StepResultError) as caught:
        run(ends)
    assert says in str(caught.value)


def test_an_awaitable_is_no_result() -> None:
    async def later() -> None: ...

    @activity
    def ends() -> Any:
        return later()

    with pytest.raises(StepResultError, match="returned an awaitable; write it as `async def`"):
        run(ends)


def test_where_it_was_written_is_not_kept_alive() -> None:
    class Held:
        pass

    def write() -> Any:
        held = Held()
        remembered.append(weakref.ref(held))

        class Quick(Activity):
            input: int

            def execute(self) -> int:
                return 1

        return Quick

    remembered: list[weakref.ref[Held]] = []
    kept = write()
    assert run(kept, 1) == 1
    gc.collect()
    assert remembered[0]() is None


def test_a_result_s_type_may_be_defined_further_down() -> None:
    @activity
    def ends() -> Further:
        return {"x": "1"}  # type: ignore[return-value]

    @activity
    def early() -> Nearby:
        return {"y": "1"}  # type: ignore[return-value]

    @dataclass
    class Nearby:
        y: int

    assert run(ends) == {"x": 1}
    assert run(early) == {"y": "1"}


@dataclass
class Further:
    x: int
