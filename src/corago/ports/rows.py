"""What a store takes and gives: the values of the Store port.

Instants are integers, microseconds since 1970 (`*_us`), durations too; JSON arrives and leaves as
bytes, untouched. `corago.ports.store` says what is done with them, and has all these names too.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from corago.core.commit import DocumentWrite

ALL_SEEN = 2**62
"""A `seen` that no inbox reaches: for writers that set a process aside, whatever has come."""


class Refusal(Enum):
    """Why a store did not append. Nothing of the item was written."""

    FENCED = "fenced"
    """Owner, epoch, position or a task is not what the writer believes; or the process is gone."""
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

    `path` tells it from the other tasks of its process. With an `activity`, workers may ask for it
    by that name, without its definition. Its limits: it must be taken by `start_by_us` and be done
    by `close_by_us`; from being taken, `run_us` may pass until it is done, and `beat_us` between
    one heartbeat and the next. `details` is what the heartbeats of an attempt before it said.
    """

    path: str
    queue: str
    due_us: int
    data: bytes
    activity: str = ""
    start_by_us: int | None = None
    close_by_us: int | None = None
    run_us: int | None = None
    beat_us: int | None = None
    details: bytes = b""


class Task(msgspec.Struct, frozen=True):
    """A task as it stands; usually in a worker's hands.

    `epoch` counts how often it was taken: the worker's fence; `losses` those who vanished with it.
    `details` is JSON, what the last heartbeat said, or empty. `expired` names the limit that ran
    out first (`schedule_to_start`, `schedule_to_close`, `start_to_close` or `heartbeat`), if one
    has. `owner` is the worker that holds it.
    """

    task: int
    epoch: int
    process_id: str
    sha: str
    path: str
    queue: str
    data: bytes
    losses: int = 0
    details: bytes = b""
    expired: str = ""
    owner: int | None = None


class StandingTask(msgspec.Struct, frozen=True):
    """A task as people look at it: where it stands, who has it, what may run out.

    It waits in its queue from `due_us` on, is held by `owner`, or, with neither, waits for somebody
    outside. `taken_us` is when it was last taken, `heard_us` when it was last heard of: then, or by
    a heartbeat since. At `expires_us`, the first of its limits runs out, or has, which is `limit`.
    """

    task: int
    epoch: int
    path: str
    queue: str
    activity: str = ""
    owner: int | None = None
    owner_name: str | None = None
    due_us: int | None = None
    taken_us: int | None = None
    heard_us: int | None = None
    losses: int = 0
    stops: bool = False
    details: bytes = b""
    expires_us: int | None = None
    limit: str = ""


class TaskClaims(msgspec.Struct, frozen=True):
    """The answer to a claim of tasks, and when the next one falls due (None: none waits).

    `now_us` is as in `Claims`.
    """

    taken: tuple[Task, ...]
    next_due_us: int | None
    now_us: int


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
    are to stop, or to be forgotten, before the new ones are put. `unbegun` are paths whose tasks
    nobody may have begun.

    `failures` says how many decisions have failed in a row. `tags` are the process's tags from now
    on. `renews` is the first event of the process's next run: it lets go of the lease as `parks`
    does, and leaves the process due at `at_us`, at position 1 of that run. What closes renews not.
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
    unbegun: tuple[str, ...] = ()
    failures: int = 0
    tags: tuple[str, ...] | None = None
    renews: bytes | None = None


class Arrived(msgspec.Struct, frozen=True):
    """A message in an inbox; `seq` rises in the order of arrival over the whole store."""

    seq: int
    at_us: int
    data: bytes


class Instance(msgspec.Struct, frozen=True):
    """A process's row, without its heavy texts.

    `failures` counts the decisions that have failed at this position, in a row.
    """

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
    failures: int = 0


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
    `now_us` is the instant of the answer by the store's clock.
    """

    taken: tuple[Loaded, ...]
    next_due_us: int | None
    now_us: int
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
