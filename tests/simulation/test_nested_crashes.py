"""Kinds of steps within kinds of steps, with a crash of the worker at every call of the store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from corago import (
    Retry,
    State,
    abort,
    begin,
    child,
    conditional,
    current,
    done,
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
from corago.core import codec
from corago.core import events as e
from corago.ports.store import Query
from corago.steps import Element, Step, StepList, Workflow
from corago.testing.decisions import decisions_of
from corago.testing.operating import PROCESS, Operator
from corago.testing.simulator.sights import at_once
from corago.testing.staging import End, Stage

# -- steps that write down that they run -----------------------------------------------------------


class Book:
    """What ran in one world, and what should not have."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.ran: set[tuple[str, str]] = set()
        self.attempts: set[tuple[str, str, int]] = set()
        self.faults: list[str] = []

    def begin(self, *, at_most_once: bool = False) -> None:
        here = current()
        attempt = (here.process_id, here.path, here.attempt)
        if at_most_once and attempt in self.attempts:
            self.faults.append(f"attempt {here.attempt} of {here.path} ran more than once")
        self.attempts.add(attempt)
        self.ran.add((here.process_id, here.path))
        for event in self.history(here.process_id):
            match event:
                case e.ActivityClosed(path=path, attempt=ended) if path == here.path:
                    if ended >= here.attempt:
                        self.faults.append(f"{path} ran again after its outcome was recorded")

    def history(self, process_id: str) -> list[e.Event]:
        return [codec.decode_event(row) for row in at_once(self.stage.store.events(process_id))]

    def processes(self) -> dict[str, str]:
        rows = at_once(self.stage.store.find(Query(limit=1000)))
        return {row.process_id: row.status for row in rows}


BOOKS: list[Book] = []


def works(name: str, *, fails: int = 0, **options: Any) -> Step[..., Any]:
    """A step that fails `fails` times, and then writes what it has seen."""

    @step(name, **options)
    async def work(state: State) -> State:
        BOOKS[-1].begin(at_most_once=options.get("at_most_once", False))
        if current().attempt <= fails:
            raise ConnectionError("not yet")
        return {name: [*sorted(state.keys() - {"xs"}), state.get("item")]}

    return work


def undone(name: str, **options: Any) -> Step[..., Any]:
    return works(name, undo=works(f"undo {name}"), **options)


def is_on(on: bool = False) -> bool:  # noqa: FBT001, FBT002 - a predicate takes what the State has
    return on


def turns_off() -> Step[..., Any]:
    @step("Turn off")
    def turn() -> State:
        BOOKS[-1].begin()
        return {"on": False}

    return turn


def look(state: State) -> State:
    BOOKS[-1].begin()
    return {"seen": sorted(state), "xs": state["xs"], "on": True}


def put(substate: State) -> State:
    BOOKS[-1].begin()
    return {f"from {current().path.rpartition('/')[0]}": substate}


def flow(name: str, *steps: Any, **options: Any) -> Workflow:
    def listed() -> StepList:
        whole = begin
        for each in steps:
            whole = whole >> each
        return init >> whole >> done

    listed.__name__ = name
    return workflow("Kinds of steps within kinds of steps", **options)(listed)


A, B, C = works("A"), works("B"), works("C")
AGAIN = works("Again", fails=2, retry=Retry(attempts=3, delay=30))
ONCE = works("Once", at_most_once=True)
STUCK = works("Stuck", fails=1)

LEAF = flow("leaf", A, sleep(60))
FAILS = flow("fails", A, STUCK, B)
BRANCH = flow("branch", A, LEAF, foreach("Each", "xs", child(LEAF, into="leaf")))


def order(item: int, index: int) -> State:
    return {"order": item, "number": index}


# -- the table -------------------------------------------------------------------------------------

Body = Element | StepList | Workflow


@dataclass(frozen=True)
class Case:
    """A list, what it begins with, and what it needs from outside."""

    steps: tuple[Body, ...]
    signals: Mapping[str, Any] = field(default_factory=dict)
    retries: int = 0
    status: str = "completed"
    options: Mapping[str, Any] = field(default_factory=dict)


def case(*steps: Body, **needs: Any) -> Case:
    return Case(steps, **needs)


GIVEN = {"xs": [5, 6], "none": [], "on": True, "part": {"xs": [7, 8], "part": {"on": True}}}

