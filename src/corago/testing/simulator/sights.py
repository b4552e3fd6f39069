"""One process as the watch knows it: made of what was written, and of nothing that is kept."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from corago.clock import to_us
from corago.core import codec, history, kernel
from corago.core import events as e
from corago.core import messages as m
from corago.core.decisions import ScheduleActivity
from corago.core.laws import Laws
from corago.core.program import NOTHING, Program, Snapshot
from corago.ports.rows import Append, Arrived
from corago.runtime.pasts import unasking
from corago.runtime.replaying import Recorded

T = TypeVar("T")

ProgramOf = Callable[[str], Program[Any]]
"""The program of a definition, by its sha."""


def at_once(coroutine: Coroutine[Any, Any, T]) -> T:
    """What a coroutine gives that waits for nothing, as those of the store in memory."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        found: T = stop.value
        return found
    coroutine.close()
    raise RuntimeError("the store in memory does not wait for anything")


@dataclass(slots=True)
class Sight:
    """A process: its fold and its laws, who holds it in which epoch, what was sent to it.

    `mail` holds what was acknowledged and not yet taken in, by its place; `head` is the last place;
    `news` is what has come, and of which nobody is known to have sent it; `since` is when what is
    in `mail` came, or later by what the calendar has gone back since.
    `commits` are the runs and positions at which it stood after each write. `holder` is a worker,
    `until_us` the end of its lease if that ends by itself.
    """

    id: str
    instance: int
    program: Program[Any]
    snapshot: Snapshot
    laws: Laws
    holder: int | None = None
    epoch: int = 0
    due_us: int | None = None
    until_us: int | None = None
    consumed: int = 0
    head: int = 0
    mail: dict[int, m.Inbound] = field(default_factory=dict)
    news: dict[int, bytes] = field(default_factory=dict)
    since: dict[int, int] = field(default_factory=dict)
    commits: list[tuple[int, int]] = field(default_factory=list)
    waiting: int = 0

    @property
    def is_closed(self) -> bool:
        """Whether it has ended."""
        return self.snapshot.process.is_closed

    @property
    def place(self) -> tuple[int, int]:
        """Its run, and its position there."""
        return self.snapshot.process.run, self.snapshot.process.position

    def let_go(self, due_us: int | None) -> None:
        """Nobody holds it."""
        self.holder, self.until_us, self.due_us = None, None, due_us

    def arrive(
        self, arrived: Iterable[Arrived], texts: Sequence[bytes], now_us: int, latest_us: int
    ) -> None:
        """Messages have come; the calendar has never been later than at `latest_us`."""
        for each, text in zip(arrived, texts, strict=True):
            self.since[each.seq] = max(each.at_us, latest_us)
            self.mail[each.seq] = codec.decode_message(text)
            self.news[each.seq] = each.data
            self.head = each.seq
            if self.holder is None and (self.due_us is None or self.due_us > now_us):
                self.due_us = now_us

    def came(self, data: bytes, seq: int | None = None) -> bool:
        """Whether what somebody has sent is there, and is not what another one sent."""
        found = next(
            (at for at, each in self.news.items() if each == data and seq in {None, at}), 0
        )
        return self.news.pop(found, None) is not None

    # -- events ------------------------------------------------------------------------------

    def take(self, events: Iterable[e.Event], programs: ProgramOf) -> Iterator[str]:
        """What was written: the laws that it breaks."""
        for event in events:
            yield from self.laws.take(event)
            if isinstance(event, e.ProcessStarted):
                self.program = programs(event.sha)
                self.snapshot = history.begin(self.program, event)
            elif isinstance(event, e.DefinitionChanged):
                after = programs(event.sha)
                self.snapshot = history.change(self.program, after, self.snapshot, event)
                self.program = after
            else:
                self.snapshot = history.evolve(self.program, self.snapshot, event)
        self.commits.append(self.place)

    def kept(
        self,
        append: Append,
        before: Snapshot,
        texts: Sequence[bytes],
        external: Sequence[bytes],
    ) -> Iterator[str]:
        """Where what is kept beside the events is not what they come to."""
        process = self.snapshot.process
        for text in texts:
            kept = codec.decode_snapshot(self.program, text)
            if kept is None or (kept.process, kept.state) != (process, self.snapshot.state):
                yield "the snapshot that was written is not what its history comes to"
        for text in external:
            if msgspec.json.decode(text) != process.external:
                yield "the external store that was written is not what its history comes to"
        if not external and process.external != before.process.external:
            yield "its external store has changed, and was not written"
        if append.events and append.closes is not process.is_closed:
            closes = "closes" if append.closes else "does not close"
            yield f"a write with its end, or without, {closes} it: {append.status}"

    def overtaken(self, before: Snapshot, events: Sequence[e.Event], upto: int) -> Iterator[str]:
        """Timers that fire in this write, before what came earlier than they were due."""
        due = dict(before.process.timers)
        for place, event in enumerate(events):
            if isinstance(event, e.TimerStarted):
                due[event.timer] = event.due
            if not isinstance(event, e.TimerFired) or event.timer not in due:
                continue
            at_us = to_us(due[event.timer])
            for seq, message in self.mail.items():
                is_told = seq <= upto and any(_tells(each, message) for each in events[:place])
                if self.since[seq] < at_us and not is_told and isinstance(message, _FROM_OUTSIDE):
                    yield (
                        f"timer {event.timer!r} fired at position {event.position}, and message "
                        f"{seq}, which came before it was due, is not recorded: {message!r}"
                    )

    def consume(self, upto: int, events: Sequence[e.Event]) -> Iterator[str]:
        """Messages leave the inbox: what they said is in the events of this write."""
        if upto < self.consumed:
            yield f"it had taken in the messages up to {self.consumed}, and now up to {upto}"
            return
        passed = {seq: self.mail.pop(seq) for seq in sorted(self.mail) if seq <= upto}
        left = [event for event in events if isinstance(event, _RECEIVED)]
        for seq, message in passed.items():
            mine = next((event for event in left if _tells(event, message)), None)
            if mine is not None:
                left.remove(mine)
            elif not isinstance(message, m.Outcome):
                yield f"message {seq} was passed over, and not recorded: {message!r}"
        for event in left:
            if isinstance(event, _SENT) and not _is_own(event):
                yield f"position {event.position}: nobody has sent it: {event!r}"
        self.consumed = upto

    # -- wishes ------------------------------------------------------------------------------

    def wish(self, path: str, occurrence: int, attempt: int) -> ScheduleActivity | None:
        """What it wants to run there, as it stands on the disk."""
        if self.snapshot.agenda is None:
            self.snapshot = quiet(self.program, self.snapshot)
        return wished(self.snapshot, path, occurrence, attempt)

    def has_wished(
        self, events: Sequence[e.Event], run: int, work: tuple[str, int, int], programs: ProgramOf
    ) -> bool:
        """Whether it has wanted that at any time of a run: on the disk, after one of its writes."""
        stops = {position for each, position in self.commits if each == run}
        again = Sight(self.id, self.instance, self.program, self.snapshot, Laws())
        for event in events:
            for _ in again.take((event,), programs):
                pass  # it was said when it was written
            if event.position in stops and again.wish(*work) is not None:
                return True
        return False


