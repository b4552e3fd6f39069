"""Checks of a process that begins anew, and of what its row says: failures and tags."""

from __future__ import annotations

from typing import Any

from corago.ports.store import Instance, Loaded, Query, Refusal
from corago.testing.store_suite.harness import (
    Bench,
    StoreChecks,
    blob,
    check,
    fence,
    ids,
    paths,
    said,
    writes,
)
from corago.testing.store_suite.tasks import is_done, queued

NEXT = b'"next"'


async def renewed(bench: Bench, row: Instance, *events: bytes, **changes: Any) -> Loaded:
    """Let a process begin its next run; it as it is then."""
    await bench.written(row, *events, renews=NEXT, **changes)
    return await bench.load(row.process_id)


class RunChecks(StoreChecks):
    """`append` with `renews`, and `events` of a run."""

    @check
    async def test_a_process_begins_its_next_run(self, bench: Bench) -> None:
        """[C37] [C05] At position 1, held by nobody and due at once."""
        row = await bench.held()
        bench.clock.advance(5)
        loaded = await renewed(bench, row, b"2", status="created")
        after = loaded.row
        assert (after.run, after.position, after.status) == (2, 1, "created")
        assert (after.owner, after.due_us) == (None, bench.now_us)
        assert (loaded.events, loaded.messages) == ((NEXT,), ())
        assert (after.created_us, after.updated_us) == (row.created_us, bench.now_us)
        assert after.process_id == "p"
        taken = await bench.claimed()
        assert (taken.row.epoch, taken.row.status) == (row.epoch + 1, "running")
        assert (taken.events, taken.lost_owner) == ((NEXT,), None)

    @check
    async def test_a_run_is_due_when_its_commit_was_made(self, bench: Bench) -> None:
        """[C37] Whatever else it says of instants."""
        row = await bench.held()
        await renewed(bench, row, at_us=bench.later(5), due_us=bench.later(60))
        assert ids(await bench.claim(await bench.worker())) == []
        bench.clock.advance(5)
        await bench.claimed()

    @check
    async def test_events_are_read_of_any_run(self, bench: Bench) -> None:
        """[C47] [C37] [C11] Of the latest, if none is named; by page; of others there are none."""
        row = await bench.written(await bench.held(event=b"1"), b"2")
        await renewed(bench, row, b"3", b"4")
        row = await bench.written((await bench.claimed()).row, b"5", b"6")
        await renewed(bench, row)
        row = await bench.written((await bench.claimed()).row, b"7")
        events = bench.store.events
        assert await events("p") == await events("p", run=3) == [NEXT, b"7"]
        assert await events("p", run=1) == [b"1", b"2", b"3", b"4"]
        assert await events("p", run=2) == [NEXT, b"5", b"6"]
        assert await events("p", 1, run=2) == [b"5", b"6"]
        assert await events("p", 1, 2, run=1) == [b"2", b"3"]
        for run in (-1, 0, 4):
            assert await events("p", run=run) == []
        assert await events("unknown", run=1) == []

    @check
    async def test_runs_survive_a_restart(self, bench: Bench) -> None:
        """[C37] [C01] With their events."""
        await renewed(bench, await bench.held(event=b"1"), b"2")
        before = await bench.load()
        await bench.restart()
        assert await bench.load() == before
        assert await bench.store.events("p", run=1) == [b"1", b"2"]
        assert await bench.store.events("p") == [NEXT]

    @check
    async def test_who_wrote_the_run_before_is_fenced(self, bench: Bench) -> None:
        """[C37] [C10] Though owner, epoch and position are what they were."""
        row = await bench.parked()
        belief = fence(row, owner=None)
        await renewed(bench, row, fence=belief)
        assert (await bench.row()).position == row.position
        for how in ({}, {"seize": True}, {"parks": True}):
            assert await bench.append(row, b'"late"', fence=belief, **how) is Refusal.FENCED
        row = await bench.row()
        await bench.written(row, b"{}", fence=fence(row, owner=None))

    @check
    async def test_the_holder_lets_go_by_a_new_run(self, bench: Bench) -> None:
        """[C37] [C10] And writes no more."""
        row = await bench.held()
        after = (await renewed(bench, row)).row
        for run, position in ((1, 1), (2, 1)):
            belief = fence(row, run=run, position=position)
            assert await bench.append(row, b'"late"', fence=belief) is Refusal.FENCED
        assert await bench.row() == after

    @check
    async def test_a_new_run_needs_to_have_seen_all_messages(self, bench: Bench) -> None:
        """[C37] [C12] As parking does."""
        row = await bench.held()
        await bench.send()
        await bench.assert_refused(row, b"2", renews=NEXT, refusal=Refusal.MORE_MESSAGES)
        await renewed(bench, await bench.row(), b"2")

    @check
    async def test_inbox_and_keys_outlive_a_run(self, bench: Bench) -> None:
        """[C37] [C08] [C14] What was consumed is gone, as ever."""
        row = await bench.held()
        first = await bench.send(data=b'"one"', key="k", digest="d")
        await bench.send(data=b'"two"')
        row = await bench.row()
        loaded = await renewed(bench, row, b"2", consumed=first.seq)
        assert said(loaded.messages) == [b'"two"']
        assert (loaded.row.consumed, loaded.row.inbox_head) == (first.seq, row.inbox_head)
        assert (await bench.send(key="k", digest="d")).outcome == "repeated"
        assert len((await bench.claimed()).messages) == 1

    @check
    async def test_a_snapshot_belongs_to_its_run(self, bench: Bench) -> None:
        """[C37] [C15] The next run has none, until it writes one; the external text stays."""
        row = await bench.held(external=b'{"x":1}')
        row = await bench.written(row, b"2", b"3", snapshot=b'"old"', snapshot_tag="tag")
        loaded = await renewed(bench, row)
        assert (loaded.snapshot, loaded.snapshot_tag, loaded.events) == (None, "", (NEXT,))
        assert loaded.external == b'{"x":1}'
        row = await bench.written((await bench.claimed()).row, b"2", snapshot=b'"new"')
        await bench.written(row, b"3")
        loaded = await bench.load()
        assert (loaded.snapshot, loaded.events) == (b'"new"', (b"3",))
        loaded = await renewed(bench, loaded.row, snapshot=b'"end"', external=b"{}")
        assert (loaded.snapshot, loaded.events) == (None, (NEXT,))
        assert loaded.external == b"{}"

    @check
    async def test_a_new_run_has_no_tasks(self, bench: Bench) -> None:
        """[C37] [C31] Neither old ones nor those of the same commit; others keep theirs."""
        await queued(bench, "q", process_id="q")
        row = await queued(bench, "a", "b", "c")
        worker = await bench.worker()
        held, gone = await bench.one_taken(worker), await bench.one_taken(worker)
        assert (held.path, gone.path) == ("q", "a")
        await renewed(bench, row, b"{}", tasks=(bench.task("d"),))
        assert await bench.store.held_tasks(worker) == {held.task: False}
        assert not await is_done(bench, gone, worker)
        assert paths(await bench.claim_tasks(worker)) == []
        assert await bench.inbox() == []
        row = (await bench.claimed()).row
        await bench.written(row, b"{}", tasks=(bench.task("a"),))
        await bench.taken("a", worker)

    @check
    async def test_what_a_commit_brings_comes_with_a_new_run(self, bench: Bench) -> None:
        """[C37] [C16] [C26] [C27] [C28] [C30] Children, messages, documents and the rest."""
        row = await bench.held()
        large = blob(b"large")
        await bench.parked("q")
        new = await bench.define("greet", 2)
        loaded = await renewed(
            bench,
            row,
            b"2",
            births=(await bench.new("child"),),
            sends=(bench.outgoing("q"), bench.outgoing("p", b'"self"')),
            documents=(writes("order", "7", 0),),
            blobs=(large,),
            definition=new,
        )
        assert (loaded.row.definition_id, said(loaded.messages)) == (new, [b'"self"'])
        assert (await bench.row("child")).status == "created"
        assert await bench.inbox("q") == [b'"hello"']
        assert [each.position for each in await bench.store.document("order", "7")] == [2]
        assert await bench.store.blobs([large.sha]) == [large]

    @check
    async def test_a_refused_commit_begins_no_run(self, bench: Bench) -> None:
        """[C37] [C10] [C12] [C16] [C27] [C36] [C38] Nor counts failures, nor gives tags."""
        row = await queued(bench, "a")
        await bench.assert_refused_in_every_way(row, renews=NEXT, tags=("red",), failures=3)
        assert await bench.store.events("p", run=2) == []
        assert await bench.found(tag="red") == []
        await bench.taken("a")

    @check
    async def test_a_new_run_forgets_what_was_said_of_the_old_one(self, bench: Bench) -> None:
        """[C37] [C29] [C36] Failures and misfits."""
        row = await bench.held()
        row = await bench.written(row, failures=2, unfit=row.definition_id)
        after = (await renewed(bench, row)).row
        assert (after.failures, after.unfit) == (0, None)

    @check
    async def test_a_listener_hears_of_a_new_run(self, bench: Bench) -> None:
        """[C37] That it is due, and that its tasks have changed."""
        row = await queued(bench, "a")
        ears = bench.listen()
        await renewed(bench, row)
        await ears.wait("runnable")
        await ears.wait("task")


