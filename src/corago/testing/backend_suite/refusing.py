"""Checks of what a backend says that it can't do: it refuses that by name, and does nothing.

Each capability has probes: something that needs it and nothing else that may be lacking.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from corago.core import unasked
from corago.core.commit import DocumentWrite
from corago.core.messages import Adopt, Update
from corago.core.retry import Retry
from corago.errors import NotSupportedError, ProcessNotFoundError
from corago.ports.capability import Capability as Can
from corago.testing.backend_suite import deciding as say
from corago.testing.backend_suite.harness import BackendChecks, Bench, check, raises

Act = Callable[[], Awaitable[Any]]
Probe = Callable[[Bench, str], Awaitable[Act]]


def starting(**changes: Any) -> Probe:
    """Start a process so."""

    async def prepare(bench: Bench, name: str) -> Act:
        return lambda: bench.start(f"{name}/new", **changes)

    return prepare


def deciding(*decisions: Any) -> Probe:
    """Let a decider say this."""

    async def prepare(bench: Bench, name: str) -> Act:
        await bench.start(name)
        task = await bench.taken(name)
        return lambda: bench.decided(task, *decisions, keeps=True)

    return prepare


def letting_go(*decisions: Any) -> Probe:
    """Let a decider say this, and let the process go."""

    async def prepare(bench: Bench, name: str) -> Act:
        await bench.start(name)
        task = await bench.taken(name)
        return lambda: bench.decided(task, *decisions)

    return prepare


def asking(act: Callable[[Bench, str], Awaitable[Any]], *first: Any) -> Probe:
    """Do this with a process that has decided `first`, and waits."""

    async def prepare(bench: Bench, name: str) -> Act:
        await bench.begin(*first, process_id=name)
        return lambda: act(bench, name)

    return prepare


def working(act: Callable[[Bench, Any], Awaitable[Any]]) -> Probe:
    """Do this with an activity task."""

    async def prepare(bench: Bench, name: str) -> Act:
        await bench.begin(say.activity("a"), process_id=name)
        task = await bench.attempt("a")
        return lambda: act(bench, task)

    return prepare


async def adopting(bench: Bench, name: str) -> Act:
    """Let a process that nobody holds follow another definition."""
    await bench.begin(process_id=name)
    to = await bench.define("suite", 2)
    description = await bench.backend.describe(name)
    message = Adopt(bench.backend.program(to), to.sha, to.version)
    commit = unasked.adopt(description.program, description.snapshot, message, bench.clock.now())
    return lambda: bench.backend.adopt(description, to, commit)


async def leasing(bench: Bench, name: str) -> Act:
    """Take a process for a while."""
    await bench.start(name)
    worker, sha = await bench.worker(), (await bench.define()).sha
    return lambda: bench.backend.poll_decision_tasks(worker, [sha], 9, lease=timedelta(seconds=10))


ORDER = DocumentWrite("order", "1", 0, b"{}")

PROBES: list[tuple[Can, Probe]] = [
    (Can.INLINE, deciding(say.activity("a", queue=""))),
    (
        Can.DOCUMENTS,
        working(lambda bench, task: bench.done(task, documents=(ORDER,))),
    ),
    (Can.EXTERNAL_STORE, starting(external={"a": 1})),
    (Can.EXTERNAL_STORE, asking(lambda bench, name: bench.backend.send(name, Update({"a": 1})))),
    (Can.ABORT, asking(lambda bench, name: bench.backend.abort(name, "eve", None))),
    (
        Can.REOPENING,
        asking(
            lambda bench, name: bench.command("retry", name, reopens=True, targets={"*": 0}),
            say.fail("no"),
        ),
    ),
    (Can.ADOPTION, adopting),
    (Can.CONTINUE_AS_NEW, letting_go(say.renew())),
    (Can.PROCESS_TIMEOUT, starting(timeout=30.0)),
    (Can.DECISION_LEASES, leasing),
    (Can.SIGNAL_KEYS, asking(lambda bench, name: bench.signal("s", name, key="k"))),
    (Can.SIGNALS_BETWEEN, deciding(say.signal("q", "hello"))),
    (Can.TAGS, starting(tags=("a",))),
    (Can.LISTING, asking(lambda bench, _: bench.backend.find(say.query()))),
    (Can.LISTING, asking(lambda bench, _: bench.backend.count(say.query()))),
    (Can.PAUSE, asking(lambda bench, _: bench.backend.pause(True))),
    (Can.TIMER_DATA, deciding(say.timer("t", 5, {"n": 1}))),
    (Can.CHILD_ABANDON, deciding(say.child("c", policy="abandon"))),
    (Can.CHILD_TERMINATE, deciding(say.child("c", policy="terminate"))),
    (Can.CHILD_REQUEST_CANCEL, deciding(say.child("c", policy="request_cancel"))),
    (Can.DELAYED_ACTIVITIES, deciding(say.activity("a", retry=Retry(delay=10)))),
    (
        Can.RETURNED_ACTIVITIES,
        working(
            lambda bench, task: bench.backend.return_activity_tasks(
                task.owner, [task.number], bench.clock.now()
            )
        ),
    ),
    (
        Can.COMPLETION_TOKENS,
        working(lambda bench, task: bench.backend.detach_activity_task(task)),
    ),
    (
        Can.COMPLETION_TOKENS,
        working(lambda bench, task: bench.backend.find_activity_task(task.token)),
    ),
    (
        Can.HEARTBEAT_DETAILS,
        working(lambda bench, task: bench.backend.heartbeat_activity_task(task, 1, says=True)),
    ),
    (Can.SCHEDULE_TO_START, deciding(say.activity("a", schedule_to_start=30.0))),
    (Can.START_TO_CLOSE, deciding(say.activity("a", timeout=30.0))),
    (Can.SCHEDULE_TO_CLOSE, deciding(say.activity("a", schedule_to_close=30.0))),
    (Can.HEARTBEAT_TIMEOUT, deciding(say.activity("a", heartbeat=30.0))),
    (Can.LARGE_VALUES, starting(given="x" * 40_000)),
    (Can.LARGE_VALUES, deciding(say.marker("m", "x" * 40_000))),
    (Can.LARGE_VALUES, asking(lambda bench, name: bench.signal("s", name, data="x" * 40_000))),
]


class RefusalChecks(BackendChecks):
    """`capabilities`."""

    @check()
    async def test_what_a_backend_lacks_it_refuses_by_name(self, bench: Bench) -> None:
        """[B71] Before anything is written; nothing is emulated silently."""
        for number, (capability, probe) in enumerate(PROBES):
            if bench.has(capability):
                continue
            act = await probe(bench, f"p{number}")
            before = await self._seen(bench, f"p{number}")
            with raises(NotSupportedError, repr(capability.value)) as caught:
                await act()
            assert await self._seen(bench, f"p{number}") == before
            error = caught[0]
            assert isinstance(error, NotSupportedError)
            assert error.capability == capability.value

    @check()
    async def test_what_a_backend_has_it_does_not_refuse(self, bench: Bench) -> None:
        """[B71]."""
        for number, (capability, probe) in enumerate(PROBES):
            if bench.has(capability):
                act = await probe(bench, f"p{number}")
                await act()
                if bench.has(Can.PAUSE):
                    await bench.backend.pause(False)
                await bench.settle()
                await bench.poll_activities()

    @check()
    async def test_every_capability_is_one_of_the_list(self, bench: Bench) -> None:
        """[B71] And stays as it was said."""
        has = bench.backend.capabilities
        assert isinstance(has, frozenset)
        assert all(isinstance(each, Can) for each in has)
        assert bench.backend.capabilities == has

    async def _seen(self, bench: Bench, name: str) -> list[Any]:
        """All that a probe could have changed."""
        seen: list[Any] = [await bench.backend.pause()]
        for each in (name, f"{name}/new", f"{name}/c"):
            try:
                seen.append(await bench.picture(each))
            except ProcessNotFoundError:
                seen.append(None)
        return seen
