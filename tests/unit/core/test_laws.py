"""Each law of histories is seen to fire on a history that was spoiled, and not on the sound one."""

from __future__ import annotations

import typing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from corago.core import events as e
from corago.core.laws import Laws

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BAD = e.Failure("ValueError", "bad")
DONE, FAILED = e.ActivityCompleted(), e.ActivityFailed(BAD)

Fact = tuple[type[e.Event], dict[str, Any]]


def fact(kind: type[e.Event], **fields: Any) -> Fact:
    return kind, fields


START = fact(e.ProcessStarted, process_id="p", workflow="w", sha="0", timeout=100.0)
FAIL = fact(e.ProcessFailed, error=BAD)
REOPEN = fact(e.ProcessReopened)
COMPLETE = fact(e.ProcessCompleted)
POISON = fact(e.ProcessSuspended, error=BAD)
TIMER = fact(e.TimerStarted, timer="t", due=NOW + timedelta(seconds=2))
CHILD = fact(e.ChildStarted, path="c", child="p/c", workflow="v")
RENEW = fact(e.ContinuedAsNew, following=2, input=7, tags=("b",))
SECOND = fact(e.ProcessStarted, process_id="p", workflow="w", sha="0", run=2, input=7, tags=("b",))


def closed(result: Any = DONE, path: str = "a", **more: Any) -> Fact:
    return fact(e.ActivityClosed, path=path, result=result, **more)


def retried(**more: Any) -> Fact:
    return fact(e.ActivityRetried, path="a", error=BAD, **{"due": NOW + timedelta(hours=1), **more})


def moved(source: str, target: str, *effects: str, **more: Any) -> Fact:
    made = tuple(e.Effect(path, "x") for path in effects)
    return fact(e.Transitioned, source=source, target=target, edge="", effects=made, **more)


def resumed(*paths: str) -> Fact:
    return fact(e.ProcessResumed, paths=paths)


def child_closed(status: str = "completed") -> Fact:
    return fact(e.ChildClosed, path="c", child="p/c", status=status)


def told(command: str) -> Fact:
    return fact(e.MessageSent, path="c", to="p/c", command=command)


def history(*facts: Fact) -> list[e.Event]:
    """The events of these facts, one a second, positions anew in every run."""
    events: list[e.Event] = []
    position = 0
    for number, (kind, fields) in enumerate(facts):
        position = 1 if kind is e.ProcessStarted else position + 1
        said: dict[str, Any] = {"position": position, "at": NOW + timedelta(seconds=number)}
        events.append(kind(**(said | fields)))
    return events


def broken(*facts: Fact) -> list[str]:
    laws = Laws()
    return [text for event in history(*facts) for text in laws.take(event)]


