"""Paths through a machine that together take each of its transitions, for parametrized tests."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

from corago.core import events as e
from corago.core import history, kernel
from corago.core import messages as m
from corago.core.arriving import arrivals
from corago.core.calls import LiveCalls
from corago.core.codec import canonical
from corago.core.program import NOTHING, Snapshot
from corago.errors import InvalidInputError
from corago.machine.definition import Machine
from corago.machine.exploring import once
from corago.machine.moving import digest
from corago.machine.program import MachineProgram
from corago.testing.samples import Samples

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)

Kind = Literal["event", "update", "timer", "done", "fails", "complete", "fail"]
Move = tuple[str, str]
"""The state that was left, and the place of the edge that led out of it."""


@dataclass(frozen=True, slots=True)
class Stimulus:
    """Something that comes to a machine.

    `kind`: an event (`name`, and `value` as its data), an update (`value`: the changes), the next
    timer, an activity that is done (`name`, `value`: its result) or fails (`value`: the name of the
    error), all children that complete (`value`: their result) or fail.
    """

    kind: Kind
    name: str = ""
    value: Any = None

    def __str__(self) -> str:
        shown = "" if self.value is None else f" {_text(self.value)}"
        match self.kind:
            case "timer":
                return "time is up"
            case "done" | "fails":
                return f"{self.name} {self.kind}{shown}"
            case "complete" | "fail":
                return f"children {self.kind}"
        return f"{self.name or self.kind}{shown}"


@dataclass(frozen=True, slots=True)
class Walk:
    """Where a path has led: the state, the status of the process, both stores, the edges taken."""

    state: str
    status: str
    internal: dict[str, Any]
    external: dict[str, Any]
    edges: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Path:
    """What comes to a machine, one after the other, and the states that it then stands in.

    `given` is its input, `states` has the first state in front, and `covers` tells for which
    transitions the path is here: each the state that is left and the place of the edge.
    """

    given: Mapping[str, Any]
    stimuli: tuple[Stimulus, ...]
    states: tuple[str, ...]
    covers: tuple[Move, ...] = field(default=(), compare=False)

    def __str__(self) -> str:
        """Name the path, as for a test's id."""
        return " > ".join(map(str, self.stimuli)) or "start"

    def walk(self, machine: type[Machine]) -> Walk:
        """Go this way with a machine, without an engine; guards are asked, activities are not run.

        Raises:
            AssertionError: where the machine stands in another state than it did when the path was
                made, or has nothing that could come now.
        """
        world = World(machine)
        here, moves = world.begin(self.given)
        edges = [edge for _, edge in moves]
        self._check(machine, here, 0)
        for number, stimulus in enumerate(self.stimuli, start=1):
            after = world.come(here, stimulus)
            if after is None:
                raise AssertionError(
                    f"{machine.name!r} in state {here.at!r} has nothing that {str(stimulus)!r} "
                    f"could come to, after: {self._until(number - 1)}"
                )
            here, moves = after
            edges += [edge for _, edge in moves]
            self._check(machine, here, number)
        state = here.snapshot.state
        status = here.snapshot.process.standing
        return Walk(state.at, status, state.internal, state.external, tuple(edges))

    def _check(self, machine: type[Machine], here: Here, number: int) -> None:
        if here.at != self.states[number]:
            raise AssertionError(
                f"{machine.name!r} stands in {here.at!r} and not in {self.states[number]!r}, "
                f"after: {self._until(number)}"
            )

    def _until(self, number: int) -> str:
        return " > ".join(map(str, self.stimuli[:number])) or "the start"


