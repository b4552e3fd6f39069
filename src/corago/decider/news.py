"""Events as a decider sees them: copies of its own, which say what they are about.

A recorded `ActivityClosed` has the id of the activity only; here it knows its name and input too.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any, overload

import msgspec

from corago.arguments.slots import MUTABLE, decode, encode
from corago.core import events as e
from corago.core.history import History
from corago.core.process import renamed
from corago.decider.state import VERSION_MARK, Ended
from corago.errors import SecretKeyError
from corago.secrecy import copied

_replace = msgspec.structs.replace


class ActivityEnded(e.ActivityClosed, frozen=True, kw_only=True, tag="ActivityClosed"):
    """An activity has closed: `activity` is its name, `path` (or `id`) what it was scheduled as.

    `result` is an ActivityCompleted, ActivityFailed, ActivityAborted, ActivityTimedOut or
    ActivityCanceled. One that a person `skipped` has completed with None.
    """

    activity: str = ""
    version: str | None = None
    input: Any = None
    skipped: bool = False

    @property
    def id(self) -> str:
        """The id under which it was scheduled."""
        return self.path

    @property
    def is_completed(self) -> bool:
        """Whether it ended well."""
        return isinstance(self.result, e.ActivityCompleted)

    @property
    def value(self) -> Any:
        """What it returned; None unless it ended well."""
        return self.result.result if isinstance(self.result, e.ActivityCompleted) else None

    @property
    def error(self) -> e.Failure | None:
        """What went wrong; None if it ended well."""
        return e.failure_of(self.result, self.path)


class ChildEnded(e.ChildClosed, frozen=True, kw_only=True, tag="ChildClosed"):
    """A child has ended: `workflow` is its workflow's name, `path` (or `id`) what it is here."""

    workflow: str = ""

    @property
    def id(self) -> str:
        """The id under which it was started."""
        return self.path

    @property
    def is_completed(self) -> bool:
        """Whether it ended well."""
        return self.status == "completed"


class ChildUnborn(e.ChildStartFailed, frozen=True, kw_only=True, tag="ChildStartFailed"):
    """A child could not be started: `workflow` is its workflow's name, `path` (or `id`) its id."""

    workflow: str = ""
    status: str = "not started"

    @property
    def id(self) -> str:
        """The id under which it was to be started."""
        return self.path


Origin = tuple[str, Any]
"""What something that ended was: the name of its activity or workflow, and its input."""


def is_end(event: e.Event) -> bool:
    """Whether something has ended by this event."""
    return type(event) in _SEES


def origin_of(event: e.Event, ended: Ended | None) -> Origin | None:
    """What has ended by this event, if it has only just ended."""
    if ended is None or type(event) not in _SEES:
        return None
    place: str = event.path  # type: ignore[attr-defined]  # all ends have one
    if isinstance(event, _ENDS_OF_CHILDREN):
        child = ended.children.get(place)
        return None if child is None else (child.workflow, None)
    known = ended.activities.get(place)
    return None if known is None else (known.activity, known.input)


def seen(event: e.Event, origin: Origin | None = None) -> e.Event:
    """An event as a decider sees it; `origin` is what has ended by it, as far as that is known."""
    see = None if origin is None else _SEES.get(type(event))
    return _copy(event) if see is None or origin is None else see(event, *origin)


class SeenHistory(History):
    """A history as a decider sees it; each event is copied when it is looked at."""

    __slots__ = ("_origins", "_shown")

    def __init__(self, events: Iterable[e.Event]) -> None:
        """Take the events of one run, from position 1."""
        super().__init__(events)
        self._shown: dict[int, e.Event] = {}
        self._origins: dict[int, Origin] | None = None

    @overload
    def __getitem__(self, index: int) -> e.Event: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[e.Event, ...]: ...
    def __getitem__(self, index: int | slice) -> e.Event | tuple[e.Event, ...]:
        """Events by index from 0, or a slice of them."""
        places = range(len(self._events))[index]
        return self._show(places) if isinstance(places, int) else tuple(map(self._show, places))

    def __iter__(self) -> Iterator[e.Event]:
        """All events, oldest first."""
        return map(self._show, range(len(self._events)))

    def of(self, *kinds: type[e.Event]) -> tuple[Any, ...]:
        """The events of these kinds, in order."""
        found = (
            self._show(place)
            for place, event in enumerate(self._events)
            if isinstance(event, kinds) or type(event) in _SEES
        )
        return tuple(event for event in found if isinstance(event, kinds))

    def at(self, positions: Container[int]) -> tuple[e.Event, ...]:
        """The events at these positions, in order."""
        return tuple(self[v.position - 1] for v in self._events if v.position in positions)

    def _show(self, place: int) -> e.Event:
        shown = self._shown.get(place)
        if shown is None:
            event = self._events[place]
            origin = self._all_origins().get(place) if type(event) in _SEES else None
            shown = self._shown[place] = seen(event, origin)
        return shown

    def _all_origins(self) -> dict[int, Origin]:
        """The origins of what ends, by place."""
        if self._origins is None:
            self._origins = {}
            activities: dict[str, Origin] = {}
            children: dict[str, Origin] = {}
            for place, event in enumerate(self._events):
                if type(event) is e.ActivityScheduled:
                    if event.activity:
                        activities[event.path] = (event.activity, event.input)
                elif type(event) is e.ChildStarted:
                    children[event.path] = (event.workflow, None)
                elif type(event) is e.DefinitionChanged and event.renames:
                    activities = _moved(activities, event.renames)
                    children = {renamed(at, event.renames): each for at, each in children.items()}
                elif type(event) in _SEES:
                    began = children if isinstance(event, _ENDS_OF_CHILDREN) else activities
                    if event.path in began:  # type: ignore[attr-defined]  # all ends have one
                        self._origins[place] = began[event.path]  # type: ignore[attr-defined]
        return self._origins


