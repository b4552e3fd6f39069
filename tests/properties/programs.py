"""Random programs and random things that happen to them, for the laws of the core."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from typing import Any
from zlib import crc32

import msgspec
from hypothesis import settings
from hypothesis import strategies as st

from corago.core import decisions as d
from corago.core import events as e
from corago.core.calls import Calls
from corago.core.plain import Plain
from corago.core.program import Agenda, Difference, Foretold, Program
from corago.core.retry import Retry
from corago.steps.program import StepsProgram

_replace = msgspec.structs.replace

EXAMPLES = os.environ.get("LAW_EXAMPLES")
"""Set it to look further: so many examples per law, from a new seed each time."""

LAW = settings(
    derandomize=EXAMPLES is None, deadline=None, max_examples=int(EXAMPLES or 250), database=None
)
BIRTH = datetime(2030, 1, 1, tzinfo=UTC)


# -- a program driven by a table: tracks that run side by side, each going round and round ---------


class Element(msgspec.Struct, frozen=True):
    """One place of a track: `work`, `pause`, `wait` or `ask`."""

    kind: str
    retry: Retry | None = None
    at_most_once: bool = False
    seconds: float | None = None
    signal: str = ""


class Stop(msgspec.Struct, frozen=True):
    """Why a track stands still."""

    position: int
    error: e.Failure
    suspended: bool = False


class Track(msgspec.Struct, frozen=True):
    """Where a track stands; every move is a new `visit`, and a visit is an occurrence."""

    at: int = 0
    visit: int = 1
    stop: Stop | None = None


class TableState(msgspec.Struct, frozen=True):
    """The state of a table-driven program."""

    tracks: tuple[Track, ...]
    stopping: bool = False


class TableProgram(Plain):
    """Unlike a step list it has occurrences, ends in every way, and mixes wishes with deeds."""

    state_type = TableState
    decide_limit = 12

    def __init__(self, tracks: tuple[tuple[Element, ...], ...], ending: d.Decision) -> None:
        self.tracks = tracks
        self.ending = ending

    def initial(self, started: e.ProcessStarted) -> TableState:
        return TableState(tuple(Track() for _ in self.tracks))

    def evolve(self, state: TableState, event: e.Event) -> TableState:
        match event:
            case e.ActivityClosed(path=path, result=e.ActivityCompleted()):
                return self._move(state, path)
            case e.ActivityClosed(path=path, result=result):
                error = e.failure_of(result, path) or e.Failure("Unknown", "")
                return self._set(state, path, stop=Stop(event.position, error))
            case e.TimerFired(timer=timer):
                return self._fired(state, timer, event.position)
            case e.SignalReceived(name=name):
                waiting = (path for path, each, _ in self._open(state) if each.signal == name)
                path = next(waiting, "")
                return self._move(state, path) if path else state
            case e.PredicateAnswered(path=path, error=None, answer=answer):
                return self._move(state, path, None if answer else 0)
            case e.PredicateAnswered(path=path, error=error):
                stop = Stop(event.position, error or e.Failure("Unknown", ""))
                return self._set(state, path, stop=stop)
            case e.ProcessSuspended(path=path, error=error) if path:
                stop = Stop(event.position, error, suspended=True)
                return self._set(state, path, stop=stop)
            case e.ProcessReopened(paths=paths) | e.ProcessResumed(paths=paths):
                for path in paths:
                    state = self._again(state, path) if path else state
                return state
            case e.StepSkipped(path=path):
                return self._move(state, path)
            case e.CancelRequested():
                return _replace(state, stopping=True)
        return state

    def _fired(self, state: TableState, timer: str, position: int) -> TableState:
        # a poisoned process takes signals without deciding, so its timers may be overtaken
        here = (path for path, _, track in self._open(state) if f"{path}@{track.visit}" == timer)
        path = next(here, "")
        if not path:
            return state
        if self._element(path).kind == "pause":
            return self._move(state, path)
        late = Stop(position, e.Failure("TimeoutError", ""))
        return self._set(state, path, stop=late)

    def decide(self, state: TableState, calls: Calls) -> tuple[d.Decision, ...]:
        wishes: list[d.Decision] = []
        stops = []
        for path, _, track in self._places(state):
            if track.stop is not None:
                stop = track.stop
                stops.append(stop)
                wishes.append(
                    d.Incident(path, stop.position, stop.error, track.visit, stop.suspended)
                )
        going = list(self._open(state))
        if state.stopping:
            cancels: list[d.Decision] = [
                d.ScheduleActivity(path, {}, track.visit, cancel=True)
                for path, element, track in going
                if element.kind == "work"
            ]
            return tuple(cancels) or (d.CancelProcess(),)
        for path, element, track in going:
            wishes.extend(_wish(path, element, track, calls))
            if element.kind == "ask":
                return tuple(wishes)
        if not wishes:
            return (self.ending,)
        if stops and not going and not any(stop.suspended for stop in stops):
            return (*wishes, d.FailProcess("", stops[0].error))
        return tuple(wishes)

    def check_input(self, given: Any) -> Any:
        return given

    def view(self, state: TableState) -> Any:
        return [track.at for track in state.tracks]

    def differences(self, *_: Any) -> tuple[Difference, ...]:
        return (Difference("", "a table stays as it is"),)

    def adopt(self, *_: Any) -> TableState:
        raise ValueError("a table stays as it is")

    def held(self, state: TableState) -> Iterable[Any]:
        return ()

    def discreet(self, values: Any) -> Any:
        return values

    def _places(self, state: TableState) -> Iterator[tuple[str, Element, Track]]:
        for number, (track, elements) in enumerate(zip(state.tracks, self.tracks, strict=True)):
            if track.at < len(elements):
                yield f"{number}.{track.at}", elements[track.at], track

    def _open(self, state: TableState) -> Iterator[tuple[str, Element, Track]]:
        return (place for place in self._places(state) if place[2].stop is None)

    def _element(self, path: str) -> Element:
        number, _, at = path.partition(".")
        return self.tracks[int(number)][int(at)]

    def _set(self, state: TableState, path: str, **changes: Any) -> TableState:
        number, _, at = path.partition(".")
        tracks = list(state.tracks)
        assert tracks[int(number)].at == int(at), "the kernel let through what is not open"
        tracks[int(number)] = _replace(tracks[int(number)], **changes)
        return _replace(state, tracks=tuple(tracks))

    def _move(self, state: TableState, path: str, to: int | None = None) -> TableState:
        number, _, at = path.partition(".")
        visit = state.tracks[int(number)].visit + 1
        return self._set(state, path, at=int(at) + 1 if to is None else to, visit=visit, stop=None)

    def _again(self, state: TableState, path: str) -> TableState:
        track = next(each for place, _, each in self._places(state) if place == path)
        grows = self._element(path).kind != "work" and track.stop is not None
        return self._set(state, path, stop=None, visit=track.visit + grows)


def _wish(path: str, element: Element, track: Track, calls: Calls) -> tuple[d.Decision, ...]:
    timer = f"{path}@{track.visit}"
    match element.kind:
        case "work":
            once = element.at_most_once
            return (
                d.ScheduleActivity(
                    path, {}, track.visit, element.retry, element.seconds, at_most_once=once
                ),
            )
        case "pause":
            return (d.StartTimer(timer, element.seconds or 0),)
        case "wait":
            wait = d.AwaitSignal(path, element.signal)
            late = None if element.seconds is None else d.StartTimer(timer, element.seconds)
            return (wait,) if late is None else (wait, late)
    answer = calls.ask(path, {"visit": track.visit})
    value = None if answer.error is not None else answer.value
    return (d.RecordFact(d.Answered(path, track.visit, value, answer.error)),)


# -- user functions --------------------------------------------------------------------------------


class ExplodedError(BaseException):
    """User code was reached from where it must not be reached."""


class Answers(Mapping[str, Callable[[Mapping[str, Any]], Any]]):
    """A function for every name; what it answers hangs on name and values alone."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.is_armed = False

    def __getitem__(self, name: str) -> Callable[[Mapping[str, Any]], Any]:
        def function(values: Mapping[str, Any]) -> Any:
            if self.is_armed:
                raise ExplodedError
            if name.endswith("?input"):
                return {"size": len(values)}
            if self.seed % 3 == 0:
                return False  # a table that asks then goes round for ever
            number = crc32(f"{self.seed}/{name}/{len(values)}/{values.get('visit')}".encode()) % 8
            if number == 0:
                raise LookupError(name)
            return number > 3

        return function

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


