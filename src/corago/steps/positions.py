"""Where a process stands in its step list, element by element. Draws nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from corago.core import events as e
from corago.core.process import Process, renamed
from corago.core.program import Snapshot
from corago.steps.frames import Frame, Items, StepsState
from corago.steps.nodes import Node, Route
from corago.steps.program import StepsProgram

Position = Literal["done", "running", "failed", "skipped", "waiting", "pending"]
"""An element is done; it runs now; it failed, needs a person, or the process was stopped there; it
was passed over; it waits (for time, a signal, or its next attempt); it is still to come."""


ORDER: tuple[Position, ...] = ("failed", "running", "waiting", "pending", "done", "skipped")
"""Of several items of a loop, the drawing of their step shows the first of these."""


def positions(
    program: StepsProgram,
    snapshot: Snapshot,
    events: Iterable[e.Event] = (),
    *,
    now: datetime | None = None,
) -> dict[str, Position]:
    """How far a process is, by path: for `graph_text`.

    `events` is its history; without it, every element that lies behind counts as done. An element
    that lies behind and did nothing (a condition said no, an operator skipped it, it was put into
    the list later) is `skipped`. `now` (default: when the last event was recorded) tells a step
    that waits for its next attempt from one that runs. In a loop, a step stands where the most
    urgent of its items stands.
    """
    state: StepsState = snapshot.state
    places = _Places(program, snapshot.process, list(events), now or snapshot.process.at)
    places.put(program.first, state.frame, "pending", ())
    return places.found


def counts(program: StepsProgram, snapshot: Snapshot) -> dict[str, str]:
    """How many items of each loop that is under way are done, by path: `7 of 12`."""
    found: dict[str, str] = {}
    _count(program, snapshot.state.frame, found)
    return found


def _count(program: StepsProgram, frame: Frame, found: dict[str, str]) -> None:
    if frame.items is not None and frame.at is not None:
        done = frame.items.following - len(frame.items.open)
        found[frame.at] = f"{done} of {len(frame.items.results)}"
        for item in frame.items.open.values():
            _count(program, item, found)
    for branch in frame.branches:
        _count(program, branch, found)


class _Places:
    """Finds the position of each element, list by list."""

    def __init__(
        self, program: StepsProgram, process: Process, history: list[e.Event], now: datetime
    ) -> None:
        self.found: dict[str, Position] = {}
        self._now = now
        self._program = program
        self._process = process
        self._is_told = bool(history)
        self._done: set[str] = set()
        self._skipped: set[str] = set()
        for event in history:
            match event:
                case e.ActivityClosed(path=path, result=e.ActivityCompleted()):
                    self._done.add(self._known(path))
                case e.StepSkipped(path=path) | e.PredicateAnswered(path=path, answer=False):
                    self._skipped.add(self._known(path))
                case e.DefinitionChanged(renames=renames):
                    self._done = {renamed(path, renames) for path in self._done}
                    self._skipped = {renamed(path, renames) for path in self._skipped}

    def _known(self, path: str) -> str:
        """A path in the process as definitions know it."""
        found = self._program.nodes.find(path)
        return path if found is None else found[0].path

    def put(
        self, first: str | None, frame: Frame | None, beyond: Position, route: Route
    ) -> set[Position]:
        """Place every element of one list; without a frame, all of it is `beyond`."""
        shown: set[Position] = set()
        is_behind = frame is not None
        path = first
        while path is not None:
            node = self._program.nodes[path]
            if frame is not None and path == frame.at:
                is_behind = False
                shown.add(self._at(node, frame, route))
            else:
                shown.add(self._away(node, self._behind(node) if is_behind else beyond))
            path = node.following
        return shown

    def _at(self, node: Node, frame: Frame, route: Route) -> Position:
        """The element at which a list stands, and what is inside it."""
        position = self.found[node.path] = self._standing(node, frame, route)
        inside: set[Position] = set()
        if frame.items is not None:
            inside = self._items(node, frame.items, route)
        else:
            branches = frame.branches or (None,) * len(node.branches)
            for number, (first, branch) in enumerate(zip(node.branches, branches, strict=True)):
                inside |= self.put(first, branch, "pending", (*route, number))
        if inside and position == "running":
            order: tuple[Position, ...] = ("running", "waiting", "failed")
            position = next((each for each in order if each in inside), position)
            self.found[node.path] = position
        return position

    def _items(self, node: Node, items: Items, route: Route) -> set[Position]:
        """The items of a loop lie on one another: each of its steps shows the most urgent one."""
        first, before = node.branches[0], self.found
        frames = [each for each in items.open.items() if each[0] not in items.waiting]
        if any(result is not None for result in items.results):
            frames.append((-1, Frame(None)))
        seen: set[Position] = set()
        for index, item in frames:
            self.found = {}
            seen |= self.put(first, item, "pending", (*route, index))
            for path, position in self.found.items():
                before[path] = min(position, before.get(path, position), key=ORDER.index)
        self.found = before
        return seen

    def _away(self, node: Node, position: Position) -> Position:
        """An element before or after that, and what is inside it."""
        self.found[node.path] = position
        for first in node.branches:
            self.put(first, Frame(None) if position == "done" else None, position, ())
        return position

    def _behind(self, node: Node) -> Position:
        did_nothing = self._is_told and node.kind == "step" and node.path not in self._done
        return "skipped" if did_nothing or node.path in self._skipped else "done"

    def _standing(self, node: Node, frame: Frame, route: Route) -> Position:
        process = self._process
        if frame.stuck is not None or process.poison is not None:
            return "failed"
        if process.is_closed:
            return "done" if _ENDED.get(process.status) == node.kind else "failed"
        if frame.asked < node.guards:
            return "running"
        if node.kind in ("sleep", "wait_for", "child"):
            return "waiting"
        due = process.activity(node.text(route), frame.occurrence).due
        return "waiting" if due is not None and due > self._now else "running"


_ENDED = {"completed": "done", "aborted": "abort"}
"""The kind of element that ends a process well, by the status in which it then is."""