def fresh(value: Any) -> Any:
    """A copy of a JSON value, with a SecretStr or the like for each secret whose key is here."""
    if type(value) not in MUTABLE:
        return value
    try:
        return copied(value)
    except SecretKeyError:  # it may still be handed on
        return decode(encode(value))


def _moved(activities: Mapping[str, Origin], renames: Mapping[str, str]) -> dict[str, Origin]:
    """What is open, and what it is called, under other names."""
    return {
        renamed(path, renames): (renames.get(activity, activity), given)
        for path, (activity, given) in activities.items()
    }


# -- each kind -------------------------------------------------------------------------------------


def _closed(event: e.ActivityClosed, activity: str, given: Any) -> ActivityEnded:
    name, _, version = activity.partition(VERSION_MARK)
    return ActivityEnded(
        position=event.position,
        at=event.at,
        actor=event.actor,
        reason=event.reason,
        path=event.path,
        occurrence=event.occurrence,
        attempt=event.attempt,
        result=_result(event.result),
        activity=name,
        version=version or None,
        input=fresh(given),
    )


def _result(result: e.ActivityResult) -> e.ActivityResult:
    match result:
        case e.ActivityCompleted(result=value) if type(value) in MUTABLE:
            return e.ActivityCompleted(fresh(value))
        case e.ActivityCanceled(details=details) if type(details) in MUTABLE:
            return e.ActivityCanceled(fresh(details))
        case e.ActivityTimedOut(details=details) if type(details) in MUTABLE:
            return _replace(result, details=fresh(details))
        case _:
            return result


def _skipped(event: e.StepSkipped, activity: str, given: Any) -> ActivityEnded:
    name, _, version = activity.partition(VERSION_MARK)
    return ActivityEnded(
        position=event.position,
        at=event.at,
        actor=event.actor,
        reason=event.reason,
        path=event.path,
        occurrence=event.occurrence,
        result=e.ActivityCompleted(),
        activity=name,
        version=version or None,
        input=fresh(given),
        skipped=True,
    )


def _child_closed(event: e.ChildClosed, workflow: str, _: Any) -> ChildEnded:
    told = {name: getattr(event, name) for name in event.__struct_fields__}
    return ChildEnded(**{**told, "result": fresh(event.result)}, workflow=workflow)


def _child_unborn(event: e.ChildStartFailed, workflow: str, _: Any) -> ChildUnborn:
    told = {name: getattr(event, name) for name in event.__struct_fields__}
    return ChildUnborn(**told, workflow=workflow)


_ENDS_OF_CHILDREN = (e.ChildClosed, e.ChildStartFailed)

_SEES: Mapping[type[e.Event], Any] = {
    e.ActivityClosed: _closed,
    e.StepSkipped: _skipped,
    e.ChildClosed: _child_closed,
    e.ChildStartFailed: _child_unborn,
}
"""How an end is seen, once it is known of what."""

_PAYLOADS: Mapping[type[e.Event], tuple[str, ...]] = {
    e.ProcessStarted: ("input", "external"),
    e.SignalReceived: ("data",),
    e.ExternalUpdated: ("changes",),
    e.TimerStarted: ("data",),
    e.TimerFired: ("data",),
    e.ActivityScheduled: ("input",),
    e.ActivityRetried: ("details",),
    e.ChildStarted: ("input",),
    e.ChildClosed: ("result",),
    e.MessageSent: ("data",),
    e.MarkerRecorded: ("details",),
    e.ProcessCompleted: ("result",),
    e.ContinuedAsNew: ("input",),
}
"""Where users' values stand in events; ends have their own way."""


def _copy(event: e.Event) -> e.Event:
    if isinstance(event, e.ActivityClosed):
        result = _result(event.result)
        return event if result is event.result else _replace(event, result=result)
    changes = {
        name: fresh(value)
        for name in _PAYLOADS.get(type(event), ())
        if type(value := getattr(event, name)) in MUTABLE
    }
    return _replace(event, **changes) if changes else event