class FailureChecks(StoreChecks):
    """`append` with `failures`."""

    @check
    async def test_failures_are_counted_by_the_row(self, bench: Bench) -> None:
        """[C36] [C13] As the writer says; told wherever the row is."""
        row = await bench.held()
        assert row.failures == 0
        due_us = bench.later(2)
        row = await bench.written(row, parks=True, due_us=due_us, failures=2)
        assert (row.failures, row.due_us, row.position) == (2, due_us, 1)
        assert [each.failures for each in await bench.store.find(Query())] == [2]
        bench.clock.advance(2)
        row = (await bench.claimed()).row
        assert row.failures == 2
        assert (await bench.written(row, failures=3)).failures == 3

    @check
    async def test_failures_stay_until_the_process_moves_on(self, bench: Bench) -> None:
        """[C36] Through messages, claims and commits without events; restarts, too."""
        row = await bench.written(await bench.held(), parks=True, failures=2)
        await bench.send()
        row = (await bench.claimed()).row
        row = await bench.written(row, tasks=(bench.task("a"),), consumed=row.inbox_head)
        assert row.failures == 2
        assert (await bench.written(row, parks=True, due_us=bench.now_us)).failures == 2
        await bench.restart()
        row = (await bench.claimed()).row
        assert row.failures == 2
        await bench.store.bury(row.owner or 0)
        assert (await bench.row()).failures == 2

    @check
    async def test_failures_end_with_the_next_event(self, bench: Bench) -> None:
        """[C36] In whatever way it is written."""
        ways: list[dict[str, Any]]
        ways = [{}, {"parks": True}, {"snapshot": b'"s"'}, {"seize": True}, {"closes": True}]
        for number, how in enumerate(ways):
            row = await bench.written(await bench.held(f"p{number}"), failures=2)
            row = await bench.written(row, b"2", **how)
            assert (row.failures, row.position) == (0, 2)

    @check
    async def test_failures_are_said_with_events(self, bench: Bench) -> None:
        """[C36] Of the position after them."""
        row = await bench.written(await bench.held(), b"2", failures=1)
        assert row.failures == 1
        row = await bench.written(row, parks=True, failures=4)
        assert (await bench.row()).failures == 4
        row = await bench.written(row, b"3", fence=fence(row, owner=None))
        assert row.failures == 0

    @check
    async def test_failures_belong_to_their_process(self, bench: Bench) -> None:
        """[C36]."""
        other = await bench.held("q")
        await bench.written(await bench.held(), failures=2)
        assert await bench.row("q") == other


