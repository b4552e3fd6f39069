"""Groups, focuses and lenses as processes: what their lists see, write, and fail at."""

from __future__ import annotations

from typing import Any

import pytest

from corago.core import events as e
from corago.core.retry import Retry
from corago.errors import InvalidOptionError, InvalidStepListError
from corago.steps import (
    StepList,
    Workflow,
    abort,
    begin,
    conditional,
    focussteps,
    foreach,
    init,
    parallel,
    sleep,
    step,
    step_group,
    steplens,
    wait_for,
    workflow,
)
from tests.unit.steps.drive import Drive, fails, is_on, listed, looks, writes

# -- groups ----------------------------------------------------------------------------------------


def test_a_group_is_a_list_under_a_name() -> None:
    inner = writes("A", a=1) >> writes("B", b=1)
    drive = Drive(listed(step_group("G", inner), writes("C", c=1)))
    assert drive.open == ["G/A"]
    drive.perform("G/A")
    assert drive.state == {"a": 1}
    assert drive.positions == {
        "Start": "done",
        "G": "running",
        "G/A": "done",
        "G/B": "running",
        "C": "pending",
        "Done": "pending",
    }
    assert drive.run().ran == ["G/A", "G/B", "C"]
    assert drive.process.result == {"a": 1, "b": 1, "c": 1}


def test_a_group_of_one_step_needs_no_list() -> None:
    assert Drive(listed(step_group("G", writes("A", a=1)))).run().process.result == {"a": 1}


def test_a_retry_resumes_at_exactly_the_inner_step() -> None:
    until = {"fails": 1}
    inner = writes("A", a=1) >> step_group("H", fails("B", until)) >> writes("C", c=1)
    drive = Drive(listed(step_group("G", inner))).run()
    assert (drive.status, drive.process.error_path) == ("failed", "G/H/B")
    drive.command("retry").run()
    assert drive.ran == ["G/A", "G/H/B", "G/H/B", "G/C"]
    assert drive.process.result == {"a": 1, "B": "well", "c": 1}


def test_a_failed_inner_step_can_be_skipped_or_answered_by_its_path() -> None:
    flow = listed(step_group("G", fails("A", {"fails": 9}) >> writes("B", b=1)))
    assert Drive(flow).run().command("skip", "G/A").run().process.result == {"b": 1}
    by_hand = Drive(flow).run().command("set_result", "G/A", {"a": 2}).run()
    assert by_hand.process.result == {"a": 2, "b": 1}


def test_steps_of_a_group_see_what_those_before_them_wrote() -> None:
    seen: list[Any] = []
    inner = writes("A", a=1) >> step_group("H", writes("B", b=1) >> looks("L", seen))
    Drive(listed(step_group("G", inner)), {"x": 0}).run()
    assert seen == [{"x": 0, "a": 1, "b": 1}]


def test_a_group_in_a_branch_may_not_write_what_another_branch_wrote() -> None:
    both = parallel("Both", writes("A", k=1), step_group("G", writes("B", k=2)))
    drive = Drive(listed(both)).run()
    assert (drive.error.type, drive.failed) == ("BranchConflictError", ["Both/G/B"])
    unsaid = Drive(listed(both))
    unsaid.perform("Both/G/B")
    unsaid.perform("Both/A")
    assert unsaid.failed == ["Both/A"]


# -- focus -----------------------------------------------------------------------------------------


def test_focused_steps_see_a_part_of_the_state_as_their_state() -> None:
    seen: list[Any] = []
    inner = looks("L", seen) >> writes("A", a=1) >> looks("M", seen)
    drive = Drive(listed(focussteps("part")(inner)), {"part": {"x": 0}, "other": 1})
    drive.run()
    assert seen == [{"x": 0}, {"x": 0, "a": 1}]
    assert drive.ran == ["part/L", "part/A", "part/M"]
    assert drive.process.result == {"part": {"x": 0, "a": 1}, "other": 1}


