"""One turn by hand: what a worker does with a decision task, but told what the decider says.

The kernel takes what has come, asks the decider once, and this answers for it. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from corago.core import kernel
from corago.core.arriving import arrivals
from corago.core.calls import Answer, Past
from corago.core.commit import Commit
from corago.core.events import Event, Failure
from corago.core.messages import Lost, Message
from corago.core.program import NOTHING
from corago.core.tasks import KEEP, DecisionTask, Hold, Mail


class Said:
    """Calls that answer for the decider: these decisions, or this error."""

    def __init__(
        self, decisions: Sequence[Any], error: Failure | None, past: Sequence[Event]
    ) -> None:
        self._answer = Answer("decide", list(decisions), error)
        self.answers: list[Answer] = []
        self.past = Past(past)

    def ask(self, name: str, values: Mapping[str, Any]) -> Answer:  # noqa: ARG002 - the port's signature
        """Say it."""
        self.answers.append(self._answer)
        return self._answer


class Turn(msgspec.Struct, frozen=True):
    """What is to be written for a decision task."""

    commit: Commit
    hold: Hold
    consumed: int
    seen: int


def turn(
    task: DecisionTask,
    now: datetime,
    decisions: Sequence[Any],
    *,
    keeps: bool = False,
    due: datetime | None = None,
    more: Sequence[Message] = (),
    fresh: Sequence[Mail] = (),
    error: Failure | None = None,
    past: Sequence[Event] = (),
) -> Turn:
    """What comes of a task when its decider says this, or raises this `error`.

    The process is let go until its next instant, or until `due`; or the lease `keeps`. `fresh` came
    after the task was taken, `more` comes from its holder, such as outcomes of what runs there;
    `past` is the history, for a decider that could not answer before.
    """
    mail = [*task.mail, *fresh]
    items: list[Message] = [] if task.lost_owner is None else [Lost(task.lost_owner)]
    process = task.snapshot.process
    items += arrivals(process, [(each.at, each.message) for each in mail], now)
    items += more
    said = Said(decisions, error, past)
    commit = kernel.advance(task.program, task.snapshot, items, now, said)
    assert said.answers or not decisions, "nobody asked the decider, so it can't have said this"
    taken = {id(message) for message in items[: commit.consumed]}
    consumed = [each.seq for each in mail if id(each.message) in taken]
    seen = max([task.seen, *(each.seq for each in fresh)])
    hold = KEEP if keeps else Hold(keeps=False, due=due or _due(commit))
    return Turn(commit, hold, max([task.consumed, *consumed]), seen)


def _due(commit: Commit) -> datetime | None:
    """The next instant that its process waits for."""
    process = commit.snapshot.process
    instants = list(process.timers.values())
    if process.deadline is not None:
        instants.append(process.deadline)
    for wish in (commit.snapshot.agenda or NOTHING).activities:
        waits_until = process.activity(wish.path, wish.occurrence).due
        if wish.queue is None and waits_until is not None:
            instants.append(waits_until)
    return None if process.is_closed else min(instants, default=None)
