"""The books on all work in queues: who has it since when, what he said, which limit runs out when.

They are kept by what was done at the store and what the docs promise, not by what the store says
of its rows. Whatever it answers otherwise is a fault, and so is a history that tells it otherwise.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import msgspec

from corago.core import codec
from corago.core import events as e
from corago.core import messages as m
from corago.core.history import History
from corago.ports.rows import Append, Task

SECOND = 1_000_000

LIMITS = ("schedule_to_start", "start_to_close", "schedule_to_close", "heartbeat_timeout")

Use = tuple[str, int, str, int]
"""What a process does at a place once: the process, its run, the path and the occurrence."""


@dataclass(slots=True)
class Work:
    """An attempt in a queue. Instants are those of the store's calendar."""

    use: Use
    attempt: int
    limits: Mapping[str, float]
    scheduled: int
    due: int
    details: Any
    number: int = 0
    holder: int | None = None
    epoch: int = 0
    taken: int | None = None
    heard: int | None = None
    losses: int = 0
    was_taken: bool = False
    start_by: int | None = None
    is_detached: bool = False
    is_stopped: bool = False
    expired: str = ""
    said: Any = None
    words: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        """It waits to be taken."""
        self.said = self.details
        self.start_by = self._after(self.due, "schedule_to_start")

    def _after(self, instant: int | None, limit: str) -> int | None:
        seconds = self.limits.get(limit)
        if instant is None or seconds is None:
            return None
        return instant + round(seconds * SECOND)

    @property
    def is_waiting(self) -> bool:
        """Whether it is anybody's."""
        return self.holder is None and not self.is_detached

    def first(self) -> tuple[int, str] | None:
        """Which of its limits runs out first as things stand, and when."""
        ends = [
            (self.start_by, "schedule_to_start"),
            (self._after(self.scheduled, "schedule_to_close"), "schedule_to_close"),
        ]
        if not self.is_waiting:
            ends += [
                (self._after(self.taken, "start_to_close"), "start_to_close"),
                (self._after(self.heard, "heartbeat_timeout"), "heartbeat"),
            ]
        set_ = [(at, name) for at, name in ends if at is not None]
        return min(set_, key=itemgetter(0), default=None)

    def ran_out(self, now: int) -> str:
        """Into which limit it has run."""
        first = self.first()
        if self.expired or first is None or first[0] > now:
            return self.expired
        return first[1]

    def let_go(self, now: int) -> None:
        """Nobody has it any more."""
        self.expired = self.ran_out(now)
        self.holder = self.taken = self.heard = None
        self.is_detached = False


@dataclass(slots=True)
class End:
    """An outcome that was taken, and when."""

    use: Use
    attempt: int
    result: Any
    details: Any
    at: int
    work: Work


