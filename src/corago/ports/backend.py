"""The port that runs processes, shaped like Amazon SWF.

Start, send, describe, and poll and respond for decision tasks and activity tasks.

Turns and engines speak only this. Each clause of the contract carries a number, `[B..]`; the suite
in `corago.testing.backend_suite` names them, and a table maps each to a mutant that its checks
catch. Errors everywhere: StoreUnavailableError (try again) and its kin.

[B72] Values come back as they went: inputs, results, data and details are JSON, names any text.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec

from corago.clock import Clock
from corago.core.commit import Commit
from corago.core.events import Event, ProcessStarted
from corago.core.history import History
from corago.core.messages import ChildRefused, Inbound, Outcome
from corago.core.process import Process
from corago.core.program import Program, Snapshot
from corago.core.tasks import ActivityTask, DecisionTask, Hold, Mail
from corago.ports.capability import Capability
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


class OpenActivity(msgspec.Struct, frozen=True):
    """A queued attempt as it stands, for people to look at.

    It waits in its queue from `due` on, the worker `owner` has it, or, with neither, it waits for
    its completion from outside, by its `token`. `taken` is when it was last taken, `heard` when it
    was last heard of since, and `details` what was said then. At `expires`, its `limit` runs out.
    """

    path: str
    queue: str
    token: str
    activity: str = ""
    owner: str | None = None
    due: datetime | None = None
    taken: datetime | None = None
    heard: datetime | None = None
    details: Any = None
    expires: datetime | None = None
    limit: str = ""
    losses: int = 0
    stops: bool = False


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

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What this backend can do of what not every backend can.

        [B71] Whatever needs another one raises NotSupportedError, which names it, and writes
        nothing; what needs one of these is not refused.
        """

    @property
    def clock(self) -> Clock:
        """The calendar by which all instants go that this port takes and gives.

        [B77] That of who keeps the data, on whatever machine, and not that of this one: it is what
        the answers to polls have told of it, and no poll gives what is not due by it yet.
        """

    async def open(self) -> None:
        """Make ready.

        [B01] What was answered is durable: it is found when the data are opened again, and by other
        objects on the same data at once.
        """

    async def close(self) -> None:
        """Let go."""

    async def define(self, definition: Definition, program: Program[Any]) -> Definition:
        """Make a definition known, with the program that runs it; gives it with its id.

        [B02] The same (name, version, document) again gives the same id; definitions never change.
        """

    def program(self, definition: Definition) -> Program[Any]:
        """The program of a definition that `define` or `latest` gave.

        [B04] Where the code is not here, it is made of the document alone.
        """

    async def newest(self, name: str, version: int | None = None) -> Definition | None:
        """The newest stored definition of a name, and version if one is given.

        [B03] The one that was defined last, by whomever; None of an unknown name or version.
        """

    async def definition(self, name: str, sha: str) -> Definition | None:
        """A stored definition of a name by its digest: one that some process has followed, perhaps.

        [B76] By whomever it was defined; None of one that is not there.
        """

    async def adopt(self, description: Description, to: Definition, commit: Commit) -> bool:
        """Let a process that nobody holds follow another definition; False if it has moved on.

        [B06] Its event is written and it is due for the workers of its new definition; one that is
        held, or has another position than described, is left as it is.
        """

    def follower(self, sha: str) -> Definition | None:
        """The definition of this engine that follows an older one of the same workflow.

        [B05] That is a later one of the same version, or of any if its program has `needs`. Its
        workers are given the processes of the older, which say what they follow; a commit that
        adopts moves them on.
        """

    async def latest(self, name: str) -> Definition | None:
        """The newest definition of a name, for clients without code.

        Of those that this engine has the code of, or else [B03] the newest stored one.
        """

    async def start(self, start: Start) -> Started:
        """Start a process; durable on return.

        [B07] ProcessStarted stands at position 1 and tells all of the start, at the clock's
        instant. [B08] A known id starts nothing, whatever became of its process; `is_same` tells
        whether the workflow's name and the input agree. [B09] With an `owner`, it is in that
        worker's hands, with a task, and nobody else's. [B10] Without, it is `created` and due at
        once. [B74] When its `timeout` has passed, it is due, and times out; what came before goes
        before.
        """

    async def send(self, process_id: str, message: Inbound, *, reopens: bool = False) -> None:
        """Put a message in the inbox; durable on return.

        [B11] Messages wait in the order of their coming, and make a process due at once that nobody
        holds. [B12] One for an ended process is refused, and changes nothing; [B14] but one that
        `reopens` is let into a failed process, which goes on once it has taken that in. [B13] A key
        names one message of a process for ever: the same again is not stored, another is refused.
        [B15] The clock's instant of the coming stays with it: a timer that was due before goes
        before. [B47] Updates change the external store when they are taken in. Raises
        ProcessNotFoundError, ProcessClosedError, SignalKeyError.
        """

    async def abort(
        self, process_id: str, actor: str | None, reason: str | None
    ) -> tuple[Process, Event]:
        """End a process by force, whoever holds it; needs no program.

        [B16] The end is written at once, before messages that wait; holders of the process and of
        its tasks are fenced. [B17] Its children go by their policies, and its parent is told.
        [B18] On an ended process, but for a failed one, raises CommandRefusedError. Gives its end,
        and the event that was written.
        """

    async def describe(self, process_id: str) -> Description:
        """A process as it is now.

        [B19] Status, holder and waiting messages included; looking changes nothing. [B22] Raises
        ProcessNotFoundError for an unknown id, as `send`, `abort`, `ended` and `history` do.
        """

    async def ended(self, process_id: str) -> Process | None:
        """How a process ended; None while it is open, or a command to reopen it waits.

        [B20] With status, result and error. Raises ProcessNotFoundError.
        """

    async def history(self, process_id: str) -> History:
        """All recorded events of the present run. Raises ProcessNotFoundError.

        [B21] Oldest first, each as it was recorded, with positions from 1 and without gaps.
        """

    async def events(self, process_id: str, after: int = 0, run: int | None = None) -> list[Event]:
        """The events above a position, of the present run or another; none of an unknown one.

        As in [B21].
        """

    async def find(self, query: Query) -> list[Instance]:
        """A page of rows, newest first.

        [B23] All conditions hold; what was written before is found; pages neither repeat nor miss.
        [B25] Each of a process's tags finds it: those of its start, its birth, or its latest run.
        """

    async def count(self, query: Query) -> dict[str, int]:
        """How many processes by status.

        [B24] Those for which the query's conditions hold, whatever its page.
        """

    async def poll_decision_tasks(
        self, worker: int, shas: Sequence[str], limit: int, *, lease: timedelta | None = None
    ) -> Polled:
        """Lease due processes of these definitions; `limit` 0 only looks.

        [B26] Only those that are due and nobody's, at most `limit`, longest due first. [B27] None
        is given twice without having been let go. [B28] A task has all that a turn needs: program,
        snapshot, messages in their order. [B29] `next_due` is the next instant at which to come
        again, or one that has passed when more is due. [B30] While paused, nothing is given.

        [B31] With a `lease`, whoever polls after it takes the task over, unless it was completed:
        he is told of the loss as in [B66], and the former holder is fenced.
        """

    async def resume(self, process_id: str, worker: int) -> DecisionTask | None:
        """The task of a process that this worker holds; None if it does not hold it (any more).

        [B32] As it is now.
        """

    async def mail(self, task: DecisionTask) -> tuple[Mail, ...]:
        """The messages that came after the last one seen.

        [B33] In their order; none twice.
        """

    async def complete_decision_task(
        self, task: DecisionTask, commit: Commit, hold: Hold, *, consumed: int, seen: int
    ) -> DecisionTask | Refusal | ChildRefused:
        """Write a commit.

        Gives the task as it goes on (or was let go), or why nothing was written. `consumed` is the
        place of the last message that it takes in, `seen` of the last that it knows of.

        [B34] It is written whole or not at all: events, tasks, children, messages, documents.
        [B35] FENCED unless the task is the present one: nobody has taken the process since, nothing
        was written since, it has not ended. [B36] MORE_MESSAGES if it lets go of the process while
        some are unseen. [B37] With `hold.keeps` the process stays this worker's; else it is
        nobody's, due at `hold.due`, or when a message comes. [B38] Messages that were taken in are
        gone, others stay. [B39] An ended process is never due, its tasks are gone, its status is
        that of its end. [B75] A definition that does not fit, `hold.unfit`, gets the process no
        more, before an event is written.

        [B40] Children are started as by `start`, of the newest definition of their workflow, with
        their parent. [B41] ChildRefused says of the first that can't be: its workflow is unknown,
        its input unfit, its id taken. [B42] Messages go to other processes as by `send`, in their
        order, those about ends among them: to the parent, and to children by their policies. What
        is absent or ended there is dropped without a word. [B43] `commit.renews` begins the next
        run: its history begins anew, the former one can still be read; timers and tasks are gone,
        messages stay, tags are replaced; it is due at once and has not ended. [B44] A document
        write needs the version that it expects, else DOCUMENT_CONFLICT. [B45] `hold.failures` is
        told to who takes the process next, until an event is written. [B46] `queued` attempts are
        due for their queues after their delay.
        """

    async def poll_activity_tasks(
        self,
        worker: int,
        queues: Sequence[str],
        shas: Sequence[str],
        limit: int,
        *,
        leaving: Collection[str] = (),
        activities: Collection[str] | None = (),
    ) -> PolledActivities:
        """Lease due tasks of these queues, and of definitions that these are, or follow.

        [B48] Of the latter, those `leaving` names are left to others; of deciders, also those of
        these `activities` by name (None: of any). At most `limit`, longest due first. [B49] None is
        given twice without having been freed; while paused, none. [B50] A task has all that its
        worker needs: process, attempt, token. [B51] `next_due` is as in [B29], and knows when
        limits run out. [B52] What is to stop and nobody's stands in the queue of the empty name,
        due at once.

        [B60] What has run into a limit comes too, whatever is asked for, `expired` says into which
        first, and its former holder is late. It is not to run: its outcome is an ActivityTimedOut.
        Who loses it leaves it so for the next. [B56] schedule_to_start runs until the attempt is
        taken, [B57] start_to_close from then on, each attempt anew, [B58] schedule_to_close over
        all attempts and the waits between them, [B59] heartbeat from being taken, and from each
        heartbeat on.
        """

    async def complete_activity_task(self, task: ActivityTask, outcome: Outcome) -> bool:
        """Bring the outcome of a task; False, and nothing changes, if it is wanted no longer.

        [B53] It is a message for the process, as it was brought, and the task is gone. It is late
        when it was brought before, when another one has the task or it has run out, and when the
        process or its run has ended.
        """

    async def heartbeat_activity_task(
        self, task: ActivityTask, details: Any, *, says: bool
    ) -> bool | None:
        """Say that a task is alive: whether it is to stop; None if it is wanted no longer.

        [B54] None is as False of `complete_activity_task`: nothing changes. [B55] Where it `says`
        something, these are its details from here on, for whoever has it next, and in the outcome
        also for the next attempt.
        """

    async def detach_activity_task(self, task: ActivityTask) -> bool:
        """Let go of a task that will be completed from outside; False if it is wanted no longer.

        [B61] It is nobody's, and nobody is given it; its limits hold, and it ends with its process.
        False, and nothing changes, for who does not hold it.
        """

    async def find_activity_task(self, token: str) -> ActivityTask | None:
        """The task that a token names, to be completed like any other; None if it is over.

        [B62] It is over as well when somebody else has taken it since.
        """

    async def open_activities(self, process_id: str) -> list[OpenActivity]:
        """The queued attempts of a process that are open, oldest first.

        [B73] As they stand: waiting, held by whom, or detached; what they said, and what runs out.
        """

    async def held_activity_tasks(self, worker: int) -> dict[int, bool]:
        """The numbers of the tasks that a worker holds, and whether each is to stop.

        [B63] All of them, and no others.
        """

    async def return_activity_tasks(
        self,
        worker: int,
        numbers: Sequence[int],
        due: datetime,
        start_by: Mapping[int, datetime] = {},
    ) -> None:
        """Let go of tasks that this worker holds, and did not harm; others get them from `due` on.

        [B64] It counts as no loss; those of others stay as they are. Those in `start_by` were not
        begun, and must be taken by then.
        """

    async def heartbeat(self, name: str, worker: int | None = None) -> int:
        """Register or renew a worker; 0 if it was struck off.

        [B65] Each registration gives another id; each renewal raises the worker's beat.
        """

    async def peers(self) -> list[Peer]:
        """All workers.

        [B68] Those that are registered and were not struck off.
        """

    async def bury(self, worker: int, beat: int | None = None) -> int:
        """Strike a worker off and free what it held, if its beat is still this one (if given).

        [B66] Its processes are due at once, gives how many; who takes one is told the worker's name
        as `lost_owner`, once, unless `hold.lost_owner` says it again. [B67] Its tasks are due at
        once, with one loss more; those that are to stop, as in [B52].
        """

    async def pause(self, paused: bool | None = None) -> bool:  # noqa: FBT001 - one word, one meaning
        """Set or read whether nothing further starts.

        It holds for all, and over restarts; what has started, and what comes, is taken in [B30].
        """

    def subscribe(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Be told of changes made through this object; gives the way to stop.

        [B69] Of processes that are due, messages for one that is held, tasks, and ends.
        """

    def stirred(self) -> bool:
        """Whether somebody else may have written.

        [B70] What another object wrote is told to listeners, or stirs.
        """