def transition_paths(
    machine: type[Machine],
    given: Mapping[str, Any] | None = None,
    *,
    events: Mapping[str, list[Any]] | None = None,
    outcomes: Mapping[str, list[Any]] | None = None,
    depth: int = 30,
    limit: int = 1000,
) -> list[Path]:
    """Paths that together take every transition which can be reached, each by a shortest way.

    `@pytest.mark.parametrize("path", transition_paths(door), ids=str)`, and in the test
    `path.walk(door)`. What comes is found by the types and by what guards compare: each event, each
    change of an external field that a guard looks at, each timer, good and bad ends of work.

    Args:
        machine: the machine; its guards are asked, its activities are not run.
        given: the input to begin with; fields without a default that are not in it get a value.
        events: by name, the data to try instead.
        outcomes: by activity, the results to try instead.
        depth: so many things come one after the other at most.
        limit: so many situations are looked at.
    """
    world = World(machine, events or {}, outcomes or {})
    opening = world.samples.opening(given or {})
    start, moves = world.begin(opening)
    found: dict[Move, Path] = {}
    first = Path(opening, (), (start.at,))
    for move in moves:
        found.setdefault(move, first)
    queue, seen = deque([(start, first)]), {world.situation(start)}
    wanted = world.moves()
    while queue and not wanted <= found.keys():
        here, path = queue.popleft()
        if len(path.stimuli) == depth or len(seen) > limit:
            break
        for stimulus in world.stimuli(here):
            after = world.come(here, stimulus)
            if after is None:
                continue
            there, moves = after
            longer = Path(opening, (*path.stimuli, stimulus), (*path.states, there.at))
            for move in moves:
                found.setdefault(move, longer)
            situation = world.situation(there)
            if situation not in seen:
                seen.add(situation)
                queue.append((there, longer))
    return _told(found)


def _told(found: Mapping[Move, Path]) -> list[Path]:
    """Each path once, and none that another one begins with."""
    paths = {str(path): path for path in found.values()}
    covered: dict[str, list[Move]] = {name: [] for name in paths}
    for move, path in found.items():
        covered[str(path)].append(move)
    # shorter ones first, so that what one hands on to its heir is handed on again
    for name, path in sorted(paths.items(), key=lambda each: len(each[1].stimuli)):
        length = len(path.stimuli)
        for other, longer in paths.items():
            if len(longer.stimuli) > length and longer.stimuli[:length] == path.stimuli:
                covered[other] = [*covered.pop(name), *covered[other]]
                break
    return [replace(paths[name], covers=tuple(moves)) for name, moves in covered.items()]


@dataclass(frozen=True, slots=True)
class Here:
    """Where a process stands, and when."""

    snapshot: Snapshot
    now: datetime

    @property
    def at(self) -> str:
        """The name of the state."""
        name: str = self.snapshot.state.at
        return name


