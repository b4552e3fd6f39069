"""Taking back what was done: on a cancel, and on a failure where the workflow says so."""

from __future__ import annotations

from typing import Any

import pytest

from corago.core import events as e
from corago.core import messages as m
from corago.core.calls import LiveCalls
from corago.core.kernel import advance
from corago.core.program import NOTHING
from corago.core.retry import Retry
from corago.errors import InvalidOptionError
from corago.steps import (
    Step,
    Workflow,
    begin,
    child,
    conditional,
    focussteps,
    foreach,
    parallel,
    retrystep,
    sleep,
    step,
    step_group,
    steplens,
    wait_for,
)
from tests.unit.steps.drive import Drive, fails, is_on, listed, writes

BROKEN: set[str] = set()
"""The undos that fail for now."""


@pytest.fixture(autouse=True)
def _nothing_is_broken() -> None:
    BROKEN.clear()


def does(name: str, *, undo: dict[str, Any] | None = None, **writes: Any) -> Step[..., Any]:
    """A step that writes these values, and its undo (with options), which notes what it saw."""

    @step(f"undo {name}", **(undo or {}))
    def back(state: dict[str, Any], undone: list[Any] | None = None) -> dict[str, Any]:
        if name in BROKEN:
            raise RuntimeError(f"{name} can't be taken back")
        return {f"undone {name}": {key: state[key] for key in sorted(state)}}

    @step(name, undo=back)
    def do() -> dict[str, Any]:
        return writes

    return do


def undone(drive: Drive) -> dict[str, Any]:
    """What each undo has seen, by its step."""
    found = drive.snapshot.state.state.items()
    return {key.removeprefix("undone "): seen for key, seen in found if key.startswith("undone")}


def stopped(flow: Workflow, given: Any = None) -> Drive:
    """A process that ran as far as it goes by itself, and was then canceled."""
    return Drive(flow, given).run().command("cancel")


THREE = (does("A", a=1), does("B", a=2), does("C", c=3))

# -- a cancel --------------------------------------------------------------------------------------


def test_a_cancel_takes_the_finished_steps_back_the_last_one_first() -> None:
    drive = stopped(listed(*THREE, sleep(60)))
    assert (drive.status, drive.open) == ("running", ["C/undo"])
    assert drive.process.timers == {}
    drive.run()
    assert drive.ran == ["A", "B", "C", "C/undo", "B/undo", "A/undo"]
    assert drive.status == "canceled"
    ends = [(each.path, type(each.result)) for each in drive.of(e.ActivityClosed)]
    assert ends[3:] == [(path, e.ActivityCompleted) for path in ("C/undo", "B/undo", "A/undo")]


def test_an_undo_sees_the_state_as_it_was_right_after_its_step() -> None:
    drive = stopped(listed(*THREE, sleep(60)), {"x": 0}).run()
    assert undone(drive) == {
        "A": {"x": 0, "a": 1},
        "B": {"x": 0, "a": 2},
        "C": {"x": 0, "a": 2, "c": 3},
    }


def test_what_was_done_is_taken_back_by_a_changed_list_under_its_new_names() -> None:
    a, b, _ = THREE
    renamed = does("Z", b=2)
    drive, after = Drive(listed(a, b, sleep(60))).run(), listed(a, renamed, sleep(60), THREE[2])
    renames = {"B": "Z", "B/undo": "Z/undo"}
    messages = (m.Adopt(after.program, after.sha, 2, renames), m.Command("cancel"))
    program = drive.workflow.program
    commit = advance(program, drive.snapshot, messages, drive.now, LiveCalls({}))
    assert [wish.path for wish in (commit.snapshot.agenda or NOTHING).activities] == ["Z/undo"]
    assert [undo.path for undo in commit.snapshot.state.undo] == ["A/undo", "Z/undo"]


def test_an_undo_is_filled_like_any_step() -> None:
    seen: list[Any] = []

    @step("Release")
    async def release(port: int, comment: str = "none") -> None:
        seen.append((port, comment))

    @step("Reserve", undo=release)
    def reserve() -> dict[str, Any]:
        return {"port": 7, "rest": "x" * 100}

    drive = Drive(listed(reserve, writes("A", port=8), sleep(60)), {"y": 1}).run()
    (kept,) = drive.snapshot.state.undo
    assert kept.input == {"port": 7}
    assert drive.command("cancel").run().status == "canceled"
    assert seen == [(7, "none")]


def test_steps_without_an_undo_are_left_as_they_are() -> None:
    drive = stopped(listed(writes("A", a=1), does("B", b=1), writes("C", c=1), sleep(60))).run()
    assert drive.ran == ["A", "B", "C", "B/undo"]
    assert drive.status == "canceled"