CASES = {
    "a group in a group in a group": case(
        step_group("G", A >> step_group("H", B >> step_group("I", C)) >> A)
    ),
    "a loop in a loop": case(foreach("Out", "xs", A >> foreach("In", "xs", B) >> C)),
    "a loop one at a time in a loop one at a time": case(
        foreach("Out", "xs", foreach("In", "xs", A >> B, limit=1), limit=1)
    ),
    "a loop in each branch": case(
        parallel("Both", foreach("One", "xs", A >> B), foreach("Two", "xs", C))
    ),
    "branches in each item": case(foreach("Each", "xs", parallel("Both", A >> B, C))),
    "branches in branches in a group": case(
        step_group("G", parallel("Out", parallel("In", A, B) >> C, works("D")))
    ),
    "a loop without items beside one with some": case(
        parallel("Both", foreach("No", "none", A), foreach("Each", "xs", A)), B
    ),
    "a wait in a group in each item": case(
        foreach("Each", "xs", step_group("G", wait_for("go") >> A)), signals={"go": "said"}
    ),
    "a wait with a time-out beside a sleep in each item": case(
        foreach("Each", "xs", parallel("Both", wait_for("go", timeout=60) >> A, sleep(30) >> B)),
        signals={"go": "said"},
    ),
    "sleeps in items in branches": case(
        parallel("Both", foreach("Each", "xs", sleep(60) >> A), sleep(90) >> B)
    ),
    "a part of a part": case(focussteps("part")(A >> focussteps("part")(B >> C)), A),
    "a loop in a part and a part in each item": case(
        focussteps("part")(foreach("Each", "xs", focussteps("own")(A >> B)))
    ),
    "a lens in a lens": case(steplens(look, put)(A >> steplens(look, put)(B).named("inner")), C),
    "a loop behind a lens": case(steplens(look, put)(foreach("Each", "xs", A >> sleep(5)))),
    "a lens for each item in a branch": case(
        parallel("Both", foreach("Each", "xs", steplens(look, put)(A)), B)
    ),
    "a condition around a loop around a condition": case(
        conditional(is_on)(foreach("Each", "xs", A >> conditional(is_on)(B >> turns_off() >> C)))
    ),
    "a condition that turns itself off in a group in a part": case(
        focussteps("part")(
            step_group("G", focussteps("part")(conditional(is_on)(turns_off() >> A)))
        ),
        B,
    ),
    "a child beside steps": case(parallel("Both", A >> child(LEAF, into="leaf"), B >> C)),
    "a child for each item": case(foreach("Each", "xs", child(LEAF, input=order, into="leaf"))),
    "a child that has children": case(A, child(BRANCH, into="branch"), B),
    "a child in a part behind a lens": case(
        steplens(look, put)(focussteps("part")(A >> child(LEAF)))
    ),
    "a child that fails in a group in a branch": case(
        parallel("Both", step_group("G", child(FAILS, into="got") >> A), B), retries=9
    ),
    "attempts after attempts in branches in items": case(
        foreach("Each", "xs", parallel("Both", AGAIN, A))
    ),
    "steps that run at most once in items in a group": case(
        step_group("G", foreach("Each", "xs", ONCE >> A)), retries=9
    ),
    "failures in a group in items that a person retries": case(
        foreach("Each", "xs", step_group("G", A >> STUCK >> B), limit=1), retries=9
    ),
    "an abort in a group in a branch": case(
        parallel("Both", step_group("G", A >> conditional(is_on)(abort)), sleep(60) >> B),
        status="aborted",
    ),
    "a failure that takes back items, branches and groups": case(
        step_group("G", undone("U") >> foreach("Each", "xs", undone("V"), limit=1)),
        parallel("Both", undone("W") >> works("Never", fails=99), sleep(5) >> undone("X")),
        status="failed",
        options={"undo_on_failure": True},
    ),
    "all in all": case(
        step_group(
            "G",
            parallel(
                "Both",
                foreach("Each", "xs", steplens(look, put)(A >> conditional(is_on)(AGAIN))),
                focussteps("part")(wait_for("go") >> child(LEAF, into="leaf") >> sleep(7)),
            ),
        ),
        signals={"go": 1},
    ),
}

# -- crashes ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Played:
    """How a world ended."""

    end: End
    book: Book
    calls: int
    has_struck: bool

    def told(self) -> Iterator[Any]:
        """What must be equal wherever the worker died."""
        yield self.end.info.status
        yield self.end.info.state
        yield self.book.ran
        yield self.book.processes()
        yield decisions_of(self.end.histories, lambda _: False)


def play(case: Case, number: int = 0, *, is_before: bool = True) -> Played:
    """A world whose first worker dies at its `number`-th store call."""
    whole = flow("whole", *case.steps, **case.options)
    stage = Stage((whole,), lambda at, *_: at == number, is_before=is_before)
    BOOKS.append(Book(stage))
    end = stage.perform(whole, GIVEN, Operator(case.signals, case.retries))
    return Played(end, BOOKS.pop(), len(stage.calls), stage.has_struck)


@pytest.mark.parametrize("name", CASES)
def test_a_crash_at_any_call_of_the_store_makes_no_difference(name: str) -> None:
    case = CASES[name]
    calm = play(case)
    assert (calm.end.info.status, calm.book.faults) == (case.status, []), str(calm.end.explanation)
    assert calm.book.ran
    assert set(calm.book.processes().values()) <= e.CLOSED_STATUSES
    for number in range(1, calm.calls + 1):
        for is_before in (True, False):
            wild = play(case, number, is_before=is_before)
            assert wild.has_struck
            assert list(wild.told()) == list(calm.told()), f"call {number}, before: {is_before}"
            assert wild.book.faults == []


def test_there_are_at_least_twenty_five_of_them() -> None:
    assert len(CASES) >= 25
    assert PROCESS in play(CASES["all in all"]).book.processes()
