"""A program that answers once to all that has come, and keeps what is open as a level."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from corago.core import codec, history, kernel, unasked
from corago.core import decisions as d
from corago.core import events as e
from corago.core import messages as m
from corago.core.arriving import arrivals
from corago.core.calls import Calls, LiveCalls, NotReadError, Past
from corago.core.commit import Birth, Commit, Queued, Send
from corago.core.limits import WishLimits
from corago.core.plain import Plain
from corago.core.program import BatchProgram, Snapshot, Told
from corago.core.retry import Retry

NOW = datetime(2030, 1, 1, tzinfo=UTC)
BAD = e.Failure("OSError", "disk")
LONG = 90 * 86400.0
Answer = list[d.Decision] | e.Failure


class Open(msgspec.Struct, frozen=True):
    works: dict[str, str] = {}
    timers: dict[str, datetime] = {}
    children: dict[str, str] = {}
    stops: bool = False


class Batch(Plain):
    """Answers what it is told to; what is open follows from its facts."""

    state_type = Open
    decide_limit = 9
    batch = True
    hears: frozenset[type[e.Event]] = frozenset(
        {e.SignalReceived, e.ActivityClosed, e.ChildStartFailed, e.TimerFired, e.ProcessResumed}
    )

    def __init__(self, answer: Callable[[Told], Answer], **policies: Any) -> None:
        self.answer = answer
        self.policies = policies

    def initial(self, started: e.ProcessStarted) -> Open:
        return Open()

    def evolve(self, state: Open, event: e.Event) -> Open:
        replace = msgspec.structs.replace
        match event:
            case e.ActivityScheduled(path=path, queue=queue, activity=activity) if activity:
                return replace(state, works=state.works | {path: queue})
            case e.ActivityClosed(path=path):
                left = {name: each for name, each in state.works.items() if name != path}
                return replace(state, works=left)
            case e.TimerStarted(timer=timer, due=due):
                return replace(state, timers=state.timers | {timer: due})
            case e.TimerFired(timer=timer):
                return replace(state, timers={n: v for n, v in state.timers.items() if n != timer})
            case e.ChildStarted(path=path, child=child):
                return replace(state, children=state.children | {path: child})
            case e.ChildStartFailed():
                return replace(state, children={})
            case e.CancelRequested():
                return replace(state, stops=True)
            case _:
                return state

    def respond(self, state: Open, told: Told, calls: Calls) -> tuple[d.Decision, ...] | e.Failure:
        found = self.answer(told)
        return found if isinstance(found, e.Failure) else tuple(found)

    def decide(self, state: Open, calls: Calls) -> tuple[d.Decision, ...]:
        if state.stops:
            return (d.CancelProcess(),)
        return (
            *(
                d.ScheduleActivity(path, {}, queue=queue or None, activity=path, **self.policies)
                for path, queue in state.works.items()
            ),
            *(d.StartTimer(timer, due=due) for timer, due in state.timers.items()),
            *(d.StartChild(path, "w", child=child) for path, child in state.children.items()),
        )

    def check_input(self, given: Any) -> Any:
        return given

    def view(self, state: Open) -> Any:
        return None

    def held(self, state: Open) -> Iterable[Any]:
        return ()

    def discreet(self, values: Any) -> Any:
        return values

    def differences(self, state: Any, before: Any, renames: Mapping[str, str]) -> tuple[Any, ...]:
        return ()

    def adopt(self, state: Any, before: Any, event: e.DefinitionChanged) -> Any:
        return state


class Run:
    """A process that is taken from commit to commit; its fold must always be what it is."""

    def __init__(
        self,
        answer: Callable[[Told], Answer],
        *,
        parent: str | None = None,
        parent_path: str = "",
        **policies: Any,
    ) -> None:
        self.told: list[Told] = []
        self.program: BatchProgram[Open] = Batch(self._answer(answer), **policies)
        self.now = NOW
        started = e.ProcessStarted(
            position=1,
            at=NOW,
            process_id="p",
            workflow="w",
            sha="0",
            parent=parent,
            parent_path=parent_path,
            timeout=LONG,
        )
        self.history: list[e.Event] = [started]
        self.snapshot: Snapshot = history.begin(self.program, started)
        self.past: Past | None = None

    def _answer(self, answer: Callable[[Told], Answer]) -> Callable[[Told], Answer]:
        def asked(told: Told) -> Answer:
            self.told.append(told)
            return answer(told)

        return asked

    def take(self, *messages: m.Message, later: float = 0) -> Commit:
        self.now += timedelta(seconds=later)
        calls = LiveCalls({}, self.past or Past(self.history))
        commit = kernel.advance(self.program, self.snapshot, messages, self.now, calls)
        self.snapshot = commit.snapshot
        self.history += commit.events
        stored = [codec.decode_event(codec.encode_event(each)) for each in self.history]
        folded = history.fold(self.program, stored)
        assert (folded.process, folded.state) == (self.snapshot.process, self.snapshot.state)
        return commit


def scheduled(path: str, queue: str = "") -> d.Decision:
    deed = Queued(path, 1, 1, queue, path, {}, activity=path) if queue else None
    fields = {"path": path, "queue": queue, "activity": path}
    return d.RecordFact(d.Fact(e.ActivityScheduled, fields), deed)


def recorded(kind: type[e.Event], **fields: Any) -> d.Decision:
    return d.RecordFact(d.Fact(kind, fields))


def done(path: str, result: e.ActivityResult | None = None, **more: Any) -> m.Outcome:
    return m.Outcome(path, 1, 1, result or e.ActivityCompleted(path), **more)


def names(told: Told) -> list[str]:
    return [str(getattr(each, "name", getattr(each, "path", ""))) for each in told.events]


def first(*decisions: d.Decision, then: Answer | None = None) -> Callable[[Told], Answer]:
    return lambda told: list(decisions) if told.begins else (then or [])


# -- asking ----------------------------------------------------------------------------------------


def test_all_that_came_is_answered_at_once() -> None:
    run = Run(first(scheduled("a"), scheduled("b")))
    run.take(m.Signal("early"))
    run.take(done("a"), m.Signal("x"), done("b"))
    assert [names(each) for each in run.told] == [["early"], ["a", "x", "b"]]
    assert [each.begins for each in run.told] == [True, False]


def test_what_was_answered_with_nothing_is_not_asked_about_again() -> None:
    run = Run(first(scheduled("a")))
    run.take()
    run.take(m.Signal("x"))
    run.take()
    run.take(m.Signal("y"))
    assert [names(each) for each in run.told[1:]] == [["x"], ["y"]]


def test_nothing_of_interest_asks_nobody() -> None:
    run = Run(first(scheduled("a"), scheduled("b")))
    run.take()
    run.take(m.Update({"note": 1}), done("unknown"))
    assert len(run.told) == 1


class Restless(Batch):
    """Whatever is open is to stop, and stands in no queue."""

    def decide(self, state: Open, calls: Calls) -> tuple[d.Decision, ...]:
        return tuple(
            d.ScheduleActivity(path, {}, queue="q", cancel=True, activity=path)
            for path in state.works
        )


def test_what_closes_while_all_settles_is_answered_in_the_same_commit() -> None:
    told: list[Told] = []

    def answer(news: Told) -> Answer:
        told.append(news)
        return first(scheduled("a"))(news)

    commit = begun(Restless(answer))
    assert [names(each) for each in told] == [[], ["a"]]
    assert [type(each) for each in commit.events] == [e.ActivityScheduled, e.ActivityClosed]


def test_what_is_begun_and_closes_again_and_again_sets_the_process_aside() -> None:
    poison = begun(Restless(lambda _: [scheduled("a")])).snapshot.process.poison
    assert poison is not None
    assert poison.type == "DecideLimit"


def begun(program: Batch) -> Commit:
    started = e.ProcessStarted(position=1, at=NOW, process_id="p", workflow="w", sha="0")
    snapshot = history.begin(program, started)
    return kernel.advance(program, snapshot, (), NOW, LiveCalls({}, Past([started])))


def test_it_is_shown_this_commit_s_events() -> None:
    run = Run(first(scheduled("a")))
    run.take()
    run.take(m.Update({"note": 1}), m.Signal("x"))
    assert [type(each) for each in run.told[1].fresh] == [e.ExternalUpdated, e.SignalReceived]


def test_what_is_decided_after_the_end_is_dropped() -> None:
    run = Run(first(scheduled("a"), d.CompleteProcess(7), scheduled("b")))
    commit = run.take(m.Signal("x"))
    assert [type(each) for each in commit.events] == [
        e.SignalReceived,
        e.ActivityScheduled,
        e.ProcessCompleted,
    ]
    assert run.snapshot.process.status == "completed"


def test_a_program_that_is_not_asked_about_a_wish_to_stop_ends_by_itself() -> None:
    run = Run(first(scheduled("a")))
    run.take()
    commit = run.take(m.Command("cancel"))
    assert [type(each) for each in commit.events] == [e.CancelRequested, e.ProcessCanceled]
    assert len(run.told) == 1


def test_another_definition_s_program_answers_from_its_adoption_on() -> None:
    run = Run(first(scheduled("a")))
    run.take()
    other = Batch(lambda _: [d.CompleteProcess("other")])
    message = m.Adopt(other, "1", 2)
    calls = LiveCalls({}, Past(run.history))
    commit = kernel.advance(run.program, run.snapshot, [message, m.Signal("x")], run.now, calls)
    assert commit.snapshot.process.result == "other"
    assert len(run.told) == 1


# -- deeds -----------------------------------------------------------------------------------------


def test_one_fact_puts_a_decider_s_work_into_its_queue() -> None:
    run = Run(first(scheduled("a", "q"), scheduled("b")))
    commit = run.take()
    assert [each.path for each in commit.queued] == ["a"]
    assert [type(each) for each in commit.events] == [e.ActivityScheduled] * 2
    assert run.snapshot.agenda is not None
    assert [each.path for each in run.snapshot.agenda.activities] == ["a", "b"]
    assert not run.take(m.Signal("x")).queued


def test_a_signal_to_another_process_goes_out_with_its_fact() -> None:
    message = Send("other", m.Signal("ping"))
    fields = {"path": "", "to": "other", "command": "signal", "name": "ping"}
    sent = d.RecordFact(d.Fact(e.MessageSent, fields), message)
    run = Run(first(sent))
    assert run.take().sends == (message,)
    assert run.snapshot.process.children == {}


@pytest.mark.parametrize(
    ("policy", "verb"), [("request_cancel", "cancel"), ("terminate", "abort"), ("abandon", None)]
)
def test_a_child_hears_of_the_end_by_its_policy(policy: str, verb: str | None) -> None:
    fields = {"path": "c", "child": "p/c", "workflow": "w", "policy": policy}
    born = d.RecordFact(d.Fact(e.ChildStarted, fields), Birth("c", "p/c", "w"))
    run = Run(first(born, then=[d.CompleteProcess()]))
    assert run.take().births == (Birth("c", "p/c", "w"),)
    told = [each.message for each in run.take(m.Signal("x")).sends]
    assert [each.verb for each in told if isinstance(each, m.Command)] == ([verb] if verb else [])


def test_a_timer_says_its_data_when_it_fires() -> None:
    due = NOW + timedelta(days=30)
    started = recorded(e.TimerStarted, timer="t", due=due, data={"n": 1})
    run = Run(first(started))
    run.take()
    run.now = due
    run.take(*arrivals(run.snapshot.process, (), due))
    assert run.history[-1] == e.TimerFired(position=3, at=due, timer="t", data={"n": 1})
    assert run.snapshot.process.timer_data == {}


def test_a_child_that_can_t_be_born_is_told_in_the_same_commit() -> None:
    fields = {"path": "c", "child": "p/c", "workflow": "w"}
    born = d.RecordFact(d.Fact(e.ChildStarted, fields), Birth("c", "p/c", "w"))
    run = Run(first(born, then=[d.CompleteProcess("alone")]))
    commit = run.take(m.Signal("x"), m.ChildRefused("c", BAD))
    assert [names(each) for each in run.told] == [["x"], ["c"]]
    assert not commit.births
    assert run.snapshot.process.result == "alone"


# -- limits ----------------------------------------------------------------------------------------


def test_the_late_outcome_of_an_older_attempt_changes_nothing() -> None:
    run = Run(first(scheduled("a", "q")), retry=Retry(attempts=3, delay=1.0, jitter=0.0))
    run.take()
    run.take(done("a", e.ActivityFailed(BAD)))
    late = run.take(done("a", e.ActivityCompleted("late")))
    assert late.events == ()
    assert run.snapshot.process.activity("a").attempt == 2


def test_the_next_attempt_knows_what_the_last_one_said() -> None:
    run = Run(first(scheduled("a", "q")), retry=Retry(attempts=3, delay=1.0, jitter=0.0))
    run.take()
    lost = e.ActivityTimedOut("heartbeat", 5.0, {"page": 7})
    commit = run.take(done("a", lost, details={"page": 7}))
    (again,) = commit.queued
    assert (again.attempt, again.details) == (2, {"page": 7})
    assert len(run.told) == 1


@pytest.mark.parametrize("kind", ["schedule_to_start", "schedule_to_close"])
def test_what_ran_out_of_its_whole_time_is_not_tried_again(kind: str) -> None:
    run = Run(first(scheduled("a", "q")), retry=Retry(attempts=3))
    run.take()
    run.take(done("a", e.ActivityTimedOut(kind, 5.0)))
    assert names(run.told[-1]) == ["a"]


def test_no_attempt_is_planned_after_the_last_instant() -> None:
    limits = WishLimits(close_by=NOW + timedelta(seconds=10))
    retry = Retry(attempts=9, delay=8.0, factor=1.0, jitter=0.0)
    run = Run(first(scheduled("a", "q")), retry=retry, limits=limits)
    run.take()
    run.take(done("a", e.ActivityFailed(BAD)), later=1)
    assert isinstance(run.history[-2], e.ActivityRetried)
    run.take(m.Outcome("a", 1, 2, e.ActivityFailed(BAD)), later=8)
    assert isinstance(run.history[-1], e.ActivityClosed)


# -- what can't be answered ------------------------------------------------------------------------


def test_an_answer_that_can_t_be_given_is_a_commit_that_sets_aside() -> None:
    run = Run(lambda told: BAD)
    commit = run.take(m.Signal("x"))
    assert commit.failure == BAD
    assert [type(each) for each in commit.events] == [e.SignalReceived, e.ProcessSuspended]
    assert run.snapshot.process.standing == "suspended"
    assert run.snapshot.process.undecided == 1


def test_once_it_can_answer_it_is_asked_about_all_since() -> None:
    answers: list[Answer] = [[scheduled("a", "q"), scheduled("b")], BAD, []]
    run = Run(lambda told: answers.pop(0))
    run.take()
    run.take(m.Signal("x"))
    run.take(done("a"), m.Signal("y"))
    assert len(run.told) == 2
    commit = run.take(m.Signal("z"), m.Command("retry", {"": 5}))
    assert commit.failure is None
    assert names(run.told[-1]) == ["x", "a", "y", "z", ""]
    assert run.snapshot.process.undecided == 0
    assert not run.told[-1].begins


def test_a_start_that_was_never_answered_is_still_a_start() -> None:
    answers: list[Answer] = [BAD, [scheduled("a")]]
    run = Run(lambda told: answers.pop(0))
    run.take()
    run.take(m.Signal("x"))
    run.take(m.Command("retry", {"": 2}))
    assert run.told[-1].begins
    assert names(run.told[-1]) == ["x", ""]


def test_it_stays_aside_if_it_still_can_t_answer() -> None:
    answers: list[Answer] = [[scheduled("a")], BAD, BAD, []]
    run = Run(lambda told: answers.pop(0))
    run.take()
    run.take(m.Signal("x"))
    run.take(m.Command("retry", {"": 4}))
    assert run.snapshot.process.standing == "suspended"
    run.take(m.Command("retry", {"": 6}))
    assert names(run.told[-1]) == ["x", "", ""]


def test_what_runs_goes_on_while_a_person_is_needed() -> None:
    answers: list[Answer] = [[scheduled("a"), scheduled("b", "q")], BAD]
    run = Run(lambda told: answers.pop(0))
    run.take()
    commit = run.take(m.Signal("x"))
    assert run.snapshot.agenda is not None
    assert [each.path for each in run.snapshot.agenda.activities] == ["a", "b"]
    assert not commit.drops


def test_a_process_set_aside_by_the_worker_keeps_what_comes() -> None:
    run = Run(first(scheduled("a")))
    run.take()
    commit = unasked.suspend(run.snapshot, BAD, run.now, batch=True)
    run.snapshot = commit.snapshot
    run.history += commit.events
    run.take(m.Signal("x"))
    run.take(m.Command("retry", {"": 3}))
    assert names(run.told[-1]) == ["x", ""]


def test_a_history_that_is_not_here_is_asked_for() -> None:
    answers: list[Answer] = [[scheduled("a")], BAD]
    run = Run(lambda told: answers.pop(0))
    run.take()
    run.take(m.Signal("x"))
    run.past = Past()
    with pytest.raises(NotReadError):
        run.take(m.Command("retry", {"": 4}))


# -- the next run ----------------------------------------------------------------------------------


def test_a_run_ends_and_the_next_begins_with_another_history() -> None:
    run = Run(first(scheduled("a", "q"), then=[d.ContinueAsNew({"n": 2}, ("t",))]))
    run.take()
    commit = run.take(m.Signal("x"), later=5)
    assert commit.renews == e.ProcessStarted(
        position=1,
        at=run.now,
        process_id="p",
        run=2,
        workflow="w",
        sha="0",
        input={"n": 2},
        tags=("t",),
        timeout=LONG,
    )
    assert isinstance(commit.events[-1], e.ContinuedAsNew)
    assert run.snapshot.process.status == "running"
    assert run.snapshot.agenda is not None
    assert not run.snapshot.agenda.activities


def test_a_parent_is_not_told_of_the_end_of_a_run_but_its_children_are() -> None:
    fields = {"path": "c", "child": "p/c", "workflow": "w", "policy": "terminate"}
    born = d.RecordFact(d.Fact(e.ChildStarted, fields), Birth("c", "p/c", "w"))
    run = Run(first(born, then=[d.ContinueAsNew()]), parent="boss", parent_path="x")
    run.take()
    commit = run.take(m.Signal("x"))
    assert [each.process_id for each in commit.sends] == ["p/c"]
    assert commit.renews is not None
    assert (commit.renews.parent, commit.renews.parent_path) == ("boss", "x")
