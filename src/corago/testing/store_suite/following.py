"""Checks of changed definitions: who follows which, who does not fit, and writing for nobody."""

from __future__ import annotations

from typing import Any

from corago.ports.store import Instance, Query, Refusal
from corago.testing.store_suite.harness import Bench, StoreChecks, check, definition, fence, ids


async def unfit(bench: Bench, name: str, follower: int, **changes: Any) -> Instance:
    """A process that is due, and parked as one that does not fit a definition."""
    row = await bench.held(name, **changes)
    return await bench.written(row, parks=True, due_us=bench.now_us, unfit=follower)


class FollowingChecks(StoreChecks):
    """`append` with a definition, or with one that the process does not fit."""

    @check
    async def test_a_commit_may_change_the_definition(self, bench: Bench) -> None:
        """[C26] The row names the new one with all its parts, and keeps it."""
        row = await bench.held(definition_id=await bench.define("greet", 1))
        new = await bench.define("greet", 2, "longer")
        after = await bench.written(row, b"{}", definition=new)
        sha = definition("greet", 2, "longer").sha
        assert (after.definition_id, after.version, after.sha) == (new, 2, sha)
        assert (after.owner, after.position) == (row.owner, 2)
        assert (await bench.written(after, b"{}")).definition_id == new

    @check
    async def test_a_definition_changes_without_events_too(self, bench: Bench) -> None:
        """[C26]."""
        row = await bench.held()
        new = await bench.define("part")
        row = await bench.written(row, definition=new)
        assert (row.definition_id, row.workflow, row.position) == (new, "part", 1)

    @check
    async def test_a_changed_process_is_claimed_under_its_new_definition(
        self, bench: Bench
    ) -> None:
        """[C26] [C19] And no longer under the old one, whoever changed it."""
        old, new = await bench.define("greet", 1), await bench.define("greet", 2)
        row = await bench.held("parks", definition_id=old)
        await bench.written(row, b"{}", definition=new, parks=True, due_us=bench.now_us)
        row = await bench.held("wakes", definition_id=old)
        await bench.written(row, b"{}", definition=new, parks=True)
        await bench.send("wakes")
        row = await bench.parked("waits", due_us=bench.now_us, definition_id=old)
        await bench.written(row, b"{}", fence=fence(row, owner=None), definition=new)
        worker = await bench.worker()
        claims = await bench.claim(worker, definitions=[old])
        assert (ids(claims), claims.next_due_us) == ([], None)
        assert {*ids(await bench.claim(worker, definitions=[new]))} == {"parks", "wakes", "waits"}

    @check
    async def test_a_changed_definition_survives_a_restart(self, bench: Bench) -> None:
        """[C26] [C01]."""
        row = await bench.held()
        new = await bench.define("greet", 2)
        await bench.written(row, b"{}", definition=new)
        await bench.restart()
        assert (await bench.row()).definition_id == new

    @check
    async def test_a_refused_commit_changes_no_definition(self, bench: Bench) -> None:
        """[C26] [C10] [C12] [C16] [C27]."""
        row = await bench.held()
        await bench.assert_refused_in_every_way(row, definition=await bench.define("greet", 2))

    @check
    async def test_what_a_process_does_not_fit_is_shown_with_its_row(self, bench: Bench) -> None:
        """[C29] Wherever rows are shown, and over a restart."""
        await bench.parked("p")
        new = await bench.define("greet", 2)
        assert (await unfit(bench, "q", new)).unfit == new
        assert [row.unfit for row in await bench.store.find(Query())] == [new, None]
        await bench.restart()
        assert (await bench.row("q")).unfit == new
        assert (await bench.claimed("q")).row.unfit == new

    @check
    async def test_a_commit_with_events_ends_a_misfit(self, bench: Bench) -> None:
        """[C29] The usual one, and one that says more."""
        ways: dict[str, dict[str, Any]]
        ways = {
            "holds": {},
            "parks": {"parks": True},
            "tells": {"external": b"1"},
        }
        new = await bench.define("greet", 2)
        for name, how in ways.items():
            await unfit(bench, name, new)
            loaded = await bench.claimed(name)
            assert (await bench.written(loaded.row, b"{}", **how)).unfit is None

    @check
    async def test_a_commit_without_events_leaves_a_misfit(self, bench: Bench) -> None:
        """[C29] Who finds nothing to do says nothing about who fits."""
        new = await bench.define("greet", 2)
        await unfit(bench, "p", new)
        row = (await bench.claimed("p")).row
        for how in ({"status": "suspended"}, {}, {"parks": True}):
            row = await bench.written(row, **how)
            assert row.unfit == new

    @check
    async def test_a_misfit_that_is_said_anew_replaces_the_older(self, bench: Bench) -> None:
        """[C29] A later or an earlier one, with events or without."""
        one, two, three, four = [await bench.define("part", number) for number in range(4)]
        row = await bench.written(await bench.held(), unfit=three)
        row = await bench.written(row, unfit=four)
        assert row.unfit == four
        row = await bench.written(row, unfit=one)
        assert row.unfit == one
        row = await bench.written(row, b"{}", unfit=two)
        assert (row.unfit, row.owner is None) == (two, False)

    @check
    async def test_messages_and_claims_leave_a_misfit(self, bench: Bench) -> None:
        """[C29] And so does the loss of the holder."""
        new = await bench.define("greet", 2)
        await unfit(bench, "p", new)
        await bench.send("p")
        worker = await bench.worker()
        assert (await bench.claimed("p", worker)).row.unfit == new
        await bench.store.bury(worker)
        assert (await bench.row("p")).unfit == new

    @check
    async def test_a_refused_commit_says_no_misfit(self, bench: Bench) -> None:
        """[C29] [C10] [C12] [C16] [C27]."""
        row = await bench.held()
        await bench.assert_refused_in_every_way(row, unfit=await bench.define("greet", 2))

    @check
    async def test_a_loss_that_is_passed_on_is_told_to_the_next_claimant(
        self, bench: Bench
    ) -> None:
        """[C21] Once, by whatever commit; who says none leaves the one that is known."""
        row = await bench.held()
        row = await bench.written(row, b"{}", lost_owner="ann")
        row = await bench.written(row, b"{}")
        assert (await bench.load()).lost_owner == "ann"
        await bench.written(row, parks=True, due_us=bench.now_us)
        loaded = await bench.claimed()
        assert loaded.lost_owner == "ann"
        assert (await bench.load()).lost_owner is None
        passing = {"parks": True, "due_us": bench.now_us, "lost_owner": "ben"}
        await bench.written(loaded.row, **passing)
        assert (await bench.claimed()).lost_owner == "ben"