def test_the_state_shows_what_focused_steps_have_written_so_far() -> None:
    drive = Drive(listed(focussteps("p")(writes("A", a=1) >> writes("B", a=2))), {"p": {"x": 0}})
    drive.perform("p/A")
    assert drive.state == {"p": {"x": 0, "a": 1}}


@pytest.mark.parametrize("given", [{}, {"part": None}, {"part": {}}])
def test_where_nothing_is_yet_focused_steps_begin_with_nothing(given: dict[str, Any]) -> None:
    seen: list[Any] = []
    drive = Drive(listed(focussteps("part")(looks("L", seen) >> writes("A", a=1))), given).run()
    assert seen == [{}]
    assert drive.process.result == {"part": {"a": 1}}


@pytest.mark.parametrize("part", [5, "text", [1], True])
def test_a_part_that_is_no_dict_fails_and_a_retry_looks_again(part: Any) -> None:
    flow = listed(focussteps("part")(writes("A", a=1)), writes("B", b=1))
    drive = Drive(flow, {"part": part})
    assert (drive.status, drive.failed) == ("failed", ["part"])
    assert drive.error.type == "StepArgumentError"
    assert f"State['part'] is of type {type(part).__name__}" in drive.error.message
    assert drive.command("retry").failed == ["part"]
    assert drive.command("skip").run().process.result == {"part": part, "b": 1}
    mended = Drive(flow, {"part": part}).command("set_result", "part", {"part": {"by": "hand"}})
    assert mended.run().process.result == {"part": {"by": "hand"}, "b": 1}


def test_focuses_nest() -> None:
    inner = focussteps("b")(writes("A", c=1) >> focussteps("d")(writes("B", e=2)))
    drive = Drive(listed(focussteps("a")(inner)), {"a": {"x": 0}})
    assert drive.open == ["a/b/A"]
    assert drive.run().process.result == {"a": {"x": 0, "b": {"c": 1, "d": {"e": 2}}}}


def test_a_focus_can_bear_another_name_than_its_key() -> None:
    drive = Drive(listed(focussteps("part")(writes("A", a=1)).named("Part one")))
    assert drive.open == ["Part one/A"]
    assert drive.run().process.result == {"part": {"a": 1}}


def test_a_condition_around_a_focus_sees_the_whole_state_and_one_within_only_the_part() -> None:
    inner = conditional(is_on)(writes("A", a=1))
    around = conditional(is_on)(focussteps("part")(inner >> writes("B", b=1)))
    drive = Drive(listed(around), {"on": True, "part": {"on": False}}).run()
    assert drive.process.result == {"on": True, "part": {"on": False, "b": 1}}
    assert Drive(listed(around), {"part": 5}).process.result == {"part": 5}


def test_two_branches_may_not_focus_on_one_key() -> None:
    with pytest.raises(InvalidStepListError, match=r"both write State\['part'\]"):
        listed(parallel("Both", focussteps("part")(writes("A")), focussteps("part")(writes("B"))))
    deep = parallel("Both", writes("W", part=1), sleep(1) >> focussteps("part")(sleep(1)))
    drive = Drive(listed(deep)).run().wait(5)
    assert (drive.error.type, drive.failed) == ("BranchConflictError", ["Both/part"])
    assert drive.command("skip").process.result == {"part": 1}


def test_what_focused_branches_write_does_not_clash_with_the_names_outside() -> None:
    inner = focussteps("part")(parallel("In", writes("A", a=1), writes("B", b=2)))
    both = parallel("Both", inner, writes("C", a=3))
    assert Drive(listed(both)).run().process.result == {"part": {"a": 1, "b": 2}, "a": 3}
    clashing = focussteps("part")(parallel("In", writes("A", a=1), writes("B", a=2)))
    drive = Drive(listed(clashing)).run()
    assert (drive.error.type, drive.failed) == ("BranchConflictError", ["part/In/B"])


# -- lenses ----------------------------------------------------------------------------------------


def only_x(x: int) -> dict[str, Any]:
    return {"x": x, "seen": "through"}


def back(substate: dict[str, Any], outer: int = 0) -> dict[str, Any]:
    return {"came": substate, "outer": outer + 1}


