"""The port that runs processes, shaped like Amazon SWF.

Start, send, describe, and poll and respond for decision tasks and activity tasks.

Turns and engines speak only this. Errors everywhere: StoreUnavailableError (try again) and its kin.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from corago.core.commit import Commit
from corago.core.events import Event, ProcessStarted
from corago.core.history import History
from corago.core.messages import ChildRefused, Inbound, Outcome
from corago.core.process import Process
from corago.core.program import Program, Snapshot
from corago.core.tasks import ActivityTask, DecisionTask, Hold, Mail
from corago.ports.store import Change, Definition, Instance, Peer, Query, Refusal


class Start(msgspec.Struct, frozen=True):
    """A wish to start a process; `timeout` in seconds.

    `owner` is the worker to which it is born leased; `external` is what its external store begins
    with.
    """

    process_id: str
    definition: Definition
    input: Any
    tags: tuple[str, ...] = ()
    timeout: float | None = None
    actor: str | None = None
    reason: str | None = None
    owner: int | None = None
    external: dict[str, Any] = {}


class Started(msgspec.Struct, frozen=True):
    """The answer to a start.

    Whether it is new (then with its first event), whether the one that was there is the same, and
    its task if it was born leased.
    """

    is_new: bool
    is_same: bool = True
    task: DecisionTask | None = None
    event: ProcessStarted | None = None


class Polled(msgspec.Struct, frozen=True):
    """Tasks taken; when the next process falls due; whether the backend is paused."""

    tasks: tuple[DecisionTask, ...]
    next_due: datetime | None
    paused: bool


class PolledActivities(msgspec.Struct, frozen=True):
    """Activity tasks taken, and when the next one falls due."""

    tasks: tuple[ActivityTask, ...]
    next_due: datetime | None


class Description(msgspec.Struct, frozen=True):
    """A process as it is: its row, program, snapshot and waiting messages.

    `lost_owner` vanished with it.
    """

    row: Instance
    program: Program[Any]
    snapshot: Snapshot
    mail: tuple[Mail, ...]
    lost_owner: str | None = None


class Backend(Protocol):
    """Runs processes: local (over a Store) now, others later."""

    async def open(self) -> None:
        """Make ready."""

    async def close(self) -> None:
        """Let go."""

    async def define(self, definition: Definition, program: Program[Any]) -> Definition:
        """Make a definition known, with the program that runs it; gives it with its id."""

    def program(self, definition: Definition) -> Program[Any]:
        """The program of a definition that `define` or `latest` gave."""

    async def newest(self, name: str, version: int | None = None) -> Definition | None:
        """The newest stored definition of a name, and version if one is given."""

    async def adopt(self, description: Description, to: Definition, commit: Commit) -> bool:
        """Let a process that nobody holds follow another definition; False if it has moved on."""

    def follower(self, sha: str) -> Definition | None:
        """The definition of this engine that follows an older one of the same workflow."""

    async def latest(self, name: str) -> Definition | None:
        """The newest definition of a name, for clients without code."""

    async def start(self, start: Start) -> Started:
        """Start a process; durable on return."""

    async def send(self, process_id: str, message: Inbound, *, reopens: bool = False) -> None:
        """Put a message in the inbox; durable on return.

        Raises ProcessNotFoundError, ProcessClosedError, SignalKeyError.
        """

    async def abort(
        self, process_id: str, actor: str | None, reason: str | None
    ) -> tuple[Process, Event]:
        """End a process by force, whoever holds it; needs no program.

        Gives its end, and the event that was written. Raises CommandRefusedError on a closed one.
        """

    async def describe(self, process_id: str) -> Description:
        """A process as it is now. Raises ProcessNotFoundError."""

    async def ended(self, process_id: str) -> Process | None:
        """How a process ended; None while it is open, or a command to reopen it waits.

        Raises ProcessNotFoundError.
        """

    async def history(self, process_id: str) -> History:
        """All recorded events. Raises ProcessNotFoundError."""

    async def find(self, query: Query) -> list[Instance]:
        """A page of rows, newest first."""

    async def count(self, query: Query) -> dict[str, int]:
        """How many processes by status."""

    async def poll_decision_tasks(self, worker: int, shas: Sequence[str], limit: int) -> Polled:
        """Lease due processes of these definitions; `limit` 0 only looks."""

    async def resume(self, process_id: str, worker: int) -> DecisionTask | None:
        """The task of a process that this worker holds; None if it does not hold it (any more)."""

    async def mail(self, task: DecisionTask) -> tuple[Mail, ...]:
        """The messages that came after the last one seen."""

    async def complete_decision_task(
        self, task: DecisionTask, commit: Commit, hold: Hold, *, consumed: int, seen: int
    ) -> DecisionTask | Refusal | ChildRefused:
        """Write a commit.

        Gives the task as it goes on (or was let go), or why nothing was written.
        """

    async def poll_activity_tasks(
        self,
        worker: int,
        queues: Sequence[str],
        shas: Sequence[str],
        limit: int,
        *,
        leaving: Collection[str] = (),
    ) -> PolledActivities:
        """Lease due tasks of these queues, and of definitions that these are, or follow.

        Of the latter, those `leaving` names are left to others. What is to stop and nobody's
        stands in the queue of the empty name.
        """

    async def complete_activity_task(self, task: ActivityTask, outcome: Outcome) -> bool:
        """Bring the outcome of a task; False, and nothing changes, if it is wanted no longer."""

    async def held_activity_tasks(self, worker: int) -> dict[int, bool]:
        """The numbers of the tasks that a worker holds, and whether each is to stop."""

    async def return_activity_tasks(
        self, worker: int, numbers: Sequence[int], due: datetime
    ) -> None:
        """Let go of tasks that this worker holds, and did not harm; others get them from `due` on.

        It counts as no loss.
        """

    async def heartbeat(self, name: str, worker: int | None = None) -> int:
        """Register or renew a worker; 0 if it was struck off."""

    async def peers(self) -> list[Peer]:
        """All workers."""

    async def bury(self, worker: int, beat: int | None = None) -> int:
        """Strike a worker off and free what it held."""

    async def pause(self, paused: bool | None = None) -> bool:  # noqa: FBT001 - one word, one meaning
        """Set or read whether nothing further starts."""

    def subscribe(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Be told of changes made through this object."""

    def stirred(self) -> bool:
        """Whether somebody else may have written."""
