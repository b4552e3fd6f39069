"""Checks of workers, of values that come back as they went, and of who is told of changes."""

from __future__ import annotations

from typing import Any

from corago.core import events as e
from corago.core.commit import Commit
from corago.core.tasks import Hold
from corago.ports.capability import Capability as Can
from corago.testing.backend_suite import deciding as say
from corago.testing.backend_suite.harness import BackendChecks, Bench, check, paths


class WorkerChecks(BackendChecks):
    """`heartbeat`, `peers` and `bury`."""

    @check()
    async def test_a_worker_is_registered_and_renewed(self, bench: Bench) -> None:
        """[B65] [B68] Each one has its own id, also of one name."""
        one = await bench.backend.heartbeat("ann")
        two = await bench.backend.heartbeat("ann")
        assert one != two
        assert 0 not in (one, two)
        before = {each.id: each.beat for each in await bench.backend.peers()}
        assert await bench.backend.heartbeat("ann", one) == one
        after = {each.id: each.beat for each in await bench.backend.peers()}
        assert set(after) == {one, two}
        assert after[one] > before[one]
        assert after[two] == before[two]
        assert [each.name for each in await bench.backend.peers()] == ["ann", "ann"]

    @check()
    async def test_a_worker_that_was_struck_off_is_told_so(self, bench: Bench) -> None:
        """[B65] [B66] Whenever it comes."""
        worker = await bench.worker()
        await bench.backend.bury(worker)
        assert await bench.backend.peers() == []
        for _ in range(2):
            assert await bench.backend.heartbeat("ann", worker) == 0
        assert await bench.backend.peers() == []

    @check()
    async def test_what_a_worker_held_is_due_again(self, bench: Bench) -> None:
        """[B66] At once, and only that; the next one is told whose it was."""
        ann, bob = await bench.worker("ann"), await bench.worker("bob")
        for name in ("p", "q"):
            await bench.start(name)
        mine = (await bench.poll(ann, limit=1)).tasks[0]
        other = (await bench.poll(bob)).tasks[0]
        assert await bench.backend.bury(ann) == 1
        task = await bench.taken(mine.process_id, bob)
        assert task.lost_owner == "ann"
        await bench.decided(other, say.complete())
        await bench.decided(task, say.complete())
        lost = await bench.events(e.LeaseLost, process_id=task.process_id)
        assert [each.owner for each in lost] == ["ann"]
        assert await bench.events(e.LeaseLost, process_id=other.process_id) == ()

    @check()
    async def test_a_loss_is_told_once(self, bench: Bench) -> None:
        """[B66]."""
        await bench.start()
        ann = await bench.worker("ann")
        await bench.taken(worker=ann)
        await bench.backend.bury(ann)
        bob = await bench.worker("bob")
        task = await bench.taken(worker=bob)
        await bench.decided(task, say.timer("t", 5))
        bench.clock.advance(5)
        assert (await bench.taken(worker=bob)).lost_owner is None

    @check()
    async def test_a_loss_that_was_not_recorded_is_told_again(self, bench: Bench) -> None:
        """[B66] If who was told of it says so."""
        await bench.start()
        ann, bob = await bench.worker("ann"), await bench.worker("bob")
        await bench.taken(worker=ann)
        await bench.backend.bury(ann)
        task = await bench.taken(worker=bob)
        hold = Hold(keeps=False, due=bench.clock.now(), lost_owner=task.lost_owner)
        await bench.backend.complete_decision_task(
            task, Commit(task.snapshot), hold, consumed=task.consumed, seen=task.seen
        )
        assert (await bench.taken(worker=bob)).lost_owner == "ann"

    @check()
    async def test_a_worker_that_moved_is_not_struck_off(self, bench: Bench) -> None:
        """[B66] Who strikes off says which beat it has seen last."""
        worker = await bench.worker()
        await bench.start()
        task = await bench.taken(worker=worker)
        (seen,) = await bench.backend.peers()
        await bench.backend.heartbeat("ann", worker)
        assert await bench.backend.bury(worker, seen.beat) == 0
        assert await bench.backend.heartbeat("ann", worker) == worker
        await bench.decided(task, say.timer("t", 5))
        bench.clock.advance(5)
        await bench.taken(worker=worker)
        (seen,) = await bench.backend.peers()
        assert await bench.backend.bury(worker, seen.beat) == 1

    @check()
    async def test_activities_of_a_lost_worker_are_due_again(self, bench: Bench) -> None:
        """[B67] At once, with the loss counted; those of others are not touched."""
        await bench.begin(say.activity("a"), say.activity("b"))
        ann, bob = await bench.worker("ann"), await bench.worker("bob")
        mine = (await bench.poll_activities(ann, limit=1)).tasks[0]
        other = (await bench.poll_activities(bob)).tasks[0]
        await bench.backend.bury(ann)
        again = await bench.attempt(mine.attempt.path, bob)
        assert (again.losses, again.attempt.attempt) == (1, 1)
        assert await bench.done(other)
        assert await bench.done(again)

    @check()
    async def test_losses_of_an_activity_are_counted(self, bench: Bench) -> None:
        """[B67] So that what kills its workers is found out."""
        await bench.begin(say.activity("a"))
        for losses in range(4):
            worker = await bench.worker(f"w{losses}")
            assert (await bench.attempt("a", worker)).losses == losses
            await bench.backend.bury(worker)

    @check()
    async def test_a_canceled_activity_of_a_lost_worker_is_to_be_stopped(
        self, bench: Bench
    ) -> None:
        """[B67] [B52]."""
        worker = await bench.worker()
        await bench.scheduled(say.activity("a"), worker=worker)
        await bench.signal()
        await bench.turn(say.cancel_activity("a"))
        await bench.backend.bury(worker)
        bob = await bench.worker("bob")
        assert paths(await bench.poll_activities(bob)) == []
        task = await bench.attempt("a", bob, queue="")
        assert (task.stops, task.losses) == (True, 1)

    @check()
    async def test_who_leaves_properly_leaves_nothing_behind(self, bench: Bench) -> None:
        """[B66] [B68] It strikes itself off; nobody heard of a loss."""
        await bench.start()
        worker = await bench.worker()
        await bench.decided(await bench.taken(worker=worker), say.timer("t", 5))
        assert await bench.backend.bury(worker) == 0
        bench.clock.advance(5)
        assert (await bench.taken(worker=await bench.worker("bob"))).lost_owner is None