SPOILED: dict[str, tuple[tuple[Fact, ...], tuple[Fact, ...], str]] = {
    "a beginning": ((START, COMPLETE), (COMPLETE,), "begins with ProcessStarted"),
    "one beginning": (
        (START,),
        (START, (START[0], START[1] | {"position": 2})),
        "has started already",
    ),
    "no gap": ((START, FAIL), (START, fact(e.CancelRequested, position=3)), "position 2 should"),
    "no way back in time": (
        (START, TIMER),
        (START, fact(e.CancelRequested, at=NOW - timedelta(days=1))),
        "the one before",
    ),
    "nothing after the end": (
        (START, COMPLETE, fact(e.CommandRefused, command="cancel", why="it is over")),
        (START, COMPLETE, closed()),
        "ActivityClosed after the process was completed",
    ),
    "a failed one may go on": (
        (START, FAIL, REOPEN, closed()),
        (START, FAIL, closed()),
        "after the process was failed",
    ),
    "only a failed one": ((START, FAIL, REOPEN), (START, REOPEN), "had not failed"),
    "its time": (
        (START, fact(e.ProcessTimedOut, at=NOW + timedelta(seconds=100))),
        (START, fact(e.ProcessTimedOut)),
        "was not up yet",
    ),
    "a time": (
        (START,),
        ((START[0], START[1] | {"timeout": None}), fact(e.ProcessTimedOut)),
        "no timeout",
    ),
    "the following run": (
        (START, RENEW, SECOND),
        (START, (RENEW[0], RENEW[1] | {"following": 3})),
        "run 3 follows, and not 2",
    ),
    "its number": (
        (START, RENEW, SECOND),
        (START, RENEW, (SECOND[0], SECOND[1] | {"run": 3})),
        "another run",
    ),
    "its input": (
        (START, RENEW, SECOND),
        (START, RENEW, (SECOND[0], SECOND[1] | {"input": 8})),
        "another input",
    ),
    "its definition": (
        (
            START,
            fact(e.DefinitionChanged, sha="1"),
            RENEW,
            (SECOND[0], SECOND[1] | {"sha": "1"}),
        ),
        (START, fact(e.DefinitionChanged, sha="1"), RENEW, SECOND),
        "followed another definition",
    ),
    "its external store": (
        (
            START,
            fact(e.ExternalUpdated, changes={"a": 1}),
            RENEW,
            (SECOND[0], SECOND[1] | {"external": {"a": 1}}),
        ),
        (START, fact(e.ExternalUpdated, changes={"a": 1}), RENEW, SECOND),
        "another external",
    ),
    "nothing between runs": (
        (START, RENEW, SECOND, closed()),
        (START, RENEW, closed()),
        "behind ContinuedAsNew",
    ),
    "one outcome an attempt": (
        (START, retried(), closed(attempt=2)),
        (START, retried(), closed()),
        "attempt 1, and not 2",
    ),
    "no attempt is left out": (
        (START, closed(FAILED), closed(attempt=2)),
        (START, closed(FAILED), closed(attempt=3)),
        "attempt 3, and not 2",
    ),
    "one that was set aside": (
        (START, fact(e.ProcessSuspended, path="a", error=BAD), resumed("a"), closed(attempt=2)),
        (START, closed(attempt=2)),
        "attempt 2, and not 1",
    ),
    "nothing of what is over": (
        (START, closed(), closed(occurrence=2)),
        (START, closed(), closed()),
        "which was over",
    ),
    "nothing of what was skipped": (
        (START, fact(e.StepSkipped, path="a")),
        (START, fact(e.StepSkipped, path="a"), closed()),
        "which was over",
    ),
    "nothing is over twice by another name": (
        (START, closed(), fact(e.DefinitionChanged, sha="1", renames={"a": "b"}), closed()),
        (
            START,
            closed(),
            fact(e.DefinitionChanged, sha="1", renames={"a": "b"}),
            closed(path="b"),
        ),
        "an outcome of 'b', which was over",
    ),
    "the next attempt comes later": (
        (START, retried()),
        (START, retried(due=NOW)),
        "due before this one ended",
    ),
    "one start an attempt": (
        (START, fact(e.ActivityStarted, path="a"), closed()),
        (START, fact(e.ActivityStarted, path="a"), fact(e.ActivityStarted, path="a")),
        "started twice",
    ),
    "only what was wanted": (
        (START, fact(e.ActivityScheduled, path="a", activity="x"), closed()),
        (START, fact(e.ActivityScheduled, path="b", activity="x"), closed()),
        "which was not wanted",
    ),
    "wanted once": (
        (START, fact(e.ActivityScheduled, path="a", activity="x"), closed()),
        (START, *[fact(e.ActivityScheduled, path="a", activity="x")] * 2),
        "was scheduled before",
    ),
    "stopped when scheduled": (
        (
            START,
            fact(e.ActivityScheduled, path="a", queue="q"),
            fact(e.ActivityCancelRequested, path="a"),
        ),
        (START, fact(e.ActivityCancelRequested, path="a")),
        "was not scheduled",
    ),
    "a timer that is open": (
        (START, TIMER, fact(e.TimerFired, timer="t")),
        (START, TIMER, fact(e.TimerCanceled, timer="t"), fact(e.TimerFired, timer="t")),
        "was not open",
    ),
    "a timer fires once": (
        (START, TIMER, fact(e.TimerFired, timer="t"), TIMER, fact(e.TimerFired, timer="t")),
        (START, TIMER, *[fact(e.TimerFired, timer="t")] * 2),
        "was not open",
    ),
    "a timer is not early": (
        (START, TIMER, fact(e.TimerFired, timer="t", at=NOW + timedelta(seconds=2))),
        (START, TIMER, fact(e.TimerFired, timer="t", at=NOW + timedelta(seconds=1))),
        "fired before",
    ),
    "a timer is canceled once": (
        (START, TIMER, fact(e.TimerCanceled, timer="t")),
        (START, fact(e.TimerCanceled, timer="t")),
        "canceled, and was not open",
    ),
    "no timer outlives the end": (
        (START, TIMER, FAIL, REOPEN, TIMER, fact(e.TimerFired, timer="t")),
        (START, TIMER, FAIL, REOPEN, fact(e.TimerFired, timer="t")),
        "was not open",
    ),
    "a timer keeps its place": (
        (
            START,
            TIMER,
            fact(e.DefinitionChanged, sha="1", renames={"t": "u"}),
            fact(e.TimerFired, timer="u"),
        ),
        (
            START,
            TIMER,
            fact(e.DefinitionChanged, sha="1", renames={"t": "u"}),
            fact(e.TimerFired, timer="t"),
        ),
        "was not open",
    ),
    "a key is received once": (
        (START, fact(e.SignalReceived, name="s"), fact(e.SignalReceived, name="s", key="k")),
        (START, *[fact(e.SignalReceived, name="s", key="k")] * 2),
        "'k' was received before",
    ),
    "in whatever run, and for whatever": (
        (START, fact(e.SignalReceived, name="s", key="k"), RENEW, SECOND),
        (
            START,
            fact(e.SignalReceived, name="s", key="k"),
            RENEW,
            SECOND,
            fact(e.ExternalUpdated, changes={}, key="k"),
        ),
        "run 2, position 2: the key 'k' was received before",
    ),
    "one child at a place": (
        (START, CHILD, child_closed("failed"), told("retry")),
        (START, CHILD, fact(e.ChildStarted, path="c", child="p/d", workflow="v")),
        "where 'p/c' was open",
    ),
    "a child is started once": (
        (START, CHILD, child_closed()),
        (START, CHILD, child_closed(), CHILD),
        "started again after its end",
    ),
    "a child is open once": (
        (START, CHILD),
        (START, CHILD, fact(e.ChildStarted, path="d", child="p/c", workflow="v")),
        "was open already",
    ),
    "a child ends once": (
        (START, CHILD, child_closed("failed"), child_closed("failed")),
        (START, CHILD, child_closed(), child_closed()),
        "ended a second time",
    ),
    "a child that was wanted": (
        (START, CHILD, fact(e.ChildStartFailed, path="c", child="p/c", error=BAD)),
        (START, fact(e.ChildStartFailed, path="c", child="p/c", error=BAD)),
        "was not started",
    ),
    "an open child is told": (
        (START, CHILD, told("cancel")),
        (START, CHILD, child_closed("failed"), told("cancel")),
        "told to cancel, and was not open",
    ),
    "a closed child goes on": (
        (START, CHILD, child_closed("failed"), told("retry"), told("cancel")),
        (START, CHILD, told("retry")),
        "to go on, and 'p/c' was open there",
    ),
    "one way through": (
        (START, moved("", "a"), moved("a", "b")),
        (START, moved("", "a"), moved("b", "c")),
        "left 'b', and stood in 'a'",
    ),
    "to stay is to stay": (
        (START, moved("", "a"), moved("a", "a", stays=True)),
        (START, moved("", "a"), moved("a", "b", stays=True)),
        "stays in 'a'",
    ),
    "an effect is asked for once": (
        (START, moved("", "a", "x"), closed(path="x")),
        (START, moved("", "a", "x"), moved("a", "b", "x")),
        "was asked for twice",
    ),
    "an answer": (
        (START, fact(e.PredicateAnswered, path="a", answer=False)),
        (START, fact(e.PredicateAnswered, path="a")),
        "no answer, or two",
    ),
    "set aside once": (
        (START, POISON, fact(e.LeaseLost), POISON, resumed("")),
        (START, POISON, POISON),
        "and had been before",
    ),
    "let go on once": ((START, POISON, resumed("")), (START, resumed("")), "had not been set"),
    "nothing is decided aside": (
        (START, POISON, resumed(""), moved("", "a")),
        (START, POISON, moved("", "a")),
        "while the process was set aside",
    ),
    "asked to stop once": (
        (START, fact(e.CancelRequested)),
        (START, *[fact(e.CancelRequested)] * 2),
        "had been before",
    ),
    "losses are counted": (
        (START, fact(e.LeaseLost), fact(e.LeaseLost, losses=2), closed(), fact(e.LeaseLost)),
        (START, fact(e.LeaseLost), fact(e.LeaseLost)),
        "1 losses in a row, and not 2",
    ),
}


@pytest.mark.parametrize("law", SPOILED)
def test_a_law_fires_where_it_is_broken_and_nowhere_else(law: str) -> None:
    sound, spoiled, said = SPOILED[law]
    assert broken(*sound) == []
    found = broken(*spoiled)
    assert len(found) == 1, found
    assert said in found[0]


def test_every_kind_of_event_was_thought_of() -> None:
    free = {e.ProcessStarted, e.ItemsChosen, e.MarkerRecorded, e.CommandRefused}
    assert free.isdisjoint(Laws.JUDGED)
    assert free | Laws.JUDGED == set(typing.get_args(e.AnyEvent))


def test_what_comes_after_a_breach_is_judged_by_itself() -> None:
    found = broken(START, closed(), closed(), closed(path="b"), closed(path="b"))
    assert [text.partition(":")[0] for text in found] == ["position 3", "position 5"]
