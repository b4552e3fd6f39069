"""Checks of starting: one process an id, its first event, and who gets it."""

from __future__ import annotations

import asyncio

from corago.core import events as e
from corago.ports.backend import Start
from corago.ports.capability import Capability as Can
from corago.testing.backend_suite import deciding as say
from corago.testing.backend_suite.harness import BackendChecks, Bench, check, ids


class StartChecks(BackendChecks):
    """`start`."""

    @check()
    async def test_the_first_event_tells_all_of_a_start(self, bench: Bench) -> None:
        """[B07] At position 1, at the clock's instant."""
        bench.clock.advance(7)
        definition = await bench.define("suite", 2)
        started = await bench.start(
            "order/1", {"lines": [1, 2]}, definition=definition, actor="eve", reason="a try"
        )
        (event,) = await bench.backend.history("order/1")
        assert isinstance(event, e.ProcessStarted)
        assert started.event == event
        assert (event.position, event.at, event.run) == (1, bench.clock.now(), 1)
        assert (event.process_id, event.input) == ("order/1", {"lines": [1, 2]})
        assert (event.workflow, event.version) == ("suite", 2)
        assert (event.sha, event.parent) == (definition.sha, None)
        assert (event.actor, event.reason) == ("eve", "a try")

    @check(Can.TAGS)
    async def test_tags_are_those_of_the_start(self, bench: Bench) -> None:
        """[B07] [B25] In their order, in the history and on the row."""
        await bench.start(tags=("vip", "blau"))
        (event,) = await bench.events(e.ProcessStarted)
        assert event.tags == ("vip", "blau")
        assert (await bench.row()).tags == ("vip", "blau")

    @check(Can.EXTERNAL_STORE)
    async def test_the_external_store_begins_as_it_was_handed_over(self, bench: Bench) -> None:
        """[B07] [B47]."""
        await bench.start(external={"open": True})
        assert (await bench.taken()).snapshot.process.external == {"open": True}

    @check()
    async def test_a_new_process_is_due_at_once(self, bench: Bench) -> None:
        """[B10] [B28] For any worker of its definition, who is told that it begins."""
        started = await bench.start()
        assert (started.is_new, started.task) == (True, None)
        row = await bench.row()
        assert (row.status, row.owner) == ("created", None)
        task = await bench.taken()
        assert task.snapshot.process.status == "created"
        assert (task.mail, task.lost_owner, task.failures) == ((), None, 0)

    @check()
    async def test_the_same_start_again_starts_nothing(self, bench: Bench) -> None:
        """[B08] Whoever says it, and why."""
        await bench.start(given={"a": 1, "b": 2})
        async with bench.unchanged():
            again = await bench.start(given={"b": 2, "a": 1}, actor="bob", reason="again")
        assert (again.is_new, again.is_same, again.task, again.event) == (False, True, None, None)

    @check()
    async def test_another_input_is_another_process(self, bench: Bench) -> None:
        """[B08] Nothing is started, and it is said that they differ."""
        await bench.start(given={"a": 1})
        async with bench.unchanged():
            for given in ({"a": 2}, {}, None, {"a": "1"}):
                other = await bench.start(given=given)
                assert (other.is_new, other.is_same) == (False, False)

    @check()
    async def test_another_workflow_is_another_process(self, bench: Bench) -> None:
        """[B08] But another version of the same is not."""
        await bench.start()
        async with bench.unchanged():
            other = await bench.start(definition=await bench.define("other"))
            assert (other.is_new, other.is_same) == (False, False)
            newer = await bench.start(definition=await bench.define("suite", 2))
            assert (newer.is_new, newer.is_same) == (False, True)

    @check()
    async def test_the_id_of_an_ended_process_is_taken(self, bench: Bench) -> None:
        """[B08] [B39] It does not begin again."""
        await bench.begin(say.complete())
        async with bench.unchanged():
            assert not (await bench.start()).is_new
            assert not (await bench.start(owner=await bench.worker())).is_new
        assert ids(await bench.poll()) == []

    @check()
    async def test_of_several_starts_at_once_one_starts(self, bench: Bench) -> None:
        """[B08] Over two objects."""
        other = await bench.second()
        start = Start(process_id="p", definition=await bench.define(), input=None)
        answers = await asyncio.gather(*(each.start(start) for each in [bench.backend, other] * 5))
        assert sorted(each.is_new for each in answers) == [False] * 9 + [True]
        assert await bench.kinds() == ["ProcessStarted"]

    @check()
    async def test_a_process_can_be_born_in_a_workers_hands(self, bench: Bench) -> None:
        """[B09] Nobody else gets it, and its worker goes on with it."""
        worker = await bench.worker()
        started = await bench.start(owner=worker)
        task = started.task
        assert task is not None
        assert (task.process_id, task.owner, task.mail) == ("p", worker, ())
        assert (await bench.row()).owner == worker
        for each in (worker, await bench.worker("bob")):
            assert ids(await bench.poll(each)) == []
        await bench.decided(task, say.complete())
        assert await bench.kinds() == ["ProcessStarted", "ProcessCompleted"]

    @check()
    async def test_a_process_that_is_there_is_not_handed_to_who_starts_it(
        self, bench: Bench
    ) -> None:
        """[B08] [B09]."""
        await bench.start()
        assert (await bench.start(owner=await bench.worker())).task is None
        assert (await bench.row()).owner is None

    @check()
    async def test_what_comes_before_the_first_decision_waits_for_it(self, bench: Bench) -> None:
        """[B10] [B11] [B28]."""
        await bench.start()
        await bench.signal("early", data=1)
        task = await bench.taken()
        assert [each.message for each in task.mail] == [say.message("early", data=1)]
        await bench.decided(task, say.complete())
        assert await bench.kinds() == ["ProcessStarted", "SignalReceived", "ProcessCompleted"]

    @check()
    async def test_ids_are_told_apart_to_the_letter(self, bench: Bench) -> None:
        """[B08] Case, blanks, accents and alphabets count."""
        names = ["p", "P", " p", "p ", "p/1", "p:2", "é", "e\u0301", "заказ", "注文", "'; --", "%"]
        for name in names:
            assert (await bench.start(name)).is_new
        for name in names:
            assert (await bench.row(name)).process_id == name
        assert sorted(ids(await bench.poll())) == sorted(names)

    @check(Can.PROCESS_TIMEOUT)
    async def test_a_process_whose_time_is_up_is_due_and_ends(self, bench: Bench) -> None:
        """[B74] At its instant and not before; what it waits for ends with it."""
        await bench.begin(say.activity("a"), timeout=30.0)
        (event,) = (await bench.backend.history("p")).of(e.ProcessStarted)
        assert event.timeout == 30.0
        bench.clock.advance(29.9)
        assert ids(await bench.poll()) == []
        bench.clock.advance(0.1)
        await bench.turn()
        assert (await bench.row()).status == "timed_out"
        assert (await bench.poll_activities()).tasks == ()
        end = await bench.backend.ended("p")
        assert end is not None
        assert end.status == "timed_out"

    @check(Can.PROCESS_TIMEOUT)
    async def test_what_came_before_the_time_was_up_goes_before_it(self, bench: Bench) -> None:
        """[B74] [B15]."""
        await bench.begin(say.activity("a"), timeout=30.0)
        bench.clock.advance(29)
        await bench.signal("just in time")
        bench.clock.advance(60)
        await bench.turn()
        assert (await bench.kinds())[-2:] == ["SignalReceived", "ProcessTimedOut"]
