"""Children as their parent sees them: with the kernel alone, the world being messages."""

from __future__ import annotations

from typing import Any

import pytest

from corago.core import commands
from corago.core import events as e
from corago.core import messages as m
from corago.core.calls import LiveCalls
from corago.core.commit import Birth, Commit
from corago.core.kernel import advance
from corago.core.program import NOTHING, Snapshot
from corago.errors import InvalidOptionError, InvalidStepListError
from corago.steps import (
    abort,
    begin,
    child,
    conditional,
    done,
    focussteps,
    foreach,
    init,
    parallel,
    sleep,
    step_group,
    wait_for,
)
from tests.unit.steps.drive import Drive, is_on, listed, writes

part = listed(writes("Inner", inner=1))
PART = child("part")
FAILURE = e.Failure("RuntimeError", "not yet")
BAD: list[Any] = [5, part.steps[1], [1], {1: 2}]
ENDS = ("failed", "canceled", "aborted", "timed_out")


def ended(drive: Drive, child: str, status: str, path: str = "part", **end: Any) -> Drive:
    drive.advance(m.ChildEnded(path, child, status, **end))
    return drive


# -- starting --------------------------------------------------------------------------------------


def test_a_child_is_born_once_under_an_id_of_its_path_with_the_state_as_its_input() -> None:
    drive = Drive(listed(writes("A", a=1), PART), {"x": 0})
    drive.perform("A")
    assert drive.births == [Birth("part", "p/part", "part", {"x": 0, "a": 1})]
    assert drive.children == ["part"]
    assert drive.positions["part"] == "waiting"
    assert drive.of(e.ChildStarted)[0].input == {"x": 0, "a": 1}
    drive.advance(m.Signal("anything"))
    drive.advance()
    assert len(drive.births) == 1


def test_what_a_child_has_come_to_is_merged_into_the_state_or_put_under_a_key() -> None:
    merged = Drive(listed(PART, writes("A", a=1)), {"x": 0})
    merged.child("part", result={"x": 5, "y": 6})
    assert merged.run().process.result == {"x": 5, "y": 6, "a": 1}
    kept = Drive(listed(child("part", into="got")), {"x": 0})
    kept.child("part", result={"x": 5})
    assert kept.process.result == {"x": 0, "got": {"x": 5}}
    assert kept.process.children == {}


def test_any_result_may_go_under_a_key_but_only_a_dict_is_merged() -> None:
    kept = Drive(listed(child("part", into="got")))
    kept.child("part", result=[1, None])
    assert kept.process.result == {"got": [1, None]}
    drive = Drive(listed(PART))
    drive.child("part", result=[1, None])
    assert (drive.failed, drive.error.type) == (["part"], "StepResultError")
    assert drive.command("set_result", value={"by": "hand"}).process.result == {"by": "hand"}


def test_a_workflow_without_parentheses_is_a_child() -> None:
    flow = listed(writes("A", a=1) >> part >> part)
    drive = Drive(flow).run()
    assert (drive.children, flow.children) == (["tried"], (part, part))
    drive.child("tried", result={})
    assert [birth.child for birth in drive.births] == ["p/tried", "p/tried#2"]
    assert Drive(listed(step_group("G", part))).children == ["G/tried"]
    assert Drive(listed(parallel("Both", part, part))).children == ["Both/tried", "Both/tried#2"]


def test_the_input_of_a_child_is_given_or_made_of_the_state() -> None:
    def order(x: int) -> dict[str, Any]:
        return {"order": x + 1}

    given = Drive(listed(child("part", input={"fixed": [1]})), {"x": 5})
    assert given.births[0].input == {"fixed": [1]}
    made = Drive(listed(child(part, input=order)), {"x": "5"})
    assert made.births[0].input == {"order": 6}
    assert made.births[0].workflow == "tried"
    empty = Drive(listed(child("part", input={})), {"x": 5})
    assert empty.births[0].input == {}


def test_an_input_that_can_not_be_made_fails_and_a_retry_makes_it_again() -> None:
    broken = {"is": True}

    def order(x: int) -> Any:
        if broken["is"]:
            raise ValueError("no order")
        return {"order": x}

    drive = Drive(listed(child("part", input=order)), {"x": 1})
    assert (drive.status, drive.failed, drive.births) == ("failed", ["part"], [])
    assert drive.error == e.Failure("ValueError", "no order")
    broken["is"] = False
    drive.command("retry")
    assert drive.births[0].input == {"order": 1}
    drive.child("part", result={})
    assert drive.status == "completed"


