"""The threads of sync steps: counted right, replaced when stuck, gone at the end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from corago.runtime.executor import InlineExecutor, Job, ThreadExecutor
from tests.runtime.stage import until

DEADLINE = 10.0


def job(run: Callable[[], Any], answers: list[Any]) -> Job:
    return Job(run, answers.append)


def test_answers_come_on_the_loop() -> None:
    async def story() -> None:
        executor = ThreadExecutor(2, asyncio.get_running_loop())
        here = threading.get_ident()
        told: list[int] = []
        executor.submit(Job(threading.get_ident, lambda _: told.append(threading.get_ident())))
        await until(lambda: bool(told))
        assert told == [here]
        executor.close()

    asyncio.run(story())


def test_a_job_that_is_done_may_be_abandoned_without_harm() -> None:
    """Its answer is on the way: the thread has long taken the next job."""

    async def story() -> None:
        executor = ThreadExecutor(4, asyncio.get_running_loop())
        answers: list[Any] = []
        for _ in range(20):
            ran = threading.Event()
            one = job(ran.set, answers)
            executor.submit(one)
            assert ran.wait(DEADLINE)
            await until(lambda one=one: one.is_done)  # type: ignore[misc]
            executor.abandon(one)
        together = threading.Barrier(4)
        for _ in range(4):
            executor.submit(job(lambda: together.wait(DEADLINE), answers))
        await until(lambda: len(answers) >= 4)
        assert executor._pending == 0
        executor.close()

    asyncio.run(story())


def test_a_job_that_was_abandoned_in_the_queue_never_runs() -> None:
    async def story() -> None:
        executor = ThreadExecutor(1, asyncio.get_running_loop())
        gate = threading.Event()
        answers: list[Any] = []
        executor.submit(job(lambda: gate.wait(DEADLINE), answers))
        late = job(lambda: "late", answers)
        executor.submit(late)
        executor.abandon(late)
        gate.set()
        executor.submit(job(lambda: "next", answers))
        await until(lambda: len(answers) == 2)
        assert answers == [True, "next"]
        executor.close()

    asyncio.run(story())


def test_stuck_threads_are_replaced_however_many_and_told_of_when_they_are_many(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story() -> None:
        executor = ThreadExecutor(1, asyncio.get_running_loop())
        gate = threading.Event()
        answers: list[Any] = []
        stuck = [job(lambda: gate.wait(DEADLINE), answers) for _ in range(6)]
        for one in stuck:
            executor.submit(one)
        executor.submit(job(lambda: "at last", answers))
        for one in stuck:
            await until(lambda one=one: one.is_running)  # type: ignore[misc]
            executor.abandon(one)
        await until(lambda: answers == ["at last"])
        gate.set()
        await until(lambda: (executor._pending, executor._lost, executor._live) == (0, 0, 1))
        executor.close()

    asyncio.run(story())
    told = [record.message for record in caplog.records]
    assert [text.partition(" ")[0] for text in told] == ["5", "6"]


def test_an_answer_that_breaks_loses_no_other() -> None:
    async def story() -> None:
        executor = ThreadExecutor(1, asyncio.get_running_loop())
        answers: list[Any] = []

        def breaks(_: Any) -> None:
            raise ZeroDivisionError

        executor.submit(Job(lambda: 1, breaks))
        executor.submit(job(lambda: 2, answers))
        await until(lambda: answers == [2])
        executor.close()

    asyncio.run(story())


def test_a_job_that_ends_after_the_loop_harms_nobody() -> None:
    gate, over = threading.Event(), threading.Event()

    def run() -> None:
        assert gate.wait(DEADLINE)
        over.set()

    async def story() -> None:
        executor = ThreadExecutor(1, asyncio.get_running_loop())
        executor.submit(job(run, []))

    asyncio.run(story())
    gate.set()
    assert over.wait(DEADLINE)


@pytest.mark.parametrize("count", [1, 7])
def test_inline_jobs_answer_in_their_order(count: int) -> None:
    async def story() -> None:
        executor = InlineExecutor()
        answers: list[Any] = []
        began: list[int] = []
        for number in range(count):
            executor.submit(
                Job(lambda number=number: number, answers.append, lambda: began.append(1))  # type: ignore[misc]
            )
        assert answers == []
        await asyncio.sleep(0)
        assert answers == list(range(count))
        assert len(began) == count
        executor.close()

    asyncio.run(story())
