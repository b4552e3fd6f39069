"""Real OS processes at one store: killed, stopped, starved of room, and each other's neighbours.

What is proven is read from the store without corago, and from the file in which every step notes
its begin and its end (see `burdens.py`). Moments are chosen by chance, which a seed fixes.
"""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.casualties import Hand, Yard, ends_of
from tests.acceptance.grounds import STORES

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

KILLS = 4
"""One less than make a process a suspect for good."""


def on_stores(*needed: str) -> pytest.MarkDecorator:
    """Run a test on every store, or on those that can what is needed."""
    stores = []
    for name, ground in STORES.items():
        missing = sorted({*needed} - ground.can)
        skip = pytest.mark.skipif(bool(missing), reason=f"{name} has not: {missing}")
        stores.append(pytest.param(name, marks=skip))
    return pytest.mark.parametrize("yard", stores, indirect=True)


@pytest.fixture
def yard(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Yard]:
    """An empty yard; whatever still lives in it at the end is killed."""
    with Yard(request.param, tmp_path, seed=6) as yard:
        yield yard


@on_stores("copies")
def test_work_of_all_doors_survives_kill_after_kill(yard: Yard) -> None:
    sizes = {"freight": 12, "paper": 8, "depot": 8}
    statuses, effects = ends_of(a=sizes)
    yard.start("a", sizes)
    for mark in sorted(yard.chance.sample(range(10, len(effects) * 2 - 30), KILLS)):
        worker = yard.worker()
        yard.until_noted(mark, worker)
        assert worker.kill() == -signal.SIGKILL
        assert len(yard.keep().closed) < len(effects)
        yard.check_copy()
    worker = yard.worker()
    yard.until_all_are(statuses, worker)
    assert worker.terminate() == 0
    yard.judge(statuses, effects)
    begun = Counter(note.step for note in yard.journal.notes if note.what == "begin")
    assert max(begun.values()) > 1, "no kill met a step"


@on_stores()
def test_a_worker_that_stood_still_for_longer_than_its_lease_writes_nothing(yard: Yard) -> None:
    """Some of its steps are in the middle, others wait for a thread: all are done elsewhere."""
    sizes = {"freight": 1, "depot": 1}
    held = ("Label", "haul 0", "haul 1", "haul 2")
    for name in held:
        yard.touch(f"hold {name}")
    stopped = yard.worker(lease="2s", threads=len(held))
    yard.start("a", sizes)
    yard.until_begun(stopped, *held)
    queued = {"freight": 3}
    yard.start("b", queued)
    statuses, effects = ends_of(a=sizes, b=queued)
    waiting = {f"freight-b-{number}" for number in range(3)}
    yard.until(lambda: waiting <= yard.account.held(), "all wait for threads", stopped)
    stopped.stop()
    ((number, name),) = yard.account.workers().items()
    other = yard.worker(lease="2s")
    yard.until_begun(other, *held)
    yard.touch(f"go {other.pid}")
    yard.until_all_are(statuses, other)
    yard.keep()

    yard.touch(f"go {stopped.pid}")
    stopped.go_on()
    yard.until(lambda: "lost its lease" in stopped.said, "it knows", stopped, other)
    yard.until(lambda: is_back(yard, name, number), "it is here as another worker", stopped)
    assert other.terminate() == 0
    more = {"paper": 1}
    yard.start("c", more)
    statuses, effects = ends_of(a=sizes, b=queued, c=more)
    yard.until_all_are(statuses, stopped)
    assert stopped.terminate() == 0, stopped.said
    yard.judge(statuses, effects)
    labels = [
        data["result"]["result"]["label"]
        for _, data in yard.account.events("ActivityClosed")
        if data["path"] == "Prepare/Label"
    ]
    assert labels == [f"by {other.pid}"] * 4
    assert ("freight-a-0", name) in {
        (process, data["owner"]) for process, data in yard.account.events("LeaseLost")
    }


def is_back(yard: Yard, name: str, number: int) -> bool:
    """Whether a worker of this name is registered anew, and no longer under its old number."""
    workers = yard.account.workers()
    return number not in workers and name in workers.values()