VALUES: dict[str, Any] = {
    "nothing": None,
    "flags": [True, False],
    "numbers": [0, -1, 1.5, -0.25, 2**53, 10**15, 1e300],
    "text": "Zoë said: “größer”, 注文, 🦔, \u200b, \\n \\u0000 \n\t\r and 'quotes' \"double\"",
    "composed": ["é", "e\u0301"],
    "nested": {"a": [{"b": {"c": [[], {}]}}]},
    "odd keys": {"": 1, " ": 2, "$blobs": 3, "type": "ProcessStarted", "é": 4},
    "order": {"z": 1, "a": 2},
}


class ValueChecks(BackendChecks):
    """Inputs, results and data come back as they went."""

    @check()
    async def test_values_come_back_as_they_went(self, bench: Bench) -> None:
        """[B72] Input, signal data, activity input and result, marker and result."""
        await bench.begin(say.activity("a", given=VALUES), say.marker("m", VALUES), given=VALUES)
        task = await bench.attempt("a")
        assert task.attempt.input["input"] == VALUES
        await bench.done(task, VALUES)
        await bench.signal("s", data=VALUES)
        await bench.turn(say.complete(VALUES))
        started, *_ = history = await bench.backend.history("p")
        assert isinstance(started, e.ProcessStarted)
        assert started.input == VALUES
        assert list(started.input) == list(VALUES)
        assert list(started.input["order"]) == ["z", "a"]
        assert history.of(e.MarkerRecorded)[0].details == VALUES
        assert history.of(e.SignalReceived)[0].data == VALUES
        assert history.of(e.ActivityClosed)[0].result == e.ActivityCompleted(VALUES)
        assert history.of(e.ProcessCompleted)[0].result == VALUES

    @check(Can.LARGE_VALUES)
    async def test_large_values_come_back_whole(self, bench: Bench) -> None:
        """[B72] [B34] [B01] Half a megabyte each, also over a restart."""
        texts = [f"größer {number} " * 50_000 for number in range(5)]
        await bench.begin(say.activity("a", given=texts[1]), given={"text": texts[0]})
        task = await bench.attempt("a")
        assert task.attempt.input["input"] == texts[1]
        await bench.done(task, {"text": texts[2]})
        await bench.signal("s", data=[texts[3]])
        await bench.restart()
        await bench.turn(say.complete(texts[4]))
        await bench.restart()
        history = await bench.backend.history("p")
        assert history.of(e.ProcessStarted)[0].input == {"text": texts[0]}
        assert history.of(e.ActivityClosed)[0].result.result == {"text": texts[2]}
        assert history.of(e.SignalReceived)[0].data == [texts[3]]
        assert history.of(e.ProcessCompleted)[0].result == texts[4]

    @check()
    async def test_many_small_things_fit_into_one_commit(self, bench: Bench) -> None:
        """[B34] [B46]."""
        await bench.begin(*(say.activity(f"a{number}", given=number) for number in range(90)))
        taken = []
        for _ in range(3):
            tasks = (await bench.poll_activities(limit=40)).tasks
            taken += [(each.attempt.path, each.attempt.input["input"]) for each in tasks]
        assert sorted(taken) == sorted((f"a{number}", number) for number in range(90))

    @check()
    async def test_names_of_all_kinds_are_told_apart(self, bench: Bench) -> None:
        """[B72] [B46] Of activities, timers and signals."""
        names = ["a", "A", "é", "e\u0301", "注文", "a b", "a/b", "a#2", "a@1", "🦔"]
        await bench.begin(*map(say.activity, names), *(say.timer(name, 5) for name in names))
        assert sorted(paths(await bench.poll_activities())) == sorted(names)
        bench.clock.advance(5)
        for name in names:
            await bench.signal(name)
        await bench.turn()
        assert {each.timer for each in await bench.events(e.TimerFired)} == set(names)
        assert [each.name for each in await bench.events(e.SignalReceived)] == names


