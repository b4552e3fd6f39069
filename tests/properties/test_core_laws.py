"""The laws of the core, on random programs and random things that happen to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from corago.core import codec, commands, history, kernel
from corago.core import decisions as d
from corago.core import events as e
from corago.core import messages as m
from corago.core.calls import LiveCalls, RecordedCalls
from corago.core.commit import Commit
from corago.core.program import NOTHING, Snapshot
from tests.properties.programs import BIRTH, LAW, SIGNALS, Move, Scenario, scenarios

RESULTS: tuple[e.ActivityResult, ...] = (
    e.ActivityCompleted(),
    e.ActivityCompleted({}),
    e.ActivityCompleted({"a": [1, None, {"deep": 1.5}]}),
    e.ActivityCompleted({"b": "text", "c": -1}),
    e.ActivityCompleted(["no dict"]),
    e.ActivityFailed(e.Failure("ValueError", "bad")),
    e.ActivityFailed(e.Failure("OSError", "bad", "a traceback")),
    e.ActivityAborted("enough"),
    e.ActivityTimedOut(seconds=2.0),
    e.ActivityCanceled(),
)


@dataclass(frozen=True)
class Burst:
    """Messages taken one by one at one instant: where it began, and each call's messages and commit."""

    start: Snapshot
    now: datetime
    left: tuple[m.Message, ...]
    taken: tuple[m.Message, ...]
    commits: tuple[Commit, ...]


def play(scenario: Scenario) -> Iterator[Burst]:
    """Let it happen; what stays unconsumed is offered again, before what comes next."""
    program = scenario.program
    snapshot = history.begin(program, scenario.started)
    now, left, past = BIRTH, (), list[m.Message]()
    if scenario.decides_first:
        commit = kernel.advance(program, snapshot, (), now, LiveCalls(scenario.answers))
        yield Burst(snapshot, now, (), (), (commit,))
        snapshot = commit.snapshot
    for seconds, moves in scenario.bursts:
        now += timedelta(seconds=seconds)
        start, before, taken, commits = snapshot, left, [], []
        for move in moves:
            message = resolve(move, snapshot, now, past)
            past.append(message)
            taken.append(message)
            offered = (*left, message)
            calls = LiveCalls(scenario.answers)
            commit = kernel.advance(program, snapshot, offered, now, calls)
            commits.append(commit)
            snapshot, left = commit.snapshot, offered[commit.consumed :]
        yield Burst(start, now, before, tuple(taken), tuple(commits))


def resolve(
    move: Move, snapshot: Snapshot, now: datetime, past: Sequence[m.Message]
) -> m.Message:
    """The message that a move comes to."""
    process, agenda = snapshot.process, snapshot.agenda or NOTHING
    pick, flavour = move.pick, move.flavour
    match move.kind:
        case "outcome" | "stale" if agenda.activities:
            wish = agenda.activities[pick % len(agenda.activities)]
            attempt = process.activity(wish.path, wish.occurrence).attempt
            off = 0 if move.kind == "outcome" else 1 - 2 * (flavour % 2)
            occurrence = wish.occurrence + (off if flavour > 4 else 0)
            return m.Outcome(wish.path, occurrence, attempt + off, RESULTS[flavour])
        case "timer":
            names = [*process.timers, "", "0.0@99"]
            name = names[pick % len(names)]
            return m.TimerDue(name, process.timers.get(name, now))
        case "update":
            return m.Update({"a": flavour}, actor="ann", reason="so")
        case "lost":
            return m.Lost("worker" if flavour else None)
        case "again" if past:
            return past[-1 - pick % len(past)]
        case "command":
            return _command(move, snapshot, now)
    return m.Signal(SIGNALS[pick % 2], {"number": flavour}, key=None if pick else "k", actor="bob")


