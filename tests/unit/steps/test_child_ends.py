"""Parents that stop, and children that say how they ended: with the kernel alone."""

from __future__ import annotations

import pytest

from corago.core import events as e
from corago.core import messages as m
from corago.core.commit import Send
from corago.steps import abort, child, parallel, sleep, wait_for
from tests.unit.steps.drive import Drive, fails, listed, writes

PART = child("part")
FAILURE = e.Failure("RuntimeError", "not yet")
ENDS = ("failed", "canceled", "aborted", "timed_out")


# -- stopping --------------------------------------------------------------------------------------


def test_a_cancel_asks_the_child_to_stop_and_waits_for_its_end() -> None:
    drive = Drive(listed(PART, writes("A")))
    drive.command("cancel")
    assert (drive.status, drive.told()) == ("running", [("p/part", "cancel")])
    (sent,) = drive.sends
    assert isinstance(sent.message, m.Command)
    assert (sent.message.verb, sent.reopens) == ("cancel", False)
    drive.advance(m.Signal("anything"))
    assert len(drive.sends) == 1
    drive.child("part", "canceled")
    assert (drive.status, drive.open) == ("canceled", [])
    assert len(drive.sends) == 1


@pytest.mark.parametrize("status", ["completed", *ENDS])
def test_a_canceled_parent_ends_however_its_child_ends(status: str) -> None:
    drive = Drive(listed(parallel("Both", PART, writes("A"))))
    drive.command("cancel")
    drive.end("Both/A", e.ActivityCanceled())
    assert drive.status == "running"
    drive.child("Both/part", status, result={} if status == "completed" else None)
    assert drive.status == "canceled"


def test_a_cancel_when_the_child_has_failed_has_nothing_to_wait_for() -> None:
    drive = Drive(listed(parallel("Both", PART, sleep(60))))
    drive.child("Both/part", "failed", error=FAILURE)
    drive.command("cancel")
    assert (drive.status, drive.told()) == ("canceled", [])


def test_a_cancel_that_meets_a_birth_that_is_refused_comes_to_its_end() -> None:
    drive = Drive(listed(writes("A"), PART))
    outcome = m.Outcome("A", 1, 1, e.ActivityCompleted({}))
    commit = drive.advance(outcome, m.Command("cancel"), m.ChildRefused("part", FAILURE))
    assert (drive.status, commit.births, drive.process.children) == ("canceled", (), {})


def test_a_cancel_while_a_failed_child_goes_on_stops_it_again() -> None:
    drive = Drive(listed(PART))
    drive.child("part", "failed", error=FAILURE)
    drive.command("retry")
    drive.command("cancel")
    assert drive.told() == [("p/part", "retry"), ("p/part", "cancel")]
    drive.child("part", "canceled")
    assert drive.status == "canceled"


def test_a_poisoned_parent_can_be_canceled_before_its_child_has_begun() -> None:
    drive = Drive(listed(wait_for("go"), PART))
    for _ in range(5):
        drive.advance(m.Lost("worker"))
    assert drive.status == "suspended"
    drive.signal("go")
    assert drive.births == []
    drive.command("cancel")
    assert (drive.status, drive.births) == ("canceled", [])


def test_a_parent_that_ends_by_force_or_time_asks_its_children_to_stop() -> None:
    both = parallel("Both", PART, PART)
    timed = Drive(listed(both, timeout=60)).wait(60)
    assert timed.status == "timed_out"
    assert {send.process_id for send in timed.sends} == {"p/Both/part", "p/Both/part#2"}
    assert all(
        isinstance(send.message, m.Command) and send.message.verb == "cancel"
        for send in timed.sends
    )
    aborted = Drive(listed(parallel("Both", PART, wait_for("stop") >> abort))).signal("stop")
    assert aborted.status == "aborted"
    assert [send.process_id for send in aborted.sends] == ["p/Both/part"]
    done_with = Drive(listed(parallel("Both", PART, fails("A", {"fails": 9})))).run()
    assert done_with.sends == []
    timed.child("Both/part", "canceled")
    assert timed.status == "timed_out"


def test_a_child_that_was_asked_to_stop_is_not_asked_again_at_the_end() -> None:
    drive = Drive(listed(PART, timeout=60)).command("cancel").wait(60)
    assert (drive.status, len(drive.sends)) == ("timed_out", 1)


# -- being a child ---------------------------------------------------------------------------------


def test_a_child_tells_its_parent_its_end_in_the_commit_that_ends_it() -> None:
    drive = Drive(listed(writes("A", a=1)), parent=("above", "G/part"))
    drive.perform("A")
    end = m.ChildEnded("G/part", "p", "completed", {"a": 1})
    assert drive.sends == [Send("above", end, reopens=True)]


def test_a_child_tells_each_of_its_ends() -> None:
    until = {"fails": 1}
    drive = Drive(listed(fails("A", until)), parent=("above", "part")).run()
    drive.command("retry").run()
    ends = [send.message for send in drive.sends]
    assert [(end.status, end.error) for end in ends if isinstance(end, m.ChildEnded)] == [
        ("failed", FAILURE),
        ("completed", None),
    ]


def test_a_child_that_can_not_be_tried_again_tells_its_parent_so() -> None:
    drive = Drive(listed(fails("A", {"fails": 1}), timeout=60), parent=("above", "part")).run()
    drive.wait(61)
    assert drive.status == "failed"
    drive.advance(m.Command("retry", m.ANY))
    assert isinstance(drive.events[-1], e.CommandRefused)
    end = drive.sends[-1].message
    assert isinstance(end, m.ChildEnded)
    assert end.error is not None
    assert "its time was up" in end.error.message

    above = Drive(listed(PART))
    above.child("part", "failed", error=FAILURE)
    above.command("retry")
    above.child("part", end.status, error=end.error, is_final=end.is_final)
    assert (above.status, above.failed) == ("failed", ["part"])
    assert "its time was up" in above.error.message
    above.command("retry")
    assert above.births[-1].child == "p/part@2"


def test_a_retry_that_comes_while_the_child_runs_again_is_nothing_to_tell() -> None:
    drive = Drive(listed(fails("A", {"fails": 1})), parent=("above", "part")).run()
    drive.command("retry")
    told = len(drive.sends)
    drive.advance(m.Command("retry", m.ANY))
    assert isinstance(drive.events[-1], e.CommandRefused)
    assert len(drive.sends) == told