def test_a_cancel_with_nothing_to_take_back_ends_at_once() -> None:
    assert stopped(listed(writes("A"), sleep(60))).status == "canceled"
    guarded = conditional(is_on)(does("A", a=1))
    assert stopped(listed(guarded, sleep(60))).status == "canceled"
    skipped = Drive(listed(fails("A", {"fails": 9}, undo=THREE[0].undo), sleep(60))).run()
    assert skipped.command("skip").command("cancel").status == "canceled"


def test_a_step_that_was_stopped_is_not_taken_back_and_one_that_finished_is() -> None:
    flow = listed(does("A", a=1), parallel("Both", does("B", b=1), does("C", c=1)))
    drive = Drive(flow)
    drive.perform("A")
    drive.command("cancel")
    drive.end("Both/B", e.ActivityCanceled())
    assert drive.open == ["Both/C"]
    drive.end("Both/C", e.ActivityCompleted({"c": 1}))
    assert drive.open == ["Both/C/undo"]
    assert drive.run().ran == ["A", "Both/C/undo", "A/undo"]
    assert drive.status == "canceled"


def test_a_step_whose_result_was_set_by_hand_is_taken_back_too() -> None:
    drive = Drive(listed(fails("A", {"fails": 9}, undo=THREE[0].undo), sleep(60))).run()
    drive.command("set_result", value={"by": "hand"}).command("cancel").run()
    assert undone(drive) == {"A": {"by": "hand"}}


def test_a_process_that_completes_or_is_aborted_takes_nothing_back() -> None:
    assert Drive(listed(*THREE)).run().ran == ["A", "B", "C"]
    timed = Drive(listed(does("A", a=1), sleep(60), timeout=30)).run().wait(30)
    assert (timed.status, timed.ran) == ("timed_out", ["A"])


def test_a_name_used_twice_is_taken_back_twice() -> None:
    drive = stopped(listed(does("A", a=1), does("A", a=2), sleep(60))).run()
    assert drive.ran == ["A", "A#2", "A#2/undo", "A/undo"]


def test_what_was_done_in_groups_branches_and_items_is_taken_back_in_its_order() -> None:
    inner = step_group("G", parallel("Both", does("A", a=1), does("B", b=1)))
    drive = Drive(listed(inner, foreach("Each", "xs", does("C", c=1)), sleep(60)), {"xs": [5, 6]})
    for path in ("G/Both/B", "G/Both/A", "Each[1]/C", "Each[0]/C"):
        drive.perform(path)
    drive.command("cancel").run()
    assert drive.ran[4:] == ["Each[0]/C/undo", "Each[1]/C/undo", "G/Both/A/undo", "G/Both/B/undo"]
    assert drive.status == "canceled"
    seen = undone(drive)["C"]
    assert (seen["item"], seen["index"], seen["c"]) == (6, 1, 1)


def test_what_was_done_in_a_part_is_taken_back_with_that_part() -> None:
    def get(x: int) -> dict[str, int]:
        return {"y": x}

    flow = listed(focussteps("part")(does("A", a=1)), steplens(get, get)(does("B", b=1)), sleep(60))
    drive = stopped(flow, {"part": {"p": 0}, "x": 1}).run()
    assert undone(drive) == {"A": {"p": 0, "a": 1}, "B": {"y": 1, "b": 1}}
    assert drive.ran[-2:] == ["get/B/undo", "part/A/undo"]


def test_an_undo_may_write_over_the_list_that_a_loop_went_through() -> None:
    @step("Forget")
    def forget() -> dict[str, Any]:
        return {"xs": None}

    @step("Find", undo=forget)
    def find() -> dict[str, Any]:
        return {"xs": [1, 2]}

    body = does("A", a=1) >> wait_for("go")
    drive = Drive(listed(find, does("Z", z=1), foreach("Each", "xs", body))).run()
    drive.command("cancel").run()
    assert drive.ran[-4:] == ["Each[1]/A/undo", "Each[0]/A/undo", "Z/undo", "Find/undo"]
    assert drive.status == "canceled"
    failing = listed(find, foreach("Each", "xs", fails("B", {"fails": 9})), undo_on_failure=True)
    assert Drive(failing).run().status == "failed"


def test_children_are_waited_for_before_anything_is_taken_back() -> None:
    drive = stopped(listed(does("A", a=1), child("part")))
    assert (drive.open, drive.told()) == ([], [("p/part", "cancel")])
    drive.child("part", "canceled")
    assert drive.run().ran == ["A", "A/undo"]
    assert drive.status == "canceled"


def test_steps_that_run_are_waited_for_before_anything_is_taken_back() -> None:
    drive = Drive(listed(does("A", a=1), writes("B")))
    drive.perform("A")
    drive.command("cancel")
    assert [(wish.path, wish.cancel) for wish in drive.agenda.activities] == [("B", True)]
    drive.end("B", e.ActivityCanceled())
    assert [(wish.path, wish.cancel) for wish in drive.agenda.activities] == [("A/undo", False)]