def test_steps_behind_a_lens_see_what_one_function_gives_and_another_puts_it_back() -> None:
    seen: list[Any] = []
    inner = looks("L", seen) >> writes("A", a=1)
    drive = Drive(listed(steplens(only_x, back)(inner)), {"x": 5, "outer": 1, "hidden": True})
    assert drive.open == ["only_x/get"]
    drive.run()
    assert seen == [{"x": 5, "seen": "through"}]
    assert drive.ran == ["only_x/get", "only_x/L", "only_x/A", "only_x/set"]
    assert drive.process.result == {
        "x": 5,
        "outer": 2,
        "hidden": True,
        "came": {"x": 5, "seen": "through", "a": 1},
    }


def test_a_lens_of_lambdas_is_called_lens() -> None:
    flow = listed(steplens(lambda x: {"y": x}, lambda substate: {"x": substate["y"] + 1})(sleep(1)))
    drive = Drive(flow, {"x": 1}).run()
    assert set(drive.process.timers) == {"Lens/Sleep@1"}
    assert drive.wait(1).process.result == {"x": 2}


def test_the_functions_of_a_lens_may_take_the_whole_state() -> None:
    def get(state: dict[str, Any]) -> dict[str, Any]:
        return {"size": len(state)}

    def put(state: dict[str, Any], substate: dict[str, Any]) -> dict[str, Any]:
        return {"state": sorted(state), "sub": substate}

    drive = Drive(listed(steplens(get, put)(writes("A", a=1))), {"p": 1, "q": 2}).run()
    assert drive.process.result == {"p": 1, "q": 2, "state": ["p", "q"], "sub": {"size": 2, "a": 1}}


def test_a_key_called_substate_is_covered_for_the_second_function_only() -> None:
    def get(substate: str) -> dict[str, Any]:
        return {"was": substate}

    def put(substate: dict[str, Any]) -> dict[str, Any]:
        return {"now": substate}

    drive = Drive(listed(steplens(get, put)(writes("A", a=1))), {"substate": "mine"}).run()
    assert drive.process.result == {"substate": "mine", "now": {"was": "mine", "a": 1}}


def test_a_lens_may_give_nothing_and_put_nothing_back() -> None:
    def nothing() -> None: ...

    drive = Drive(listed(steplens(nothing, nothing)(writes("A", a=1))), {"x": 1}).run()
    assert drive.process.result == {"x": 1}


def test_both_functions_of_a_lens_may_be_async() -> None:
    async def get(x: int) -> dict[str, int]:
        return {"y": x}

    async def put(substate: dict[str, int]) -> dict[str, int]:
        return {"x": substate["y"] + 1}

    drive = Drive(listed(steplens(get, put)(sleep(0))), {"x": 1}).run().wait(0)
    assert drive.process.result == {"x": 2}


def broken_lens(broken: dict[str, bool]) -> Workflow:
    def get(x: int) -> dict[str, Any]:
        if broken["get"]:
            raise ValueError("no get")
        return {"y": x}

    def put(substate: dict[str, Any]) -> dict[str, Any]:
        if broken["set"]:
            raise ValueError("no set")
        return {"x": substate}

    return listed(steplens(get, put)(writes("A", a=1)), writes("B", b=1))


def test_a_function_of_a_lens_that_fails_is_retried_alone() -> None:
    broken = {"get": True, "set": True}
    drive = Drive(broken_lens(broken), {"x": 1}).run()
    assert (drive.status, drive.failed) == ("failed", ["get/get"])
    assert drive.positions["get"] == "failed"
    broken["get"] = False
    drive.command("retry").run()
    assert (drive.status, drive.failed) == ("failed", ["get/set"])
    assert drive.positions["get/A"] == "done"
    broken["set"] = False
    drive.command("retry").run()
    assert drive.ran == ["get/get", "get/get", "get/A", "get/set", "get/set", "B"]
    assert drive.process.result == {"x": {"y": 1, "a": 1}, "b": 1}