def test_an_input_that_is_no_dict_fails_too() -> None:
    drive = Drive(listed(child("part", input=lambda: [1])))  # type: ignore[arg-type, return-value]
    assert (drive.failed, drive.error.type) == (["part"], "StepResultError")
    assert drive.command("skip").status == "completed"


def test_a_child_that_could_not_be_born_fails_and_a_retry_tries_the_same_again() -> None:
    drive = Drive(listed(PART, writes("B", b=1)))
    drive.advance(m.ChildRefused("part", e.Failure("WorkflowNotFoundError", "unknown")))
    assert (drive.status, drive.failed) == ("failed", ["part"])
    assert drive.error == e.Failure("WorkflowNotFoundError", "unknown")
    assert drive.process.children == {}
    drive.command("retry")
    assert [birth.child for birth in drive.births] == ["p/part", "p/part"]
    drive.child("part", result={"got": 1})
    assert drive.run().process.result == {"got": 1, "b": 1}


def test_what_could_not_be_born_is_no_birth_of_the_commit_that_says_so() -> None:
    drive = Drive(listed(writes("A"), PART))
    outcome = m.Outcome("A", 1, 1, e.ActivityCompleted({}))
    commit = drive.advance(outcome, m.ChildRefused("part", FAILURE))
    assert commit.births == ()
    kinds = [type(event) for event in commit.events]
    assert kinds == [e.ActivityClosed, e.ChildStarted, e.ChildStartFailed, e.ProcessFailed]


def test_of_many_births_only_the_refused_one_fails() -> None:
    both = parallel("Both", PART, PART)
    drive = Drive(listed(writes("A"), both))
    outcome = m.Outcome("A", 1, 1, e.ActivityCompleted({}))
    commit = drive.advance(outcome, m.ChildRefused("Both/part", FAILURE))
    assert [birth.path for birth in commit.births] == ["Both/part#2"]
    assert (drive.failed, drive.children) == (["Both/part"], ["Both/part#2"])


def test_a_refused_birth_in_a_commit_that_closes_the_process_bears_nothing() -> None:
    flow = listed(writes("A"), parallel("Both", PART, wait_for("stop") >> abort))
    outcome = m.Outcome("A", 1, 1, e.ActivityCompleted({}))
    refused = m.ChildRefused("Both/part", FAILURE)
    drive = Drive(flow)
    commit = drive.advance(outcome, m.Signal("stop"), refused)
    assert (drive.status, commit.births) == ("aborted", ())
    assert commit.sends == ()


# -- ends ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ENDS)
def test_a_child_that_does_not_complete_fails_its_parent_and_says_why(status: str) -> None:
    drive = Drive(listed(PART, writes("A")))
    drive.child("part", status, error=FAILURE if status == "failed" else None)
    assert (drive.status, drive.failed) == ("failed", ["part"])
    why = ": RuntimeError: not yet" if status == "failed" else ""
    assert drive.error == e.Failure("ChildProcessError", f"child process 'p/part' is {status}{why}")
    assert drive.positions["part"] == "failed"
    assert drive.process.children == {}


def test_a_retry_lets_a_failed_child_go_on_where_it_failed() -> None:
    drive = Drive(listed(PART, writes("A", a=1)))
    drive.child("part", "failed", error=FAILURE)
    drive.command("retry")
    assert (drive.status, drive.children) == ("running", ["part"])
    assert len(drive.births) == 1
    (sent,) = drive.sends
    assert (sent.process_id, sent.reopens) == ("p/part", True)
    assert isinstance(sent.message, m.Command)
    assert (sent.message.verb, sent.message.targets) == ("retry", m.ANY)
    assert drive.told() == [("p/part", "retry")]
    drive.child("part", "failed", error=FAILURE)
    drive.command("retry")
    assert drive.told() == [("p/part", "retry")] * 2
    drive.child("part", result={"well": 1})
    assert drive.run().process.result == {"well": 1, "a": 1}


@pytest.mark.parametrize("status", ENDS[1:])
def test_a_retry_of_a_child_that_ended_for_good_starts_another(status: str) -> None:
    drive = Drive(listed(PART), {"x": 0})
    drive.child("part", status)
    drive.command("retry")
    assert [birth.child for birth in drive.births] == ["p/part", "p/part@2"]
    assert drive.told() == []
    drive.child("part", status)
    drive.command("retry")
    drive.child("part", "failed", error=FAILURE)
    drive.command("retry")
    assert [birth.child for birth in drive.births] == ["p/part", "p/part@2", "p/part@3"]
    assert drive.told() == [("p/part@3", "retry")]
    drive.child("part", result={"well": 1})
    assert drive.process.result == {"x": 0, "well": 1}


