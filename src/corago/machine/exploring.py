"""Where a machine can go from here: every event, outcome and timer, and what follows, to a depth.

All of it is what the kernel would do; nothing is written, and nobody's activity is run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from corago.core import events as e
from corago.core import kernel
from corago.core import messages as m
from corago.core.arriving import arrivals
from corago.core.calls import Calls, MissingFunctionError
from corago.core.codec import canonical, plain
from corago.core.preview import Question
from corago.core.program import NOTHING, Snapshot
from corago.core.sealing import masked
from corago.errors import InvalidInputError
from corago.machine.faults import choice
from corago.machine.foreseeing import ended
from corago.machine.model import ZEROS
from corago.machine.moving import digest
from corago.machine.places import calls_of
from corago.machine.program import MachineProgram
from corago.secrecy import seal

Samples = Mapping[str, Sequence[Any]]
"""By name, values to try."""


@dataclass(slots=True, eq=False)
class Branch:
    """What follows from one trigger.

    Attributes:
        trigger: `event pay`, `charge is "r1"`, `charge fails with DeclinedError`, `after …`, or
            empty for the beginning.
        status: the status that the process then has.
        state: the state in which it then stands.
        internal: the internal store.
        external: the external store.
        edges: places of the edges that were taken, in order.
        refused: why nothing came of it; empty where something did.
        is_known: whether the same situation stands further up, where its branches are.
        is_cut: whether there is more that was not looked at.
        branches: what can come next.
    """

    trigger: str
    status: str
    state: str
    internal: Mapping[str, Any]
    external: Mapping[str, Any]
    edges: tuple[str, ...] = ()
    refused: str = ""
    is_known: bool = False
    is_cut: bool = False
    branches: list[Branch] = field(default_factory=list)

    def walk(self) -> Iterator[tuple[Branch, ...]]:
        """Every path from here, this branch first, shorter ones before their continuations."""
        yield (self,)
        for each in self.branches:
            yield from ((self, *path) for path in each.walk())

    def lines(self, indent: str = "") -> Iterator[str]:
        """The tree as text."""
        came = f"{self.trigger} → " if self.trigger else ""
        said = f" ({self.refused})" if self.refused else ""
        more = " …" if self.is_cut else " (as above)" if self.is_known else ""
        yield f"{indent}{came}{self.state}{said}{more}"
        for each in self.branches:
            yield from each.lines(f"{indent}  ")


@dataclass(frozen=True, slots=True)
class Explored:
    """All that was found: `root` is the beginning, `is_complete` says that nothing was cut off."""

    root: Branch
    is_complete: bool

    @property
    def states(self) -> dict[str, tuple[str, ...]]:
        """Every state that can be reached, with the triggers of a shortest path to it."""
        found: dict[str, tuple[str, ...]] = {}
        for path in sorted(self.root.walk(), key=len):
            found.setdefault(path[-1].state, tuple(each.trigger for each in path[1:]))
        return found

    @property
    def edges(self) -> frozenset[str]:
        """The places of all edges that were taken."""
        return frozenset(edge for path in self.root.walk() for edge in path[-1].edges)

    def __str__(self) -> str:
        return "\n".join(self.root.lines())


def explored(
    program: MachineProgram,
    snapshot: Snapshot,
    calls: Calls,
    *,
    now: datetime,
    events: Samples,
    outcomes: Samples,
    depth: int,
    limit: int,
) -> Explored:
    """Go on from a snapshot, breadth first; see `Machine.explore`. `program` has no retries.

    Raises InvalidInputError for samples of events and activities that the machine has not.
    """
    tour = _Tour(program, calls, _checked_events(program, events), outcomes)
    _check_outcomes(program, outcomes)
    root, here = tour.step(Branch("", "", "", {}, {}), snapshot, [], now)
    queue = deque([(root, here, now, 0)])
    seen, count, is_complete = {tour.situation(here)}, 1, True
    while queue:
        branch, here, now, level = queue.popleft()
        for trigger, start, messages, at in tour.triggers(here, now):
            if level == depth or count >= limit:
                branch.is_cut, is_complete = True, False
                break
            count += 1
            made, after = tour.step(_like(branch, trigger), start, messages, at)
            branch.branches.append(made)
            situation = tour.situation(after)
            made.is_known = situation in seen
            if not made.is_known:
                seen.add(situation)
                queue.append((made, after, at, level + 1))
    return Explored(root, is_complete)


Trigger = tuple[str, Snapshot, list[m.Message], datetime]


class _Tour:
    """Knows what can come in a situation, and what follows from it."""

    def __init__(
        self, program: MachineProgram, calls: Calls, events: Samples, outcomes: Samples
    ) -> None:
        self._program = program
        self._calls = calls
        self._events = events
        self._outcomes = outcomes

    def step(
        self, branch: Branch, snapshot: Snapshot, messages: list[m.Message], now: datetime
    ) -> tuple[Branch, Snapshot]:
        """Fill in what follows from the messages."""
        try:
            commit = kernel.advance(self._program, snapshot, messages, now, self._calls)
        except MissingFunctionError as error:
            branch.refused = str(error)
            return branch, snapshot
        after = commit.snapshot
        branch.status = after.process.standing
        branch.state = after.state.at
        branch.internal = masked(after.state.internal)
        branch.external = masked(after.state.external)
        branch.edges = tuple(x.edge for x in commit.events if isinstance(x, e.Transitioned))
        said = [x.why for x in commit.events if isinstance(x, e.CommandRefused)]
        branch.refused = "" if branch.edges else "; ".join(said)
        return branch, after

    def situation(self, snapshot: Snapshot) -> tuple[Any, ...]:
        """What makes two snapshots the same for all that can come."""
        state = snapshot.state
        running = sorted(path for path, each in state.open.items() if each.failure is None)
        fired = sorted(state.fired)
        whole = (running, fired, state.ran, state.halted is not None, state.group)
        return (digest(self._program.model, state), canonical(whole))

    def triggers(self, snapshot: Snapshot, now: datetime) -> Iterator[Trigger]:
        """Everything that can come next."""
        if snapshot.process.is_closed or snapshot.state.halted is not None:
            return
        node = self._program.model.states[snapshot.state.at]
        for name in node.on:
            for data in self._samples_of(name):
                signal = m.Signal(name, data)
                shown = f"event {name}" if data is None else f"event {name} {_shown(data)}"
                yield shown, snapshot, [signal], now
        yield from self._ends(snapshot, now)
        timers = snapshot.process.timers
        if timers:
            due = max(now, min(timers.values()))
            names = (name.rpartition("@")[0] for name, at in timers.items() if at <= due)
            told = f"time is up for {', '.join(names)}"
            yield told, snapshot, arrivals(snapshot.process, (), due), due

    def _samples_of(self, event: str) -> Sequence[Any]:
        if event in self._events:
            return self._events[event]
        fields = self._program.model.events.get(event)
        if not fields:
            return (None,)
        return (self._program.check_signal(event, {key: _zero(x) for key, x in fields.items()}),)

    def _ends(self, snapshot: Snapshot, now: datetime) -> Iterator[Trigger]:
        """What the open work can come to."""
        program, state = self._program, snapshot.state
        for wish in (snapshot.agenda or NOTHING).activities:
            effect = state.open.get(wish.path)
            if effect is None or wish.cancel:
                continue
            name, is_run = effect.effect.activity, effect.effect.kind == "run"
            for value in self._outcomes.get(name, _guesses(program, state.at) if is_run else ()):
                question = Question(outcome=(wish.path, value), seal=seal)
                messages = question.messages(snapshot, now)
                if not isinstance(messages, str):
                    yield _end(name, value), snapshot, messages, now
        if state.children and not state.ran:
            for value in self._outcomes.get(state.at, _guesses(program, state.at)):
                after = Snapshot(snapshot.process, ended(program.model, state, value))
                yield _end(state.at, value), after, [], now


def _guesses(program: MachineProgram, state: str) -> list[Any]:
    """One good end, and one bad one for each error that an edge is for."""
    node, run = program.model.states[state], program.document["states"][state].get("run", {})
    named = dict.fromkeys(edge.error or "Exception" for rank in node.failed for edge in rank)
    bad = [type(name, (Exception,), {})("supposed") for name in named]
    return [_zero(run.get("result", {"type": "any"})), *bad]


def _zero(kind: Mapping[str, Any]) -> Any:
    """A value of a type, as small as can be."""
    if "default" in kind:
        return kind["default"]
    if kind.get("enum"):
        return kind["enum"][0]
    if kind.get("nullable"):
        return None
    if "minimum" in kind:
        return kind["minimum"]
    if kind["type"] == "object":
        return {name: _zero(each) for name, each in kind.get("properties", {}).items()}
    return ZEROS[kind["type"]]


def once(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document without retries: there a failure is the end of an activity."""
    return {
        key: once(value) if isinstance(value, Mapping) else _each_once(value)
        for key, value in document.items()
        if key != "retry" or not isinstance(value, Mapping)
    }


def _each_once(value: Any) -> Any:
    if isinstance(value, list):
        return [once(each) if isinstance(each, Mapping) else each for each in value]
    return value


def _like(branch: Branch, trigger: str) -> Branch:
    return Branch(trigger, branch.status, branch.state, branch.internal, branch.external)


def _end(name: str, value: Any) -> str:
    if isinstance(value, BaseException):
        return f"{name} fails with {type(value).__name__}"
    return f"{name} is {_shown(value)}"


def _shown(value: Any) -> str:
    return canonical(masked(plain(value, "value", seal))).decode()


def _checked_events(program: MachineProgram, events: Samples) -> Samples:
    return {
        name: [program.check_signal(name, plain(each, f"event {name!r}", seal)) for each in data]
        for name, data in events.items()
    }


def _check_outcomes(program: MachineProgram, outcomes: Samples) -> None:
    known = {each.name for each in calls_of(program.document) if each.role == "activity"}
    known |= {name for name, node in program.model.states.items() if node.children}
    for name in outcomes:
        if name not in known:
            fix = choice(name, sorted(known), "there are")
            raise InvalidInputError(f"outcomes: nothing is called {name!r}; {fix}")
