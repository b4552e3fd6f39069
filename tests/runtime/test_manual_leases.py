"""Whose a task is: limits that run out, managers that vanish, and stores that are away."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from corago import (
    ActivityWorker,
    Engine,
    EngineClosedError,
    Manager,
    Retry,
    StoreUnavailableError,
    UnknownTaskError,
)
from corago.clock import NEVER
from corago.core import events as e
from corago.core.queueing import LOSS_LIMIT
from corago.decider import (
    Activity,
    CompleteProcess,
    ScheduleActivity,
    StartTimer,
    Workflow,
)
from corago.runtime.bell import IDLE_SECONDS
from corago.testing import VirtualClock
from tests.runtime.handwork import (
    DEADLINE,
    Listening,
    MakeManager,
    decide,
    ends,
    kinds,
    manager_of,
    on_a_flaky_store,
    scheduled,
    taken,
)
from tests.runtime.stage import AFTER, HANGS

__all__ = ["manager_of"]


def open_activity(manager: Manager, **options: Any) -> Any:
    """An activity of process `p` in the manager's hands."""
    scheduled(manager, ScheduleActivity("a", **options))
    return taken(manager)


# -- limits ----------------------------------------------------------------------------------------


def test_a_decision_that_takes_too_long_is_anybodys_again(manager_of: MakeManager) -> None:
    clock = VirtualClock(jumps=False)
    with manager_of(Listening, clock=clock, decision_lease=timedelta(seconds=30)) as manager:
        manager.start(Listening, id="p")
        first = manager.next_decision()
        assert first is not None
        assert first.expires_at == clock.now() + timedelta(seconds=30)
        clock.advance(29.9)
        assert manager.next_decision(timeout=0) is None
        clock.advance(0.2)
        with pytest.raises(UnknownTaskError):
            manager.complete(first, CompleteProcess("late"))
        assert kinds(manager, "p") == ["ProcessStarted"]
        second = manager.next_decision(timeout=DEADLINE)
        assert second is not None
        with pytest.raises(UnknownTaskError):
            manager.complete(first, CompleteProcess("later still"))
        manager.complete(second, CompleteProcess("in time"))
        assert kinds(manager, "p") == ["ProcessStarted", "LeaseLost", "ProcessCompleted"]
        assert manager.info("p").result == "in time"


@pytest.mark.parametrize(
    ("options", "end"),
    [
        ({"start_to_close": 5}, e.ActivityTimedOut("start_to_close", 5.0, "alive")),
        ({"heartbeat_timeout": 5}, e.ActivityTimedOut("heartbeat", 5.0, "alive")),
        ({"schedule_to_close": 5}, e.ActivityTimedOut("schedule_to_close", None, "alive")),
    ],
)
def test_an_activity_that_ran_into_a_limit_is_late(
    manager_of: MakeManager, options: dict[str, Any], end: e.ActivityResult
) -> None:
    clock = VirtualClock(jumps=False)
    with manager_of(Listening, clock=clock) as manager:
        task = open_activity(manager, **options)
        clock.advance(4)
        assert manager.heartbeat(task, "alive") is False
        clock.advance(6)
        decision = manager.next_decision(timeout=DEADLINE)  # somebody saw to it
        assert decision is not None
        for late in (manager.complete, manager.heartbeat, manager.fail):
            with pytest.raises(UnknownTaskError):
                late(task, "done")
        manager.complete(decision, None)
        assert ends(manager, "p") == [end]


def test_heartbeats_keep_an_activity(manager_of: MakeManager) -> None:
    clock = VirtualClock(jumps=False)
    with manager_of(Listening, clock=clock) as manager:
        task = open_activity(manager, heartbeat_timeout=5)
        for _ in range(4):
            clock.advance(4)
            assert manager.heartbeat(task) is False
        manager.complete(task, "done")
        decide(manager, None)
        assert ends(manager, "p") == [e.ActivityCompleted("done")]


def test_an_activity_that_nobody_takes_in_time_is_never_handed_out(
    manager_of: MakeManager,
) -> None:
    clock = VirtualClock()
    with manager_of(Listening, clock=clock) as manager:
        manager.start(Listening, id="p")
        decide(manager, ScheduleActivity("a", schedule_to_start=60))
        decide(manager, None)  # waits for it: the clock jumps
        assert ends(manager, "p") == [e.ActivityTimedOut("schedule_to_start", 60.0)]
        assert manager.next_activity(timeout=0) is None


