"""What holds of every door whose processes have no stores and take any signal. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from corago.core import events as e
from corago.core.program import Agenda, Foretold


class Plain:
    """The part of a Program that such doors share."""

    takes_any_signal: bool = True
    batch: bool = False
    needs: frozenset[str] | None = None

    def opening(self, given: Any) -> dict[str, Any]:  # noqa: ARG002 - the port's signature
        """No external store to begin with."""
        return {}

    def check_signal(self, name: str, data: Any) -> Any:  # noqa: ARG002 - as above
        """Any signal may come; those that nobody awaits yet are kept."""
        return data

    def check_changes(self, changes: dict[str, Any]) -> dict[str, Any]:
        """Any changes of the external store: nobody in here reads it."""
        return changes

    def internal(self, state: Any) -> None:
        """No internal store."""

    def foretold(self, state: Any, events: Sequence[e.Event], agenda: Agenda) -> Foretold:  # noqa: ARG002 - as above
        """The paths that events close and those that stand open, each once; and the refusals."""
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
