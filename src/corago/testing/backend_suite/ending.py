"""Checks of ends that nobody decided, and of what can be read of a process at any time."""

from __future__ import annotations

from corago.core import events as e
from corago.core.history import History
from corago.errors import CommandRefusedError, ProcessNotFoundError
from corago.ports.capability import Capability as Can
from corago.ports.rows import Refusal
from corago.testing.backend_suite import deciding as say
from corago.testing.backend_suite.harness import BackendChecks, Bench, check, ids, paths, raises


class EndChecks(BackendChecks):
    """`abort`, `ended`, and the request to cancel."""

    @check()
    async def test_a_request_to_cancel_wakes_the_decider(self, bench: Bench) -> None:
        """[B11] With who asked, and why; it decides what follows."""
        await bench.begin(say.activity("a"))
        await bench.command("cancel", actor="eve", reason="enough")
        await bench.turn(say.cancel_activity("a"))
        (event,) = await bench.events(e.CancelRequested)
        assert (event.actor, event.reason) == ("eve", "enough")
        assert (await bench.attempt("a", queue="")).stops
        assert await bench.backend.ended("p") is None

    @check(Can.ABORT)
    async def test_an_abort_ends_a_process_that_waits(self, bench: Bench) -> None:
        """[B16] At once, with who did it, and why; gives the end and the event."""
        await bench.begin(say.activity("a"), say.timer("t", 5))
        end, event = await bench.backend.abort("p", "eve", "enough")
        assert (end.id, end.status) == ("p", "aborted")
        assert isinstance(event, e.ProcessAborted)
        assert (event.actor, event.reason, event.at) == ("eve", "enough", bench.clock.now())
        assert (await bench.backend.history("p"))[-1] == event
        assert (await bench.row()).status == "aborted"
        bench.clock.advance(60)
        assert ids(await bench.poll()) == []

    @check(Can.ABORT)
    async def test_an_abort_ends_a_process_that_somebody_holds(self, bench: Bench) -> None:
        """[B16] [B35] Whose next commit is refused."""
        await bench.start()
        task = await bench.taken()
        await bench.backend.abort("p", "eve", None)
        async with bench.unchanged():
            assert await bench.answer(task, say.complete()) is Refusal.FENCED
            assert await bench.backend.resume("p", await bench.worker()) is None

    @check(Can.ABORT)
    async def test_an_abort_takes_the_activities_away(self, bench: Bench) -> None:
        """[B16] Waiting and held."""
        await bench.begin(say.activity("a"), say.activity("b", queue="print"))
        task = await bench.attempt("a")
        await bench.backend.abort("p", None, None)
        async with bench.unchanged():
            assert not await bench.done(task)
            assert paths(await bench.poll_activities(queues=["print", "mail", ""])) == []

    @check(Can.ABORT)
    async def test_an_abort_needs_no_code(self, bench: Bench) -> None:
        """[B16] [B04] A client that knows no workflow can do it."""
        await bench.begin(say.activity("a"))
        client = await bench.second(knows=False)
        end, _ = await client.abort("p", "eve", None)
        assert end.status == "aborted"
        assert (await bench.row()).status == "aborted"

    @check(Can.ABORT)
    async def test_an_abort_goes_before_messages_that_wait(self, bench: Bench) -> None:
        """[B16] They are not taken in any more."""
        await bench.begin()
        await bench.signal()
        await bench.backend.abort("p", None, None)
        assert (await bench.kinds())[-1] == "ProcessAborted"
        assert ids(await bench.poll()) == []

    @check(Can.ABORT)
    async def test_an_ended_process_is_not_aborted(self, bench: Bench) -> None:
        """[B18] But a failed one is."""
        for status, decision in (("completed", say.complete()), ("canceled", say.cancel())):
            await bench.begin(decision, process_id=status)
            async with bench.unchanged(status):
                with raises(CommandRefusedError, status):
                    await bench.backend.abort(status, "eve", None)
        await bench.begin(say.fail("no"))
        await bench.backend.abort("p", "eve", None)
        with raises(CommandRefusedError, "aborted"):
            await bench.backend.abort("p", "eve", None)
        assert (await bench.kinds())[1:] == ["ProcessFailed", "ProcessAborted"]

    @check()
    async def test_a_process_has_ended_when_its_end_is_written(self, bench: Bench) -> None:
        """[B20] Not while it waits, is held, or is suspended."""
        await bench.start()
        assert await bench.backend.ended("p") is None
        task = await bench.taken()
        assert await bench.backend.ended("p") is None
        await bench.decided(task)
        await bench.signal()
        await bench.turn(error=e.Failure("Oops", "no idea"))
        assert await bench.backend.ended("p") is None

    @check()
    async def test_an_end_tells_how_it_came(self, bench: Bench) -> None:
        """[B20] Result, error, or neither; for parents and for who asks."""
        await bench.begin(say.fail("no luck"))
        end = await bench.backend.ended("p")
        assert end is not None
        assert end.error is not None
        assert "no luck" in str(end.error)
        await bench.begin(say.complete([1, "é"]), process_id="q")
        end = await bench.backend.ended("q")
        assert end is not None
        assert (end.status, end.result, end.error) == ("completed", [1, "é"], None)

    @check(Can.REOPENING)
    async def test_a_process_that_is_about_to_be_reopened_has_not_ended(self, bench: Bench) -> None:
        """[B20] [B14]."""
        await bench.begin(say.fail("no"))
        await bench.command("retry", reopens=True, targets={"*": 0})
        assert await bench.backend.ended("p") is None
        task = await bench.taken()
        assert await bench.backend.ended("p") is None
        await bench.decided(task, say.complete("after all"))
        end = await bench.backend.ended("p")
        assert end is not None
        assert end.result == "after all"