@dataclass
class Books:
    """All of it; `room` is how many tasks a worker may have at a time (0: any number)."""

    now: Callable[[], int]
    room: int = 0
    is_set_back: bool = False
    faults: list[str] = field(default_factory=list)
    ends: list[End] = field(default_factory=list)
    decided: dict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))
    taken: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _open: dict[tuple[str, str], Work] = field(default_factory=dict)
    _scheduled: dict[Use, int] = field(default_factory=dict)
    _names: dict[int, str] = field(default_factory=dict)
    _beats: dict[int, int] = field(default_factory=dict)
    _may_repeat: bool = False

    def hear(self, call: str, arguments: tuple[Any, ...], answer: Any, *, may_repeat: bool) -> None:
        """Something was done at the store, and nothing since.

        Who has not heard an answer `may_repeat` what he said.
        """
        self._may_repeat = may_repeat
        entry = getattr(self, f"_on_{call}", None)
        if entry is not None:
            entry(answer, *arguments)

    def find(self, process_id: str, text: str) -> None:
        """Note what is wrong."""
        self.faults.append(f"{process_id}: {text}")

    def open_works(self) -> Iterable[Work]:
        """All work that stands in queues, or is in somebody's hands."""
        return self._open.values()

    # -- processes ---------------------------------------------------------------------------

    def _on_claim(self, claims: Any, worker: int, *_: Any) -> None:
        for loaded in claims.taken:
            self._names[loaded.row.instance] = loaded.row.process_id
            self.taken[loaded.row.process_id] = loaded.row.epoch
        self._check_room(worker)

    def _on_append(self, refusal: Any, append: Append) -> None:
        name = self._names.get(append.fence.instance)
        if refusal is not None or name is None:
            return
        if append.events and not append.seize:
            self.decided[name, append.fence.epoch] += 1
        if append.closes or append.renews is not None:
            for place in [each for each in self._open if each[0] == name]:
                del self._open[place]
            return
        for path in append.drops:
            self._open.pop((name, path), None)
        for path in append.cancels:
            work = self._open.get((name, path))
            if work is not None:
                work.is_stopped = True
        for new in append.tasks:
            self._open[name, new.path] = self._put(name, append, new)

    def _put(self, name: str, append: Append, new: Any) -> Work:
        told = msgspec.json.decode(new.data)
        attempt, process = told["attempt"], told["process"]
        use = name, process.get("run", 1), new.path, attempt["occurrence"]
        item = attempt["input"].get("input") or {}
        if attempt["attempt"] == 1:
            self._scheduled[use] = append.at_us
        limits = item.get("limits", {})
        details = attempt.get("details")
        scheduled = self._scheduled.get(use, append.at_us)
        return Work(use, attempt["attempt"], limits, scheduled, new.due_us, details)

    # -- work --------------------------------------------------------------------------------

    def _on_claim_tasks(self, claims: Any, worker: int, *_: Any) -> None:
        now = self.now()
        for task in claims.taken:
            work = self._open.get((task.process_id, task.path))
            if work is None or worker not in self._beats:
                self.find(task.process_id, f"{task.path} was given to {worker}, and is over")
                continue
            self._take(work, worker, task, now)
        self._check_room(worker)

    def _take(self, work: Work, worker: int, task: Task, now: int) -> None:
        expired, name = work.ran_out(now), work.use[0]
        if not expired and (not work.is_waiting or work.due > now) and not work.is_stopped:
            self.find(name, f"{task.path} was given away, and was not to be had")
        if task.expired != expired:
            self.find(name, f"{task.path} ran into {expired!r}, and not into {task.expired!r}")
        said = msgspec.json.decode(task.details) if task.details else work.details
        if said != work.said:
            self.find(name, f"{task.path} was said to be at {work.said!r}, and not at {said!r}")
        if task.losses != work.losses:
            self.find(name, f"{task.path} has {work.losses} losses, and not {task.losses}")
        work.expired, work.is_detached, work.start_by = expired, False, None
        work.number, work.holder, work.epoch = task.task, worker, task.epoch
        work.taken = work.heard = now

    def _found(self, task: Task, worker: int | None) -> Work | None:
        """What may be ended or kept alive by this worker; None if he is late."""
        work = self._open.get((task.process_id, task.path))
        if work is None or (work.number, work.epoch) != (task.task, task.epoch):
            return None
        is_his = work.is_detached if worker is None else work.holder == worker
        return work if is_his and work.ran_out(self.now()) == work.expired else None

    def _judge(self, task: Task, worker: int | None, verb: str, *, is_taken: bool) -> Work | None:
        work = self._found(task, worker)
        if (work is not None) is not is_taken:
            answer = "taken" if is_taken else "refused"
            self.find(task.process_id, f"{task.path} was {verb} by {worker}, and that was {answer}")
        return work if is_taken else None

    def _on_complete_task(
        self, is_taken: Any, task: Task, worker: int | None, outcome: bytes, *_: Any
    ) -> None:
        work = self._judge(task, worker, "ended", is_taken=is_taken)
        told = codec.decode_message(outcome)
        if work is None or not isinstance(told, m.Outcome):
            return
        del self._open[task.process_id, task.path]
        if (told.path, told.occurrence, told.attempt) != (*work.use[2:], work.attempt):
            self.find(work.use[0], f"{work.use} has an end that is not its own: {told!r}")
        is_timed_out = isinstance(told.result, e.ActivityTimedOut)
        if is_timed_out and self.is_set_back and not work.expired:
            pass  # its worker goes by the loop's time, which no calendar moves
        elif is_timed_out != bool(work.expired):
            self.find(work.use[0], f"{task.path} ran into {work.expired!r}, and became {told!r}")
        elif work.expired:
            self._check_time_out(work, told.result)
        self.ends.append(End(work.use, work.attempt, told.result, told.details, self.now(), work))

    def _check_time_out(self, work: Work, told: Any) -> None:
        limit = "heartbeat_timeout" if work.expired == "heartbeat" else work.expired
        seconds = None if limit == "schedule_to_close" else work.limits[limit]
        is_newer = told.details is not None and told.details not in work.words
        said = told.details if is_newer else work.said
        if (told.kind, told.seconds, told.details) != (work.expired, seconds, said):
            what = f"{work.expired} of {seconds} seconds at {work.said!r}"
            self.find(work.use[0], f"{work.use[2]} ran into {what}, and told {told!r}")

    def _on_heartbeat_task(
        self, stops: Any, task: Task, worker: int | None, details: Any = None
    ) -> None:
        work = self._judge(task, worker, "kept alive", is_taken=stops is not None)
        if work is None:
            return
        work.heard = self.now()
        if details is not None:
            word = msgspec.json.decode(details)
            if word in work.words and word != work.said and not self._may_repeat:
                text = f"{word!r} was said of {work.use[2]} again, after {work.said!r}"
                self.find(work.use[0], text)
            work.said = word
            work.words.append(word)
        if stops is not work.is_stopped:
            self.find(work.use[0], f"{work.use[2]} was told {stops} when asked whether to stop")

    def _on_detach_task(self, is_taken: Any, task: Task, worker: int) -> None:
        work = self._judge(task, worker, "detached", is_taken=is_taken)
        if work is not None:
            work.holder, work.is_detached = None, True

    def _on_return_tasks(
        self, _: Any, worker: int, numbers: Iterable[int], due: int, starts: Any = None
    ) -> None:
        wanted, starts = set(numbers), starts or {}
        for work in self._open.values():
            if work.holder == worker and work.number in wanted:
                work.let_go(self.now())
                work.due, work.start_by = due, starts.get(work.number)

    # -- workers -----------------------------------------------------------------------------

    def _on_beat(self, answer: int, name: str, worker: int | None = None) -> None:
        if worker is None:
            self._beats[answer] = 1
        elif worker in self._beats:
            self._beats[worker] += 1

    def _on_bury(self, _: int, worker: int, beat: int | None = None) -> None:
        if beat not in (None, self._beats.get(worker)):
            return
        self._beats.pop(worker, None)
        for work in self._open.values():
            if work.holder == worker:
                work.let_go(self.now())
                work.due, work.losses = self.now(), work.losses + 1

    def _check_room(self, worker: int) -> None:
        """That a worker has no more than he may; what is not to run takes no room."""
        now = self.now()
        held = [
            work
            for work in self._open.values()
            if work.holder == worker and not (work.ran_out(now) or work.is_stopped)
        ]
        if self.room and len(held) > self.room:
            self.find("?", f"worker {worker} has {len(held)} tasks, and may have {self.room}")

    # -- when all is over --------------------------------------------------------------------

    def check(self, process_id: str, run: int, history: History) -> Iterator[str]:
        """Where a history does not tell the ends that were taken."""
        mine = [each for each in self.ends if each.use[:2] == (process_id, run)]
        taken: dict[tuple[str, int, int], End] = {}
        for end in mine:
            key = *end.use[2:], end.attempt
            if key in taken:
                yield f"attempt {end.attempt} of {end.use[2]} was ended twice"
            taken[key] = end
        told = set[tuple[str, int, int]]()
        queued = {(at.path, at.occurrence, at.attempt) for at in history.of(e.ActivityScheduled)}
        queued_paths = {at.path for at in history.of(e.ActivityScheduled) if at.queue}
        for event in history:
            if not isinstance(event, (e.ActivityRetried, e.ActivityClosed)):
                continue
            key = event.path, event.occurrence, event.attempt
            if key in told:
                yield f"attempt {key} has two ends on record"
            told.add(key)
            if event.path in queued_paths and key in queued:
                yield from _compared(event, taken.get(key))


def _compared(event: Any, end: End | None) -> Iterator[str]:
    """Where an end on record is not the one that was taken."""
    if end is None:
        is_own = event.actor is None and isinstance(event, e.ActivityClosed)
        if not (event.actor or (is_own and isinstance(event.result, e.ActivityCanceled))):
            yield f"position {event.position}: nobody has brought that: {event!r}"
    elif _is_conflict(event):
        pass  # a document that it wrote had another version by then
    elif isinstance(event, e.ActivityClosed):
        if event.result != end.result and event.actor is None:
            yield f"position {event.position}: {event.result!r} is told, and not {end.result!r}"
    else:
        failure = e.failure_of(end.result, event.path)
        if failure != event.error:
            yield f"position {event.position}: {event.error!r} is on record, and not {failure!r}"
        if event.details != end.details:
            yield f"position {event.position}: {event.details!r} is on record as said, and not it"


def _is_conflict(event: Any) -> bool:
    """Whether an end was refused since somebody else had written what it writes."""
    failed = event if isinstance(event, e.ActivityRetried) else event.result
    return getattr(getattr(failed, "error", None), "type", "") == "DocumentConflictError"
