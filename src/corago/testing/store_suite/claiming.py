"""Checks of claiming: each due process goes to one worker, with all that a turn needs."""

from __future__ import annotations

import asyncio

from corago.testing.store_suite.harness import Bench, StoreChecks, check, ids, said


class ClaimChecks(StoreChecks):
    """`claim` and `pause`."""

    @check
    async def test_a_claim_leases_and_tells_all_that_a_turn_needs(self, bench: Bench) -> None:
        """[C19] The answer is what a reader would see."""
        await bench.parked(external=b'{"x":1}')
        await bench.send(data=b'"a"')
        worker = await bench.worker("ann")
        loaded = await bench.claimed(worker=worker)
        row = loaded.row
        assert (row.owner, row.owner_name, row.epoch) == (worker, "ann", 2)
        assert (row.status, said(loaded.messages)) == ("running", [b'"a"'])
        assert await bench.load() == loaded

    @check
    async def test_a_claimant_may_write_with_the_row_it_was_given(self, bench: Bench) -> None:
        """[C19] [C10]."""
        await bench.start()
        loaded = await bench.claimed()
        assert (await bench.written(loaded.row, b"{}")).position == 2

    @check
    async def test_a_claim_takes_no_more_than_its_limit(self, bench: Bench) -> None:
        """[C19] And says that more is due."""
        worker = await bench.worker()
        for number in range(5):
            await bench.start(f"p{number}")
        claims = await bench.claim(worker, limit=2)
        assert len(claims.taken) == 2
        assert claims.next_due_us is not None
        assert claims.next_due_us <= bench.now_us
        assert len((await bench.claim(worker, limit=1000)).taken) == 3

    @check
    async def test_a_claim_of_none_takes_none(self, bench: Bench) -> None:
        """[C19] A worker without a free slot asks when to come again."""
        await bench.start()
        claims = await bench.claim(await bench.worker(), limit=0)
        assert (ids(claims), claims.next_due_us) == ([], bench.now_us)
        await bench.claimed()

    @check
    async def test_the_longest_due_is_claimed_first(self, bench: Bench) -> None:
        """[C19] Not the oldest, and not the last that was written."""
        for name, seconds in [("b", 2.0), ("c", 3.0), ("a", 1.0), ("d", 4.0)]:
            await bench.parked(name, due_us=bench.later(seconds))
        bench.clock.advance(10)
        worker = await bench.worker()
        assert ids(await bench.claim(worker, limit=3)) == ["a", "b", "c"]
        assert ids(await bench.claim(worker)) == ["d"]

    @check
    async def test_only_the_asked_definitions_are_claimed(self, bench: Bench) -> None:
        """[C19] A worker takes what it has the code for."""
        one, two = await bench.define("greet", 1), await bench.define("greet", 2)
        await bench.start("p1", definition_id=one)
        await bench.start("p2", definition_id=two)
        worker = await bench.worker()
        assert ids(await bench.claim(worker, definitions=[])) == []
        assert ids(await bench.claim(worker, definitions=[two])) == ["p2"]
        assert ids(await bench.claim(worker, definitions=[one, two])) == ["p1"]

    @check
    async def test_next_due_is_that_of_the_asked_definitions(self, bench: Bench) -> None:
        """[C19] The earliest of them; held and endlessly waiting processes do not count."""
        one, two = await bench.define("greet", 1), await bench.define("greet", 2)
        for name, seconds in [("b", 20.0), ("a", 10.0), ("c", 30.0)]:
            await bench.parked(name, due_us=bench.later(seconds), definition_id=one)
        await bench.parked("d", due_us=bench.later(5.0), definition_id=two)
        await bench.parked("e", definition_id=one)
        await bench.held("f", definition_id=one)
        worker = await bench.worker()
        assert (await bench.claim(worker, definitions=[one])).next_due_us == bench.later(10)
        assert (await bench.claim(worker, definitions=[one, two])).next_due_us == bench.later(5)
        assert (await bench.claim(worker, definitions=[])).next_due_us is None

    @check
    async def test_a_store_without_work_answers_so(self, bench: Bench) -> None:
        """[C19]."""
        claims = await bench.claim(await bench.worker())
        assert (ids(claims), claims.next_due_us, claims.paused) == ([], None, False)

    @check
    async def test_a_claim_tells_the_instant_of_the_store(self, bench: Bench) -> None:
        """[C49] Whether anything is due or not, and whatever it is that is claimed."""
        worker = await bench.worker()
        for seconds in (0.0, 12.345678, 1e6):
            bench.clock.advance(seconds)
            assert (await bench.claim(worker)).now_us == bench.now_us
            assert (await bench.claim_tasks(worker)).now_us == bench.now_us
        await bench.written(await bench.held(), b"{}", tasks=(bench.task(),))
        await bench.parked("q", due_us=bench.later(60))
        await bench.start("r")
        assert (await bench.claim(worker)).now_us == bench.now_us
        assert (await bench.claim_tasks(worker)).now_us == bench.now_us

    @check
    async def test_what_is_claimed_is_not_claimed_again(self, bench: Bench) -> None:
        """[C20] Neither by another worker nor by the same, however late."""
        await bench.start()
        first = await bench.worker()
        await bench.claimed(worker=first)
        bench.clock.advance(24 * 3600)
        for worker in (first, await bench.worker()):
            assert ids(await bench.claim(worker)) == []

    @check
    async def test_each_claim_raises_the_epoch(self, bench: Bench) -> None:
        """[C19] [C10]."""
        await bench.start()
        worker = await bench.worker()
        for epoch in (1, 2, 3):
            loaded = await bench.claimed(worker=worker)
            assert loaded.row.epoch == epoch
            row = await bench.written(loaded.row, parks=True, due_us=bench.now_us)
            assert row.epoch == epoch

    @check
    async def test_claimers_at_once_share_what_is_due(self, bench: Bench) -> None:
        """[C20] Over two objects; nothing is taken twice, nothing is left."""
        other = await bench.second()
        definition = await bench.define()
        for number in range(40):
            await bench.start(f"p{number}", definition_id=definition)
        workers = [await bench.worker(f"w{number}") for number in range(8)]
        stores = [bench.store, other] * 4
        answers = await asyncio.gather(
            *(
                store.claim(worker, [definition], 7)
                for store, worker in zip(stores, workers, strict=True)
            )
        )
        taken = [name for claims in answers for name in ids(claims)]
        assert len(taken) == len(set(taken)) == 40
        for claims, worker in zip(answers, workers, strict=True):
            for each in claims.taken:
                assert (await bench.row(each.row.process_id)).owner == worker

    @check
    async def test_a_failed_process_that_is_reopened_stays_failed_at_first(
        self, bench: Bench
    ) -> None:
        """[C19] It is for its holder to reopen it, or to refuse and to let it be."""
        await bench.closed(status="failed")
        sent = await bench.send(reopens=True)
        loaded = await bench.claimed()
        assert (loaded.row.status, loaded.row.epoch) == ("failed", 2)
        refusing = {"closes": True, "status": "failed"}
        row = await bench.written(loaded.row, b"{}", consumed=sent.seq, seen=sent.seq, **refusing)
        assert (row.status, row.owner, row.due_us) == ("failed", None, None)

    @check
    async def test_a_reopened_process_goes_on(self, bench: Bench) -> None:
        """[C19] [C07]."""
        await bench.closed(status="failed")
        sent = await bench.send(reopens=True)
        loaded = await bench.claimed()
        reopening = {"status": "running", "parks": True, "due_us": bench.later(5)}
        await bench.written(loaded.row, b"{}", consumed=sent.seq, seen=sent.seq, **reopening)
        bench.clock.advance(5)
        assert (await bench.claimed()).row.status == "running"

    @check
    async def test_a_waiting_or_suspended_process_runs_when_it_is_claimed(
        self, bench: Bench
    ) -> None:
        """[C19]."""
        for status in ("waiting", "suspended"):
            row = await bench.held(status)
            await bench.written(row, parks=True, due_us=bench.now_us, status=status)
            assert (await bench.claimed(status)).row.status == "running"

    @check
    async def test_a_paused_store_gives_nothing_to_claim(self, bench: Bench) -> None:
        """[C22] And says why."""
        await bench.start()
        worker = await bench.worker()
        assert await bench.store.pause(True)
        claims = await bench.claim(worker)
        assert (ids(claims), claims.paused) == ([], True)
        assert (await bench.row()).epoch == 0
        assert not await bench.store.pause(False)
        claims = await bench.claim(worker)
        assert (ids(claims), claims.paused) == (["p"], False)

    @check
    async def test_a_pause_is_seen_by_all_and_over_restarts(self, bench: Bench) -> None:
        """[C22] [C01]."""
        other = await bench.second()
        worker = await bench.worker()
        await bench.start()
        assert not await bench.store.pause()
        await bench.store.pause(True)
        assert await other.pause()
        await bench.restart()
        assert await bench.store.pause()
        assert ids(await bench.claim(worker)) == []

    @check
    async def test_a_paused_store_still_takes_what_comes(self, bench: Bench) -> None:
        """[C22] Starts, messages, and the outcomes of what ran already."""
        row = await bench.held("p")
        await bench.store.pause(True)
        assert (await bench.start("q")).is_new
        assert (await bench.send("p")).outcome == "sent"
        assert (await bench.written(row, b"{}")).position == 2
