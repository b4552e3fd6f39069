"""The laws of the core, on random programs and random things that happen to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from corago.core import codec, commands, history, kernel, queueing
from corago.core import events as e
from corago.core import messages as m
from corago.core.calls import LiveCalls, RecordedCalls
from corago.core.commit import Commit, DocumentWrite
from corago.core.process import Process
from corago.core.program import NOTHING, Agenda, Snapshot
from tests.properties.lawful import unlawful
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


ENDS: tuple[dict[str, Any], ...] = (
    {"status": "completed", "result": {}},
    {"status": "completed", "result": {"b": 1, "xs": [1]}},
    {"status": "completed", "result": {"a": {"xs": []}}},
    {"status": "completed", "result": [1]},
    {"status": "failed", "error": e.Failure("OSError", "bad")},
    {"status": "failed"},
    {"status": "failed", "error": e.Failure("OSError", "gone"), "is_final": True},
    {"status": "canceled"},
    {"status": "aborted"},
    {"status": "timed_out"},
)


@dataclass(frozen=True)
class Burst:
    """Messages taken one by one at one instant: what was there, what came, what came of it."""

    start: Snapshot
    now: datetime
    left: tuple[m.Message, ...]
    taken: tuple[m.Message, ...]
    commits: tuple[Commit, ...]


def play(scenario: Scenario) -> Iterator[Burst]:
    """Let it happen; what stays unconsumed is offered again, before what comes next."""
    program = scenario.program
    snapshot = history.begin(program, scenario.started)
    now, past = BIRTH, list[m.Message]()
    left: tuple[m.Message, ...] = ()
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


def resolve(move: Move, snapshot: Snapshot, now: datetime, past: Sequence[m.Message]) -> m.Message:
    """The message that a move comes to."""
    process, agenda = snapshot.process, snapshot.agenda or NOTHING
    pick, flavour = move.pick, move.flavour
    match move.kind:
        case "outcome" | "stale" if agenda.activities:
            wish = agenda.activities[pick % len(agenda.activities)]
            attempt = process.activity(wish.path, wish.occurrence).attempt
            off = 0 if move.kind == "outcome" else 1 - 2 * (flavour % 2)
            occurrence = wish.occurrence
            if pick > 3:
                occurrence, off = occurrence + off, 0
            written = DocumentWrite("thing", wish.path, attempt, b"{}")
            documents = (written,) * (pick % 2)
            return m.Outcome(wish.path, occurrence, attempt + off, RESULTS[flavour], documents)
        case "timer":
            names = [*process.timers] if process.timers and pick < 5 else ["", "0.0@99"]
            name = names[flavour % len(names)]
            return m.TimerDue(name, process.timers.get(name, now))
        case "update":
            return m.Update({"a": flavour}, actor="ann", reason="so")
        case "child" if process.children:
            path, child = [*process.children.items()][pick % len(process.children)]
            return m.ChildEnded(path, child.id + "@9" * (pick > 4), **ENDS[flavour])
        case "unborn" if process.children:
            path = [*process.children][pick % len(process.children)]
            return m.ChildRefused(path, e.Failure("ProcessAlreadyExistsError", "taken"))
        case "lost":
            return m.Lost("worker" if flavour else None)
        case "again" if past:
            return past[-1 - pick % len(past)]
        case "cancel":
            return m.Command("cancel")
        case "command":
            return _command(move, snapshot, now)
    names = [wait.name for wait in agenda.signals] if pick < 5 else []
    name = (names or SIGNALS)[flavour % len(names or SIGNALS)]
    return m.Signal(name, {"number": flavour}, key=None if pick else "k", actor="bob")


def _command(move: Move, snapshot: Snapshot, now: datetime) -> m.Command:
    process, agenda = snapshot.process, snapshot.agenda or NOTHING
    verb = ("retry", "retry", "retry", "skip", "set_result", "cancel")[move.pick]
    stands = [*commands.incidents(process, agenda), *commands.backing_off(process, agenda, now)]
    step = stands[move.flavour % len(stands)] if stands and move.flavour % 3 else None
    targets = commands.target(process, agenda, verb, step, now)
    if isinstance(targets, str):
        targets = {"one": move.flavour} if move.flavour else {}
    if verb != "cancel" and move.flavour > 8:
        targets = m.ANY
    value = {"c": 1} if move.flavour < 8 else [1]
    return m.Command(verb, targets, value, actor="op", reason=None if move.pick else "why not")


def grown(scenario: Scenario) -> Iterator[tuple[list[e.Event], Snapshot]]:
    """The whole history and the snapshot after every commit."""
    events: list[e.Event] = [scenario.started]
    for burst in play(scenario):
        for commit in burst.commits:
            events = [*events, *commit.events]
            yield events, commit.snapshot


def merged(first: Commit, second: Commit) -> Commit:
    """Two commits as one."""
    return Commit(
        second.snapshot,
        first.events + second.events,
        first.received + second.received,
        first.facts + second.facts,
        first.consumed + second.consumed,
        first.answers + second.answers,
        first.documents + second.documents,
        first.births + second.births,
        first.sends + second.sends,
    )


def told(commit: Commit, messages: Sequence[m.Message]) -> Commit:
    """A commit without its tasks, whose law stands apart; a refused birth takes an earlier back."""
    plain = msgspec.structs.replace(commit, queued=(), cancels=(), drops=())
    if any(isinstance(message, m.ChildRefused) for message in messages):
        return msgspec.structs.replace(plain, births=(), sends=())
    return plain


# -- the only transition function ------------------------------------------------------------------


@LAW
@given(scenarios(), st.integers(0, 9))
def test_what_advance_gives_hangs_on_its_arguments_alone(scenario: Scenario, cut: int) -> None:
    for burst in play(scenario):
        messages = burst.left + burst.taken
        commit = advance(scenario, burst.start, messages, burst.now)
        if messages:
            advance_is_a_fold(scenario, burst, commit, 1 + cut % len(messages))
        a_preview_with_the_same_answers_equals_the_commit(scenario, burst, commit)
        the_agenda_is_only_a_cache(scenario, burst, commit)


def advance(
    scenario: Scenario, snapshot: Snapshot, messages: Sequence[m.Message], now: datetime
) -> Commit:
    calls = LiveCalls(scenario.answers)
    return kernel.advance(scenario.program, snapshot, messages, now, calls)


def advance_is_a_fold(scenario: Scenario, burst: Burst, at_once: Commit, cut: int) -> None:
    one_by_one = Commit(burst.start)
    messages = burst.left + burst.taken
    for commit in burst.commits:
        one_by_one = merged(one_by_one, commit)
    assert told(one_by_one, messages) == told(at_once, messages)

    part = advance(scenario, burst.start, messages[:cut], burst.now)
    rest = messages[part.consumed :]
    if rest:
        both = merged(part, advance(scenario, part.snapshot, rest, burst.now))
        assert told(both, messages) == told(at_once, messages)


def a_preview_with_the_same_answers_equals_the_commit(
    scenario: Scenario, burst: Burst, commit: Commit
) -> None:
    program, messages = scenario.program, burst.left + burst.taken
    recorded = RecordedCalls(commit.answers)
    assert kernel.advance(program, burst.start, messages, burst.now, recorded) == commit
    # one object may serve several calls: a commit tells its own answers only
    live = LiveCalls(scenario.answers)
    for _ in range(2):
        assert kernel.advance(program, burst.start, messages, burst.now, live) == commit


def the_agenda_is_only_a_cache(scenario: Scenario, burst: Burst, commit: Commit) -> None:
    kept = codec.decode_snapshot(scenario.program, codec.encode_snapshot(burst.start))
    assert kept is not None
    assert advance(scenario, kept, burst.left + burst.taken, burst.now) == commit


# -- rows ------------------------------------------------------------------------------------------


@LAW
@given(scenarios())
def test_the_rows_tell_all_that_there_is_to_know(scenario: Scenario) -> None:
    program = scenario.program
    kept = history.begin(program, scenario.started)
    for burst in play(scenario):
        for commit in burst.commits:
            rows = [codec.encode_event(event) for event in commit.events]
            assert tuple(map(codec.decode_event, rows)) == commit.events
            # a snapshot that was kept in between makes no difference
            again = codec.decode_snapshot(program, codec.encode_snapshot(kept))
            kept = history.fold(program, map(codec.decode_event, rows), again)
            assert (kept.process, kept.state) == (commit.snapshot.process, commit.snapshot.state)
    events: list[e.Event] = []
    for events, snapshot in grown(scenario):
        rows = [codec.encode_event(event) for event in events]
        folded = history.fold(program, map(codec.decode_event, rows))
        assert (folded.process, folded.state) == (snapshot.process, snapshot.state)
    evolving_reaches_no_user_code(scenario, events)
    an_upcaster_brings_back_every_event_of_an_older_tag(events)


def evolving_reaches_no_user_code(scenario: Scenario, events: list[e.Event]) -> None:
    """While it is played, `Watched` sees to it; here without `Watched`, from stored facts."""
    scenario.answers.is_armed = True
    history.fold(scenario.program.program, events or [scenario.started])
    scenario.answers.is_armed = False


def an_upcaster_brings_back_every_event_of_an_older_tag(events: list[e.Event]) -> None:
    def younger(fields: dict[str, Any]) -> dict[str, Any]:
        return {**fields, "type": fields["type"].removesuffix(".0"), "at": fields["was"]}

    for event in events:
        fields = msgspec.json.decode(codec.encode_event(event))
        tag = f"{fields['type']}.0"
        old = {**fields, "type": tag, "was": fields["at"], "at": "another form"}
        codec.UPCASTERS[tag] = younger
        try:
            assert codec.decode_event(msgspec.json.encode(old)) == event
        finally:
            del codec.UPCASTERS[tag]


# -- histories -------------------------------------------------------------------------------------


@LAW
@given(scenarios())
def test_every_history_is_in_order(scenario: Scenario) -> None:
    events = [
        scenario.started,
        *(each for b in play(scenario) for c in b.commits for each in c.events),
    ]
    assert unlawful(events) == []
    timers = [event.timer for event in events if isinstance(event, e.TimerStarted)]
    assert len(set(timers)) == len(timers)


# -- agendas ---------------------------------------------------------------------------------------


@LAW
@given(scenarios())
def test_every_agenda_fits_its_process(scenario: Scenario) -> None:
    for burst in play(scenario):
        for commit in burst.commits:
            process, agenda = commit.snapshot.process, commit.snapshot.agenda
            assert agenda is not None
            if process.is_closed:
                a_closed_process_wants_nothing_but_a_person(process, agenda)
            elif process.poison is None:
                an_open_process_has_something_to_wait_for(process, agenda)
            else:
                assert agenda == NOTHING
            what_runs_at_most_once_is_recorded_before_it_starts(process, agenda, burst.now)
        no_command_that_would_open_it_is_left_lying(burst)


def no_command_that_would_open_it_is_left_lying(burst: Burst) -> None:
    consumed = sum(commit.consumed for commit in burst.commits)
    process, agenda = burst.commits[-1].snapshot.process, burst.commits[-1].snapshot.agenda
    for message in (burst.left + burst.taken)[consumed:]:
        if isinstance(message, m.Command):
            answer = commands.answer(process, agenda or NOTHING, message, burst.now)
            assert answer[0][0] is e.CommandRefused


def a_closed_process_wants_nothing_but_a_person(process: Process, agenda: Agenda) -> None:
    assert process.timers == {}
    assert agenda == Agenda(incidents=agenda.incidents)
    assert process.status == "failed" or not agenda.incidents


def an_open_process_has_something_to_wait_for(process: Process, agenda: Agenda) -> None:
    assert agenda != NOTHING
    assert {timer.timer for timer in agenda.timers} == set(process.timers)
    assert {wish.path for wish in agenda.children} <= process.children.keys()
    assert all(
        child.canceled or path in {wish.path for wish in agenda.children}
        for path, child in process.children.items()
    )
    wishes: tuple[Any, ...] = (*agenda.activities, *agenda.children, *agenda.signals)
    names = [each.path for each in wishes]
    assert len(names) == len(set(names))


def what_runs_at_most_once_is_recorded_before_it_starts(
    process: Process, agenda: Agenda, now: datetime
) -> None:
    for wish in agenda.activities:
        known = process.activity(wish.path, wish.occurrence)
        waits = known.due is not None and known.due > max(now, process.at)
        if wish.at_most_once and not wish.cancel and not waits:
            assert known.started or known.queued == known.attempt


# -- queues ----------------------------------------------------------------------------------------


@LAW
@given(scenarios())
def test_the_queues_hold_exactly_what_the_process_believes_to_be_there(scenario: Scenario) -> None:
    """However many messages one commit has taken."""
    for burst in play(scenario):
        tasks = queued_of(burst.start)
        for commit in burst.commits:
            tasks = after(commit, tasks)
            assert tasks == queued_of(commit.snapshot)
        at_once = advance(scenario, burst.start, burst.left + burst.taken, burst.now)
        assert after(at_once, queued_of(burst.start)) == queued_of(at_once.snapshot)


def queued_of(snapshot: Snapshot) -> dict[str, int]:
    """The attempts that stand in queues, by path, as far as the process knows."""
    process, agenda = snapshot.process, snapshot.agenda or NOTHING
    if process.is_closed:
        return {}
    wanted = {wish.path for wish in agenda.activities if wish.queue is not None}
    stands = queueing.standing(process) & wanted
    return {path: process.activities[path].attempt for path in stands}


def after(commit: Commit, tasks: dict[str, int]) -> dict[str, int]:
    """What a store makes of a commit; an outcome takes its own task out."""
    done = [
        each.path
        for each in commit.events
        if isinstance(each, e.ActivityClosed | e.ActivityRetried)
    ]
    left = {path: number for path, number in tasks.items() if path not in {*commit.drops, *done}}
    if commit.snapshot.process.is_closed:
        return {}
    return left | {task.path: task.attempt for task in commit.queued}


# -- the laws are not empty ------------------------------------------------------------------------

ROUNDS = 12
"""More are not needed to meet what is rare."""


def test_the_random_scenarios_reach_every_kind_of_event_and_end() -> None:
    reached: set[Any] = set()

    @settings(LAW, derandomize=False)  # the next round is to draw other ones
    @given(scenarios())
    def look(scenario: Scenario) -> None:
        for events, snapshot in grown(scenario):
            reached.update(type(event) for event in events)
            reached.update(
                (snapshot.process.standing, getattr(snapshot.process.poison, "type", ""))
            )

    # a message of its own brings a change about; transitions are a machine's (test_machine_laws),
    # markers and further runs a decider's (tests/unit/decider)
    foreign = {e.DefinitionChanged, e.Transitioned, e.MarkerRecorded, e.ContinuedAsNew}
    wanted = {*e.AnyEvent.__args__} - foreign
    wanted |= {*e.CLOSED_STATUSES, "suspended", "DecideLimit"}
    for _ in range(ROUNDS):
        look()
        if reached >= wanted:
            return
    assert wanted - reached == set()