def test_what_a_lens_gives_can_be_skipped_or_set_by_hand() -> None:
    broken = {"get": True, "set": True}
    flow = broken_lens(broken)
    skipped = Drive(flow, {"x": 1}).run().command("skip", "get/get").run()
    assert skipped.failed == ["get/set"]
    assert skipped.command("skip", "get/set").run().process.result == {"x": 1, "b": 1}
    by_hand = Drive(flow, {"x": 1}).run().command("set_result", "get/get", {"y": 7}).run()
    by_hand.command("set_result", "get/set", {"x": "put"}).run()
    assert by_hand.process.result == {"x": "put", "b": 1}
    assert by_hand.ran == ["get/get", "get/A", "get/set", "B"]


def test_an_argument_that_is_missing_names_the_function_of_the_lens() -> None:
    drive = Drive(broken_lens({"get": False, "set": False})).run()
    assert drive.failed == ["get/get"]
    assert "get of lens 'get' needs the argument 'x'" in drive.error.message


def test_a_result_by_hand_that_is_no_dict_is_refused_at_a_lens_too() -> None:
    drive = Drive(broken_lens({"get": True, "set": True}), {"x": 1}).run()
    drive.command("set_result", "get/get", 5)
    assert (drive.failed, drive.error.type) == (["get/get"], "StepResultError")
    drive.command("set_result", "get/get", {"y": 1}).run().command("set_result", value=[])
    assert (drive.failed, drive.error.type) == (["get/set"], "StepResultError")
    assert drive.command("skip").run().status == "completed"


def test_the_keys_behind_a_lens_are_free_and_what_is_put_back_is_not() -> None:
    def get() -> dict[str, Any]:
        return {"k": 0}

    def put(substate: dict[str, Any]) -> dict[str, Any]:
        return {"out": substate["k"]}

    lens = steplens(get, put)(writes("A", k=1))
    free = parallel("Both", writes("W", k=2), lens)
    assert Drive(listed(free)).run().process.result == {"k": 2, "out": 1}
    drive = Drive(listed(parallel("Both", writes("W", out=2), lens))).run()
    assert (drive.error.type, drive.failed) == ("BranchConflictError", ["Both/get/set"])
    assert drive.command("skip").process.result == {"out": 2}


def test_two_lenses_have_functions_and_steps_of_their_own() -> None:
    def get(n: int) -> dict[str, int]:
        return {"n": n + 1}

    def put(substate: dict[str, int]) -> dict[str, int]:
        return {"n": substate["n"] * 10}

    lens = steplens(get, put)
    drive = Drive(listed(lens(lens(sleep(0))), lens(sleep(0))), {"n": 1}).wait(0).run().wait(0)
    assert drive.run().process.result == {"n": 3010}
    assert drive.ran == [
        "get/get",
        "get/get#2/get",
        "get/get#2/set",
        "get/set",
        "get#2/get",
        "get#2/set",
    ]


def test_a_step_within_a_lens_may_be_called_like_its_functions() -> None:
    inner = writes("get", a=1) >> writes("set", b=1)
    drive = Drive(listed(steplens(only_x, back)(inner)), {"x": 1}).run()
    assert drive.ran == ["only_x/get", "only_x/get#2", "only_x/set#2", "only_x/set"]


def test_a_condition_around_a_lens_is_asked_before_its_first_function() -> None:
    lens = conditional(is_on)(steplens(only_x, back)(writes("A", a=1)))
    assert Drive(listed(lens)).process.result == {}
    drive = Drive(listed(lens), {"on": True, "x": 1})
    assert drive.open == ["only_x/get"]
    assert [each.path for each in drive.of(e.PredicateAnswered)] == ["only_x"]


def test_a_predicate_of_a_lens_that_fails_stands_at_the_lens() -> None:
    def careful(on: bool) -> bool:  # noqa: FBT001 - a predicate takes what the State has
        return on

    lens = conditional(careful)(steplens(only_x, back)(writes("A", a=1)))
    drive = Drive(listed(lens), {"x": 1})
    assert drive.failed == ["only_x"]
    assert drive.command("skip").process.result == {"x": 1}


