"""Threads for sync steps.

Daemon threads of our own, so that an abandoned one never holds up the exit.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

_log = logging.getLogger("corago.executor")


class Job:
    """One piece of sync work on its way.

    `run` in some thread, then `done` with what it gave, on the loop.
    """

    __slots__ = ("began", "done", "is_abandoned", "is_done", "is_running", "run")

    def __init__(
        self,
        run: Callable[[], Any],
        done: Callable[[Any], None],
        began: Callable[[], None] | None = None,
    ) -> None:
        """Take the work, who receives its answer, and who is told of its start."""
        self.run = run
        self.done = done
        self.began = began
        self.is_running = False
        self.is_done = False
        self.is_abandoned = False


class Executor(Protocol):
    """Where sync steps run."""

    def submit(self, job: Job) -> None:
        """Run the job somewhere; `run` must not raise."""

    def abandon(self, job: Job) -> None:
        """Wait for it no longer: its answer is dropped, its thread replaced."""

    def close(self) -> None:
        """Take no more jobs."""


class InlineExecutor:
    """Runs every job at once on the loop: for simulation, where nothing may depend on threads."""

    def submit(self, job: Job) -> None:
        """Run it, and tell on the next turn of the loop."""
        loop = asyncio.get_running_loop()
        if job.began is not None:
            job.began()
        value = job.run()
        loop.call_soon(lambda: None if job.is_abandoned else job.done(value))

    def abandon(self, job: Job) -> None:
        """Drop the answer."""
        job.is_abandoned = True

    def close(self) -> None:
        """Nothing to let go."""


class ThreadExecutor:
    """A pool of daemon threads, started when needed.

    At most `threads` at work besides abandoned ones.
    """

    def __init__(self, threads: int, loop: asyncio.AbstractEventLoop) -> None:
        """Answers are given on `loop`."""
        self._limit = threads
        self._many = threads * 4
        self._loop = loop
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._answers: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        self._lock = threading.Lock()
        self._live = 0
        self._pending = 0
        self._lost = 0
        self._is_waking = False
        self._is_closed = False

    def submit(self, job: Job) -> None:
        """Queue the job; a new thread is started if all are busy and the limit allows."""
        self._jobs.put(job)
        with self._lock:
            self._pending += 1
            if self._pending <= self._live or self._live >= self._limit:
                return
            self._live += 1
        self._start()

    def abandon(self, job: Job) -> None:
        """Give its thread up for lost, and start another one; say so when they are many."""
        with self._lock:
            if job.is_abandoned:
                return
            job.is_abandoned = True
            if job.is_done:
                return
            self._pending -= 1
            if not job.is_running:
                return
            self._lost += 1
            is_replaced, lost = not self._is_closed, self._lost
            self._live -= not is_replaced
        if is_replaced:
            self._start()
        if lost > self._many:
            _log.error(
                "%d threads are stuck in steps that ran into their timeouts, and were replaced; "
                "each keeps its memory until it ends: mend those steps, and restart this worker",
                lost,
            )

    def close(self) -> None:
        """Let every idle thread end."""
        with self._lock:
            self._is_closed = True
            live = self._live
        for _ in range(live):
            self._jobs.put(None)

    def _start(self) -> None:
        threading.Thread(target=self._work, name="corago-step", daemon=True).start()

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            if job is None:
                return
            with self._lock:
                if job.is_abandoned:
                    continue
                job.is_running = True
            if job.began is not None:
                self._tell(job.began, ())
            value = job.run()
            with self._lock:
                job.is_running = False
                job.is_done = True
                if job.is_abandoned:
                    self._lost -= 1
                    if self._is_closed or self._live >= min(self._limit, self._pending):
                        return
                    self._live += 1  # it was not replaced, and is needed
                    continue
                self._pending -= 1
            self._tell(_answer, (job, value))

    def _tell(self, call: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        self._answers.append((call, arguments))
        with self._lock:
            if self._is_waking:
                return
            self._is_waking = True
        try:
            self._loop.call_soon_threadsafe(self._deliver)
        except RuntimeError:
            _log.debug("a step ended after its engine; its answer is dropped")

    def _deliver(self) -> None:
        with self._lock:
            self._is_waking = False
        while self._answers:
            call, arguments = self._answers.popleft()
            try:
                call(*arguments)
            except Exception:  # noqa: BLE001 - the answers behind it must not be lost
                _log.exception("the answer of a step could not be told")


def _answer(job: Job, value: Any) -> None:
    if not job.is_abandoned:
        job.done(value)
