"""A step list as a drawing for the terminal, and where a process stands in it. Prints nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Literal

from corago.core import events as e
from corago.core.process import Process
from corago.core.program import Snapshot
from corago.steps.program import Frame, Node, StepsProgram, StepsState, compile_nodes

Position = Literal["done", "running", "failed", "skipped", "waiting", "pending"]

MARKS: Mapping[Position, str] = {
    "done": "✓",
    "running": "▶",
    "failed": "✗",
    "skipped": "↷",
    "waiting": "⏸",
    "pending": "·",
}
"""What stands before an element: it is done; it runs now; it failed, needs a person, or the process
was stopped there; it was passed over; it waits (for time, a signal, or its next attempt); it is
still to come."""

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


def graph_text(document: Mapping[str, Any], position: Mapping[str, Position] | None = None) -> str:
    """A step list drawn with lines: an element each, branches with double lines.

    Args:
        document: a step list's document.
        position: by path, how far a process is (see `positions`); each element then has a mark of
            `MARKS` before its name.
    """
    head = f"{document['name']} (version {document['version']}): {document['description']}"
    return "\n".join([head, *_Drawing(document, position).whole()])


class _Drawing:
    """Draws one document."""

    def __init__(
        self, document: Mapping[str, Any], position: Mapping[str, Position] | None
    ) -> None:
        self._elements: list[dict[str, Any]] = document["steps"]
        self._position = position
        _, nodes = compile_nodes(self._elements)
        self._paths = {id(node.element): path for path, node in nodes.items()}

    def whole(self) -> Iterator[str]:
        for element in self._elements:
            is_last = element is self._elements[-1]
            yield ("└─ " if is_last else "├─ ") + self._line(element, "")
            yield from self._under(element, "   " if is_last else "│  ")

    def _under(self, element: dict[str, Any], indent: str) -> Iterator[str]:
        """The branches of an element, each a little list at its fork."""
        prefix = self._paths[id(element)] + "/"
        branches = element.get("branches", ())
        for branch in branches:
            is_last = branch is branches[-1]
            fork, beside = ("╚═", "  ") if is_last else ("╠═", "║ ")
            for inner in branch:
                starts, ends = inner is branch[0], inner is branch[-1]
                joint = ("══ " if ends else "╤═ ") if starts else ("└─ " if ends else "├─ ")
                yield indent + (fork if starts else beside) + joint + self._line(inner, prefix)
                yield from self._under(inner, indent + beside + ("   " if ends else "│  "))

    def _line(self, element: dict[str, Any], prefix: str) -> str:
        path = self._paths[id(element)]
        told = list(_told(element))
        if element.get("guards"):
            told.append("if " + " and ".join(element["guards"]))
        details = f"  ({', '.join(told)})" if told else ""
        mark = "" if self._position is None else f"{MARKS[self._position.get(path, 'pending')]} "
        return f"{mark}{path.removeprefix(prefix)}{details}"


def _told(element: dict[str, Any]) -> Iterator[str]:
    if element["kind"] == "sleep":
        yield _duration(element["seconds"])
    if element.get("signal") and element.get("into"):
        yield f"into {element['into']}"
    retry = element.get("retry")
    if retry is not None:
        yield f"{retry.get('attempts', 3)} attempts"
    if element.get("timeout") is not None:
        yield f"at most {_duration(element['timeout'])}"
    if element.get("at_most_once"):
        yield "at most once"


def _duration(seconds: float) -> str:
    """Seconds as people say them, as long as nothing is lost: 5400 is `1 h 30 min`."""
    if seconds < _UNITS[-1][0] or seconds != int(seconds):
        return f"{seconds:g} s"
    left, told = int(seconds), []
    for size, unit in _UNITS:
        count, left = divmod(left, size)
        told += [f"{count} {unit}"] if count else []
    return " ".join([*told, f"{left} s"] if left else told)


# -- where a process stands ------------------------------------------------------------------------


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
    that waits for its next attempt from one that runs.
    """
    state: StepsState = snapshot.state
    places = _Places(program, snapshot.process, list(events), now or snapshot.process.at)
    places.put(program.first, state.frame, "pending")
    return places.found


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
                    self._done.add(path)
                case e.StepSkipped(path=path) | e.PredicateAnswered(path=path, answer=False):
                    self._skipped.add(path)

    def put(self, first: str | None, frame: Frame | None, beyond: Position) -> set[Position]:
        """Place every element of one list; without a frame, all of it is `beyond`."""
        shown: set[Position] = set()
        is_behind = frame is not None
        path = first
        while path is not None:
            node = self._program.nodes[path]
            if frame is not None and path == frame.at:
                is_behind = False
                shown.add(self._at(node, frame))
            else:
                shown.add(self._away(node, self._behind(node) if is_behind else beyond))
            path = node.following
        return shown

    def _at(self, node: Node, frame: Frame) -> Position:
        """The element at which a list stands, and what is inside it."""
        position = self.found[node.path] = self._standing(node, frame)
        inside: set[Position] = set()
        branches = frame.branches or (None,) * len(node.branches)
        for first, branch in zip(node.branches, branches, strict=True):
            inside |= self.put(first, branch, "pending")
        if inside and position == "running":
            order: tuple[Position, ...] = ("running", "waiting", "failed")
            position = next((each for each in order if each in inside), position)
            self.found[node.path] = position
        return position

    def _away(self, node: Node, position: Position) -> Position:
        """An element before or after that, and what is inside it."""
        self.found[node.path] = position
        for first in node.branches:
            self.put(first, Frame(None) if position == "done" else None, position)
        return position

    def _behind(self, node: Node) -> Position:
        did_nothing = self._is_told and node.kind == "step" and node.path not in self._done
        return "skipped" if did_nothing or node.path in self._skipped else "done"

    def _standing(self, node: Node, frame: Frame) -> Position:
        process = self._process
        if frame.stuck is not None or process.poison is not None:
            return "failed"
        if process.is_closed:
            return "done" if _ENDED.get(process.status) == node.kind else "failed"
        if frame.asked < node.guards:
            return "running"
        if node.kind in ("sleep", "wait_for"):
            return "waiting"
        due = process.activity(node.path, frame.occurrence).due
        return "waiting" if due is not None and due > self._now else "running"


_ENDED = {"completed": "done", "aborted": "abort"}
"""The kind of element that ends a process well, by the status in which it then is."""