def test_a_cancel_waits_for_a_function_of_a_lens() -> None:
    drive = Drive(listed(steplens(only_x, back)(sleep(5))), {"x": 1}).command("cancel")
    assert [(wish.path, wish.cancel) for wish in drive.agenda.activities] == [("only_x/get", True)]
    drive.end("only_x/get", e.ActivityCompleted({"x": 1}))
    assert drive.status == "canceled"
    behind = Drive(listed(steplens(only_x, back)(writes("A"))), {"x": 1})
    behind.perform("only_x/get")
    behind.perform("only_x/A")
    behind.command("cancel")
    assert behind.open == ["only_x/set"]
    behind.end("only_x/set", e.ActivityFailed(e.Failure("OSError", "gone")))
    assert behind.status == "canceled"


def test_an_abort_behind_a_lens_or_in_a_focus_ends_the_whole_process() -> None:
    lens = steplens(only_x, back)(begin >> abort)
    assert Drive(listed(lens), {"x": 1}).run().status == "aborted"
    assert Drive(listed(focussteps("p")(step_group("G", abort)))).status == "aborted"


def test_waits_and_policies_behind_a_lens_are_their_own() -> None:
    policy = Retry(attempts=2, delay=5, jitter=0)
    until = {"fails": 1}
    inner = wait_for("go", timeout=9) >> fails("A", until, retry=policy)
    drive = Drive(listed(steplens(only_x, back)(inner)), {"x": 1}).run()
    assert set(drive.process.timers) == {"only_x/Wait for go@1"}
    drive.signal("go", 3).run().wait(5)
    assert drive.process.result["came"] == {"x": 1, "seen": "through", "go": 3, "A": "well"}


def test_a_lens_within_a_loop_sees_the_item() -> None:
    def get(item: int, index: int) -> dict[str, int]:
        return {"n": item, "at": index}

    def put(substate: dict[str, int], item: int) -> dict[str, int]:
        return {"sum": substate["n"] + item}

    drive = Drive(listed(foreach("Each", "xs", steplens(get, put)(sleep(0)))), {"xs": [1, 2]})
    drive.run().wait(0).run()
    assert drive.ran[0] == "Each[0]/get/get"
    assert drive.process.result["Each"] == [{"sum": 2}, {"sum": 4}]


# -- what is not sound -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: step_group("G", begin), "step_group 'G' is empty"),
        (lambda: focussteps("k")(begin), r"focussteps\('k'\) is empty"),
        (lambda: steplens(only_x, back)(begin), "steplens 'only_x' is empty"),
        (lambda: step_group("G", only_x), "in step_group 'G' stands the function only_x"),  # type: ignore[arg-type]
        (lambda: listed(step_group("G", init >> sleep(1))), "`init` stands in 'G'"),
        (lambda: listed(step_group("G[1]", sleep(1))), "named like an item of a loop"),
        (lambda: listed(step_group("G", abort >> sleep(1))), "stands after `abort`"),
    ],
)
def test_an_unsound_group_is_refused(make: Any, told: str) -> None:
    with pytest.raises(InvalidStepListError, match=told):
        make()


def test_a_lens_takes_functions_that_can_be_filled_by_name() -> None:
    for get, put in ((5, back), (only_x, 5), (lambda *things: {}, back)):
        with pytest.raises(Exception, match="of steplens"):
            steplens(get, put)  # type: ignore[arg-type]
    with pytest.raises(InvalidOptionError, match="focussteps needs a name"):
        focussteps("")


def test_containers_print_as_they_are_written() -> None:
    @step("A")
    def one() -> None: ...

    @workflow("For a test")
    def tried() -> StepList:
        return init >> step_group("G", one) >> foreach("E", "xs", focussteps("k")(one)) >> abort

    lens = steplens(only_x, back)(one)
    assert repr(tried.steps >> lens) == (
        "init >> step_group('G', step('A')) >> foreach('E', 'xs', focussteps('k')(step('A'))) >> "
        "abort >> steplens(only_x, back)(step('A'))"
    )
