"""Crashes on purpose: what a test can make happen, and what it is told."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from corago import (
    Retry,
    State,
    begin,
    child,
    conditional,
    current,
    parallel,
    sleep,
    step,
    wait_for,
)
from corago.activity import Context
from corago.core import events as e
from corago.core.codec import encode_event
from corago.decider import CompleteProcess, ScheduleActivity, Workflow, activity
from corago.testing import Run, crash_at, crash_everywhere, expect, replay, simulate
from corago.testing.comparing import Judge, as_it_is
from corago.testing.decisions import Decisions
from corago.testing.effects import Account, Effect
from tests.runtime.stage import listing

MONTH = timedelta(days=30)
ASKED: list[str] = []


@activity
def fetch() -> str:
    return "here"


class Ledger:
    """What steps did outside: by key, as a service that forgets repeated requests keeps it."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.done: dict[str, int] = {}

    def reset(self) -> None:
        self.began.clear()
        self.done.clear()

    def step(self, name: str, *, fails: int = 0, **options: Any) -> Any:
        @step(name, **options)
        def noted() -> State:
            here = current()
            self.began.append(here.path)
            if here.attempt <= fails:
                raise ConnectionError("not yet")
            self.done[here.idempotency_key] = self.done.get(here.idempotency_key, 0) + 1
            return {name.lower(): here.idempotency_key}

        return noted


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def test_a_crash_at_a_step_runs_it_again_under_the_same_key(ledger: Ledger) -> None:
    workflow = listing(ledger.step("One"), ledger.step("Two"), ledger.step("Three"))
    run = crash_at("Two").run(workflow)
    expect(run).completed().ran("One", "Two", "Three")
    assert ledger.began == ["One", "Two", "Two", "Three"]
    assert ledger.done == {f"process/1/{name}/1": 1 + (name == "Two") for name in _names(ledger)}
    assert run.crash == "before the end of 'Two' is recorded"
    assert len(run.history.of(e.LeaseLost)) == 1


def _names(ledger: Ledger) -> list[str]:
    return [key.split("/")[2] for key in ledger.done]


def test_a_crash_after_a_step_is_recorded_does_not_run_it_again(ledger: Ledger) -> None:
    run = crash_at("Two", when="after").run(listing(ledger.step("One"), ledger.step("Two")))
    expect(run).completed()
    assert ledger.began == ["One", "Two"]


def test_a_crash_at_a_store_call_takes_effect_before_or_after_it() -> None:
    waits = listing(sleep(MONTH))
    calls = crash_at(1).run(waits).calls
    assert calls == ("define",)
    calm = crash_everywhere(waits)[0]
    first = calm.calls.index("append") + 1
    before = crash_at(first).run(waits)
    after = crash_at(first, when="after").run(waits)
    assert before.crash == f"before store call {first} (append)"
    assert before.history.of(e.LeaseLost), "it held the process, and nobody knew of the timer"
    assert not after.history.of(e.LeaseLost), "it had let go of the process when it died"
    assert before.calls == after.calls == calm.calls[:first]


def test_months_cost_nothing_on_the_stage() -> None:
    @step("Slow")
    async def slow() -> State:
        await asyncio.sleep(150)
        return {"slow": True}

    runs = crash_everywhere(listing(sleep(12 * MONTH), slow, wait_for("yes", timeout=MONTH)))
    assert {run.status for run in runs} == {"failed"}
    took = runs[0].history[-1].at - runs[0].history[0].at
    assert took == 13 * MONTH
    calls = runs[0].calls
    idle = sum(call.endswith("of nothing") for call in calls)
    assert len(calls) > 60, "it has looked for work while the step ran"
    assert len(runs) < 1 + 2 * (len(calls) - idle + 6)


def test_of_a_few_calls_each_is_a_place_to_crash() -> None:
    @step("Slow")
    async def slow() -> State:
        await asyncio.sleep(20)
        return {"slow": True}

    runs = crash_everywhere(listing(slow))
    calls = runs[0].calls
    assert sum(call.endswith("of nothing") for call in calls) > 6
    assert len(runs) == 1 + 2 * len(calls)