class TagChecks(StoreChecks):
    """`append` with `tags`."""

    @check
    async def test_tags_are_replaced(self, bench: Bench) -> None:
        """[C38] In the row, and for who looks for them; twice the same is once."""
        row = await bench.held(tags=("red", "big"))
        await bench.held("q", tags=("red",))
        row = await bench.written(row, b"2", tags=("blue", "big", "blue"))
        assert row.tags == ("blue", "big", "blue")
        assert await bench.found(tag="blue") == await bench.found(tag="big") == ["p"]
        assert await bench.found(tag="red") == ["q"]
        assert await bench.store.count(Query(tag="blue")) == {"running": 1}
        row = await bench.written(row, tags=())
        assert row.tags == ()
        assert await bench.found(tag="big") == await bench.found(tag="blue") == []
        await bench.written(row, b"3", parks=True, tags=("red",))
        assert await bench.found(tag="red") == ["q", "p"]

    @check
    async def test_tags_stay_if_none_are_given(self, bench: Bench) -> None:
        """[C38] In a new run, too; which may bring others."""
        row = await bench.held(tags=("red",))
        row = await bench.written(row, b"2", snapshot=b'"s"')
        row = (await renewed(bench, row)).row
        assert (row.tags, await bench.found(tag="red")) == (("red",), ["p"])
        row = (await bench.claimed()).row
        row = (await renewed(bench, row, tags=("blue",))).row
        assert (row.tags, await bench.found(tag="blue")) == (("blue",), ["p"])
        assert await bench.found(tag="red") == []

    @check
    async def test_new_tags_survive_a_restart(self, bench: Bench) -> None:
        """[C38] [C01]."""
        await bench.written(await bench.held(tags=("red",)), b"2", tags=("blue",))
        await bench.restart()
        assert (await bench.row()).tags == ("blue",)
        assert await bench.found(tag="blue") == ["p"]
        assert await bench.found(tag="red") == []
