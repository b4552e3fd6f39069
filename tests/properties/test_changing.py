"""Editing a step list under a living process: nothing is ever skipped, nothing is ever repeated.

Lists are documents with steps of unique names, nested at random; an edit inserts, removes, renames,
moves and swaps elements anywhere. Where the new list says that a process may follow it, the
process is taken over and run to its end.
"""

from __future__ import annotations

import copy
import random
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from corago.core import events as e
from corago.core import messages as m
from corago.core.arriving import arrivals
from corago.core.calls import LiveCalls
from corago.core.codec import decode_event, encode_event
from corago.core.history import begin, fold
from corago.core.kernel import advance
from corago.core.program import Snapshot
from corago.steps.changing import whole
from corago.steps.nodes import bare
from corago.steps.program import StepsProgram
from tests.properties.programs import LAW

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ITEMS = 3
CONTAINERS = ("group", "parallel", "foreach", "focus")

Document = dict[str, Any]
Steps = list[dict[str, Any]]


class Author:
    """Writes and edits lists; every name is given once."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.count = 0

    def name(self) -> str:
        self.count += 1
        return f"s{self.count}"

    def document(self) -> Document:
        elements = [self.element(depth=2) for _ in range(self.chance.randint(2, 5))]
        start, end = {"kind": "init", "name": "Start"}, {"kind": "done", "name": "Done"}
        return {"name": "edited", "steps": [start, *elements, end]}

    def element(self, depth: int) -> dict[str, Any]:
        if depth == 0 or self.chance.random() < 0.55:
            undo = (
                {"undo": {"name": "back", "parameters": []}} if self.chance.random() < 0.2 else {}
            )
            return {"kind": "step", "name": self.name(), "parameters": [], **undo}
        kind = self.chance.choice(CONTAINERS)
        element: dict[str, Any] = {"kind": kind, "name": self.name()}
        if kind == "parallel":
            element["branches"] = [self.steps(depth - 1) for _ in range(self.chance.randint(1, 3))]
        else:
            element["steps"] = self.steps(depth - 1)
        if kind == "foreach":
            element |= {"key": "items", "limit": self.chance.choice([1, 2, 16])}
        if kind == "focus":
            element["key"] = f"part of {element['name']}"
            if has_loop(element["steps"]):
                element = {"kind": "group", "name": element["name"], "steps": element["steps"]}
        return element

    def steps(self, depth: int) -> Steps:
        return [self.element(depth) for _ in range(self.chance.randint(1, 3))]

    def edited(self, document: Document) -> Document:
        changed = copy.deepcopy(document)
        for _ in range(self.chance.randint(1, 3)):
            edit = [self.insert, self.remove, self.rename, self.swap, self.move]
            self.chance.choice(edit)(changed)
        every = [each for steps in lists(changed["steps"]) for each in steps]
        astray = any(each["kind"] == "focus" and has_loop(each["steps"]) for each in every)
        return document if astray else changed  # a focus has no items for a loop

    def insert(self, document: Document) -> None:
        steps = self.chance.choice(lists(document["steps"]))
        steps.insert(self.place(document, steps), self.element(depth=1))

    def remove(self, document: Document) -> dict[str, Any] | None:
        choices = [
            (steps, each)
            for steps in lists(document["steps"])
            for each in steps
            if each["kind"] not in ("init", "done") and len(steps) > 1
        ]
        if not choices:
            return None
        steps, gone = self.chance.choice(choices)
        steps.remove(gone)
        return gone

    def rename(self, document: Document) -> None:
        every = [each for steps in lists(document["steps"]) for each in steps]
        chosen = self.chance.choice(every)
        if chosen["kind"] not in ("init", "done"):
            chosen["name"] = self.name()

    def swap(self, document: Document) -> None:
        steps = self.chance.choice(lists(document["steps"]))
        movable = [n for n, each in enumerate(steps) if each["kind"] not in ("init", "done")]
        if len(movable) > 1:
            a, b = self.chance.sample(movable, 2)
            steps[a], steps[b] = steps[b], steps[a]

    def move(self, document: Document) -> None:
        gone = self.remove(document)
        if gone is not None:
            steps = self.chance.choice(lists(document["steps"]))
            steps.insert(self.place(document, steps), gone)

    def place(self, document: Document, steps: Steps) -> int:
        is_outermost = steps is document["steps"]
        return self.chance.randint(int(is_outermost), len(steps) - int(is_outermost))


def has_loop(steps: Steps) -> bool:
    return any(each["kind"] == "foreach" for inner in lists(steps) for each in inner)


def lists(steps: Steps) -> list[Steps]:
    """A list and every list within it."""
    found = [steps]
    for each in steps:
        for inner in [*each.get("branches", ()), *([each["steps"]] if "steps" in each else [])]:
            found += lists(inner)
    return found


class Life:
    """One process: what it has done, and what is recorded of it."""

    def __init__(self, document: Document, chance: random.Random) -> None:
        self.chance = chance
        self.program = StepsProgram(document)
        self.programs = {"old": self.program}
        started = e.ProcessStarted(
            position=1,
            at=NOW,
            process_id="p",
            workflow="edited",
            sha="old",
            input={"items": list(range(ITEMS))},
        )
        self.events: list[e.Event] = [started]
        self.snapshot: Snapshot = begin(self.program, started)
        self.done: Counter[str] = Counter()
        self.take()

    def take(self, *messages: m.Message) -> None:
        commit = advance(self.program, self.snapshot, messages, NOW, LiveCalls({}))
        self.snapshot = commit.snapshot
        self.events += commit.events

    def step(self) -> bool:
        """Finish one of the steps that are open; False if none is."""
        agenda = self.snapshot.agenda
        if self.snapshot.process.is_closed or agenda is None or not agenda.activities:
            return False
        wish = self.chance.choice(agenda.activities)
        self.done[wish.path] += 1
        attempt = self.snapshot.process.activity(wish.path, wish.occurrence).attempt
        result = e.ActivityCompleted({})
        self.take(m.Outcome(wish.path, wish.occurrence, attempt, result))
        return True

    def follow(self, document: Document) -> None:
        program = StepsProgram(document)
        self.take(m.Adopt(program, "new", 1))
        self.program = self.programs["new"] = program

    def finish(self) -> None:
        while self.step():
            continue
        assert self.snapshot.process.status == "completed"


def leaf(path: str) -> str:
    """A step wherever it stands: its name, with the indexes of the loops around it."""
    indexes = path[len(bare(path)) :] if path == bare(path) else path
    inner = [piece.partition("]")[0] for piece in indexes.split("[")[1:]] if "[" in path else []
    return ".".join([path.rpartition("/")[2], *inner])


def expected(program: StepsProgram) -> set[str]:
    """Every step that a process of this list runs, loops with all their items."""
    found = set()
    for node in whole(program.nodes, program.first):
        if node.kind == "step":
            depth = len(node.pieces) - 1
            name = node.path.rpartition("/")[2]
            found |= {".".join([name, *map(str, each)]) for each in indexes(depth)}
    return found


def indexes(depth: int) -> list[tuple[int, ...]]:
    if depth == 0:
        return [()]
    return [(*before, index) for before in indexes(depth - 1) for index in range(ITEMS)]


@settings(LAW, max_examples=2 * LAW.max_examples)
@given(st.integers(0, 2**32), st.integers(0, 12))
def test_a_process_that_follows_an_edited_list_skips_nothing_and_repeats_nothing(
    seed: int, steps: int
) -> None:
    author = Author(seed)
    document = author.document()
    life = Life(document, author.chance)
    for _ in range(steps):
        life.step()
    if life.snapshot.process.is_closed:
        return
    new = author.edited(document)
    state, before = life.snapshot.state, life.program
    found = StepsProgram(new).differences(state, before, {})
    event("waits" if found else "follows")
    if found:
        assert all(each.text for each in found)
        return
    life.follow(new)
    life.finish()
    done = Counter(leaf(path) for path, times in life.done.items() for _ in range(times))
    assert not {name for name, times in done.items() if times > 1}, "something was repeated"
    assert not expected(life.program) - set(done), "something was skipped"
    rows = [encode_event(each) for each in life.events]
    again = fold(before, map(decode_event, rows), None, life.programs)
    assert (again.process, again.state) == (life.snapshot.process, life.snapshot.state)


@LAW
@given(st.integers(0, 2**32), st.integers(0, 8), st.data())
def test_what_comes_later_in_the_list_may_always_be_edited(
    seed: int, steps: int, data: st.DataObject
) -> None:
    """Steps that are appended, put in or taken out beyond where the process stands."""
    author = Author(seed)
    document = author.document()
    life = Life(document, author.chance)
    for _ in range(steps):
        life.step()
    at = life.snapshot.state.frame.at
    if life.snapshot.process.is_closed or at is None:
        return
    new = copy.deepcopy(document)
    outermost = new["steps"]
    place = next(n for n, each in enumerate(outermost) if each["name"] == at)
    inserted = data.draw(st.integers(place + 1, len(outermost) - 1)) if at != "Done" else None
    if inserted is not None:
        outermost.insert(inserted, author.element(depth=1))
    if data.draw(st.booleans()) and place + 2 < len(outermost):
        del outermost[place + 1 : len(outermost) - 1 : 2]
    assert StepsProgram(new).differences(life.snapshot.state, life.program, {}) == ()


@LAW
@given(st.integers(0, 2**32), st.integers(0, 8))
def test_a_list_in_which_everything_is_renamed_is_followed_if_the_new_names_are_told(
    seed: int, steps: int
) -> None:
    author = Author(seed)
    document = author.document()
    life = Life(document, author.chance)
    for _ in range(steps):
        life.step()
    if life.snapshot.process.is_closed:
        return
    new = copy.deepcopy(document)
    for each in [each for inner in lists(new["steps"]) for each in inner]:
        if each["kind"] not in ("init", "done"):
            each["name"] = f"new {each['name']}"
    program = StepsProgram(new)
    pairs = zip(
        whole(life.program.nodes, life.program.first),
        whole(program.nodes, program.first),
        strict=True,
    )
    renames = {old.path: now.path for old, now in pairs if old.path != now.path}
    state, before = life.snapshot.state, life.program
    if renames and state.frame.at not in ("Start", "Done"):
        assert program.differences(state, before, {})
    assert program.differences(state, before, renames) == ()
    done = Counter(life.done)
    life.done.clear()
    life.take(m.Adopt(program, "new", 1, renames))
    life.program = program
    life.finish()
    ran = {path.replace("new ", "") for path in life.done}
    assert not ran & set(done)
    assert {leaf(path) for path in ran | set(done)} == {
        each.replace("new ", "") for each in expected(program)
    }


def test_due_timers_of_renamed_waits_fire_under_their_new_names() -> None:
    def document(name: str) -> Document:
        start, end = {"kind": "init", "name": "Start"}, {"kind": "done", "name": "Done"}
        pause = {"kind": "sleep", "name": name, "seconds": 60.0}
        return {"name": "edited", "steps": [start, pause, end]}

    life = Life(document("Pause"), random.Random(1))
    new = StepsProgram(document("Rest"))
    life.take(m.Adopt(new, "new", 1, {"Pause": "Rest"}))
    life.program = new
    assert list(life.snapshot.process.timers) == ["Rest@1"]
    later = life.snapshot.process.timers["Rest@1"]
    commit = advance(
        new, life.snapshot, arrivals(life.snapshot.process, (), later), later, LiveCalls({})
    )
    assert commit.snapshot.process.status == "completed"


def test_an_adoption_without_a_way_is_an_error_and_changes_nothing() -> None:
    author = Author(1)
    life = Life(author.document(), author.chance)
    start, end = {"kind": "init", "name": "Start"}, {"kind": "done", "name": "Done"}
    other = StepsProgram({"name": "edited", "steps": [start, end]})
    with pytest.raises(ValueError, match="not in the new list"):
        life.take(m.Adopt(other, "new", 1))