def test_a_child_can_be_skipped_or_answered_once_it_has_ended() -> None:
    flow = listed(child("part", into="got"), writes("A", a=1))
    for status in ENDS:
        drive = Drive(flow)
        assert "nothing in it has failed" in drive.refused("skip")
        drive.child("part", status)
        assert drive.command("skip", "part").run().process.result == {"a": 1}
        answered = Drive(flow)
        answered.child("part", status)
        answered.command("set_result", "part", {"got": "by hand"})
        assert answered.run().process.result == {"got": "by hand", "a": 1}


def test_what_a_former_child_says_late_counts_no_more() -> None:
    drive = Drive(listed(PART))
    drive.child("part", "aborted")
    drive.command("retry")
    ended(drive, "p/part", "completed", result={"late": True})
    assert (drive.status, drive.children) == ("running", ["part"])
    ended(drive, "p/part", "canceled")
    assert drive.status == "running"
    ended(drive, "p/part@2", "completed", result={"in": "time"})
    assert drive.process.result == {"in": "time"}


def test_what_a_stranger_says_counts_nothing() -> None:
    drive = Drive(listed(PART, writes("A")))
    ended(drive, "other/part@2", "completed", result={"x": 1})
    ended(drive, "part", "completed", result={"x": 1})
    ended(drive, "p/A", "completed", path="A", result={"x": 1})
    assert (drive.status, drive.children) == ("running", ["part"])


def test_a_child_says_its_end_twice_and_once_counts() -> None:
    drive = Drive(listed(PART, PART))
    for _ in range(2):
        ended(drive, "p/part", "completed", result={"x": 1})
    assert drive.children == ["part#2"]
    ended(drive, "p/part#2", "completed", path="part#2", result={"y": 1})
    assert drive.process.result == {"x": 1, "y": 1}


def test_a_failed_child_that_went_on_by_another_hand_brings_its_result() -> None:
    both = parallel("Both", PART, sleep(60))
    drive = Drive(listed(both))
    drive.child("Both/part", "failed", error=FAILURE)
    assert (drive.status, drive.failed) == ("running", ["Both/part"])
    drive.child("Both/part", result={"well": 1})
    assert drive.wait(60).process.result == {"well": 1}


def test_an_end_that_came_while_the_parent_had_failed_is_taken_with_the_retry() -> None:
    drive = Drive(listed(PART))
    drive.child("part", "failed", error=FAILURE)
    targets = commands.target(drive.process, drive.agenda, "retry", None, drive.now)
    assert isinstance(targets, dict)
    late = m.ChildEnded("part", "p/part", "aborted")
    drive.advance(late)
    assert drive.status == "failed"
    drive.advance(late, m.Command("retry", targets))
    assert (drive.status, drive.told()) == ("failed", [])
    assert drive.error.message == "child process 'p/part' is aborted"
    drive.command("retry")
    assert drive.births[-1].child == "p/part@2"


def test_a_child_whose_place_is_renamed_meanwhile_is_the_same_child() -> None:
    drive = Drive(listed(PART, writes("A")))
    after = listed(PART.named("sub"), writes("A"))
    change = m.Adopt(after.program, after.sha, 1, {"part": "sub"})

    def take(snapshot: Snapshot, *messages: m.Message) -> Commit:
        program = drive.workflow.program if change in messages else after.program
        return advance(program, snapshot, messages, drive.now, LiveCalls({}))

    moved = take(drive.snapshot, change)
    assert (moved.births, moved.sends) == ((), ())
    failed = take(moved.snapshot, m.ChildEnded("part", "p/part", "failed", error=FAILURE))
    assert failed.snapshot.process.children == {}
    again = take(failed.snapshot, m.Command("retry", m.ANY))
    assert [send.process_id for send in again.sends] == ["p/part"]
    late = take(again.snapshot, m.ChildEnded("part", "p/part", "completed", {"x": 1}))
    assert late.snapshot.state.state == {"x": 1}
    assert [wish.path for wish in (late.snapshot.agenda or NOTHING).activities] == ["A"]


# -- nested ----------------------------------------------------------------------------------------