class HearingChecks(BackendChecks):
    """`subscribe` and `stirred`."""

    @check()
    async def test_a_listener_hears_what_it_has_to_do(self, bench: Bench) -> None:
        """[B69] Of processes that are due, of messages for who holds one, of tasks, of ends."""
        ears = bench.listen()
        await bench.start()
        await ears.wait("runnable")
        task = await bench.taken()
        await bench.signal()
        await ears.wait("message")
        task = await bench.decided(task, say.activity("a"), keeps=True)
        await ears.wait("task")
        fresh = await bench.backend.mail(task)
        await bench.decided(task, say.complete(), fresh=fresh)
        await ears.wait("closed")

    @check(Can.CHILD_ABANDON, Can.SIGNALS_BETWEEN)
    async def test_a_listener_hears_of_others_processes_too(self, bench: Bench) -> None:
        """[B69] Of a child that is born, and of who is signaled by a process."""
        await bench.begin(process_id="q")
        ears = bench.listen()
        await bench.begin(say.child("c"), say.signal("q", "hello"))
        await ears.wait("runnable", "p/c")
        await ears.wait("runnable", "q")

    @check()
    async def test_who_has_enough_hears_no_more(self, bench: Bench) -> None:
        """[B69]."""
        heard: list[Any] = []
        stop = bench.backend.subscribe(heard.append)
        stop()
        ears = bench.listen()
        await bench.start()
        await ears.wait("runnable")
        assert heard == []

    @check()
    async def test_what_another_object_wrote_is_heard_or_stirs(self, bench: Bench) -> None:
        """[B70] Nobody has to look for news that can't be there."""
        first, other = bench.backend, await bench.second()
        bench.backend = other
        ears = bench.listen()
        other.stirred()
        bench.backend = first
        await bench.start()
        await bench.step()
        assert ears.heard or other.stirred()