def quiet(program: Program[Any], snapshot: Snapshot) -> Snapshot:
    """A process with what it wants; its answers are all recorded."""
    calls: Any = unasking(program, {}) if program.batch else Recorded(())
    commit = kernel.advance(program, snapshot, (), snapshot.process.at, calls)
    return msgspec.structs.replace(snapshot, agenda=commit.snapshot.agenda or NOTHING)


def wished(snapshot: Snapshot, path: str, occurrence: int, attempt: int) -> ScheduleActivity | None:
    """The wish for this attempt."""
    for wish in (snapshot.agenda or NOTHING).activities:
        if (wish.path, wish.occurrence) == (path, occurrence):
            known = snapshot.process.activity(path, occurrence)
            return wish if known.attempt == attempt else None
    return None


# -- messages and what is recorded of them ---------------------------------------------------------

_COMMANDED = (
    e.CommandRefused,
    e.CancelRequested,
    e.ProcessResumed,
    e.ProcessReopened,
    e.StepSkipped,
    e.ActivityClosed,
    e.ProcessAborted,
)
_SENT = (e.SignalReceived, e.ExternalUpdated, e.ChildClosed)
_RECEIVED = (*_SENT, *_COMMANDED)


_FROM_OUTSIDE = (m.Signal, m.Update)


def _tells(event: e.Event, message: m.Inbound) -> bool:
    """Whether an event is what became of a message."""
    match message, event:
        case m.Signal(name=name, data=data, key=key), e.SignalReceived():
            return (event.name, event.data, event.key) == (name, data, key)
        case m.Update(changes=changes, key=key), e.ExternalUpdated():
            return (event.changes, event.key) == (changes, key)
        case m.ChildEnded(child=child, status=status), e.ChildClosed():
            return (event.child, event.status) == (child, status)
        case m.Command(actor=actor, reason=reason), _ if isinstance(event, _COMMANDED):
            return (event.actor, event.reason) == (actor, reason)
    return False


def _is_own(event: e.Event) -> bool:
    """Whether a process says it of its own accord: that a child need not go on."""
    return isinstance(event, e.ChildClosed) and event.status == "canceled"


def decoded(texts: Iterable[bytes]) -> list[e.Event]:
    """Events as they were written."""
    return [codec.decode_event(text) for text in texts]
