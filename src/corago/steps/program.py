"""A step list as a program: what a document of steps makes of the facts, and what it wants next.

Needs the document only, never the code.
The position is kept as name paths, so that a list may grow around a living process.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterator, Mapping
from typing import Any

from corago.arguments.discretion import discreet
from corago.core import decisions as d
from corago.core import events as e
from corago.core.calls import Calls
from corago.core.plain import Plain
from corago.core.program import Difference, Program
from corago.errors import InvalidInputError
from corago.steps import changing
from corago.steps.discretion import secret_keys
from corago.steps.frames import Frame, StepsState, Undo
from corago.steps.moving import Move
from corago.steps.nodes import Node, Route, compile_nodes
from corago.steps.standing import View, standing

Wishes = tuple[d.Decision, ...]

MANY = 1_000_000
"""The decide limit of a list with a loop: how many items it will have is not known before."""


class StepsProgram(Plain):
    """The three functions of a step list. `document` is what the definitions table keeps."""

    state_type = StepsState

    def __init__(self, document: Mapping[str, Any]) -> None:
        """Compile the document once."""
        self.document = document
        self.name: str = document.get("name", "a step list")
        self.first, self.nodes = compile_nodes(document["steps"])
        self.secret_keys = secret_keys(document["steps"])
        self.undoes_failures: bool = document.get("undo_on_failure", False)
        loops = any(node.kind == "foreach" for node in self.nodes.values())
        asked = sum(1 + node.guards for node in self.nodes.values())
        self.decide_limit = MANY if loops else 100 + 4 * asked

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

    def discreet(self, values: Any) -> Any:
        """The same with secrets at the keys that a step takes as such."""
        return discreet(values, self.secret_keys)

    def view(self, state: StepsState) -> dict[str, Any]:
        """The State, without what unfinished branches and loops have written."""
        return _shown(self, state.frame, state.state)

    def held(self, state: StepsState) -> Iterator[Any]:
        """The State, and what unfinished branches and loops have written."""
        yield state.state
        frames = [state.frame]
        while frames:
            frame = frames.pop()
            yield frame.writes
            frames += frame.branches
            if frame.items is not None:
                yield from frame.items.results
                frames += frame.items.open.values()

    # -- facts -------------------------------------------------------------------------------

    def initial(self, started: e.ProcessStarted) -> StepsState:
        """The input is the first State."""
        given = started.input if isinstance(started.input, dict) else {}
        move = Move(self.nodes, StepsState(dict(given), Frame(self.first)), started.position)
        return move.begin()

    def evolve(self, state: StepsState, event: e.Event) -> StepsState:
        """Apply one fact."""
        if type(event) is e.ActivityClosed:
            quick = self._stepped(state, event)
            if quick is not None:
                return quick
        return Move(self.nodes, state, event.position).take(event)

    def _stepped(self, state: StepsState, event: e.ActivityClosed) -> StepsState | None:
        """The commonest fact at its shortest: the outermost list goes one step on, and rests."""
        node, written = self.nodes.get(event.path), getattr(event.result, "result", None)
        if node is None or node.route or not node.leads_to_rest or node.undo is not None:
            return None
        if state.frame.at != event.path or state.stopping is not None or state.undo:
            return None
        if type(event.result) is not e.ActivityCompleted or type(written) is not dict:
            return None
        merged = {**state.state, **written} if written else state.state
        return StepsState(merged, Frame(node.following), state.signals)

    # -- another list ------------------------------------------------------------------------

    def differences(
        self, state: StepsState, before: Program[Any], renames: Mapping[str, str]
    ) -> tuple[Difference, ...]:
        """Why a process in this state of the list `before` can't simply go on by this one."""
        if not isinstance(before, StepsProgram):
            return (Difference("", "it was no step list before"),)
        return changing.differences(state, before, self, renames)

    def adopt(
        self, state: StepsState, before: Program[Any], event: e.DefinitionChanged
    ) -> StepsState:
        """The state in which a process of the list `before` goes on by this one."""
        if not isinstance(before, StepsProgram):
            raise ValueError("it was no step list before")  # noqa: TRY004 - the port says which
        return changing.adopted(state, before, self, event)

    # -- wishes ------------------------------------------------------------------------------

    def decide(self, state: StepsState, calls: Calls) -> Wishes:
        """Everything that should be open now, or one fact, or the end."""
        if state.stopping is not None:
            return self._stopping(state)
        frame = state.frame
        if frame.at is not None and frame.stuck is None and not frame.branches:
            node = self.nodes[frame.at]
            if node.kind == "step" and frame.asked >= node.guards:
                # by far the commonest case: one step after the other
                # fmt: off
                return (d.ScheduleActivity(
                    node.path, state.state, frame.occurrence,
                    node.retry, node.timeout, node.at_most_once, False, "", node.queue,
                ),)
                # fmt: on
        if state.undone:
            return self._back(state)
        wishes: list[d.Decision] = []
        failed: d.Incident | None = None
        for node, frame, view, route in standing(self.nodes, state.frame, state.state):
            if frame.stuck is not None:
                incident = _incident(node, frame, route)
                wishes.append(incident)
                failed = failed or (None if incident.suspended else incident)
                continue
            fact = self._fact(node, frame, view, route, calls)
            if fact is not None:
                return (fact,)
            wishes.extend(self._wish(node, frame, view, route, calls))
        answered = next((wish for wish in wishes if type(wish) is d.RecordFact), None)
        ending = next((wish for wish in wishes if type(wish) in _ENDINGS), None)
        if answered is not None or ending is not None:
            return (answered or ending,)  # type: ignore[return-value] # one of them is not None
        still = (wish for wish in wishes if type(wish) is not d.Incident or wish.suspended)
        if failed is not None and next(still, None) is None:
            if self.undoes_failures and state.undo:
                return self._back(state)
            wishes.append(d.FailProcess(failed.path, failed.error))
        return tuple(wishes)

    def _stopping(self, state: StepsState) -> Wishes:
        wishes: list[d.Decision] = []
        for node, frame, view, route in standing(self.nodes, state.frame, state.state):
            path = node.text(route)
            if path not in (state.stopping or ()):
                continue
            if node.kind == "child":
                wishes.append(d.StartChild(path, "", cancel=True, child=frame.child_id))
            else:
                wishes.append(_activity(node, path, view, frame.occurrence, cancel=True))
        return tuple(wishes) or self._back(state)

    def _back(self, state: StepsState) -> Wishes:
        """Take the finished steps back, the last one first; then the end that was to come."""
        if state.undo:
            last: Undo = state.undo[-1]
            if last.stuck is None:
                node = self.nodes[last.node]
                return (_activity(node, last.path, last.input, last.occurrence),)
            stuck = last.stuck
            incident = d.Incident(
                last.path, stuck.position, stuck.error, last.occurrence, stuck.suspended
            )
            if stuck.suspended:
                return (incident,)
            return (incident, d.FailProcess(last.path, stuck.error))
        if state.stopping is not None:
            return (d.CancelProcess(),)
        for node, frame, _, route in standing(self.nodes, state.frame, state.state):
            if frame.stuck is not None:
                return (d.FailProcess(node.text(route), frame.stuck.error),)
        return (d.CancelProcess(),)

    def _fact(
        self, node: Node, frame: Frame, view: View, route: Route, calls: Calls
    ) -> d.RecordFact | None:
        """What must be known before the element goes on: a predicate's answer, a loop's items."""
        if frame.asked >= node.guards and node.kind != "foreach":
            return None
        path = node.text(route)
        if frame.asked < node.guards:
            answer = calls.ask(f"{node.path}?{frame.asked}", view)
            value = None if answer.error is not None else bool(answer.value)
            return d.RecordFact(d.Answered(path, frame.asked, value, answer.error))
        key = node.element["key"]
        items = view.get(key)
        if isinstance(items, list):
            return d.RecordFact(d.Chosen(path, len(items)))
        found = "is missing" if key not in view else f"is of type {type(items).__name__}"
        text = f"{path!r} goes through the list State[{key!r}], which {found}"
        return d.RecordFact(d.Chosen(path, 0, e.Failure("StepArgumentError", text)))

    def _wish(
        self, node: Node, frame: Frame, view: View, route: Route, calls: Calls | None = None
    ) -> Wishes:
        element, path = node.element, node.text(route)
        match node.kind:
            case "step" | "get" | "set":
                return (_activity(node, path, view, frame.occurrence),)
            case "sleep":
                return (d.StartTimer(f"{path}@{frame.tries}", element["seconds"]),)
            case "wait_for":
                waits: Wishes = (d.AwaitSignal(path, element["signal"]),)
                if element.get("timeout") is not None:
                    waits += (d.StartTimer(f"{path}@{frame.tries}", element["timeout"]),)
                return waits
            case "child":
                return (_child(node, frame, view, path, calls),)
            case "done":
                return (d.CompleteProcess(dict(view)),)
            case "abort":
                return (d.AbortProcess(),)
            case kind:
                raise TypeError(f"{path!r} is of the unknown kind {kind!r}")


