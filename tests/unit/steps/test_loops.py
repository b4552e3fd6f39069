"""Loops as processes: items side by side, their limit, their failures, what they see and write."""

from __future__ import annotations

from typing import Any

import pytest

from corago.core import events as e
from corago.core import messages as m
from corago.core.calls import LiveCalls
from corago.core.kernel import advance
from corago.core.program import NOTHING
from corago.core.retry import Retry
from corago.errors import InvalidOptionError, InvalidStepListError
from corago.steps import (
    Step,
    Workflow,
    abort,
    begin,
    conditional,
    focussteps,
    foreach,
    parallel,
    sleep,
    step,
    step_group,
    wait_for,
)
from corago.steps.positions import counts
from tests.unit.steps.drive import Drive, is_on, listed, looks, marks, writes


def breaks(name: str, bad: set[Any], **options: Any) -> Step[..., dict[str, Any]]:
    """A step of a loop that fails for the items in `bad`, and writes {"well": item}."""

    @step(name, **options)
    def broken(item: Any) -> dict[str, Any]:
        if item in bad:
            raise RuntimeError(f"not for {item}")
        return {"well": item}

    return broken


def at(*indexes: int, loop: str = "Each", name: str = "A") -> list[str]:
    return [f"{loop}[{index}]/{name}" for index in indexes]


# -- items and results -----------------------------------------------------------------------------


def test_a_loop_runs_its_steps_for_each_item_and_keeps_what_each_wrote_in_order() -> None:
    double = marks("A", lambda item, index: {"twice": 2 * item, "at": index})
    drive = Drive(listed(foreach("Each", "numbers", double)), {"numbers": [5, 6, 7]})
    assert drive.open == at(0, 1, 2)
    for path in at(2, 0, 1):
        drive.perform(path)
    assert drive.process.result == {
        "numbers": [5, 6, 7],
        "Each": [{"twice": 10, "at": 0}, {"twice": 12, "at": 1}, {"twice": 14, "at": 2}],
    }
    assert [each.count for each in drive.of(e.ItemsChosen)] == [3]


def test_the_results_go_to_the_key_that_is_named() -> None:
    loop = foreach("Each", "numbers", writes("A", a=1), into="done")
    assert Drive(listed(loop), {"numbers": [0]}).run().process.result == {
        "numbers": [0],
        "done": [{"a": 1}],
    }


def test_a_loop_may_write_over_its_own_items() -> None:
    double = marks("A", lambda item, index: {"twice": 2 * item})
    loops = [
        foreach("Each", "n", double, into="n"),
        foreach("Again", "n", marks("B", lambda item, index: {"got": item["twice"]}), into="n"),
    ]
    drive = Drive(listed(*loops), {"n": [1, 2]}).run()
    assert drive.process.result == {"n": [{"got": 2}, {"got": 4}]}


def test_a_list_without_items_gives_a_list_without_results() -> None:
    drive = Drive(listed(foreach("Each", "none", writes("A", a=1)), writes("B", b=1)), {"none": []})
    assert drive.open == ["B"]
    assert drive.run().process.result == {"none": [], "Each": [], "b": 1}
    assert drive.positions["Each/A"] == "skipped"


def test_an_item_sees_the_state_itself_and_what_it_has_written_but_nothing_of_the_others() -> None:
    seen: list[Any] = []
    body = begin >> marks("A", lambda item, index: {"mine": item}) >> looks("B", seen)
    drive = Drive(listed(foreach("Each", "xs", body, limit=1)), {"xs": ["p", "q"], "k": 1}).run()
    assert seen == [
        {"xs": ["p", "q"], "k": 1, "item": "p", "index": 0, "mine": "p"},
        {"xs": ["p", "q"], "k": 1, "item": "q", "index": 1, "mine": "q"},
    ]
    assert drive.process.result == {
        "xs": ["p", "q"],
        "k": 1,
        "Each": [{"mine": "p"}, {"mine": "q"}],
    }


def test_a_state_with_an_item_of_its_own_is_covered_within_the_loop_only() -> None:
    seen: list[Any] = []
    drive = Drive(
        listed(foreach("Each", "xs", looks("A", seen, "item")), looks("After", seen, "item")),
        {"xs": [1], "item": "outer", "index": "outer"},
    ).run()
    assert seen == [{"item": 1}, {"item": "outer"}]
    assert drive.process.result == {"xs": [1], "item": "outer", "index": "outer", "Each": [{}]}


