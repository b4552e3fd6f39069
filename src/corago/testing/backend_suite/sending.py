"""Checks of messages: kept in their order, waking whom they are for, refused when it is late."""

from __future__ import annotations

import asyncio
from typing import Any

from corago.core import events as e
from corago.core.messages import Update
from corago.errors import ProcessClosedError, ProcessNotFoundError, SignalKeyError
from corago.ports.capability import Capability as Can
from corago.ports.rows import Refusal
from corago.testing.backend_suite import deciding as say
from corago.testing.backend_suite.harness import BackendChecks, Bench, check, ids, raises


class SendChecks(BackendChecks):
    """`send` and `mail`."""

    @check()
    async def test_a_message_wakes_a_process_that_waits(self, bench: Bench) -> None:
        """[B11] At once, whatever it waits for."""
        await bench.begin()
        await bench.begin(say.timer("t", 60), process_id="q")
        assert ids(await bench.poll()) == []
        for name in ("p", "q"):
            await bench.signal("go", name, data={"n": 1})
            task = await bench.taken(name)
            assert [each.message for each in task.mail] == [say.message("go", data={"n": 1})]
            await bench.decided(task)

    @check()
    async def test_messages_are_handed_over_in_the_order_of_their_coming(
        self, bench: Bench
    ) -> None:
        """[B11] [B28] Of all kinds, with rising places."""
        await bench.begin()
        for number in range(12):
            await bench.signal(f"s{11 - number}")
        await bench.command("cancel")
        task = await bench.taken()
        said = [getattr(each.message, "name", "cancel") for each in task.mail]
        assert said == [*(f"s{11 - number}" for number in range(12)), "cancel"]
        places = [each.seq for each in task.mail]
        assert places == sorted(set(places))

    @check()
    async def test_messages_of_one_sender_stay_in_order_over_objects(self, bench: Bench) -> None:
        """[B11] Also when others send at once."""
        await bench.begin()
        other = await bench.second()

        async def send(backend: Any, who: str) -> None:
            for number in range(5):
                await backend.send("p", say.message(who, data=number))

        await asyncio.gather(send(bench.backend, "w0"), send(other, "w1"))
        said = say.heard(each.message for each in (await bench.taken()).mail)
        for who in ("w0", "w1"):
            assert [data for name, data in said if name == who] == [0, 1, 2, 3, 4]

    @check()
    async def test_the_backends_clock_says_when_a_message_came(self, bench: Bench) -> None:
        """[B15]."""
        await bench.begin()
        bench.clock.advance(5)
        at = bench.clock.now()
        await bench.signal()
        bench.clock.advance(5)
        assert [each.at for each in (await bench.taken()).mail] == [at]

    @check()
    async def test_a_message_that_comes_while_one_decides_is_seen_next(self, bench: Bench) -> None:
        """[B11] [B33] By who holds the process, and by nobody else."""
        await bench.start()
        task = await bench.taken()
        await bench.signal("meanwhile")
        assert ids(await bench.poll(await bench.worker("bob"))) == []
        fresh = await bench.backend.mail(task)
        assert [each.message for each in fresh] == [say.message("meanwhile")]
        await bench.decided(task, say.complete(), fresh=fresh)
        assert await bench.kinds() == ["ProcessStarted", "SignalReceived", "ProcessCompleted"]

    @check()
    async def test_mail_is_what_came_after_the_last_one_seen(self, bench: Bench) -> None:
        """[B33]."""
        await bench.start()
        await bench.signal("one")
        task = await bench.taken()
        assert await bench.backend.mail(task) == ()
        await bench.signal("two")
        await bench.signal("three")
        fresh = await bench.backend.mail(task)
        assert [each.message for each in fresh] == [say.message("two"), say.message("three")]
        assert fresh[1].seq > fresh[0].seq > task.mail[0].seq == task.seen
        task = await bench.decided(task, keeps=True, fresh=fresh)
        assert await bench.backend.mail(task) == ()

    @check()
    async def test_a_message_for_nobody_is_refused(self, bench: Bench) -> None:
        """[B12] [B22]."""
        await bench.start()
        async with bench.unchanged():
            with raises(ProcessNotFoundError, "'nobody'"):
                await bench.signal(process_id="nobody")

    @check()
    async def test_a_message_for_an_ended_process_is_refused(self, bench: Bench) -> None:
        """[B12] With its status; whatever the end was."""
        ends = {
            "completed": say.complete(),
            "failed": say.fail("no"),
            "canceled": say.cancel(),
        }
        for status, decision in ends.items():
            await bench.begin(decision, process_id=status)
            async with bench.unchanged(status):
                with raises(ProcessClosedError, status):
                    await bench.signal(process_id=status)
        assert ids(await bench.poll()) == []

    @check(Can.SIGNAL_KEYS)
    async def test_a_repeated_message_is_stored_once(self, bench: Bench) -> None:
        """[B13] Whoever repeats it, and even when it was taken in long ago."""
        await bench.begin()
        for actor in ("eve", "bob"):
            await bench.signal("pay", key="k", data={"a": 1, "b": 2}, actor=actor)
        await bench.signal("pay", key="k", data={"b": 2, "a": 1})
        assert len(await bench.inbox()) == 1
        await bench.turn()
        async with bench.unchanged():
            await bench.signal("pay", key="k", data={"a": 1, "b": 2})
        assert ids(await bench.poll()) == []

    @check(Can.SIGNAL_KEYS)
    async def test_a_key_names_one_message(self, bench: Bench) -> None:
        """[B13] Another name or other data under it is an error, and nothing is stored."""
        await bench.begin()
        await bench.signal("pay", key="k", data=1)
        async with bench.unchanged():
            for name, data in (("pay", 2), ("pay", None), ("play", 1)):
                with raises(SignalKeyError, "'k'"):
                    await bench.signal(name, key="k", data=data)

    @check(Can.SIGNAL_KEYS)
    async def test_keys_are_those_of_a_process(self, bench: Bench) -> None:
        """[B13] And told apart to the letter."""
        await bench.begin()
        await bench.begin(process_id="q")
        for name, key in (("p", "k"), ("q", "k"), ("p", "K"), ("p", " k")):
            await bench.signal(name, name, key=key)
        assert len(await bench.inbox("p")) == 3
        assert len(await bench.inbox("q")) == 1

    @check(Can.SIGNAL_KEYS)
    async def test_a_message_without_a_key_is_never_a_repetition(self, bench: Bench) -> None:
        """[B13]."""
        await bench.begin()
        for _ in range(3):
            await bench.signal("tick")
        assert len(await bench.inbox()) == 3

    @check(Can.REOPENING)
    async def test_a_retry_wakes_a_failed_process(self, bench: Bench) -> None:
        """[B14] It is failed until the command is taken in, and then it goes on."""
        await bench.begin(say.fail("no"))
        await bench.command("retry", reopens=True, targets={"*": 0})
        task = await bench.taken()
        assert task.snapshot.process.status == "failed"
        await bench.decided(task, say.complete("at last"))
        kinds = await bench.kinds()
        assert kinds[1:] == ["ProcessFailed", "ProcessReopened", "ProcessCompleted"]

    @check(Can.REOPENING)
    async def test_only_a_failed_process_is_woken_by_what_reopens(self, bench: Bench) -> None:
        """[B14] [B12]."""
        for status, decision in (("completed", say.complete()), ("canceled", say.cancel())):
            await bench.begin(decision, process_id=status)
            async with bench.unchanged(status):
                with raises(ProcessClosedError, status):
                    await bench.command("retry", status, reopens=True, targets={"*": 0})

    @check(Can.EXTERNAL_STORE, Can.SIGNAL_KEYS)
    async def test_an_update_changes_the_external_store(self, bench: Bench) -> None:
        """[B47] Merged at the top, with key and actor; for all to see."""
        await bench.begin(external={"a": 1, "b": 1})
        await bench.backend.send("p", Update({"b": 2, "c": 3}, key="k", actor="eve"))
        await bench.turn()
        (event,) = await bench.events(e.ExternalUpdated)
        assert (event.changes, event.key, event.actor) == ({"b": 2, "c": 3}, "k", "eve")
        process = (await bench.backend.describe("p")).snapshot.process
        assert process.external == {"a": 1, "b": 2, "c": 3}

    @check()
    async def test_a_signal_is_recorded_as_it_was_sent(self, bench: Bench) -> None:
        """[B11] [B72] Name, data, key, actor and reason."""
        await bench.begin()
        data = {"n": [1, 2.5, None]}
        await bench.signal("gö", data=data, actor="eve", reason="because")
        await bench.turn()
        (event,) = await bench.events(e.SignalReceived)
        assert (event.name, event.data) == ("gö", data)
        assert (event.actor, event.reason) == ("eve", "because")

    @check()
    async def test_no_acknowledged_message_is_lost_to_a_closing_decision(
        self, bench: Bench
    ) -> None:
        """[B36] [B11] Whoever is quicker: it is seen before the end, or its sender is told."""
        await bench.start()
        task = await bench.taken()
        await bench.signal("wait!")
        assert await bench.answer(task, say.complete()) is Refusal.MORE_MESSAGES
        fresh = await bench.backend.mail(task)
        await bench.decided(task, say.complete(), fresh=fresh)
        assert await bench.kinds() == ["ProcessStarted", "SignalReceived", "ProcessCompleted"]
        with raises(ProcessClosedError, "completed"):
            await bench.signal("too late")
