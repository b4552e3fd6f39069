"""How a check of the backend suite runs, and the bench it works at.

A check is a coroutine that becomes a plain test function: a runner that knows no plugins can call
it. Whatever says what a backend must do belongs to the checks, not here.
"""

from __future__ import annotations

import asyncio
import functools
import re
import unittest
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from corago.core import events as e
from corago.core.commit import Commit
from corago.core.messages import Command, Outcome, Signal
from corago.core.tasks import ActivityTask, DecisionTask, Hold
from corago.ports.backend import Backend, Polled, PolledActivities, Start, Started
from corago.ports.capability import Capability
from corago.ports.store import Change, Definition, Instance, Query
from corago.testing.backend_suite.deciding import SUITE, definition, program
from corago.testing.backend_suite.turns import Turn, turn
from corago.testing.clock import VirtualClock

_CLAUSE = re.compile(r"\[(B\d\d)\]")

Body = Callable[[Any, "Bench"], Coroutine[Any, Any, None]]
Check = Callable[[Any, Path], None]


def check(*needs: Capability) -> Callable[[Body], Check]:
    """Make a test of a coroutine function: it gets a bench with an open backend, and its own loop.

    A backend that lacks one of the capabilities that it `needs` skips it.
    """

    def made(body: Body) -> Check:
        def test(self: BackendChecks, tmp_path: Path) -> None:
            asyncio.run(self.perform(body, tmp_path, needs))

        functools.update_wrapper(test, body)
        # pytest would look behind it and ask for the body's parameters
        del test.__wrapped__  # type: ignore[attr-defined]
        return test

    return made


def clauses(check: Check) -> frozenset[str]:
    """The clauses of the contract that a check says it proves."""
    return frozenset(_CLAUSE.findall(check.__doc__ or ""))


class BackendChecks:
    """What every group of checks stands on: the methods that a backend's test supplies."""

    patience: ClassVar[float] = 60.0
    """Seconds after which a check that hangs is a check that failed."""

    def make_backend(self, clock: VirtualClock, tmp_path: Path) -> Backend:
        """A fresh backend, not yet open, with this clock; its files may lie in `tmp_path`."""
        raise NotImplementedError("a backend's test says here how its backend is made")

    def reopen(self) -> Backend | None:
        """Another object on the data of the last `make_backend`; None where there can be none."""
        return None

    @classmethod
    def checks(cls) -> dict[str, Check]:
        """All checks by name."""
        return {name: getattr(cls, name) for name in dir(cls) if name.startswith("test_")}

    async def perform(self, body: Body, tmp_path: Path, needs: Sequence[Capability] = ()) -> None:
        """Run one check against a backend of its own, and leave nothing open behind it."""
        clock = VirtualClock()
        async with asyncio.timeout(self.patience), AsyncExitStack() as stack:
            bench = Bench(self, clock, stack)
            backend = await bench.take(self.make_backend(clock, tmp_path))
            lacking = [each.value for each in needs if each not in backend.capabilities]
            if lacking:
                raise unittest.SkipTest(f"this backend lacks {', '.join(lacking)}")
            await body(self, bench)