def test_loops_nest_and_the_inner_one_goes_through_what_the_item_holds() -> None:
    inner = foreach("Units", "units", marks("A", lambda item, index: {"unit": item}))

    @step("Open")
    def opened(item: dict[str, Any]) -> dict[str, Any]:
        return {"units": item["units"]}

    racks = [{"units": ["a", "b"]}, {"units": []}, {"units": ["c"]}]
    drive = Drive(listed(foreach("Racks", "racks", begin >> opened >> inner)), {"racks": racks})
    drive.run()
    assert drive.process.result["Racks"] == [
        {"units": ["a", "b"], "Units": [{"unit": "a"}, {"unit": "b"}]},
        {"units": [], "Units": []},
        {"units": ["c"], "Units": [{"unit": "c"}]},
    ]
    assert "Racks[0]/Units[1]/A" in drive.ran


def test_an_inner_loop_may_go_through_the_same_list_as_the_outer_one() -> None:
    inner = foreach("In", "xs", marks("A", lambda item, index: {"x": item}))
    drive = Drive(listed(foreach("Out", "xs", inner)), {"xs": [1, 2]}).run()
    assert drive.process.result["Out"] == [{"In": [{"x": 1}, {"x": 2}]}] * 2


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "goes through the list State['xs'], which is missing"),
        ({"xs": None}, "goes through the list State['xs'], which is of type NoneType"),
        ({"xs": {"a": 1}}, "goes through the list State['xs'], which is of type dict"),
        ({"xs": "text"}, "goes through the list State['xs'], which is of type str"),
    ],
)
def test_what_is_no_list_fails_the_loop_and_a_retry_looks_again(given: Any, told: str) -> None:
    drive = Drive(listed(foreach("Each", "xs", writes("A"))), given)
    assert (drive.status, drive.failed) == ("failed", ["Each"])
    assert drive.error.type == "StepArgumentError"
    assert told in drive.error.message
    assert drive.command("retry").failed == ["Each"]
    assert [each.error is None for each in drive.of(e.ItemsChosen)] == [False, False]
    skipped = Drive(listed(foreach("Each", "xs", writes("A"))), given).command("skip")
    assert skipped.process.result == given
    by_hand = Drive(listed(foreach("Each", "xs", writes("A"))), given)
    by_hand.command("set_result", value={"Each": [1]})
    assert by_hand.process.result == {**given, "Each": [1]}


def test_a_loop_that_is_not_sound_is_refused_where_it_is_written() -> None:
    with pytest.raises(InvalidStepListError, match="foreach 'Each' is empty"):
        foreach("Each", "xs", begin)
    for limit in (0, -1, True, 1.5, "3"):
        with pytest.raises(InvalidOptionError, match=r"foreach 'Each': limit must be 1, 2"):
            foreach("Each", "xs", writes("A"), limit=limit)  # type: ignore[arg-type]
    with pytest.raises(InvalidOptionError, match="key"):
        foreach("Each", "", writes("A"))
    with pytest.raises(InvalidOptionError, match="into"):
        foreach("Each", "xs", writes("A"), into=" ")


# -- the limit -------------------------------------------------------------------------------------


def test_no_more_items_than_the_limit_are_under_way() -> None:
    body = writes("A", a=1) >> writes("B", b=1)
    drive = Drive(listed(foreach("Each", "xs", body, limit=2)), {"xs": list(range(5))})
    assert drive.open == at(0, 1)
    drive.perform("Each[1]/A")
    assert drive.open == ["Each[0]/A", "Each[1]/B"]
    drive.perform("Each[1]/B")
    assert drive.open == at(0, 2)
    assert counts(drive.workflow.program, drive.snapshot) == {"Each": "1 of 5"}
    assert drive.run().status == "completed"
    assert len(drive.process.result["Each"]) == 5


def test_items_that_wait_count_towards_the_limit() -> None:
    body = begin >> sleep(10) >> wait_for("go")
    drive = Drive(listed(foreach("Each", "xs", body, limit=2)), {"xs": [0, 1, 2]})
    assert set(drive.process.timers) == {"Each[0]/Sleep@1", "Each[1]/Sleep@1"}
    drive.wait(10)
    assert drive.awaited == at(0, 1, name="Wait for go")
    drive.signal("go", "first")
    assert drive.awaited == at(1, name="Wait for go")
    assert set(drive.process.timers) == {"Each[2]/Sleep@1"}
    drive.wait(10).signal("go", "second").signal("go", "third")
    assert drive.process.result["Each"] == [{"go": "first"}, {"go": "second"}, {"go": "third"}]


