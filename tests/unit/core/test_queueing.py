"""What the kernel does with activities of queues: what it puts there, and what it drops."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from corago.core import decisions as d
from corago.core import events as e
from corago.core import messages as m
from corago.core import queueing, unasked
from corago.core.commit import Commit, Queued
from corago.core.program import Snapshot
from corago.core.retry import Retry
from tests.unit.core.test_kernel import BAD, DONE, END, FAILED, NOW, Run, Says, names, outcome

Wishes = Sequence[d.Decision]


def wish(path: str = "0.0", **fields: Any) -> d.ScheduleActivity:
    fields.setdefault("queue", "gpu")
    return d.ScheduleActivity(path, {"n": 1}, **fields)


def one(**fields: Any) -> Run:
    """A process that wants one activity of a queue, and ends with it."""
    return Run(Until(e.ActivityClosed, [wish(**fields)]))


class Until(Says):
    """Wants the same until an event of some kind has come; then another thing."""

    def __init__(
        self, kind: type[e.Event], first: list[Any], then: list[Any] | None = None
    ) -> None:
        super().__init__(lambda has_come: (then or [END]) if has_come else first)
        self.kind = kind

    def initial(self, started: e.ProcessStarted) -> int:
        return 0

    def evolve(self, state: int, event: e.Event) -> int:
        return 1 if isinstance(event, self.kind) else state


def queued(commit: Commit) -> list[tuple[str, int, float]]:
    return [(each.path, each.attempt, each.delay) for each in commit.queued]


def test_an_attempt_is_put_into_its_queue_once() -> None:
    run = one(timeout=3.0, function="f", at_most_once=True)
    commit = run.take()
    assert names(commit) == "ActivityScheduled"
    assert commit.queued == (
        Queued("0.0", 1, 1, "gpu", "f", {"n": 1}, 3.0, 0.0, at_most_once=True),
    )
    assert run.take(m.Signal("go"), later=5).queued == ()
    assert run.snapshot.process.activity("0.0").queued == 1


def test_it_is_not_said_to_have_started_whatever_was_lost() -> None:
    run = one(at_most_once=True)
    run.take()
    assert names(run.take(m.Lost())) == "LeaseLost"
    assert run.snapshot.process.standing == "running"


def test_the_next_attempt_waits_in_the_queue() -> None:
    run = one(retry=Retry(attempts=2, delay=60, jitter=0))
    run.take()
    commit = run.take(outcome(FAILED), later=9)
    assert names(commit) == "ActivityRetried ActivityScheduled"
    assert (queued(commit), commit.drops) == ([("0.0", 2, 60.0)], ())
    assert names(run.take(outcome(DONE, 2), later=70)) == "ActivityClosed ProcessCompleted"


def test_who_shortens_the_wait_puts_it_there_anew() -> None:
    run = one(retry=Retry(attempts=2, delay=60, jitter=0))
    run.take()
    run.take(outcome(FAILED))
    position = run.snapshot.process.activity("0.0").position
    commit = run.take(m.Command("retry", {"0.0": position}), later=5)
    assert names(commit) == "ProcessResumed ActivityScheduled"
    assert queued(commit) == [("0.0", 2, 0.0)]


def test_what_is_wanted_for_a_moment_only_never_comes_into_its_queue() -> None:
    run = Run(Until(e.SignalReceived, [wish()], [wish("1.0")]))
    commit = run.take(m.Update({}), m.Signal("go"))
    assert [each.path for each in commit.events if isinstance(each, e.ActivityScheduled)] == [
        "0.0",
        "1.0",
    ]
    assert (queued(commit), commit.drops) == ([("1.0", 1, 0.0)], ())


def test_an_outcome_closes_it_and_what_is_dropped_was_there() -> None:
    run = Run(
        Until(e.SignalReceived, [wish(), wish("1.0")], [wish("1.0"), d.AwaitSignal("w", "x")])
    )
    run.take()
    commit = run.take(m.Signal("go"))
    assert commit.drops == ("0.0",)
    assert run.take(outcome()).events == ()


class Stops(Says):
    """Wants an activity, wants it to stop when that is asked for, and ends when it has."""

    def __init__(self, *, is_endless: bool = False) -> None:
        says: list[list[Any]] = [[wish()], [wish(cancel=True)], [END]]
        super().__init__(lambda state: says[min(state, 1 if is_endless else 2)])

    def initial(self, started: e.ProcessStarted) -> int:
        return 0

    def evolve(self, state: int, event: e.Event) -> int:
        moves = {e.CancelRequested: 1, e.ActivityClosed: 2}
        return max(state, moves.get(type(event), 0))


CANCEL = m.Command("cancel")


def test_a_cancel_asks_what_is_there_to_stop_once() -> None:
    run = Run(Stops())
    run.take()
    commit = run.take(CANCEL)
    assert names(commit) == "CancelRequested ActivityCancelRequested"
    assert (commit.cancels, commit.drops) == (("0.0",), ())
    assert run.take().cancels == ()
    assert names(run.take(outcome(e.ActivityCanceled()))) == "ActivityClosed ProcessCompleted"


def test_what_was_never_there_is_canceled_at_once_and_the_process_goes_on() -> None:
    run = Run(Stops())
    commit = run.take(CANCEL)
    assert names(commit) == "CancelRequested ActivityClosed ProcessCompleted"
    assert (commit.queued, commit.cancels) == ((), ())


def test_who_wants_something_to_stop_for_ever_goes_round_in_a_circle() -> None:
    run = Run(Stops(is_endless=True))
    assert names(run.take(CANCEL)).endswith("ActivityClosed ProcessSuspended")
    assert run.snapshot.process.poison is not None


def test_a_lost_attempt_suspends_its_process_and_a_retry_puts_another_there() -> None:
    program = Until(e.ProcessSuspended, [wish(at_most_once=True)], [d.AwaitSignal("w", "x")])
    run = Run(program)
    run.take()
    failure = queueing.in_doubt("0.0")
    commit = run.take(m.Outcome("0.0", 1, 1, e.ActivityFailed(failure), is_lost=True))
    assert commit.facts == (e.ProcessSuspended(position=3, at=NOW, path="0.0", error=failure),)
    assert run.snapshot.process.standing == "suspended"


@pytest.mark.parametrize(
    ("losses", "at_most_once", "said"),
    [
        (0, True, None),
        (1, True, "LeaseLost"),
        (1, False, None),
        (queueing.LOSS_LIMIT - 1, False, None),
        (queueing.LOSS_LIMIT, False, "PoisonStep"),
    ],
)
def test_an_attempt_is_run_again_unless_it_may_have_run_or_kills(
    losses: int, said: str | None, *, at_most_once: bool
) -> None:
    attempt = Queued("0.0", 1, 1, "gpu", "f", {}, at_most_once=at_most_once)
    found = queueing.lost(attempt, losses)
    assert (None if found is None else found.type) == said


def test_a_poisoned_process_leaves_its_queue_alone_until_it_goes_on() -> None:
    run = one()
    run.take()
    commit = run.take(*[m.Lost()] * queueing.LOSS_LIMIT)
    assert run.snapshot.process.poison is not None
    assert commit.drops == ()
    position = run.snapshot.process.poison_position
    assert names(run.take(m.Command("retry", {"": position}))) == "ProcessResumed"
    assert names(run.take(outcome())) == "ActivityClosed ProcessCompleted"


@pytest.mark.parametrize("verb", ["retry", "cancel"])
def test_what_a_queue_s_step_came_to_waits_for_a_poisoned_process(verb: str) -> None:
    run = one()
    run.take()
    run.take(*[m.Lost()] * queueing.LOSS_LIMIT)
    position = run.snapshot.process.poison_position
    messages: list[m.Message] = [m.Signal("x"), outcome()]
    commit = run.take(*messages)
    assert (names(commit), commit.consumed) == ("SignalReceived", 1)
    freed = m.Command(verb, {"": position} if verb == "retry" else {})
    commit = run.take(*messages[1:], freed)
    said = "ProcessResumed" if verb == "retry" else "CancelRequested"
    assert names(commit) == f"{said} ActivityClosed ProcessCompleted"


def test_a_step_that_gets_another_queue_moves_there_unless_it_runs_at_most_once() -> None:
    for at_most_once, moves in ((False, True), (True, False)):
        run = one(at_most_once=at_most_once)
        run.take()
        run.program = Until(e.ActivityClosed, [wish(queue="cpu", at_most_once=at_most_once)])
        run.snapshot = Snapshot(run.snapshot.process, 0)
        commit = run.take()
        assert [each.queue for each in commit.queued] == ["cpu"] * moves


def test_a_step_that_has_a_queue_no_longer_is_taken_out_of_it() -> None:
    run = one()
    run.take()
    run.program = Until(e.ActivityClosed, [wish(queue=None)])
    run.snapshot = Snapshot(run.snapshot.process, 0)
    assert run.take().drops == ("0.0",)


def test_a_renamed_step_stands_in_the_queue_under_its_new_name() -> None:
    run = one()
    run.take()
    program: Any = Until(e.ActivityClosed, [wish("new")])
    program.adopt = lambda state, before, event: state
    adopt = m.Adopt(program, "1", 1, {"0.0": "new"})
    commit = run.take(adopt)
    assert names(commit) == "DefinitionChanged ActivityScheduled"
    assert (queued(commit), commit.drops) == ([("new", 1, 0.0)], ("0.0",))
    run = one()
    run.take()
    moved = unasked.adopt(run.program, run.snapshot, adopt, NOW + timedelta(seconds=1))
    assert moved.drops == ("0.0",)


def test_what_was_in_a_queue_when_its_process_failed_is_put_there_anew_by_a_retry() -> None:
    failing = [d.Incident("x", 1, BAD), d.FailProcess("x", BAD)]
    run = Run(Until(e.SignalReceived, [wish()], failing))
    run.take()
    assert names(run.take(m.Signal("go"))) == "SignalReceived ProcessFailed"
    run.program = Until(e.ActivityClosed, [wish()])
    run.snapshot = Snapshot(run.snapshot.process, 0, run.snapshot.agenda)
    commit = run.take(m.Command("retry", {"x": 1}))
    assert names(commit) == "ProcessReopened ActivityScheduled"
    assert queued(commit) == [("0.0", 1, 0.0)]