class Watched(Plain):
    """A program whose `initial` and `evolve` must not reach user code: it explodes there."""

    def __init__(self, program: Program[Any], answers: Answers) -> None:
        self.program = program
        self.answers = answers
        self.state_type = program.state_type
        self.decide_limit = program.decide_limit

    def initial(self, started: e.ProcessStarted) -> Any:
        self.answers.is_armed = True
        state = self.program.initial(started)
        self.answers.is_armed = False
        return state

    def evolve(self, state: Any, event: e.Event) -> Any:
        self.answers.is_armed = True
        state = self.program.evolve(state, event)
        self.answers.is_armed = False
        return state

    def decide(self, state: Any, calls: Calls) -> tuple[d.Decision, ...]:
        return self.program.decide(state, calls)

    def check_input(self, given: Any) -> Any:
        return self.program.check_input(given)

    def view(self, state: Any) -> Any:
        return self.program.view(state)

    def differences(
        self, state: Any, before: Program[Any], renames: Mapping[str, str]
    ) -> tuple[Difference, ...]:
        return self.program.differences(state, before, renames)

    def adopt(self, state: Any, before: Program[Any], event: e.DefinitionChanged) -> Any:
        return self.program.adopt(state, before, event)

    def held(self, state: Any) -> Iterable[Any]:
        return self.program.held(state)

    def foretold(self, state: Any, events: Sequence[e.Event], agenda: Agenda) -> Foretold:
        return self.program.foretold(state, events, agenda)

    def discreet(self, values: Any) -> Any:
        return values


