"""The public face as users type it; two type checkers read this file, nobody runs it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, assert_type
from uuid import UUID

from pydantic import BaseModel, SecretStr

from corago import (
    Applied,
    AsyncEngine,
    AsyncHandle,
    CodecError,
    Context,
    Engine,
    Explanation,
    Handle,
    History,
    Listener,
    LogListener,
    Preview,
    ProcessFailedError,
    ProcessInfo,
    Retry,
    Secret,
    SecretKeyError,
    Selection,
    State,
    Subject,
    abort,
    begin,
    child,
    conditional,
    current,
    done,
    events,
    focussteps,
    foreach,
    init,
    parallel,
    retrystep,
    sleep,
    step,
    step_group,
    steplens,
    wait_for,
    workflow,
)
from corago.codecs import Encrypted, Zlib
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
    assert_type(here.heartbeat({"percent": 50}), bool)
    assert_type(here.token, str)
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


def order(speed: int) -> State:
    return {"speed": speed}


def put(substate: State) -> State:
    return substate


@workflow("Create many ports", undo_on_failure=True)
def create_ports() -> StepList:
    return (
        init
        >> step_group("first", configure >> create_port)
        >> foreach("each", "ports", create_port, into="made", limit=4)
        >> focussteps("part")(configure)
        >> steplens(order, put)(begin >> configure)
        >> child(create_port, input=order, into="made")
        >> child("create_port", input={"speed": 1})
        >> conditional(is_fast)(create_port)
        >> create_port
        >> done
    )


class Watch(Listener):
    def recorded(self, process: Subject, events: tuple[events.Event, ...]) -> None:
        assert_type(process.started_at, datetime)

    def attempt_ended(
        self,
        process: Subject,
        attempt: Context,
        result: events.ActivityResult | None,
        seconds: float,
    ) -> None:
        if isinstance(result, events.ActivityFailed):
            print(attempt.path, result.error, process.fields)


class Account(BaseModel):
    owner: str
    token: Annotated[str, Secret]


@step("Log in")
def log_in(password: SecretStr, pin: Annotated[str, Secret], account: Account) -> State:
    assert_type(pin, str)
    assert_type(account.token, str)
    return {"session": SecretStr(password.get_secret_value() + pin)}


class Reversed:
    name = "reversed"

    def encode(self, data: bytes) -> bytes:
        return data[::-1]

    def decode(self, data: bytes) -> bytes:
        return data[::-1]


def keeping_secrets() -> None:
    chain = [Zlib(level=9), Encrypted(b"k" * 32, "an older one")]
    engine = Engine(codec=chain, secret_key=["a new key", "an older one"])
    AsyncEngine(codec=Reversed(), secret_key=b"k" * 32)
    try:
        engine.start(create_port, {"password": SecretStr("hush")})
    except SecretKeyError as error:
        print(error.code)
    except CodecError as error:
        print(error.code)


def blocking() -> None:
    watchers = [Watch(), LogListener()]
    with Engine("sqlite:///work.db", workflows=[create_port], listeners=watchers) as engine:
        handle = engine.start(create_port, {"customer": "a"}, id="a", tags=["x"], actor="ann")
        assert_type(handle, Handle)
        assert_type(handle.info(), ProcessInfo)
        assert_type(handle.history(), History)
        for event in handle.history().of(events.ActivityClosed):
            print(event.path)
        engine.signal("a", "approved", {"by": "ann"}, key="k", reason="because")
        assert_type(engine.complete_activity("1.1", {"paid": True}), None)
        assert_type(engine.fail_activity("1.1", ValueError("no")), None)
        assert_type(engine.cancel_activity("1.1", details="stopped"), None)
        assert_type(engine.heartbeat_activity("1.1", 0.5), bool)
        assert_type(engine.preview("a", signal=("approved", None)), Preview)
        assert_type(engine.preview("a", set_result=("Reserve", {"port": 1})), Preview)
        assert_type(engine.preview("a", abort=True, at=datetime.now(UTC)), Preview)
        assert_type(engine.explain("a"), Explanation)
        assert_type(engine.explain("a").ways[0].command, str)
        failed = engine.select(workflow="create_port", status="failed", limit=10)
        assert_type(failed, Selection)
        assert_type(Selection.from_json(failed.to_json()), Selection)
        applied = engine.apply("retry", failed, step="Reserve", actor="ann", reason="it is back")
        assert_type(applied, Applied)
        for each in applied.refused:
            print(each.id, each.why)
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
        await engine.apply("signal", await engine.select(tag="x"), name="approved", data={"by": 1})
        assert_type(create_port.preview({"customer": "c"}), Preview)
