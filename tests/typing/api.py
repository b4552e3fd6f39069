"""The public face as users type it; two type checkers read this file, nobody runs it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import assert_type
from uuid import UUID

from corago import (
    AsyncEngine,
    AsyncHandle,
    Engine,
    Explanation,
    Handle,
    History,
    Preview,
    ProcessFailedError,
    ProcessInfo,
    Retry,
    State,
    abort,
    begin,
    conditional,
    current,
    done,
    events,
    init,
    parallel,
    retrystep,
    sleep,
    step,
    wait_for,
    workflow,
)
from corago.steps import StepList


@dataclass
class Port:
    id: UUID
    opened: datetime


@step("Reserve", retry=Retry(attempts=5, delay=0.5, give_up=(ValueError, "KeyError")), timeout=3)
def reserve(customer: str, speed: int = 10) -> State:
    here = current()
    assert_type(here.idempotency_key, str)
    assert_type(here.attempt, int)
    return {"port": Port(UUID(int=speed), datetime.now(UTC))}


@retrystep("Configure")
async def configure(port: Port) -> State | None:
    return None


def is_fast(speed: int) -> bool:
    return speed > 1


@workflow("Create a port", timeout=timedelta(hours=1))
def create_port() -> StepList:
    return (
        init
        >> reserve
        >> conditional(is_fast)(configure)
        >> parallel("both", configure, begin >> configure >> configure.named("again"))
        >> sleep(timedelta(days=1))
        >> wait_for("approved", timeout=60.0, into="approval")
        >> conditional(is_fast)(abort)
        >> done
    )


def blocking() -> None:
    with Engine("sqlite:///work.db", workflows=[create_port]) as engine:
        handle = engine.start(create_port, {"customer": "a"}, id="a", tags=["x"], actor="ann")
        assert_type(handle, Handle)
        assert_type(handle.info(), ProcessInfo)
        assert_type(handle.history(), History)
        for event in handle.history().of(events.ActivityClosed):
            print(event.path)
        engine.signal("a", "approved", {"by": "ann"}, key="k", reason="because")
        assert_type(engine.preview("a", signal=("approved", None)), Preview)
        assert_type(engine.explain("a"), Explanation)
        assert_type(engine.processes(status="failed", since=datetime.now(UTC)), list[ProcessInfo])
        assert_type(engine.count(), dict[str, int])
        try:
            handle.result(as_=dict[str, int], timeout=10)
        except ProcessFailedError as error:
            print(error.code, error.error)


async def asynchronous() -> None:
    async with AsyncEngine(workflows=[create_port], concurrency=8) as engine:
        assert_type(await engine.start("create_port", None), AsyncHandle)
        for each in await engine.start_many(create_port, [("b", {"customer": "b"})], window=4):
            await each.result()
        await engine.retry("a", step="Reserve")
        await engine.set_result("a", {"port": 1})
        assert_type(create_port.preview({"customer": "c"}), Preview)
