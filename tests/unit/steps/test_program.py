"""Step lists as processes: what follows from what, step by step, with the kernel alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from corago.core import events as e
from corago.steps import Step, abort, begin, conditional, parallel, sleep, step, wait_for
from tests.unit.steps.drive import Drive, fails, is_on, listed, writes

# -- one after another -----------------------------------------------------------------------------


def test_steps_run_in_order_and_each_sees_what_the_others_wrote() -> None:
    @step("Double")
    def double(n: int) -> dict[str, int]:
        return {"n": 2 * n}

    drive = Drive(listed(double, double, double), {"n": 1, "kept": True}).run()
    assert drive.ran == ["Double", "Double#2", "Double#3"]
    assert drive.status == "completed"
    assert drive.process.result == {"n": 8, "kept": True}
    assert drive.kinds() == ["ProcessStarted", *["ActivityClosed"] * 3, "ProcessCompleted"]


def test_a_list_without_steps_completes_at_once_with_its_input() -> None:
    drive = Drive(listed(), {"a": 1})
    assert drive.status == "completed"
    assert drive.process.result == {"a": 1}


def test_an_async_step_is_a_step() -> None:
    @step("Ask")
    async def ask(n: int) -> dict[str, int]:
        return {"n": n + 1}

    assert Drive(listed(ask), {"n": 1}).run().process.result == {"n": 2}


def test_a_step_cannot_change_the_state_by_changing_its_arguments() -> None:
    @step("Meddle")
    def meddle(items: list[int], state: dict[str, Any]) -> None:
        items.append(2)
        state["items"].append(3)
        state["new"] = 1

    assert Drive(listed(meddle), {"items": [1]}).run().process.result == {"items": [1]}


def test_abort_ends_the_process_as_aborted() -> None:
    drive = Drive(listed(writes("A", a=1), conditional(is_on)(abort)), {"on": True}).run()
    assert drive.status == "aborted"
    assert drive.ran == ["A"]


def test_the_last_outcome_and_the_end_are_one_commit() -> None:
    drive = Drive(listed(writes("A", a=1)))
    commit = drive.end("A", e.ActivityCompleted({"a": 1}))
    assert [type(event) for event in commit.events] == [e.ActivityClosed, e.ProcessCompleted]


# -- conditions ------------------------------------------------------------------------------------


def test_a_condition_is_asked_before_each_inner_step_so_that_one_turns_off_its_followers() -> None:
    inner = begin >> writes("First", a=1) >> writes("Off", on=False) >> writes("Last", b=1)
    drive = Drive(listed(conditional(is_on)(inner), writes("After")), {"on": True}).run()
    assert drive.ran == ["First", "Off", "After"]
    answers = [(each.path, each.answer) for each in drive.of(e.PredicateAnswered)]
    assert answers == [("First", True), ("Off", True), ("Last", False)]
    assert drive.process.result == {"on": False, "a": 1}


def test_of_several_conditions_the_outer_is_asked_first_and_one_no_is_enough() -> None:
    asked: list[str] = []

    def ask(name: str, *, answer: bool) -> Callable[[], bool]:
        def predicate() -> bool:
            asked.append(name)
            return answer

        return predicate

    outer, middle, inner = (
        ask("outer", answer=True),
        ask("middle", answer=False),
        ask("x", answer=True),
    )
    nested = conditional(outer)(conditional(middle)(conditional(inner)(writes("A", a=1))))
    drive = Drive(listed(nested)).run()
    assert asked == ["outer", "middle"]
    assert drive.process.result == {}


def test_a_predicate_that_raises_fails_the_process_there_and_a_retry_asks_again() -> None:
    broken = {"is": True}

    def careful() -> bool:
        if broken["is"]:
            raise ValueError("no answer")
        return True

    drive = Drive(listed(conditional(careful)(writes("A", a=1)))).run()
    assert (drive.status, drive.failed) == ("failed", ["A"])
    assert drive.process.error == e.Failure("ValueError", "no answer")
    broken["is"] = False
    drive.command("retry").run()
    assert drive.process.result == {"a": 1}


def test_a_predicate_that_misses_a_key_says_so() -> None:
    def is_large(size: int) -> bool:
        return size > 3

    drive = Drive(listed(conditional(is_large)(writes("A"))), {"sizes": 1}).run()
    assert drive.status == "failed"
    assert drive.process.error is not None
    assert drive.process.error.type == "StepArgumentError"
    assert "predicate 'is_large' of 'A' needs the argument 'size'" in drive.process.error.message
    assert "'sizes'" in drive.process.error.message


def test_every_kind_of_element_can_be_conditional() -> None:
    inner = begin >> sleep(5) >> wait_for("go") >> parallel("Both", writes("A", a=1)) >> abort
    drive = Drive(listed(conditional(is_on)(inner))).run()
    assert drive.status == "completed"
    assert [each.path for each in drive.of(e.PredicateAnswered)] == [
        "Sleep",
        "Wait for go",
        "Both",
        "Abort",
    ]


def test_a_condition_within_a_branch_sees_what_the_branch_wrote() -> None:
    turned_off = writes("Off", on=False) >> conditional(is_on)(writes("A", a=1))
    drive = Drive(listed(parallel("Both", turned_off, writes("B", b=1))), {"on": True}).run()
    assert drive.process.result == {"on": False, "b": 1}


# -- side by side ----------------------------------------------------------------------------------


def test_branches_are_open_at_once_and_what_they_wrote_is_merged() -> None:
    drive = Drive(listed(parallel("Both", writes("A", a=1) >> writes("C", c=1), writes("B", b=1))))
    assert drive.open == ["Both/A", "Both/B"]
    drive.perform("Both/A")
    assert drive.open == ["Both/C", "Both/B"]
    assert drive.state == {}
    drive.run()
    assert drive.process.result == {"a": 1, "b": 1, "c": 1}


def test_a_branch_sees_the_state_before_it_and_its_own_changes_only() -> None:
    seen: dict[str, dict[str, Any]] = {}

    def looks(name: str) -> Step[..., dict[str, Any]]:
        @step(name)
        def look(state: dict[str, Any]) -> dict[str, Any]:
            seen[name] = state
            return {name: 1}

        return look

    both = parallel("Both", looks("A") >> looks("C"), looks("B") >> looks("D"))
    Drive(listed(both), {"x": 0}).run()
    assert seen == {"A": {"x": 0}, "B": {"x": 0}, "C": {"x": 0, "A": 1}, "D": {"x": 0, "B": 1}}


def test_a_name_used_in_two_branches_is_numbered() -> None:
    drive = Drive(listed(parallel("Both", writes("A", a=1), writes("A", b=1))))
    assert drive.open == ["Both/A", "Both/A#2"]


def test_two_branches_that_write_one_key_fail_at_the_second_and_name_both() -> None:
    drive = Drive(listed(parallel("Both", writes("A", k=1), writes("B", k=2)))).run()
    assert (drive.status, drive.failed) == ("failed", ["Both/B"])
    assert drive.process.error is not None
    assert drive.process.error.type == "BranchConflictError"
    assert "State['k']" in drive.process.error.message
    drive.command("set_result", value={"other": 2})
    assert drive.process.result == {"k": 1, "other": 2}


def test_branches_may_overwrite_what_was_there_before() -> None:
    drive = Drive(listed(parallel("Both", writes("A", k=1), writes("B", b=1))), {"k": 0}).run()
    assert drive.process.result == {"k": 1, "b": 1}


def test_parallels_nest_and_clashes_are_found_across_levels() -> None:
    inner = parallel("Inner", writes("A", a=1), writes("B", b=1)) >> writes("C", c=1)
    drive = Drive(listed(parallel("Outer", inner, writes("D", d=1)), writes("E", e=1))).run()
    assert drive.ran[0] == "Outer/Inner/A"
    assert drive.process.result == {"a": 1, "b": 1, "c": 1, "d": 1, "e": 1}

    clashing = Drive(listed(parallel("Outer", writes("D", a=9), inner))).run()
    assert (clashing.status, clashing.failed) == ("failed", ["Outer/Inner/A"])


def test_when_a_branch_fails_the_others_finish_and_a_retry_runs_only_the_failed() -> None:
    until = {"fails": 1}
    both = parallel("Both", fails("A", until), writes("B", b=1) >> writes("C", c=1))
    drive = Drive(listed(both))
    drive.perform("Both/A")
    assert (drive.status, drive.failed) == ("running", ["Both/A"])
    drive.run()
    assert drive.ran == ["Both/A", "Both/B", "Both/C"]
    assert drive.status == "failed"
    drive.command("retry").run()
    assert drive.ran == ["Both/A", "Both/B", "Both/C", "Both/A"]
    assert drive.process.result == {"A": "well", "b": 1, "c": 1}


def test_several_failed_branches_are_retried_together_or_one_by_one() -> None:
    until = {"fails": 2}
    workflow_ = listed(parallel("Both", fails("A", until), fails("B", until)))
    together = Drive(workflow_).run()
    assert together.failed == ["Both/A", "Both/B"]
    assert together.command("retry").run().status == "completed"

    until["fails"] = 2
    single = Drive(workflow_).run().command("retry", "Both/B").run()
    assert (single.status, single.failed) == ("failed", ["Both/A"])
    assert single.command("skip").process.result == {"B": "well"}


def test_abort_in_a_branch_ends_the_whole_process() -> None:
    both = parallel("Both", writes("A", a=1) >> abort, writes("B", b=1))
    drive = Drive(listed(both))
    drive.perform("Both/A")
    assert drive.status == "aborted"
    assert drive.open == []