# -- strategies ------------------------------------------------------------------------------------

# The parts come from pools made beforehand: one draw for each, not one for every field.

SIGNALS = ("go", "stop")
_SECONDS = (30, 0, 0.5, 4000.0)
_RETRIES = (
    None,
    Retry(attempts=3, delay=0),
    Retry(attempts=2, delay=60.0),
    Retry(attempts=3, delay=0.5, give_up=("ValueError",)),
)
_ELEMENTS = (
    *(Element("work", retry, once) for retry, once in product(_RETRIES, (False, True))),
    *(Element("pause", seconds=seconds) for seconds in _SECONDS),
    *(
        Element("wait", seconds=seconds, signal=signal)
        for seconds, signal in product((None, *_SECONDS), SIGNALS)
    ),
    *(Element("ask"),) * 4,
)
_ENDINGS: tuple[d.Decision, ...] = (
    d.CompleteProcess({"well": True}),
    d.FailProcess("", e.Failure("Ending", "as the table says")),
    d.CancelProcess(),
    d.AbortProcess("as the table says"),
)
_tracks = st.lists(st.sampled_from(_ELEMENTS), min_size=1, max_size=3).map(tuple)
tables = st.builds(
    TableProgram,
    st.lists(_tracks, min_size=1, max_size=3).map(tuple),
    st.sampled_from(_ENDINGS),
)


def _pool(kind: str, **choices: tuple[Any, ...]) -> list[dict[str, Any]]:
    """Elements of a document in every combination of these choices."""
    combined = product(*choices.values())
    return [{"kind": kind, **dict(zip(choices, each, strict=True))} for each in combined]


_NAMES = ("one", "two", "three")
_GUARDS: tuple[Any, ...] = ([], [], [{}], [{}, {}])
_UNDO = {"name": "back", "parameters": [{"name": "state", "type": "dict"}]}
_STEPS = (
    *_pool("step", name=_NAMES) * 8,
    *_pool(
        "step",
        name=_NAMES,
        guards=_GUARDS,
        retry=(None, {"attempts": 3, "delay": 0}, {"attempts": 2, "delay": 60.0}),
        at_most_once=(False, True),
        undo=(None, _UNDO),
    ),
    *_pool("step", name=_NAMES, undo=({**_UNDO, "at_most_once": True}, _UNDO)) * 4,
)
_ELSEWHERE = (
    *_pool("step", name=_NAMES, queue=("gpu",), at_most_once=(False, True), undo=(None, _UNDO)) * 2,
    *_pool("child", name=_NAMES, workflow=("other",), into=(None, "a")) * 2,
    *_pool("child", name=_NAMES, workflow=("other",), into=(None, "a"), guards=_GUARDS),
    *({**each, "input_by": []} for each in _pool("child", name=_NAMES, workflow=("other",))),
)
_WAITS = (
    *_pool("sleep", name=_NAMES, guards=([], [{}]), seconds=_SECONDS),
    *_pool(
        "wait_for",
        name=_NAMES,
        guards=([], [{}]),
        signal=SIGNALS,
        timeout=(None, 30, 4000.0),
        into=(None, "a"),
    ),
    *_pool("init", name=("init",)) * 8,
    *_pool("abort", name=("abort",), guards=_GUARDS) * 6,
)
_leaves = st.one_of(*map(st.sampled_from, (_STEPS, _ELSEWHERE, _WAITS)))
_CONTAINERS = (
    *_pool("group", name=_NAMES, guards=_GUARDS),
    *_pool("focus", name=_NAMES, guards=_GUARDS, key=("a", "f")),
    *_pool("lens", name=_NAMES, guards=_GUARDS),
    *_pool("foreach", name=_NAMES, guards=_GUARDS, key=("xs", "a"), limit=(1, 2), into=(None, "a")),
    *_pool("foreach", name=_NAMES, key=("xs",), limit=(1, 2)) * 3,
)