def _activity(
    node: Node,
    path: str,
    view: View,
    occurrence: int,
    cancel: bool = False,  # noqa: FBT001, FBT002 - as above
) -> d.ScheduleActivity:
    return d.ScheduleActivity(
        path,
        view,
        occurrence,
        node.retry,
        node.timeout,
        node.at_most_once,
        cancel,
        "" if path == node.path else node.path,
        node.queue,
    )


def _child(
    node: Node, frame: Frame, view: View, path: str, calls: Calls | None
) -> d.StartChild | d.RecordFact:
    """The wish for a child; its input is made when it starts, and is recorded there."""
    element, given = node.element, None
    if not frame.child:
        given = element.get("input", dict(view) if "input_by" not in element else None)
        if "input_by" in element and calls is not None:
            answer = calls.ask(f"{node.path}?input", view)
            if answer.error is not None:
                return d.RecordFact(d.Answered(path, node.guards, None, answer.error))
            given = answer.value
    return d.StartChild(
        path,
        element["workflow"],
        given,
        frame.occurrence,
        reopens=frame.child == "failed",
        child=frame.child_id,
    )


def _incident(node: Node, frame: Frame, route: Route) -> d.Incident:
    stuck = frame.stuck
    assert stuck is not None  # noqa: S101 - for the type checker: the caller has looked
    path = node.text(route)
    return d.Incident(path, stuck.position, stuck.error, frame.occurrence, stuck.suspended)


def _shown(program: StepsProgram, frame: Frame, state: dict[str, Any]) -> dict[str, Any]:
    """A State with what the groups and focuses that are under way have written so far."""
    if frame.at is None or not frame.branches:
        return state
    node = program.nodes[frame.at]
    if node.kind not in ("group", "focus"):
        return state
    below = frame.branches[0]
    if node.kind == "group":
        return _shown(program, below, {**state, **below.writes})
    part = _shown(program, below, {**(frame.part or {}), **below.writes})
    return {**state, node.element["key"]: part}


_ENDINGS = (d.CompleteProcess, d.AbortProcess)
