"""The shipping example: in any order of events, on every backend, and through every crash."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import permutations
from pathlib import Path
from threading import Event as Flag
from typing import Any

import pytest

from corago import (
    CommandRefusedError,
    Engine,
    Handle,
    ProcessCanceledError,
    ProcessClosedError,
    ProcessFailedError,
    current,
    events,
)
from corago.decider import (
    CompleteProcess,
    ScheduleActivity,
    SignalProcess,
    StartChildProcess,
    Workflow,
    activity,
)
from corago.testing import crash_everywhere

shipping: Any = import_module("examples.shipping")

ORDER = {"customer": "acme", "amount": 90, "parcels": ["books", "lamp"]}

BACKENDS = {"memory": "memory://", "sqlite": "sqlite:///{folder}/shop.db"}
"""Where the order is handled; a backend that comes later gets a line here."""


class Carrier:
    """A carrier whose parcels are on their way until the test says how that ends."""

    def __init__(self) -> None:
        self.ways: dict[str, asyncio.Future[str]] = {}

    async def carry(self, parcel: str) -> str:
        self.ways[parcel] = asyncio.get_running_loop().create_future()
        return await self.ways[parcel]

    def delivers(self, parcel: str) -> None:
        self._tell(parcel, lambda way: way.done() or way.set_result(f"{parcel} delivered"))

    def breaks(self, parcel: str) -> None:
        error = ValueError(f"{parcel} is broken")
        self._tell(parcel, lambda way: way.done() or way.set_exception(error))

    def _tell(self, parcel: str, end: Callable[[Any], object]) -> None:
        until(lambda: parcel in self.ways)
        way = self.ways[parcel]
        way.get_loop().call_soon_threadsafe(end, way)


def until(holds: Callable[[], bool]) -> None:
    pause, deadline = Flag(), time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        pause.wait(0.002)


@pytest.fixture
def carrier() -> Carrier:
    return Carrier()


@pytest.fixture
def order(carrier: Carrier) -> Any:
    """The workflow of the example, with this carrier."""

    @activity(name="ship")
    async def ship(parcel: str) -> str:
        return await carrier.carry(parcel)

    class Shipping(shipping.Shipping):  # type: ignore[misc]
        activities = [shipping.pay, ship, shipping.refund]

        def shipment(self, parcel: str) -> Any:
            return ScheduleActivity(ship, parcel, id=f"ship {parcel}")

    return Shipping


@pytest.fixture(params=list(BACKENDS.values()), ids=list(BACKENDS))
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(request.param.format(folder=tmp_path))


@pytest.fixture
def engine(url: str, order: Any) -> Iterator[Engine]:
    with Engine(url, workflows=[order]) as engine:
        yield engine


def ended(process: Handle) -> dict[str, str]:
    """How each activity ended, by its id, in that order; none ends twice."""
    ends = process.history().of(events.ActivityClosed)
    found = {each.path: type(each.result).__name__.removeprefix("Activity") for each in ends}
    assert len(found) == len(ends)
    return found


def canceled(process: Handle) -> dict[str, str]:
    with pytest.raises(ProcessCanceledError):
        process.result(timeout=10)
    return ended(process)


def test_all_parcels_are_delivered(engine: Engine, order: Any, carrier: Carrier) -> None:
    process = engine.start(order, ORDER)
    carrier.delivers("lamp")
    carrier.delivers("books")
    assert process.result(timeout=10) == ["lamp delivered", "books delivered"]


def test_an_extra_parcel_is_shipped_while_others_are_on_their_way(
    engine: Engine, order: Any, carrier: Carrier
) -> None:
    process = engine.start(order, ORDER)
    until(lambda: len(carrier.ways) == 2)
    engine.signal(process.id, "extra", "gloves")
    for parcel in ("gloves", "books", "lamp"):
        carrier.delivers(parcel)
    assert set(process.result(timeout=10)) == {
        "books delivered",
        "lamp delivered",
        "gloves delivered",
    }


def test_when_one_parcel_fails_the_others_are_called_back_and_the_money_returned(
    engine: Engine, order: Any, carrier: Carrier
) -> None:
    process = engine.start(order, ORDER)
    until(lambda: len(carrier.ways) == 2)
    engine.signal(process.id, "extra", "gloves")
    carrier.delivers("books")
    until(lambda: "gloves" in carrier.ways)
    carrier.breaks("lamp")
    assert canceled(process) == {
        "pay": "Completed",
        "ship books": "Completed",
        "ship lamp": "Failed",
        "ship gloves": "Canceled",
        "refund": "Completed",
    }


def test_a_customer_who_can_not_pay_gets_nothing_and_nothing_back(
    engine: Engine, order: Any
) -> None:
    process = engine.start(order, ORDER | {"amount": 9000})
    assert canceled(process) == {"pay": "Aborted"}


def test_a_cancel_calls_everything_back(engine: Engine, order: Any, carrier: Carrier) -> None:
    process = engine.start(order, ORDER)
    until(lambda: len(carrier.ways) == 2)
    engine.cancel(process.id, actor="ann")
    assert canceled(process) == {
        "pay": "Completed",
        "ship books": "Canceled",
        "ship lamp": "Canceled",
        "refund": "Completed",
    }


@pytest.mark.parametrize(
    "acts", [*permutations(("extra", "cancel", "breaks", "delivers"))], ids=" ".join
)
def test_in_whatever_order_things_come_it_ends_well(
    engine: Engine, order: Any, carrier: Carrier, acts: tuple[str, ...]
) -> None:
    """They come at once, and it is left to chance which of them are seen together."""
    process = engine.start(order, ORDER)
    until(lambda: len(carrier.ways) == 2)
    for act in acts:
        with contextlib.suppress(ProcessClosedError, CommandRefusedError):  # it has ended already
            if act == "extra":
                engine.signal(process.id, "extra", "gloves")
            elif act == "cancel":
                engine.cancel(process.id)
            else:
                getattr(carrier, act)("books" if act == "delivers" else "lamp")
    ends = canceled(process)
    assert list(ends)[-1] == "refund"
    assert ends["refund"] == "Completed"
    assert ends["ship lamp"] in {"Failed", "Canceled"}
    assert ends.get("ship gloves", "Canceled") == "Canceled"


def test_what_came_before_anybody_looked_is_seen_together(tmp_path: Path, order: Any) -> None:
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    with Engine(url, workflows=[order], worker=False) as client:
        early = client.start(order, ORDER, id="early")
        for _ in range(2):
            client.signal("early", "extra", "gloves")
        client.signal("early", "thanks", "a lot")
        off = client.start(order, ORDER, id="off")
        client.signal("off", "extra", "gloves")
        client.cancel("off")
    with Engine(url, workflows=[shipping.Shipping]) as engine:
        assert sorted(engine.get(early.id).result(timeout=10)) == [
            "books delivered",
            "gloves delivered",
            "lamp delivered",
        ]
        assert canceled(engine.get(off.id)).get("refund", "Completed") == "Completed"


def test_an_extra_after_the_last_delivery_is_refused(
    engine: Engine, order: Any, carrier: Carrier
) -> None:
    process = engine.start(order, ORDER | {"parcels": ["books"]})
    carrier.delivers("books")
    process.result(timeout=10)
    with pytest.raises(ProcessClosedError):
        engine.signal(process.id, "extra", "gloves")


def test_a_refund_that_fails_waits_for_a_person(url: str) -> None:
    is_open: list[str] = []

    @activity(name="refund")
    def refund(customer: str, amount: int) -> str:
        if not is_open:
            raise ConnectionError("the bank is closed")
        return f"{customer} got {amount} back"

    class Shipping(shipping.Shipping):  # type: ignore[misc]
        activities = [shipping.pay, shipping.ship, refund]

        def settle(self, process: Any) -> Any:
            wanted = super().settle(process)
            return refund if wanted is shipping.refund else wanted

    order: Any = Shipping
    with Engine(url, workflows=[order]) as engine:
        process = engine.start(order, ORDER | {"parcels": ["crystal"]})
        with pytest.raises(ProcessFailedError, match="the bank is closed"):
            process.result(timeout=10)
        is_open.append("since nine")
        engine.retry(process.id, actor="ann")
        with pytest.raises(ProcessCanceledError):
            process.result(timeout=10)


# -- crashes ---------------------------------------------------------------------------------------


refunds: set[str] = set()


def under_crashes(breaks: str) -> Any:
    """A customer who adds something after ten seconds, and whose end tells that of the order."""

    @activity(name="ship")
    async def ship(parcel: str) -> str:
        await asyncio.sleep(20 if parcel == breaks else 30)
        if parcel == breaks:
            raise ValueError(f"{parcel} is broken")
        return f"{parcel} delivered"

    @activity(name="refund")
    def refund(customer: str, amount: int) -> str:
        refunds.add(current().idempotency_key)
        return f"{customer} got {amount} back"

    class Shipping(shipping.Shipping):  # type: ignore[misc]
        activities = [shipping.pay, ship, refund]

        def shipment(self, parcel: str) -> Any:
            return ScheduleActivity(ship, parcel, id=f"ship {parcel}")

        def settle(self, process: Any) -> Any:
            wanted = super().settle(process)
            return refund if wanted is shipping.refund else wanted

    @activity
    async def think() -> None:
        await asyncio.sleep(10)

    class Customer(Workflow):
        activities = [think]
        children = [Shipping]

        def initiate(self, process: Any) -> Any:
            return [StartChildProcess(Shipping, process.input, id="order"), think]

        def respond_to_completed_activity(self, process: Any, event: Any) -> Any:
            return SignalProcess(process.children()[0], "extra", "gloves")

        def respond_to_completed_child(self, process: Any, event: Any) -> Any:
            return CompleteProcess(sorted(event.result))

        def respond_to_interrupted_child(self, process: Any, event: Any) -> Any:
            return CompleteProcess(event.status)

    return Customer


@pytest.mark.parametrize(
    ("breaks", "result"),
    [
        ("nothing", ["books delivered", "gloves delivered", "lamp delivered"]),
        ("lamp", "canceled"),
    ],
)
def test_a_crash_at_any_moment_changes_nothing(breaks: str, result: Any) -> None:
    for run in crash_everywhere(under_crashes(breaks), ORDER, prepare=refunds.clear):
        (end,) = run.history.of(events.ProcessCompleted)
        assert end.result == result
        assert len(refunds) == (result == "canceled")


def test_the_script_tells_its_stories(capsys: pytest.CaptureFixture[str]) -> None:
    shipping.main()
    assert capsys.readouterr().out.splitlines() == [
        "['books delivered', 'lamp delivered', 'gloves delivered']",
        "pay ActivityCompleted",
        "ship crystal ActivityFailed",
        "ship books ActivityCanceled",
        "refund ActivityCompleted",
    ]
