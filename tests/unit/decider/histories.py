"""Histories of deciders' processes, written by hand."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from corago.core import events as e
from corago.decider.trail import Trail, trail

BEGUN = datetime(2020, 1, 1, tzinfo=UTC)

DOCUMENT: dict[str, Any] = {
    "kind": "decider",
    "name": "order",
    "version": 2,
    "activities": [{"name": "Pay", "queue": "cards"}, {"name": "Ship", "version": 2}],
    "timeout": 86400.0,
}


class Story:
    """Events in order, each second a commit; `then` begins the next one."""

    def __init__(self, **started: Any) -> None:
        self.events: list[e.Event] = []
        self.seconds = 0
        self.note(e.ProcessStarted, process_id="o", workflow="order", sha="5", **started)
        self.then()

    @property
    def now(self) -> datetime:
        return BEGUN + timedelta(seconds=self.seconds)

    def note(self, kind: type[e.Event], **fields: Any) -> Self:
        self.events.append(kind(position=len(self.events) + 1, at=self.now, **fields))
        return self

    def then(self, seconds: int = 1) -> Self:
        self.seconds += seconds
        return self

    # -- decisions ---------------------------------------------------------------------------

    def schedules(self, path: str, activity: str = "", **more: Any) -> Self:
        return self.note(
            e.ActivityScheduled, path=path, activity=activity or path.partition("#")[0], **more
        )

    def starts_timer(self, timer: str, seconds: float) -> Self:
        due = self.now + timedelta(seconds=seconds)
        return self.note(e.TimerStarted, timer=timer, due=due)

    # -- news --------------------------------------------------------------------------------

    def completes(self, path: str, result: Any = None, **more: Any) -> Self:
        return self.note(e.ActivityClosed, path=path, result=e.ActivityCompleted(result), **more)

    def fails(self, path: str, text: str = "no way") -> Self:
        error = e.Failure("ValueError", text)
        return self.note(e.ActivityClosed, path=path, result=e.ActivityFailed(error))

    def hears(self, name: str, data: Any = None, actor: str | None = None) -> Self:
        return self.note(e.SignalReceived, name=name, data=data, actor=actor)

    # -- looking -----------------------------------------------------------------------------

    def trail(self) -> Trail:
        return trail(self.events, self.now)


def order() -> Story:
    """Payment, three shipments, one by signal; one is lost, so another one is canceled."""
    story = Story().schedules("Pay", queue="cards").then()
    story.note(
        e.ActivityRetried,
        path="Pay",
        attempt=1,
        error=e.Failure("OSError", "no line"),
        due=story.now,
    )
    story.note(e.ActivityScheduled, path="Pay", attempt=2, queue="cards").then()
    story.completes("Pay", attempt=2).schedules("Ship").schedules("Ship#2")
    story.starts_timer("timer", 5400).then()
    story.hears("extra", actor="ann").schedules("Late", "Ship@2").then()
    story.completes("Ship").then()
    story.fails("Ship#2", "parcel lost").note(e.ActivityCancelRequested, path="Late")
    story.note(e.TimerCanceled, timer="timer")
    return story.note(e.MarkerRecorded, name="gave up", details={"why": "lost"})


def names(found: Trail, ids: Iterable[str]) -> list[str]:
    """The names of landmarks."""
    known = {each.id: each.name for each in found.landmarks}
    return [known[id] for id in ids]