def test_what_began_is_told_with_its_key_its_worker_and_its_end(ledger: Ledger) -> None:
    flaky = ledger.step("Two", retry=Retry(attempts=2, delay=60), fails=1)
    run = crash_at("Two").run(listing(ledger.step("One"), flaky))
    assert [(each.path, each.attempt, each.worker, each.end) for each in run.effects] == [
        ("One", 1, "worker 1", "completed"),
        ("Two", 1, "worker 1", "failed"),
        ("Two", 2, "worker 1", "completed"),
        ("Two", 2, "worker 2", "completed"),
    ]
    assert {each.key for each in run.effects} == {"process/1/One/1", "process/1/Two/1"}
    assert str(run.effects[-1]) == (
        "attempt 2 of activity 'Two' of process 'process' in worker 2, under process/1/Two/1: "
        "completed"
    )


def test_what_was_under_way_when_its_worker_died_has_no_end() -> None:
    @step("Slow")
    async def slow() -> State:
        await asyncio.sleep(20)
        return {"slow": True}

    calm = crash_at("Slow").run(listing(slow))
    early = crash_at(calm.calls.index("claim of nothing") + 1).run(listing(slow))
    assert [each.end for each in early.effects] == ["", "completed"]


def test_a_signal_may_be_sent_once_in_its_place() -> None:
    workflow = listing(wait_for("yes", into="one"), wait_for("yes", into="two"))
    for run in crash_everywhere(workflow, signals=[("yes", 1), ("yes", 2)]):
        assert run.state == {"one": 1, "two": 2}


def test_everything_survives_a_crash_everywhere(ledger: Ledger) -> None:
    flaky = Retry(attempts=3, delay=60)
    branch = begin >> sleep(MONTH) >> ledger.step("Deep", retry=flaky, fails=2)
    asked = conditional(lambda yes: yes["sure"])(ledger.step("If"))
    workflow = listing(
        ledger.step("One"),
        parallel("Both", branch, begin >> wait_for("yes", timeout=MONTH)),
        asked,
        sleep(0.5),
        ledger.step("Last"),
    )
    runs = crash_everywhere(workflow, signals={"yes": {"sure": True}}, prepare=ledger.reset)
    calm = runs[0]
    assert calm.crash is None
    assert len(runs) > 40
    assert len({run.crash for run in runs}) == len(runs)
    expect(calm).completed().ran("One", "Both/Deep", "If", "Last").attempts("Both/Deep", 3)
    assert {run.crash is None or len(run.effects) for run in runs} == {True, 6, 7}
    assert all(run.decisions == calm.decisions for run in runs)


def test_a_signal_is_sent_each_time_it_is_waited_for() -> None:
    workflow = listing(wait_for("yes", into="one"), sleep(MONTH), wait_for("yes", into="two"))
    run = crash_at("none of it", when="after")
    with pytest.raises(AssertionError, match="there was no crash"):
        run.run(workflow, signals={"yes": 1})
    for run_ in crash_everywhere(workflow, signals={"yes": 1}):
        assert run_.state == {"one": 1, "two": 1}


def test_what_runs_at_most_once_waits_for_a_person(ledger: Ledger) -> None:
    pay = ledger.step("Pay", at_most_once=True)
    run = crash_at("Pay").run(listing(pay))
    expect(run).suspended_at("Pay")
    assert "has been suspended" in run.explanation
    assert ledger.began == ["Pay"]
    with pytest.raises(
        AssertionError, match=r"it is suspended, and completed without; `retries=1`"
    ):
        crash_everywhere(listing(pay))
    runs = crash_everywhere(listing(pay), retries=1, compare=sorted)
    assert {run.status for run in runs} == {"completed"}


def test_an_operator_retries_what_failed_as_often_as_told(ledger: Ledger) -> None:
    workflow = listing(ledger.step("Fragile", fails=2))
    assert crash_at("Fragile").run(workflow).status == "failed"
    assert crash_at("Fragile").run(workflow, retries=1).status == "failed"
    run = crash_at("Fragile").run(workflow, retries=2)
    expect(run).completed().attempts("Fragile", 3)


def test_a_difference_is_told_with_both_histories() -> None:
    count = 0

    @step("Count")
    def counted() -> State:
        nonlocal count
        count += 1
        return {"count": count}

    with pytest.raises(AssertionError) as caught:
        crash_everywhere(listing(counted))
    said = str(caught.value)
    assert "it is" not in said.splitlines()[0]
    assert "State['count'] is 2, and 1 without" in said
    assert said.count("ProcessStarted") == 2
    runs = crash_everywhere(listing(counted), compare=set)
    assert all(run.status == "completed" for run in runs)


# -- planted bugs ----------------------------------------------------------------------------------


