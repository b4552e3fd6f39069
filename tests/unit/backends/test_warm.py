"""What was let go of here is taken again as it was, unless somebody else has moved it on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from corago.backends.local import LocalBackend
from corago.backends.local.warm import Warm
from corago.clock import SystemClock
from corago.core import kernel
from corago.core import messages as m
from corago.core.calls import LiveCalls, Past
from corago.core.process import Process
from corago.core.program import Program, Snapshot
from corago.core.tasks import DecisionTask, Hold
from corago.decider.program import DeciderProgram
from corago.ports.backend import Start
from corago.ports.store import Definition, Instance
from corago.stores.memory import MemoryStore
from tests.unit.core.test_codec import NOW

DOCUMENT = {"kind": "decider", "name": "w", "version": 1, "activities": []}
TEXT = msgspec.json.encode(DOCUMENT)
PROGRAM: Program[Any] = DeciderProgram(DOCUMENT)


def task(instance: int, *, position: int = 3, size: int = 10, sha: str = "0") -> DecisionTask:
    process = Process(f"p{instance}", "w", sha, position, NOW)
    snapshot = Snapshot(process, None)
    return DecisionTask(process.id, sha, PROGRAM, snapshot, instance, 1, 1, unsaved=size)


def row(instance: int, *, run: int = 1, position: int = 3, sha: str = "0") -> Instance:
    fields: Mapping[str, Any] = {
        field.name: 0 for field in msgspec.structs.fields(Instance) if field.required
    }
    known = {"instance": instance, "run": run, "position": position, "sha": sha}
    return Instance(**{**fields, **known})


def test_a_row_that_has_not_moved_finds_its_task() -> None:
    warm = Warm(100)
    warm.keep(task(1))
    assert warm.find(row(1)) == task(1)
    assert warm.find(row(2)) is None


def test_a_row_that_has_moved_on_in_any_way_finds_none() -> None:
    warm = Warm(100)
    warm.keep(task(1))
    assert warm.find(row(1, position=4)) is None
    assert warm.find(row(1, run=2)) is None
    assert warm.find(row(1, sha="1")) is None


def test_what_is_kept_is_bounded_and_the_oldest_goes_first() -> None:
    warm = Warm(30)
    for instance in (1, 2, 3):
        warm.keep(task(instance))
    warm.keep(task(1, position=4))
    warm.keep(task(4))
    assert [warm.find(row(instance)) is None for instance in (2, 3, 4)] == [True, False, False]
    assert warm.find(row(1, position=4)) is not None
    warm.keep(task(5, size=31))
    assert all(warm.find(row(instance)) is None for instance in (3, 4, 5))


def test_what_is_forgotten_makes_room() -> None:
    warm = Warm(20)
    for instance in (1, 2):
        warm.keep(task(instance))
    warm.forget(1)
    warm.forget(7)
    warm.keep(task(3))
    assert warm.find(row(2)) is not None


async def taken(backend: LocalBackend, worker: int) -> DecisionTask:
    (found,) = (await backend.poll_decision_tasks(worker, ["s"], 1)).tasks
    return found


async def parked(backend: LocalBackend, worker: int) -> Snapshot:
    """Take the process, let it take what has come, and let it go."""
    found = await taken(backend, worker)
    messages = [each.message for each in found.mail]
    calls = LiveCalls({"decide": lambda _: []}, Past())
    commit = kernel.advance(PROGRAM, found.snapshot, messages, SystemClock().now(), calls)
    seen = found.mail[-1].seq if found.mail else found.seen
    hold = Hold(keeps=False)
    await backend.complete_decision_task(found, commit, hold, consumed=seen, seen=seen)
    return commit.snapshot


def test_a_process_is_taken_as_it_was_let_go_of_and_anew_if_others_had_it() -> None:
    async def story() -> None:
        clock = SystemClock()
        store = MemoryStore(clock)
        ours, theirs = (LocalBackend(store, clock, {}) for _ in range(2))
        workers, definition = [], Definition("w", 1, "s", TEXT)
        for backend in (ours, theirs):
            await backend.open()
            definition = await backend.define(definition, PROGRAM)
            workers.append(await backend.heartbeat("worker"))
        await ours.start(Start("p", definition, None))
        first = await parked(ours, workers[0])
        await ours.send("p", m.Signal("one"))
        again = await taken(ours, workers[0])
        assert again.snapshot is first
        assert [type(each.message) for each in again.mail] == [m.Signal]
        await ours.bury(workers[0])
        second = await parked(theirs, workers[1])
        await ours.send("p", m.Signal("two"))
        worker = await ours.heartbeat("worker")
        found = (await taken(ours, worker)).snapshot
        assert found.process == second.process
        assert found.state == second.state

    asyncio.run(story())
