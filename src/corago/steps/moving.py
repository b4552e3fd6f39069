"""What one fact does to where a step list stands. Pure; calls no user code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from corago.core import events as e
from corago.steps.frames import Buffered, Frame, Items, StepsState, Stuck, Undo
from corago.steps.nodes import Node, Nodes, Route
from corago.steps.standing import (
    Standing,
    View,
    frame_at,
    inner,
    key_of,
    no_dict,
    refusal,
    standing,
)

_replace = msgspec.structs.replace


class Move:
    """One fact's working copy; the values it replaces are immutable, only the name moves."""

    __slots__ = ("_hungry", "nodes", "position", "state")

    def __init__(self, nodes: Nodes, state: StepsState, position: int) -> None:
        self.nodes = nodes
        self.state = state
        self.position = position
        self._hungry: list[Route] = []

    def begin(self) -> StepsState:
        """Let everything go on that needs nothing for it."""
        for _, _, _, route in list(standing(self.nodes, self.state.frame, self.state.state)):
            self._rest(route)
            self._hungry += self._loops_around(route)  # another list may allow more items
        self._deliver()
        return self._fed()

    # -- facts -------------------------------------------------------------------------------

    def take(self, event: e.Event) -> StepsState:
        """Apply it, and let everything go on that needs nothing but that."""
        match event:
            case e.ActivityClosed():
                self._closed(event)
            case e.PredicateAnswered():
                self._answered(event)
            case e.ItemsChosen():
                self._chosen(event)
            case e.ChildStarted(path=path, child=child):
                self._change(path, child="open", child_id=child)
            case e.ChildStartFailed(path=path, error=error):
                self._stopped(path)
                self.stick(path, error, child="refused")
            case e.ChildClosed():
                self._child_closed(event)
            case e.TimerFired(timer=timer):
                self._fired(timer.rpartition("@")[0])
            case e.SignalReceived(name=name, data=data):
                arrived = Buffered(name, data, self.position)
                self.state = _replace(self.state, signals=(*self.state.signals, arrived))
                self._deliver()
            case e.ProcessSuspended(path=path, error=error) if path:
                self.stick(path, error, suspended=True)
            case e.ProcessReopened(paths=paths) | e.ProcessResumed(paths=paths):
                self._unstick(paths)
            case e.StepSkipped(path=path):
                self._skipped(path)
            case e.CancelRequested():
                self._stop()
        return self._fed()

    def _fed(self) -> StepsState:
        while self._hungry:
            self._feed(self._hungry.pop())
        return self.state

    def _closed(self, event: e.ActivityClosed) -> None:
        path, result = event.path, event.result
        if self._is_undoing(path):
            return self._undone(event)
        found = self._at(path)
        if found is None:
            return None
        node, route, frame = found
        self._stopped(path)
        self._line_up(route)
        if not isinstance(result, e.ActivityCompleted):
            failure = e.failure_of(result, path) or e.Failure("Unknown", "")
            return self.stick(path, failure)
        written = {} if result.result is None else result.result
        refused = refusal(self.nodes, self.state.frame, node, route, path, written)
        if refused is not None:
            # it was done all the same: what runs here next is another occurrence of it
            return self.stick(path, refused, occurrence=event.occurrence + 1)
        if node.kind == "get":
            return self._look_through(node, route, frame, written)
        if node.undo is not None:
            self._remember(node, route, written, event.occurrence)
        return self._go_on(node, route, written)

    def _answered(self, event: e.PredicateAnswered) -> None:
        found = self._at(event.path)
        if found is None:
            return
        node, route, frame = found
        if event.error is not None:
            self.stick(event.path, event.error)
        elif event.answer:
            self._put(route, _replace(frame, asked=frame.asked + 1))
            self._rest(route)
        else:
            self._go_on(node, route, {})

    def _chosen(self, event: e.ItemsChosen) -> None:
        found = self._at(event.path)
        if found is None:
            return
        node, route, frame = found
        results: dict[str, Any] = {key_of(node): []}
        root, path = self.state.frame, event.path
        error = event.error or refusal(self.nodes, root, node, route, path, results)
        if error is not None:
            self.stick(path, error)
        elif not event.count:
            self._go_on(node, route, results)
        else:
            self._put(route, _replace(frame, items=Items((None,) * event.count)))
            self._hungry.append(route)

    def _child_closed(self, event: e.ChildClosed) -> None:
        found = self._at(event.path)
        if found is None or found[0].kind != "child":
            return
        node, route, frame = found
        if event.child != frame.child_id:  # that of a former occurrence
            return
        self._stopped(event.path)
        self._line_up(route)
        if event.status != "completed":
            why = "" if event.error is None else f": {event.error}"
            text = f"child process {event.child!r} is {event.status}{why}"
            status = "over" if event.is_final else event.status
            self.stick(event.path, e.Failure("ChildProcessError", text), child=status)
            return
        into = node.element.get("into")
        written = event.result if into is None else {into: event.result}
        refused = refusal(self.nodes, self.state.frame, node, route, event.path, written)
        if refused is not None:
            self.stick(event.path, refused, child=event.status)
        else:
            self._go_on(node, route, written)

    def _fired(self, path: str) -> None:
        found = self._at(path)
        if found is None:
            return
        node, route, _ = found
        if node.kind == "sleep":
            self._go_on(node, route, {})
            return
        seconds, signal = node.element["timeout"], node.element["signal"]
        text = f"signal {signal!r} did not arrive within {seconds:g} s"
        self.stick(path, e.Failure("TimeoutError", text))

    def _skipped(self, path: str) -> None:
        if self._is_undoing(path):
            self.state = _replace(self.state, undo=self.state.undo[:-1], undone=True)
            return
        found = self._at(path)
        if found is None:
            return
        node, route, frame = found
        self._stopped(path)
        self._line_up(route)
        if node.place != path and node.kind == "get":
            self._look_through(node, route, frame, {})
        else:
            self._go_on(node, route, {})

    def _stop(self) -> None:
        """A cancel: it waits for the steps and children that run now."""
        running = tuple(
            node.text(route)
            for node, frame, _, route in self._open()
            if node.kind in ("step", "get", "set") or frame.child
        )
        self.state = _replace(self.state, stopping=running)

    def _stopped(self, path: str) -> None:
        stopping = self.state.stopping
        if stopping is not None:
            left = tuple(each for each in stopping if each != path)
            self.state = _replace(self.state, stopping=left)

    # -- taking back -------------------------------------------------------------------------

    def _remember(self, node: Node, route: Route, written: dict[str, Any], number: int) -> None:
        """Keep what would take this step back, with what its arguments come from as it is now."""
        undo = self.nodes[node.undo or ""]
        asks = {each["name"] for each in undo.element["parameters"]}
        view = {**self._view(route), **written}
        seen = view if "state" in asks else {key: view[key] for key in asks & view.keys()}
        # a step of this name may be done again in another occurrence: so may its taking back
        kept = Undo(undo.text(route), undo.path, seen, number)
        self.state = _replace(self.state, undo=(*self.state.undo, kept))

    def _is_undoing(self, path: str) -> bool:
        return bool(self.state.undo) and self.state.undo[-1].path == path

    def _undone(self, event: e.ActivityClosed) -> None:
        *before, last = self.state.undo
        written = getattr(event.result, "result", None)
        failure, number = e.failure_of(event.result, event.path), event.occurrence
        if failure is None and not isinstance(written, dict | None):
            failure, number = no_dict(event.path, written), number + 1  # as in `_closed`
        if failure is not None:
            stuck = _replace(last, stuck=Stuck(self.position, failure), occurrence=number)
            self.state = _replace(self.state, undo=(*before, stuck))
            return
        state = {**self.state.state, **(written or {})}
        self.state = _replace(self.state, state=state, undo=tuple(before), undone=True)

    # -- frames ------------------------------------------------------------------------------

    def frame(self, route: Route) -> Frame | None:
        """The frame of the list to which a route leads."""
        return frame_at(self.state.frame, route)

    def _view(self, route: Route) -> View:
        """The State that the list at a route sees."""
        frame, view = self.state.frame, self.state.state
        seen: View = view
        for index in route:
            below = inner(self.nodes[frame.at or ""], frame, index, seen)
            if below is None:
                break
            frame, seen = below
        return seen

    def _at(self, path: str) -> tuple[Node, Route, Frame] | None:
        """The element at this path and its frame; None if the process is not there (any more)."""
        found = self.nodes.find(path)
        if found is None:
            return None
        node, route = found
        frame = self.frame(route)
        if frame is None or frame.at != node.place or node.kind == "undo":
            return None
        if node.kind in ("get", "set") and (frame.part is None) != (node.kind == "get"):
            return None
        return node, route, frame

    def _put(self, route: Route, frame: Frame) -> None:
        chain = [self.state.frame]
        for index in route[:-1]:
            above = chain[-1]
            below = above.branches[index] if above.items is None else above.items.open[index]
            chain.append(below)
        for parent, index in zip(reversed(chain), reversed(route), strict=False):
            if parent.items is not None:
                items = _replace(parent.items, open={**parent.items.open, index: frame})
                frame = _replace(parent, items=items)
            else:
                branches = (*parent.branches[:index], frame, *parent.branches[index + 1 :])
                frame = _replace(parent, branches=branches)
        self.state = _replace(self.state, frame=frame)

    def _change(self, path: str, **changes: Any) -> None:
        found = self._at(path)
        if found is not None:
            self._put(found[1], _replace(found[2], **changes))

    def stick(
        self, path: str, error: e.Failure, *, suspended: bool = False, **changes: Any
    ) -> None:
        """Let nothing go on at this path until a person acts."""
        stuck = Stuck(self.position, error, suspended)
        if self._is_undoing(path):
            last = _replace(self.state.undo[-1], stuck=stuck)
            self.state = _replace(self.state, undo=(*self.state.undo[:-1], last))
            return
        found = self._at(path)
        if found is not None:
            self._put(found[1], _replace(found[2], stuck=stuck, **changes))
            self._hungry += self._loops_around(found[1])

    def _unstick(self, paths: tuple[str, ...]) -> None:
        for path in paths:
            if self._is_undoing(path):
                last = _replace(self.state.undo[-1], stuck=None)
                self.state = _replace(self.state, undo=(*self.state.undo[:-1], last))
                continue
            found = self._at(path)
            if found is None or found[2].stuck is None:
                continue
            _, route, frame = found
            self._line_up(route)
            again = _replace(frame, stuck=None, tries=frame.tries + 1)
            if again.child not in ("", "failed", "refused"):
                again = _replace(again, child="", child_id="", occurrence=again.occurrence + 1)
            elif again.child == "refused":
                again = _replace(again, child="", child_id="")
            self._put(route, again)
            self._rest(route)
        self._deliver()

    def _go_on(self, node: Node, route: Route, written: dict[str, Any]) -> None:
        """Past an element, with what it wrote."""
        if not route:
            state = {**self.state.state, **written} if written else self.state.state
            self.state = _replace(self.state, state=state, frame=Frame(node.following))
        else:
            frame = self.frame(route)
            if frame is None:
                return
            self._put(route, Frame(node.following, writes={**frame.writes, **written}))
        self._rest(route)

    def _rest(self, route: Route) -> None:
        """Let a list go on through whatever needs neither work nor an answer."""
        frame = self.frame(route)
        if frame is None:
            return
        if frame.at is None:
            if route:
                self._join(route)
            return
        node = self.nodes[frame.at]
        if node.kind == "init":
            self._go_on(node, route, {})
        elif frame.asked < node.guards or frame.stuck is not None:
            return
        elif node.kind == "wait_for":
            self._deliver()
        elif node.kind in ("parallel", "group") and not frame.branches:
            self._open_lists(node, route, frame)
        elif node.kind == "focus" and not frame.branches:
            self._focus(node, route, frame)

    def _open_lists(self, node: Node, route: Route, frame: Frame) -> None:
        branches = tuple(Frame(first) for first in node.branches)
        self._put(route, _replace(frame, branches=branches))
        for index in range(len(branches)):
            self._rest((*route, index))

    def _focus(self, node: Node, route: Route, frame: Frame) -> None:
        key = node.element["key"]
        part = self._view(route).get(key)
        if part is not None and not isinstance(part, dict):
            text = f"State[{key!r}] is of type {type(part).__name__}, and only a dict has parts"
            self.stick(node.text(route), e.Failure("StepArgumentError", text))
            return
        root, path = self.state.frame, node.text(route)
        refused = refusal(self.nodes, root, node, route, path, {key: part})
        if refused is not None:
            self.stick(path, refused)
            return
        self._open_lists(node, route, _replace(frame, part=part or {}))

    def _look_through(self, node: Node, route: Route, frame: Frame, part: dict[str, Any]) -> None:
        """The inner list of a lens begins, on what its first function gave."""
        again = _replace(frame, part=part, stuck=None, occurrence=1)
        self._open_lists(self.nodes[node.place], route, again)

    def _join(self, route: Route) -> None:
        """An inner list is at its end: past its element, if nothing else is under way in there."""
        outer, index = route[:-1], route[-1]
        frame = self.frame(outer)
        if frame is None or frame.at is None:
            return
        node = self.nodes[frame.at]
        if frame.items is not None:
            done = frame.items.open[index].writes
            results = (*frame.items.results[:index], done, *frame.items.results[index + 1 :])
            left = {at: each for at, each in frame.items.open.items() if at != index}
            items = _replace(frame.items, results=results, open=left)
            self._put(outer, _replace(frame, items=items))
            self._hungry.append(outer)
        elif node.kind != "lens" and all(each.at is None for each in frame.branches):
            written: dict[str, Any] = {}
            for branch in frame.branches:
                written |= branch.writes
            if node.kind == "focus":
                written = {node.element["key"]: {**(frame.part or {}), **written}}
            self._go_on(node, outer, written)
        elif node.kind != "lens":
            self._hungry += self._loops_around(outer)

    # -- loops -------------------------------------------------------------------------------

    def _loops_around(self, route: Route) -> list[Route]:
        """The ways to the loops within which a route leads, the outermost first."""
        return [
            route[:depth]
            for depth in range(len(route))
            if (frame := self.frame(route[:depth])) is not None and frame.items is not None
        ]

    def _line_up(self, route: Route) -> None:
        """What stood still in a loop is to go on: its item needs a place there again."""
        for outer in self._loops_around(route):
            frame, index = self.frame(outer), route[len(outer)]
            if frame is None or frame.items is None:
                continue
            item = frame.items.open.get(index)
            if item is not None and not self._is_running(item):
                items = _replace(frame.items, waiting=(*frame.items.waiting, index))
                self._put(outer, _replace(frame, items=items))
                self._hungry.append(outer)

    def _feed(self, route: Route) -> None:
        """Let items of a loop begin or go on, as its limit allows; go past it after the last."""
        frame = self.frame(route)
        if frame is None or frame.at is None or frame.items is None:
            return
        node, items = self.nodes[frame.at], frame.items
        count = len(items.results)
        if not items.open and items.following >= count:
            self._go_on(node, route, {key_of(node): list(items.results)})
            return
        running = {index for index, item in items.open.items() if self._is_running(item)}
        waiting = [index for index in items.waiting if index in running]
        free = max(0, node.element["limit"] - len(running.difference(waiting)))
        if items.waiting:
            items = _replace(items, waiting=tuple(waiting[free:]))
            self._put(route, _replace(frame, items=items))
            self._deliver()
        for _ in range(free - len(waiting)):
            frame = self.frame(route)
            if frame is None or frame.items is None or frame.items.following >= count:
                return
            index = frame.items.following
            begun = {**frame.items.open, index: Frame(node.branches[0])}
            items = _replace(frame.items, following=index + 1, open=begun)
            self._put(route, _replace(frame, items=items))
            self._rest((*route, index))

    def _is_running(self, frame: Frame) -> bool:
        if frame.items is not None:
            return frame.items.following < len(frame.items.results) or any(
                map(self._is_running, frame.items.open.values())
            )
        if frame.branches and frame.stuck is None:
            ended = all(each.at is None for each in frame.branches)
            return ended or any(self._is_running(each) for each in frame.branches)
        return frame.at is not None and frame.stuck is None

    # -- signals and writes ------------------------------------------------------------------

    def _open(self) -> Iterator[Standing]:
        """Every element at which a list stands and that is not stuck."""
        for each in standing(self.nodes, self.state.frame, self.state.state):
            if each[1].stuck is None:
                yield each

    def _deliver(self) -> None:
        """Hand buffered signals, oldest first, to the waits that stand open."""
        while self.state.signals and self._handed_over():
            continue

    def _handed_over(self) -> bool:
        for node, frame, _, route in self._open():
            if node.kind != "wait_for" or frame.asked < node.guards:
                continue
            signal = node.element["signal"]
            found = next((each for each in self.state.signals if each.name == signal), None)
            if found is None:
                continue
            path = node.text(route)
            written = {node.element.get("into") or signal: found.data}
            refused = refusal(self.nodes, self.state.frame, node, route, path, written)
            if refused is not None:  # not taken: it stays for whoever retries
                self.stick(path, refused)
            else:
                left = tuple(each for each in self.state.signals if each is not found)
                self.state = _replace(self.state, signals=left)
                self._go_on(node, route, written)
            return True
        return False
