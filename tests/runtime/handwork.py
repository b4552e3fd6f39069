"""What tests of hand-written workers have in common: a small shop, and managers on one store."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from corago import Manager
from corago.backends.local import LocalBackend
from corago.clock import SystemClock
from corago.core import events as e
from corago.decider import (
    Activity,
    ActivityAborted,
    ActivityEnded,
    CompleteProcess,
    Process,
    ScheduleActivity,
    Workflow,
)
from corago.stores.memory import MemoryStore
from corago.wiring import KINDS
from tests.runtime.stage import FlakyStore

DEADLINE = 20.0

MakeManager = Callable[..., Manager]


class Double(Activity):
    @classmethod
    def execute(cls, task: Any, worker: Any) -> Any:
        worker.heartbeat()
        if task.input < 10:
            return task.input * 2
        if task.input:
            return ActivityAborted(reason="input out of bounds")
        raise ValueError("no input")


class Doubling(Workflow):
    """Double the input, and complete with that."""

    activities = [Double]

    def decide(self, process: Process) -> Any:
        ended = [each for each in process.unseen_events() if isinstance(each, ActivityEnded)]
        return CompleteProcess(ended[-1].value) if ended else Double


class Listening(Workflow):
    """Decides nothing, and notes in `seen` what it has been asked about."""

    seen: list[list[str]] = []

    def decide(self, process: Process) -> Any:
        self.seen.append([type(each).__name__ for each in process.unseen_events()])


class Once(Workflow):
    """Do what the input names, with the rest of the input; and complete with what that came to."""

    def initiate(self, process: Any) -> Any:
        return ScheduleActivity(process.input[0], process.input[1])

    def respond_to_completed_activity(self, process: Any, event: Any) -> Any:
        return CompleteProcess(event.value)

    def respond_to_interrupted_activity(self, process: Any, event: Any) -> Any:
        return CompleteProcess(str(event.error))


@pytest.fixture(params=["memory", "sqlite"])
def manager_of(request: pytest.FixtureRequest, tmp_path: Path) -> MakeManager:
    """Makes a manager; of several on one file, see `on`."""
    url = None if request.param == "memory" else f"sqlite:///{tmp_path / 'work.db'}"
    return lambda *workflows, **settings: Manager(url, workflows=workflows, **settings)


def kinds(manager: Manager, id: str) -> list[str]:
    """The names of a process's events, in order."""
    return [type(event).__name__ for event in manager.history(id)]


def ends(manager: Manager, id: str) -> list[e.ActivityResult]:
    """How the activities of a process ended, in order."""
    return [event.result for event in manager.history(id).of(e.ActivityClosed)]


@contextmanager
def running(*workers: Any) -> Iterator[None]:
    """Workers that run, each in a thread of its own, until the block ends."""
    threads = [threading.Thread(target=each.run, daemon=True) for each in workers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for worker in workers:
            worker.stop()
        for thread in threads:
            thread.join(DEADLINE)
            assert not thread.is_alive(), "a worker does not stop"


def decide(manager: Manager, *decisions: Any) -> None:
    """Make the next decision: by the workflow, or in another way."""
    task = manager.next_decision(timeout=DEADLINE)
    assert task is not None
    manager.complete(task, *decisions)


def taken(manager: Manager, queue: str = "default") -> Any:
    task = manager.next_activity(queue, timeout=DEADLINE)
    assert task is not None
    return task


def scheduled(manager: Manager, *activities: Any) -> None:
    """A process `p` that has these activities open."""
    manager.start(Listening, 7, id="p")
    decide(manager, list(activities))


def on_a_flaky_store(**settings: Any) -> tuple[Manager, FlakyStore]:
    """A manager, and its store in memory, which fails as it is told."""
    manager = Manager(workflows=[Listening], **settings)
    store: Any = FlakyStore(MemoryStore(SystemClock()))
    manager._engine._backend = LocalBackend(store, SystemClock(), KINDS)
    return manager, store