class Fickle(Workflow):
    """A decider who counts how often he was asked, and names what he wants by that."""

    activities = [fetch]

    def initiate(self, process: Any) -> Any:
        ASKED.append(process.id)
        return ScheduleActivity(fetch, id=f"fetch {len(ASKED)}")

    def respond_to_completed_activity(self, process: Any, event: Any) -> Any:
        return CompleteProcess("fetched")


def test_a_workflow_that_decides_otherwise_after_a_crash_is_seen() -> None:
    asked: list[bool] = []

    def is_first(state: State) -> bool:
        asked.append(True)
        return len(asked) == 1

    @step("Nothing")
    def nothing() -> None:
        """Leave the State alone."""

    with pytest.raises(AssertionError) as caught:
        crash_everywhere(listing(conditional(is_first)(nothing)), prepare=asked.clear)
    first, second, *_ = str(caught.value).splitlines()
    assert re.match(r"with a crash before store call \d+ \(append\): ", first)
    assert first.endswith(
        "predicate 'Nothing' of process 'process': PredicateAnswered question=0 answer=False; "
        "without a crash: PredicateAnswered question=0 answer=True"
    )
    assert second.endswith(
        "activity 'Nothing' of process 'process': nothing; without a crash: ActivityClosed "
        "result=completed"
    )


def test_an_activity_whose_key_changes_after_a_crash_is_seen() -> None:
    with pytest.raises(AssertionError) as caught:
        crash_everywhere(Fickle, prepare=ASKED.clear)
    assert "'fetch 2' of process 'process': ActivityScheduled activity='fetch'" in str(caught.value)
    assert "activity 'fetch 1' of process 'process': nothing; without" in str(caught.value)


def test_a_test_may_say_which_decisions_count() -> None:
    def kinds(decisions: Decisions) -> set[str]:
        return {subject.kind for subject in decisions}

    def last(decisions: Decisions) -> str:
        return max(subject.name for subject in decisions)

    runs = crash_everywhere(Fickle, prepare=ASKED.clear, decided=kinds)
    assert {len(run.effects) for run in runs} == {1, 2}
    with pytest.raises(AssertionError, match="it decided 'fetch 2', and 'fetch 1' without"):
        crash_everywhere(Fickle, prepare=ASKED.clear, decided=last)


@pytest.fixture
def calm(ledger: Ledger) -> Run:
    return crash_everywhere(listing(ledger.step("One"), ledger.step("Two")))[0]


def found(calm: Run, *effects: Effect) -> str:
    """What is said of a run that decided the same, and had these effects."""
    judge = Judge(calm, as_it_is, as_it_is, is_batch=False)
    return "; ".join(judge.findings(replace(calm, effects=effects)))


def test_the_same_effects_twice_are_no_difference(calm: Run) -> None:
    one, two = calm.effects
    assert found(calm, one, replace(one, worker="worker 2"), two) == ""


def test_an_effect_that_never_happens_is_seen(calm: Run) -> None:
    one, two = calm.effects
    assert "activity 'Two' of process 'process' never began, and is recorded" in found(calm, one)
    assert "never came to its end" in found(calm, one, replace(two, end=""))
    failing = listing(Ledger().step("Bad", fails=1))
    bad = crash_everywhere(failing)[0]
    said = "activity 'Bad' of process 'process' began under 0 keys; without a crash under process/"
    assert found(bad).startswith(said)


def test_an_effect_under_another_key_is_seen(calm: Run) -> None:
    one, two = calm.effects
    other = replace(two, key="process/1/Two/2")
    assert "began under several keys: process/1/Two/1, process/1/Two/2" in found(
        calm, one, two, other
    )
    assert "under process/1/Two/2; without a crash under process/1/Two/1" in found(calm, one, other)


def test_an_effect_for_no_reason_is_seen(calm: Run) -> None:
    more = replace(calm.effects[1], occurrence=2, key="process/1/Two/2")
    assert found(calm, *calm.effects, more) == (
        "activity 'Two' (use 2) of process 'process' began under process/1/Two/2; without a crash "
        "it never did"
    )


