"""What a process waits for, as people are told. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from corago.clock import from_us
from corago.core import commands
from corago.core import decisions as d
from corago.core.process import Process
from corago.core.program import Agenda
from corago.core.sealing import masked
from corago.ports.backend import Description, OpenActivity

LENGTH = 80
"""Of what a heartbeat said, so many characters are told."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Something that a process waits for.

    `kind` is step, queue, work (a worker has it), token (it is completed from outside), retry,
    sleep, timer, signal, child, decision (a decider that failed is asked again), incident or
    deadline. `noun` is what its door calls what runs at the path; `note` says more.
    """

    kind: str
    path: str
    detail: str = ""
    until: datetime | None = None
    noun: str = "step"
    note: str = ""

    def __str__(self) -> str:
        word = "at" if self.kind == "timer" else "until"
        until = "" if self.until is None else f" {word} {stamp(self.until)}"
        said = _WORDS[self.kind].format(noun=self.noun, path=self.path, detail=self.detail)
        return said + until + self.note


_WORDS = {
    "step": "{noun} {path!r} is to run",
    "queue": "{noun} {path!r} waits for a worker of queue {detail!r} to run it",
    "work": "{noun} {path!r} is in the hands of worker {detail}",
    "token": "{noun} {path!r} waits for its completion from outside, by the token {detail!r}",
    "retry": "{noun} {path!r} failed ({detail}) and is tried again; it waits",
    "sleep": "{path!r} sleeps",
    "timer": "{detail} is due",
    "signal": "{path!r} waits for the signal {detail!r}",
    "child": "{path!r} waits for the process {detail!r}",
    "incident": "{path!r} needs a person: {detail}",
    "decision": "its decider, which failed {detail}, is asked again; it waits",
    "deadline": "the process may run",
}


def stamp(at: datetime) -> str:
    """An instant as sentences write it."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def times(count: int) -> str:
    """How often in a row."""
    return "once" if count == 1 else f"{count} times in a row"


def waits_of(
    description: Description, agenda: Agenda, now: datetime, tasks: Iterable[OpenActivity] = ()
) -> tuple[Wait, ...]:
    """What a process waits for, the urgent first; `tasks` are its open ones, if they are known."""
    process = description.snapshot.process
    found: list[Wait] = [
        Wait("incident", each.path or process.id, str(each.error))
        for each in commands.incidents(process, agenda).values()
    ]
    if process.is_closed:
        return tuple(found)
    row = description.row
    if row.failures and process.poison is None:
        due = None if row.due_us is None else from_us(row.due_us)
        found.append(Wait("decision", process.id, times(row.failures), due))
    known = {task.path: task for task in tasks}
    found += [_work(process, wish, known, now) for wish in agenda.activities]
    found += _times(process, agenda, is_decider=description.program.batch)
    found += [
        Wait("child", wish.path, child.id)
        for wish in agenda.children
        if (child := process.children.get(wish.path)) is not None
    ]
    if process.deadline is not None:
        found.append(Wait("deadline", process.id, "", process.deadline))
    return tuple(found)


# -- work ------------------------------------------------------------------------------------------


def _work(
    process: Process, wish: d.ScheduleActivity, tasks: Mapping[str, OpenActivity], now: datetime
) -> Wait:
    """A step or activity that is open."""
    noun = "activity" if wish.activity else "step"
    known = process.activity(wish.path, wish.occurrence)
    if known.due is not None and known.due > now:
        return Wait("retry", wish.path, str(known.error), known.due, noun)
    if wish.queue is None:
        return Wait("step", wish.path, noun=noun)
    task = tasks.get(wish.path)
    note = "" if task is None else "".join(_notes(task, now))
    if task is None or task.due is not None:
        return Wait("queue", wish.path, wish.queue, None, noun, note)
    if task.owner is None:
        return Wait("token", wish.path, task.token, None, noun, note)
    return Wait("work", wish.path, task.owner, None, noun, note)


def _notes(task: OpenActivity, now: datetime) -> Iterator[str]:
    """Since when somebody has it, what was heard of it last, and what runs out first."""
    if task.due is None and task.taken is not None:
        yield f" since {stamp(task.taken)}"
        if task.heard is not None and task.heard > task.taken:
            yield f", last heard of at {stamp(task.heard)}"
    if task.details is not None:
        said = msgspec.json.encode(masked(task.details), enc_hook=str).decode()
        yield f", which said {said if len(said) <= LENGTH else said[: LENGTH - 1] + '…'}"
    if task.losses:
        yield f", and has lost its worker {times(task.losses)}"
    if task.stops:
        yield ", and is asked to stop"
    if task.expires is not None and task.expires > now:
        yield f"; its {task.limit} limit runs out at {stamp(task.expires)}"
    elif task.expires is not None:
        yield f"; its {task.limit} limit ran out at {stamp(task.expires)}, and any worker ends it"


# -- time and signals ------------------------------------------------------------------------------


def _times(process: Process, agenda: Agenda, *, is_decider: bool) -> Iterator[Wait]:
    """Signals, those with a time limit first of all, and timers that are nobody's limit."""
    left = {wish.timer: wish for wish in agenda.timers}
    of_path = {_place(name): name for name in left}
    for each in agenda.signals:
        limit = of_path.get(each.path)
        left.pop(limit or "", None)
        yield Wait("signal", each.path, each.name, process.timers.get(limit or ""))
    for name, wish in left.items():
        at = process.timers.get(name)
        if is_decider:
            yield Wait("timer", name, f"the timer {name!r}", at)
        else:
            yield Wait("timer" if wish.detail else "sleep", _place(name), wish.detail, at)


def _place(timer: str) -> str:
    """The path of a timer's name, which has a number behind it."""
    return timer.rpartition("@")[0]
