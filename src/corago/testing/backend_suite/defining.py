"""Checks of definitions: which is newest, which program runs it, and who follows whom."""

from __future__ import annotations

import msgspec

from corago.core import events as e
from corago.core import kernel, unasked
from corago.core.commit import Commit
from corago.core.messages import Adopt
from corago.core.tasks import Hold
from corago.ports.backend import Description
from corago.ports.capability import Capability as Can
from corago.ports.rows import Definition
from corago.testing.backend_suite import deciding as say
from corago.testing.backend_suite.harness import BackendChecks, Bench, check, ids


class DefinitionChecks(BackendChecks):
    """`define`, `program`, `newest`, `latest`, `follower` and `adopt`."""

    @check()
    async def test_a_definition_gets_one_id_for_ever(self, bench: Bench) -> None:
        """[B02] However often it is handed over, and by whom."""
        one = await bench.define()
        other = await bench.define("other")
        again = say.definition("suite", 1)
        assert await bench.backend.define(again, say.program(again)) == one
        assert one.id != other.id
        second = await bench.second()
        assert await second.define(again, say.program(again)) == one

    @check()
    async def test_a_definition_comes_back_as_it_was(self, bench: Bench) -> None:
        """[B02] Name, version, digest and document."""
        kept = await bench.define("grüße", 3)
        assert msgspec.structs.replace(kept, id=0) == say.definition("grüße", 3)
        assert await bench.backend.newest("grüße") == kept

    @check()
    async def test_the_newest_of_a_name_is_the_one_defined_last(self, bench: Bench) -> None:
        """[B03] Of one version, if that is asked for."""
        one = await bench.define("suite", 1)
        two = await bench.define("suite", 2)
        await bench.define("other", 9)
        assert await bench.backend.newest("suite") == two
        assert await bench.backend.newest("suite", 1) == one
        changed = await bench.define("suite", 1, note="changed")
        assert await bench.backend.newest("suite", 1) == changed

    @check()
    async def test_an_unknown_name_has_no_newest(self, bench: Bench) -> None:
        """[B03]."""
        await bench.define()
        assert await bench.backend.newest("unknown") is None
        assert await bench.backend.newest("suite", 7) is None
        assert await bench.backend.latest("unknown") is None

    @check()
    async def test_a_definition_is_found_by_its_digest(self, bench: Bench) -> None:
        """[B76] An older one of the same version, too, by who has not defined it."""
        one = await bench.define("suite", 1)
        changed = await bench.define("suite", 1, note="changed")
        client = await bench.second(knows=False)
        assert await client.definition("suite", one.sha) == one
        assert await client.definition("suite", changed.sha) == changed
        assert await client.definition("suite", "0" * 64) is None
        assert await client.definition("other", one.sha) is None

    @check()
    async def test_a_client_without_code_finds_the_newest(self, bench: Bench) -> None:
        """[B03] [B04] And can start it, and read it."""
        await bench.define("suite", 1)
        two = await bench.define("suite", 2)
        client = await bench.second(knows=False)
        found = await client.latest("suite")
        assert found == two
        worker_side, bench.backend = bench.backend, client
        await bench.start(definition=found, given=7)
        description = await client.describe("p")
        assert (description.row.workflow, description.row.version) == ("suite", 2)
        assert description.snapshot.process.sha == two.sha
        bench.backend = worker_side
        assert (await bench.taken()).sha == two.sha

    @check()
    async def test_what_an_engine_has_the_code_of_goes_before_what_is_stored(
        self, bench: Bench
    ) -> None:
        """[B03] Its own version is started, though somebody else has a newer one."""
        one = await bench.define("suite", 1)
        other = await bench.second(knows=False)
        newer = say.definition("suite", 2)
        kept = await other.define(newer, say.program(newer))
        assert await bench.backend.latest("suite") == one
        assert await bench.backend.newest("suite") == kept

    @check()
    async def test_a_program_is_made_of_the_document_alone(self, bench: Bench) -> None:
        """[B04] It folds a history and names what is open, without the code."""
        await bench.begin(say.activity("a"))
        client = await bench.second(knows=False)
        description = await client.describe("p")
        program = description.program
        commit = kernel.advance(program, description.snapshot, [], bench.clock.now(), say.Nobody())
        assert say.wanted(commit.snapshot) == ["a"]
        assert type(client.program(await bench.define())) is type(program)

    @check()
    async def test_a_process_stays_with_the_definition_it_was_started_with(
        self, bench: Bench
    ) -> None:
        """[B05] A newer version takes nobody along."""
        one = await bench.define("suite", 1)
        await bench.start(definition=one)
        two = await bench.define("suite", 2)
        assert ids(await bench.poll(shas=[two.sha])) == []
        assert bench.backend.follower(one.sha) is None
        assert (await bench.taken()).sha == one.sha

    @check()
    async def test_a_changed_definition_follows_the_older_one(self, bench: Bench) -> None:
        """[B05] Its worker is handed the processes of the older, and told what they follow now."""
        old = await bench.define("suite", 1)
        await bench.begin(say.timer("t", 5), definition=old)
        bench.clock.advance(5)
        new = await bench.define("suite", 1, note="changed")
        assert bench.backend.follower(old.sha) == new
        assert bench.backend.follower(new.sha) is None
        polled = await bench.poll(shas=[new.sha])
        assert [(each.process_id, each.sha) for each in polled.tasks] == [("p", old.sha)]

    @check(Can.ADOPTION)
    async def test_a_commit_lets_a_process_follow_another_definition(self, bench: Bench) -> None:
        """[B05] [B34] From then on it is that one's."""
        old = await bench.define("suite", 1)
        await bench.begin(say.timer("t", 5), definition=old)
        bench.clock.advance(5)
        new = await bench.define("suite", 1, note="changed")
        adopting = Adopt(bench.backend.program(new), new.sha, new.version)
        task = await bench.turn(say.timer("u", 5), more=[adopting])
        assert task.sha == new.sha
        assert (await bench.row()).sha == new.sha
        bench.clock.advance(5)
        assert ids(await bench.poll(shas=[old.sha])) in ([], ["p"])

    @check(Can.ADOPTION)
    async def test_a_process_that_nobody_holds_is_moved_on(self, bench: Bench) -> None:
        """[B06] With one event, and due for the workers of its new definition."""
        old, new = await bench.define("suite", 1), await bench.define("suite", 2)
        await bench.begin(say.timer("t", 60), definition=old)
        assert await self._moved(bench, new)
        (changed,) = await bench.events(e.DefinitionChanged)
        assert (changed.sha, changed.version) == (new.sha, 2)
        assert ids(await bench.poll(shas=[old.sha])) == []
        assert ids(await bench.poll(shas=[new.sha])) == ["p"]

    @check(Can.ADOPTION)
    async def test_a_process_that_somebody_holds_is_not_moved_on(self, bench: Bench) -> None:
        """[B06] Nor one that has gone on since it was looked at; nothing is written."""
        old, new = await bench.define("suite", 1), await bench.define("suite", 2)
        await bench.start(definition=old)
        looked = await bench.backend.describe("p")
        await bench.turn(say.timer("t", 5))
        async with bench.unchanged():
            assert not await self._moved(bench, new, looked)
        bench.clock.advance(5)
        await bench.taken()
        async with bench.unchanged():
            assert not await self._moved(bench, new)

    @check()
    async def test_a_definition_that_does_not_fit_gets_the_process_no_more(
        self, bench: Bench
    ) -> None:
        """[B75] Though messages come; its own definition and a later one do."""
        old = await bench.define("suite", 1)
        await bench.begin(definition=old)
        new = await bench.define("suite", 1, note="changed")
        await bench.signal()
        task = (await bench.poll(shas=[new.sha])).tasks[0]
        commit = Commit(task.snapshot)
        hold = Hold(keeps=False, due=bench.clock.now(), unfit=new.id)
        await bench.backend.complete_decision_task(
            task, commit, hold, consumed=task.consumed, seen=task.seen
        )
        await bench.signal()
        assert ids(await bench.poll(shas=[new.sha])) == []
        later = await bench.define("suite", 1, note="changed again")
        task = (await bench.poll(shas=[later.sha])).tasks[0]
        assert [each.message for each in task.mail] == [say.message("go")] * 2

    @check()
    async def test_what_did_not_fit_is_looked_at_again_after_an_event(self, bench: Bench) -> None:
        """[B75]."""
        old = await bench.define("suite", 1)
        await bench.begin(definition=old)
        other = await bench.second(knows=False)
        kept = await other.define(old, say.program(old))
        new = await bench.define("suite", 1, note="changed")
        await bench.signal()
        task = (await bench.poll(shas=[new.sha])).tasks[0]
        hold = Hold(keeps=False, due=bench.clock.now(), unfit=new.id)
        await bench.backend.complete_decision_task(
            task, Commit(task.snapshot), hold, consumed=task.consumed, seen=task.seen
        )
        polled = await other.poll_decision_tasks(await bench.worker("bob"), [kept.sha], 9)
        await bench.decided(polled.tasks[0])
        await bench.signal()
        assert ids(await bench.poll(shas=[new.sha])) == ["p"]

    async def _moved(self, bench: Bench, to: Definition, looked: Description | None = None) -> bool:
        description = looked or await bench.backend.describe("p")
        adopting = Adopt(bench.backend.program(to), to.sha, to.version, actor="eve")
        commit = unasked.adopt(
            description.program, description.snapshot, adopting, bench.clock.now()
        )
        return await bench.backend.adopt(description, to, commit)
