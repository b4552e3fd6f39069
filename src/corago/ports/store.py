"""The port of the local backend's data.

A store keeps rows; it knows no door, no program and no event kind.

Instants are integers, microseconds since 1970 (`*_us`); JSON arrives and leaves as bytes,
untouched. Each clause of the contract carries a number, `[C..]`; the suite in
`corago.testing.store_suite` names them, and a table maps each to a mutant that its checks catch.

Errors, everywhere: StoreUnavailableError (try again), StoreFullError, StoreCorruptError. An
operation that raises has changed nothing, except that the answer of a commit may be lost; then
`load` tells.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from corago.ports.rows import (
    ALL_SEEN,
    Append,
    Arrived,
    Blob,
    Born,
    Change,
    Claims,
    Definition,
    DocumentVersion,
    Fence,
    Instance,
    Loaded,
    NewProcess,
    NewTask,
    Outgoing,
    Peer,
    Query,
    Refusal,
    Sent,
    StandingTask,
    Task,
    TaskClaims,
)

__all__ = [
    "ALL_SEEN",
    "Append",
    "Arrived",
    "Blob",
    "Born",
    "Change",
    "Claims",
    "Definition",
    "DocumentVersion",
    "Fence",
    "Instance",
    "Loaded",
    "NewProcess",
    "NewTask",
    "Outgoing",
    "Peer",
    "Query",
    "Refusal",
    "Sent",
    "StandingTask",
    "Store",
    "Task",
    "TaskClaims",
]


class Store(Protocol):
    """Keeps what the local backend needs.

    One object may serve one event loop; several objects, one database.
    """

    async def open(self) -> None:
        """Make ready; create or migrate what is missing.

        [C01] Opening an existing store keeps what is in it.
        """

    async def close(self) -> None:
        """Let go of everything; what was answered stays. Later calls raise EngineClosedError."""

    async def define(self, definition: Definition) -> int:
        """Keep a definition and give its id.

        [C02] The same (name, version, sha) again gives the same id; rows are never changed.
        """

    async def definitions(self, name: str | None = None) -> list[Definition]:
        """Definitions, oldest first; of one name if given."""

    async def start(self, new: NewProcess) -> Born:
        """Create a process with its first event at position 1.

        [C03] Durable on return. [C04] A known process_id creates nothing; `is_same` tells whether
        name of the definition and input_sha agree. [C05] Born leased: epoch 1, owner set, status
        `running`, not claimable; else epoch 0, no owner, status `created`, due at `at_us`.
        """

    async def send(self, message: Outgoing) -> Sent:
        """Put a message into an inbox.

        [C06] Durable on return, in arrival order; raises the row's `inbox_head` and, when nobody
        holds the process, makes it due at once, in the same transaction. [C07] Refused when the
        process is closed, unless it is `failed` and the message `reopens`. [C08] The same key and
        digest again stores nothing; the same key with another digest is a conflict. Keys outlive
        the messages. [C09] The store's clock stamps the arrival.
        """

    async def append(self, append: Append) -> Refusal | None:
        """Write one commit, whole or not at all; None means written and durable.

        [C10] owner, epoch, run and position must be those of the row (but see `seize`). [C11]
        Events get the following positions, without gaps. [C12] `parks` or `closes` with `seen`
        below `inbox_head` is refused. [C13] Parking releases the lease and sets `due_us`; a closed
        process is never due. [C14] Consumed messages leave the inbox, others stay. [C15] A
        snapshot replaces the older one. [C16] A document write needs the expected version, and
        keeps every version with process, position and actor; one conflict refuses the whole item.
        [C17] In a batch each item is accepted or refused alone. [C18] `seize` fences the holder.
        An append that neither parks nor closes keeps the lease. [C26] `definition` replaces the
        row's definition. [C27] `births` are started as by `start`, without an owner; one whose id
        is known refuses the whole item. [C28] `sends` are put into inboxes as by `send`, when the
        row is written and the children are born; what is absent or closed there, or was sent
        before, is dropped without a word. [C29] `unfit` stays with the row until the next append
        that writes events or says another. [C30] Blobs, those of starts and messages too, are
        kept once each, and whole, in the transaction of what brings them; what is refused or
        dropped brings none. [C31] `tasks` are due for their queues; a path that has a task gets
        the new one in its place, and whoever works at the old one is fenced. `cancels` mark tasks;
        one that waits then stands in the queue of the empty name, due at once. `drops` and closing
        remove them. [C36] `failures` stays with the row until the next append that writes events
        or says another. [C37] `renews` begins the next run: after `events`, which end the old one,
        run + 1 has that event at position 1, and no snapshot and no task; inbox and keys stay. It
        lets go like parking: refused if messages are unseen, due at `at_us`. [C38] `tags` replace
        the row's tags. [C50] A task of a path in `unbegun` that somebody has, or vanished with,
        refuses the whole item as FENCED; one that is not there does not.
        """

    async def claim(
        self,
        worker: int,
        definitions: Sequence[int],
        limit: int,
        heirs: Sequence[tuple[int, int]] = (),
        until_us: int | None = None,
    ) -> Claims:
        """Lease due processes of these definitions to a worker, longest due first.

        They come with all that a turn needs. A pair in `heirs` is an older definition and the one
        that follows it: its processes are taken too, [C32] unless their row's `unfit` is that
        follower or a later one (a higher id).

        [C19] Only processes without owner, due now, of these definitions, at most `limit`; each
        gets the owner, epoch + 1 and status `running` (a `failed` one keeps its status). [C20] No
        process is claimed twice without having been let go. [C21] `lost_owner` is told to the
        claimant once. [C22] While paused, nothing is claimed. [C39] A lease with `until_us` ends
        at that instant: the next claim, whoever's, then lets the process go, as `bury` would, due
        since that instant; until then its holder may write. Letting go and `seize` forget
        `until_us`, another claim sets its own. `next_due_us` knows the next such end. [C49]
        `now_us` is the store's instant: what was due by then is what came, and every message that
        is stamped earlier is in what came.
        """

    async def claim_tasks(
        self,
        worker: int,
        queues: Sequence[str],
        definitions: Sequence[int],
        limit: int,
        activities: Sequence[str] | None = (),
    ) -> TaskClaims:
        """Lease due tasks of these queues and definitions to a worker, longest due first.

        [C33] Only tasks without owner, due now, and never one twice without its having been freed;
        while paused, none. Each comes with its epoch risen. [C40] Tasks of these `activities`
        (None: of any; never those without one) come whatever their definition.

        [C41] From the instant on at which the first of its limits runs out, a task is expired, and
        stays so. Before it is first taken that is its `start_by_us` or `close_by_us`; while it is
        held or detached its `close_by_us`, `run_us` after it was taken, or `beat_us` after that or
        its last heartbeat; while it waits again its `close_by_us`. Of equal instants, the limit
        that is named first here counts. [C42] Expired tasks come to any worker, whoever holds
        them, with that limit in `expired`, as if due since that instant; freed by `bury` or
        `return_tasks`, they are due to any worker, too. `next_due_us` knows the next expiry,
        `now_us` is as in [C49].
        """

    async def complete_task(
        self, task: Task, worker: int | None, outcome: bytes, blobs: Sequence[Blob] = ()
    ) -> bool:
        """Take a task out and put its outcome into its process's inbox, in one transaction.

        `blobs` are the large values that the outcome refers to.

        [C34] False, and nothing is written, when the task is gone or no longer this worker's in
        this epoch; when its process is closed, it is only taken out. [C43] False, too, once it has
        expired, but for a worker that took it then.
        """

    async def heartbeat_task(
        self, task: Task, worker: int | None, details: bytes | None = None
    ) -> bool | None:
        """Tell of a task that it goes on; gives whether it is to stop [C31].

        [C44] `beat_us` begin anew, and no other limit. `details`, unless None, replace the task's,
        durably; they stay with it when it is freed. None, and nothing is written, where
        `complete_task` gives False.
        """

    async def detach_task(self, task: Task, worker: int) -> bool:
        """Let go of a task that will be completed from outside.

        [C45] It stays in its epoch, with its limits, and is not due; a worker of None completes it
        and sends its heartbeats. `cancels` only mark it. Burying the worker leaves it alone. False,
        and nothing is written, when the worker does not hold it in this epoch or it is expired.
        """

    async def read_task(self, number: int) -> Task | None:
        """A task as it is now; None if it is gone.

        [C46] With its owner, and `expired` whether or not somebody has taken it since.
        """

    async def tasks_of(self, process_id: str) -> list[StandingTask]:
        """The tasks of a process as they stand, oldest first; none of an unknown process.

        [C48] With who holds each, since when, when it was last heard of, and what runs out first.
        """

    async def return_tasks(
        self,
        worker: int,
        numbers: Sequence[int],
        due_us: int,
        start_by_us: Mapping[int, int] = {},
    ) -> None:
        """Let go of those of these tasks that the worker holds, unharmed; they are due at `due_us`.

        [C35] Those that are to stop as in [C31]; no loss is counted. Those in `start_by_us` must be
        taken by then, as if nobody had taken them yet [C41].
        """

    async def held_tasks(self, worker: int) -> dict[int, bool]:
        """The ids of the tasks that a worker holds, and whether each is to stop [C31]."""

    async def blobs(self, shas: Sequence[str]) -> list[Blob]:
        """The blobs of these names, in no order; unknown ones are missing."""

    async def load(self, process_id: str) -> Loaded | None:
        """A process as it is now, without claiming it."""

    async def messages(self, instance: int, after: int) -> list[Arrived]:
        """The inbox's messages with a sequence number above `after`, in order."""

    async def events(
        self, process_id: str, after: int = 0, limit: int | None = None, run: int | None = None
    ) -> list[bytes]:
        """Recorded events with a position above `after`, in order; empty for an unknown process.

        [C47] Of this run, or of the one that it is at.
        """

    async def find(self, query: Query) -> list[Instance]:
        """A page of rows, newest first.

        [C23] Pages neither repeat nor miss rows that exist throughout.
        """

    async def count(self, query: Query) -> dict[str, int]:
        """How many processes the query's conditions hold for, by status.

        `limit` and `after` are ignored.
        """

    async def beat(self, name: str, worker: int | None = None) -> int:
        """Register a worker (without id) or renew it; gives its id.

        [C24] Every beat raises its counter. A worker that was buried gets 0: it must stop.
        """

    async def peers(self) -> list[Peer]:
        """All registered workers."""

    async def bury(self, worker: int, beat: int | None = None) -> int:
        """Strike a worker off, if its counter is still `beat`.

        None strikes it off whatever its counter is: for its own farewell.

        [C25] Its processes lose their owner, are due at once and remember its name as
        `lost_owner`, in one transaction; gives how many processes. Its tasks are due at once too,
        with one loss more; those that are to stop as in [C31].
        """

    async def pause(self, paused: bool | None = None) -> bool:  # noqa: FBT001 - one word, one meaning
        """Set (or with None read) whether the store is paused.

        It holds for all workers and across restarts.
        """

    async def document(self, kind: str, id: str) -> list[DocumentVersion]:
        """Every version of a document, oldest first; empty if there is none."""

    def subscribe(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Be told, on the loop, after commits made through this object; gives the way to stop."""

    def stirred(self) -> bool:
        """Whether another object may have written since this was last asked; never blocks."""
