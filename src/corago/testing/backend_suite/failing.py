"""Checks of deciders that can't answer, and of processes that seem to kill their workers."""

from __future__ import annotations

from corago.core import events as e
from corago.testing.backend_suite import deciding as say
from corago.testing.backend_suite.harness import BackendChecks, Bench, check, ids


class FailureChecks(BackendChecks):
    """A decider that could not answer, and processes that seem to kill their workers."""

    @check()
    async def test_a_decider_that_failed_is_asked_again_later(self, bench: Bench) -> None:
        """[B45] [B38] The messages stay, the count is told, and no event is written."""
        await bench.begin()
        await bench.signal("ask")
        for count in range(3):
            task = await bench.taken()
            assert (task.failures, [each.message for each in task.mail]) == (
                count,
                [say.message("ask")],
            )
            history = tuple(await bench.backend.history("p"))
            assert await bench.put_off(task, seconds=2**count)
            assert tuple(await bench.backend.history("p")) == history
            bench.clock.advance(2**count - 0.1)
            assert ids(await bench.poll()) == []
            bench.clock.advance(0.1)
        await bench.turn(say.complete())
        assert (await bench.kinds())[-2:] == ["SignalReceived", "ProcessCompleted"]

    @check()
    async def test_an_answer_ends_the_counting_of_failures(self, bench: Bench) -> None:
        """[B45]."""
        await bench.begin()
        await bench.signal()
        await bench.put_off(await bench.taken(), seconds=1)
        bench.clock.advance(1)
        await bench.turn(say.timer("t", 5))
        bench.clock.advance(5)
        assert (await bench.taken()).failures == 0

    @check()
    async def test_a_message_wakes_a_process_whose_decider_failed(self, bench: Bench) -> None:
        """[B45] [B11] The count goes on."""
        await bench.begin()
        await bench.signal("one")
        await bench.put_off(await bench.taken(), seconds=100)
        await bench.signal("two")
        task = await bench.taken()
        assert (task.failures, len(task.mail)) == (1, 2)

    @check()
    async def test_a_decider_that_can_not_answer_is_suspended(self, bench: Bench) -> None:
        """[B34] [B19] With what it met; nothing is asked until a person lets it go on."""
        await bench.begin()
        await bench.signal("ask", data=1)
        await bench.turn(error=e.Failure("Oops", "no idea", "Traceback"))
        assert (await bench.row()).status == "suspended"
        (event,) = await bench.events(e.ProcessSuspended)
        assert event.error == e.Failure("Oops", "no idea", "Traceback")
        assert await bench.inbox() == []
        await bench.command("retry", targets={"": event.position})
        task = await bench.taken()
        await bench.decided(task, say.complete(), past=await bench.backend.history("p"))
        assert (await bench.kinds())[-2:] == ["ProcessResumed", "ProcessCompleted"]

    @check()
    async def test_a_process_that_loses_worker_after_worker_is_set_aside(
        self, bench: Bench
    ) -> None:
        """[B66] [B34] Each loss is told once, to the one who takes it up."""
        await bench.begin()
        await bench.signal()
        for number in range(5):
            worker = await bench.worker(f"w{number}")
            task = await bench.taken(worker=worker)
            assert task.lost_owner == (None if not number else f"w{number - 1}")
            if task.lost_owner is not None:
                task = await bench.decided(task, keeps=True)
            await bench.backend.bury(worker)
        await bench.turn()
        assert (await bench.row()).status == "suspended"
        losses = [each.losses for each in await bench.events(e.LeaseLost)]
        assert losses == [1, 2, 3, 4, 5]
