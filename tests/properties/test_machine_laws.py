"""The laws of machines, on random documents and random things that happen to them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from corago.core import codec, commands, history, kernel
from corago.core import events as e
from corago.core import messages as m
from corago.core.arriving import arrivals
from corago.core.calls import LiveCalls, RecordedCalls
from corago.core.commit import Commit
from corago.core.preview import Question, foresee
from corago.core.program import NOTHING, Agenda, Snapshot
from corago.machine.program import MachineProgram
from tests.properties.lawful import unlawful
from tests.properties.programs import BIRTH, LAW
from tests.properties.test_core_laws import merged, told
from tests.unit.machine.machines import EVENTS, FUNCTIONS, documents

MACHINES = settings(LAW, max_examples=LAW.max_examples * 2 // 5)
"""A document costs far more to draw than a step list."""

SECONDS = (0.0, 1.0, 60.0, 100.0, 172_800.0, 3_000_000.0)
UPDATES: tuple[dict[str, Any], ...] = (
    {"flag": True},
    {"flag": False, "amount": 12},
    {"kind": "b", "address": "here"},
    {"amount": 0},
)
DATA: tuple[Any, ...] = (None, {"ok": True}, {"amount": 7}, {"amount": 2, "ok": False})
RESULTS: tuple[e.ActivityResult, ...] = (
    e.ActivityCompleted({"id": "x", "paid": True}),
    e.ActivityCompleted({"id": "y", "paid": False}),
    e.ActivityCompleted(),
    e.ActivityFailed(e.Failure("Declined", "no")),
    e.ActivityFailed(e.Failure("ValueError", "bad")),
    e.ActivityAborted("no more"),
    e.ActivityTimedOut(seconds=5),
    e.ActivityCanceled(),
)


@dataclass(frozen=True)
class Scenario:
    """A machine, and moves as numbers: what each comes to hangs on where the process stands."""

    document: dict[str, Any]
    moves: tuple[tuple[int, int], ...]
    program: MachineProgram
    calls: Mapping[str, Callable[[Mapping[str, Any]], Any]]


@dataclass(frozen=True)
class Step:
    """One move: where it began, what was sent at which instant, and what came of it."""

    start: Snapshot
    messages: tuple[m.Message, ...]
    now: datetime
    commit: Commit
    question: dict[str, Any] | None


def _called(function: Callable[..., Any]) -> Callable[[Mapping[str, Any]], Any]:
    code = function.__code__
    names = code.co_varnames[: code.co_argcount]
    return lambda values: function(**{name: values[name] for name in names})


CALLS = {f"{name}{mark}": _called(each) for name, each in FUNCTIONS.items() for mark in "?="}


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    document = risky(draw(documents()), draw(st.integers(0, 99)))
    drawn = draw(st.binary(min_size=8, max_size=60))
    moves = tuple(zip(drawn[::2], drawn[1::2], strict=False))
    return Scenario(document, moves, MachineProgram(document), CALLS)


def risky(document: dict[str, Any], number: int) -> dict[str, Any]:
    """The document, most times with a guard and an update that fail while an amount is 0."""
    found: dict[str, Any] = json.loads(json.dumps(document))
    places = [*found["states"].values(), *found.get("groups", {}).values()]
    edges = [
        edge for place in places for key in ("on", "when", "after") for edge in place.get(key, ())
    ]
    guarded = [edge for edge in edges if "if" in edge]
    if guarded and number % 3:
        guarded[number % len(guarded)]["if"] = "1 // external.amount > 0"
    if edges and number % 4:
        edges[number % len(edges)]["set"] = {"internal.count": "1 // external.amount"}
    return found


# -- playing ---------------------------------------------------------------------------------------


def started(program: MachineProgram) -> e.ProcessStarted:
    return e.ProcessStarted(
        position=1,
        at=BIRTH,
        process_id="p",
        workflow="order",
        sha="",
        input={},
        external=program.opening({}),
    )


def advance(
    scenario: Scenario, snapshot: Snapshot, messages: Sequence[m.Message], now: datetime
) -> Commit:
    return kernel.advance(scenario.program, snapshot, messages, now, LiveCalls(scenario.calls))


def play(scenario: Scenario) -> Iterator[Step]:
    now, snapshot = BIRTH, history.begin(scenario.program, started(scenario.program))
    commit = advance(scenario, snapshot, (), now)
    yield Step(snapshot, (), now, commit, {})
    past: list[m.Message] = []
    for kind_, number in scenario.moves:
        snapshot, kind = commit.snapshot, kind_ % 20
        if kind < 3:
            now += timedelta(seconds=SECONDS[number % len(SECONDS)])
        question, messages = _move((kind, number), snapshot, now, past)
        due = arrivals(snapshot.process, (), now) if question is not None else []
        messages = (*due, *messages)
        past += messages
        commit = advance(scenario, snapshot, messages, now)
        yield Step(snapshot, messages, now, commit, question)


Asked = tuple[dict[str, Any] | None, tuple[m.Message, ...]]


def _move(
    drawn: tuple[int, int], snapshot: Snapshot, now: datetime, past: list[m.Message]
) -> Asked:
    process, agenda = snapshot.process, snapshot.agenda or NOTHING
    kind, number = drawn
    match kind:
        case 0 | 1 | 2:
            return {}, ()
        case 3 | 4 | 5 | 6 | 7 | 8:
            names = [each.name for each in agenda.signals] if kind < 7 else list(EVENTS)
            name = (names or EVENTS)[number % len(names or EVENTS)]
            data = DATA[number // 7 % len(DATA)]
            return {"signal": (name, data)}, (m.Signal(name, data),)
        case 9 | 10:
            changes = UPDATES[number % len(UPDATES)]
            return {"update": changes}, (m.Update(changes),)
        case 11 | 12 | 13 | 14 if agenda.activities:
            awaited = [each for each in agenda.activities if "#" not in each.path and kind < 14]
            wish = (awaited or agenda.activities)[number % len(awaited or agenda.activities)]
            attempt = process.activity(wish.path, wish.occurrence).attempt
            result = RESULTS[number // 7 % len(RESULTS)]
            return None, (m.Outcome(wish.path, wish.occurrence, attempt, result),)
        case 15 | 16 if process.children:
            path, child = [*process.children.items()][number % len(process.children)]
            status = ("completed", "completed", "failed", "canceled", "aborted")[number % 5]
            if number % 11 == 0:
                return None, (m.ChildRefused(path, e.Failure("Taken", "taken")),)
            return None, (m.ChildEnded(path, child.id, status, number),)
        case 17 | 11 | 12 | 13:
            verb = ("retry", "retry", "skip", "skip", "set_result", "cancel")[number % 6]
            found = commands.target(process, agenda, verb, _stands(agenda, number), now)
            targets = {} if isinstance(found, str) else found
            value = {"id": "s"} if verb == "set_result" else None
            return None, (m.Command(verb, targets, value),)
        case 18 if number % 3 == 0:
            return None, (m.Lost("worker"),)
        case 18 | 19 if past:
            again = past[number % len(past) :][:3]
            return None, tuple(reversed(again))
    return {"signal": "go"}, (m.Signal("go"),)


def _stands(agenda: Agenda, number: int) -> str | None:
    stands = [each.path for each in agenda.incidents]
    return stands[number % len(stands)] if stands else None


def grown(scenario: Scenario, steps: Sequence[Step]) -> Iterator[tuple[list[e.Event], Step]]:
    events: list[e.Event] = [started(scenario.program)]
    for step in steps:
        events = [*events, *step.commit.events]
        yield events, step


# -- the laws --------------------------------------------------------------------------------------


@MACHINES
@given(scenarios())
def test_previews_commits_and_rows_of_a_machine_tell_the_same(scenario: Scenario) -> None:
    steps = tuple(play(scenario))
    committing_gives_exactly_what_a_preview_said(scenario, steps)
    what_it_does_hangs_on_what_is_recorded_alone(scenario, steps)
    the_rows_give_the_state_that_it_has(scenario, steps)


@MACHINES
@given(scenarios())
def test_the_history_of_a_machine_is_in_order(scenario: Scenario) -> None:
    steps = tuple(play(scenario))
    the_transitions_are_one_path_that_ends_at_a_terminal_state(scenario, steps)
    the_laws_of_all_processes_hold_and_a_timer_fires_once(scenario, steps)
    a_person_is_asked_exactly_while_one_is_needed(steps)
    the_wishes_fit_the_process(steps)


def committing_gives_exactly_what_a_preview_said(scenario: Scenario, steps: Sequence[Step]) -> None:
    for step in steps:
        if step.question is None:
            continue
        asked, calls = Question(**step.question), LiveCalls(scenario.calls)
        told_ = foresee(scenario.program, step.start, (), asked, step.now, calls)
        after = step.commit.snapshot
        moves = [each for each in step.commit.events if isinstance(each, e.Transitioned)]
        passed = [each.target for each in moves if not each.stays]
        at = [step.start.state.at] if step.start.state.at else []
        assert told_.decisions == step.commit.events
        assert list(told_.path) == [*at, *passed]
        assert (told_.state, told_.internal) == (after.state.at, after.state.internal)
        assert (told_.external, dict(told_.timers)) == (after.state.external, after.process.timers)
        assert told_.answers == step.commit.answers


def what_it_does_hangs_on_what_is_recorded_alone(scenario: Scenario, steps: Sequence[Step]) -> None:
    again = MachineProgram(scenario.document)
    for step in steps:
        recorded = RecordedCalls(step.commit.answers)
        kept = codec.decode_snapshot(again, codec.encode_snapshot(step.start))
        assert kept is not None
        assert kernel.advance(again, kept, step.messages, step.now, recorded) == step.commit
        if step.messages:
            first, then = step.messages[:1], step.messages[1:]
            split = advance(scenario, step.start, first, step.now)
            rest = (*first[split.consumed :], *then)
            if rest:
                later = advance(scenario, split.snapshot, rest, step.now)
                split = merged(split, later)
            assert told(split, step.messages) == told(step.commit, step.messages)


def the_rows_give_the_state_that_it_has(scenario: Scenario, steps: Sequence[Step]) -> None:
    for events, step in grown(scenario, steps):
        rows = [codec.encode_event(event) for event in events]
        folded = history.fold(scenario.program, map(codec.decode_event, rows))
        after = step.commit.snapshot
        assert (folded.process, folded.state) == (after.process, after.state)
        assert after.process.external == after.state.external
    assert [each.position for each in events] == list(range(1, len(events) + 1))


def the_transitions_are_one_path_that_ends_at_a_terminal_state(
    scenario: Scenario, steps: Sequence[Step]
) -> None:
    model, at, visits = scenario.program.model, "", dict[str, int]()
    for step in steps:
        taken = 0
        for event in step.commit.events:
            if isinstance(event, e.Transitioned):
                assert event.source == at
                assert not (at and model.states[at].is_terminal)
                assert not event.stays or event.target == at
                at = event.target
                if not event.stays:
                    visits[at] = visits.get(at, 0) + 1
                taken += 1
        assert taken <= (model.limit + 2) * max(1, len(step.messages), len(step.start.state.causes))
        state = step.commit.snapshot.state
        assert (state.at, state.visits) == (at, visits)


def the_laws_of_all_processes_hold_and_a_timer_fires_once(
    scenario: Scenario, steps: Sequence[Step]
) -> None:
    events = [started(scenario.program), *(each for step in steps for each in step.commit.events)]
    assert unlawful(events) == []
    fired = [each.timer for each in events if isinstance(each, e.TimerFired)]
    fired = [timer for timer in fired if timer != "idle@1"]
    assert len(set(fired)) == len(fired)


def a_person_is_asked_exactly_while_one_is_needed(steps: Sequence[Step]) -> None:
    for step in steps:
        process, agenda = step.commit.snapshot.process, step.commit.snapshot.agenda or NOTHING
        if process.is_closed or process.poison is not None:
            continue
        stands = {each.path for each in agenda.incidents}
        assert stands == set(process.suspended) or process.cancel_requested
        positions = [each.position for each in agenda.incidents]
        assert all(1 <= each <= process.position for each in positions)


def the_wishes_fit_the_process(steps: Sequence[Step]) -> None:
    for step in steps:
        process, agenda = step.commit.snapshot.process, step.commit.snapshot.agenda or NOTHING
        if process.is_closed or process.poison is not None:
            continue
        wishes: tuple[Any, ...] = (*agenda.activities, *agenda.children)
        names = [each.path for each in wishes]
        assert len(names) == len(set(names))
        assert {each.timer for each in agenda.timers} == set(process.timers)
        waits = bool(agenda.incidents) or process.cancel_requested
        assert waits or not step.commit.snapshot.state.causes


def test_the_random_machines_reach_all_that_can_happen_to_one() -> None:
    reached: set[Any] = set()

    @settings(LAW, max_examples=2 * LAW.max_examples)
    @given(scenarios())
    def look(scenario: Scenario) -> None:
        for step in play(scenario):
            reached.update(type(event).__name__ for event in step.commit.events)
            for event in step.commit.events:
                if isinstance(event, e.Transitioned):
                    reached.update(event.edge.split("/")[2:3])
                    reached.update(each.kind for each in event.effects)
                    reached.update(["stays"] if event.stays else [])
                    reached.update([event.error.kind] if event.error else [])
            reached.add(step.commit.snapshot.process.standing)

    look()
    reached.discard("")
    assert reached >= {
        *("Transitioned", "CommandRefused", "PredicateAnswered", "TimerFired", "TimerCanceled"),
        *("ActivityClosed", "ActivityRetried", "ActivityStarted", "ChildStarted", "ChildClosed"),
        *("StepSkipped", "ProcessSuspended", "ProcessResumed", "CancelRequested", "LeaseLost"),
        *("on", "when", "after", "done", "stays", "effect", "run", "child", "limit", "ambiguous"),
        *("completed", "canceled", "suspended", "running"),
    }


@pytest.mark.parametrize("verb", ["lost", "late"])
def test_the_laws_see_a_machine_that_breaks_them(verb: str) -> None:
    """A program that forgets one fact of its own gives another state than its rows do."""
    kind = {"lost": e.ExternalUpdated, "late": e.TimerFired}[verb]

    class Forgetful(MachineProgram):
        forgets = True

        def evolve(self, state: Any, event: e.Event) -> Any:
            if self.forgets and isinstance(event, kind):
                return state
            return super().evolve(state, event)

    @settings(LAW, max_examples=40, phases=[Phase.generate])
    @given(scenarios())
    def look(scenario: Scenario) -> None:
        broken = Scenario(scenario.document, scenario.moves, Forgetful(scenario.document), CALLS)
        for events, step in grown(broken, tuple(play(broken))):
            folded = history.fold(scenario.program, events)
            assert folded.state == step.commit.snapshot.state

    with pytest.raises(AssertionError):
        look()
