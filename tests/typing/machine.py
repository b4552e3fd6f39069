"""The machine door as users type it; two type checkers read this file, nobody runs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Annotated, Any, Literal, assert_type

from annotated_types import Ge

from corago import Engine, Handle, Preview, Retry
from corago.machine import (
    Event,
    Machine,
    State,
    activity,
    after,
    anyof,
    child,
    define,
    group,
    hook,
    previous,
)
from corago.steps import done, init, workflow
from corago.steps.elements import StepList


class DeclinedError(Exception):
    pass


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


class Charge:
    id: str
    amount: int = 0


async def charge_card(amount: int, timeout: float = 1.0) -> dict[str, str]:
    return {"id": str(amount)}


def refund(charge: str) -> None:
    return None


def audit() -> None:
    return None


@workflow("Ship it")
def shipping() -> StepList:
    return init >> done


class Order(Machine, name="order", version=3, conflict="first", max_transitions=50):
    """An order, from the basket to the door."""

    class External:
        amount: int
        address: str | None = None
        size: Size = Size.SMALL
        kind: Literal["a", "b"] = "a"
        tags: list[str] = []
        extra: dict[str, Any]
        rating: Annotated[int, Ge(1)] = 1

    class Internal:
        attempts: int = 0
        charge: Charge | None

    class Cancel(Event):
        reason: str
        is_final: bool = False

    class Check(Event, name="T02 Check"):
        pass

    new = State(initial=True, description="in the basket")
    paying = State()
    packing = State()
    fulfilling = State()
    shipped = State(terminal=True)
    failed = State(name="gone-wrong", forever=True)
    trouble = State(error=True)

    @staticmethod
    def is_large(external: External, visits: dict[str, int]) -> bool:
        assert_type(external.amount, int)
        assert_type(external.size, Size)
        return external.amount > 100 and visits["paying"] < 3

    @staticmethod
    def noted(event: Cancel, to: str | None) -> dict[str, Any]:
        assert_type(event.reason, str)
        return {"internal.attempts": 0}

    new.after("48h").to(failed)
    new.on(after(timedelta(days=3))).described("too late").to(failed)
    new.when("external.address != None").to(paying)
    new.when().unless(is_large).set({"internal.attempts": 1}).stay()
    paying.run(
        charge_card,
        amount="external.amount",
        args={"timeout": 2},
        retry=Retry(attempts=5),
        timeout="2m",
        queue="money",
        at_most_once=True,
        result=Charge,
    )
    paying.done().set({"internal.charge": "result", "internal.attempts": 0}).to(packing)
    paying.failed(DeclinedError).to(failed)
    paying.failed("TimeoutError").to(new)
    paying.enter(set={"internal.attempts": "internal.attempts + 1"}, effect=audit)
    paying.exit(effect=[audit, activity(refund, charge="'x'", retry=3), "notify"])
    packing.on(Cancel).when("event.reason != ''").set(noted).effect(
        refund, charge="internal.charge.id", retry=2
    ).to(failed)
    packing.on("poke").unless(is_large).stay()
    fulfilling.children(ship=child(shipping, order="external.amount"), bill=child("bill"), join=1)
    fulfilling.done().to(shipped)
    trouble.on("resume").to(previous())
    early = group(new, paying, description="nothing has left the house")
    early.on(Check).to(failed)
    anyof(packing, fulfilling).on("stop").to(failed)
    on_enter = hook(set={"internal.attempts": "visits.new"}, effect=audit)
    idle = after("30d").to(failed)
    lifetime = after(timedelta(days=90))
    validate = "internal.attempts < 100"


def looking() -> None:
    assert_type(Order.paying, State)
    assert_type(Order.name, str)
    assert_type(Order.version, int)
    assert_type(Order.kind, Literal["machine"])
    assert_type(Order.sha, str)
    assert_type(Order.document, dict[str, Any])
    assert_type(Order.code, Mapping[str, Callable[..., Any]])
    assert_type(Order.timeout, float | None)
    assert_type(Order.text(), str)
    assert_type(Order.svg() + Order.dot() + Order.mermaid(), str)
    assert_type(Order.Cancel(reason="late").is_final, bool)


def mistakes() -> None:
    new = State(initial=True)
    new.on("x").to("paid")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    new.on(3).stay()  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    new.on("x").too(new)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    Order.payed  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    Order.Cancel(why="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]

    class Wrong(Machine, versio=1):  # pyright: ignore[reportCallIssue, reportGeneralTypeIssues]
        pass


def defining() -> None:
    door = define({"name": "door", "initial": "a", "states": {"a": {}}}, {"refund": refund})
    assert_type(door, type[Machine])
    assert_type(define(Order.document, code=False).sha, str)
    assert_type(
        door.preview(state="locked", external={"badge_ok": True}, event="unlock").state, Any
    )
    assert_type(
        Order.preview(Order.packing, event=Order.Cancel(reason="late"), at=datetime.now(UTC)),
        Preview,
    )
    assert_type(Order.preview("packing", event=("cancel", {"reason": "late"})), Preview)
    assert_type(Order.preview(Order.paying, outcome=DeclinedError("no")), Preview)


def running() -> None:
    door = define({"name": "door", "initial": "a", "states": {"a": {}}})
    with Engine("sqlite:///work.db", workflows=[Order, door, shipping]) as engine:
        handle = engine.start(Order, {"amount": 12})
        assert_type(handle, Handle)
        engine.signal(handle.id, "cancel", {"reason": "late"})
        assert_type(engine.start(door, None), Handle)
