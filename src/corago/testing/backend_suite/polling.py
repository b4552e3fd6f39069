"""Checks of polling for decision tasks: each due process to one worker, with all it needs."""

from __future__ import annotations

import asyncio

from corago.core import events as e
from corago.ports.capability import Capability as Can
from corago.ports.rows import Refusal
from corago.testing.backend_suite import deciding as say
from corago.testing.backend_suite.harness import BackendChecks, Bench, check, ids


class PollChecks(BackendChecks):
    """`poll_decision_tasks`, `resume` and `pause`."""

    @check()
    async def test_a_task_tells_all_that_a_turn_needs(self, bench: Bench) -> None:
        """[B28] Program, snapshot, messages, and who it belongs to."""
        await bench.begin(say.activity("a"), say.timer("t", 60))
        await bench.signal()
        worker = await bench.worker("bob")
        task = await bench.taken(worker=worker)
        process = task.snapshot.process
        assert (task.process_id, task.owner, len(task.mail)) == ("p", worker, 1)
        assert (process.position, set(process.timers)) == ((await bench.row()).position, {"t"})
        assert task.sha == (await bench.define()).sha
        assert (await bench.row()).owner_name == "bob"
        await bench.decided(task, say.complete())

    @check()
    async def test_a_worker_takes_no_more_than_it_asked_for(self, bench: Bench) -> None:
        """[B26] [B29] And hears that more is due."""
        for number in range(5):
            await bench.start(f"p{number}")
        polled = await bench.poll(limit=2)
        assert len(polled.tasks) == 2
        assert polled.next_due is not None
        assert polled.next_due <= bench.clock.now()
        assert len((await bench.poll(limit=2)).tasks) == 2
        assert len((await bench.poll()).tasks) == 1

    @check()
    async def test_a_worker_that_has_no_room_only_looks(self, bench: Bench) -> None:
        """[B26] [B29]."""
        await bench.start()
        polled = await bench.poll(limit=0)
        assert (ids(polled), polled.next_due) == ([], bench.clock.now())
        await bench.taken()

    @check()
    async def test_who_is_due_longest_is_taken_first(self, bench: Bench) -> None:
        """[B26] Not the oldest, and not who wrote last."""
        for name, seconds in (("b", 2), ("c", 3), ("a", 1), ("d", 4)):
            await bench.begin(say.timer("t", seconds), process_id=name)
        bench.clock.advance(10)
        assert ids(await bench.poll(limit=3)) == ["a", "b", "c"]
        assert ids(await bench.poll()) == ["d"]

    @check()
    async def test_a_worker_gets_only_what_it_has_the_code_for(self, bench: Bench) -> None:
        """[B26]."""
        one, two = await bench.define("one"), await bench.define("two")
        await bench.start("p1", definition=one)
        await bench.start("p2", definition=two)
        assert ids(await bench.poll(shas=[])) == []
        assert ids(await bench.poll(shas=[two.sha])) == ["p2"]
        assert ids(await bench.poll(shas=[two.sha, one.sha])) == ["p1"]

    @check()
    async def test_its_calendar_is_that_by_which_things_are_due(self, bench: Bench) -> None:
        """[B77] Of who keeps the data; it shows this whoever polls, and whatever for."""
        worker = await bench.worker()
        for seconds in (0.0, 12.345678, 1e6):
            bench.clock.advance(seconds)
            await bench.poll(worker=worker)
            assert bench.backend.clock.now() == bench.clock.now()
            await bench.backend.poll_activity_tasks(worker, [], [], 1)
            assert bench.backend.clock.now() == bench.clock.now()

    @check()
    async def test_a_process_is_due_at_its_instant_and_not_before(self, bench: Bench) -> None:
        """[B26] [B37]."""
        await bench.begin(say.timer("t", 10))
        bench.clock.advance(9.999)
        assert ids(await bench.poll()) == []
        bench.clock.advance(0.001)
        await bench.taken()

    @check()
    async def test_a_worker_hears_when_to_come_again(self, bench: Bench) -> None:
        """[B29] The earliest instant of its own; what is held or waits for ever does not count."""
        one, two = await bench.define("one"), await bench.define("two")
        now = bench.clock.now()
        for name, seconds in (("b", 20), ("a", 10), ("c", 30)):
            await bench.begin(say.timer("t", seconds), process_id=name, definition=one)
        await bench.begin(say.timer("t", 5), process_id="d", definition=two)
        await bench.begin(process_id="e", definition=one)
        await bench.start("f", definition=one)
        await bench.taken("f")
        for shas, seconds in (([one.sha], 10), ([one.sha, two.sha], 5)):
            polled = await bench.poll(shas=shas)
            assert polled.next_due is not None
            assert (polled.next_due - now).total_seconds() == seconds
        assert (await bench.poll(shas=[])).next_due is None

    @check()
    async def test_there_may_be_nothing_to_do(self, bench: Bench) -> None:
        """[B29] [B30]."""
        await bench.define()
        polled = await bench.poll()
        assert (polled.tasks, polled.next_due, polled.paused) == ((), None, False)

    @check()
    async def test_who_is_taken_is_not_taken_again(self, bench: Bench) -> None:
        """[B27] Neither by another worker nor by the same, however late."""
        await bench.start()
        await bench.taken()
        await bench.signal()
        bench.clock.advance(24 * 3600)
        for name in ("ann", "bob"):
            assert ids(await bench.poll(await bench.worker(name))) == []

    @check()
    async def test_workers_that_poll_at_once_share_what_is_due(self, bench: Bench) -> None:
        """[B27] Over two objects; nothing is taken twice, nothing is left."""
        other = await bench.second()
        sha = (await bench.define()).sha
        for number in range(30):
            await bench.start(f"p{number}")
        workers = [await bench.worker(f"w{number}") for number in range(6)]
        answers = await asyncio.gather(
            *(
                backend.poll_decision_tasks(worker, [sha], 6)
                for backend, worker in zip([bench.backend, other] * 3, workers, strict=True)
            )
        )
        taken = [name for polled in answers for name in ids(polled)]
        assert len(taken) == len(set(taken)) == 30
        for polled, worker in zip(answers, workers, strict=True):
            assert {each.owner for each in polled.tasks} <= {worker}

    @check()
    async def test_workers_that_decide_at_once_do_not_mix(self, bench: Bench) -> None:
        """[B27] [B34] Each process gets the one decision that was made for it."""
        for number in range(8):
            await bench.start(f"p{number}", given=number)
        tasks = (await bench.poll()).tasks
        await asyncio.gather(
            *(bench.decided(each, say.complete(each.process_id)) for each in tasks)
        )
        for number in range(8):
            (end,) = await bench.events(e.ProcessCompleted, process_id=f"p{number}")
            assert end.result == f"p{number}"

    @check(Can.PAUSE)
    async def test_while_it_is_paused_nothing_is_handed_out(self, bench: Bench) -> None:
        """[B30] And it says why; afterwards all is as it was."""
        await bench.start()
        assert not await bench.backend.pause()
        assert await bench.backend.pause(True)
        async with bench.unchanged():
            polled = await bench.poll()
        assert (ids(polled), polled.paused) == ([], True)
        assert not await bench.backend.pause(False)
        assert not (await bench.poll(limit=0)).paused
        await bench.taken()

    @check(Can.PAUSE)
    async def test_a_pause_holds_for_all_and_over_restarts(self, bench: Bench) -> None:
        """[B30] [B01]."""
        other = await bench.second()
        await bench.start()
        await bench.backend.pause(True)
        assert await other.pause()
        await bench.restart()
        assert await bench.backend.pause()
        assert ids(await bench.poll()) == []

    @check(Can.PAUSE)
    async def test_while_it_is_paused_what_comes_is_taken_in(self, bench: Bench) -> None:
        """[B30] Starts, signals, decisions and outcomes of what ran already."""
        activity = await bench.scheduled(say.activity("a"))
        await bench.start("q")
        task = await bench.taken("q")
        await bench.backend.pause(True)
        assert (await bench.start("r")).is_new
        await bench.signal()
        assert await bench.done(activity)
        await bench.decided(task, say.complete())
        assert len(await bench.inbox()) == 2

    @check()
    async def test_a_holder_takes_up_its_task_again(self, bench: Bench) -> None:
        """[B32] As it is now, with what has come since, after an answer was lost."""
        await bench.start()
        worker = await bench.worker()
        task = await bench.taken()
        await bench.decided(task, say.timer("t", 60), keeps=True)
        await bench.signal("meanwhile")
        again = await bench.backend.resume("p", worker)
        assert again is not None
        assert set(again.snapshot.process.timers) == {"t"}
        assert [each.message for each in again.mail] == [say.message("meanwhile")]
        await bench.decided(again, say.complete())

    @check()
    async def test_who_does_not_hold_a_process_takes_nothing_up(self, bench: Bench) -> None:
        """[B32] Neither another one, nor who has let go, nor of a process that is not there."""
        await bench.start()
        bob = await bench.worker("bob")
        task = await bench.taken()
        assert await bench.backend.resume("p", bob) is None
        await bench.decided(task)
        assert await bench.backend.resume("p", await bench.worker()) is None
        assert await bench.backend.resume("nobody", bob) is None