def test_a_timer_of_thirty_days_takes_a_moment(manager_of: MakeManager) -> None:
    clock = VirtualClock()
    began = clock.now()
    with manager_of(Listening, clock=clock) as manager:
        manager.start(Listening, id="p")
        decide(manager, StartTimer(timedelta(days=30), data="wake up"))
        task = manager.next_decision(timeout=DEADLINE)
        assert task is not None
        (fired,) = task.process.unseen_events()
        assert isinstance(fired, e.TimerFired)
        assert fired.data == "wake up"
        assert timedelta(days=30) <= clock.now() - began < timedelta(days=31)


def test_time_stands_still_while_a_task_is_in_somebodys_hands(manager_of: MakeManager) -> None:
    clock = VirtualClock()
    with manager_of(Listening, clock=clock) as manager:
        manager.start(Listening, id="p")
        decide(manager, [ScheduleActivity("a"), StartTimer(60)])
        task = manager.next_activity(timeout=DEADLINE)
        assert task is not None
        before = clock.now()
        assert manager.next_decision(timeout=0.2) is None
        assert clock.now() == before
        manager.complete(task)
        decide(manager, None)
        assert clock.now() == before


# -- several managers ------------------------------------------------------------------------------

HOLDER = """
import sys, threading
from corago import Manager
from tests.runtime.handwork import Listening

with Manager(sys.argv[1], workflows=[Listening]) as manager:
    decision = manager.next_decision(timeout=20)
    task = manager.next_activity(timeout=20)
    print(decision.process_id, task.path, flush=True)
    threading.Event().wait()
"""

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'work.db'}"


@pytest.fixture
def holder(url: str) -> Iterator[subprocess.Popen[str]]:
    """An OS process that holds a decision and an activity, and does nothing about them."""
    with Manager(url, workflows=[Listening]) as manager:
        manager.start(Listening, id="busy")
        decide(manager, ScheduleActivity("a"))
        manager.start(Listening, id="undecided")
    command = [sys.executable, "-c", HOLDER, url]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_what_another_manager_writes_is_heard_of_at_once(url: str) -> None:
    got: list[Any] = []
    with Manager(url, workflows=[Listening]) as one, Manager(url, workflows=[Listening]) as two:
        waiter = threading.Thread(target=lambda: got.append(two.next_activity()))
        waiter.start()
        until(lambda: len(two._engine.desk._seekers) == 1)
        scheduled(one, ScheduleActivity("a"))
        waiter.join(IDLE_SECONDS / 2)  # by then it would look anyway
        assert [task.path for task in got] == ["a"]


def test_what_a_killed_manager_held_is_anybodys(url: str, holder: subprocess.Popen[str]) -> None:
    assert holder.stdout is not None
    assert holder.stdout.readline().split() == ["undecided", "a"]
    with Manager(url, workflows=[Listening]) as manager:
        assert manager.next_decision(timeout=0) is None
        assert manager.next_activity(timeout=0) is None
    holder.kill()
    assert holder.wait(DEADLINE) == -signal.SIGKILL
    with Manager(url, workflows=[Listening]) as manager:
        task, decision = manager.next_activity(timeout=0), manager.next_decision(timeout=0)
        assert task is not None
        assert decision is not None
        manager.complete(task, "done")
        manager.complete(decision, CompleteProcess())
        assert kinds(manager, "undecided") == ["ProcessStarted", "LeaseLost", "ProcessCompleted"]
        decide(manager, None)
        assert ends(manager, "busy") == [e.ActivityCompleted("done")]


def test_a_manager_that_is_closed_lets_go_of_everything_at_once(url: str) -> None:
    with Manager(url, workflows=[Listening]) as first, Manager(url, workflows=[Listening]) as then:
        open_activity(first)
        first.start(Listening, id="q")
        assert first.next_decision() is not None
        first.close()
        task, decision = then.next_activity(timeout=1), then.next_decision(timeout=1)
        assert task is not None
        assert decision is not None
        then.complete(task, "done")
        then.complete(decision, CompleteProcess())
        assert kinds(then, "q") == ["ProcessStarted", "ProcessCompleted"]
        decide(then, None)
        assert ends(then, "p") == [e.ActivityCompleted("done")]