def _command(move: Move, snapshot: Snapshot, now: datetime) -> m.Command:
    process, agenda = snapshot.process, snapshot.agenda or NOTHING
    verb = ("retry", "skip", "set_result", "retry", "skip", "cancel")[move.pick]
    stands = [*commands.incidents(process, agenda), *commands.backing_off(process, agenda, now)]
    step = stands[move.flavour % len(stands)] if stands and move.flavour % 3 else None
    targets = commands.target(process, agenda, verb, step, now)
    if isinstance(targets, str):
        targets = {"one": move.flavour} if move.flavour else {}
    value = {"c": 1} if move.flavour < 8 else [1]
    return m.Command(verb, targets, value, actor="op", reason=None if move.pick else "why not")


def events_of(scenario: Scenario) -> Iterator[tuple[list[e.Event], Snapshot]]:
    """The whole history and the snapshot after every commit."""
    events: list[e.Event] = [scenario.started]
    for burst in play(scenario):
        for commit in burst.commits:
            events = [*events, *commit.events]
            yield events, commit.snapshot


def whole(scenario: Scenario) -> list[e.Event]:
    """The whole history at the end."""
    events: list[e.Event] = [scenario.started]
    for events, _ in events_of(scenario):  # noqa: B007 - the last one is wanted
        pass
    return events


def merged(first: Commit, second: Commit) -> Commit:
    """Two commits as one."""
    return Commit(
        second.snapshot,
        first.events + second.events,
        first.received + second.received,
        first.facts + second.facts,
        first.consumed + second.consumed,
        first.answers + second.answers,
    )


@LAW
@given(scenarios(), st.integers(0, 9))
def test_advance_is_a_fold_over_its_messages(scenario: Scenario, cut: int) -> None:
    for burst in play(scenario):
        messages = burst.left + burst.taken
        if not messages:
            continue

        def advance(snapshot: Snapshot, some: Sequence[m.Message], now: datetime) -> Commit:
            calls = LiveCalls(scenario.answers)
            return kernel.advance(scenario.program, snapshot, some, now, calls)

        at_once = advance(burst.start, messages, burst.now)
        one_by_one = Commit(burst.start)
        for commit in burst.commits:
            one_by_one = merged(one_by_one, commit)
        assert at_once == one_by_one

        part = advance(burst.start, messages[: 1 + cut % len(messages)], burst.now)
        rest = messages[part.consumed :]
        if rest:
            assert merged(part, advance(part.snapshot, rest, burst.now)) == at_once


@LAW
@given(scenarios())
def test_a_preview_with_the_same_answers_equals_the_commit(scenario: Scenario) -> None:
    program = scenario.program
    for burst in play(scenario):
        messages = burst.left + burst.taken
        live = LiveCalls(scenario.answers)
        commit = kernel.advance(program, burst.start, messages, burst.now, live)
        recorded = RecordedCalls(commit.answers)
        assert kernel.advance(program, burst.start, messages, burst.now, recorded) == commit
        # one object may serve several calls: each commit tells its own answers only
        assert kernel.advance(program, burst.start, messages, burst.now, live) == commit


@LAW
@given(scenarios())
def test_the_agenda_is_only_a_cache(scenario: Scenario) -> None:
    program = scenario.program
    for burst in play(scenario):
        kept = codec.decode_snapshot(program, codec.encode_snapshot(burst.start))
        assert kept is not None
        messages = burst.left + burst.taken
        warm = kernel.advance(
            program, burst.start, messages, burst.now, LiveCalls(scenario.answers)
        )
        cold = kernel.advance(program, kept, messages, burst.now, LiveCalls(scenario.answers))
        assert cold == warm


@LAW
@given(scenarios())
def test_folding_the_rows_gives_the_live_snapshot_after_every_commit(scenario: Scenario) -> None:
    program = scenario.program
    kept = history.begin(program, scenario.started)
    for burst in play(scenario):
        for commit in burst.commits:
            rows = [codec.encode_event(event) for event in commit.events]
            events = [codec.decode_event(row) for row in rows]
            assert tuple(events) == commit.events
            again = codec.decode_snapshot(program, codec.encode_snapshot(kept))
            kept = history.fold(program, events, again)
            assert (kept.process, kept.state) == (commit.snapshot.process, commit.snapshot.state)
    for events, snapshot in events_of(scenario):
        rows = [codec.encode_event(event) for event in events]
        folded = history.fold(program, map(codec.decode_event, rows))
        assert (folded.process, folded.state) == (snapshot.process, snapshot.state)


