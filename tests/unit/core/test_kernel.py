from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from corago.core import decisions as d
from corago.core import events as e
from corago.core import history, kernel, unasked
from corago.core import messages as m
from corago.core.calls import Answer, Calls, LiveCalls, MissingFunctionError
from corago.core.commit import Commit, DocumentWrite
from corago.core.plain import Plain
from corago.core.program import NOTHING, Agenda, Snapshot
from corago.core.retry import Retry
from tests.properties.programs import Element, TableProgram

NOW = datetime(2030, 1, 1, tzinfo=UTC)
BAD = e.Failure("OSError", "disk")
DONE = e.ActivityCompleted()
FAILED = e.ActivityFailed(BAD)
END = d.CompleteProcess("well")


class Says(Plain):
    """A program that says what it is told to say; its state counts the facts that it has seen."""

    state_type = int

    def __init__(self, says: Callable[[int], list[Any]], limit: int = 9) -> None:
        self.says = says
        self.decide_limit = limit

    def initial(self, started: e.ProcessStarted) -> int:
        return 1

    def evolve(self, state: int, event: e.Event) -> int:
        return state + 1

    def decide(self, state: int, calls: Calls) -> tuple[d.Decision, ...]:
        return tuple(self.says(state))

    def check_input(self, given: Any) -> Any:
        return given

    def view(self, state: int) -> Any:
        return state

    def held(self, state: int) -> Iterable[Any]:
        return (state,)

    def discreet(self, values: Any) -> Any:
        return values


def table(*elements: Element, ending: d.Decision = END) -> TableProgram:
    return TableProgram(tuple((element,) for element in elements), ending)


def work(**fields: Any) -> Element:
    return Element("work", **fields)


class Run:
    """A process that is taken from commit to commit."""

    def __init__(self, program: Any, timeout: float | None = None) -> None:
        self.program = program
        self.now = NOW
        self.functions: dict[str, Callable[[Mapping[str, Any]], Any]] = {}
        started = e.ProcessStarted(
            position=1, at=NOW, process_id="p", workflow="w", sha="0", timeout=timeout
        )
        self.snapshot: Snapshot = history.begin(program, started)

    def take(self, *messages: m.Message, later: float = 0) -> Commit:
        self.now += timedelta(seconds=later)
        calls = LiveCalls(self.functions)
        commit = kernel.advance(self.program, self.snapshot, messages, self.now, calls)
        self.snapshot = commit.snapshot
        return commit

    @property
    def agenda(self) -> Agenda:
        assert self.snapshot.agenda is not None
        return self.snapshot.agenda


def outcome(result: e.ActivityResult = DONE, attempt: int = 1, path: str = "0.0") -> m.Outcome:
    return m.Outcome(path, 1, attempt, result)


def names(commit: Commit) -> str:
    return " ".join(type(event).__name__ for event in commit.events)


# -- messages --------------------------------------------------------------------------------------


def test_a_first_decision_names_what_should_be_open_and_records_nothing() -> None:
    run = Run(table(work(), Element("wait", signal="go")))
    commit = run.take()
    assert (commit.events, commit.consumed) == ((), 0)
    assert run.agenda == Agenda(
        activities=(d.ScheduleActivity("0.0", {}),), signals=(d.AwaitSignal("1.0", "go"),)
    )


def test_the_last_outcome_and_the_end_are_one_commit() -> None:
    run = Run(table(work()))
    run.take()
    commit = run.take(outcome(), later=5)
    ended = run.now
    assert commit.received == (e.ActivityClosed(position=2, at=ended, path="0.0", result=DONE),)
    assert commit.facts == (e.ProcessCompleted(position=3, at=ended, result="well"),)
    assert commit.events == commit.received + commit.facts
    assert (commit.consumed, run.agenda) == (1, NOTHING)


