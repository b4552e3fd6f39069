"""What a preview of a step list tells: where it passes or stands, and what said no. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from corago.core import events as e
from corago.core.program import Agenda, Foretold


def foretold(events: Sequence[e.Event], agenda: Agenda) -> Foretold:
    """The elements that events close and those that stand open, each once; and the refusals."""
    path = [_passed(event) for event in events]
    for stands in (agenda.activities, agenda.signals, agenda.children, agenda.incidents):
        path += [each.path for each in stands]
    path += [timer.timer.rpartition("@")[0] for timer in agenda.timers]
    refused = tuple(said for event in events for said in _refused(event))
    return Foretold(tuple(dict.fromkeys(each for each in path if each)), refused)


def _refused(event: e.Event) -> Iterator[tuple[str, str]]:
    match event:
        case e.CommandRefused(command=command, why=why):
            yield command, why
        case e.PredicateAnswered(path=path, error=e.Failure() as error):
            yield path, str(error)
        case e.PredicateAnswered(path=path, answer=False):
            yield path, "the predicate said no"


def _passed(event: e.Event) -> str:
    match event:
        case e.ActivityClosed(path=path) | e.StepSkipped(path=path) | e.ChildClosed(path=path):
            return path
        case e.TimerFired(timer=timer):
            return timer.rpartition("@")[0]
        case _:
            return ""