@LAW
@given(scenarios())
def test_an_upcaster_brings_back_every_event_of_an_older_tag(scenario: Scenario) -> None:
    def younger(fields: dict[str, Any]) -> dict[str, Any]:
        return {**fields, "type": fields["type"].removesuffix(".0"), "at": fields["was"]}

    for event in whole(scenario):
        fields = msgspec.json.decode(codec.encode_event(event))
        tag = f"{fields['type']}.0"
        old = {**fields, "type": tag, "was": fields["at"], "at": "another form"}
        codec.UPCASTERS[tag] = younger
        try:
            assert codec.decode_event(msgspec.json.encode(old)) == event
        finally:
            del codec.UPCASTERS[tag]


@LAW
@given(scenarios())
def test_no_id_is_ever_used_twice(scenario: Scenario) -> None:
    ends, starts, timers = [], [], []
    for event in whole(scenario):
        match event:
            case e.ActivityClosed() | e.ActivityRetried():
                ends.append((event.path, event.occurrence, event.attempt))
            case e.ActivityStarted():
                starts.append((event.path, event.occurrence, event.attempt))
            case e.TimerStarted():
                timers.append(event.timer)
    for ids in (ends, starts, timers):
        assert len(set(ids)) == len(ids)


@LAW
@given(scenarios())
def test_positions_have_no_gaps_and_time_never_runs_back(scenario: Scenario) -> None:
    events = history.History(whole(scenario))
    assert all(first.at <= second.at for first, second in pairwise(events))


@LAW
@given(scenarios())
def test_evolving_reaches_no_user_code(scenario: Scenario) -> None:
    events = whole(scenario)
    scenario.answers.is_armed = True
    history.fold(scenario.program.program, events)


@LAW
@given(scenarios())
def test_after_a_closing_fact_only_a_refusal_or_a_reopening_follows(scenario: Scenario) -> None:
    closed = False
    for event in whole(scenario):
        if closed:
            assert isinstance(event, (e.CommandRefused, e.ProcessReopened))
        closed = type(event) in e.CLOSING or (closed and isinstance(event, e.CommandRefused))


@LAW
@given(scenarios())
def test_a_closed_process_wants_nothing_but_a_person(scenario: Scenario) -> None:
    for _, snapshot in events_of(scenario):
        if snapshot.process.is_closed:
            agenda = snapshot.agenda or NOTHING
            assert not snapshot.process.timers
            assert not (agenda.activities or agenda.timers or agenda.signals)


@LAW
@given(scenarios())
def test_a_quiet_open_process_always_has_something_to_wait_for(scenario: Scenario) -> None:
    for _, snapshot in events_of(scenario):
        process, agenda = snapshot.process, snapshot.agenda
        assert agenda is not None
        if not process.is_closed and process.poison is None:
            assert agenda != NOTHING
            assert {timer.timer for timer in agenda.timers} == set(process.timers)


@LAW
@given(scenarios())
def test_what_runs_at_most_once_is_recorded_before_it_starts(scenario: Scenario) -> None:
    for burst in play(scenario):
        snapshot = burst.commits[-1].snapshot
        for wish in (snapshot.agenda or NOTHING).activities:
            known = snapshot.process.activity(wish.path, wish.occurrence)
            waits = known.due is not None and known.due > snapshot.process.at
            if wish.at_most_once and not wish.cancel and not waits:
                assert known.started


def test_the_random_scenarios_reach_every_kind_of_event_and_end() -> None:
    events: set[type] = set()
    seen: set[str] = set()

    @LAW
    @given(scenarios())
    def look(scenario: Scenario) -> None:
        for history_so_far, snapshot in events_of(scenario):
            events.update(type(event) for event in history_so_far)
            seen.add(snapshot.process.standing)
            if snapshot.process.poison is not None:
                seen.add(snapshot.process.poison.type)

    look()
    assert events == set(e.AnyEvent.__args__)
    assert seen >= {"running", "suspended", *e.CLOSED_STATUSES, "DecideLimit"}
