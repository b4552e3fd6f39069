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

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Protocol

import msgspec

from corago.core.commit import DocumentWrite

ALL_SEEN = 2**62
"""A `seen` that no inbox reaches: for writers that set a process aside, whatever has come."""


class Refusal(Enum):
    """Why a store did not append. Nothing of the item was written."""

    FENCED = "fenced"
    """Owner, epoch or position is no longer what the writer believes; or the process is gone."""
    MORE_MESSAGES = "more messages"
    """The commit parks or closes, but messages have come that it has not seen."""
    DOCUMENT_CONFLICT = "document conflict"
    """A document's version is not the expected one."""
    CHILD_EXISTS = "child exists"
    """A process of a child's id is there already."""


class Definition(msgspec.Struct, frozen=True):
    """A definition: immutable.

    `document` is its canonical JSON, `sha` the SHA-256 of that in hexadecimal.
    """

    name: str
    version: int
    sha: str
    document: bytes
    id: int = 0


class Blob(msgspec.Struct, frozen=True):
    """A large value beside the rows; `sha` is the SHA-256 of `data`, in hexadecimal."""

    sha: str
    data: bytes


class NewProcess(msgspec.Struct, frozen=True):
    """A process to be born.

    `event` is its ProcessStarted; `input_sha` stands for workflow and canonical input.

    With `owner` (a worker's id) it is born leased to that worker; without, it is due at once.
    `blobs` are the large values that its texts refer to.
    """

    process_id: str
    definition_id: int
    input_sha: str
    event: bytes
    at_us: int
    external: bytes = b"{}"
    tags: tuple[str, ...] = ()
    parent: str | None = None
    owner: int | None = None
    blobs: tuple[Blob, ...] = ()


class Born(msgspec.Struct, frozen=True):
    """The answer to a start.

    `is_new`, or whether the process that was there `is_same` (definition name and input_sha).
    """

    is_new: bool
    is_same: bool = True
    instance: int = 0
    epoch: int = 0


class Outgoing(msgspec.Struct, frozen=True):
    """A message for an inbox.

    `digest` stands for its content where it has a `key`; `reopens` lets it into a failed process.
    `blobs` are the large values that `data` refers to.
    """

    process_id: str
    data: bytes
    key: str | None = None
    digest: str = ""
    reopens: bool = False
    blobs: tuple[Blob, ...] = ()


class Sent(msgspec.Struct, frozen=True):
    """What became of a message.

    `sent`, `repeated` (the same key and digest: not stored again), `conflict` (the same key,
    another digest), `closed` (with the status) or `absent`.
    """

    outcome: str
    status: str = ""
    seq: int = 0


class Fence(msgspec.Struct, frozen=True, gc=False):
    """What the writer believes: checked in the very write.

    `owner` None means that nobody holds the process.
    """

    instance: int
    run: int
    owner: int | None
    epoch: int
    position: int


class NewTask(msgspec.Struct, frozen=True):
    """An activity for any worker of a queue: one attempt, due at `due_us`; `data` is JSON.

    `path` tells it from the other tasks of its process.
    """

    path: str
    queue: str
    due_us: int
    data: bytes


class Task(msgspec.Struct, frozen=True):
    """A task in a worker's hands.

    `epoch` counts how often it was taken: the worker's fence; `losses` those who vanished with it.
    """

    task: int
    epoch: int
    process_id: str
    sha: str
    path: str
    queue: str
    data: bytes
    losses: int = 0


class TaskClaims(msgspec.Struct, frozen=True):
    """The answer to a claim of tasks, and when the next one falls due (None: none waits)."""

    taken: tuple[Task, ...]
    next_due_us: int | None


class Append(msgspec.Struct, frozen=True, gc=False):
    """One transaction of one process.

    `events` take the positions after the fence's; `status` is the row's new status; `consumed` is
    the inbox sequence number up to which messages were taken, `seen` the highest that the writer
    knew of. With `parks` the lease is released and the process is due at `due_us` (None: only a
    message wakes it); with `closes` too, and it is due never. `snapshot` replaces the kept one
    and stands at the position after the events. `external` replaces the external store's text.
    `seize` takes the process whoever holds it: owner and epoch of the fence are not checked,
    position is; the epoch rises, so that the holder is fenced. Written by nobody (an `owner` of
    None) and neither parking nor closing, it leaves the process without owner and due as it was,
    or due at `at_us` if it was seized from somebody.

    `definition` is the id of the definition that it follows from now on; `unfit` that of one which
    it does not fit as it stands; `lost_owner` is told to the next claimant, as by `bury`.

    `births` are its children, `sends` messages for other processes, `blobs` the large values that
    its texts refer to. `tasks` are put into queues; `cancels` and `drops` are paths of tasks that
    are to stop, or to be forgotten, before the new ones are put.
    """

    fence: Fence
    at_us: int
    status: str
    events: tuple[bytes, ...] = ()
    consumed: int = 0
    seen: int = 0
    parks: bool = False
    closes: bool = False
    due_us: int | None = None
    snapshot: bytes | None = None
    snapshot_tag: str = ""
    external: bytes | None = None
    documents: tuple[DocumentWrite, ...] = ()
    seize: bool = False
    definition: int | None = None
    unfit: int | None = None
    lost_owner: str | None = None
    births: tuple[NewProcess, ...] = ()
    sends: tuple[Outgoing, ...] = ()
    blobs: tuple[Blob, ...] = ()
    tasks: tuple[NewTask, ...] = ()
    cancels: tuple[str, ...] = ()
    drops: tuple[str, ...] = ()


