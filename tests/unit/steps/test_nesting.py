"""Everything within everything: two wrappers around one body, whatever happens to it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from corago.core import events as e
from corago.core import messages as m
from corago.core.arriving import arrivals
from corago.core.commit import Birth
from corago.errors import InvalidOptionError
from corago.steps import (
    Element,
    Step,
    StepList,
    Workflow,
    abort,
    begin,
    child,
    conditional,
    focussteps,
    foreach,
    parallel,
    sleep,
    step,
    step_group,
    steplens,
    wait_for,
)
from tests.unit.steps.drive import Drive, is_on, listed, writes

# -- wrappers, and a body with every kind of leaf --------------------------------------------------


def look_through(state: dict[str, Any]) -> dict[str, Any]:
    return state["k"]  # type: ignore[no-any-return]


def put_back(substate: dict[str, Any]) -> dict[str, Any]:
    return {"k": substate}


Wrap = Callable[[Element | StepList], Element | StepList]

WRAPS: dict[str, Wrap] = {
    "condition": conditional(is_on),
    "group": lambda body: step_group("Group", body),
    "branch": lambda body: parallel("Both", body, writes("Beside") >> sleep(7)),
    "item": lambda body: foreach("Each", "xs", body, limit=2),
    "part": focussteps("k"),
    "lens": steplens(look_through, put_back),
}
PAIRS = list(product(WRAPS, WRAPS))


def seen(depth: int) -> dict[str, Any]:
    """A State in which every part looks like the whole."""
    whole = {"xs": ["p", "q"], "on": True}
    return whole | {"k": seen(depth - 1)} if depth else whole


BROKEN: dict[str, int] = {}
"""How often each step is to fail, by its path."""


@pytest.fixture(autouse=True)
def _nothing_is_broken() -> None:
    BROKEN.clear()


@step("undo First")
def undo_first() -> None: ...


@step("First", undo=undo_first)
def first() -> dict[str, Any]:
    return {"first": True}


@step("Last", at_most_once=True)
def last() -> dict[str, Any]:
    return {"last": True}


BODY = (
    first
    >> sleep(5)
    >> conditional(is_on)(child("part", into="got"))
    >> wait_for("go", timeout=60, into="heard")
    >> last
)


def wrapped(outer: str, inner: str, body: Element | StepList = BODY) -> Workflow:
    return listed(WRAPS[outer](begin >> WRAPS[inner](body) >> writes("After", after=1)))


# -- the world around a process --------------------------------------------------------------------


class World:
    """Lets happen what may, one thing at a time; `pick` says which of several comes first."""

    def __init__(self, flow: Workflow, pick: int = 0, *, proves: bool = True) -> None:
        self.drive = Drive(flow, seen(2), proves=proves)
        self.pick = pick

    def go(self, moves: int = 10_000) -> int:
        """Let so many things happen, or all; gives how many did."""
        for number in range(moves):
            if not self._move():
                return number
        return moves

    def _move(self) -> bool:
        drive = self.drive
        if drive.open:
            self._end(drive.open[self.pick])
        elif drive.children:
            path = drive.children[self.pick]
            is_to_stop = drive.process.cancel_requested
            status = "canceled" if is_to_stop else "completed"
            drive.child(path, status, result=None if is_to_stop else {"from": "child"})
        elif drive.awaited:
            drive.signal("go", "said")
        elif drive.process.timers:
            drive.now = min(drive.process.timers.values())
            drive.advance(*arrivals(drive.process, (), drive.now))
        else:
            return False
        return True

    def _end(self, path: str) -> None:
        drive = self.drive
        if drive.wish(path).cancel:
            drive.end(path, e.ActivityCanceled())
        elif BROKEN.get(path):
            BROKEN[path] -= 1
            drive.end(path, e.ActivityFailed(e.Failure("RuntimeError", "broken")))
        else:
            drive.perform(path)


def calm(outer: str, inner: str) -> Drive:
    """How it ends when nothing goes wrong."""
    world = World(wrapped(outer, inner))
    world.go()
    assert world.drive.status == "completed"
    return world.drive


def born(birth: Birth) -> str:
    return f"{birth.child} {birth.workflow} {birth.input}"


# -- what must hold --------------------------------------------------------------------------------


@pytest.mark.parametrize(("outer", "inner"), PAIRS)
def test_all_of_it_runs_once_and_the_order_of_things_makes_no_difference(
    outer: str, inner: str
) -> None:
    one = calm(outer, inner)
    assert len(one.ran) == len(set(one.ran))
    times = 2 ** [outer, inner].count("item")
    assert sum(path.endswith("First") for path in one.ran) == times
    assert sum(path.endswith("Last") for path in one.ran) == times
    assert len(one.births) == len({birth.child for birth in one.births}) == times
    other = World(wrapped(outer, inner), pick=-1)
    other.go()
    assert sorted(other.drive.ran) == sorted(one.ran)
    assert other.drive.process.result == one.process.result
    assert set(one.positions.values()) == {"done"}


@pytest.mark.parametrize(("outer", "inner"), PAIRS)
def test_whatever_fails_is_retried_alone_and_the_end_is_the_same(outer: str, inner: str) -> None:
    one = calm(outer, inner)
    for path in dict.fromkeys(one.ran):
        BROKEN[path] = 1
        world = World(wrapped(outer, inner), proves=False)
        world.go()
        assert (world.drive.status, world.drive.failed) == ("failed", [path])
        world.drive.command("retry")
        world.go()
        assert (world.drive.status, world.drive.process.result) == (
            "completed",
            one.process.result,
        )
        assert sorted(world.drive.ran) == sorted(one.ran)
        assert {*map(born, world.drive.births)} == {*map(born, one.births)}


@pytest.mark.parametrize(("outer", "inner"), PAIRS)
def test_all_that_fails_together_is_retried_together(outer: str, inner: str) -> None:
    one = calm(outer, inner)
    BROKEN.update(dict.fromkeys(one.ran, 1))
    world = World(wrapped(outer, inner))
    for _ in range(20):
        world.go()
        if world.drive.status == "completed":
            break
        assert world.drive.status == "failed"
        world.drive.command("retry")
    assert world.drive.process.result == one.process.result
    assert sorted(world.drive.ran) == sorted(one.ran)


@pytest.mark.parametrize(("outer", "inner"), PAIRS)
def test_a_cancel_at_any_point_waits_for_what_runs_and_takes_back_what_was_done(
    outer: str, inner: str
) -> None:
    moves = World(wrapped(outer, inner)).go()
    for moment in range(moves):
        world = World(wrapped(outer, inner), proves=False)
        world.go(moment)
        drive = world.drive
        running, born = list(drive.open), list(drive.children)
        drive.command("cancel")
        asked = [wish.path for wish in drive.agenda.activities if wish.cancel]
        assert asked == running
        assert [to for to, _ in drive.told()] == [f"p/{path}" for path in born]
        assert drive.process.timers == {}
        ran = len(drive.ran)
        world.go()
        assert drive.status == "canceled"
        undone = [path for path in drive.ran[ran:] if path.endswith("/undo")]
        assert undone == drive.ran[ran:]
        done = [f"{path}/undo" for path in drive.ran[:ran] if path.endswith("First")]
        assert undone == done[::-1]


@pytest.mark.parametrize(("outer", "inner"), PAIRS)
def test_an_abort_inside_ends_the_whole_process(outer: str, inner: str) -> None:
    body = writes("A", a=1) >> conditional(is_on)(abort) >> sleep(5)
    world = World(wrapped(outer, inner, body))
    world.go()
    assert (world.drive.status, world.drive.process.timers) == ("aborted", {})
    assert world.drive.open == []


@pytest.mark.parametrize(("outer", "inner"), PAIRS)
def test_what_must_run_at_most_once_is_suspended_wherever_it_stands(outer: str, inner: str) -> None:
    one = calm(outer, inner)
    world = World(wrapped(outer, inner))
    while not any(path.endswith("Last") for path in world.drive.open):
        world.go(1)
    lost = [path for path in world.drive.open if path.endswith("Last")]
    world.drive.advance(m.Lost("worker"))
    assert (world.drive.status, world.drive.failed) == ("suspended", lost)
    world.drive.command("retry")
    world.go()
    assert world.drive.process.result == one.process.result
    assert sorted(world.drive.ran) == sorted(one.ran)


@pytest.mark.parametrize(("outer", "inner"), PAIRS)
def test_a_condition_that_says_no_passes_over_all_of_it(outer: str, inner: str) -> None:
    def never() -> bool:
        return False

    nested = conditional(never)(WRAPS[outer](begin >> WRAPS[inner](BODY)))
    drive = Drive(listed(nested), seen(2))
    assert drive.run().ran == []
    assert (drive.status, drive.process.result) == ("completed", seen(2))


@pytest.mark.parametrize(("outer", "inner"), PAIRS)
def test_what_stands_inside_can_be_skipped_or_answered_by_its_path(outer: str, inner: str) -> None:
    body = writes("A", a=1)
    paths = [path for path in World(wrapped(outer, inner, body)).drive.open if "Beside" not in path]
    for verb in ("skip", "set_result"):
        BROKEN.update(dict.fromkeys(paths, 1))
        world = World(wrapped(outer, inner, body))
        world.go()
        while world.drive.failed:
            world.drive.command(verb, world.drive.failed[0], {"by": "hand"})
            world.go()
        assert world.drive.status == "completed"


# -- signals ---------------------------------------------------------------------------------------


def test_a_signal_goes_to_the_first_wait_in_the_order_of_the_list() -> None:
    both = parallel("Both", sleep(5) >> wait_for("go", into="late"), wait_for("go", into="early"))
    flow = listed(both)
    drive = Drive(flow).signal("go", 1).wait(5).signal("go", 2)
    assert drive.process.result == {"early": 1, "late": 2}
    together = Drive(flow).wait(5).signal("go", 1).signal("go", 2)
    assert together.process.result == {"late": 1, "early": 2}


def test_signals_that_came_early_are_taken_oldest_first_wherever_a_wait_opens() -> None:
    inner = focussteps("k")(step_group("G", wait_for("go")))
    loop = foreach("Each", "xs", wait_for("go"), limit=1)
    drive = Drive(listed(sleep(5), inner, loop, wait_for("go")), {"xs": [0, 1]})
    for number in range(4):
        drive.signal("go", number)
    assert drive.wait(5).process.result == {
        "xs": [0, 1],
        "k": {"go": 0},
        "Each": [{"go": 1}, {"go": 2}],
        "go": 3,
    }


def test_a_wait_that_failed_takes_no_signal_from_one_that_stands_open() -> None:
    loop = foreach("Each", "xs", conditional(is_on)(sleep(0)) >> wait_for("go", timeout=9), limit=1)
    drive = Drive(listed(loop), {"xs": [0, 1]}).wait(9)
    assert drive.awaited == ["Each[1]/Wait for go"]
    drive.signal("go", "second")
    assert (drive.status, drive.failed) == ("failed", ["Each[0]/Wait for go"])
    drive.command("retry").signal("go", "first")
    assert drive.process.result["Each"] == [{"go": "first"}, {"go": "second"}]


# -- names -----------------------------------------------------------------------------------------

ODD = ["a/b", "x[1]/y", "[0]", "{item}", "50 %", "n#2", "t@3", "why?", "…", "a/undo", "b/get"]


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("wrap", WRAPS)
def test_names_may_look_like_paths_indexes_and_signs(wrap: str, name: str) -> None:
    odd = writes(name, odd=1) >> writes(name, even=2) >> sleep(1).named(f"{name} rest")
    world = World(listed(WRAPS[wrap](odd)))
    world.go()
    assert world.drive.status == "completed"
    assert sum(path.endswith(f"{name}#2") for path in world.drive.ran) == (
        2 if wrap == "item" else 1
    )
    assert set(world.drive.positions.values()) == {"done"}


def test_a_name_used_twice_is_numbered_within_its_list_only() -> None:
    group = step_group("G", writes("A") >> writes("A"))
    loop = foreach("G", "xs", writes("A") >> writes("A#2") >> writes("B"))
    drive = Drive(listed(writes("A"), group, group, loop, writes("A")), {"xs": [0]}).run()
    assert drive.ran == [
        "A",
        "G/A",
        "G/A#2",
        "G#2/A",
        "G#2/A#2",
        "G#3[0]/A",
        "G#3[0]/A#2",
        "G#3[0]/B",
        "A#2",
    ]


def one(name: str) -> Step[..., Any]:
    return writes(name, one=1)


@pytest.mark.parametrize(
    "steps",
    [
        [foreach("P", "xs", one("A")), one("P[0]/A")],
        [one("P[7]/A"), foreach("P", "xs", one("A"))],
        [foreach("P", "xs", one("x[1]/A") >> one("x[2]/A"))],
        [foreach("P", "xs", step_group("G", one("A")) >> one("G/A"))],
        [steplens(look_through, put_back)(one("A")), one("look_through/get")],
        [one("look_through/set"), steplens(look_through, put_back)(one("A"))],
        [child("c", input=put_back), one("c?input")],
    ],
)
def test_names_whose_paths_could_not_be_told_apart_are_refused(steps: list[Any]) -> None:
    with pytest.raises(InvalidOptionError, match="can't be told from another element"):
        listed(*steps)


def test_names_that_only_look_like_those_of_items_are_fine_where_there_is_no_loop() -> None:
    flow = listed(one("ge-0[1]/2"), one("ge-0[2]/2"), step_group("ge-0", one("2")))
    assert Drive(flow).run().ran == ["ge-0[1]/2", "ge-0[2]/2", "ge-0/2"]