# -- policies, and undos that fail -----------------------------------------------------------------


def test_an_undo_has_policies_of_its_own() -> None:
    policy = Retry(attempts=2, delay=10, jitter=0)
    BROKEN.add("A")
    flow = listed(does("A", undo={"retry": policy, "timeout": 5}, a=1), sleep(60))
    drive = stopped(flow)
    assert (drive.wish("A/undo").timeout, drive.wish("A/undo").retry) == (5, policy)
    drive.run()
    assert (drive.status, drive.open) == ("running", ["A/undo"])
    BROKEN.clear()
    drive.wait(10)
    assert (drive.status, drive.ran) == ("canceled", ["A", "A/undo", "A/undo"])


def test_an_undo_that_fails_needs_a_person_and_goes_on_there() -> None:
    BROKEN.add("B")
    drive = stopped(listed(*THREE, sleep(60))).run()
    assert (drive.status, drive.failed) == ("failed", ["B/undo"])
    assert drive.process.error_path == "B/undo"
    assert drive.error == e.Failure("RuntimeError", "B can't be taken back")
    drive.command("retry").run()
    assert (drive.status, drive.failed) == ("failed", ["B/undo"])
    BROKEN.clear()
    drive.command("retry").run()
    assert drive.ran[3:] == ["C/undo", "B/undo", "B/undo", "B/undo", "A/undo"]
    assert drive.status == "canceled"


def test_an_undo_that_fails_can_be_skipped_or_answered() -> None:
    BROKEN.update("AB")
    drive = stopped(listed(*THREE, sleep(60))).run().command("skip", "B/undo").run()
    assert (drive.status, drive.failed) == ("failed", ["A/undo"])
    drive.command("set_result", "A/undo", {"by": "hand"})
    assert drive.status == "canceled"
    assert drive.snapshot.state.state["by"] == "hand"


def test_a_result_of_an_undo_that_is_no_dict_is_refused() -> None:
    BROKEN.add("A")
    drive = stopped(listed(does("A", a=1), sleep(60))).run()
    drive.command("set_result", "A/undo", 5)
    assert (drive.failed, drive.error.type) == (["A/undo"], "StepResultError")
    assert drive.command("retry").wish("A/undo").occurrence == 2
    assert drive.run().failed == ["A/undo"]
    assert drive.command("skip").status == "canceled"


def test_an_undo_that_loses_its_worker_is_suspended_if_it_runs_at_most_once() -> None:
    drive = stopped(listed(does("A", undo={"at_most_once": True}, a=1), sleep(60)))
    assert [each.path for each in drive.of(e.ActivityStarted)] == ["A/undo"]
    drive.advance(m.Lost("worker"))
    assert (drive.status, drive.failed, drive.open) == ("suspended", ["A/undo"], [])
    drive.command("retry").run()
    assert drive.status == "canceled"


def test_a_second_cancel_is_refused_while_things_are_taken_back() -> None:
    drive = stopped(listed(*THREE, sleep(60)))
    assert "asked to stop already" in drive.refused("cancel")
    drive.advance(m.Command("cancel"))
    assert isinstance(drive.events[-1], e.CommandRefused)
    assert drive.run().status == "canceled"


# -- on a failure ----------------------------------------------------------------------------------


def test_a_failure_takes_everything_back_where_the_workflow_says_so() -> None:
    flow = listed(*THREE[:2], fails("D", {"fails": 9}), undo_on_failure=True)
    drive = Drive(flow).run()
    assert drive.ran == ["A", "B", "D", "B/undo", "A/undo"]
    assert (drive.status, drive.process.error_path) == ("failed", "D")
    assert drive.error == e.Failure("RuntimeError", "not yet")


def test_a_failure_leaves_everything_as_it_is_where_the_workflow_does_not_say_so() -> None:
    drive = Drive(listed(*THREE[:2], fails("D", {"fails": 1}))).run()
    assert (drive.status, drive.ran) == ("failed", ["A", "B", "D"])
    drive.command("retry").run()
    assert drive.status == "completed"


def test_what_was_taken_back_can_not_be_retried_and_the_refusal_says_why() -> None:
    flow = listed(*THREE[:2], fails("D", {"fails": 9}), undo_on_failure=True)
    drive = Drive(flow).run()
    for verb in ("retry", "skip", "set_result"):
        assert "was taken back" in drive.refused(verb)
    assert "'D' has not failed" in drive.refused("retry", "D")
    drive.advance(m.Command("retry", m.ANY))
    refused = drive.events[-1]
    assert isinstance(refused, e.CommandRefused)
    assert "was taken back" in refused.why