class HeirChecks(StoreChecks):
    """`claim` with heirs."""

    async def _three(self, bench: Bench) -> tuple[int, int, int]:
        versions = [await bench.define("greet", number) for number in (1, 2, 3)]
        assert versions == sorted(versions)
        return versions[0], versions[1], versions[2]

    @check
    async def test_an_heir_takes_over_what_follows_an_older_definition(self, bench: Bench) -> None:
        """[C32] [C19] With all that is due under its own, longest due first, up to the limit."""
        old, new, other = await self._three(bench)
        for name, of in [("a", old), ("b", new), ("c", old), ("d", other), ("e", old)]:
            await bench.start(name, definition_id=of)
            bench.clock.advance(1)
        worker = await bench.worker()
        assert ids(await bench.claim(worker, definitions=[new], heirs=[(old, new)], limit=3)) == [
            *("a", "b", "c")
        ]
        row = await bench.row("a")
        assert (row.owner, row.epoch, row.definition_id) == (worker, 1, old)
        claims = await bench.claim(worker, definitions=[new], heirs=[(old, new)], limit=0)
        assert claims.next_due_us == (await bench.row("e")).due_us
        assert ids(await bench.claim(worker, definitions=[], heirs=[(old, new)])) == ["e"]

    @check
    async def test_without_heirs_only_the_asked_definitions_are_claimed(self, bench: Bench) -> None:
        """[C32] [C19]."""
        old, new, other = await self._three(bench)
        await bench.start("p", definition_id=old)
        worker = await bench.worker()
        assert ids(await bench.claim(worker, definitions=[new])) == []
        assert ids(await bench.claim(worker, definitions=[new], heirs=[(other, new)])) == []

    @check
    async def test_what_does_not_fit_an_heir_is_left_to_others(self, bench: Bench) -> None:
        """[C32] Nor does it fall due for it; it may fit a later one."""
        old, new, newest = await self._three(bench)
        await unfit(bench, "same", new, definition_id=old)
        await unfit(bench, "later", newest, definition_id=old)
        worker = await bench.worker()
        claims = await bench.claim(worker, definitions=[new], heirs=[(old, new)])
        assert (ids(claims), claims.next_due_us) == ([], None)
        claims = await bench.claim(worker, definitions=[newest], heirs=[(old, newest)])
        assert (ids(claims), claims.next_due_us) == (["same"], None)
        assert ids(await bench.claim(worker, definitions=[old])) == ["later"]

    @check
    async def test_what_fits_is_found_behind_what_does_not(self, bench: Bench) -> None:
        """[C32] [C19] However many stand before it, and with its own instant."""
        old, new, _ = await self._three(bench)
        for number in range(5):
            await unfit(bench, f"p{number}", new, definition_id=old)
        bench.clock.advance(1)
        await bench.start("q", definition_id=old)
        await bench.start("r", definition_id=old, at_us=bench.later(5))
        claims = await bench.claim(
            await bench.worker(), definitions=[new], heirs=[(old, new)], limit=2
        )
        assert (ids(claims), claims.next_due_us) == (["q"], bench.later(5))

    @check
    async def test_what_did_not_fit_an_earlier_follower_is_claimed(self, bench: Bench) -> None:
        """[C32] The latest of several followers counts, in whatever order they are named."""
        old, new, newest = await self._three(bench)
        worker = await bench.worker()
        pairs = [(old, new), (old, newest)]
        for name, heirs in {"p": pairs, "q": pairs[::-1]}.items():
            await unfit(bench, name, new, definition_id=old)
            assert ids(await bench.claim(worker, definitions=[], heirs=heirs)) == [name]

    @check
    async def test_who_has_the_definition_itself_takes_what_does_not_fit_others(
        self, bench: Bench
    ) -> None:
        """[C32] Also who has its follower, too."""
        old, new, _ = await self._three(bench)
        worker = await bench.worker()
        for name, heirs in {"p": [], "q": [(old, new)]}.items():
            row = await unfit(bench, name, new, definition_id=old)
            claims = await bench.claim(worker, definitions=[old, new], heirs=heirs, limit=0)
            assert claims.next_due_us == row.due_us
            assert ids(await bench.claim(worker, definitions=[old, new], heirs=heirs)) == [name]

    @check
    async def test_what_has_moved_on_is_offered_to_heirs_again(self, bench: Bench) -> None:
        """[C32] [C29]."""
        old, new, _ = await self._three(bench)
        await unfit(bench, "p", new, definition_id=old)
        row = (await bench.claimed("p")).row
        await bench.written(row, b"{}", parks=True, due_us=bench.now_us)
        heirs = [(old, new)]
        assert ids(await bench.claim(await bench.worker(), definitions=[], heirs=heirs)) == ["p"]