@pytest.mark.parametrize(
    ("event", "offence"),
    [
        (e.ActivityClosed, "its completion was recorded"),
        (e.ActivityStarted, "it runs at most once, and its start in worker 1 was recorded"),
    ],
)
def test_an_effect_that_should_not_begin_again_is_seen(
    ledger: Ledger, event: type[e.Event], offence: str
) -> None:
    calm = crash_everywhere(listing(ledger.step("One", at_most_once=True)), retries=1)[0]
    account = Account()
    again = Context(process_id="process", run=1, path="One", workflow="listed")
    account.recorded("process", 1, map(encode_event, calm.history.of(event)), "worker 1")
    place = account.began(again, "worker 2")
    account.ended(place, e.ActivityCompleted())
    assert found(calm, *calm.effects, *account.effects) == (
        "attempt 1 of activity 'One' of process 'process' in worker 2, under process/1/One/1: "
        f"completed; it should not have begun: {offence}"
    )


# -- what a test may say ---------------------------------------------------------------------------


def test_what_steps_did_outside_is_reset_before_each_run() -> None:
    begun: list[list[str]] = []

    @step("Count")
    def counted() -> State:
        begun[-1].append(current().path)
        return {"is_first": len(begun[-1]) == 1}

    runs = crash_everywhere(listing(counted), prepare=lambda: begun.append([]), compare=set)
    assert len(begun) == len(runs)
    assert {len(each) for each in begun} == {1, 2}


def test_children_survive_with_their_parents_and_are_answered_too(ledger: Ledger) -> None:
    kid = listing(ledger.step("Deep", at_most_once=True), wait_for("yes"), sleep(MONTH))
    workflow = listing(ledger.step("One"), child(kid, into="kid"), ledger.step("Last"))
    runs = crash_everywhere(
        workflow, signals={"yes": 1}, retries=1, compare=lambda state: sorted(state["kid"])
    )
    assert {run.status for run in runs} == {"completed"}
    for run in runs:
        replay(run.history, workflow)


def test_a_process_that_does_not_end_is_told_at_once() -> None:
    with pytest.raises(AssertionError, match="does not even end without a crash.*signal 'yes'"):
        crash_everywhere(listing(wait_for("yes")))


def test_a_crash_that_does_not_happen_fails_the_test() -> None:
    with pytest.raises(
        AssertionError, match="(?s)no crash before store call 900.*1 define"
    ) as caught:
        crash_at(900).run(listing(sleep(1)))
    assert "ProcessCompleted" in str(caught.value)
    with pytest.raises(AssertionError, match="no crash before the end of 'Nowhere'"):
        crash_at("Nowhere").run(listing(sleep(1)))


def test_the_same_crash_gives_the_same_history_event_for_event(ledger: Ledger) -> None:
    flaky = Retry(attempts=4, delay=60)
    workflow = listing(ledger.step("One", retry=flaky, fails=3), sleep(MONTH))

    def histories() -> list[Any]:
        return [list(run.history) for run in crash_everywhere(workflow)]

    assert histories() == histories()


@pytest.mark.parametrize(
    ("where", "when", "message"),
    [(0, "before", "counted from 1"), (1, "during", "'before' or 'after' a store call")],
)
def test_what_is_no_place_to_crash_is_refused(where: Any, when: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        crash_at(where, when=when)


def test_a_run_tells_itself(ledger: Ledger) -> None:
    run = crash_at("One").run(listing(ledger.step("One")))
    assert isinstance(run, Run)
    assert str(run).startswith(
        "with a crash before the end of 'One' is recorded: process 'process'"
    )
    assert "LeaseLost" in str(run)


def test_a_signal_that_nobody_waits_for_is_told_with_those_that_are_waited_for() -> None:
    waits = listing(wait_for("go", timeout=5))
    said = "nothing waited for the signal 'og', .* is not there, is 'go'"
    with pytest.raises(AssertionError, match=said):
        crash_everywhere(waits, {}, signals={"og": 1})
    with pytest.raises(AssertionError, match=said):
        simulate(waits, {}, signals={"og": 1}, seeds=[1])
    crash_everywhere(waits, {}, signals={"go": 1, "spare": 2})


def test_what_a_step_leaves_in_the_memory_of_its_process_is_gone_with_its_worker() -> None:
    kept: dict[str, int] = {}

    @step("Keep")
    def keep() -> State:
        kept["it"] = 1
        return {}

    @step("Use")
    def use() -> State:
        return {"used": kept.get("it")}

    relies = listing(keep, use)
    crash_everywhere(relies, {}, prepare=kept.clear)
    with pytest.raises(AssertionError, match=r"\['used'\] is None(.|\n)*`compare` says what"):
        crash_everywhere(relies, {}, prepare=kept.clear, forget=kept.clear)
