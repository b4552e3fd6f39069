"""The audit of a whole store: silent where all is well, and heard for each thing that is not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from corago import State, child, conditional, sleep, wait_for
from corago import step as step_of
from corago.backends.local import LocalBackend
from corago.core import codec
from corago.core import events as e
from corago.decider import CompleteProcess, ContinueAsNew, Process
from corago.runtime.auditing import Audit, audit
from corago.stores.memory import MemoryStore
from corago.wiring import KINDS
from tests.runtime.deciders import decider
from tests.runtime.families import named
from tests.runtime.stage import Stage, listing, reaches
from tests.runtime.test_machines import door

Events = list[e.Event]
replace = msgspec.structs.replace


@step_of("First")
def first(n: int) -> State:
    return {"n": n + 1}


@step_of("Second")
def second(n: int) -> State:
    return {"n": n * 2}


@step_of("Third")
def third(n: int) -> State:
    return {"n": n - 1}


@step_of("Far", queue="gpu")
def far() -> State:
    return {}


def is_large(n: int) -> bool:
    return n > 1


PART = named("Part", first, wait_for("go"), second)
AWAY = listing(far)
PARENT = listing(first, conditional(is_large)(third), child(PART), second)


def _begin_anew(process: Process) -> Any:
    return CompleteProcess(process.run) if process.run == 2 else ContinueAsNew({"n": 2})


RUNS = decider(_begin_anew)


def filled() -> MemoryStore:
    """A store with a process of each door, a parent that waits for its child, and one that has."""
    stage = Stage(PART, PARENT, AWAY, door, RUNS)

    async def story() -> None:
        async with stage.engine() as engine:
            for name in ("ended", "waiting"):
                await engine.start(PARENT, {"n": 1}, id=name)
                await reaches(engine, name, "waiting")
            await reaches(engine, "ended/Part", "waiting")
            await engine.signal("ended/Part", "go", key="k")
            await engine.wait("ended", timeout=60)
            await (await engine.start(RUNS, {"n": 1}, id="runs")).result(timeout=60)
            await engine.start(AWAY, id="away")
            await engine.start(door, id="door")
            for event in ("open", "close"):
                await reaches(engine, "door", "waiting")
                await engine.signal("door", event)
            await reaches(engine, "door", "waiting")
            await reaches(engine, "waiting/Part", "waiting")
            await reaches(engine, "away", "waiting")

    stage.run(story())
    return stage.store


def audited(store: MemoryStore) -> tuple[list[str], Audit]:
    """What an audit says of a store."""

    async def look() -> tuple[list[str], Audit]:
        await store.open()
        looking = audit(LocalBackend(store, store._clock, KINDS))
        return [finding async for finding in looking], looking

    return asyncio.run(look())


def edit(store: MemoryStore, id: str, change: Callable[[Events], Events]) -> None:
    """Write the history of a process anew; positions follow."""
    kept = store._processes[id]
    events = change([codec.decode_event(text) for text in kept.events])
    kept.events = [
        codec.encode_event(replace(event, position=number))
        for number, event in enumerate(events, start=1)
    ]


def put(store: MemoryStore, id: str, **fields: Any) -> None:
    for name, value in fields.items():
        setattr(store._processes[id], name, value)


def test_what_engines_have_written_is_sound() -> None:
    found, looking = audited(filled())
    assert found == []
    assert looking.processes == 7
    assert looking.events == 32
    assert looking.encoded == []


def _swapped(events: Events) -> Events:
    """The second step has ended before the first."""
    ends = [n for n, each in enumerate(events) if isinstance(each, e.ActivityClosed)]
    one, other = ends[:2]
    was = [each.at for each in events]
    events[one], events[other] = events[other], events[one]
    return [replace(each, at=at) for each, at in zip(events, was, strict=True)]


def _without(kind: type[e.Event]) -> Callable[[Events], Events]:
    return lambda events: [each for each in events if not isinstance(each, kind)]


def _with(kind: type[e.Event], **fields: Any) -> Callable[[Events], Events]:
    return lambda events: [
        replace(each, **fields) if isinstance(each, kind) else each for each in events
    ]


def _a_law(store: MemoryStore) -> None:
    edit(store, "ended", _with(e.ActivityClosed, attempt=2))


def _the_order(store: MemoryStore) -> None:
    def early(events: Events) -> Events:
        """The last step has ended before its signal came."""
        return [*events[:-3], replace(events[-2], at=events[-4].at), events[-3], events[-1]]

    edit(store, "ended/Part", early)


def _two_steps(store: MemoryStore) -> None:
    edit(store, "ended", _swapped)


def _a_predicate(store: MemoryStore) -> None:
    edit(store, "ended", _without(e.PredicateAnswered))


def _a_transition(store: MemoryStore) -> None:
    def other_way(events: Events) -> Events:
        return [*events[:-2], events[-2], replace(events[-1], source="opened", target="locked")]

    edit(store, "door", other_way)


def _the_end_of_a_commit(store: MemoryStore) -> None:
    edit(store, "ended", lambda v: v[:-1])
    put(store, "ended", status="waiting")


def _snapshot(store: MemoryStore) -> None:
    kept = store._processes["waiting"]
    backend = LocalBackend(store, store._clock, KINDS)

    async def snapshot() -> bytes:
        await store.open()
        found = (await backend.describe("waiting")).snapshot
        process = replace(found.process, external={"spoiled": True})
        return codec.encode_snapshot(replace(found, process=process))

    text = asyncio.run(snapshot())
    tag = f"{codec.CODEC}:{kept.definition.sha}"
    put(store, "waiting", snapshot=text, snapshot_tag=tag, snapshot_position=kept.position)


def _lost_definition(store: MemoryStore) -> None:
    kept = store._processes["door"]
    kept.definition = replace(kept.definition, sha="f" * 64)


def _orphan(store: MemoryStore) -> None:
    del store._processes["ended"]


def _foundling(store: MemoryStore) -> None:
    edit(store, "door", _with(e.ProcessStarted, parent="ended", parent_path="Part"))
    put(store, "door", born=replace(store._processes["door"].born, parent="ended"))


def _lost_child(store: MemoryStore) -> None:
    del store._processes["ended/Part"]


def _other_end(store: MemoryStore) -> None:
    edit(store, "ended/Part", _with(e.ProcessCompleted, result={"n": 77}))


def _untold(store: MemoryStore) -> None:
    def aborted(events: Events) -> Events:
        return [*events, e.ProcessAborted(position=0, at=events[-1].at)]

    edit(store, "waiting/Part", aborted)
    put(store, "waiting/Part", status="aborted", due_us=None)


def _unread(store: MemoryStore) -> None:
    store._processes["door"].events[1] = b'{"type":"Nonsense","position":2}'


def _senseless(store: MemoryStore) -> None:
    edit(store, "door", _with(e.Transitioned, edge="states/nowhere/on/7", target="nowhere"))


def _lost_task(store: MemoryStore) -> None:
    store._tasks.clear(store._processes["away"])


def _no_end_of_a_run(store: MemoryStore) -> None:
    store._processes["runs"].past[0].pop()


def _another_input(store: MemoryStore) -> None:
    edit(store, "runs", _with(e.ProcessStarted, input={"n": 3}))


SPOILED: dict[Callable[[MemoryStore], None], tuple[str, str]] = {
    _a_law: ("ended", "attempt 2, and not 1"),
    _the_order: ("ended/Part", "'Second', but it wants"),
    _two_steps: ("ended", "but it wants 'First' to run"),
    _a_predicate: ("ended", "but it wants to record PredicateAnswered"),
    _a_transition: ("door", "Transitioned, but it wants"),
    _the_end_of_a_commit: ("ended", "lacks ProcessCompleted"),
    _snapshot: ("waiting", "its kept snapshot is not what its history comes to"),
    _lost_definition: ("door", "is missing"),
    _orphan: ("ended/Part", "its parent 'ended' is not there"),
    _foundling: ("door", "its parent 'ended' has not started it at 'Part'"),
    _lost_child: ("ended", "its child 'ended/Part' of 'Part' is not there"),
    _other_end: ("ended", "is said to be completed, which it has not said"),
    _untold: ("waiting", "is aborted, and it was not told"),
    _unread: ("door", "'Nonsense' is unknown"),
    _senseless: ("door", ""),
    _lost_task: ("away", "what it waits for, 'Far', stands in no queue"),
    _no_end_of_a_run: ("runs", "a run follows"),
    _another_input: ("runs", "the run before says another input"),
    lambda s: put(s, "ended", status="running"): ("ended", "its row says running"),
    lambda s: put(s, "waiting", status="failed"): ("waiting", "its row says failed"),
    lambda s: put(s, "ended", tags=("gold",)): ("ended", "its row says tags ('gold',)"),
}


@pytest.mark.parametrize("spoil", SPOILED)
def test_what_was_spoiled_is_found(spoil: Callable[[MemoryStore], None]) -> None:
    store = filled()
    spoil(store)
    found, _ = audited(store)
    id, said = SPOILED[spoil]
    mine = [text for text in found if text.startswith(f"process {id}: ")]
    assert any(said in text for text in mine), found


def test_a_process_that_nothing_wakes_to_take_what_came_for_it_is_found() -> None:
    body = listing(wait_for("go"))
    stage = Stage(body)

    async def story() -> None:
        async with stage.engine() as engine:
            await engine.start(body, id="p")
            await reaches(engine, "p", "waiting")
        async with stage.client() as client:
            await client.signal("p", "go")

    stage.run(story())
    assert audited(stage.store)[0] == []
    put(stage.store, "p", due_us=None)
    (found,) = audited(stage.store)[0]
    assert "a Signal waits in its inbox, and by its row nothing wakes it" in found


def test_a_failed_process_is_to_be_woken_by_a_command_and_by_nothing_else() -> None:
    broken = step_of("Broken")(raising)
    stage = Stage(body := listing(broken))

    async def story() -> None:
        async with stage.engine() as engine:
            await engine.start(body, id="p")
            await reaches(engine, "p", "failed")
        async with stage.client() as client:
            await client.retry("p")

    stage.run(story())
    assert audited(stage.store)[0] == []
    put(stage.store, "p", due_us=None)
    (found,) = audited(stage.store)[0]
    assert "a Command waits in its inbox" in found


def raising() -> None:
    raise OSError("no")


ASLEEP = listing(sleep(3600))


@pytest.mark.parametrize("due_us", [None, 2**60])
def test_a_process_that_nothing_wakes_in_time_is_found(due_us: int | None) -> None:
    stage = Stage(ASLEEP)

    async def story() -> None:
        async with stage.engine() as engine:
            await engine.start(ASLEEP, id="asleep")
            await reaches(engine, "asleep", "waiting")

    stage.run(story())
    assert audited(stage.store)[0] == []
    put(stage.store, "asleep", due_us=due_us)
    (found,) = audited(stage.store)[0]
    assert "it waits for" in found
    assert "by its row" in found