@on_stores("one lock")
def test_a_worker_that_stands_still_in_a_commit_holds_up_all_and_harms_none(yard: Yard) -> None:
    sizes = {"freight": 20, "depot": 10}
    yard.start("a", sizes)
    idle = yard.worker(lease="6s", name="Paper")
    stopped = yard.worker(lease="6s")
    mark = 10
    yard.until_noted(mark, stopped)
    stopped.stop()
    while not yard.is_held():
        stopped.go_on()
        mark += 1
        yard.until_noted(mark, stopped)
        stopped.stop()
    yard.keep()
    refused = yard.command("signal", "freight-a-0", "go", "--key", "another")
    assert refused.returncode == 7, refused.stderr
    assert "another corago has been writing" in refused.stderr
    yard.until(lambda: "another corago has been writing" in idle.said, "it says so", idle)
    stopped.go_on()
    more = {"paper": 1}
    yard.start("b", more)
    statuses, effects = ends_of(a=sizes, b=more)
    yard.until_all_are(statuses, stopped, idle)
    assert [hand.terminate() for hand in (stopped, idle)] == [0, 0]
    yard.judge(statuses, effects)


@pytest.fixture
def full(yard: Yard) -> Hand:
    """A worker that has no room left for any outcome, and has done what it had begun."""
    worker = yard.partner("worker", "a", BULK, room=yard.chance.randrange(100, 400))

    def is_stuck() -> bool:
        notes = yard.journal.read()
        is_quiet = Counter(note.what for note in notes) == {
            "begin": len(notes) // 2,
            "end": len(notes) // 2,
        }
        return worker.said.count("no space is left") > 2 * BULK["bulk"] and is_quiet

    yard.until(is_stuck, "it finds no room", worker)
    return worker


BULK = {"bulk": 12}


@on_stores("limits")
def test_a_worker_without_room_holds_what_it_has_and_goes_on_when_there_is_room(
    yard: Yard, full: Hand
) -> None:
    more = {"bulk": 4}
    statuses, effects = ends_of(a=BULK, b=more)
    notes, words = len(yard.journal.read()), full.said.count("no space is left")
    explained = yard.command("explain", min(yard.account.held()))
    assert "has been held by worker" in explained.stdout
    yard.check()
    yard.start("b", more)  # whose store has room enough
    yard.until(lambda: full.said.count("no space is left") > words + 24, "it tries again", full)
    assert len(yard.journal.read()) == notes, "something was begun that could not be recorded"
    full.tell("all")
    assert full.ended() == 0
    worker = yard.worker()
    yard.until_all_are(statuses, worker)
    assert worker.terminate() == 0
    yard.judge(statuses, effects)
    begun = Counter(note.step for note in yard.journal.notes if note.what == "begin")
    assert set(begun.values()) == {1}


@on_stores("limits", "copies")
def test_a_worker_that_is_killed_without_room_loses_only_what_it_had_in_hand(
    yard: Yard, full: Hand
) -> None:
    statuses, effects = ends_of(a=BULK)
    assert full.kill() == -signal.SIGKILL
    recorded = yard.keep().closed
    begun = {note.step for note in yard.journal.notes}
    assert 0 < len(begun - recorded) <= BULK["bulk"]
    yard.check_copy()
    worker = yard.worker()
    yard.until_all_are(statuses, worker)
    assert worker.terminate() == 0
    yard.judge(statuses, effects)


@on_stores()
def test_two_workers_and_a_client_share_a_store_and_die_now_and_then(yard: Yard) -> None:
    sizes = {"freight": 6, "paper": 3, "depot": 3}
    statuses, effects = ends_of(a=sizes, b=sizes, c=sizes)
    roles = {"a": "worker", "b": "worker", "c": "client"}

    def hire(share: str) -> Hand:
        return yard.partner(roles[share], share, sizes, shares="a,b,c")

    hands = {share: hire(share) for share in roles}
    marks = sorted(yard.chance.sample(range(5, len(effects)), 3))
    for mark, share in zip(marks, yard.chance.sample("abc", 3), strict=True):
        yard.until_noted(mark)
        hands[share].kill()
        yard.keep()
        hands[share] = hire(share)
    for hand in hands.values():
        assert hand.ended() == 0, hand.said
    yard.judge(statuses, effects)
    signals = Counter(process for process, _ in yard.account.events("SignalReceived"))
    assert set(signals.values()) == {1}
    assert len(signals) == 3 * sizes["freight"]
