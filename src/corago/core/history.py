"""A process's history: an immutable sequence of events whose positions run from 1 without gaps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, overload

from corago.core import process as process_fold
from corago.core.events import DefinitionChanged, Event, ProcessStarted
from corago.core.program import Program, Snapshot
from corago.errors import CoragoError, StoreCorruptError


class History(Sequence[Event]):
    """Recorded events, oldest first.

    Raises StoreCorruptError if a position is missing or repeated.
    """

    __slots__ = ("_events",)

    def __init__(self, events: Iterable[Event]) -> None:
        """Take the events of one run, from position 1."""
        self._events = tuple(events)
        for expected, event in enumerate(self._events, start=1):
            if event.position != expected:
                raise StoreCorruptError(
                    f"history is damaged: position {event.position} stands where {expected} "
                    "should; run `corago db check`"
                )

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Event, ...]: ...
    def __getitem__(self, index: int | slice) -> Event | tuple[Event, ...]:
        """Events by index from 0, or a slice of them."""
        return self._events[index]

    def __len__(self) -> int:
        """How many events were recorded."""
        return len(self._events)

    def __repr__(self) -> str:
        """Show the kinds of events."""
        return f"History({', '.join(type(event).__name__ for event in self._events)})"

    def of(self, *kinds: type[Event]) -> tuple[Any, ...]:
        """The events of these kinds, in order."""
        return tuple(event for event in self._events if isinstance(event, kinds))


def evolve(program: Program[Any], snapshot: Snapshot, event: Event) -> Snapshot:
    """Apply one recorded fact to both halves of a snapshot."""
    return Snapshot(
        process_fold.evolve(snapshot.process, event), program.evolve(snapshot.state, event)
    )


def _evolved(program: Program[Any], snapshot: Snapshot, event: Event) -> Snapshot:
    try:
        return evolve(program, snapshot, event)
    except CoragoError:
        raise
    except Exception as error:
        raise StoreCorruptError(
            f"history is damaged: event {event.position}, {type(event).__name__}, does not fit "
            f"what was before it ({type(error).__name__}: {error}); run `corago db check`"
        ) from error


def begin(program: Program[Any], started: ProcessStarted) -> Snapshot:
    """The snapshot that a first event makes."""
    return Snapshot(process_fold.start(started), program.initial(started))


def change(
    before: Program[Any], after: Program[Any], snapshot: Snapshot, event: DefinitionChanged
) -> Snapshot:
    """Go on by another program."""
    state = after.adopt(snapshot.state, before, event)
    return Snapshot(process_fold.evolve(snapshot.process, event), state)


def fold(
    program: Program[Any] | None,
    events: Iterable[Event],
    snapshot: Snapshot | None = None,
    programs: Mapping[str, Program[Any]] | None = None,
) -> Snapshot:
    """Apply recorded facts to a snapshot, or from the first event on, which `program` fits.

    `programs` by sha are those that the process has followed later. Raises StoreCorruptError
    without a beginning, where one of them is missing, and for a fact that can't have been recorded.
    """
    for event in events:
        if program is None:
            break
        if snapshot is not None:
            if isinstance(event, DefinitionChanged):
                following = (programs or {}).get(event.sha)
                if following is None:
                    raise StoreCorruptError(
                        f"the definition {event.sha[:12]}, which the process has followed from "
                        f"event {event.position} on, is missing"
                    )
                snapshot = change(program, following, snapshot, event)
                program = following
                continue
            snapshot = _evolved(program, snapshot, event)
        elif isinstance(event, ProcessStarted):
            snapshot = begin(program, event)
        else:
            raise StoreCorruptError(
                f"history is damaged: it begins with {type(event).__name__} and not with "
                "ProcessStarted"
            )
    if snapshot is None:
        raise StoreCorruptError("history is damaged: it holds no event")
    return snapshot
