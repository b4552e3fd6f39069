"""A step list as a program: what a document of steps makes of the facts.

Needs the document only, never the code.
The position is kept as name paths, so that a list may grow around a living process.
"""

from __future__ import annotations

import reprlib
from collections import ChainMap
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from corago.core import decisions as d
from corago.core import events as e
from corago.core.calls import Calls
from corago.core.retry import Retry
from corago.errors import InvalidInputError

_replace = msgspec.structs.replace


class Stuck(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why an element does not go on: event `position` made it so."""

    position: int
    error: e.Failure
    suspended: bool = False


class Frame(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where one list stands: at the element `at`, or (None) past its end.

    `asked` of its predicates were answered yes. `writes` are what a branch has written over the
    State that it started from; `branches` are the frames of the parallel element that it stands
    at; `tries` counts how often the element was taken up, so that a timer's name is never used
    twice; `occurrence` counts how often it was done, should its result have been refused.
    """

    at: str | None
    asked: int = 0
    tries: int = 1
    writes: dict[str, Any] = {}
    stuck: Stuck | None = None
    branches: tuple[Frame, ...] = ()
    occurrence: int = 1


class Buffered(msgspec.Struct, frozen=True):
    """A signal that nobody has taken yet; event `position` brought it."""

    name: str
    data: Any
    position: int


class StepsState(msgspec.Struct, frozen=True, omit_defaults=True):
    """The State, the frames, the signals not yet taken.

    `stopping` are the steps that a cancel waits for.
    """

    state: dict[str, Any]
    frame: Frame
    signals: tuple[Buffered, ...] = ()
    stopping: tuple[str, ...] | None = None


class Node(msgspec.Struct, frozen=True):
    """An element of a list, compiled.

    `route` are the branch indexes that lead to its list, `following` is what comes after it;
    with `leads_to_rest` nothing is passed through on the way there.
    """

    path: str
    kind: str
    element: Mapping[str, Any]
    route: tuple[int, ...]
    following: str | None
    guards: int = 0
    branches: tuple[str | None, ...] = ()
    retry: Retry | None = None
    timeout: float | None = None
    at_most_once: bool = False
    leads_to_rest: bool = False


def compile_nodes(elements: list[dict[str, Any]]) -> tuple[str | None, dict[str, Node]]:
    """The first path of a list, and every node in it by path."""
    nodes: dict[str, Node] = {}
    first = _compile(elements, "", (), {}, nodes)
    return first, nodes


def _compile(
    elements: list[dict[str, Any]],
    prefix: str,
    route: tuple[int, ...],
    used: dict[str, int],
    nodes: dict[str, Node],
) -> str | None:
    paths = [_path(element["name"], prefix, used) for element in elements]
    for index, (element, path) in enumerate(zip(elements, paths, strict=True)):
        inner: dict[str, int] = {}
        branches = tuple(
            _compile(branch, f"{path}/", (*route, number), inner, nodes)
            for number, branch in enumerate(element.get("branches", ()))
        )
        retry = element.get("retry")
        nodes[path] = Node(
            path=path,
            kind=element["kind"],
            element=element,
            route=route,
            following=paths[index + 1] if index + 1 < len(paths) else None,
            guards=len(element.get("guards", ())),
            branches=branches,
            retry=None if retry is None else Retry(**retry),
            timeout=element.get("timeout"),
            at_most_once=element.get("at_most_once", False),
            leads_to_rest=_kind_at(elements, index + 1) in RESTING,
        )
    return paths[0] if paths else None


RESTING = frozenset({"step", "sleep", "done", "abort"})
"""The kinds at which a frame stays until something happens."""


def _kind_at(elements: list[dict[str, Any]], index: int) -> str:
    return elements[index]["kind"] if index < len(elements) else ""


def _path(name: str, prefix: str, used: dict[str, int]) -> str:
    used[name] = used.get(name, 0) + 1
    return f"{prefix}{name}" if used[name] == 1 else f"{prefix}{name}#{used[name]}"


class StepsProgram:
    """The three functions of a step list. `document` is what the definitions table keeps."""

    state_type = StepsState

    def __init__(self, document: Mapping[str, Any]) -> None:
        """Compile the document once."""
        self.name: str = document.get("name", "a step list")
        self.first, self.nodes = compile_nodes(document["steps"])
        self.decide_limit = 100 + 4 * sum(1 + node.guards for node in self.nodes.values())

    def check_input(self, given: Any) -> dict[str, Any]:
        """A State; None is {}. Raises InvalidInputError if it is no dict with texts as keys."""
        if given is None:
            return {}
        if isinstance(given, dict) and all(isinstance(key, str) for key in given):
            return given
        shown = reprlib.repr(given)
        raise InvalidInputError(
            f"{self.name!r} starts with a State, a dict with texts as keys, not {shown}"
        )

    def view(self, state: StepsState) -> dict[str, Any]:
        """The State, without what unfinished branches have written."""
        return state.state

    # -- facts -------------------------------------------------------------------------------

    def initial(self, started: e.ProcessStarted) -> StepsState:
        """The input is the first State."""
        given = started.input if isinstance(started.input, dict) else {}
        return self._rest(StepsState(dict(given), Frame(self.first)), ())

    def evolve(self, state: StepsState, event: e.Event) -> StepsState:
        """Apply one fact."""
        if type(event) is e.ActivityClosed:
            return self._stepped(state, event) or self._closed(state, event)
        match event:
            case e.PredicateAnswered(path=path):
                return self._answered(state, event)
            case e.TimerFired(timer=timer):
                return self._fired(state, timer.rpartition("@")[0], event.position)
            case e.SignalReceived(name=name, data=data, position=position):
                arrived = Buffered(name, data, position)
                return self._deliver(_replace(state, signals=(*state.signals, arrived)))
            case e.ProcessSuspended(path=path, error=error) if path:
                return self._stick(state, path, Stuck(event.position, error, suspended=True))
            case e.ProcessReopened(paths=paths) | e.ProcessResumed(paths=paths):
                return self._unstick(state, paths)
            case e.StepSkipped(path=path):
                return self._go_on(state, path, {})
            case e.CancelRequested():
                running = tuple(
                    node.path for node, _, _ in self._open(state) if node.kind == "step"
                )
                return _replace(state, stopping=running)
            case _:
                return state

    def _stepped(self, state: StepsState, event: e.ActivityClosed) -> StepsState | None:
        """The common case of `_closed` at its shortest: the outermost list goes one step on."""
        node, written = self.nodes.get(event.path), getattr(event.result, "result", None)
        if node is None or node.route or state.frame.at != event.path or type(written) is not dict:
            return None
        if type(event.result) is not e.ActivityCompleted or state.stopping is not None:
            return None
        merged = {**state.state, **written} if written else state.state
        state = StepsState(merged, Frame(node.following), state.signals)
        return state if node.leads_to_rest else self._rest(state, ())

    def _closed(self, state: StepsState, event: e.ActivityClosed) -> StepsState:
        path, result = event.path, event.result
        frame = self._frame_at(state, path)
        if frame is None:
            return state
        if state.stopping is not None:
            left = tuple(each for each in state.stopping if each != path)
            state = _replace(state, stopping=left)
        if isinstance(result, e.ActivityCompleted):
            written = {} if result.result is None else result.result
            failure = self._refusal(state, path, written)
            if failure is None:
                return self._go_on(state, path, written)
            # it was done all the same: what runs here next is another occurrence of it
            frame = _replace(frame, occurrence=event.occurrence + 1)
        else:
            failure = e.failure_of(result, path) or e.Failure("Unknown", "")
        stuck = _replace(frame, stuck=Stuck(event.position, failure))
        return self._put(state, self.nodes[path].route, stuck)

    def _answered(self, state: StepsState, event: e.PredicateAnswered) -> StepsState:
        frame = self._frame_at(state, event.path)
        if frame is None:
            return state
        if event.error is not None:
            return self._stick(state, event.path, Stuck(event.position, event.error))
        if not event.answer:
            return self._go_on(state, event.path, {})
        route = self.nodes[event.path].route
        return self._rest(self._put(state, route, _replace(frame, asked=frame.asked + 1)), route)

    def _fired(self, state: StepsState, path: str, position: int) -> StepsState:
        node = self.nodes.get(path)
        if node is None or self._frame_at(state, path) is None:
            return state
        if node.kind == "sleep":
            return self._go_on(state, path, {})
        seconds, signal = node.element["timeout"], node.element["signal"]
        late = e.Failure("TimeoutError", f"signal {signal!r} did not arrive within {seconds:g} s")
        return self._stick(state, path, Stuck(position, late))

    # -- frames ------------------------------------------------------------------------------

    def _frame(self, state: StepsState, route: tuple[int, ...]) -> Frame | None:
        frame = state.frame
        for index in route:
            if index >= len(frame.branches):
                return None
            frame = frame.branches[index]
        return frame

    def _frame_at(self, state: StepsState, path: str) -> Frame | None:
        """The frame that stands at this path; None if the process is not there (any more)."""
        node = self.nodes.get(path)
        frame = None if node is None else self._frame(state, node.route)
        return frame if frame is not None and frame.at == path else None

    def _put(self, state: StepsState, route: tuple[int, ...], frame: Frame) -> StepsState:
        chain = [state.frame]
        for index in route[:-1]:
            chain.append(chain[-1].branches[index])
        for parent, index in zip(reversed(chain), reversed(route), strict=False):
            branches = (*parent.branches[:index], frame, *parent.branches[index + 1 :])
            frame = _replace(parent, branches=branches)
        return _replace(state, frame=frame)

    def _stick(self, state: StepsState, path: str, stuck: Stuck) -> StepsState:
        frame = self._frame_at(state, path)
        if frame is None:
            return state
        return self._put(state, self.nodes[path].route, _replace(frame, stuck=stuck))

    def _unstick(self, state: StepsState, paths: tuple[str, ...]) -> StepsState:
        for path in paths:
            frame = self._frame_at(state, path)
            if frame is not None and frame.stuck is not None:
                again = _replace(frame, stuck=None, tries=frame.tries + 1)
                state = self._put(state, self.nodes[path].route, again)
        return self._deliver(state)

    def _go_on(self, state: StepsState, path: str, written: dict[str, Any]) -> StepsState:
        """Past the element at `path`, with what it wrote."""
        frame = self._frame_at(state, path)
        if frame is None:
            return state
        node = self.nodes[path]
        if not node.route:
            if written:
                state = _replace(state, state={**state.state, **written})
            return self._rest(_replace(state, frame=Frame(node.following)), ())
        after = Frame(node.following, writes={**frame.writes, **written})
        return self._rest(self._put(state, node.route, after), node.route)

    def _rest(self, state: StepsState, route: tuple[int, ...]) -> StepsState:
        """Let the frame at `route` go on through whatever needs neither work nor an answer."""
        frame = self._frame(state, route)
        node = None if frame is None or frame.at is None else self.nodes[frame.at]
        if frame is None or (node is None and not route):
            return state
        if node is None:
            return self._join(state, route[:-1])
        if node.kind == "init":
            return self._go_on(state, node.path, {})
        if frame.asked < node.guards:
            return state
        if node.kind == "wait_for":
            return self._deliver(state)
        if node.kind == "parallel" and not frame.branches:
            branches = tuple(Frame(first) for first in node.branches)
            state = self._put(state, route, _replace(frame, branches=branches))
            for index in range(len(branches)):
                state = self._rest(state, (*route, index))
        return state

    def _join(self, state: StepsState, route: tuple[int, ...]) -> StepsState:
        """Past a parallel element once every branch is at its end."""
        frame = self._frame(state, route)
        if frame is None or frame.at is None or any(each.at is not None for each in frame.branches):
            return state
        written: dict[str, Any] = {}
        for branch in frame.branches:
            written |= branch.writes
        return self._go_on(state, frame.at, written)

    def _deliver(self, state: StepsState) -> StepsState:
        """Hand buffered signals, oldest first, to the waits that stand open."""
        while state.signals:
            for node, frame, _ in self._open(state):
                if node.kind != "wait_for" or frame.asked < node.guards:
                    continue
                signal = node.element["signal"]
                found = next((each for each in state.signals if each.name == signal), None)
                if found is None:
                    continue
                written = {node.element.get("into") or signal: found.data}
                refusal = self._refusal(state, node.path, written)
                if refusal is None:
                    left = tuple(each for each in state.signals if each is not found)
                    state = self._go_on(_replace(state, signals=left), node.path, written)
                else:  # not taken: it stays for whoever retries
                    state = self._stick(state, node.path, Stuck(found.position, refusal))
                break
            else:
                break
        return state

    def _refusal(self, state: StepsState, path: str, written: Any) -> e.Failure | None:
        """Why a result can't be taken: it is no dict, or another branch has written a key of it."""
        if not isinstance(written, dict):
            text = f"the result of {path!r} is of type {type(written).__name__}, not a dict"
            return e.Failure("StepResultError", text)
        route = self.nodes[path].route
        for depth in range(len(route)):
            parent = self._frame(state, route[:depth])
            for index, branch in enumerate(parent.branches if parent else ()):
                known = set() if index == route[depth] else _written(branch)
                both = next((key for key in written if key in known), None)
                if both is not None:
                    text = (
                        f"{path!r} wrote State[{both!r}], which another branch of "
                        f"{parent.at if parent else ''!r} wrote too; "
                        "give each branch keys of its own"
                    )
                    return e.Failure("BranchConflictError", text)
        return None

    # -- wishes ------------------------------------------------------------------------------

    def _open(self, state: StepsState) -> Iterator[tuple[Node, Frame, Mapping[str, Any]]]:
        """Every element that a frame stands at and that is not stuck, with the State it sees."""
        for node, frame, view in self._standing(state.frame, state.state):
            if frame.stuck is None:
                yield node, frame, view

    def _standing(
        self, frame: Frame, view: Mapping[str, Any]
    ) -> Iterator[tuple[Node, Frame, Mapping[str, Any]]]:
        if frame.at is None:
            return
        if not frame.branches:
            yield self.nodes[frame.at], frame, view
        for branch in frame.branches:
            seen = ChainMap(branch.writes, view) if branch.writes else view  # type: ignore[arg-type]
            yield from self._standing(branch, seen)

    def decide(self, state: StepsState, calls: Calls) -> tuple[d.Decision, ...]:
        """Everything that should be open now, or one fact, or the end."""
        if state.stopping is not None:
            return self._stopping(state)
        frame = state.frame
        if frame.at is not None and frame.stuck is None and not frame.branches:
            node = self.nodes[frame.at]
            if node.kind == "step" and frame.asked >= node.guards:
                return self._wish(node, frame, state.state)
        wishes: list[d.Decision] = []
        failed: d.Incident | None = None
        for node, frame, view in self._standing(state.frame, state.state):
            if frame.stuck is not None:
                stuck = frame.stuck
                incident = d.Incident(
                    node.path, stuck.position, stuck.error, frame.occurrence, stuck.suspended
                )
                wishes.append(incident)
                failed = failed or (None if stuck.suspended else incident)
            elif frame.asked < node.guards:
                return (self._ask(node, frame, view, calls),)
            else:
                wishes.extend(self._wish(node, frame, view))
        ending = next((wish for wish in wishes if type(wish) in _ENDINGS), None)
        if ending is not None:
            return (ending,)
        still = (wish for wish in wishes if type(wish) is not d.Incident or wish.suspended)
        if failed is not None and next(still, None) is None:
            wishes.append(d.FailProcess(failed.path, failed.error))
        return tuple(wishes)

    def _stopping(self, state: StepsState) -> tuple[d.Decision, ...]:
        wishes = [
            d.ScheduleActivity(node.path, view, frame.occurrence, cancel=True)
            for node, frame, view in self._open(state)
            if node.path in (state.stopping or ())
        ]
        return tuple(wishes) or (d.CancelProcess(),)

    def _ask(self, node: Node, frame: Frame, view: Mapping[str, Any], calls: Calls) -> d.RecordFact:
        answer = calls.ask(f"{node.path}?{frame.asked}", view)
        value = None if answer.error is not None else bool(answer.value)
        return d.RecordFact(d.Answered(node.path, frame.asked, value, answer.error))

    def _wish(self, node: Node, frame: Frame, view: Mapping[str, Any]) -> tuple[d.Decision, ...]:
        element = node.element
        match node.kind:
            case "step":
                # fmt: off
                return (d.ScheduleActivity(
                    node.path, view, frame.occurrence, node.retry, node.timeout, node.at_most_once
                ),)
                # fmt: on
            case "sleep":
                return (d.StartTimer(f"{node.path}@{frame.tries}", element["seconds"]),)
            case "wait_for":
                waits: tuple[d.Decision, ...] = (d.AwaitSignal(node.path, element["signal"]),)
                if element.get("timeout") is not None:
                    name = f"{node.path}@{frame.tries}"
                    waits += (d.StartTimer(name, element["timeout"]),)
                return waits
            case "done":
                return (d.CompleteProcess(dict(view)),)
            case "abort":
                return (d.AbortProcess(),)
            case kind:
                raise TypeError(f"{node.path!r} is of the unknown kind {kind!r}")


_ENDINGS = (d.CompleteProcess, d.AbortProcess)


def _written(frame: Frame) -> set[str]:
    keys = set(frame.writes)
    for branch in frame.branches:
        keys |= _written(branch)
    return keys