def test_children_of_a_loop_are_born_as_the_limit_allows() -> None:
    one = child("part", into="got", input=lambda item: {"n": item})
    drive = Drive(listed(foreach("Each", "xs", one, limit=2)), {"xs": [5, 6, 7]})
    assert [(birth.child, birth.input) for birth in drive.births] == [
        ("p/Each[0]/part", {"n": 5}),
        ("p/Each[1]/part", {"n": 6}),
    ]
    drive.child("Each[0]/part", "failed", error=FAILURE)
    drive.child("Each[2]/part", result=7)
    drive.child("Each[1]/part", result=6)
    assert (drive.status, drive.failed) == ("failed", ["Each[0]/part"])
    drive.command("retry")
    assert drive.told() == [("p/Each[0]/part", "retry")]
    drive.child("Each[0]/part", result=5)
    assert drive.process.result["Each"] == [{"got": 5}, {"got": 6}, {"got": 7}]


def test_the_retry_of_one_item_never_stops_the_child_of_another() -> None:
    drive = Drive(listed(foreach("Each", "xs", PART, limit=1)), {"xs": [0, 1, 2]})
    drive.child("Each[0]/part", "failed", error=FAILURE)
    assert drive.children == ["Each[1]/part"]
    drive.command("retry")
    assert (drive.told(), drive.children) == ([], ["Each[1]/part"])
    drive.child("Each[1]/part", result={})
    assert drive.told() == [("p/Each[0]/part", "retry")]


def test_a_child_in_a_focus_gets_the_part_and_writes_there() -> None:
    drive = Drive(listed(focussteps("k")(PART)), {"k": {"x": 1}, "other": 2})
    assert drive.births[0].input == {"x": 1}
    drive.child("k/part", result={"y": 2})
    assert drive.process.result == {"k": {"x": 1, "y": 2}, "other": 2}


def test_a_condition_around_a_child_is_asked_before_it_is_born() -> None:
    guarded = conditional(is_on)(PART)
    assert Drive(listed(guarded)).births == []
    assert len(Drive(listed(guarded), {"on": True}).births) == 1


def test_a_result_of_a_child_may_not_clash_with_another_branch() -> None:
    drive = Drive(listed(parallel("Both", writes("A", k=1), PART))).run()
    drive.child("Both/part", result={"k": 2})
    assert (drive.error.type, drive.failed) == ("BranchConflictError", ["Both/part"])
    drive.command("retry")
    assert drive.births[-1].child == "p/Both/part@2"
    drive.child("Both/part", result={"l": 2})
    assert drive.process.result == {"k": 1, "l": 2}
    with pytest.raises(InvalidStepListError, match=r"both write State\['got'\]"):
        listed(parallel("Both", child("part", into="got"), child("part", into="got")))


def test_names_of_children_are_as_free_as_those_of_steps() -> None:
    odd = child("part").named("order [1]/2 {x} #1@2")
    drive = Drive(listed(foreach("Each", "xs", odd)), {"xs": [0]})
    assert drive.births[0].child == "p/Each[0]/order [1]/2 {x} #1@2"
    drive.child("Each[0]/order [1]/2 {x} #1@2", result={"a": 1})
    assert drive.process.result == {"xs": [0], "Each": [{"a": 1}]}


@pytest.mark.parametrize(
    ("make", "told", "error"),
    [
        (
            lambda: child(BAD[0]),
            "child takes a workflow or the name of one, not 5",
            InvalidStepListError,
        ),
        (lambda: child(BAD[1]), "child takes a workflow", InvalidStepListError),
        (lambda: child(""), "child needs a name", InvalidOptionError),
        (
            lambda: child("part", input=BAD[2]),
            "input of child 'part' must be a dict",
            InvalidOptionError,
        ),
        (lambda: child("part", input=BAD[3]), "texts as keys", InvalidOptionError),
        (lambda: child("part", input={"a": object()}), "input of child", InvalidOptionError),
        (lambda: child("part", into=""), "child 'part': into", InvalidOptionError),
    ],
)
def test_a_child_that_makes_no_sense_is_refused(
    make: Any, told: str, error: type[Exception]
) -> None:
    with pytest.raises(error, match=told):
        make()


def test_lists_of_children_are_lists_like_others() -> None:
    steps = init >> part >> child("other") >> (begin >> part) >> done
    assert [each.name for each in steps] == ["Start", "tried", "other", "tried", "Done"]
    assert repr(steps) == "init >> child('tried') >> child('other') >> child('tried') >> done"
