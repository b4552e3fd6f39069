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


class Definition(msgspec.Struct, frozen=True):
    """A definition: immutable.

    `document` is its canonical JSON, `sha` the SHA-256 of that in hexadecimal.
    """

    name: str
    version: int
    sha: str
    document: bytes
    id: int = 0


class NewProcess(msgspec.Struct, frozen=True):
    """A process to be born.

    `event` is its ProcessStarted; `input_sha` stands for workflow and canonical input.

    With `owner` (a worker's id) it is born leased to that worker; without, it is due at once.
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
    """

    process_id: str
    data: bytes
    key: str | None = None
    digest: str = ""
    reopens: bool = False


class Sent(msgspec.Struct, frozen=True):
    """What became of a message.

    `sent`, `repeated` (the same key and digest: not stored again), `conflict` (the same key,
    another digest), `closed` (with the status) or `absent`.
    """

    outcome: str
    status: str = ""
    seq: int = 0


class Fence(msgspec.Struct, frozen=True):
    """What the writer believes: checked in the very write."""

    instance: int
    run: int
    owner: int
    epoch: int
    position: int


class Append(msgspec.Struct, frozen=True):
    """One transaction of one process.

    `events` take the positions after the fence's; `status` is the row's new status; `consumed` is
    the inbox sequence number up to which messages were taken, `seen` the highest that the writer
    knew of. With `parks` the lease is released and the process is due at `due_us` (None: only a
    message wakes it); with `closes` too, and it is due never. `snapshot` replaces the kept one
    and stands at the position after the events. `external` replaces the external store's text.
    `seize` takes the process whoever holds it: owner and epoch of the fence are not checked,
    position is; the epoch rises, so that the holder is fenced.
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
    """What a listener is told: a process got a `message`, became `runnable`, or `closed`."""

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
        An append that neither parks nor closes keeps the lease.
        """

    async def claim(self, worker: int, definitions: Sequence[int], limit: int) -> Claims:
        """Lease due processes of these definitions to a worker, longest due first.

        They come with all that a turn needs.

        [C19] Only processes without owner, due now, of these definitions, at most `limit`; each
        gets the owner, epoch + 1 and status `running` (a `failed` one keeps its status). [C20] No
        process is claimed twice without having been let go. [C21] `lost_owner` is told to the
        claimant once. [C22] While paused, nothing is claimed.
        """

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
        `lost_owner`, in one transaction; gives how many.
        """

    async def pause(self, paused: bool | None = None) -> bool:  # noqa: FBT001 - one word, one meaning
        """Set (or with None read) whether the store is paused.

        It holds for all workers and across restarts.
        """

    async def document(self, kind: str, id: str) -> list[DocumentVersion]:
        """Every version of a document, oldest first; empty if there is none."""

    def subscribe(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Be told, on the event loop, after commits made through this object.

        Gives the way to stop it.
        """

    def stirred(self) -> bool:
        """Whether another object may have written since this was last asked.

        Cheap, never blocks.
        """