def test_documents_are_written_with_the_outcome_that_is_taken_and_with_no_other() -> None:
    run = Run(table(work(retry=Retry()), work()))
    run.take()
    write = DocumentWrite("order", "7", 3, b"{}")
    tries = [
        m.Outcome("elsewhere", 1, 1, DONE, (write,)),
        m.Outcome("0.0", 1, 1, FAILED, (write,)),
        m.Outcome("0.0", 1, 1, DONE, (write,)),
        m.Outcome("1.0", 1, 1, FAILED, (write,)),
    ]
    assert run.take(*tries).documents == ()
    other = DocumentWrite("order", "8", 0, b"{}", "ann")
    assert run.take(m.Outcome("0.0", 1, 2, DONE, (write, other))).documents == (write, other)


@pytest.mark.parametrize(
    "stray",
    [
        outcome(path="elsewhere"),
        outcome(attempt=2),
        outcome(attempt=0),
        m.Outcome("0.0", 2, 1, DONE),
        m.TimerDue("unknown", NOW),
        m.TimerDue("", NOW),
    ],
)
def test_a_message_for_an_id_that_is_not_open_changes_nothing(stray: m.Message) -> None:
    run = Run(table(work()))
    before = run.take().snapshot
    commit = run.take(stray)
    assert (commit.events, commit.consumed, commit.snapshot) == ((), 1, before)


def test_signals_and_updates_keep_who_sent_them_and_why() -> None:
    run = Run(table(work()))
    signal = m.Signal("go", {"n": 1}, key="k", actor="ann", reason="so")
    update = m.Update({"x": 1}, key="l", actor="bob", reason="because")
    commit = run.take(signal, update)
    told = {"actor": "ann", "reason": "so"}
    assert commit.received == (
        e.SignalReceived(position=2, at=NOW, name="go", data={"n": 1}, key="k", **told),
        e.ExternalUpdated(
            position=3, at=NOW, changes={"x": 1}, key="l", actor="bob", reason="because"
        ),
    )
    assert run.snapshot.process.external == {"x": 1}


def test_what_comes_after_the_end_stays_unconsumed() -> None:
    run = Run(table(work()))
    commit = run.take(m.Signal("go"), outcome(), m.Signal("go"), outcome())
    assert (commit.consumed, names(commit)) == (2, "SignalReceived ActivityClosed ProcessCompleted")
    commit = run.take(m.Signal("go"))
    assert (commit.consumed, commit.events, run.agenda) == (0, (), NOTHING)


def test_time_never_runs_back_in_a_history() -> None:
    run = Run(table(work(), work()))
    run.take(outcome(), later=10)
    commit = run.take(outcome(path="1.0"), later=-60)
    assert {event.at for event in commit.events} == {NOW + timedelta(seconds=10)}


# -- outcomes and retries --------------------------------------------------------------------------


def test_a_failure_is_tried_again_while_the_policy_allows() -> None:
    run = Run(table(work(retry=Retry(attempts=2, delay=60, jitter=0))))
    run.take()
    commit = run.take(outcome(FAILED))
    due = NOW + timedelta(seconds=60)
    assert commit.received == (
        e.ActivityRetried(position=2, at=NOW, path="0.0", error=BAD, due=due),
    )
    commit = run.take(outcome(e.ActivityTimedOut(seconds=1.0), attempt=2), later=60)
    assert names(commit) == "ActivityClosed ProcessFailed"
    assert run.agenda.incidents[0].position == 3


def test_jitter_depends_on_process_run_and_path() -> None:
    run = Run(table(work(retry=Retry()), work(retry=Retry())))
    waits = Retry().wait(1, "p/1/0.0"), Retry().wait(1, "p/1/1.0")
    commit = run.take(outcome(FAILED), outcome(FAILED, path="1.0"))
    assert [event.due - NOW for event in commit.events] == list(waits)  # type: ignore[attr-defined]