class World:
    """A machine without an engine, store or retries, to which anything may come."""

    def __init__(
        self,
        machine: type[Machine],
        events: Mapping[str, list[Any]] | None = None,
        outcomes: Mapping[str, list[Any]] | None = None,
    ) -> None:
        """Take the machine, and samples to try."""
        self._machine = machine
        self._program = MachineProgram(once(machine.document))
        self._events = events or {}
        self._outcomes = outcomes or {}
        self.samples = Samples(self._program.model)

    def begin(self, given: Mapping[str, Any]) -> tuple[Here, list[Move]]:
        """Start a process."""
        program = self._program
        values = program.check_input(dict(given))
        started = e.ProcessStarted(
            position=1,
            at=BEGINNING,
            process_id="path",
            workflow=program.name,
            sha="",
            input=values,
            external=program.opening(values),
            timeout=self._machine.timeout,
        )
        return self._advanced(Here(history.begin(program, started), BEGINNING), [])

    def stimuli(self, here: Here) -> Iterator[Stimulus]:
        """Everything that may come next."""
        process, state = here.snapshot.process, here.snapshot.state
        if process.is_closed or state.halted is not None:
            return
        model = self._program.model
        for name in model.states[state.at].on:
            for data in self._events.get(name, self.samples.events(name)):
                yield Stimulus("event", name, data)
        for wish in (here.snapshot.agenda or NOTHING).activities:
            if not wish.cancel:
                yield from self._ends(state.at, wish.function)
        if process.children and state.children and not state.ran:
            yield Stimulus("complete")
            yield Stimulus("fail")
        for changes in self.samples.updates():
            if any(state.external.get(name) != value for name, value in changes.items()):
                yield Stimulus("update", value=changes)
        if process.timers or process.deadline is not None:
            yield Stimulus("timer")

    def _ends(self, state: str, activity: str) -> Iterator[Stimulus]:
        """How an activity may end: one that its state waits for as its edges say, others well."""
        node = self._program.model.states[state]
        run = self._program.document["states"][state].get("run", {})
        if run.get("activity") != activity:
            yield Stimulus("done", activity)
            if self._program.model.error:
                yield Stimulus("fails", activity, "Exception")
            return
        kind = run.get("result", {"type": "any"})
        for result in self._outcomes.get(activity, self.samples.results(kind)):
            yield Stimulus("done", activity, result)
        named = [edge.error for rank in node.failed for edge in rank if edge.error]
        for error in dict.fromkeys([*named, "Exception"]):
            yield Stimulus("fails", activity, error)

    def moves(self) -> set[Move]:
        """All that the document allows, whether it can be reached or not."""
        model = self._program.model
        found: set[Move] = {("", "initial")}
        for node in model.states.values():
            ways = [*node.when, *node.done, *node.failed]
            ways += [rank for ranks in node.on.values() for rank in ranks]
            found |= {(node.name, edge.place) for rank in ways for edge in rank}
            found |= {(node.name, timed.edge.place) for timed in node.after}
        if model.error:
            found |= {(name, "error") for name in model.states if name != model.error}
        return found

    def come(self, here: Here, stimulus: Stimulus) -> tuple[Here, list[Move]] | None:
        """What follows; None where this can't come."""
        snapshot, now = here.snapshot, here.now
        process = snapshot.process
        messages: list[m.Message] = []
        match stimulus.kind:
            case "event":
                try:
                    data = self._program.check_signal(stimulus.name, stimulus.value)
                except InvalidInputError:
                    return None
                messages = [m.Signal(stimulus.name, data)]
            case "update":
                messages = [m.Update(stimulus.value)]
            case "timer":
                ends = [] if process.deadline is None else [process.deadline]
                due = min([*process.timers.values(), *ends], default=None)
                if due is not None:
                    now = max(now, due)
                    messages = arrivals(process, (), now)
            case "done" | "fails":
                messages = self._ended(snapshot, stimulus)
            case "complete" | "fail":
                messages = [
                    m.ChildEnded(path, child.id, f"{stimulus.kind}{_PAST[stimulus.kind]}")
                    for path, child in process.children.items()
                ]
        return self._advanced(Here(snapshot, now), messages) if messages else None

    def _ended(self, snapshot: Snapshot, stimulus: Stimulus) -> list[m.Message]:
        result: e.ActivityResult = e.ActivityCompleted(stimulus.value)
        if stimulus.kind == "fails":
            result = e.ActivityFailed(e.Failure(stimulus.value, "as a path supposes"))
        for wish in (snapshot.agenda or NOTHING).activities:
            if wish.function == stimulus.name and not wish.cancel:
                attempt = snapshot.process.activity(wish.path, wish.occurrence).attempt
                return [m.Outcome(wish.path, wish.occurrence, attempt, result)]
        return []

    def _advanced(self, here: Here, messages: list[m.Message]) -> tuple[Here, list[Move]]:
        calls = LiveCalls(self._machine.functions)
        commit = kernel.advance(self._program, here.snapshot, messages, here.now, calls)
        moves = [
            (event.source, event.edge)
            for event in commit.events
            if isinstance(event, e.Transitioned)
        ]
        return Here(commit.snapshot, here.now), moves

    def situation(self, here: Here) -> tuple[str, ...]:
        """What two moments have in common for which the same can come, with the same effect."""
        snapshot = here.snapshot
        process, state = snapshot.process, snapshot.state
        open_ = {wish.function for wish in (snapshot.agenda or NOTHING).activities}
        timers = sorted(process.timers, key=lambda name: (process.timers[name], name))
        whole = (
            process.status,
            sorted(open_),
            [name.rpartition("@")[0] for name in timers],
            (state.ran, state.result, state.halted is not None, len(process.children)),
        )
        return digest(self._program.model, state), canonical(whole).decode()


_PAST = {"complete": "d", "fail": "ed"}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else canonical(value).decode()
