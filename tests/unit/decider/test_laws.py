"""What holds of every decider, whatever it decides and whatever happens to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from corago.core import commands
from corago.core import events as e
from corago.core import messages as m
from corago.decider import (
    Activity,
    Answer,
    CancelActivity,
    CancelProcess,
    CancelTimer,
    CompleteProcess,
    ContinueAsNew,
    FailProcess,
    Process,
    RecordMarker,
    Retry,
    ScheduleActivity,
    SignalProcess,
    StartChildProcess,
    StartTimer,
    Workflow,
)
from tests.properties.programs import LAW
from tests.unit.decider.drive import Drive


class Here(Activity):
    retry = Retry(attempts=2, delay=1, jitter=0)

    def execute(self) -> None: ...


class There(Activity):
    queue = "q"
    schedule_to_close = 60
    at_most_once = True

    def execute(self) -> None: ...


# -- random deciders -------------------------------------------------------------------------------

DECISIONS: tuple[Callable[[Process], Any], ...] = (
    lambda _: Here,
    lambda _: There,
    lambda process: ScheduleActivity(There, process.now, id="own"),
    lambda _: ScheduleActivity("Unknown@2", [1], queue="r", retry=2),
    lambda process: [CancelActivity(each) for each in process.unfinished_activities()[:2]],
    lambda _: CancelActivity(Here),
    lambda process: StartTimer(len(process.unseen_events()), {"a": 1}),
    lambda _: StartTimer(3, id="own"),
    lambda process: [CancelTimer(each) for each in process.untriggered_timers()[:1]],
    lambda _: StartChildProcess("w", {"a": []}),
    lambda _: StartChildProcess("w", id="own", policy="terminate", tags=["x"]),
    lambda process: [SignalProcess(each, "hello", 1) for each in process.children()],
    lambda process: RecordMarker("done", len(process.completed_activities())),
    lambda process: RecordMarker("tail", [each.position for each in process.history[-2:]]),
)
CLOSING: tuple[Callable[[Process], Any], ...] = (
    lambda process: CompleteProcess(process.input),
    lambda _: FailProcess(ValueError("no")),
    lambda _: CancelProcess(),
    lambda process: ContinueAsNew([process.run]) if process.run < 3 else None,
)


def raising(_: Process) -> Answer:
    raise ValueError("no")


NONSENSE: tuple[Callable[[Process], Any], ...] = (
    raising,
    lambda _: 5,
    lambda _: [CompleteProcess(), Here],
    lambda _: ScheduleActivity("x", raising),
)


@dataclass(frozen=True)
class Move:
    """Something that may happen; `pick` chooses among what there is."""

    kind: str
    pick: int
    flavour: int


def workflow(script: Sequence[Sequence[Callable[[Process], Any]]], *, handles: bool) -> Any:
    """A decider that answers by how many events it knows; it notes what it was shown."""

    def decide(self: Workflow, process: Process) -> Iterator[Answer]:
        news = process.unseen_events()
        yield RecordMarker("seen", [each.position for each in news])
        for make in script[news[-1].position % len(script)]:
            yield make(process)

    attributes = {"decide": decide, "activities": [Here, There], "handles_cancel": handles}
    return type("Random", (Workflow,), attributes)


moves = st.builds(
    Move,
    st.sampled_from(
        [
            *("outcome", "outcome", "outcome", "stale", "signal", "timer", "child", "unborn"),
            *("update", "command", "cancel", "lost", "again"),
        ]
    ),
    st.integers(0, 5),
    st.integers(0, 4),
)
answers = st.lists(
    st.one_of(
        st.sampled_from(DECISIONS),
        st.sampled_from(DECISIONS),
        st.sampled_from(DECISIONS),
        st.sampled_from((*CLOSING, *NONSENSE)),
    ),
    max_size=3,
)
scripts = st.lists(answers, min_size=1, max_size=5)
bursts = st.lists(st.tuples(st.integers(0, 3), st.lists(moves, max_size=3)), max_size=6)

RESULTS: tuple[e.ActivityResult, ...] = (
    e.ActivityCompleted({"a": [1]}),
    e.ActivityCompleted(),
    e.ActivityFailed(e.Failure("ValueError", "bad")),
    e.ActivityAborted("enough"),
    e.ActivityCanceled([1]),
)
ENDS = ("completed", "failed", "canceled", "aborted", "timed_out")


def resolve(move: Move, drive: Drive, past: Sequence[m.Message]) -> m.Message | None:
    """The message that a move comes to; None where there is nothing for it."""
    process, agenda, pick = drive.process, drive.agenda, move.pick
    match move.kind:
        case "outcome" | "stale" if agenda.activities:
            wish = agenda.activities[pick % len(agenda.activities)]
            attempt = process.activity(wish.path, wish.occurrence).attempt
            off = 0 if move.kind == "outcome" else 1 + move.flavour
            return m.Outcome(wish.path, wish.occurrence, attempt + off, RESULTS[move.flavour])
        case "signal":
            return m.Signal("s", {"n": pick})
        case "timer" if process.timers:
            name = [*process.timers][pick % len(process.timers)]
            return m.TimerDue(name, process.timers[name])
        case "child" | "unborn" if process.children:
            path, child = [*process.children.items()][pick % len(process.children)]
            if move.kind == "unborn":
                return m.ChildRefused(path, e.Failure("ProcessAlreadyExistsError", "taken"))
            return m.ChildEnded(path, child.id, ENDS[move.flavour], {"a": pick})
        case "update":
            return m.Update({"a": pick})
        case "command":
            verb = ("retry", "retry", "retry", "skip", "set_result")[move.flavour]
            targets = commands.target(process, agenda, verb, None, drive.now)
            return m.Command(verb, targets if isinstance(targets, dict) else {"x": 1}, {"r": 1})
        case "cancel":
            return m.Command("cancel")
        case "lost":
            return m.Lost("worker")
        case "again" if past:
            return past[-1 - pick % len(past)]
        case _:
            return None


def play(script: Any, handles: bool, happens: Any) -> Drive:  # noqa: FBT001 - drawn
    """Let it happen. What could not be answered is asked about again later, or given up."""
    drive = Drive(workflow(script, handles=handles), {"n": [1]}, tags=("t",))
    past: list[m.Message] = []
    left: list[m.Message] = []
    for number, (seconds, several) in enumerate(happens):
        drive.now += timedelta(seconds=seconds)
        found = [message for move in several if (message := resolve(move, drive, past))]
        past += found
        offered = [*left, *found]
        commit = drive.advance(*offered)
        left = offered[commit.consumed :] if commit.failure is None else offered
        if commit.failure is not None and number % 2:
            left = offered[commit.consumed :]
            drive.give_up()
        look(drive)
    return drive


def look(drive: Drive) -> None:
    """What holds after every commit."""
    process, state = drive.process, drive.state
    assert [each.position for each in drive.events] == list(range(1, len(drive.events) + 1))
    if process.is_closed:
        return
    assert process.timers == {each.id: each.due for each in state.timers.values()}
    assert {path: each.id for path, each in process.children.items()} == {
        each.id: each.child for each in state.children.values()
    }
    if process.poison is None or process.poison.type != "PoisonProcess":
        wanted = [each.path for each in drive.agenda.activities]
        wanted += [each.path for each in drive.agenda.incidents]
        assert sorted(wanted) == sorted(state.activities)
    for each in state.activities.values():
        assert each.id in {event.path for event in drive.of(e.ActivityScheduled)}


def runs(drive: Drive) -> list[list[e.Event]]:
    return [*drive.past_runs, drive.events]


@settings(LAW, max_examples=LAW.max_examples // 2)
@given(scripts, st.booleans(), bursts)
@example([[lambda _: Here], [raising]], False, [(0, [Move("outcome", 0, 0)])] * 3)
def test_deciders_keep_their_laws(script: Any, handles: bool, happens: Any) -> None:  # noqa: FBT001 - drawn
    """Law: fold(decode(rows)) is the live state after every commit, which equal answers give again.

    And of each run: what came is answered once; it ends once; nothing has the key of another.
    """
    drive = play(script, handles, happens)
    for events in (*drive.past_runs, drive.events):
        all_that_came_is_answered_once(drive, events)
        behind_an_end_stands_nothing(events)
        no_two_attempts_have_one_key(events)


def all_that_came_is_answered_once(drive: Drive, events: Sequence[e.Event]) -> None:
    """In order; but for what an end came before, and what still waits for an answer."""
    hears = drive.workflow.program.hears
    shown = [
        position
        for event in events
        if isinstance(event, e.MarkerRecorded) and event.name == "seen"
        for position in event.details
    ]
    last = max(shown, default=0)
    came = [1, *(each.position for each in events if type(each) in hears)]
    assert shown == [position for position in came if position <= last]
    is_cut = any(type(each) in e.CLOSING for each in events)
    is_cut = is_cut or bool(drive.process.undecided or drive.last.failure)
    assert is_cut or last == came[-1]


def behind_an_end_stands_nothing(events: Sequence[e.Event]) -> None:
    """But for a refusal, and for a ProcessReopened behind a failure."""
    for before, after in pairwise(events):
        if isinstance(before, (*e.CLOSING, e.ContinuedAsNew)):
            assert isinstance(after, (e.ProcessReopened, e.CommandRefused))


def no_two_attempts_have_one_key(events: Sequence[e.Event]) -> None:
    """But for those that go on once a failed process is opened, and may run more than once."""
    scheduled = [each for each in events if isinstance(each, e.ActivityScheduled)]
    once = {each.path for each in scheduled if each.at_most_once}
    keys: set[tuple[str, int, int]] = set()
    for event in events:
        if isinstance(event, e.ProcessReopened):
            keys = {key for key in keys if key[0] in once}
        if isinstance(event, e.ActivityScheduled):
            key = (event.path, event.occurrence, event.attempt)
            assert key not in keys
            keys.add(key)
    born = [each.child for each in events if isinstance(each, e.ChildStarted)]
    assert len(born) == len(set(born))