def test_an_item_between_attempts_keeps_its_place() -> None:
    policy = Retry(attempts=2, delay=60, jitter=0)
    body = breaks("A", {0}, retry=policy)
    drive = Drive(listed(foreach("Each", "xs", body, limit=1)), {"xs": [0, 1]}).run()
    assert drive.ran == at(0)
    drive.wait(60)
    assert drive.ran == at(0, 0, 1)
    assert drive.failed == at(0)


def test_a_failed_item_gives_its_place_to_the_next_and_the_others_finish_first() -> None:
    bad = {0, 2}
    drive = Drive(listed(foreach("Each", "xs", breaks("A", bad), limit=1)), {"xs": [0, 1, 2, 3]})
    drive.perform("Each[0]/A")
    assert (drive.status, drive.open, drive.failed) == ("running", at(1), at(0))
    drive.run()
    assert drive.ran == at(0, 1, 2, 3)
    assert (drive.status, drive.failed) == ("failed", at(0, 2))
    assert drive.error == e.Failure("RuntimeError", "not for 0")
    bad.clear()
    drive.command("retry").run()
    assert drive.ran[4:] == at(0, 2)
    assert drive.process.result["Each"] == [{"well": item} for item in range(4)]


def test_a_retry_of_many_failed_items_keeps_to_the_limit() -> None:
    bad = set(range(20))
    loop = foreach("Each", "xs", breaks("A", bad), limit=3)
    drive = Drive(listed(loop), {"xs": list(range(20))}).run()
    assert drive.failed == at(*range(20))
    bad.clear()
    drive.command("retry")
    assert drive.open == at(0, 1, 2)
    assert drive.failed == []
    drive.perform("Each[1]/A")
    assert drive.open == at(0, 2, 3)
    drive.run()
    assert drive.ran[20:] == at(1, 0, *range(2, 20))
    assert drive.status == "completed"


def test_a_retried_item_waits_for_a_place_and_stops_nobody_who_has_one() -> None:
    bad = {0}
    body = breaks("A", bad, at_most_once=True)
    drive = Drive(listed(foreach("Each", "xs", body, limit=2)), {"xs": [0, 1, 2, 3]})
    drive.perform("Each[0]/A")
    assert drive.open == at(1, 2)
    drive.command("retry", "Each[0]/A")
    assert drive.open == at(1, 2)
    assert drive.failed == []
    bad.clear()
    drive.perform("Each[2]/A")
    assert drive.open == at(0, 1)
    assert drive.run().status == "completed"
    assert drive.ran == at(0, 2, 0, 1, 3)


def test_a_timer_of_an_item_is_not_disturbed_by_the_retry_of_another() -> None:
    bad = {0}
    body = breaks("A", bad) >> sleep(60)
    drive = Drive(listed(foreach("Each", "xs", body, limit=1)), {"xs": [0, 1]}).run()
    assert set(drive.process.timers) == {"Each[1]/Sleep@1"}
    bad.clear()
    drive.wait(30).command("retry").run()
    assert set(drive.process.timers) == {"Each[1]/Sleep@1"}
    drive.wait(30)
    assert drive.ran == at(0, 1, 0)
    assert drive.wait(60).status == "completed"
    assert drive.of(e.TimerCanceled) == []


def test_an_item_that_is_skipped_past_its_failure_waits_for_a_place_too() -> None:
    body = breaks("A", {0, 1}) >> writes("B", b=1)
    drive = Drive(listed(foreach("Each", "xs", body, limit=1)), {"xs": [0, 1, 2]})
    drive.perform("Each[0]/A")
    drive.perform("Each[1]/A")
    assert drive.open == at(2)
    drive.command("skip", "Each[0]/A")
    assert (drive.open, drive.failed) == (at(2), at(1))
    drive.command("set_result", "Each[1]/A", {"by": "hand"})
    assert drive.open == at(2)
    drive.run()
    assert drive.ran[3:] == ["Each[2]/B", "Each[0]/B", "Each[1]/B"]
    assert drive.process.result["Each"] == [{"b": 1}, {"by": "hand", "b": 1}, {"well": 2, "b": 1}]


def test_a_retried_item_that_fails_again_gives_its_place_to_the_next_retried_one() -> None:
    bad = {0, 1}
    drive = Drive(listed(foreach("Each", "xs", breaks("A", bad), limit=1)), {"xs": [0, 1]}).run()
    bad.remove(1)
    drive.command("retry").run()
    assert drive.ran == at(0, 1, 0, 1)
    assert (drive.status, drive.failed) == ("failed", at(0))


