"""What the database and the side file say of each other: what ran, and what was recorded."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from corago.core.events import ActivityClosed, ActivityRetried, Event


class Attempt(NamedTuple):
    """One attempt of one step of one process."""

    process: str
    step: str
    number: int


class Note(NamedTuple):
    """A line of the side file: an attempt `began` or `ended` in a worker."""

    what: str
    attempt: Attempt
    key: str
    worker: int


def notes(side_file: Path) -> list[Note]:
    """What the side file holds, in order; a line that is still being written is left out."""
    if not side_file.exists():
        return []
    found = []
    for text in side_file.read_text("utf-8").splitlines(keepends=True):
        if text.endswith("\n"):
            line = json.loads(text)
            attempt = Attempt(line["process"], line["step"], line["attempt"])
            found.append(Note(line["what"], attempt, line["key"], line["worker"]))
    return found


def recorded(histories: Mapping[str, Iterable[Event]]) -> list[Attempt]:
    """The attempts whose end is in the database: each as often as it is there."""
    return [
        Attempt(process, event.path, event.attempt)
        for process, history in histories.items()
        for event in history
        if isinstance(event, (ActivityClosed, ActivityRetried))
    ]


def in_flight(noted: Iterable[Note], known: Iterable[Attempt]) -> set[Attempt]:
    """Attempts that began and are not recorded."""
    return {note.attempt for note in noted if note.what == "began"} - set(known)


@dataclass(frozen=True, slots=True)
class Proof:
    """The sums, from the side file and the histories before and after a crash."""

    recorded_before: int
    """Attempts whose end was in the database when the worker died."""
    run_again_though_recorded: int
    """Of these, how many began again. Must be none."""
    recorded_twice: int
    """Attempts with two ends in the database. Must be none."""
    in_flight: int
    """Attempts that had begun and were not recorded when the worker died."""
    had_effect: int
    """Of these, how many had had their effect outside already."""
    run_again: int
    """Of these, how many ran again afterwards."""
    run_again_under_another_key: int
    """Of these, how many bore another idempotency key the second time. Must be none."""
    unrecorded_after: int
    """Attempts that ran and are recorded nowhere at the end. Must be none."""

    @property
    def holds(self) -> bool:
        """Whether everything is as promised."""
        return not (
            self.run_again_though_recorded
            or self.recorded_twice
            or self.run_again_under_another_key
            or self.unrecorded_after
        )


def prove(
    before: Mapping[str, Iterable[Event]],
    after: Mapping[str, Iterable[Event]],
    noted: list[Note],
    died: int,
) -> Proof:
    """Compare; `died` is the OS process id of the worker that was killed."""
    known, ends = set(recorded(before)), recorded(after)
    first = [note for note in noted if note.worker == died]
    second = [note for note in noted if note.worker != died]
    open_then = in_flight(first, known)
    again = {note.attempt for note in second if note.what == "began"}
    keys: dict[Attempt, set[str]] = {}
    for note in noted:
        keys.setdefault(note.attempt, set()).add(note.key)
    return Proof(
        recorded_before=len(known),
        run_again_though_recorded=len(known & again),
        recorded_twice=len(ends) - len(set(ends)),
        in_flight=len(open_then),
        had_effect=len(open_then & {note.attempt for note in first if note.what == "ended"}),
        run_again=len(open_then & again),
        run_again_under_another_key=sum(len(found) > 1 for found in keys.values()),
        unrecorded_after=len(in_flight(noted, ends)),
    )