def test_a_failure_before_anything_could_be_taken_back_can_be_retried() -> None:
    flow = listed(fails("A", {"fails": 1}), does("B", b=1), undo_on_failure=True)
    drive = Drive(flow).run()
    assert (drive.status, drive.failed) == ("failed", ["A"])
    assert drive.command("retry").run().status == "completed"


def test_the_others_finish_first_and_are_taken_back_too() -> None:
    both = parallel("Both", fails("A", {"fails": 9}), does("B", b=1) >> does("C", c=1))
    drive = Drive(listed(both, undo_on_failure=True))
    drive.perform("Both/A")
    assert (drive.status, drive.open) == ("running", ["Both/B"])
    drive.run()
    assert drive.ran == ["Both/A", "Both/B", "Both/C", "Both/C/undo", "Both/B/undo"]
    assert (drive.status, drive.process.error_path) == ("failed", "Both/A")


def test_a_suspended_step_holds_the_taking_back_until_a_person_has_decided() -> None:
    both = parallel("Both", fails("A", {"fails": 9}), does("B", b=1))
    drive = Drive(listed(does("Z", z=1), parallel("P", both, at_most("C")), undo_on_failure=True))
    drive.perform("Z")
    drive.advance(m.Lost("worker"))
    drive.perform("P/Both/A")
    drive.perform("P/Both/B")
    assert (drive.status, drive.failed) == ("suspended", ["P/Both/A", "P/C"])
    drive.command("skip", "P/C")
    assert drive.open == ["P/Both/B/undo"]
    assert drive.run().ran[-2:] == ["P/Both/B/undo", "Z/undo"]
    assert drive.status == "failed"


def at_most(name: str) -> Step[..., Any]:
    @step(name, at_most_once=True)
    def once() -> None: ...

    return once


def test_an_undo_that_fails_on_a_failure_goes_on_there_and_the_first_failure_stays() -> None:
    BROKEN.add("B")
    flow = listed(*THREE[:2], fails("D", {"fails": 9}), undo_on_failure=True)
    drive = Drive(flow).run()
    assert (drive.status, drive.failed) == ("failed", ["B/undo"])
    BROKEN.clear()
    drive.command("retry").run()
    assert drive.ran == ["A", "B", "D", "B/undo", "B/undo", "A/undo"]
    assert (drive.status, drive.process.error_path) == ("failed", "D")
    assert drive.failed == []


def test_a_cancel_while_a_failure_is_taken_back_ends_as_canceled() -> None:
    flow = listed(*THREE[:2], fails("D", {"fails": 9}), undo_on_failure=True)
    drive = Drive(flow)
    for path in ("A", "B", "D", "B/undo"):
        drive.perform(path)
    drive.command("cancel")
    assert [(wish.path, wish.cancel) for wish in drive.agenda.activities] == [("A/undo", False)]
    drive.run()
    assert (drive.status, drive.ran[-1]) == ("canceled", "A/undo")


def test_signals_that_come_while_things_are_taken_back_start_nothing() -> None:
    waits = wait_for("go", timeout=5) >> writes("Never")
    flow = listed(does("A", a=1), parallel("Both", waits, fails("D", {"fails": 9})))
    drive = Drive(flow).run().command("cancel").signal("go", 1)
    assert drive.run().ran == ["A", "Both/D", "A/undo"]
    assert drive.status == "canceled"


def test_a_deadline_ends_even_the_taking_back() -> None:
    drive = stopped(listed(*THREE, sleep(600), timeout=60))
    drive.perform("C/undo")
    assert (drive.wait(60).status, drive.open) == ("timed_out", [])


# -- what is not sound -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("undo", "told"),
    [
        (5, "undo takes a step, not 5"),
        (is_on, "undo takes a step"),
        (sleep(1), "undo takes a step"),
        (begin, "undo takes a step"),
        (conditional(is_on)(writes("U")), "its undo 'U' has a condition"),
        (does("V"), "its undo 'V' has an undo of its own"),
    ],
)
def test_an_undo_that_is_no_plain_step_is_refused(undo: Any, told: str) -> None:
    for make in (step, retrystep):
        with pytest.raises(InvalidOptionError, match=told):
            make("A", undo=undo)


def test_whether_a_failure_is_taken_back_is_yes_or_no() -> None:
    with pytest.raises(InvalidOptionError, match="undo_on_failure must be True or False"):
        listed(writes("A"), undo_on_failure=1)


def test_a_definition_without_undos_is_what_it_was() -> None:
    assert "undo_on_failure" not in listed(writes("A")).document
    assert "undo" not in str(listed(writes("A")).document["steps"])


def test_names_that_would_make_an_undo_and_a_step_one_are_refused() -> None:
    for steps in (
        [does("A"), writes("A/undo")],
        [writes("A/undo"), does("A")],
    ):
        with pytest.raises(InvalidOptionError, match="can't be told from another"):
            listed(*steps)