def test_the_limits_of_nested_loops_hold_through_a_retry() -> None:
    bad = {0, 1, 2, 3}
    inner = foreach("In", "inner", breaks("A", bad), limit=1)
    drive = Drive(
        listed(foreach("Out", "outer", inner, limit=2)),
        {"outer": [0, 1, 2], "inner": [0, 1, 2, 3]},
    ).run()
    assert len(drive.failed) == 12
    bad.clear()
    drive.command("retry")
    assert drive.open == ["Out[0]/In[0]/A", "Out[1]/In[0]/A"]
    while drive.open:
        assert len(drive.open) <= 2
        drive.perform(drive.open[-1])
    assert drive.status == "completed"


def test_an_item_with_a_failed_branch_keeps_its_place_while_its_other_branch_runs() -> None:
    body = parallel("Both", breaks("A", {0}), sleep(60))
    drive = Drive(listed(foreach("Each", "xs", body, limit=1)), {"xs": [0, 1]}).run()
    assert set(drive.process.timers) == {"Each[0]/Both/Sleep@1"}
    drive.wait(60)
    assert set(drive.process.timers) == {"Each[1]/Both/Sleep@1"}


@pytest.mark.parametrize(("limit", "begun"), [(1, 2), (2, 2), (3, 3), (9, 4)])
def test_another_limit_counts_from_the_change_of_the_list_on(limit: int, begun: int) -> None:
    def flow(limit: int) -> Workflow:
        return listed(foreach("Each", "xs", writes("A", a=1), limit=limit))

    drive, after = Drive(flow(2), {"xs": [0, 1, 2, 3]}), flow(limit)
    change = m.Adopt(after.program, after.sha, 1)
    program = drive.workflow.program
    commit = advance(program, drive.snapshot, [change], drive.now, LiveCalls({}))
    assert [wish.path for wish in (commit.snapshot.agenda or NOTHING).activities] == at(
        *range(begun)
    )


# -- what is inside --------------------------------------------------------------------------------


def test_each_item_has_timers_of_its_own_by_index() -> None:
    body = wait_for("go", timeout=30) >> sleep(5)
    drive = Drive(listed(foreach("Each", "xs", body)), {"xs": [0, 1]}).signal("go", 1).wait(30)
    assert drive.failed == at(1, name="Wait for go")
    assert drive.error.message == "signal 'go' did not arrive within 30 s"
    drive.command("retry")
    started = [each.timer for each in drive.of(e.TimerStarted)]
    assert started == [
        "Each[0]/Wait for go@1",
        "Each[1]/Wait for go@1",
        "Each[0]/Sleep@1",
        "Each[1]/Wait for go@2",
    ]
    assert drive.signal("go", 2).wait(5).process.result["Each"] == [{"go": 1}, {"go": 2}]


def test_a_condition_is_asked_for_each_item_and_around_the_whole_loop() -> None:
    def is_even(item: int) -> bool:
        return item % 2 == 0

    body = conditional(is_even)(writes("A", even=True)) >> writes("B", b=1)
    drive = Drive(listed(foreach("Each", "xs", body)), {"xs": [0, 1]}).run()
    assert drive.process.result["Each"] == [{"even": True, "b": 1}, {"b": 1}]
    answers = [(each.path, each.answer) for each in drive.of(e.PredicateAnswered)]
    assert answers == [("Each[0]/A", True), ("Each[1]/A", False)]
    around = conditional(is_on)(foreach("Each", "missing", writes("A")))
    assert Drive(listed(around)).process.result == {}
    failing = Drive(listed(around), {"on": True})
    assert failing.failed == ["Each"]


def test_a_predicate_that_fails_for_one_item_is_asked_again_for_that_one() -> None:
    broken = {"is": True}

    def careful(item: int) -> bool:
        if item == 1 and broken["is"]:
            raise ValueError("no answer")
        return True

    body = conditional(careful)(writes("A", a=1))
    drive = Drive(listed(foreach("Each", "xs", body)), {"xs": [0, 1, 2]}).run()
    assert drive.failed == at(1)
    broken["is"] = False
    assert drive.command("retry").run().ran == at(0, 2, 1)
    assert drive.status == "completed"


def test_an_abort_for_one_item_ends_the_whole_process() -> None:
    def is_bad(item: int) -> bool:
        return item == 1

    body = writes("A", a=1) >> conditional(is_bad)(abort) >> sleep(5)
    drive = Drive(listed(foreach("Each", "xs", body)), {"xs": [0, 1, 2]})
    drive.perform("Each[0]/A")
    assert drive.status == "running"
    drive.perform("Each[1]/A")
    assert (drive.status, drive.process.timers) == ("aborted", {})


