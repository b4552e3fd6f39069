"""Checks of reading: events, pages and counts, and that bytes leave as they came."""

from __future__ import annotations

from corago.core.commit import DocumentWrite
from corago.ports.store import Query
from corago.testing.store_suite.harness import SECOND, Bench, StoreChecks, check

JSON = (
    b"{}",
    b"[]",
    b'""',
    b"null",
    b"0",
    b"-0.0",
    b"1e400",
    b"123456789012345678901234567890.00",
    b'{ "a" : 1,\n\t"a":2 }',
    b'"\\u0000\\ud83c\\udfad\\/"',
    '"größe 尺寸 🎭 \u2028"'.encode(),
)
"""Texts that a store which parses them would change: order, space, escapes, doubled names."""


class ReadingChecks(StoreChecks):
    """`load`, `events`, `find` and `count`."""

    @check
    async def test_what_is_not_there_reads_as_nothing(self, bench: Bench) -> None:
        """[C03] And raises nothing."""
        assert await bench.store.load("p") is None
        assert await bench.store.events("p") == []
        assert await bench.store.messages(77, 0) == []
        assert await bench.store.find(Query()) == []
        assert await bench.store.count(Query()) == {}

    @check
    async def test_events_can_be_read_in_part(self, bench: Bench) -> None:
        """[C11] By position."""
        await bench.written(await bench.held(event=b"1"), b"2", b"3", b"4")
        store = bench.store
        assert await store.events("p", after=1) == [b"2", b"3", b"4"]
        assert await store.events("p", limit=2) == [b"1", b"2"]
        assert await store.events("p", after=1, limit=2) == [b"2", b"3"]
        assert await store.events("p", after=4) == []
        assert await store.events("p", after=99, limit=1) == []

    @check
    async def test_events_belong_to_their_process(self, bench: Bench) -> None:
        """[C11]."""
        p, q = await bench.held("p", event=b'"p1"'), await bench.held("q", event=b'"q1"')
        await bench.written(p, b'"p2"')
        await bench.written(q, b'"q2"', b'"q3"')
        assert await bench.store.events("p") == [b'"p1"', b'"p2"']
        assert (await bench.load("q")).events == (b'"q1"', b'"q2"', b'"q3"')

    @check
    async def test_json_leaves_as_it_came(self, bench: Bench) -> None:
        """[C03] [C06] [C11] [C15] [C16] Byte for byte, wherever it is kept."""
        for number, text in enumerate(JSON):
            name = f"p{number}"
            row = await bench.held(name, event=text, external=text)
            await bench.send(name, text)
            document = DocumentWrite("text", name, 0, text)
            await bench.written(row, text, snapshot=text, external=text, documents=(document,))
            loaded = await bench.load(name)
            assert await bench.store.events(name) == [text, text]
            assert (loaded.snapshot, loaded.external) == (text, text)
            assert loaded.messages[0].data == text
            assert (await bench.store.document("text", name))[0].data == text

    @check
    async def test_a_megabyte_is_kept_whole(self, bench: Bench) -> None:
        """[C03] [C06] [C11] [C15] [C16]."""
        text = b'"' + "🎭".encode() * (1 << 18) + b'"'
        row = await bench.held(event=text)
        await bench.send(data=text)
        documents = (DocumentWrite("big", "1", 0, text),)
        row = await bench.written(row, text, external=text, documents=documents)
        kept: list[bytes | None] = [*(await bench.load()).events]
        await bench.written(row, snapshot=text)
        loaded = await bench.load()
        assert loaded.events == ()
        kept += [loaded.snapshot, loaded.external, loaded.messages[0].data]
        kept += await bench.store.events("p")
        kept.append((await bench.store.document("big", "1"))[0].data)
        # a failure must not make pytest explain the difference of two megabytes
        is_whole = [each == text for each in kept]
        assert is_whole == [True] * 8

    @check
    async def test_the_newest_is_found_first(self, bench: Bench) -> None:
        """[C23] Newest is what was started last, whatever has been written since."""
        rows = {name: await bench.held(name) for name in ("c", "a", "b")}
        bench.clock.advance(1)
        await bench.written(rows["c"], b"{}")
        assert await bench.found() == ["b", "a", "c"]

    @check
    async def test_found_rows_are_the_rows_that_loading_gives(self, bench: Bench) -> None:
        """[C23] Owner's name, tags and definition included."""
        await bench.held("p", owner=await bench.worker("ann"), tags=("x", "y"), parent="mother")
        await bench.parked("q", due_us=bench.later(5))
        await bench.send("q")
        expected = [await bench.row("q"), await bench.row("p")]
        assert await bench.store.find(Query()) == expected

    @check
    async def test_pages_neither_repeat_nor_miss(self, bench: Bench) -> None:
        """[C23] Whatever the size of the page."""
        definition = await bench.define()
        names = [f"p{number}" for number in range(23)]
        for name in names:
            await bench.start(name, definition_id=definition)
        for limit in (1, 7, 23, 100):
            assert await self._paged(bench, limit) == names[::-1]

    async def _paged(self, bench: Bench, limit: int, **conditions: object) -> list[str]:
        found: list[str] = []
        while True:
            after = found[-1] if found else None
            page = await bench.found(limit=limit, after=after, **conditions)
            assert len(page) <= limit
            assert not set(page) & set(found)
            found += page
            if len(page) < limit:
                return found

    @check
    async def test_pages_are_steady_while_others_start_and_end(self, bench: Bench) -> None:
        """[C23] Newcomers come before the first page and shift nothing."""
        for number in range(12):
            await bench.held(f"old{number}")
        found = await bench.found(limit=5)
        while len(page := await bench.found(limit=5, after=found[-1])) > 0:
            assert not set(page) & set(found)
            await bench.start(f"new{len(found)}")
            await bench.written(await bench.row(page[0]), closes=True, status="completed")
            found += page
        assert found == [f"old{number}" for number in reversed(range(12))]

    @check
    async def test_a_page_may_begin_after_a_row_that_no_longer_matches(self, bench: Bench) -> None:
        """[C23] The last one of the page before was closed meanwhile."""
        for number in range(4):
            await bench.held(f"p{number}")
        assert await bench.found(status="running", limit=2) == ["p3", "p2"]
        await bench.written(await bench.row("p2"), closes=True, status="completed")
        assert await bench.found(status="running", limit=2, after="p2") == ["p1", "p0"]

    @check
    async def test_pages_of_a_filter_neither_repeat_nor_miss(self, bench: Bench) -> None:
        """[C23]."""
        for number in range(20):
            await bench.start(f"p{number}", tags=("even",) if number % 2 == 0 else ())
        expected = [f"p{number}" for number in reversed(range(0, 20, 2))]
        assert await self._paged(bench, 3, tag="even") == expected

    @check
    async def test_processes_are_found_by_workflow_and_status(self, bench: Bench) -> None:
        """[C23]."""
        a, a2 = await bench.define("a", 1), await bench.define("a", 2)
        b = await bench.define("b")
        await bench.held("p1", definition_id=a)
        await bench.parked("p2", definition_id=a2)
        await bench.parked("p3", definition_id=b)
        assert await bench.found(workflow="a") == ["p2", "p1"]
        assert await bench.found(status="waiting") == ["p3", "p2"]
        assert await bench.found(workflow="a", status="waiting") == ["p2"]
        assert await bench.found(workflow="c") == []
        assert await bench.found(status="completed") == []

    @check
    async def test_processes_are_found_by_a_whole_tag(self, bench: Bench) -> None:
        """[C23] Not by a part of it, a pattern, or another case."""
        await bench.start("p1", tags=("red", "big"))
        await bench.start("p2", tags=("red wine",))
        await bench.start("p3", tags=('quo"ted', "größe", "%", "red_"))
        await bench.start("p4")
        assert await bench.found(tag="red") == ["p1"]
        assert await bench.found(tag="big") == ["p1"]
        assert await bench.found(tag='quo"ted') == await bench.found(tag="größe") == ["p3"]
        assert await bench.found(tag="%") == ["p3"]
        for nothing in ("re", "RED", "re_", "wine", "", '","'):
            assert await bench.found(tag=nothing) == []

    @check
    async def test_processes_are_found_by_when_they_were_started(self, bench: Bench) -> None:
        """[C23] From `since` on, up to but not including `until`; later writes do not count."""
        start = bench.now_us
        rows = []
        for number in range(4):
            rows.append(await bench.held(f"p{number}"))
            bench.clock.advance(1)
        await bench.written(rows[0], b"{}")
        assert await bench.found(since_us=start + 2 * SECOND) == ["p3", "p2"]
        assert await bench.found(until_us=start + 2 * SECOND) == ["p1", "p0"]
        window = {"since_us": start + SECOND, "until_us": start + 3 * SECOND}
        assert await bench.found(**window) == ["p2", "p1"]

    @check
    async def test_counts_are_by_status(self, bench: Bench) -> None:
        """[C23] Of all that the conditions hold for, however short the page."""
        for number in range(3):
            await bench.start(f"created{number}", tags=("x",))
        await bench.held("running", tags=("x",))
        await bench.closed("failed", status="failed")
        everything = {"created": 3, "running": 1, "failed": 1}
        store = bench.store
        assert await store.count(Query()) == everything
        assert await store.count(Query(limit=1, after="created1")) == everything
        assert await store.count(Query(tag="x")) == {"created": 3, "running": 1}
        assert await store.count(Query(status="failed")) == {"failed": 1}
        assert await store.count(Query(workflow="nothing")) == {}
