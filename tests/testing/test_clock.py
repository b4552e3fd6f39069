"""Virtual time under a real engine: it jumps while somebody waits, and stands still otherwise."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from corago import (
    AsyncEngine,
    Engine,
    ProcessFailedError,
    ProcessTimedOutError,
    Retry,
    State,
    WaitTimeoutError,
    begin,
    current,
    parallel,
    retrystep,
    sleep,
    step,
    wait_for,
)
from corago.core import events as e
from corago.testing import VirtualClock, expect
from corago.testing.clock import DAWN
from tests.runtime.stage import listing

MONTH = timedelta(days=30)
DEADLINE = 20.0
AT_ONCE = 3.0  # sooner than the safety net of a worker that was not told


@step("Note")
def note() -> State:
    return {"noted": True}


@pytest.fixture(params=["memory://", "sqlite:///{}/work.db"], ids=["memory", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(request.param.format(tmp_path))


@pytest.fixture
def anywhere(url: str, clock: VirtualClock) -> Iterator[Engine]:
    """An engine on each kind of store."""
    with Engine(url, clock=clock, grace=1) as engine:
        yield engine


def test_a_month_passes_in_a_moment(anywhere: Engine, clock: VirtualClock) -> None:
    handle = anywhere.start(listing(sleep(MONTH), note))
    assert handle.result(timeout=DEADLINE) == {"noted": True}
    assert clock.now() == DAWN + MONTH


def test_time_stands_still_while_nobody_waits(anywhere: Engine, clock: VirtualClock) -> None:
    handle = anywhere.start(listing(wait_for("yes", timeout=MONTH)))
    expect(handle).waits_for_signal("yes")
    assert clock.now() == DAWN
    anywhere.signal(handle.id, "yes", 1)
    assert handle.result(timeout=DEADLINE) == {"yes": 1}
    assert clock.now() == DAWN


def test_silence_ends_a_wait_at_its_very_instant(anywhere: Engine, clock: VirtualClock) -> None:
    handle = anywhere.start(listing(wait_for("yes", timeout=MONTH)))
    with pytest.raises(ProcessFailedError, match="did not arrive"):
        handle.result(timeout=DEADLINE)
    assert clock.now() == DAWN + MONTH


def test_back_offs_of_hours_pass_in_a_moment(anywhere: Engine, clock: VirtualClock) -> None:
    @retrystep("Flaky", retry=Retry(attempts=9, delay=3600, cap=3600, jitter=0))
    def flaky() -> State:
        if current().attempt < 9:
            raise ConnectionError("not yet")
        return {"attempt": current().attempt}

    assert anywhere.start(listing(flaky)).result(timeout=DEADLINE) == {"attempt": 9}
    assert clock.now() == DAWN + timedelta(hours=8)


def test_a_wait_so_short_that_the_worker_holds_on_passes_too(
    anywhere: Engine, clock: VirtualClock
) -> None:
    handle = anywhere.start(listing(*(sleep(0.9) for _ in range(20))))
    handle.result(timeout=DEADLINE)
    assert clock.now() == DAWN + timedelta(seconds=18)


def test_the_deadline_of_a_process_comes(engine: Engine, clock: VirtualClock) -> None:
    handle = engine.start(listing(wait_for("yes")), timeout=MONTH)
    with pytest.raises(ProcessTimedOutError):
        handle.result(timeout=DEADLINE)
    assert clock.now() == DAWN + MONTH


def test_many_processes_end_in_the_order_of_their_time(engine: Engine, clock: VirtualClock) -> None:
    days = [9, 2, 25, 14, 1, 30]
    workflows = [listing(sleep(timedelta(days=each)), note) for each in days]
    handles = [engine.start(workflow) for workflow in workflows]
    for handle in handles:
        handle.result(timeout=DEADLINE)
    ends = [handle.history()[-1].at - DAWN for handle in handles]
    assert ends == [timedelta(days=each) for each in days]
    assert clock.now() == DAWN + MONTH


def test_a_step_that_runs_holds_the_clock(engine: Engine, clock: VirtualClock) -> None:
    began, may_end = threading.Event(), threading.Event()

    @step("Long")
    def long() -> None:
        began.set()
        assert may_end.wait(DEADLINE)

    running = engine.start(listing(long))
    assert began.wait(DEADLINE)
    sleeping = engine.start(listing(sleep(MONTH)))
    with pytest.raises(WaitTimeoutError):
        sleeping.result(timeout=0.2)
    assert clock.now() == DAWN
    may_end.set()
    sleeping.result(timeout=DEADLINE)
    running.result(timeout=DEADLINE)
    assert clock.now() == DAWN + MONTH


def test_a_clock_that_does_not_jump_is_moved_by_hand(url: str) -> None:
    clock = VirtualClock(jumps=False)
    with Engine(url, clock=clock) as engine:
        handle = engine.start(listing(sleep(MONTH)))
        with pytest.raises(WaitTimeoutError, match="sleeps"):
            handle.result(timeout=0.1)
        clock.advance(MONTH - timedelta(seconds=1))
        expect(handle).sleeps()
        assert handle.info().status == "waiting"
        clock.advance(1)
        handle.result(timeout=AT_ONCE)
        assert clock.now() == DAWN + MONTH


def test_a_jump_by_hand_goes_to_the_next_instant_only() -> None:
    clock = VirtualClock(jumps=False)
    with Engine(clock=clock) as engine:
        handle = engine.start(listing(sleep(60), sleep(3600)))
        expect(handle).sleeps()
        assert clock.is_at_rest
        assert clock.next_instant == DAWN + timedelta(seconds=60)
        assert clock.jump()
        expect(handle).sleeps("Sleep#2")
        assert clock.now() == DAWN + timedelta(seconds=60)
        assert clock.jump()
        handle.result(timeout=DEADLINE)
        assert not clock.jump()
        assert clock.next_instant is None


def test_an_expectation_leaves_a_clock_alone_that_shall_not_jump() -> None:
    with Engine(clock=VirtualClock(jumps=False)) as engine:
        handle = engine.start(listing(sleep(60), wait_for("yes")))
        with pytest.raises(AssertionError, match="should wait for the signal 'yes'"):
            expect(handle).waits_for_signal("yes")


def test_no_lease_is_lost_by_a_leap_in_time(url: str, clock: VirtualClock) -> None:
    with Engine(url, clock=clock, lease=timedelta(seconds=0.3)) as engine:
        handle = engine.start(listing(*(each for _ in range(5) for each in (sleep(MONTH), note))))
        handle.result(timeout=DEADLINE)
        clock.advance(timedelta(days=3650))
        again = engine.start(listing(sleep(MONTH), note))
        again.result(timeout=DEADLINE)
        for each in (handle, again):
            assert not each.history().of(e.LeaseLost)


def test_time_does_not_pass_in_a_paused_store(engine: Engine, clock: VirtualClock) -> None:
    handle = engine.start(listing(sleep(MONTH)))
    expect(handle).sleeps()
    engine.pause()
    with pytest.raises(WaitTimeoutError):
        handle.result(timeout=0.1)
    assert clock.now() == DAWN
    engine.unpause()
    handle.result(timeout=DEADLINE)


def test_a_worker_without_room_lets_time_pass_for_those_it_holds() -> None:
    with Engine(clock=VirtualClock(), concurrency=1) as engine:
        waits = listing(sleep(0.7), note)
        for handle in [engine.start(waits) for _ in range(4)]:
            assert handle.result(timeout=DEADLINE) == {"noted": True}


def test_who_waits_for_room_to_start_waits_for_time_too() -> None:
    with Engine(clock=VirtualClock(), concurrency=1) as engine:
        waits = listing(sleep(0.7), note)
        for handle in engine.start_many(waits, [{}] * 4):
            assert handle.result(timeout=DEADLINE) == {"noted": True}


def test_branches_wait_for_the_nearest_instant(engine: Engine, clock: VirtualClock) -> None:
    both = parallel("Both", begin >> sleep(MONTH) >> note, begin >> wait_for("yes", timeout=60))
    handle = engine.start(listing(both))
    with pytest.raises(ProcessFailedError, match="did not arrive"):
        handle.result(timeout=DEADLINE)
    fired = [event.at - DAWN for event in handle.history().of(e.TimerFired)]
    assert fired == [timedelta(seconds=60), MONTH]


def test_a_client_waits_and_the_workers_clock_jumps(tmp_path: Path, clock: VirtualClock) -> None:
    url, waits = f"sqlite:///{tmp_path}/work.db", listing(sleep(MONTH), note)
    with (
        Engine(url, clock=clock, workflows=[waits]),
        Engine(url, clock=clock, worker=False) as client,
    ):
        handle = client.start(waits.name)
        assert handle.result(timeout=DEADLINE) == {"noted": True}
        assert clock.now() == DAWN + MONTH


def test_what_a_client_sends_comes_before_time_passes(tmp_path: Path, clock: VirtualClock) -> None:
    url, waits = f"sqlite:///{tmp_path}/work.db", listing(wait_for("yes", timeout=MONTH))
    with (
        Engine(url, clock=clock, workflows=[waits]),
        Engine(url, clock=clock, worker=False) as client,
    ):
        for _ in range(30):
            handle = client.start(waits.name)
            expect(handle).waits_for_signal("yes")
            client.signal(handle.id, "yes", 1)
            assert handle.result(timeout=DEADLINE) == {"yes": 1}
        assert clock.now() == DAWN


def test_two_workers_share_a_clock(tmp_path: Path, clock: VirtualClock) -> None:
    url, waits = f"sqlite:///{tmp_path}/work.db", listing(sleep(MONTH), note, sleep(MONTH))
    with (
        Engine(url, clock=clock, workflows=[waits]) as one,
        Engine(url, clock=clock, workflows=[waits]) as other,
    ):
        handles = [engine.start(waits) for engine in (one, other, one, other)]
        for handle in handles:
            assert handle.result(timeout=DEADLINE) == {"noted": True}
        assert clock.now() == DAWN + 2 * MONTH


def test_the_async_engine_jumps_too(url: str) -> None:
    async def story() -> None:
        clock = VirtualClock()
        async with AsyncEngine(url, clock=clock) as engine:
            handle = await engine.start(listing(sleep(MONTH), note))
            assert await handle.result(timeout=DEADLINE) == {"noted": True}
            assert clock.now() == DAWN + MONTH

    asyncio.run(story())


def test_an_engine_that_has_left_does_not_hold_the_clock(clock: VirtualClock) -> None:
    with Engine(clock=clock):
        pass
    assert clock.is_at_rest
    clock.advance(1)
    with Engine(clock=clock) as engine:
        engine.start(listing(sleep(MONTH))).result(timeout=DEADLINE)


def test_time_begins_where_it_is_told_to() -> None:
    start = datetime(1999, 12, 31, 23, 59, tzinfo=UTC)
    clock = VirtualClock(start)
    assert (clock.now(), clock.monotonic()) == (start, 0.0)
    clock.advance(60)
    assert clock.now() == datetime(2000, 1, 1, tzinfo=UTC)
    assert clock.monotonic() == 60.0
    assert "2000-01-01 00:00:00" in repr(clock)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: VirtualClock(datetime(2026, 1, 1)), "has no time zone"),  # noqa: DTZ001 - that is what is refused
        (lambda: VirtualClock().advance(-1), "time does not go back"),
    ],
)
def test_what_is_no_time_is_refused(act: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        act()
