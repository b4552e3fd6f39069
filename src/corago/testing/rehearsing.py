"""What a decider decided, commit by commit, against what today's would decide. Pure.

The events of one commit bear one instant: first what had come, then what was decided about it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, cast

from corago.core import decisions as d
from corago.core import events as e
from corago.core import sealing
from corago.core.calls import LiveCalls, Past
from corago.core.program import BatchProgram, Program, Snapshot, Told
from corago.core.unasked import undecided
from corago.keys import fresh_key
from corago.secrecy import current, using, vault_of
from corago.testing.telling import line

_IDENTITY: Mapping[type[e.Event], tuple[str, ...]] = {
    e.ActivityScheduled: ("path", "activity", "input"),
    e.ActivityCancelRequested: ("path",),
    e.TimerStarted: ("timer", "data"),
    e.TimerCanceled: ("timer",),
    e.ChildStarted: ("path", "workflow", "input"),
    e.MessageSent: ("to", "command", "name", "data"),
    e.MarkerRecorded: ("name", "details"),
    e.ContinuedAsNew: ("input",),
    e.ProcessCompleted: ("result",),
    e.ProcessFailed: ("path",),
    e.ProcessCanceled: (),
}
"""The facts that a decider decides, and what makes two of them the same."""

_OWN_WILL = frozenset(_IDENTITY) - {e.ActivityCancelRequested, e.TimerCanceled}
"""Those that nothing else brings about."""


class Rehearsal:
    """One replay of a decider's history: `judge` is told of every event in its order."""

    def __init__(self, started: e.ProcessStarted, functions: Mapping[str, Any]) -> None:
        """Take the first event, and today's code."""
        self._functions = functions
        self._past: list[e.Event] = [started]
        self._commit: list[e.Event] = []
        self._unseen: list[e.Event] = []
        self._begins = False
        self._wanted: list[e.Event] | None = None

    def judge(self, program: Program[Any], snapshot: Snapshot, event: e.Event) -> str | None:
        """What is wrong with an event that comes after this snapshot, or None."""
        batch = cast("BatchProgram[Any]", program)
        is_heard = type(event) in batch.hears
        complaint = None
        if self._commit:
            is_later = event.at != self._commit[-1].at
            if is_later or (is_heard and self._wanted is not None):
                complaint = self._end(batch, snapshot)
        if not self._commit:
            self._begins = undecided(snapshot.process) == 1
        if complaint is None and _is_decided(event):
            complaint = self._compared(batch, snapshot, event)
        self._commit.append(event)
        if is_heard:
            self._unseen.append(event)
        return complaint

    def change(
        self,
        program: Program[Any],
        snapshot: Snapshot,
        event: e.DefinitionChanged,
        functions: Mapping[str, Any],
    ) -> str | None:
        """Go on with another form's functions: nobody is asked about that. Tells as `judge`."""
        complaint = self.end(program, snapshot)
        self._past.append(event)
        self._functions = functions
        return complaint

    def end(self, program: Program[Any], snapshot: Snapshot) -> str | None:
        """What today's decider would decide besides at the very end, or None."""
        return self._end(cast("BatchProgram[Any]", program), snapshot) if self._commit else None

    def _compared(
        self, program: BatchProgram[Any], snapshot: Snapshot, event: e.Event
    ) -> str | None:
        wanted = self._asked(program, snapshot, event.at)
        if isinstance(wanted, str):
            return wanted
        if wanted and _is_same(wanted[0], event):
            wanted.pop(0)
            return None
        is_asked = e.CancelRequested in program.hears or not snapshot.process.cancel_requested
        if type(event) in _OWN_WILL and (is_asked or not isinstance(event, e.ProcessCanceled)):
            return f"today's code decides {_shown(wanted)}"
        return None

    def _end(self, program: BatchProgram[Any], snapshot: Snapshot) -> str | None:
        """A commit is over: nothing is left of what today's decider wanted."""
        wanted = self._asked(program, snapshot, snapshot.process.at)
        self._past += self._commit
        self._commit, self._wanted = [], None
        if isinstance(wanted, str):
            return wanted
        return f"today's code decides {_shown(wanted)} besides" if wanted else None

    def _asked(
        self, program: BatchProgram[Any], snapshot: Snapshot, now: datetime
    ) -> list[e.Event] | str:
        """What today's decider wants, asked once a commit; or why it can't say."""
        if self._wanted is not None:
            return self._wanted
        process = snapshot.process
        if process.is_closed or process.poison is not None or not (self._unseen or self._begins):
            return []
        unseen, self._unseen = tuple(self._unseen), []
        told = Told(process, unseen, tuple(self._commit), now, self._begins)
        calls = LiveCalls(self._functions, Past(self._past))
        with _some_key():
            answer = program.respond(snapshot.state, told, calls)
        if isinstance(answer, e.Failure):
            return f"today's code fails: {answer}"
        self._wanted = [event for each in answer if (event := _fact(each, now)) is not None]
        return self._wanted


def _is_decided(event: e.Event) -> bool:
    """Whether a decider may have decided it; later attempts of its activities it has not."""
    if isinstance(event, e.ActivityScheduled):
        return bool(event.activity)
    if isinstance(event, e.MessageSent):
        return not event.path
    return type(event) in _IDENTITY


def _fact(decision: d.Decision, at: datetime) -> e.Event | None:
    match decision:
        case d.RecordFact(fact=fact):
            return fact.event(0, at)
        case d.CompleteProcess(result=result):
            return e.ProcessCompleted(position=0, at=at, result=result)
        case d.FailProcess(path=path, error=error):
            return e.ProcessFailed(position=0, at=at, path=path, error=error)
        case d.CancelProcess():
            return e.ProcessCanceled(position=0, at=at)
        case d.ContinueAsNew(input=given, tags=tags):
            return e.ContinuedAsNew(position=0, at=at, following=0, input=given, tags=tags)
        case _:
            return None


def _is_same(wanted: e.Event, event: e.Event) -> bool:
    names = _IDENTITY.get(type(wanted), ())
    is_kind = type(wanted) is type(event)
    return is_kind and all(_is_alike(getattr(wanted, name), getattr(event, name)) for name in names)


def _is_alike(one: Any, other: Any) -> bool:
    """Whether two values are the same; of secrets, only where they are.

    Histories that were shown do not tell them, and another key may have sealed them.
    """
    return bool(one == other or sealing.masked(one) == sealing.masked(other))


@contextmanager
def _some_key() -> Iterator[None]:
    """Within it secrets can be sealed, by a key that is thrown away where none is at hand."""
    with using(current() if current().has_key else vault_of(fresh_key())):
        yield


def _shown(wanted: Sequence[e.Event]) -> str:
    return ", ".join(map(line, wanted)) or "nothing"
