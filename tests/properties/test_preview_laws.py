"""The law of preview, on random programs: committing the same thing gives exactly what it said."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import product
from typing import Any

from hypothesis import given, settings

from corago.core import commands, kernel
from corago.core import events as e
from corago.core import messages as m
from corago.core.arriving import arrivals
from corago.core.calls import LiveCalls
from corago.core.commit import Commit
from corago.core.preview import Preview, Question, foresee
from corago.core.process import Process
from corago.core.program import NOTHING, Agenda, Snapshot
from tests.properties.programs import LAW, SIGNALS, Scenario, scenarios
from tests.properties.test_core_laws import play

RESULT = {"c": 1}


def asked(snapshot: Snapshot, now: datetime) -> Iterator[tuple[dict[str, Any], list[m.Message]]]:
    """Questions about a process as it stands, each with what committing it would send."""
    process, agenda = snapshot.process, snapshot.agenda or NOTHING
    yield {"signal": (SIGNALS[0], 7)}, [m.Signal(SIGNALS[0], 7)]
    yield {"update": {"x": 1}}, [m.Update({"x": 1})]
    stands = [*commands.incidents(process, agenda), *commands.backing_off(process, agenda, now)]
    for step in (None, *filter(None, stands)):
        for verb, given_, value in (
            ("retry", step or True, None),
            ("skip", step or True, None),
            ("set_result", RESULT if step is None else (step, RESULT), RESULT),
            ("cancel", True, None),
        ):
            targets = commands.target(process, agenda, verb, step, now)
            if verb == "cancel":
                targets = commands.target(process, agenda, verb, None, now)
            if not isinstance(targets, str):
                yield {verb: given_}, [m.Command(verb, targets, value)]


def committed(
    scenario: Scenario, snapshot: Snapshot, messages: list[m.Message], now: datetime
) -> Commit:
    calls = LiveCalls(scenario.answers)
    return kernel.advance(scenario.program, snapshot, messages, now, calls)


def foreseen(
    scenario: Scenario, snapshot: Snapshot, question: dict[str, Any], now: datetime
) -> Preview:
    calls = LiveCalls(scenario.answers)
    return foresee(scenario.program, snapshot, (), Question(**question), now, calls)


def agrees(scenario: Scenario, preview: Preview, commit: Commit) -> None:
    process = commit.snapshot.process
    assert preview.decisions == commit.events
    assert preview.state == scenario.program.view(commit.snapshot.state)
    assert (preview.external, preview.timers) == (process.external, process.timers)
    assert preview.answers == commit.answers
    if process.standing in ("created", "running"):  # what a worker makes of it
        runs = {wish.path for wish in (commit.snapshot.agenda or NOTHING).activities}
        assert preview.status in {"running", "waiting"}
        assert preview.status == "running" or not runs & set(preview.effects)
    else:
        assert preview.status == process.standing


@LAW
@given(scenarios())
def test_committing_gives_exactly_what_preview_said(scenario: Scenario) -> None:
    for burst in play(scenario):
        start, now = burst.commits[-1].snapshot, burst.now
        due = arrivals(start.process, (), now)
        settled = committed(scenario, start, due, now).snapshot
        agrees(scenario, foreseen(scenario, start, {}, now), committed(scenario, start, due, now))
        for question, messages in asked(settled, now):
            preview = foreseen(scenario, start, question, now)
            agrees(scenario, preview, committed(scenario, start, [*due, *messages], now))


@LAW
@given(scenarios())
def test_an_abort_ends_what_is_open_or_failed_at_once_and_nothing_else(scenario: Scenario) -> None:
    for burst in play(scenario):
        start = burst.commits[-1].snapshot
        preview = foreseen(scenario, start, {"abort": True}, burst.now)
        if start.process.is_closed and start.process.status != "failed":
            assert preview.decisions == ()
            assert preview.refused[0].why == f"it is {start.process.status} already"
        else:
            (event,) = preview.decisions
            assert isinstance(event, e.ProcessAborted)
            assert (event.position, preview.status) == (start.process.position + 1, "aborted")
            assert (preview.effects, preview.timers) == ((), {})


@LAW
@given(scenarios())
def test_a_command_names_the_occurrence_and_is_stale_after_the_next_one(scenario: Scenario) -> None:
    """A target's position is that of a recorded event; no two occurrences at a path share one."""
    standing: set[tuple[str, int]] = set()
    gone: set[tuple[str, int]] = set()
    for burst in play(scenario):
        for commit in burst.commits:
            process, agenda = commit.snapshot.process, commit.snapshot.agenda or NOTHING
            targets_are_of_recorded_events(process, agenda, burst.now)
            if process.poison is not None:
                continue  # what has failed in it is out of sight for a while
            before = standing
            standing = {(each.path, each.position) for each in agenda.incidents}
            gone |= before - standing
            assert not standing & gone


def targets_are_of_recorded_events(process: Process, agenda: Agenda, now: datetime) -> None:
    stands = [*commands.incidents(process, agenda), *commands.backing_off(process, agenda, now)]
    for verb, step in product(("retry", "skip"), stands):
        targets = commands.target(process, agenda, verb, step, now)
        assert not isinstance(targets, str) or process.is_closed
        positions = () if isinstance(targets, str) else targets.values()
        assert all(1 <= position <= process.position for position in positions)


def test_the_laws_ask_every_question_and_meet_every_answer() -> None:
    reached: set[str] = set()

    @settings(LAW)
    @given(scenarios())
    def look(scenario: Scenario) -> None:
        for burst in play(scenario):
            for question, messages in asked(burst.commits[-1].snapshot, burst.now):
                form = next(iter(question.values()))
                reached.update((*question, f"{next(iter(question))} {type(form).__name__}"))
                after = committed(scenario, burst.commits[-1].snapshot, messages, burst.now)
                reached.update(type(event).__name__ for event in after.events)

    look()
    assert reached >= {"retry bool", "retry str", "skip str", "set_result tuple", "cancel"}
    assert reached >= {"ProcessReopened", "ProcessResumed", "StepSkipped", "CancelRequested"}
