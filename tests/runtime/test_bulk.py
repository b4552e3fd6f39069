"""Many processes at once: a list that stays as it was, and a command for each of it."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from corago import (
    Applied,
    Engine,
    InvalidInputError,
    ProcessFailedError,
    Retry,
    Selection,
    State,
    StoreUnavailableError,
    parallel,
    step,
    wait_for,
)
from corago.core import events as e
from corago.decider import ContinueAsNew, Process, Workflow
from corago.runtime import bulk
from corago.runtime.bulk import PAGE, TAKES, Selected
from corago.runtime.engine import EngineCore
from tests.runtime.stage import Stage, listing, reaches, until

DEADLINE = 10.0


class Supplier:
    """Something outside that is away until it is back."""

    def __init__(self) -> None:
        self.is_away = True
        self.calls: list[int] = []

    def step(self) -> Any:
        @step("Order")
        async def order(number: int = 0) -> State:
            self.calls.append(number)
            if self.is_away:
                raise ConnectionError("away")
            return {"ordered": number}

        return order


async def failed(engine: EngineCore, body: Any, *ids: str) -> None:
    """Processes that have failed, in this order."""
    for number, id in enumerate(ids):
        await engine.start(body, {"number": number}, id=id)
        await reaches(engine, id, "failed")


def ids(selection: Selection) -> list[str]:
    return [each.id for each in selection.targets]


# -- selecting -------------------------------------------------------------------------------------


def test_a_selection_holds_those_for_which_all_conditions_hold_newest_first() -> None:
    stage = Stage()
    waits, fails = listing(wait_for("go")), listing(Supplier().step())

    async def story() -> None:
        async with stage.engine() as engine:
            await failed(engine, fails, "a", "b")
            await engine.start(waits, id="c", tags=["red"])
            await reaches(engine, "c", "waiting")
            await asyncio.sleep(100)
            await engine.start(waits, id="d", tags=["red"])
            await reaches(engine, "d", "waiting")
            assert ids(await engine.select()) == ["d", "c", "b", "a"]
            assert ids(await engine.select(workflow=fails.name)) == ["b", "a"]
            assert ids(await engine.select(status="failed", limit=1)) == ["b"]
            then = stage.clock.now() - timedelta(seconds=50)
            assert ids(await engine.select(tag="red", since=then)) == ["d"]
            assert ids(await engine.select(tag="red", until=then)) == ["c"]
            assert ids(await engine.select(workflow="other")) == []
            (only,) = (await engine.select(workflow=fails.name, limit=1)).targets
            position = len(await engine.history("b"))
            assert only == Selected("b", "failed", position)

    stage.run(story())


def test_a_selection_stays_as_it_was() -> None:
    stage = Stage()

    async def story() -> None:
        async with stage.engine() as engine:
            body = listing(wait_for("go"))
            await engine.start(body, id="a")
            await reaches(engine, "a", "waiting")
            selection = await engine.select(status="waiting")
            await engine.start(body, id="b")
            await engine.signal("a", "go")
            await engine.wait("a", 5)
            assert ids(selection) == ["a"]
            assert selection.targets[0].status == "waiting"

    stage.run(story())


def test_a_selection_pages_through_more_than_one_page_and_asks_for_no_more_than_its_limit() -> None:
    stage = Stage()

    async def story() -> None:
        async with stage.client() as client:
            store = stage.stores[-1]
            await client.start_many(listing(wait_for("go")), [{} for _ in range(2 * PAGE + 3)])
            for limit, count, pages in ((None, 2 * PAGE + 3, 3), (PAGE + 1, PAGE + 1, 2)):
                before = store.calls.count("find")
                selection = await client.select(limit=limit)
                assert len(set(ids(selection))) == selection.count == count
                assert store.calls.count("find") - before == pages

    stage.run(story())


@pytest.mark.parametrize(
    ("conditions", "said"),
    [
        ({"status": "odd"}, "odd"),
        ({"limit": 0}, "limit"),
        ({"since": datetime(2030, 1, 1)}, "time zone"),  # noqa: DTZ001 - the point
    ],
)
def test_conditions_that_make_no_sense_are_refused(conditions: Any, said: str) -> None:
    with Engine(worker=False) as engine, pytest.raises(InvalidInputError, match=said):
        engine.select(**conditions)


SELECTION = Selection(
    "one",
    datetime(2030, 5, 4, 12, tzinfo=UTC),
    {"workflow": "create_port", "status": "failed"},
    (Selected('p"1', "failed", 12), Selected("ü", "failed", 3, 7), Selected("q", "waiting", 1)),
)


def test_a_selection_says_how_many_there_are_and_why_these() -> None:
    assert str(SELECTION) == (
        "3 processes (2 failed, 1 waiting), selected at 2030-05-04 12:00:00 UTC by "
        "workflow=create_port status=failed"
    )
    none = Selection("none", SELECTION.at, {}, ())
    assert str(none) == "0 processes, selected at 2030-05-04 12:00:00 UTC by no condition"
    assert (SELECTION.count, SELECTION.statuses) == (3, {"failed": 2, "waiting": 1})


@pytest.mark.parametrize("selection", [SELECTION, Selection("none", SELECTION.at, {}, ())])
def test_a_selection_comes_back_from_its_json_with_a_line_for_each_process(
    selection: Selection,
) -> None:
    text = selection.to_json()
    assert Selection.from_json(text) == Selection.from_json(text.encode()) == selection
    rows = [[each.id, each.status, each.position, each.run] for each in selection.targets]
    assert json.loads(text)["targets"] == rows
    assert sum(line.startswith("[") for line in text.splitlines()) == selection.count


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "[]",
        "{}",
        b"\xff",
        SELECTION.to_json().replace("12", '"12"'),
        SELECTION.to_json().replace("Z", ""),
        SELECTION.to_json().replace('["q","waiting",1,1]', '["q"]'),
    ],
)
def test_what_is_no_saved_selection_is_refused(bad: str | bytes) -> None:
    with pytest.raises(InvalidInputError):
        Selection.from_json(bad)


def test_a_selection_that_was_saved_without_runs_means_the_first_ones() -> None:
    text = SELECTION.to_json().replace('["q","waiting",1,1]', '["q","waiting",1]')
    assert Selection.from_json(text) == SELECTION


# -- applying --------------------------------------------------------------------------------------


def test_all_that_failed_are_tried_again_with_actor_and_reason() -> None:
    stage, supplier = Stage(), Supplier()

    async def story() -> None:
        async with stage.engine() as engine:
            await failed(engine, listing(supplier.step()), "a", "b", "c")
            supplier.is_away = False
            selection = await engine.select(status="failed")
            applied = await engine.apply("retry", selection, actor="ann", reason="it is back")
            assert (applied.done, applied.refused) == (("c", "b", "a"), ())
            assert str(applied) == "retry: 3 done, 0 refused"
            for id in ("a", "b", "c"):
                assert "ordered" in await engine.wait(id, 5)
                (opened,) = (await engine.history(id)).of(e.ProcessReopened)
                assert (opened.actor, opened.reason) == ("ann", "it is back")

    stage.run(story())


@pytest.mark.parametrize("verb", sorted(TAKES))
def test_what_has_moved_on_since_it_was_selected_is_refused_and_left_alone(verb: str) -> None:
    stage, supplier = Stage(), Supplier()
    needs: dict[str, Any] = {"signal": {"name": "go"}, "set_result": {"value": {}}}
    given = needs.get(verb, {})

    async def story() -> None:
        async with stage.engine() as engine:
            await failed(engine, listing(supplier.step()), "a")
            selection = await engine.select()
            await engine.retry("a")
            await until(lambda: len(supplier.calls) == 2)
            await reaches(engine, "a", "failed")
            before = await engine.history("a")
            (refused,) = (await engine.apply(verb, selection, **given)).refused
            assert refused.why == (
                "it has moved on since it was selected "
                f"(position {selection.targets[0].position}, now {len(before)})"
            )
            await asyncio.sleep(1)
            assert len(await engine.history("a")) == len(before)
            assert await engine.pending("a") == ()

    stage.run(story())


def test_who_rests_at_the_same_place_of_another_run_has_moved_on() -> None:
    class Round(Workflow):
        name = "round"

        def initiate(self, process: Process) -> None:
            """Wait for a signal."""

        def respond_to_signal(self, process: Process, event: Any) -> Any:
            return ContinueAsNew(None)

    stage = Stage(Round)

    async def story() -> None:
        async with stage.engine() as engine:
            await engine.start(Round, id="a")
            await reaches(engine, "a", "waiting")
            selection = await engine.select()
            await engine.signal("a", "again")
            await until(lambda: stage.store._processes["a"].run == 2)
            await reaches(engine, "a", "waiting")
            for verb in ("abort", "cancel", "signal"):
                given: dict[str, Any] = {"name": "again"} if verb == "signal" else {}
                (refused,) = (await engine.apply(verb, selection, **given)).refused
                assert refused.why == (
                    "it has moved on since it was selected (position 2 of run 1, now 2 of run 2)"
                )

    stage.run(story())


def test_a_command_for_many_can_be_meant_for_them_wherever_they_stand() -> None:
    stage, supplier = Stage(), Supplier()

    async def story() -> None:
        async with stage.engine() as engine:
            await failed(engine, listing(supplier.step()), "a")
            selection = await engine.select()
            await engine.retry("a")
            await until(lambda: len(supplier.calls) == 2)
            await reaches(engine, "a", "failed")
            applied = await engine.apply("abort", selection, even_if_moved=True)
            assert applied.done == ("a",)
            assert (await engine.info("a")).status == "aborted"

    stage.run(story())


def test_one_that_does_not_fit_is_refused_with_its_reason_and_the_others_are_done() -> None:
    stage, supplier = Stage(), Supplier()

    async def story() -> None:
        async with stage.engine() as engine:
            await engine.start(listing(wait_for("go")), id="waits")
            await reaches(engine, "waits", "waiting")
            await failed(engine, listing(supplier.step()), "fails")
            selection = await engine.select()
            gone = Selected("nobody", "failed", 3)
            selection = Selection("x", selection.at, {}, (*selection.targets, gone))
            applied = await engine.apply("skip", selection)
            assert applied.done == ("fails",)
            why = {each.id: each.why or "" for each in applied.refused}
            assert "nothing in it has failed" in why["waits"]
            assert "no process has the id 'nobody'" in why["nobody"]
            assert [each.id for each in applied.targets] == ["fails", "waits", "nobody"]

    stage.run(story())


def test_a_damaged_process_stands_in_nobodys_way() -> None:
    stage = Stage()

    async def story() -> None:
        async with stage.engine() as engine:
            body = listing(wait_for("go"))
            for id in ("a", "b", "c"):
                await engine.start(body, id=id)
                await reaches(engine, id, "waiting")
            selection = await engine.select()
            stage.store._processes["b"].events[0] = b"{}"
            applied = await engine.apply("cancel", selection)
            assert applied.done == ("c", "a")
            assert "rows can't be understood" in (applied.refused[0].why or "")

    stage.run(story())


def test_results_steps_and_signals_are_given_to_many() -> None:
    stage, supplier = Stage(), Supplier()

    async def story() -> None:
        async with stage.engine() as engine:
            first = supplier.step()
            both = listing(parallel("Both", first, first.named("Other")), wait_for("go"))
            await failed(engine, both, "a", "b")
            selection = await engine.select()
            done = await engine.apply("set_result", selection, step="Both/Order", value={"x": 1})
            assert len(done.done) == 2
            await asyncio.sleep(1)
            done = await engine.apply("skip", await engine.select(), step="Both/Other")
            for id in done.done:
                await reaches(engine, id, "waiting")
            done = await engine.apply("signal", await engine.select(), name="go", data=[7])
            assert sorted(done.done) == ["a", "b"]
            for number, id in enumerate("ab"):
                expected = {"number": number, "x": 1, "go": [7]}
                assert await engine.wait(id, 5) == expected

    stage.run(story())


def test_a_selection_may_be_applied_again_after_an_interruption() -> None:
    """Signals that nobody has taken yet are not sent twice, and what moved on is left alone."""
    stage = Stage()
    body = listing(wait_for("go"), wait_for("go", into="again"))

    async def story() -> None:
        async with stage.client() as client:
            for id in ("a", "b"):
                await client.start(body, id=id)
            selection = await client.select()
            for _ in range(2):
                assert len((await client.apply("signal", selection, name="go")).done) == 2
            assert len(await client.pending("a")) == 1
            async with stage.engine(workflows=[body]) as engine:
                await reaches(engine, "a", "waiting")
                await reaches(engine, "b", "waiting")
                assert len((await engine.apply("signal", selection, name="go")).refused) == 2
                other = await engine.select()
                assert len((await engine.apply("signal", other, name="go")).done) == 2
                await engine.wait("a", 5)

    stage.run(story())


def test_a_key_of_ones_own_is_taken_as_it_is() -> None:
    stage = Stage()

    async def story() -> None:
        async with stage.client() as client:
            await client.start(listing(wait_for("go")), id="a")
            selection = await client.select()
            await client.apply("signal", selection, name="go", key="k")
            await client.signal("a", "go", key="k")
            (only,) = await client.pending("a")
            assert getattr(only, "key", None) == "k"

    stage.run(story())


def test_a_store_that_goes_away_ends_it_and_the_selection_goes_on_where_it_stopped() -> None:
    stage = Stage()

    async def story() -> None:
        async with stage.client() as client:
            await client.start_many(listing(wait_for("go")), [{} for _ in range(20)])
            selection = await client.select()
            store = stage.stores[-1]
            store.fail("send", times=1)
            with pytest.raises(StoreUnavailableError):
                await client.apply("signal", selection, name="go", window=3)
            assert store.calls.count("send") < 20, "those not yet begun are not begun"
            store.heal()
            assert len((await client.apply("signal", selection, name="go")).done) == 20
            for target in selection.targets:
                assert len(await client.pending(target.id)) == 1

    stage.run(story())


def test_no_more_than_a_window_of_them_are_under_way_at_a_time() -> None:
    stage = Stage()

    async def story() -> None:
        async with stage.client() as client:
            await client.start_many(listing(wait_for("go")), [{} for _ in range(20)])
            selection = await client.select()
            store = stage.stores[-1]
            store.fail("send", when="hangs", times=20)
            applying = asyncio.create_task(client.apply("signal", selection, name="go", window=4))
            await asyncio.sleep(1)
            assert store.calls.count("send") == 4
            store.heal()
            assert len((await applying).done) == 20

    stage.run(story())


@pytest.mark.parametrize(
    ("verb", "given", "said"),
    [
        ("hurry", {}, "'hurry' can't be given to many"),
        ("pause", {}, "there are: retry, skip"),
        ("cancel", {"step": "Order"}, "cancel takes no step"),
        ("retry", {"value": {}}, "retry takes no value"),
        ("abort", {"data": 1}, "abort takes no data"),
        ("set_result", {}, "a step's result is a dict"),
        ("set_result", {"value": {"x": object()}}, "result"),
        ("signal", {}, "a signal's name"),
        ("signal", {"name": "go", "data": object()}, "data of signal 'go'"),
        ("retry", {"actor": 7}, "actor"),
    ],
)
def test_a_command_that_makes_no_sense_is_refused_before_anybody_gets_it(
    verb: str, given: Any, said: str
) -> None:
    with Engine(worker=False) as engine:
        engine.start(listing(wait_for("go")), id="p")
        with pytest.raises(InvalidInputError, match=said):
            engine.apply(verb, engine.select(), **given)
        assert engine.get("p").pending() == ()
        assert engine.info("p").status == "created"


def test_the_blocking_engine_acts_on_many_too() -> None:
    @step("Once", retry=Retry(attempts=1))
    def once() -> State:
        raise OSError

    with Engine() as engine:
        body = listing(once)
        handles = [engine.start(body, id=id) for id in ("a", "b")]
        for handle in handles:
            with pytest.raises(ProcessFailedError):
                handle.result(timeout=DEADLINE)
        selection = engine.select(workflow=body.name, status="failed")
        applied: Applied = engine.apply("skip", selection)
        assert sorted(applied.done) == ["a", "b"]
        assert [handle.result(timeout=DEADLINE) for handle in handles] == [{}, {}]


def test_nothing_is_selected_and_nothing_is_done() -> None:
    with Engine(worker=False) as engine:
        applied = engine.apply("retry", engine.select())
        assert applied == bulk.Applied("retry", ())