def test_a_cancel_waits_for_the_items_that_run_and_begins_no_other() -> None:
    body = writes("A", a=1) >> writes("B", b=1)
    drive = Drive(listed(foreach("Each", "xs", body, limit=2)), {"xs": [0, 1, 2, 3]})
    drive.command("cancel")
    assert [(wish.path, wish.cancel) for wish in drive.agenda.activities] == [
        ("Each[0]/A", True),
        ("Each[1]/A", True),
    ]
    drive.end("Each[1]/A", e.ActivityCompleted({"a": 1}))
    assert drive.open == at(0)
    drive.end("Each[0]/A", e.ActivityCanceled())
    assert drive.status == "canceled"


def test_a_cancel_of_items_that_wait_or_have_failed_is_done_at_once() -> None:
    body = parallel("Both", breaks("A", {0, 1}), wait_for("go", timeout=60))
    drive = Drive(listed(foreach("Each", "xs", body)), {"xs": [0, 1]}).run().command("cancel")
    assert (drive.status, drive.process.timers) == ("canceled", {})


def test_items_may_end_in_one_commit() -> None:
    drive = Drive(listed(foreach("Each", "xs", writes("A", a=1), limit=2)), {"xs": [0, 1, 2]})
    done = e.ActivityCompleted({"a": 1})
    outcomes = [m.Outcome(path, 1, 1, done) for path in at(0, 1, 2)]
    commit = drive.advance(*outcomes)
    assert [type(event) for event in commit.events] == [*[e.ActivityClosed] * 3, e.ProcessCompleted]


def test_what_loses_its_worker_is_suspended_item_by_item() -> None:
    body = breaks("A", set(), at_most_once=True)
    drive = Drive(listed(foreach("Each", "xs", body, limit=2)), {"xs": [0, 1, 2]})
    drive.advance(m.Lost("worker"))
    assert (drive.status, drive.failed, drive.open) == ("suspended", at(0, 1), at(2))
    drive.command("skip", "Each[0]/A").run()
    assert (drive.status, drive.failed) == ("suspended", at(1))
    drive.command("set_result", "Each[1]/A", {"by": "hand"})
    assert drive.process.result["Each"] == [{}, {"by": "hand"}, {"well": 2}]


def test_a_loop_within_a_branch_writes_one_key_that_no_other_branch_may_write() -> None:
    both = parallel("Both", foreach("Each", "xs", writes("A", k=1)), writes("B", Each="mine"))
    late = Drive(listed(both), {"xs": [0]})
    late.perform("Both/B")
    late.run()
    assert late.error.type == "BranchConflictError"
    assert "State['Each']" in late.error.message
    first = Drive(listed(both), {"xs": [0]})
    first.perform("Both/Each[0]/A")
    first.run()
    assert first.failed == ["Both/B"]
    free = parallel("Both", foreach("Each", "xs", writes("A", k=1)), writes("B", k="mine"))
    assert Drive(listed(free), {"xs": [0]}).run().process.result["k"] == "mine"


def test_a_loop_without_items_conflicts_as_one_with_items_does() -> None:
    both = parallel("Both", writes("B", Each="mine"), sleep(1) >> foreach("Each", "xs", sleep(1)))
    for items in ([], [0]):
        drive = Drive(listed(both), {"xs": items}).run().wait(1)
        assert (drive.status, drive.failed) == ("failed", ["Both/Each"])
        assert drive.error.type == "BranchConflictError"
        assert drive.command("skip").process.result == {"xs": items, "Each": "mine"}


def test_groups_and_focuses_within_a_loop_stand_under_its_index() -> None:
    body = focussteps("item")(step_group("G", writes("A", a=1)))
    drive = Drive(listed(foreach("Each", "xs", body)), {"xs": [{"x": 1}, {"x": 2}]})
    assert drive.open == ["Each[0]/item/G/A", "Each[1]/item/G/A"]
    drive.run()
    results = [{"item": {"x": 1, "a": 1}}, {"item": {"x": 2, "a": 1}}]
    assert drive.process.result == {"xs": [{"x": 1}, {"x": 2}], "Each": results}


def test_a_long_list_is_gone_through_a_few_at_a_time() -> None:
    items = list(range(300))
    program = listed(foreach("Each", "xs", sleep(0), limit=7)).program
    drive = Drive(listed(foreach("Each", "xs", writes("A"), limit=7)), {"xs": items[:40]})
    assert program.decide_limit > 1000
    while drive.open:
        assert len(drive.open) == min(7, 40 - len(drive.ran))
        drive.perform(drive.open[-1])
    assert drive.process.result["Each"] == [{}] * 40
