"""The whole log through the real command, killed twice with SIGKILL: nothing lost, nothing twice.

`corago run --each` works through every application of the log, on a SQLite file. It is killed when
a third and when two thirds of all steps have ended, and given again until it is through. What is
proven here is read from the database and from the notes of the steps, not asked from the engine.
"""

from __future__ import annotations

import itertools
import signal
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from tests.acceptance.interrupted import ROOT, Life, Step, Story
from tests.acceptance.receipt import Expected, expectations, log_in, make_log

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

CONCURRENCY = 64
"""How many processes a worker drives at a time."""

BRANCHES = 2
"""How many steps of one application run at a time."""

TRIES = 3
"""How often the command may be given again until it is through; once should do."""

_duration = TypeAdapter(timedelta)


@dataclass(frozen=True)
class Run:
    """What the tests look at: the story, and what it should have come to."""

    story: Story
    expected: dict[str, Expected]

    @property
    def kills(self) -> list[Life]:
        return self.story.lives[:2]

    @property
    def steps(self) -> set[Step]:
        return {(process, path) for process, it in self.expected.items() for path in it.steps}


def arguments(log: Path) -> list[str]:
    what = f"{ROOT / 'examples/permits.py'}:permit"
    return ["run", what, "--each", str(log), "--group-by", "case:concept:name"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("permits")
    log = log_in(folder)
    run = Run(Story(folder, arguments(log)), expectations(log))
    total = len(run.steps)
    for third in (1, 2):
        run.story.run(kill_after=total * third // 3)
    while run.story.run().exit_status and len(run.story.lives) < 2 + TRIES:
        pass
    return run


def test_the_command_is_killed_twice_and_then_ends_well(run: Run) -> None:
    statuses = [life.exit_status for life in run.story.lives]
    assert statuses == [-signal.SIGKILL, -signal.SIGKILL, 0]
    assert {note.pid for note in run.story.journal.notes} == {life.pid for life in run.story.lives}


def test_every_kill_leaves_work_undone(run: Run) -> None:
    progress = [len(life.ledger.recorded()) for life in run.story.lives]
    assert 0 < progress[0] < progress[1] < progress[2] == len(run.steps)


def test_every_application_is_a_completed_process(run: Run) -> None:
    rows = run.story.ledger.rows("select process_id, status, owner from workflow_instances")
    assert {process for process, _, _ in rows} == set(run.expected)
    assert len(rows) == len(run.expected)
    assert {(status, owner) for _, status, owner in rows} == {("completed", None)}
    assert run.story.ledger.rows("select count(*) from inbox") == [(0,)]


def test_every_process_is_started_once_and_completed_once(run: Run) -> None:
    for kind in ("ProcessStarted", "ProcessCompleted"):
        assert sorted(p for p, _ in run.story.ledger.events(kind)) == sorted(run.expected)


def test_every_step_is_recorded_once(run: Run) -> None:
    recorded = Counter(run.story.ledger.recorded())
    assert set(recorded) == run.steps
    assert set(recorded.values()) == {1}
    ends = run.story.ledger.rows(
        "select count(*) from events where data ->> 'type' = 'ActivityClosed'"
    )
    assert ends == [(len(run.steps),)]


def test_every_predicate_is_answered_once(run: Run) -> None:
    answered = Counter(
        (process, data["path"], data["answer"])
        for process, data in run.story.ledger.events("PredicateAnswered")
    )
    assert set(answered) == {
        (process, path, it.verdict == "late")
        for process, it in run.expected.items()
        for path in ("Estimate penalty", "Escalate")
    }
    assert set(answered.values()) == {1}


def test_positions_begin_at_1_and_have_no_gaps(run: Run) -> None:
    rows = run.story.ledger.rows("select instance_id, run, position from events order by 1, 2, 3")
    histories = itertools.groupby(rows, key=lambda row: row[:2])
    lengths = {}
    for (instance, _), history in histories:
        positions = [position for *_, position in history]
        assert positions == list(range(1, len(positions) + 1))
        lengths[instance] = len(positions)
    assert lengths == dict(run.story.ledger.rows("select id, position from workflow_instances"))


def test_nothing_that_was_recorded_is_ever_lost_or_changed(run: Run) -> None:
    query = "select instance_id, run, position, data from events order by 1, 2, 3"
    at_the_end = set(run.story.ledger.rows(query))
    for life in run.kills:
        assert at_the_end.issuperset(life.ledger.rows(query))


def test_no_step_that_was_recorded_runs_again(run: Run) -> None:
    for number, life in enumerate(run.kills, 1):
        recorded = set(life.ledger.recorded())
        for later in run.story.lives[number:]:
            assert recorded.isdisjoint(run.story.journal.begun(later.pid))


def test_only_the_steps_in_flight_are_cut_off_by_a_kill(run: Run) -> None:
    for number, life in enumerate(run.kills, 1):
        in_flight = set(run.story.journal.begun(life.pid)) - set(life.ledger.recorded())
        applications = {process for process, _ in in_flight}
        assert applications <= life.ledger.held()
        assert len(applications) <= CONCURRENCY
        assert len(in_flight) <= CONCURRENCY * BRANCHES
        print(f"kill {number} cut off {len(in_flight)} steps")  # noqa: T201 - for information


def test_within_one_os_process_no_step_begins_twice(run: Run) -> None:
    for life in run.story.lives:
        begun = Counter(run.story.journal.begun(life.pid))
        assert max(begun.values()) == 1


def test_steps_begin_twice_only_for_a_kill(run: Run) -> None:
    begun = Counter(note.step for note in run.story.journal.notes if note.what == "begin")
    assert set(begun) == run.steps
    again = sum(times - 1 for times in begun.values())
    assert again <= len(run.kills) * CONCURRENCY * BRANCHES


def test_the_summaries_agree_with_plain_python(run: Run) -> None:
    found = {
        process: Expected(
            verdict=summary["verdict"],
            events=summary["events"],
            handovers=summary["handovers"],
            span_us=_microseconds(summary["span"]),
            longest_wait_us=_microseconds(summary["longest_wait"]),
            overdue_us=_microseconds(summary["overdue"]),
            penalty=int(summary["penalty"]),
        )
        for process, summary in run.story.ledger.summaries().items()
    }
    assert found == run.expected
    late = [it for it in found.values() if it.verdict == "late"]
    assert late
    seconds = sum(life.seconds for life in run.story.lives)
    print(  # noqa: T201 - for information
        f"{len(found)} applications, {sum(it.events for it in found.values())} rows, "
        f"{len(late)} late, {sum(it.penalty for it in late)} euros; "
        f"{len(run.steps)} steps in {seconds:.1f} s: {len(run.steps) / seconds:.0f} a second"
    )


def test_every_escalation_bears_the_key_that_survives_a_kill(run: Run) -> None:
    for process, summary in run.story.ledger.summaries().items():
        is_late = run.expected[process].verdict == "late"
        assert summary["reference"] == (f"{process}/1/Escalate/1" if is_late else None)


def test_giving_the_command_once_more_changes_nothing(run: Run) -> None:
    events = "select * from events order by id"
    before = run.story.ledger.rows(events)
    once_more = Story(run.story.folder, run.story.arguments)
    once_more.lives.extend(run.story.lives)
    life = once_more.run()
    assert life.exit_status == 0
    assert run.story.ledger.rows(events) == before
    assert not once_more.journal.begun(life.pid)


def _microseconds(text: str) -> int:
    return _duration.validate_python(text) // timedelta(microseconds=1)


def test_a_wrong_row_stops_its_own_application_only_and_is_named(tmp_path: Path) -> None:
    log = make_log(tmp_path / "receipt.csv", count=12)
    text = log.read_text("utf-8").replace("Resource03,2011", "Resource03,soon 2011", 1)
    log.write_text(text, "utf-8")
    story = Story(tmp_path, arguments(log))
    assert story.run().exit_status == 1
    statuses = story.ledger.rows("select status, count(*) from workflow_instances group by 1")
    assert sorted(statuses) == [("completed", 11), ("failed", 1)]
    ((process, failed),) = story.ledger.events("ProcessFailed")
    case = process.removeprefix("permit:")
    assert f"of {case}: time:timestamp:" in failed["error"]["message"]
    assert failed["error"]["message"].partition(":")[0] in story.output(0)
