"""One decision in other hands than a turn's: what has come, the question, and where it is put down.

Pure: it reads no store and writes none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from corago.core import kernel
from corago.core import messages as m
from corago.core.arriving import arrivals
from corago.core.calls import Answer, Calls, Past
from corago.core.commit import Commit
from corago.core.events import Event
from corago.core.process import Process
from corago.core.program import NOTHING
from corago.core.tasks import DecisionTask, Hold, Mail
from corago.runtime.turn import conflicted

LEFT = timedelta(seconds=1)
"""How soon a process is looked at again whose activity only a worker of an engine can run."""


class AskedError(BaseException):
    """The kernel came to the question, and nobody answers it yet; it is nobody's error."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        """Take what the decider would be asked with."""
        super().__init__()
        self.values = values


class Given:
    """Calls that give answers which are known already, and raise AskedError for more."""

    def __init__(self, answers: Sequence[Answer], past: Past) -> None:
        """Take the answers in their order, and the history."""
        self._left = list(answers)
        self.past = past
        self.answers: list[Answer] = []

    def ask(self, name: str, values: Mapping[str, Any]) -> Answer:  # noqa: ARG002 - the port's signature
        """Give the next one."""
        if not self._left:
            raise AskedError(values)
        self.answers.append(self._left.pop(0))
        return self.answers[-1]


class Diary(Past):
    """A history that is read when somebody first looks at it, by whatever `reader` asks.

    Without a reader it is like any other: it can't be read here.
    """

    __slots__ = ("reader",)

    def __init__(self) -> None:
        """Nothing is read yet, and nobody reads."""
        super().__init__()
        self.reader: Callable[[], Iterable[Event]] | None = None

    @property
    def events(self) -> Sequence[Event]:
        """All of them, from position 1. Raises NotReadError without a reader."""
        if self.reader is not None and not self.is_read:
            self.fill(self.reader())
        return super().events


class Sitting:
    """A decision task with what has come; it is somebody's until the instant `until`.

    `sha` is that of the definition by which its process goes on; `values` are what the decider is
    asked with; `refused` are children that could not be born of what was decided. `contested` is
    what `clash` has told of earlier sittings.
    """

    def __init__(self, task: DecisionTask, until: datetime, contested: Mapping[int, bool]) -> None:
        """Put what has come into order."""
        self.task = task
        self.sha = task.sha
        self.until = until
        self.past = Diary()
        self.values: Mapping[str, Any] = {}
        self.refused: list[m.ChildRefused] = []
        mail = _uncontested(task.mail, contested)
        self.is_cut = len(mail) < len(task.mail)
        self._places = {id(each.message): each.seq for each in mail}
        lost: list[m.Message] = [] if task.lost_owner is None else [m.Lost(task.lost_owner)]
        arrived = [(each.at, each.message) for each in mail]
        self._messages = [*lost, *arrivals(self.process, arrived, task.read_at)]

    @property
    def process(self) -> Process:
        """The process as it was taken."""
        return self.task.snapshot.process

    @property
    def token(self) -> str:
        """What it is named by to people: its process, and how often that was taken."""
        return f"{self.task.process_id}.{self.task.epoch}"

    def follow(self, adopt: m.Adopt) -> None:
        """The process goes on by another definition."""
        self.sha = adopt.sha
        self._messages.insert(0, adopt)

    def clash(self) -> tuple[int, bool]:
        """The place of the first outcome with documents, and whether it is the only one.

        Some document is not the newest any more. If it is the only one, it has failed by that; else
        the next sitting takes nothing that comes after it.
        """
        writers = [
            each for each in self._messages if isinstance(each, m.Outcome) and each.documents
        ]
        return self._places[id(writers[0])], len(writers) == 1

    def advance(self, calls: Calls, now: datetime) -> Commit:
        """What follows. Raises AskedError, NotReadError, MissingFunctionError."""
        task = self.task
        messages = [*self._messages, *self.refused]
        return kernel.advance(task.program, task.snapshot, messages, now, calls)

    def consumed(self, commit: Commit) -> int:
        """The place in the inbox up to which a commit has taken the messages."""
        taken = self._messages[: commit.consumed]
        return max([self.task.consumed, *(self._places.get(id(each), 0) for each in taken)])

    def rest(self, commit: Commit, now: datetime) -> Hold:
        """Let the process go after a commit, until something of it falls due."""
        process = commit.snapshot.process
        instants = [now] if self.is_cut or commit.renews is not None else []
        instants += process.timers.values()
        if process.deadline is not None:
            instants.append(process.deadline)
        for wish in (commit.snapshot.agenda or NOTHING).activities:
            if wish.queue is None:
                known = process.activity(wish.path, wish.occurrence)
                instants.append(max(known.due or now, now + LEFT))
        return Hold(keeps=False, due=min(instants, default=None))


def _uncontested(mail: Sequence[Mail], contested: Mapping[int, bool]) -> list[Mail]:
    """The mail up to an outcome that is to be taken alone; those that have clashed have failed."""
    kept: list[Mail] = []
    for each in mail:
        is_lone, message = contested.get(each.seq), each.message
        if is_lone and isinstance(message, m.Outcome):
            kept.append(Mail(each.seq, each.at, conflicted(message)))
        else:
            kept.append(each)
        if is_lone is False:
            break
    return kept
