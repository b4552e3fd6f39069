"""`explain` has an answer wherever a process may stand: what, since when, who, and what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from corago import Explanation, conditional, parallel, sleep, wait_for
from corago.core.queueing import LOSS_LIMIT
from corago.runtime.cases import SHOWN
from tests.runtime import standings as at
from tests.runtime.stage import Stage, listing, reaches
from tests.runtime.standings import Setting, breaks, long, softly, starts, without_its_worker

RETRY, SKIP = "corago retry p", "corago skip p"
SET_RESULT = "corago set-result p JSON"
DAWN = "2019-12-20 00:00:0"
"""Where the stage's time begins; the cases below stand there within ten seconds."""

# -- the table -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """Where a process stands, and what is said of it."""

    name: str
    setting: Setting
    reason: str
    said: Sequence[str]
    ways: Sequence[str] = ()
    missing: str | None = None


SIGNALS = [wait_for(f"s{number}") for number in range(9)]

TABLE = [
    # what has ended
    Row("completed", starts(status="completed"), "completed", [f"completed at {DAWN}"],
        ["corago show p"]),
    Row("failed", starts(breaks, status="failed"), "failed",
        [f"failed at {DAWN}", "step 'Break' met OSError: no such port"],
        [RETRY, SKIP, SET_RESULT]),
    Row("failed in two places", starts(parallel("All", breaks, breaks.named("Two")),
        status="failed"), "failed", ["'All/Break' met OSError", "'All/Two' met OSError"],
        [RETRY, f"{SKIP} --step All/Break", f"{SET_RESULT} --step All/Break"]),
    Row("failed for an argument", starts(at.asks, status="failed"), "failed",
        ["StepArgumentError", "'amount'", "mend one of them first"], [RETRY, SKIP, SET_RESULT]),
    Row("failed in a predicate", starts(conditional(at.is_even)(long), status="failed"), "failed",
        ["step 'Long' met StepArgumentError", "'number'"], [RETRY, SKIP, SET_RESULT]),
    Row("a signal that did not come", starts(wait_for("go", timeout=1), status="failed"),
        "failed", ["'Wait for go' met TimeoutError: signal 'go' did not arrive within 1 s"],
        [RETRY, SKIP, SET_RESULT]),
    Row("a failure of a million letters", starts(at.shouts, status="failed"), "failed",
        ["ValueError: AAAA", "AAAA…"], [RETRY, SKIP, SET_RESULT]),
    Row("failed, and its time is up", at.failed_and_its_time_is_up, "failed",
        ["'Break' met OSError", "its time was up at 2019-12-20 00:00:30 UTC", "start it anew"]),
    Row("timed out", starts(long, status="timed_out", timeout=2), "timed_out",
        [f"ran longer than its timeout and was ended at {DAWN}", "start it anew"]),
    Row("canceled", at.was_canceled, "canceled", [f"was canceled at {DAWN}"], ["corago history p"]),
    Row("aborted", at.was_aborted, "aborted", [f"was aborted at {DAWN}"], ["corago history p"]),
    Row("damaged", at.is_damaged, "damaged", ["can't be understood"],
        ["corago db check", "corago abort p"]),
    # what needs a person
    Row("a lost lease", at.was_lost, "suspended",
        ["has been suspended since 2019-12-20", "step 'Pay' met LeaseLost", "at most once"],
        [RETRY, SKIP, SET_RESULT]),
    Row("a lost lease, and the rest runs", at.was_lost_beside_a_step_that_runs, "suspended",
        ["step 'All/Pay' met LeaseLost"], [RETRY, SKIP, SET_RESULT]),
    Row("poison", at.is_poisoned, "suspended",
        [f"the process met PoisonProcess: {LOSS_LIMIT} workers vanished in a row"], [RETRY]),
    # what a person has acted on already
    Row("failed, and a retry waits", without_its_worker(starts(breaks, status="failed"), "retry"),
        "missing_code", ["has been due since", "not taken up yet: retry by ann"],
        ["corago worker FILE"], "listed"),
    Row("suspended, and a skip waits", without_its_worker(at.was_lost, "skip"),
        "missing_code", ["not taken up yet: skip by ann"], ["corago worker FILE"], "listed"),
    Row("to be stopped", without_its_worker(starts(wait_for("go"), status="waiting"), "cancel"),
        "missing_code", ["not taken up yet: cancel by ann"], ["corago worker FILE"], "listed"),
    # what is held back, or in somebody's hands
    Row("pause", at.is_paused, "paused", ["stands still since", "the store is paused"],
        ["corago unpause"]),
    Row("pause while it runs", at.is_paused_while_it_runs, "running",
        ["'Long'", "paused, so nothing further starts until `corago unpause`"]),
    Row("pause while it waits", at.is_paused_while_it_waits, "waiting",
        ["the signal 'go'", "paused, so nothing further starts until `corago unpause`"],
        ["corago signal p go"]),
    Row("a running step", starts(long), "running",
        ["held by worker worker-00000001, at 'Long', since", DAWN]),
    Row("a failed branch, another runs", starts(parallel("Both", breaks, long)), "running",
        ["'Both/Long'"]),
    Row("a retried step that runs", at.retries_now, "running", ["at 'Second time lucky',"]),
    Row("a running step that may not take long", starts(long, timeout=500), "running",
        ["it may run until 2019-12-20 00:08:20 UTC"]),
    Row("a step that is to stop", at.is_stopping, "running",
        ["was asked to stop", "worker worker-00000001 waits for 'Deaf' to end"],
        ["corago abort p"]),
    # what waits
    Row("a signal", starts(wait_for("go"), status="waiting"), "waiting",
        [f"has been waiting since {DAWN}", "'Wait for go' waits for the signal 'go'"],
        ["corago signal p go"]),
    Row("a signal for a time", starts(wait_for("it's on", timeout=60), status="waiting"),
        "waiting", ['the signal "it\'s on" until 2019-12-20 00:01:00 UTC'],
        ["corago signal p 'it'\"'\"'s on'"]),
    Row("a sleep", starts(sleep(60), status="waiting"), "waiting",
        ["'Sleep' sleeps until 2019-12-20 00:01:00 UTC"]),
    Row("a retry", starts(softly, status="waiting"), "waiting",
        ["'Break softly' failed (ConnectionError: away) and is tried again",
         "until 2019-12-20 00:50:00 UTC"], [f"{RETRY} --step 'Break softly'"]),
    Row("a branch failed, another waits",
        starts(parallel("Both", breaks, wait_for("go")), status="waiting"), "waiting",
        ["'Both/Break' needs a person: OSError: no such port", "'go'"],
        [f"{RETRY} --step Both/Break", "corago signal p go"]),
    Row("many signals", starts(parallel("All", *SIGNALS), status="waiting"), "waiting",
        ["'s0'", "'s4'", "and 4 more"],
        [f"corago signal p s{number}" for number in range(SHOWN)]),
    # what is due
    Row("no slot", at.waits_for_a_slot, "queued",
        [f"has been due since {DAWN}", "waits for a free slot"]),
    Row("no code", at.has_no_code_here, "missing_code",
        ["has not the code of listed", "version 1"], ["corago worker FILE"], "listed"),
    Row("no code for a predicate", at.has_a_predicate_without_code, "missing_code",
        ["has not the code of listed"], ["corago worker FILE"], "listed"),
    Row("no code here", at.has_no_code_but_others_may, "queued",
        ["any of the 2 workers", "must have the code of listed"], ["corago worker FILE"],
        "listed"),
]  # fmt: skip


