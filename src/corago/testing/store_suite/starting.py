"""Checks of starting: an id is given once, and a process is born either leased or due."""

from __future__ import annotations

import asyncio

from corago.testing.store_suite.harness import SECOND, Bench, StoreChecks, check, ids


class StartChecks(StoreChecks):
    """`start`."""

    @check
    async def test_a_started_process_is_there_after_a_restart(self, bench: Bench) -> None:
        """[C03]."""
        await bench.start("leased", owner=await bench.worker(), event=b'{"n":1}')
        await bench.start("due", event=b'{"n":2}')
        await bench.restart()
        assert await bench.store.events("leased") == [b'{"n":1}']
        assert await bench.store.events("due") == [b'{"n":2}']

    @check
    async def test_a_process_has_what_it_was_started_with(self, bench: Bench) -> None:
        """[C03] Tags in their order, the parent, the external store, the instants."""
        at_us = bench.now_us
        definition = await bench.define("greet", 7)
        born = await bench.start(
            definition_id=definition,
            event=b'{"n":1}',
            external=b'{"x":1}',
            tags=("b", "a", "ü 🎭"),
            parent="mother",
        )
        bench.clock.advance(5)
        loaded = await bench.load()
        row = loaded.row
        assert born.is_new
        assert (row.instance, row.run, row.process_id) == (born.instance, 1, "p")
        assert (row.definition_id, row.workflow, row.version) == (definition, "greet", 7)
        assert (row.position, loaded.events, loaded.external) == (1, (b'{"n":1}',), b'{"x":1}')
        assert (row.tags, row.parent) == (("b", "a", "ü 🎭"), "mother")
        assert (row.created_us, row.updated_us) == (at_us, at_us)
        assert (row.consumed, row.inbox_head, loaded.messages) == (0, 0, ())
        assert (loaded.snapshot, loaded.lost_owner) == (None, None)

    @check
    async def test_a_process_names_the_digest_of_its_definition(self, bench: Bench) -> None:
        """[C03] Of the one it was started with, though there is a newer one of its name."""
        old, new = await bench.define(note="old"), await bench.define(note="new")
        await bench.start("before", definition_id=old)
        await bench.start("after", definition_id=new)
        shas = [each.sha for each in await bench.store.definitions()]
        assert [(await bench.row(each)).sha for each in ("before", "after")] == shas

    @check
    async def test_the_same_start_again_creates_nothing(self, bench: Bench) -> None:
        """[C04]."""
        row = await bench.parked(event=b'{"n":1}')
        again = await bench.start(event=b'{"n":2}', tags=("late",), owner=await bench.worker())
        assert not again.is_new
        assert again.is_same
        assert await bench.row() == row
        assert await bench.store.events("p") == [b'{"n":1}']
        assert await bench.found() == ["p"]

    @check
    async def test_a_start_with_another_input_is_not_the_same(self, bench: Bench) -> None:
        """[C04]."""
        await bench.start(input_sha="one")
        again = await bench.start(input_sha="two")
        assert not again.is_new
        assert not again.is_same

    @check
    async def test_a_start_of_another_workflow_is_not_the_same(self, bench: Bench) -> None:
        """[C04]."""
        await bench.start(definition_id=await bench.define("greet"))
        again = await bench.start(definition_id=await bench.define("part"))
        assert not again.is_new
        assert not again.is_same

    @check
    async def test_a_start_of_another_version_is_the_same(self, bench: Bench) -> None:
        """[C04] A caller that was upgraded meanwhile still gets its process, as it was pinned."""
        old = await bench.define(version=1)
        await bench.start(definition_id=old)
        again = await bench.start(definition_id=await bench.define(version=2))
        assert (again.is_new, again.is_same) == (False, True)
        assert (await bench.row()).definition_id == old

    @check
    async def test_a_closed_process_still_answers_to_its_start(self, bench: Bench) -> None:
        """[C04]."""
        await bench.closed()
        again = await bench.start()
        assert (again.is_new, again.is_same) == (False, True)
        assert (await bench.row()).status == "completed"

    @check
    async def test_ids_that_look_alike_are_different_ids(self, bench: Bench) -> None:
        """[C04] Neither case, space, pattern sign nor Unicode form makes two ids one."""
        names = [
            "p",
            "P",
            "p ",
            "%",
            "_",
            "p%",
            "'p'",
            'p"',
            "é",
            "e\u0301",
            "🎭",
            "a/b",
            "1",
            "01",
        ]
        born = [await bench.start(name) for name in names]
        assert all(each.is_new for each in born)
        assert [(await bench.row(name)).process_id for name in names] == names
        assert len({each.instance for each in born}) == len(names)

    @check
    async def test_one_id_started_many_times_at_once_is_born_once(self, bench: Bench) -> None:
        """[C04] Callers on two objects, each with an event of its own."""
        other = await bench.second()
        news = [await bench.new(event=b'{"n":%d}' % number) for number in range(20)]
        stores = [bench.store, other]
        born = await asyncio.gather(*(stores[n % 2].start(new) for n, new in enumerate(news)))
        assert sum(each.is_new for each in born) == 1
        assert all(each.is_same for each in born)
        winner = next(n for n, each in enumerate(born) if each.is_new)
        assert await bench.store.events("p") == [news[winner].event]

    @check
    async def test_many_ids_started_at_once_are_all_born(self, bench: Bench) -> None:
        """[C03]."""
        news = [await bench.new(f"p{number}") for number in range(100)]
        born = await asyncio.gather(*(bench.store.start(new) for new in news))
        assert all(each.is_new for each in born)
        assert len(set(await bench.found(limit=1000))) == 100

    @check
    async def test_with_an_owner_a_process_is_born_leased(self, bench: Bench) -> None:
        """[C05]."""
        worker = await bench.worker("ann")
        born = await bench.start(owner=worker)
        row = await bench.row()
        assert (born.epoch, row.epoch, row.owner, row.owner_name) == (1, 1, worker, "ann")
        assert row.status == "running"
        assert (await bench.written(row, b"{}")).position == 2

    @check
    async def test_a_process_born_leased_cannot_be_claimed(self, bench: Bench) -> None:
        """[C05] [C20]."""
        await bench.held()
        bench.clock.advance(3600)
        claims = await bench.claim(await bench.worker())
        assert (ids(claims), claims.next_due_us) == ([], None)

    @check
    async def test_without_an_owner_a_process_is_born_due(self, bench: Bench) -> None:
        """[C05]."""
        at_us = bench.now_us
        born = await bench.start()
        row = await bench.row()
        assert (born.epoch, row.epoch, row.owner, row.owner_name) == (0, 0, None, None)
        assert (row.status, row.due_us) == ("created", at_us)
        assert (await bench.claimed()).row.epoch == 1

    @check
    async def test_a_process_born_for_later_is_due_then(self, bench: Bench) -> None:
        """[C05] [C19]."""
        at_us = bench.later(10)
        await bench.start(at_us=at_us)
        worker = await bench.worker()
        claims = await bench.claim(worker)
        assert (ids(claims), claims.next_due_us) == ([], at_us)
        bench.clock.advance(10)
        assert bench.now_us == at_us > SECOND
        assert ids(await bench.claim(worker)) == ["p"]

    @check
    async def test_a_worker_that_was_struck_off_gets_no_newborn(self, bench: Bench) -> None:
        """[C05] [C25] Nobody could ever take the process from it."""
        worker = await bench.worker()
        await bench.store.bury(worker)
        born = await bench.start(owner=worker)
        assert (born.is_new, born.epoch) == (True, 0)
        assert (await bench.claimed()).row.epoch == 1
