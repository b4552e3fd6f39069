"""What a decider costs: nothing for its past, and little for what is open."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from corago.core import events as e
from corago.core import messages as m
from corago.decider import Activity, Answer, CompleteProcess, Process, ScheduleActivity, Workflow
from tests.unit.decider.drive import Drive

MANY = 300


class Foo(Activity):
    def execute(self) -> None: ...


class Fan(Workflow):
    """Schedules many, and ends with the last one."""

    activities = [Foo]

    def decide(self, process: Process) -> Answer:
        if not process.unfinished_activities():
            is_first = isinstance(process.unseen_events()[0], e.ProcessStarted)
            return self.fan() if is_first else CompleteProcess()
        return None

    def fan(self) -> Iterator[Any]:
        return (ScheduleActivity(Foo, number, id=str(number)) for number in range(MANY))


@pytest.fixture(scope="module")
def opened() -> Drive:
    return Drive(Fan, asks=False)


def test_an_event_makes_no_wish_anew(opened: Drive) -> None:
    before = {wish.path: wish for wish in opened.agenda.activities}
    opened.signal("x").done("7")
    after = {wish.path: wish for wish in opened.agenda.activities}
    assert after.keys() == before.keys() - {"7"}
    assert all(after[path] is before[path] for path in after)


def test_what_changes_nothing_that_is_open_leaves_the_state_as_it_is(opened: Drive) -> None:
    before = opened.state
    opened.signal("x").update(a=1)
    assert opened.state is before


def test_a_timer_that_fires_does_not_touch_the_activities() -> None:
    drive = Drive(Fan, asks=False)
    work = drive.state.work
    started = e.TimerStarted(position=9, at=drive.now, timer="t", due=drive.now)
    assert drive.workflow.program.evolve(drive.state, started).work is work


def test_a_fan_is_joined_without_the_past_being_read() -> None:
    drive = Drive(Fan, asks=False)
    ends = [drive.outcome(str(number), e.ActivityCompleted()) for number in range(MANY)]
    for start in range(0, MANY, 100):
        drive.advance(*ends[start : start + 100])
    assert (drive.status, drive.reads) == ("completed", 0)


def test_a_state_holds_nothing_of_what_was_heard_long_ago() -> None:
    class Again(Workflow):
        activities = [Foo]

        def decide(self, process: Process) -> Answer:
            return ScheduleActivity(Foo, [process.now])

    drive = Drive(Again, asks=False)
    sizes = []
    for _ in range(20):
        drive.done(drive.open[0], ["x" * 100])
        sizes.append(len(repr(drive.state)))
    assert max(sizes[2:]) - min(sizes[2:]) < 20
    assert drive.state.ended is None


def test_what_has_ended_is_remembered_for_one_instant_only() -> None:
    class Idle(Workflow):
        def decide(self, process: Process) -> Answer:
            is_first = isinstance(process.unseen_events()[0], e.ProcessStarted)
            return [Foo] * 3 if is_first else None

    drive = Drive(Idle, asks=False)
    for number, path in enumerate(["Foo", "Foo#2", "Foo#3"]):
        drive.now = drive.now.replace(second=number)
        drive.done(path)
        ended = drive.state.ended
        assert ended is not None
        assert list(ended.activities) == [path]
    drive.advance(m.Signal("x"))
    assert drive.status == "running"


def test_a_process_forgets_what_has_failed() -> None:
    class Trying(Workflow):
        activities = [Foo]

        def decide(self, process: Process) -> Answer:
            return Foo

    drive = Drive(Trying, asks=False)
    for number in range(1, 20):
        drive.fails(f"Foo#{number}" if number > 1 else "Foo")
    assert drive.open == ["Foo#20"]
    assert drive.process.activities == {}