def _parallels(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    branches = st.lists(st.lists(parts, max_size=3), min_size=1, max_size=3)
    return st.builds(
        lambda frame, branches: {**frame, "branches": branches},
        st.sampled_from(_pool("parallel", name=_NAMES, guards=_GUARDS)),
        branches,
    )


def _around(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    containers = st.builds(
        lambda frame, steps: {**frame, "steps": steps},
        st.sampled_from(_CONTAINERS),
        st.lists(parts, min_size=1, max_size=3),
    )
    return st.one_of(_parallels(parts), containers)


def _document(parts: list[dict[str, Any]], undoes: bool) -> dict[str, Any]:  # noqa: FBT001 - drawn
    first, last = {"kind": "init", "name": "init"}, {"kind": "done", "name": "done"}
    return {"steps": [first, *parts, last], "undo_on_failure": undoes}


_shallow = _around(_leaves)
_parts = st.one_of(_leaves, _leaves, _shallow, _around(st.one_of(_leaves, _leaves, _shallow)))
documents = st.builds(_document, st.lists(_parts, min_size=1, max_size=4), st.booleans())
step_lists = documents.map(StepsProgram)


@dataclass(frozen=True)
class Move:
    """Something that may happen; what it comes to hangs on where the process then stands."""

    kind: str
    pick: int
    flavour: int


@dataclass(frozen=True)
class Scenario:
    """A program, its birth, and moves in bursts, each so many seconds after the one before."""

    program: Watched
    answers: Answers
    started: e.ProcessStarted
    decides_first: bool
    bursts: tuple[tuple[float, tuple[Move, ...]], ...]


_KINDS = (
    *("outcome",) * 8,
    *("signal",) * 3,
    *("timer",) * 4,
    *("command",) * 5,
    *("child",) * 5,
    "cancel",
    "unborn",
    "update",
    "lost",
    "stale",
    "again",
)


def _burst(seconds: float, drawn: bytes) -> tuple[float, tuple[Move, ...]]:
    """Two bytes to a move: drawn together they cost a tenth of the time."""
    pairs = zip(drawn[::2], drawn[1::2], strict=False)
    return seconds, tuple(
        Move(_KINDS[kind % len(_KINDS)], more % 6, more // 6 % 10) for kind, more in pairs
    )


_bursts = st.builds(
    _burst,
    st.sampled_from((0.0, 0.25, 1.0, 61.0, 5000.0, -10.0)),
    st.binary(min_size=2, max_size=12),
)


_INPUTS: tuple[Any, ...] = (
    None,
    {"a": 1},
    {"xs": [1, 2, 3], "f": {"x": 1}},
    {"xs": [], "a": {"xs": [1]}},
    {"xs": [{"xs": [1, 2]}, {"a": 1}], "a": [1, 2]},
)


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    answers = Answers(draw(st.integers(0, 99)))
    program: Program[Any] = draw(st.one_of(tables, step_lists))
    started = e.ProcessStarted(
        position=1,
        at=BIRTH,
        process_id="p",
        workflow="w",
        sha="0",
        input=draw(st.sampled_from(_INPUTS)),
        parent=draw(st.sampled_from((None, None, "above"))),
        parent_path="here",
        timeout=draw(st.sampled_from((*(None,) * 3, 6000.0))),
    )
    bursts = draw(st.lists(_bursts, min_size=2, max_size=8).map(tuple))
    return Scenario(Watched(program, answers), answers, started, draw(st.booleans()), bursts)