@pytest.mark.parametrize("row", TABLE, ids=[row.name for row in TABLE])
def test_explain_says_why_a_process_stands_where_it_stands(row: Row) -> None:
    stage = Stage(lease=15)

    async def story() -> tuple[Explanation, Any]:
        async with stage.engine(concurrency=2) as engine:
            await row.setting(stage, engine)
            return await engine.explain("p"), await engine.processes(workflow=None)

    explanation, infos = stage.run(story())
    said = str(explanation)
    assert explanation.reason == row.reason, said
    assert said.startswith("process 'p'")
    for text in row.said:
        assert text in said
    assert [way.command for way in explanation.ways] == list(row.ways), said
    assert all(f"`{way.command}` {way.does}" in said for way in explanation.ways)
    assert (explanation.missing or "").startswith(row.missing or "")
    assert (explanation.missing is None) == (row.missing is None)
    assert len(said) < 3000
    if row.reason != "damaged":
        info = next(each for each in infos if each.id == "p")
        assert explanation.since == info.updated_at
        assert explanation.holder == (
            "worker-00000001" if explanation.reason == "running" else explanation.holder
        )


@pytest.mark.parametrize("row", [row for row in TABLE if RETRY in row.ways], ids=lambda r: r.name)
def test_a_way_that_is_named_is_taken(row: Row) -> None:
    """What explain tells an operator to do is not refused."""
    stage = Stage(lease=15)

    async def story() -> None:
        async with stage.engine(concurrency=2) as engine:
            await row.setting(stage, engine)
            await engine.retry("p")

    stage.run(story())


# -- more of it ------------------------------------------------------------------------------------


def test_without_any_worker_explain_says_how_to_start_one() -> None:
    stage = Stage()

    async def story() -> Explanation:
        async with stage.client() as client:
            await client.start(listing(long), id="p")
            return await client.explain("p")

    explanation = stage.run(story())
    assert (explanation.reason, explanation.missing) == ("queued", "worker")
    assert "no worker is running; `corago worker FILE` starts one" in str(explanation)


def test_explain_names_the_holder_and_the_waits() -> None:
    stage = Stage()

    async def story() -> None:
        async with stage.engine() as engine:
            body = listing(parallel("All", long, wait_for("go"), sleep(50)))
            await engine.start(body, id="p", timeout=500)
            await asyncio.sleep(1)
            explanation = await engine.explain("p")
            assert explanation.holder == "worker-00000001"
            assert {(wait.kind, wait.path) for wait in explanation.waits} == {
                ("step", "All/Long"),
                ("signal", "All/Wait for go"),
                ("sleep", "All/Sleep"),
                ("deadline", "p"),
            }
            assert (await engine.info("p")).waits == explanation.waits

    stage.run(story())


def test_the_handle_explains_too() -> None:
    stage = Stage()

    async def story() -> None:
        async with stage.engine() as engine:
            handle = await engine.start(listing(wait_for("go")), id="p")
            await reaches(engine, "p", "waiting")
            assert await handle.explain() == await engine.explain("p")

    stage.run(story())