def test_a_wait_that_no_date_can_hold_ends_with_the_last_date() -> None:
    run = Run(table(work(retry=Retry(delay=3e9, cap=3e9, jitter=0))))
    (event,) = run.take(outcome(FAILED), later=250_000_000_000).events
    assert isinstance(event, e.ActivityRetried)
    assert event.due == datetime.max.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("result", "retry"),
    [
        (FAILED, None),
        (FAILED, Retry(give_up=(OSError,))),
        (e.ActivityFailed(e.Failure("StepArgumentError", "")), Retry()),
        (e.ActivityFailed(e.Failure("StepResultError", "")), Retry()),
        (e.ActivityFailed(e.Failure("StateTooLargeError", "")), Retry()),
        (e.ActivityAborted("enough"), Retry()),
        (e.ActivityCanceled(), Retry()),
        (e.ActivityTimedOut(), Retry(attempts=1)),
    ],
)
def test_what_is_not_to_be_tried_again_ends_the_activity(
    result: e.ActivityResult, retry: Retry | None
) -> None:
    run = Run(table(work(retry=retry)))
    commit = run.take(outcome(result))
    assert names(commit) == "ActivityClosed ProcessFailed"
    assert commit.received[0].result == result  # type: ignore[attr-defined]


def test_an_operators_retry_gives_a_whole_new_budget() -> None:
    run = Run(table(work(retry=Retry(attempts=2, delay=0))))
    run.take(outcome(FAILED), outcome(FAILED, 2))
    commit = run.take(m.Command("retry", {"0.0": 3}, actor="op"))
    assert names(commit) == "ProcessReopened"
    commit = run.take(outcome(FAILED, 3), outcome(FAILED, 4))
    assert names(commit) == "ActivityRetried ActivityClosed ProcessFailed"


def test_a_process_that_is_asked_to_stop_ends_when_its_work_has_ended() -> None:
    run = Run(table(work(retry=Retry())))
    run.take()
    assert names(run.take(m.Command("cancel"))) == "CancelRequested"
    assert run.agenda.activities == (d.ScheduleActivity("0.0", {}, cancel=True),)
    assert names(run.take(outcome(FAILED))) == "ActivityClosed ProcessCanceled"


def test_what_was_asked_to_stop_is_not_tried_again() -> None:
    stop = d.ScheduleActivity("0.0", {}, retry=Retry(), cancel=True)
    assert names(Run(Says(lambda _: [stop])).take(outcome(FAILED))) == "ActivityClosed"


# -- timers ----------------------------------------------------------------------------------------


def test_a_timer_starts_fires_and_is_wanted_no_longer() -> None:
    run = Run(table(Element("pause", seconds=30), work()))
    due = NOW + timedelta(seconds=30)
    assert run.take().facts == (e.TimerStarted(position=2, at=NOW, timer="0.0@1", due=due),)
    assert run.take(later=30).events == ()
    commit = run.take(m.TimerDue("0.0@1", due))
    assert commit.received == (e.TimerFired(position=3, at=due, timer="0.0@1"),)
    assert run.snapshot.process.timers == {}


def test_a_timer_that_is_named_no_longer_is_canceled() -> None:
    run = Run(table(Element("wait", signal="go", seconds=30), work()))
    assert names(run.take()) == "TimerStarted"
    assert names(run.take(m.Signal("go"))) == "SignalReceived TimerCanceled"


def test_a_timer_named_twice_in_one_breath_starts_once() -> None:
    twice = [d.StartTimer("t", 1), d.StartTimer("t", 2)]
    assert names(Run(Says(lambda _: twice)).take()) == "TimerStarted"


def test_a_delay_that_no_date_can_hold_ends_with_the_last_date() -> None:
    run = Run(table(Element("pause", seconds=1e300)))
    run.take()
    assert run.snapshot.process.timers == {"0.0@1": datetime.max.replace(tzinfo=UTC)}


def test_the_deadline_ends_the_process_and_asks_its_program_nothing_more() -> None:
    def explode(state: int) -> list[Any]:
        raise AssertionError("a process past its deadline was asked what it wants")

    run = Run(Says(explode), timeout=5)
    commit = run.take(m.TimerDue("", NOW + timedelta(seconds=5)), later=5)
    assert names(commit) == "ProcessTimedOut"
    assert (run.snapshot.process.status, run.agenda) == ("timed_out", NOTHING)