class ReadChecks(BackendChecks):
    """`describe`, `history`, `events`, `find` and `count`."""

    @check()
    async def test_a_description_is_a_process_as_it_is(self, bench: Bench) -> None:
        """[B19] Row, program, snapshot and waiting messages; nothing is taken by looking."""
        definition = await bench.define()
        await bench.begin(say.timer("t", 60), say.activity("a"))
        await bench.signal("one")
        description = await bench.backend.describe("p")
        row, process = description.row, description.snapshot.process
        assert (row.process_id, row.workflow, row.version) == ("p", "suite", 1)
        assert (row.sha, row.status, row.owner) == (definition.sha, "waiting", None)
        assert (process.id, process.position, set(process.timers)) == ("p", row.position, {"t"})
        assert [each.message for each in description.mail] == [say.message("one")]
        assert type(description.program) is type(bench.backend.program(definition))
        assert (await bench.taken()).mail == description.mail

    @check()
    async def test_a_description_tells_who_holds_a_process(self, bench: Bench) -> None:
        """[B19] Or who vanished with it."""
        await bench.start()
        worker = await bench.worker("bob")
        await bench.taken(worker=worker)
        description = await bench.backend.describe("p")
        assert (description.row.owner, description.row.owner_name) == (worker, "bob")
        assert description.lost_owner is None
        await bench.backend.bury(worker)
        description = await bench.backend.describe("p")
        assert (description.row.owner, description.lost_owner) == (None, "bob")

    @check()
    async def test_what_is_not_there_can_not_be_read(self, bench: Bench) -> None:
        """[B22]."""
        await bench.start()
        for ask in (bench.backend.describe, bench.backend.history, bench.backend.ended):
            with raises(ProcessNotFoundError, "'nobody'"):
                await ask("nobody")
        if bench.has(Can.ABORT):
            with raises(ProcessNotFoundError, "'nobody'"):
                await bench.backend.abort("nobody", None, None)
        assert await bench.backend.events("nobody") == []

    @check()
    async def test_a_history_is_all_that_was_recorded(self, bench: Bench) -> None:
        """[B21] From the first event to the last, each time the same."""
        await bench.begin(say.marker("m", {"n": 1}))
        await bench.signal("s", data=2)
        await bench.turn(say.complete(3))
        history = await bench.backend.history("p")
        assert isinstance(history, History)
        assert await bench.kinds() == [
            "ProcessStarted",
            "MarkerRecorded",
            "SignalReceived",
            "ProcessCompleted",
        ]
        assert tuple(await bench.backend.history("p")) == tuple(history)

    @check()
    async def test_events_are_read_from_a_position_on(self, bench: Bench) -> None:
        """[B21]."""
        await bench.begin(*(say.marker(f"m{number}") for number in range(4)))
        history = list(await bench.backend.history("p"))
        for after in range(6):
            assert await bench.backend.events("p", after=after) == history[after:]

    @check()
    async def test_markers_keep_what_they_say(self, bench: Bench) -> None:
        """[B21] [B72]."""
        await bench.begin(say.marker("m", {"n": [1, None]}), say.marker("é"))
        markers = await bench.events(e.MarkerRecorded)
        assert [(each.name, each.details) for each in markers] == [
            ("m", {"n": [1, None]}),
            ("é", None),
        ]


