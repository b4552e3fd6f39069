"""Expectations: each holds when it should, fails when it should, and says why with the history."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from corago import (
    AsyncEngine,
    Engine,
    Handle,
    Retry,
    State,
    abort,
    conditional,
    current,
    retrystep,
    sleep,
    step,
    wait_for,
)
from corago.testing import Expectation, VirtualClock, crash_at, expect
from corago.testing.clock import DAWN
from tests.runtime.stage import listing

MONTH = timedelta(days=30)
PORT = UUID("6f2d1c4e-98ab-4a0f-8a6b-2c1f5d3e7a90")


@step("Create")
def create() -> State:
    return {"port": PORT, "speed": 10}


@retrystep("Configure", retry=Retry(attempts=3, delay=3600))
def configure(is_broken: bool = False) -> State:  # noqa: FBT001, FBT002 - filled by name
    if is_broken or current().attempt < 3:
        raise ConnectionError("the switch is busy")
    return {"configured": True}


@step("Bill")
def bill() -> State:
    return {}


port = listing(create, sleep(MONTH), wait_for("approved", timeout=MONTH), configure)


@pytest.fixture
def done(engine: Engine) -> Handle:
    """A process that has completed, on the way with three attempts of one step."""
    handle = engine.start(port)
    engine.signal(handle.id, "approved", "ann")
    handle.result(timeout=20)
    return handle


@pytest.fixture
def failed(engine: Engine) -> Handle:
    handle = engine.start(port, {"is_broken": True})
    engine.signal(handle.id, "approved", "ann")
    expect(handle).failed_at("Configure")
    return handle


HOLDS: list[Callable[[Expectation], object]] = [
    lambda it: it.completed(),
    lambda it: it.completed_with(),
    lambda it: it.completed_with(port=PORT, speed=10, approved="ann"),
    lambda it: it.completed_with(port=str(PORT)),
    lambda it: it.ran("Create", "Configure"),
    lambda it: it.ran("Configure"),
    lambda it: it.did_not_run("Bill", "Sleep"),
    lambda it: it.attempts("Configure", 3).attempts("Create", 1).attempts("Bill", 0),
]

FAILS: list[tuple[Callable[[Expectation], object], str]] = [
    (lambda it: it.canceled(), "it should be canceled, and is completed"),
    (lambda it: it.aborted(), "it should be aborted, and is completed"),
    (lambda it: it.timed_out(), "it should be timed_out, and is completed"),
    (lambda it: it.failed_at("Configure"), "should fail at 'Configure', and is completed"),
    (lambda it: it.completed_with(speed=11), "it completed with speed=10 instead of 11"),
    (lambda it: it.completed_with(vlan=1), "it completed with no 'vlan'"),
    (lambda it: it.ran("Bill"), "'Bill' should have run; the steps that ran: Create, Configure"),
    (
        lambda it: it.ran("Configure", "Create"),
        "'Create' should have run after 'Configure'; the steps that ran: Create, Configure",
    ),
    (lambda it: it.did_not_run("Bill", "Create"), "'Create' should not have run"),
    (lambda it: it.attempts("Configure", 2), "'Configure' has had 3 attempts, and should have 2"),
    (lambda it: it.waits_for_signal("approved"), "wait for the signal 'approved', and is comple"),
    (lambda it: it.sleeps(), "it should wait for 'Sleep' to end, and is completed"),
    (lambda it: it.suspended_at("Bill"), "should wait for a person at 'Bill', and is completed"),
]


@pytest.mark.parametrize("claim", HOLDS)
def test_what_is_so_is_expected(done: Handle, claim: Callable[[Expectation], object]) -> None:
    claim(expect(done))


@pytest.mark.parametrize(("claim", "message"), FAILS)
def test_what_is_not_so_fails_with_the_history(
    done: Handle, claim: Callable[[Expectation], object], message: str
) -> None:
    with pytest.raises(AssertionError) as caught:
        claim(expect(done, within=60))
    first, *rest = str(caught.value).splitlines()
    assert message in first
    assert len(rest) == len(done.history())
    assert rest[0].split()[:2] == ["1", "ProcessStarted"]


@pytest.mark.parametrize("claim", HOLDS[:1] + HOLDS[4:])
def test_a_history_alone_is_judged_as_it_is(
    done: Handle, claim: Callable[[Expectation], object]
) -> None:
    claim(expect(done.history()))


def test_a_history_alone_does_not_tell_what_is_waited_for(done: Handle) -> None:
    with pytest.raises(AssertionError, match="give a handle"):
        expect(done.history()).waits_for_signal("approved")
    with pytest.raises(AssertionError, match="it should complete, and is running"):
        expect(type(done.history())(done.history()[:3])).completed()


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"error": "ConnectionError"},
        {"error": ConnectionError},
        {"error": ConnectionError, "saying": "busy"},
    ],
)
def test_a_failure_is_expected_with_its_error(failed: Handle, wanted: dict[str, Any]) -> None:
    expect(failed).failed_at("Configure", **wanted).attempts("Configure", 3)


@pytest.mark.parametrize(
    ("path", "wanted", "message"),
    [
        ("Create", {}, "it failed at 'Configure' (ConnectionError: the switch is busy), and"),
        ("Configure", {"error": TimeoutError}, "should at 'Configure' TimeoutError"),
        ("Configure", {"saying": "gone"}, "should at 'Configure' saying 'gone'"),
    ],
)
def test_another_failure_is_told(
    failed: Handle, path: str, wanted: dict[str, Any], message: str
) -> None:
    with pytest.raises(AssertionError) as caught:
        expect(failed).failed_at(path, **wanted)
    assert message in str(caught.value)


def test_a_completion_that_failed_says_by_what(failed: Handle) -> None:
    with pytest.raises(AssertionError, match=r"is failed \(ConnectionError: the switch is busy\)"):
        expect(failed).completed()


def test_time_passes_only_as_far_as_an_expectation_needs(
    engine: Engine, clock: VirtualClock
) -> None:
    handle = engine.start(port)
    expect(handle).sleeps().ran("Create").did_not_run("Configure")
    assert clock.now() == DAWN
    expect(handle).waits_for_signal("approved").did_not_run("Configure")
    assert clock.now() == DAWN + MONTH
    expect(handle).failed_at("Wait for approved", TimeoutError)
    assert clock.now() == DAWN + 2 * MONTH


def test_an_expectation_gives_up_when_nothing_more_will_happen(engine: Engine) -> None:
    handle = engine.start(listing(wait_for("approved")))
    with pytest.raises(AssertionError, match="complete, and is waiting .*the signal 'approved'"):
        expect(handle, within=3600).completed()


def test_without_virtual_time_an_expectation_waits_for_real() -> None:
    may_end = threading.Event()

    @step("Held")
    def held() -> State:
        assert may_end.wait(20)
        return {}

    with Engine() as engine:
        handle = engine.start(listing(held, wait_for("approved")))
        with pytest.raises(AssertionError, match=r"should have run.*\(after 0.05 s\)"):
            expect(handle, within=0.05).ran("Held")
        with pytest.raises(AssertionError, match=r"it is still at work \(after 0.05 s\)"):
            expect(handle, within=0.05).did_not_run("Bill")
        may_end.set()
        expect(handle).ran("Held").did_not_run("Bill").waits_for_signal("approved")


def test_each_end_has_an_expectation(engine: Engine) -> None:
    handle = engine.start(listing(wait_for("approved")))
    engine.cancel(handle.id)
    expect(handle).canceled()
    expect(engine.start(listing(conditional(lambda state: True)(abort)))).aborted()
    expect(engine.start(listing(sleep(MONTH)), timeout=60)).timed_out()


def test_a_run_on_the_stage_is_expected_like_a_handle() -> None:
    @step("Pay", at_most_once=True)
    def pay() -> State:
        return {"paid": True}

    run = crash_at("Pay").run(listing(create, pay))
    expect(run).suspended_at("Pay").ran("Create").did_not_run("Pay")
    with pytest.raises(AssertionError, match="it should complete, and is suspended"):
        expect(run).completed()


def test_an_async_handle_is_refused_with_what_to_give() -> None:
    async def story() -> None:
        async with AsyncEngine() as engine:
            expect(await engine.start(listing(create)))  # type: ignore[arg-type] # it is refused

    with pytest.raises(TypeError, match=r"give it `await handle\.history\(\)`"):
        asyncio.run(story())
