"""Checks of large values: kept once each, whole, and only with what brings them."""

from __future__ import annotations

from corago.ports.store import Blob
from corago.testing.store_suite.harness import Bench, StoreChecks, blob, check

ODD = (blob(b""), blob(bytes(range(256)) * 3), blob(b"\xff\xfe"), blob(b'"text"'))
LARGE = blob(bytes(range(256)) * 8192)
"""Two mebibytes."""


class BlobChecks(StoreChecks):
    """`blobs`, and all that brings them."""

    async def _assert_kept(self, bench: Bench, *expected: Blob) -> None:
        found = await bench.store.blobs([each.sha for each in expected])
        assert sorted(found, key=_sha) == sorted(expected, key=_sha)

    async def _assert_none(self, bench: Bench, *strangers: Blob) -> None:
        assert await bench.store.blobs([each.sha for each in strangers]) == []

    @check
    async def test_blobs_come_with_everything_that_may_refer_to_them(self, bench: Bench) -> None:
        """[C30] Starts, messages, commits, their children and messages, and outcomes."""
        values = [blob(b"%d" % number) for number in range(6)]
        await bench.start("p", owner=await bench.worker(), blobs=(values[0],))
        row = await bench.row()
        await bench.send(blobs=(values[1],))
        births = (await bench.new("child", blobs=(values[3],)),)
        sends = (bench.outgoing("child", blobs=(values[4],)),)
        tasks = (bench.task("a"),)
        more = {"births": births, "sends": sends, "tasks": tasks, "blobs": (values[2],)}
        await bench.written(row, b"{}", **more)
        worker = await bench.worker()
        task = await bench.taken("a", worker)
        assert await bench.store.complete_task(task, worker, b"{}", (values[5],))
        for each in values:
            await self._assert_kept(bench, each)
        await bench.restart()
        await self._assert_kept(bench, *values)

    @check
    async def test_blobs_come_with_every_form_of_commit(self, bench: Bench) -> None:
        """[C30] The usual one, one without events, and the last."""
        row = await bench.written(await bench.held(), b"{}", blobs=ODD[:1])
        row = await bench.written(row, blobs=ODD[1:2])
        await bench.written(row, b"{}", closes=True, status="completed", blobs=ODD[2:])
        await self._assert_kept(bench, *ODD)

    @check
    async def test_blobs_are_kept_whole(self, bench: Bench) -> None:
        """[C30] Whatever their bytes, and however many."""
        await bench.start(blobs=(*ODD, LARGE))
        await self._assert_kept(bench, *ODD, LARGE)

    @check
    async def test_a_blob_is_kept_once(self, bench: Bench) -> None:
        """[C30] Who brings it again changes nothing, nor does who asks twice get it twice."""
        row = await bench.held(blobs=(ODD[0], ODD[0]))
        row = await bench.written(row, b"{}", blobs=(ODD[0], ODD[1]))
        await bench.send(blobs=ODD[:2])
        assert await bench.store.blobs([ODD[0].sha, ODD[0].sha]) == [ODD[0]]
        await self._assert_kept(bench, *ODD[:2])

    @check
    async def test_unknown_blobs_are_missing(self, bench: Bench) -> None:
        """[C30]."""
        await bench.start(blobs=(ODD[0], LARGE))
        assert await bench.store.blobs([]) == []
        shas = [ODD[1].sha, ODD[0].sha, "", ODD[0].sha.upper(), ODD[0].sha[:12]]
        assert await bench.store.blobs(shas) == [ODD[0]]

    @check
    async def test_a_blob_outlives_its_process_and_the_store(self, bench: Bench) -> None:
        """[C30] [C01] Its history still refers to it."""
        row = await bench.held(blobs=ODD)
        await bench.written(row, b"{}", closes=True, status="completed")
        await bench.restart()
        await self._assert_kept(bench, *ODD)

    @check
    async def test_a_refused_commit_brings_no_blob(self, bench: Bench) -> None:
        """[C30] [C10] [C12] [C16] [C27] Neither its own nor those of children and messages."""
        row = await bench.held()
        births = (await bench.new("child", blobs=ODD[:1]),)
        sends = (bench.outgoing("p", blobs=ODD[1:2]),)
        await bench.assert_refused_in_every_way(row, births=births, sends=sends, blobs=ODD[2:])
        await self._assert_none(bench, *ODD)

    @check
    async def test_what_is_dropped_or_known_already_brings_no_blob(self, bench: Bench) -> None:
        """[C30] A second start, messages to nobody, to the closed or repeated ones, late work."""
        row = await bench.held()
        await bench.closed("closed")
        assert not (await bench.start("p", blobs=ODD)).is_new
        await bench.send("p", key="k", digest="d")
        names = ("absent", "closed", "p")
        lost = [bench.outgoing(name, key="k", digest="d", blobs=ODD) for name in names]
        for message in lost:
            assert (await bench.store.send(message)).outcome != "sent"
        row = await bench.written(row, b"{}", sends=tuple(lost), tasks=(bench.task("a"),))
        worker, late = await bench.worker(), await bench.worker()
        task = await bench.taken("a", late)
        assert not await bench.store.complete_task(task, worker, b"{}", ODD)
        await self._assert_none(bench, *ODD)


def _sha(value: Blob) -> str:
    return value.sha