class Arrived(msgspec.Struct, frozen=True):
    """A message in an inbox; `seq` rises in the order of arrival over the whole store."""

    seq: int
    at_us: int
    data: bytes


class Instance(msgspec.Struct, frozen=True):
    """A process's row, without its heavy texts."""

    instance: int
    process_id: str
    run: int
    definition_id: int
    workflow: str
    version: int
    sha: str
    status: str
    position: int
    epoch: int
    owner: int | None
    owner_name: str | None
    consumed: int
    inbox_head: int
    due_us: int | None
    created_us: int
    updated_us: int
    tags: tuple[str, ...] = ()
    parent: str | None = None
    unfit: int | None = None


class Loaded(msgspec.Struct, frozen=True):
    """All that is needed to take a process up.

    Its row, its snapshot, the events after it, its inbox.

    `lost_owner` names the worker that held it and vanished, until somebody claims it.
    """

    row: Instance
    snapshot: bytes | None
    snapshot_tag: str
    events: tuple[bytes, ...]
    messages: tuple[Arrived, ...]
    external: bytes = b"{}"
    lost_owner: str | None = None


class Claims(msgspec.Struct, frozen=True):
    """The answer to a claim.

    The processes, and when the next one of the asked definitions falls due (None: none waits).
    """

    taken: tuple[Loaded, ...]
    next_due_us: int | None
    paused: bool = False


class Query(msgspec.Struct, frozen=True):
    """Which processes: all given conditions hold.

    `after` is the id of the last process of the page before.
    """

    workflow: str | None = None
    status: str | None = None
    tag: str | None = None
    since_us: int | None = None
    until_us: int | None = None
    limit: int = 100
    after: str | None = None
    owner: int | None = None


class Peer(msgspec.Struct, frozen=True):
    """A worker's row.

    `is_dead`: True if its death is proven (a free file lock), False if its life is, None if
    unknown.
    """

    id: int
    name: str
    beat: int
    is_dead: bool | None = None


class DocumentVersion(msgspec.Struct, frozen=True):
    """One version of a document, with who, when, which process and which event wrote it."""

    kind: str
    id: str
    version: int
    data: bytes
    at_us: int
    actor: str | None
    process_id: str
    position: int


class Change(msgspec.Struct, frozen=True):
    """What a listener is told.

    A process got a `message`, became `runnable`, or `closed`; or its tasks changed (`task`).
    """

    kind: str
    process_id: str


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
        one that nobody holds then stands in the queue of the empty name, due at once. `drops` and
        closing remove them.
        """

    async def claim(
        self,
        worker: int,
        definitions: Sequence[int],
        limit: int,
        heirs: Sequence[tuple[int, int]] = (),
    ) -> Claims:
        """Lease due processes of these definitions to a worker, longest due first.

        They come with all that a turn needs. A pair in `heirs` is an older definition and the one
        that follows it: its processes are taken too, [C32] unless their row's `unfit` is that
        follower or a later one (a higher id).

        [C19] Only processes without owner, due now, of these definitions, at most `limit`; each
        gets the owner, epoch + 1 and status `running` (a `failed` one keeps its status). [C20] No
        process is claimed twice without having been let go. [C21] `lost_owner` is told to the
        claimant once. [C22] While paused, nothing is claimed.
        """

    async def claim_tasks(
        self, worker: int, queues: Sequence[str], definitions: Sequence[int], limit: int
    ) -> TaskClaims:
        """Lease due tasks of these queues and definitions to a worker, longest due first.

        [C33] Only tasks without owner, due now, and never one twice without its having been freed;
        while paused, none. Each comes with its epoch risen.
        """

    async def complete_task(
        self, task: Task, worker: int, outcome: bytes, blobs: Sequence[Blob] = ()
    ) -> bool:
        """Take a task out and put its outcome into its process's inbox, in one transaction.

        `blobs` are the large values that the outcome refers to.

        [C34] False, and nothing is written, when the task is gone or no longer this worker's in
        this epoch; when its process is closed, it is only taken out.
        """

    async def return_tasks(self, worker: int, numbers: Sequence[int], due_us: int) -> None:
        """Let go of those of these tasks that the worker holds, unharmed; they are due at `due_us`.

        [C35] Those that are to stop as in [C31]; no loss is counted.
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
        self, process_id: str, after: int = 0, limit: int | None = None
    ) -> list[bytes]:
        """Recorded events with a position above `after`, in order; empty for an unknown process."""

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