def until(condition: Callable[[], bool]) -> None:
    """Come back when it holds."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline


def seek(manager: Manager, ended: list[BaseException]) -> None:
    try:
        manager.next_activity()
    except EngineClosedError as error:
        ended.append(error)


def test_whoever_still_seeks_gets_nothing_of_what_a_closing_manager_lets_go(url: str) -> None:
    ended: list[BaseException] = []
    with Manager(url, workflows=[Listening]) as first, Manager(url, workflows=[Listening]) as then:
        open_activity(first)
        seekers = [threading.Thread(target=seek, args=[first, ended]) for _ in range(3)]
        for seeker in seekers:
            seeker.start()
        until(lambda: len(first._engine.desk._seekers) == len(seekers))
        first.close()
        for seeker in seekers:
            seeker.join(DEADLINE)
        assert len(ended) == len(seekers)
        assert taken(then).raw.losses == 0


def test_closing_a_manager_counts_as_no_loss_of_what_it_held(url: str) -> None:
    with Manager(url, workflows=[Listening]) as manager:
        open_activity(manager)
        manager.start(Listening, id="q")
    for _ in range(LOSS_LIMIT):
        with Manager(url, workflows=[Listening]) as manager:
            taken(manager)
            assert manager.next_decision(timeout=DEADLINE) is not None
    with Manager(url, workflows=[Listening]) as manager:
        manager.complete(taken(manager), "done")
        assert kinds(manager, "q") == ["ProcessStarted"]


def test_what_runs_at_most_once_and_was_not_brought_back_waits_for_a_person(url: str) -> None:
    with Manager(url, workflows=[Listening]) as first:
        open_activity(first, at_most_once=True)
    with Manager(url, workflows=[Listening]) as then:
        assert then.next_activity(timeout=0) is None
        assert then.next_decision(timeout=0.2) is None
        assert then.info("p").status == "suspended"


def test_an_activity_that_an_engine_has_begun_stays_an_engines(url: str) -> None:
    tried: list[int] = []

    class Flaky(Activity):
        retry = Retry(attempts=2, delay=1.0, jitter=0.0)

        def execute(self) -> Any:
            tried.append(self.attempt)
            if self.attempt == 1:
                raise ValueError("not yet")
            return "done"

    class Once(Workflow):
        activities = [Flaky]

        def initiate(self, process: Any) -> Any:
            return Flaky

        def respond_to_completed_activity(self, process: Any, event: Any) -> Any:
            return CompleteProcess(event.value)

    clock = VirtualClock(jumps=False)
    with Engine(url, workflows=[Once], clock=clock) as engine:
        engine.start(Once, id="p")
        with pytest.raises(TimeoutError):
            engine.get("p").result(timeout=0.3)
    assert tried == [1]
    clock.advance(2)
    with Manager(url, workflows=[Once], clock=clock) as manager:
        assert manager.next_decision(timeout=0.2) is None
    clock.advance(2)
    with Engine(url, workflows=[Once], clock=clock) as engine:
        assert engine.get("p").result(timeout=DEADLINE) == "done"
    assert tried == [1, 2]


# -- a store that is away --------------------------------------------------------------------------


def test_what_was_brought_while_the_store_was_away_is_kept() -> None:
    manager, store = on_a_flaky_store(lease=timedelta(seconds=3))
    with manager:
        task = open_activity(manager)
        store.fail("complete_task", when=AFTER, times=1)
        manager.complete(task, "done")
        store.fail("append", when=AFTER, times=1)
        decide(manager, CompleteProcess("done"))
        assert manager.get("p").result(timeout=DEADLINE) == "done"
        assert ends(manager, "p") == [e.ActivityCompleted("done")]


def test_a_worker_brings_what_it_did_though_the_store_was_away_at_each_of_its_calls() -> None:
    class Beating(ActivityWorker):
        def execute(self, task: Any) -> Any:
            store.fail("heartbeat_task", times=1)
            self.heartbeat("half")
            store.fail("complete_task", times=1)
            return "done"

    manager, store = on_a_flaky_store(lease=timedelta(seconds=3))
    with manager:
        scheduled(manager, ScheduleActivity("a"))
        assert Beating(manager).step(DEADLINE)
        decide(manager, None)
        assert ends(manager, "p") == [e.ActivityCompleted("done")]


def test_what_is_left_to_others_is_left_though_the_store_was_away() -> None:
    manager, store = on_a_flaky_store(lease=timedelta(seconds=3))
    with manager:
        task = open_activity(manager)
        store.fail("detach_task", times=1)
        manager.detach(task)
        manager.complete(task.id, "done")
        decide(manager, None)
        assert ends(manager, "p") == [e.ActivityCompleted("done")]


def test_an_activity_fails_by_a_call_of_its_own_that_the_store_did_not_take() -> None:
    class Telling(ActivityWorker):
        def execute(self, task: Any) -> Any:
            store.fail("send", times=1)
            self.manager.signal(task.process_id, "news")

    manager, store = on_a_flaky_store(lease=timedelta(seconds=3))
    with manager:
        scheduled(manager, ScheduleActivity("a"))
        assert Telling(manager).step(DEADLINE)
        decide(manager, None)
        (end,) = ends(manager, "p")
        assert isinstance(end, e.ActivityFailed)
        assert end.error.type == "StoreUnavailableError"


def test_an_activity_fails_by_anothers_end_that_comes_too_late() -> None:
    class Ending(ActivityWorker):
        def execute(self, task: Any) -> Any:
            self.manager.complete("7.7", "late")

    with Manager(workflows=[Listening]) as manager:
        scheduled(manager, ScheduleActivity("a"))
        assert Ending(manager).step(DEADLINE)
        decide(manager, None)
        (end,) = ends(manager, "p")
        assert isinstance(end, e.ActivityFailed)
        assert end.error.type == "UnknownTaskError"


def test_a_worker_that_stood_still_for_longer_than_its_lease_does_not_begin() -> None:
    class Standing(Manager):
        def seek_activity(self, *arguments: Any, **named: Any) -> Any:
            task = super().seek_activity(*arguments, **named)
            if not stood:
                self._engine.desk.lease.fresh_until = 0.0
            stood.append(task)
            return task

    class Noting(ActivityWorker):
        def execute(self, task: Any) -> Any:
            return f"{len(stood)}: {task.path}"

    stood: list[Any] = []
    with Standing(workflows=[Listening], lease=timedelta(seconds=1)) as manager:
        scheduled(manager, ScheduleActivity("a"))
        worker = Noting(manager)
        assert worker.step(DEADLINE)
        assert worker.step(DEADLINE)
        decide(manager, None)
        assert ends(manager, "p") == [e.ActivityCompleted("2: a")]


def test_a_decision_that_is_brought_twice_is_late_though_the_store_is_away() -> None:
    manager, store = on_a_flaky_store(lease=timedelta(seconds=3))
    with manager:
        manager.start(Listening, id="p")
        task = manager.next_decision(timeout=DEADLINE)
        assert task is not None
        manager.complete(task, ScheduleActivity("a"))
        store.fail("append", times=1)
        with pytest.raises(UnknownTaskError):
            manager.complete(task, ScheduleActivity("b"))


def test_a_task_whose_claim_got_no_answer_is_given_back() -> None:
    manager, store = on_a_flaky_store(lease=timedelta(seconds=3))
    with manager:
        manager.start(Listening, id="p")
        decide(manager, ScheduleActivity("a"))
        store.fail("claim_tasks", when=AFTER)
        with pytest.raises(StoreUnavailableError, match="lost"):
            manager.next_activity(timeout=DEADLINE)
        store.heal()
        task = manager.next_activity(timeout=DEADLINE)
        assert task is not None
        manager.complete(task, "done")
        decide(manager, None)
        assert ends(manager, "p") == [e.ActivityCompleted("done")]


def test_what_is_claimed_while_a_manager_closes_is_let_go_of_too() -> None:
    manager, store = on_a_flaky_store()
    with manager:
        manager.start(Listening, id="p")
        decide(manager, ScheduleActivity("a"))
        store.fail("claim_tasks", when=HANGS)
        seeker = threading.Thread(target=seek, args=[manager, []])
        seeker.start()
        until(lambda: list(manager._engine.desk._seekers._dues.values()) not in ([], [NEVER]))
        closing = threading.Thread(target=manager.close)
        closing.start()
        until(lambda: not manager._engine._is_open)
        assert manager._loop is not None
        manager._loop.call_soon_threadsafe(store.heal)
        for thread in (seeker, closing):
            thread.join(DEADLINE)
        assert "return_tasks" in store.calls
