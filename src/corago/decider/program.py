"""A decider as a program: what follows from what it decides, and what is open because of it.

Needs the document only, never the code: `decide` is reached through `calls`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from corago.arguments.discretion import discreet, secrets_of
from corago.arguments.signatures import shortened
from corago.core import decisions as d
from corago.core import events as e
from corago.core.calls import Calls
from corago.core.plain import Plain
from corago.core.process import renamed
from corago.core.program import Agenda, Difference, Foretold, Program, Told
from corago.decider.answers import Answered
from corago.decider.docket import Docket, NonsenseError
from corago.decider.evolving import evolve
from corago.decider.state import DECIDE, DECISION, DeciderState

NOTED = "decided"
"""The marker that says: `decide` was asked about the start, and wanted nothing."""

INVALID = "InvalidDecisionError"

_NEWS: frozenset[type[e.Event]] = frozenset(
    {
        e.ActivityClosed,
        e.SignalReceived,
        e.ExternalUpdated,
        e.TimerFired,
        e.ChildClosed,
        e.ChildStartFailed,
        e.StepSkipped,
        e.ProcessReopened,
        e.ProcessResumed,
    }
)
"""What every decider answers to."""

_replace = msgspec.structs.replace
_encode = msgspec.json.Encoder().encode
_answers = msgspec.json.Decoder(list[Answered])  # `convert` would look at all kinds each time


class DeciderProgram(Plain):
    """The functions of a decider. `document` is what the definitions table keeps."""

    state_type = DeciderState
    batch: bool = True
    decide_limit: int = 100

    def __init__(self, document: Mapping[str, Any]) -> None:
        """Read the document once."""
        self.document = document
        self.name: str = document.get("name", "a decider")
        self.handles_cancel: bool = document.get("handles_cancel", False)
        self.hears = _NEWS | {e.CancelRequested} if self.handles_cancel else _NEWS
        self.activities = frozenset(key_of(each) for each in document["activities"])
        given = (each.get("parameters", ()) for each in document["activities"])
        self.secret_keys = secrets_of(parameter for several in given for parameter in several)

    def check_input(self, given: Any) -> Any:
        """Any JSON value."""
        return given

    def discreet(self, values: Any) -> Any:
        """The same with secrets at the keys that an activity takes as such by name."""
        return discreet(values, self.secret_keys)

    def view(self, state: DeciderState) -> dict[str, Any]:
        """What is open, by id: activities by name, instants of timers, children by their ids."""
        return {
            "activities": {each.id: each.name for each in state.activities.values()},
            "timers": {each.id: each.due.isoformat() for each in state.timers.values()},
            "children": {each.id: each.child for each in state.children.values()},
        }

    def foretold(
        self,
        state: DeciderState,  # noqa: ARG002 - the port's signature
        events: Sequence[e.Event],
        agenda: Agenda,
    ) -> Foretold:
        """What the events decide or close, in order, then what stands open; and the refusals."""
        path = [place for event in events if (place := _place(event))]
        for stands in (agenda.activities, agenda.children, agenda.incidents):
            path += [each.path for each in stands]
        path += [each.timer for each in agenda.timers]
        refused = [(v.command, v.why) for v in events if isinstance(v, e.CommandRefused)]
        return Foretold(tuple(dict.fromkeys(path)), tuple(refused))

    def held(self, state: DeciderState) -> Iterator[Any]:
        """The input, and what open activities and timers were given."""
        yield state.started.input
        yield from (each.input for each in state.activities.values())
        yield from (each.data for each in state.timers.values())

    # -- facts -------------------------------------------------------------------------------

    def initial(self, started: e.ProcessStarted) -> DeciderState:
        """Nothing was decided yet."""
        return DeciderState(started)

    def evolve(self, state: DeciderState, event: e.Event) -> DeciderState:
        """Apply one fact."""
        return evolve(state, event)

    # -- another definition ------------------------------------------------------------------

    def differences(
        self, state: DeciderState, before: Program[Any], renames: Mapping[str, str]
    ) -> tuple[Difference, ...]:
        """Why a process can't simply go on by this definition: open work that it does not know."""
        if not isinstance(before, DeciderProgram):
            return (Difference("", "it was no decider before"),)
        gone = before.activities - self.activities
        return tuple(
            Difference(
                each.id,
                f"the activity {each.activity!r}, which is open as {each.id!r}, is not among the "
                "new definition's",
                stops=False,
            )
            for each in state.activities.values()
            if renames.get(each.activity, each.activity) in gone
        )

    def adopt(
        self, state: DeciderState, before: Program[Any], event: e.DefinitionChanged
    ) -> DeciderState:
        """The same state, under new names. Raises ValueError for what was no decider."""
        if not isinstance(before, DeciderProgram):
            raise ValueError("it was no decider before")  # noqa: TRY004 - the port says which
        if not event.renames:
            return state

        def moved(mapping: Mapping[str, Any]) -> dict[str, Any]:
            fresh = {renamed(path, event.renames): each for path, each in mapping.items()}
            return {path: _replace(each, id=path) for path, each in fresh.items()}

        activities = moved(state.activities)
        for path, each in activities.items():
            name = event.renames.get(each.activity, each.activity)
            activities[path] = _replace(each, activity=name)
        return state.changed(
            activities=activities, timers=moved(state.timers), children=moved(state.children)
        )

    # -- deciding ----------------------------------------------------------------------------

    def respond(
        self, state: DeciderState, told: Told, calls: Calls
    ) -> tuple[d.Decision, ...] | e.Failure:
        """What follows from the user's answer to what has come; a Failure if there is none."""
        if self._stops(state):
            return (d.CancelProcess(),)
        values = {"state": state, "told": told, "past": calls.past}
        answer = calls.ask(DECIDE, values)
        if answer.error is not None:
            return answer.error
        docket = Docket(state, told.process, told.now)
        for stuck in self._unsaid(state, told):
            docket.record(e.ProcessSuspended, **stuck)
        try:
            for each in _answers.decode(_encode(answer.value)):
                docket.enter(each)
        except msgspec.ValidationError as error:
            text = f"{self.name!r} answered {shortened(answer.value)}, no list of answers: {error}"
            return e.Failure(INVALID, text)
        except NonsenseError as error:
            count = len(docket.answered) + 1
            return e.Failure(INVALID, f"decision {count} of {self.name!r} makes no sense: {error}")
        if not docket.facts and told.begins:
            docket.record(e.MarkerRecorded, name=NOTED)
        return tuple(docket.facts)

    def decide(self, state: DeciderState, calls: Calls) -> tuple[d.Decision, ...]:  # noqa: ARG002 - the port's signature
        """Everything that should be open now: nobody is asked."""
        if state.failure is not None:
            stuck = state.failure
            return (d.Incident(DECISION, stuck.position, stuck.error, takes_result=False),)
        return (d.CancelProcess(),) if self._stops(state) else state.wishes

    def _unsaid(self, state: DeciderState, told: Told) -> Iterator[dict[str, Any]]:
        """What needs a person since the process failed, and is not recorded as such yet."""
        if any(type(each) is e.ProcessReopened for each in told.events):
            for each in state.activities.values():
                if each.stuck is not None and each.id not in told.process.suspended:
                    error = each.stuck.error
                    yield {"path": each.id, "occurrence": each.occurrence, "error": error}

    def _stops(self, state: DeciderState) -> bool:
        """Whether it was asked to stop, and has no word in it."""
        return state.cancels and not self.handles_cancel


def key_of(activity: Mapping[str, Any]) -> str:
    """The name by which workers know an activity of a document."""
    version = activity.get("version")
    return activity["name"] if version is None else f"{activity['name']}@{version}"


def _place(event: e.Event) -> str:
    match event:
        case (
            e.ActivityScheduled(path=path)
            | e.ActivityClosed(path=path)
            | e.StepSkipped(path=path)
            | e.ChildStarted(path=path)
            | e.ChildClosed(path=path)
            | e.ChildStartFailed(path=path)
        ):
            return path
        case e.TimerStarted(timer=timer) | e.TimerFired(timer=timer):
            return timer
        case _:
            return ""