class LeaseChecks(BackendChecks):
    """`poll_decision_tasks` with a lease."""

    @check(Can.DECISION_LEASES)
    async def test_a_lease_holds_until_its_end(self, bench: Bench) -> None:
        """[B31] And then anybody gets the process, told who had it."""
        await bench.start()
        await bench.leased(await bench.worker("ann"), 10)
        bob = await bench.worker("bob")
        bench.clock.advance(9.9)
        polled = await bench.poll(bob)
        assert ids(polled) == []
        bench.clock.advance(0.1)
        task = await bench.taken(worker=bob)
        assert task.lost_owner == "ann"
        await bench.decided(task, say.complete())
        assert "LeaseLost" in await bench.kinds()

    @check(Can.DECISION_LEASES)
    async def test_a_worker_hears_when_a_lease_ends(self, bench: Bench) -> None:
        """[B31] [B29]."""
        await bench.start()
        await bench.leased(await bench.worker("ann"), 10)
        polled = await bench.poll(await bench.worker("bob"))
        assert polled.next_due is not None
        assert (polled.next_due - bench.clock.now()).total_seconds() == 10

    @check(Can.DECISION_LEASES)
    async def test_a_decision_that_comes_after_the_lease_is_refused(self, bench: Bench) -> None:
        """[B31] [B35] Once somebody else has the process; nothing of it is written."""
        await bench.start()
        late = await bench.leased(await bench.worker("ann"), 10)
        bench.clock.advance(10)
        task = await bench.taken(worker=await bench.worker("bob"))
        async with bench.unchanged():
            for decision in (say.complete("late"), say.activity("a"), say.timer("t", 1)):
                assert await bench.answer(late, decision) is Refusal.FENCED
            assert await bench.backend.resume("p", await bench.worker("ann")) is None
        assert (await bench.poll_activities()).tasks == ()
        await bench.decided(task, say.complete("in time"))
        assert (await bench.events(e.ProcessCompleted))[0].result == "in time"

    @check(Can.DECISION_LEASES)
    async def test_who_decides_within_its_lease_leaves_no_loss(self, bench: Bench) -> None:
        """[B31] [B37] A lease ends with the task: parked, the process waits as any other."""
        await bench.start()
        task = await bench.leased(await bench.worker("ann"), 10)
        bench.clock.advance(9)
        await bench.decided(task, say.timer("t", 60))
        bench.clock.advance(30)
        assert ids(await bench.poll(await bench.worker("bob"))) == []
        bench.clock.advance(30)
        assert (await bench.taken()).lost_owner is None

    @check(Can.DECISION_LEASES)
    async def test_a_task_without_a_lease_lasts_as_long_as_its_worker(self, bench: Bench) -> None:
        """[B31] [B27]."""
        await bench.start()
        task = await bench.taken()
        bench.clock.advance(7 * 86400)
        assert ids(await bench.poll(await bench.worker("bob"))) == []
        await bench.decided(task, say.complete())

    @check(Can.DECISION_LEASES)
    async def test_a_process_whose_lease_ran_out_is_taken_by_one(self, bench: Bench) -> None:
        """[B31] [B27] Of all who look at once; and its new lease holds as the old one did."""
        await bench.start()
        await bench.leased(await bench.worker("ann"), 10)
        bench.clock.advance(10)
        workers = [await bench.worker(name) for name in ("bob", "cat", "dan")]
        answers = await asyncio.gather(*(bench.poll(each) for each in workers))
        assert sorted(len(each.tasks) for each in answers) == [0, 0, 1]
        bench.clock.advance(1)
        assert ids(await bench.poll()) == []