class Bench:
    """An open backend, its clock, and short words for what checks do all the time.

    Where a check does not care, the process is `p`, the workflow is `suite`, and the worker is
    one that is made up once.
    """

    def __init__(self, suite: BackendChecks, clock: VirtualClock, stack: AsyncExitStack) -> None:
        self.clock = clock
        self.backend: Backend
        self._suite = suite
        self._stack = stack
        self._workers: dict[str, int] = {}
        self._known: dict[str, Definition] = {}
        self._knowing: list[Backend] = []

    # ---------------------------------------------------------------------------- backend objects

    async def take(self, backend: Backend) -> Backend:
        """Open a backend, work with it from now on, and close it in the end."""
        self.backend = await self._opened(backend)
        return backend

    async def second(self, *, knows: bool = True) -> Backend:
        """A second object on the same data, beside the first; skips if there can be none.

        It `knows` the definitions that the first one is handed.
        """
        return await self._opened(self._another(), knows=knows)

    async def restart(self) -> None:
        """Close the backend and work on with what is found when its data are opened again."""
        await self._stack.aclose()
        self._knowing.clear()
        await self.take(self._another())

    async def _opened(self, backend: Backend, *, knows: bool = True) -> Backend:
        await backend.open()
        self._stack.push_async_callback(backend.close)
        if knows:
            self._knowing.append(backend)
            for each in self._known.values():
                await backend.define(each, program(each))
        return backend

    def _another(self) -> Backend:
        backend = self._suite.reopen()
        if backend is None:
            raise unittest.SkipTest("this backend cannot be opened a second time")
        return backend

    def has(self, capability: Capability) -> bool:
        """Whether the backend says that it can do this."""
        return capability in self.backend.capabilities

    def listen(self) -> Ears:
        """A listener to the backend's changes."""
        ears = Ears()
        self._stack.callback(self.backend.subscribe(ears.hear))
        return ears

    # ------------------------------------------------------------------------------ making things

    async def define(
        self, name: str = SUITE, version: int = 1, note: str = "", timeout: float | None = None
    ) -> Definition:
        """Hand over a definition; `note` makes its document another one."""
        new = definition(name, version, note, timeout)
        if new.sha not in self._known:
            for each in self._knowing:
                self._known[new.sha] = await each.define(new, program(new))
        return self._known[new.sha]

    async def worker(self, name: str = "ann") -> int:
        """A worker of this name, registered when it is first asked for."""
        if name not in self._workers:
            self._workers[name] = await self.backend.heartbeat(name)
        return self._workers[name]

    async def start(self, process_id: str = "p", given: Any = None, **changes: Any) -> Started:
        """Start a process of the suite's workflow; due now unless `owner` is given."""
        if "definition" not in changes:
            changes["definition"] = await self.define()
        return await self.backend.start(Start(process_id=process_id, input=given, **changes))

    async def begin(self, *decisions: Any, process_id: str = "p", **changes: Any) -> DecisionTask:
        """Start a process, decide this first, and let it go; its task as it was left."""
        await self.start(process_id, **changes)
        return await self.turn(*decisions, process_id=process_id)

    # ---------------------------------------------------------------------------- decision tasks

    async def poll(
        self, worker: int | None = None, limit: int = 1000, shas: Sequence[str] | None = None
    ) -> Polled:
        """Poll for decision tasks, of all definitions unless some are named."""
        worker = await self.worker() if worker is None else worker
        return await self.backend.poll_decision_tasks(worker, self._shas(shas), limit)

    def _shas(self, shas: Sequence[str] | None) -> Sequence[str]:
        return list(self._known) if shas is None else shas

    async def taken(self, process_id: str = "p", worker: int | None = None) -> DecisionTask:
        """Take exactly this process."""
        polled = await self.poll(worker)
        assert ids(polled) == [process_id]
        return polled.tasks[0]

    async def leased(self, worker: int, seconds: float = 10, process_id: str = "p") -> DecisionTask:
        """Take exactly this process for so long."""
        lease, shas = timedelta(seconds=seconds), self._shas(None)
        polled = await self.backend.poll_decision_tasks(worker, shas, 1000, lease=lease)
        assert ids(polled) == [process_id]
        return polled.tasks[0]

    def deciding(self, task: DecisionTask, *decisions: Any, **changes: Any) -> Turn:
        """What comes of a task when the decider says this, not written yet."""
        return turn(task, self.clock.now(), decisions, **changes)

    async def complete(self, task: DecisionTask, turn: Turn) -> Any:
        """Write it; the answer as it comes."""
        return await self.backend.complete_decision_task(
            task, turn.commit, turn.hold, consumed=turn.consumed, seen=turn.seen
        )

    async def answer(self, task: DecisionTask, *decisions: Any, **changes: Any) -> Any:
        """Decide, and write what comes of it; the answer as it comes."""
        return await self.complete(task, self.deciding(task, *decisions, **changes))

    async def decided(self, task: DecisionTask, *decisions: Any, **changes: Any) -> DecisionTask:
        """Decide, and write what comes of it, which must be taken; the task as it goes on."""
        written = await self.answer(task, *decisions, **changes)
        assert isinstance(written, DecisionTask)
        return written

    async def turn(self, *decisions: Any, process_id: str = "p", **changes: Any) -> DecisionTask:
        """Take exactly this process, decide, and let it go."""
        return await self.decided(await self.taken(process_id), *decisions, **changes)

    async def settle(self) -> None:
        """Let deciders decide nothing until nobody is due any more."""
        for _ in range(20):
            for task in (await self.poll()).tasks:
                await self.decided(task)
        assert ids(await self.poll()) == []

    async def put_off(self, task: DecisionTask, seconds: float) -> bool:
        """Let go of a process whose decider could not answer, and count that; it is due again."""
        commit = Commit(task.snapshot)
        hold = Hold(keeps=False, due=self.later(seconds), failures=task.failures + 1)
        written = await self.backend.complete_decision_task(
            task, commit, hold, consumed=task.consumed, seen=task.seen
        )
        return isinstance(written, DecisionTask)

    async def step(self) -> None:
        """Let the loop do what else is ready."""
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        loop.call_soon(done.set_result, None)
        await done

    def later(self, seconds: float) -> datetime:
        """The instant so many seconds from now."""
        return self.clock.now() + timedelta(seconds=seconds)

    # ---------------------------------------------------------------------------- activity tasks

    async def poll_activities(
        self,
        worker: int | None = None,
        queues: Sequence[str] = ("mail",),
        limit: int = 1000,
        **options: Any,
    ) -> PolledActivities:
        """Poll for activity tasks, of all definitions and one queue unless others are named."""
        worker = await self.worker() if worker is None else worker
        shas = self._shas(options.pop("shas", None))
        return await self.backend.poll_activity_tasks(worker, queues, shas, limit, **options)

    async def attempt(
        self, path: str = "a", worker: int | None = None, queue: str = "mail"
    ) -> ActivityTask:
        """Take exactly the attempt at this path."""
        polled = await self.poll_activities(worker, [queue])
        assert paths(polled) == [path]
        return polled.tasks[0]

    async def scheduled(self, *decisions: Any, worker: int | None = None) -> ActivityTask:
        """Start a process that decides this, and take its only attempt."""
        await self.begin(*decisions)
        polled = await self.poll_activities(worker)
        assert len(polled.tasks) == 1
        return polled.tasks[0]

    async def done(self, task: ActivityTask, result: Any = "done", **changes: Any) -> bool:
        """Bring a result."""
        return await self.ended(task, e.ActivityCompleted(result), **changes)

    async def ended(self, task: ActivityTask, result: e.ActivityResult, **changes: Any) -> bool:
        """Bring an outcome of any kind."""
        attempt = task.attempt
        outcome = Outcome(attempt.path, attempt.occurrence, attempt.attempt, result, **changes)
        return await self.backend.complete_activity_task(task, outcome)

    async def failed(self, task: ActivityTask, text: str = "no luck", **changes: Any) -> bool:
        """Bring a failure."""
        return await self.ended(task, e.ActivityFailed(e.Failure("Oops", text)), **changes)

    # -------------------------------------------------------------------------------------- sending

    async def signal(self, name: str = "go", process_id: str = "p", **fields: Any) -> None:
        """Send a signal."""
        await self.backend.send(process_id, Signal(name, **fields))

    async def command(
        self, verb: str, process_id: str = "p", *, reopens: bool = False, **fields: Any
    ) -> None:
        """Send a command."""
        await self.backend.send(process_id, Command(verb, **fields), reopens=reopens)

    # -------------------------------------------------------------------------------- looking back

    async def kinds(self, process_id: str = "p") -> list[str]:
        """What a process's history tells, by the names of the events."""
        return [type(event).__name__ for event in await self.backend.history(process_id)]

    async def events(self, *kinds: type[e.Event], process_id: str = "p") -> tuple[Any, ...]:
        """The events of these kinds."""
        return (await self.backend.history(process_id)).of(*kinds)

    async def row(self, process_id: str = "p") -> Instance:
        """The row of a process."""
        return (await self.backend.describe(process_id)).row

    async def inbox(self, process_id: str = "p") -> list[Any]:
        """The messages that wait for a process."""
        return [each.message for each in (await self.backend.describe(process_id)).mail]

    async def found(self, **conditions: Any) -> list[str]:
        """The ids of the processes that a query finds."""
        return [row.process_id for row in await self.backend.find(Query(**conditions))]

    async def picture(self, process_id: str = "p") -> tuple[Any, ...]:
        """All that can be seen of a process."""
        description = await self.backend.describe(process_id)
        history = tuple(await self.backend.history(process_id))
        tasks = tuple(await self.backend.open_activities(process_id))
        return history, description.row, description.mail, description.snapshot.process, tasks

    @asynccontextmanager
    async def unchanged(self, *process_ids: str) -> AsyncIterator[None]:
        """Whatever is done within it leaves these processes (or `p`) as they are."""
        names = process_ids or ("p",)
        before = [await self.picture(each) for each in names]
        yield
        assert [await self.picture(each) for each in names] == before


class Ears:
    """A listener that keeps what it was told, and can be waited with."""

    def __init__(self) -> None:
        self.heard: list[Change] = []
        self._stirred = asyncio.Event()

    def hear(self, change: Change) -> None:
        """Be told."""
        self.heard.append(change)
        self._stirred.set()

    async def wait(self, kind: str, process_id: str = "p") -> None:
        """Wait until this change was told of."""
        while Change(kind, process_id) not in self.heard:
            self._stirred.clear()
            await self._stirred.wait()


def ids(polled: Polled) -> list[str]:
    """Which processes were taken, in that order."""
    return [each.process_id for each in polled.tasks]


def paths(polled: PolledActivities) -> list[str]:
    """Which attempts were taken, in that order."""
    return [each.attempt.path for each in polled.tasks]


@contextmanager
def raises(kind: type[Exception], words: str = "") -> Iterator[list[Exception]]:
    """Whatever is done within it fails so, and says these words; gives the error."""
    caught: list[Exception] = []
    try:
        yield caught
    except kind as error:
        caught.append(error)
    assert caught, f"no {kind.__name__} was raised"
    assert words in str(caught[0])