class ListChecks(BackendChecks):
    """`find` and `count`."""

    @check(Can.LISTING)
    async def test_what_was_written_is_found_at_once(self, bench: Bench) -> None:
        """[B23] [B24] Each change of status, the moment that it is made."""
        await bench.start()
        assert await bench.found(status="created") == ["p"]
        task = await bench.taken()
        assert await bench.found(status="running") == ["p"]
        await bench.decided(task)
        assert await bench.found(status="waiting") == ["p"]
        await bench.signal()
        await bench.turn(say.complete())
        assert await bench.found(status="completed") == ["p"]
        assert await bench.backend.count(say.query()) == {"completed": 1}

    @check(Can.LISTING)
    async def test_all_conditions_of_a_query_hold(self, bench: Bench) -> None:
        """[B23]."""
        other = await bench.define("other")
        await bench.begin(say.complete(), process_id="p1")
        await bench.start("p2", definition=other)
        await bench.start("p3")
        assert await bench.found() == ["p3", "p2", "p1"]
        assert await bench.found(workflow="suite") == ["p3", "p1"]
        assert await bench.found(workflow="suite", status="created") == ["p3"]
        assert await bench.found(workflow="unknown") == []
        assert await bench.found(status="aborted") == []

    @check(Can.LISTING)
    async def test_processes_are_found_by_the_instant_of_their_start(self, bench: Bench) -> None:
        """[B23] From the first instant on, and before the second."""
        for number in range(4):
            await bench.start(f"p{number}")
            bench.clock.advance(1)
        at = [row.created_us for row in reversed(await bench.backend.find(say.query()))]
        assert await bench.found(since_us=at[1]) == ["p3", "p2", "p1"]
        assert await bench.found(until_us=at[2]) == ["p1", "p0"]
        assert await bench.found(since_us=at[1], until_us=at[2]) == ["p1"]

    @check(Can.LISTING, Can.TAGS)
    async def test_processes_are_found_by_tag(self, bench: Bench) -> None:
        """[B25] [B23] Each of their tags, to the letter."""
        await bench.start("p1", tags=("a", "b"))
        await bench.start("p2", tags=("b", "ä b"))
        await bench.start("p3")
        assert await bench.found(tag="a") == ["p1"]
        assert await bench.found(tag="b") == ["p2", "p1"]
        assert await bench.found(tag="ä b") == ["p2"]
        for tag in ("B", "ä", "c"):
            assert await bench.found(tag=tag) == []

    @check(Can.LISTING)
    async def test_pages_neither_repeat_nor_miss(self, bench: Bench) -> None:
        """[B23] Newest first, though others come and change meanwhile."""
        for number in range(7):
            await bench.start(f"p{number}")
            bench.clock.advance(1)
        pages = [await bench.found(limit=3)]
        await bench.start("newer")
        bench.clock.advance(1)
        await bench.signal(process_id="p1")
        for _ in range(2):
            pages.append(await bench.found(limit=3, after=pages[-1][-1]))
        assert await bench.found(limit=3, after=pages[-1][-1]) == []
        assert [name for page in pages for name in page] == [f"p{6 - n}" for n in range(7)]
        assert len(pages[0]) == 3

    @check(Can.LISTING)
    async def test_processes_are_counted_by_status(self, bench: Bench) -> None:
        """[B24] Those for which the conditions hold, whatever the page."""
        await bench.begin(say.complete(), process_id="c1")
        await bench.begin(say.complete(), process_id="c2")
        await bench.begin(say.fail("no"), process_id="f")
        await bench.start("n", definition=await bench.define("other"))
        counts = await bench.backend.count(say.query(limit=1))
        assert counts == {"completed": 2, "failed": 1, "created": 1}
        assert await bench.backend.count(say.query(workflow="other")) == {"created": 1}
        assert await bench.backend.count(say.query(workflow="unknown")) == {}