class NobodyChecks(StoreChecks):
    """`append` by nobody: for a process that nobody holds."""

    @check
    async def test_nobody_may_write_what_nobody_holds(self, bench: Bench) -> None:
        """[C10] It stays without owner, and due as it was."""
        for name, due_us in {
            "timed": bench.later(60),
            "due": bench.now_us,
            "endless": None,
        }.items():
            row = await bench.parked(name, due_us=due_us)
            after = await bench.written(row, b"{}", fence=fence(row, owner=None), due_us=5)
            assert (after.position, after.owner, after.epoch) == (2, None, row.epoch)
            assert (after.due_us, after.status) == (due_us, "running")
        assert ids(await bench.claim(await bench.worker())) == ["due"]

    @check
    async def test_nobody_may_write_with_unseen_messages(self, bench: Bench) -> None:
        """[C10] [C12] Who lets nothing go overlooks nothing."""
        row = await bench.parked()
        await bench.send()
        after = await bench.written(row, b"{}", fence=fence(row, owner=None), seen=0)
        assert (after.position, after.due_us) == (2, bench.now_us)
        assert len((await bench.claimed()).messages) == 1

    @check
    async def test_nobody_may_not_write_what_somebody_holds(self, bench: Bench) -> None:
        """[C10] Nor what has been held meanwhile, nor another position."""
        row = await bench.held()
        nobody = fence(row, owner=None)
        await bench.assert_refused(row, b"{}", fence=nobody, refusal=Refusal.FENCED)
        await bench.written(row, parks=True, due_us=bench.now_us)
        row = await bench.written((await bench.claimed()).row, parks=True)
        await bench.assert_refused(row, b"{}", fence=nobody, refusal=Refusal.FENCED)
        wrong = fence(row, owner=None, position=row.position + 1)
        await bench.assert_refused(row, b"{}", fence=wrong, refusal=Refusal.FENCED)

    @check
    async def test_nobody_may_park_or_close_what_nobody_holds(self, bench: Bench) -> None:
        """[C10] [C12] [C13] With the messages seen."""
        row = await bench.parked()
        nobody = fence(row, owner=None)
        sent = await bench.send()
        for how in ("parks", "closes"):
            way = {"fence": nobody, "seen": 0, how: True}
            await bench.assert_refused(row, b"{}", refusal=Refusal.MORE_MESSAGES, **way)
        due_us = bench.later(5)
        row = await bench.written(row, fence=nobody, seen=sent.seq, parks=True, due_us=due_us)
        assert (row.owner, row.due_us) == (None, due_us)
        row = await bench.written(row, fence=nobody, seen=sent.seq, closes=True, status="aborted")
        assert (row.status, row.due_us) == ("aborted", None)

    @check
    async def test_nobody_may_seize_and_leave_a_process_due(self, bench: Bench) -> None:
        """[C18] [C10] Its holder is fenced; what nobody held is due as it was."""
        row = await bench.held()
        nobody = fence(row, owner=None, epoch=0)
        at_us = bench.later(-1)
        after = await bench.written(row, b"{}", seize=True, fence=nobody, at_us=at_us)
        assert (after.owner, after.epoch, after.due_us) == (None, row.epoch + 1, at_us)
        assert await bench.append(row, b"{}") is Refusal.FENCED
        await bench.claimed()
        for name, due_us in {"timed": bench.later(60), "endless": None}.items():
            row = await bench.parked(name, due_us=due_us)
            nobody = fence(row, owner=None, epoch=0)
            after = await bench.written(row, b"{}", seize=True, fence=nobody)
            assert (after.owner, after.epoch, after.due_us) == (None, row.epoch + 1, due_us)