# -- deciding --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ending", "fact"),
    [
        (END, e.ProcessCompleted(position=2, at=NOW, result="well")),
        (d.FailProcess("a", BAD), e.ProcessFailed(position=2, at=NOW, path="a", error=BAD)),
        (d.CancelProcess(), e.ProcessCanceled(position=2, at=NOW)),
        (d.AbortProcess("enough"), e.ProcessAborted(position=2, at=NOW, reason="enough")),
    ],
)
def test_every_ending_is_recorded_once(ending: d.Decision, fact: e.Event) -> None:
    run = Run(Says(lambda _: [ending]))
    assert run.take().facts == (fact,)
    assert run.take().facts == ()


def test_a_closed_process_wants_nothing_whatever_its_program_says() -> None:
    wish = d.ScheduleActivity("a", {})
    run = Run(Says(lambda facts: [d.FailProcess("a", BAD)] if facts == 1 else [wish]))
    assert names(run.take()) == "ProcessFailed"
    assert run.agenda == NOTHING


def test_wishes_are_asked_for_anew_after_every_fact() -> None:
    timer, wish = d.StartTimer("t", 1), d.AwaitSignal("a", "go")
    run = Run(Says(lambda facts: [timer] if facts == 1 else [timer, wish]))
    run.take()
    assert run.agenda == Agenda(timers=(timer,), signals=(wish,))


def test_an_answer_is_recorded_shown_and_never_asked_for_again() -> None:
    run = Run(table(Element("ask"), work()))
    run.functions = {"0.0": lambda values: values["visit"] == 1}
    commit = run.take()
    assert commit.facts == (
        e.PredicateAnswered(position=2, at=NOW, path="0.0", question=1, answer=True),
    )
    assert commit.answers == (Answer("0.0", value=True),)
    run.functions = {}
    assert run.take(outcome(path="1.0")).answers == ()


def test_nothing_is_decided_where_the_code_is_missing() -> None:
    run = Run(table(Element("ask")))
    with pytest.raises(MissingFunctionError, match=r"^0\.0$"):
        run.take()


def test_a_program_that_never_comes_to_rest_is_set_aside() -> None:
    run = Run(table(Element("ask")))
    run.functions = {"0.0": lambda _: False}
    commit = run.take()
    assert len(commit.facts) == TableProgram.decide_limit + 1
    assert isinstance(commit.facts[-1], e.ProcessSuspended)
    assert commit.facts[-1].error.type == "DecideLimit"
    assert (run.snapshot.process.standing, run.agenda) == ("suspended", NOTHING)
    assert run.take().events == ()


def test_an_end_within_the_limit_is_the_end() -> None:
    run = Run(Says(lambda _: [END], limit=1))
    assert names(run.take()) == "ProcessCompleted"


def test_a_decision_that_the_kernel_does_not_know_is_an_error_of_the_door() -> None:
    run = Run(Says(lambda _: ["dance"]))
    with pytest.raises(TypeError, match="decided 'dance'"):
        run.take()


def test_a_whole_process_can_be_set_aside_without_asking_its_program() -> None:
    run = Run(table(work()))
    run.take(later=5)
    commit = unasked.suspend(run.snapshot, BAD, NOW + timedelta(seconds=9))
    fact = e.ProcessSuspended(position=2, at=NOW + timedelta(seconds=9), error=BAD)
    assert commit.events == commit.facts == (fact,)
    assert (commit.received, commit.consumed) == ((), 0)
    folded = history.evolve(run.program, run.snapshot, fact)
    assert commit.snapshot == msgspec.structs.replace(folded, agenda=NOTHING)
    assert unasked.suspend(commit.snapshot, BAD, NOW).events[0].at == fact.at
    resumed = kernel.advance(
        run.program, commit.snapshot, [m.Command("retry", {"": 2})], NOW, LiveCalls({})
    )
    assert resumed.snapshot.agenda == Agenda(activities=(d.ScheduleActivity("0.0", {}),))
