"""The watch over simulated worlds: silent while all goes as it must, and heard at each breach.

The store and what is written are real. What is spoiled is what the watch is told: for it, that is
a store which does so.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from corago import wait_for
from corago.core import codec
from corago.core import events as e
from corago.core import messages as m
from corago.core.commit import DocumentWrite
from corago.core.history import begin
from corago.ports.rows import Outgoing, Sent
from corago.testing import VirtualClock
from corago.testing.simulator.sights import at_once
from corago.testing.simulator.watching import PATIENCE_SECONDS
from tests.runtime.families import named
from tests.testing.stands import FORM, PART, Stand, Told, done, first_of, replace


def fenced(**fields: Any) -> Callable[[tuple[Any, ...], Any], Told]:
    return first_of(lambda append: replace(append, fence=replace(append.fence, **fields)))


def written(**fields: Any) -> Callable[[tuple[Any, ...], Any], Told]:
    return first_of(lambda append: replace(append, **fields))


# -- all is well -----------------------------------------------------------------------------------


def test_a_process_that_is_worked_at_as_it_must_be_is_no_finding() -> None:
    stand = Stand()
    stand.until_child()
    assert stand.ended() == []
    stand.signal("done", "p/Part")
    stand.turn(stand.take())
    stand.turn(stand.take())
    history = at_once(stand.backend.history("p"))
    assert isinstance(history[-1], e.ProcessCompleted)
    assert stand.ended() == []


def test_attempts_that_the_disk_wants_or_has_wanted_may_begin() -> None:
    stand = Stand()
    stand.start()
    task = stand.turn(stand.take())
    stand.begin("First")
    stand.turn(task, done("First"), keeps=False)
    stand.begin("First", node=stand.other)  # it was slow, and another one was quicker
    assert stand.watch.findings == []


# -- who writes, and what --------------------------------------------------------------------------


def _with_event(event: e.Event) -> Callable[[tuple[Any, ...], Any], Told]:
    return first_of(lambda a: replace(a, events=(*a.events, codec.encode_event(event))))


def _other_snapshot(append: Any) -> Any:
    at = VirtualClock().now()
    started = e.ProcessStarted(position=1, at=at, process_id="q", workflow="Form", sha=FORM.sha)
    return replace(append, snapshot=codec.encode_snapshot(begin(FORM.program, started)))


WRITES: dict[str, tuple[Callable[[tuple[Any, ...], Any], Told], str]] = {
    "by another worker": (fenced(owner=9), "wrote as 9 in epoch 2, and 1 has it in epoch 2"),
    "in another epoch": (fenced(epoch=1), "wrote as 1 in epoch 1, and 1 has it in epoch 2"),
    "behind another event": (fenced(position=1), "wrote behind position 1"),
    "of another run": (fenced(run=2), "of run 2, and it stood at"),
    "another external store": (written(external=b'{"a":1}'), "the external store that was written"),
    "another snapshot": (first_of(_other_snapshot), "the snapshot that was written"),
    "an end without an end": (written(closes=True), "closes it"),
    "a message unrecorded": (written(events=()), "was passed over, and not recorded: Signal("),
    "messages given back": (written(consumed=-1), "had taken in the messages up to 0, and now"),
    "what is no event": (written(events=(b"{}",)), "makes no sense"),
    "a document over another": (
        written(documents=(DocumentWrite("thing", "x", 3, b"{}"),)),
        "was written over version 3, not 0",
    ),
    "a document that is not there": (
        written(documents=(DocumentWrite("thing", "x", 0, b"{}"),)),
        "has no version 1 that it wrote",
    ),
}


@pytest.mark.parametrize("what", WRITES)
def test_a_write_that_must_not_be_is_found(what: str) -> None:
    stand = Stand()
    stand.start()
    stand.turn(stand.turn(stand.take()), done("First"), keeps=False)
    stand.signal("go")
    task = stand.take()
    assert stand.watch.findings == []
    twist, said = WRITES[what]
    stand.twists["append"] = twist
    stand.turn(task)
    assert any(said in text for text in stand.watch.findings), stand.watch.findings
    assert all(text.startswith("process p: ") for text in stand.watch.findings)


def test_a_worker_that_was_struck_off_writes_nothing() -> None:
    stand = Stand()
    stand.start()
    stand.turn(stand.take())
    kept = stand.heard["append"]
    stand.tell("bury", ((stand.worker,), 1))
    assert stand.watch.findings == []
    stand.tell("append", kept)
    assert any("and None has it" in text for text in stand.watch.findings)


def test_what_nobody_sent_is_not_received() -> None:
    stand = Stand()
    stand.start()
    task = stand.turn(stand.take())
    at = stand.clock.now()
    stand.twists["append"] = _with_event(e.SignalReceived(position=3, at=at, name="forged"))
    stand.turn(task, done("First"))
    assert any("nobody has sent it" in text for text in stand.watch.findings)


def test_a_law_that_is_broken_is_found_at_once() -> None:
    stand = Stand()
    stand.start()
    task = stand.turn(stand.take())
    at = stand.clock.now()
    stand.twists["append"] = _with_event(e.TimerFired(position=3, at=at, timer="t"))
    stand.turn(task, done("First"))
    assert any("'t' fired, and was not open" in text for text in stand.watch.findings)


# -- who takes, and what ---------------------------------------------------------------------------


def test_two_workers_never_hold_one_process() -> None:
    stand = Stand()
    stand.start()
    stand.take()
    stand.tell("claim", stand.heard["claim"])
    assert any("and 1 has it" in text for text in stand.watch.findings)


def test_nobody_is_given_what_is_not_due_or_in_a_wrong_epoch() -> None:
    stand = Stand()
    stand.start()
    stand.turn(stand.turn(stand.take()), done("First"), keeps=False)
    stand.tell("claim", stand.heard["claim"])
    first_of_two, epoch = stand.watch.findings
    assert "and was not due" in first_of_two
    assert "in epoch 1 after 1" in epoch


def test_nobody_is_given_anything_who_is_not_registered() -> None:
    stand = Stand()
    stand.start()
    stand.twists["claim"] = first_of(lambda _: 9)
    stand.take()
    assert any("worker 9, which is not registered" in text for text in stand.watch.findings)


def test_what_a_worker_is_told_of_itself_is_true() -> None:
    stand = Stand()
    stand.tell("beat", (("worker", stand.worker), 0))
    stand.tell("bury", ((stand.worker,), 3))
    stand.tell("beat", (("worker", stand.worker), stand.worker))
    gone, taken, lives = stand.watch.findings
    assert "told that it is gone, and is not" in gone
    assert "3 processes were taken" in taken
    assert "told that it lives, and was struck off" in lives


def test_a_process_is_born_once_with_the_parent_that_it_names() -> None:
    stand = Stand()
    stand.twists["start"] = first_of(lambda new: replace(new, parent="somebody"))
    stand.start()
    stand.tell("start", stand.heard["start"])
    assert "names the parent 'somebody', not None" in stand.watch.findings[0]
    assert "born a second time" in stand.watch.findings[1]


def test_a_child_is_born_with_the_commit_that_says_so() -> None:
    stand = Stand()
    born = [replace(new, process_id="p/Other") for new in stand.births()]
    stand.twists["append"] = written(births=tuple(born))
    stand.turn(stand.take(), keeps=False)
    gone, stranger = stand.watch.findings
    assert gone == "process p/Other: it was said to be born, and is not there"
    assert stranger == "process p: its child 'p/Other' is not in its history"


@pytest.mark.parametrize("verb", ["complete_task", "heartbeat_task"])
def test_only_who_has_a_task_has_a_say_in_it(verb: str) -> None:
    stand = Stand()
    other = at_once(stand.backend.heartbeat("other"))
    stand.twists[verb] = lambda told, answer: ((told[0], other, *told[2:]), answer)
    stand.until_child()
    assert any(f"by {other} in epoch 1, and 1 has it" in text for text in stand.watch.findings)


def test_a_task_is_given_once_and_ends_once() -> None:
    stand = Stand()
    stand.until_child()
    stand.tell("complete_task", stand.heard["complete_task"])
    stand.tell("claim_tasks", stand.heard["claim_tasks"])
    ended, given = stand.watch.findings[0], stand.watch.findings[-1]
    assert "and is over" in ended
    assert "was given away, and is over" in given


# -- messages --------------------------------------------------------------------------------------


def test_an_acknowledged_message_is_there() -> None:
    stand = Stand()
    stand.start()
    data = codec.encode_message(m.Signal("go"))
    stand.tell("send", ((Outgoing("p", data),), Sent("sent", "running", 7)))
    assert any("message 7 was acknowledged" in text for text in stand.watch.findings)


def test_an_acknowledged_message_is_never_lost() -> None:
    stand = Stand()
    stand.start()
    stand.signal("go")
    stand.store._processes["p"].inbox.clear()
    assert any("message 1 is lost: Signal(name='go'" in text for text in stand.ended())


def _timer_first(append: Any) -> Any:
    """The same write, in which the timer fires before the signal is recorded."""
    signal, *_ = map(codec.decode_event, append.events)
    fired = e.TimerFired(position=signal.position, at=signal.at, timer="Wait for go@1")
    later = replace(signal, position=signal.position + 1)
    return replace(append, events=tuple(map(codec.encode_event, (fired, later))))


def _signal_left(append: Any) -> Any:
    """The same write, which leaves the signal in the inbox."""
    first = _timer_first(append)
    return replace(first, events=first.events[:1], consumed=0)


@pytest.mark.parametrize("flaw", [_timer_first, _signal_left])
@pytest.mark.parametrize("seconds", [5, 15])
def test_between_a_signal_and_a_timeout_the_first_to_come_wins(flaw: Any, seconds: int) -> None:
    stand = Stand()
    stand.begins(named("Late", wait_for("go", timeout=10)))
    stand.start()
    stand.turn(stand.take(), keeps=False)
    stand.clock.advance(timedelta(seconds=seconds))
    stand.signal("go")
    stand.clock.advance(timedelta(seconds=20 - seconds))
    stand.twists["append"] = first_of(flaw)
    task = stand.take()
    stand.turn(task)
    said = "message 1, which came before it was due, is not recorded: Signal(name='go'"
    assert any(said in text for text in stand.watch.findings) == (seconds == 5)


# -- attempts --------------------------------------------------------------------------------------


def test_no_step_begins_before_its_predecessor_is_durable() -> None:
    stand = Stand()
    stand.start()
    stand.turn(stand.take())
    stand.begin("Once")
    assert any("nothing on the disk wants it" in text for text in stand.watch.findings)


def test_no_attempt_begins_that_is_not_the_next() -> None:
    stand = Stand()
    stand.start()
    stand.turn(stand.take())
    stand.begin("First", attempt=2)
    assert any("attempt 2 of 'First'" in text for text in stand.watch.findings)


def test_what_may_run_only_once_begins_once() -> None:
    stand = Stand()
    stand.until_once()
    stand.begin("Once")
    assert stand.watch.findings == []
    stand.begin("Once", node=stand.other)
    assert any("has begun twice" in text for text in stand.watch.findings)


def test_nothing_runs_that_was_never_started() -> None:
    stand = Stand()
    stand.begin("First")
    assert stand.watch.findings == ["process p: something of it runs, and it was never started"]


# -- liveness --------------------------------------------------------------------------------------


def idle(stand: Stand) -> None:
    """A worker looks, and finds nothing to do."""
    shas = [stand.definition.sha, PART.sha]
    at_once(stand.backend.poll_decision_tasks(stand.worker, shas, 1))
    at_once(stand.backend.poll_activity_tasks(stand.worker, ["gpu"], shas, 1))


def test_what_is_due_is_taken_by_a_worker_that_could() -> None:
    stand = Stand()
    idle(stand)
    stand.start()
    stand.tick(PATIENCE_SECONDS + 2)
    assert any("and one does not take it" in text for text in stand.watch.findings)


@pytest.mark.parametrize("flaw", ["is_dead", "is_paused", "is_deaf"])
def test_nobody_is_expected_to_take_what_he_could_not(flaw: str) -> None:
    stand = Stand()
    idle(stand)
    stand.start()
    stand.tick(PATIENCE_SECONDS // 2)
    setattr(stand.node, flaw, True)
    stand.tick(PATIENCE_SECONDS)
    assert stand.watch.findings == []


def test_nobody_is_expected_to_take_anything_while_the_store_is_paused() -> None:
    stand = Stand()
    idle(stand)
    stand.start()
    at_once(stand.backend.pause(True))
    stand.tick(2 * PATIENCE_SECONDS)
    assert stand.watch.findings == []


def test_a_task_that_is_due_is_taken_by_who_serves_its_queue() -> None:
    stand = Stand()
    idle(stand)
    stand.until_queued()
    at_once(stand.backend.poll_decision_tasks(stand.worker, [stand.definition.sha], 1))
    stand.tick(3 * PATIENCE_SECONDS)
    assert any("the task of 'Queued' has been due" in text for text in stand.watch.findings)


# -- the end ---------------------------------------------------------------------------------------


def test_at_the_end_the_store_is_looked_through() -> None:
    stand = Stand()
    stand.until_the_end()
    stand.store._processes["p"].tags = ("spoiled",)
    assert stand.ended() == [
        "process p: its row says tags ('spoiled',), and its history ()",
    ]


def test_a_process_that_nobody_wakes_has_no_true_explanation() -> None:
    stand = Stand()
    stand.start()
    stand.turn(stand.turn(stand.take()), done("First"), keeps=False)
    stand.signal("go")
    stand.store._processes["p"].due_us = None
    assert any("its explanation is not true" in text for text in stand.ended())


def test_what_can_no_longer_be_understood_is_found_at_the_end() -> None:
    stand = Stand()
    stand.start()
    stand.store._processes["p"].events[0] = b"{}"
    assert len(stand.ended()) >= 2


def test_a_finding_is_told_once() -> None:
    stand = Stand()
    stand.begin("First")
    stand.begin("First")
    assert len(stand.watch.findings) == 1
