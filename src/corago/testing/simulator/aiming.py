"""Where aimed faults come: the n-th time that something of a kind is to be recorded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from corago.core import events as e
from corago.ports.rows import Append
from corago.testing.effects import Effect
from corago.testing.simulator.doings import Doings
from corago.testing.simulator.faults import AIMED, CLIENT, EFFECT, EVERYBODY, STALL, Fault, Kind
from corago.testing.telling import line

if TYPE_CHECKING:
    from corago.testing.simulator.nodes import Node
    from corago.testing.simulator.watching import Watch

_FACTS: Mapping[type[e.Event], Kind] = {
    e.SignalReceived: "crash at signal",
    e.ExternalUpdated: "crash at signal",
    e.TimerStarted: "crash at timer",
    e.TimerFired: "crash at timer",
    e.TimerCanceled: "crash at timer",
    e.ChildStarted: "crash at child",
    e.ChildClosed: "crash at child",
    e.Transitioned: "crash at move",
    e.PredicateAnswered: "crash at move",
    e.ItemsChosen: "crash at move",
    e.MarkerRecorded: "crash at move",
}
"""What is recorded by which events, beside the ends of attempts."""


class Aim:
    """Counts what is to be recorded, of each worker and of all together."""

    def __init__(self, faults: Iterable[Fault], doings: Doings) -> None:
        """Take the faults; nobody has died yet."""
        self._ahead = {
            (each.kind, each.node, int(each.at)): each for each in faults if each.kind in AIMED
        }
        self._doings = doings
        self._counts: Counter[tuple[Kind, int]] = Counter()
        self.is_counting = bool(self._ahead)

    @property
    def counts(self) -> Mapping[Kind, int]:
        """How often each kind could have come so far."""
        return {kind: n for (kind, node), n in self._counts.items() if node == EVERYBODY}

    def meets(
        self, node: Node, call: str, arguments: tuple[Any, ...], watch: Watch | None
    ) -> tuple[Fault, str] | None:
        """The fault that comes as a node makes this call, and what is to be recorded by it."""
        if not self.is_counting or watch is None or node.number == CLIENT:
            return None
        found: tuple[Fault, str] | None = None
        for kind, what in dict(self._moments(node, call, arguments, watch)).items():
            fault = self._next(kind, node)
            if fault is not None and found is None:
                found = fault, what
        return found

    def begins(self, node: Node) -> Fault | None:
        """The fault that comes as the code of an attempt begins on a node."""
        return self._next(STALL, node) if self.is_counting else None

    def _next(self, kind: Kind, node: Node) -> Fault | None:
        """Count it for the node and for all together; what comes there."""
        found = None
        for whose in (node.number, EVERYBODY):
            self._counts[kind, whose] += 1
            found = found or self._ahead.get((kind, whose, self._counts[kind, whose]))
        return found

    def _moments(
        self, node: Node, call: str, arguments: tuple[Any, ...], watch: Watch
    ) -> Iterator[tuple[Kind, str]]:
        if call == "complete_task":
            task = arguments[0]
            yield from _effects(self._doings.told(node, task.process_id, task.path))
        if call != "append":
            return
        append: Append = arguments[0]
        process, events = watch.read(append)
        for event in events:
            if isinstance(event, e.ActivityClosed | e.ActivityRetried):
                yield from _effects(self._doings.told(node, process, event.path))
            elif (kind := _FACTS.get(type(event))) is not None:
                yield kind, f"as {line(event)} of {process!r} is to be recorded"


def _effects(effect: Effect | None) -> Iterator[tuple[Kind, str]]:
    if effect is not None:
        yield EFFECT, f"when the code of attempt {effect.attempt} of {effect.use} has {effect.end}"
