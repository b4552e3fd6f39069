"""The watch over a simulated world: it is told of every step on the disk, and believes no row.

It keeps what must be so by what was written and by whom: folds, laws, leases, tasks, messages,
documents. Whatever is otherwise on the disk is a finding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from corago.activity import Context
from corago.backends.local import LocalBackend
from corago.backends.local.packing import Packing
from corago.clock import to_us
from corago.codecs import PayloadCodec
from corago.core import history
from corago.core.events import Event, ProcessStarted
from corago.core.laws import Laws
from corago.core.program import Program
from corago.ports.rows import Append, Born, Claims, Definition, NewProcess, Outgoing, Sent
from corago.ports.store import Store
from corago.runtime.auditing import audit
from corago.testing.simulator.reckoning import Around, Asker, Calendar, untrue
from corago.testing.simulator.sights import Sight, at_once, decoded
from corago.testing.simulator.tasking import Jobs
from corago.wiring import KINDS

if TYPE_CHECKING:
    from corago.testing.simulator.nodes import Node

PATIENCE_SECONDS = 150
"""So long something may be due while a worker could take it.

A worker looks every IDLE_SECONDS (5), or later by what its calendar has jumped; a call of the
store may take 40 seconds, and three in a row may; what it had to write, it tries for a lease (15).
"""


@lru_cache(maxsize=256)
def _program(document: bytes) -> Program[Any]:
    found = msgspec.json.decode(document)
    return KINDS[found["kind"]](found)


@dataclass(slots=True)
class _Hand:
    """A registered worker: its node, its beats, what it asks for, for how long it could take it."""

    node: Node
    beat: int = 1
    definitions: frozenset[int] = frozenset()
    queues: frozenset[str] = frozenset()
    has_room: bool = False
    able: int = 0

    def is_able(self) -> bool:
        """Whether it could take something now."""
        node = self.node
        return self.has_room and not (node.is_dead or node.is_paused or node.is_deaf)


class Watch:
    """What is wrong, as it happens: `findings`, each once.

    The first line of each names the process and what is wrong with it.
    """

    def __init__(
        self, store: Store, now: Callable[[], datetime], codecs: Sequence[PayloadCodec] = ()
    ) -> None:
        """Nothing has happened yet; `now` is the calendar by which the store goes.

        `codecs` are what texts went through on their way to it.
        """
        self.findings: list[str] = []
        self._store = store
        self._now = now
        self._codecs = codecs
        self._packing = Packing(codecs, store.blobs)
        self._sights: dict[str, Sight] = {}
        self._instances: dict[int, Sight] = {}
        self._definitions: dict[int, Definition] = {}
        self._documents: dict[str, bytes] = {}
        self._coded: dict[str, list[Node]] = {}
        self._hands: dict[int, _Hand] = {}
        self._jobs = Jobs()
        self._tokens: set[tuple[Node, int, int]] = set()
        self._versions: dict[tuple[str, str], int] = {}
        self._once: set[tuple[str, int, str, int, int]] = set()
        self._ticks = 0
        self._latest_us = 0
        self._is_paused = False

    def _find(self, process_id: str, texts: Iterable[str]) -> None:
        for text in texts:
            finding = f"process {process_id}: {text}"
            if finding not in self.findings:
                self.findings.append(finding)

    def read(self, append: Append) -> tuple[str, list[Event]]:
        """Which process a write is about, and its events."""
        sight = self._instances.get(append.fence.instance)
        return "" if sight is None else sight.id, decoded(self._whole(append.events))

    def done(self, node: Node, call: str, arguments: tuple[Any, ...], answer: Any) -> None:
        """A call of this node has taken effect, and nothing else since."""
        self._latest_us = max(self._latest_us, to_us(self._now()))
        law = self._CALLS.get(call)
        if law is not None:
            law(self, node, arguments, answer)

    # -- definitions, processes, messages ----------------------------------------------------

    def _defined(self, node: Node, arguments: tuple[Definition], id_: int) -> None:
        (definition,) = arguments
        self._definitions[id_] = definition
        self._documents[definition.sha] = definition.document
        self._coded.setdefault(definition.sha, []).append(node)

    def _program(self, sha: str) -> Program[Any]:
        return _program(self._documents[sha])

    def _started(self, node: Node, arguments: tuple[NewProcess], born: Born) -> None:
        (new,) = arguments
        if not born.is_new:
            if new.process_id not in self._sights:
                self._find(new.process_id, ["it was said to be there, and nobody had started it"])
            return
        if new.process_id in self._sights:
            self._find(new.process_id, ["it was born a second time"])
            return
        sight = self._born(new)
        if new.owner in self._hands:
            self._owns(node, new.owner, sight)
            sight.holder, sight.epoch, sight.due_us = new.owner, 1, None

    def _born(self, new: NewProcess) -> Sight:
        (event,) = decoded(self._whole((new.event,)))
        assert isinstance(event, ProcessStarted)
        program = self._program(event.sha)
        loaded = at_once(self._store.load(new.process_id))
        if loaded is None:
            self._find(new.process_id, ["it was said to be born, and is not there"])
        instance = 0 if loaded is None else loaded.row.instance
        sight = Sight(new.process_id, instance, program, history.begin(program, event), Laws())
        sight.due_us = new.at_us
        self._sights[new.process_id] = self._instances[instance] = sight
        self._find(sight.id, sight.take((event,), self._program))
        if new.parent != event.parent:
            self._find(sight.id, [f"its row names the parent {new.parent!r}, not {event.parent!r}"])
        return sight

    def _sent(self, node: Node, arguments: tuple[Outgoing], sent: Sent) -> None:  # noqa: ARG002 - as all are called
        (outgoing,) = arguments
        sight = self._sights.get(outgoing.process_id)
        if sight is None or sent.outcome != "sent":
            return
        self._arrived(sight)
        if not sight.came(outgoing.data, sent.seq):
            self._find(sight.id, [f"message {sent.seq} was acknowledged, and did not arrive"])

    def _arrived(self, sight: Sight) -> None:
        """Look for what has come into an inbox."""
        arrived = at_once(self._store.messages(sight.instance, sight.head))
        texts = self._whole(each.data for each in arrived)
        sight.arrive(arrived, texts, to_us(self._now()), self._latest_us)

    def _whole(self, texts: Iterable[bytes]) -> list[bytes]:
        return list(at_once(self._packing.whole(list(texts))))

    # -- writing -----------------------------------------------------------------------------

    def _appended(self, node: Node, arguments: tuple[Append], refusal: Any) -> None:
        (append,) = arguments
        sight = self._instances.get(append.fence.instance)
        if refusal is not None or sight is None:
            return
        self._find(sight.id, self._held(node, append, sight))
        before, closed = sight.snapshot, sight.is_closed
        try:
            events = decoded(self._whole(append.events))
            self._find(sight.id, sight.take(events, self._program))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it is the finding
            text = f"what was written makes no sense: {type(error).__name__}: {error}"
            self._find(sight.id, [text])
            return
        snapshots = () if append.snapshot is None else (append.snapshot,)
        external = () if append.external is None else (append.external,)
        self._find(
            sight.id, sight.kept(append, before, self._whole(snapshots), self._whole(external))
        )
        if node.clock.now() <= self._now():  # by a calendar that is ahead, the timer came first
            self._find(sight.id, sight.overtaken(before, events, append.consumed))
        if not (closed and append.seize):
            self._find(sight.id, sight.consume(append.consumed, events))
        self._find(sight.id, self._wrote(append, sight))
        self._go_on(append, sight)
        self._jobs.write(sight.id, append)
        self._carry(append, sight, events)

    def _held(self, node: Node, append: Append, sight: Sight) -> Iterator[str]:
        """Whether the writer had it in his hands, where it stood."""
        fence = append.fence
        if (fence.run, fence.position) != sight.place:
            where = f"position {fence.position} of run {fence.run}"
            yield f"{node.name} wrote behind {where}, and it stood at {sight.place}"
        if append.seize:
            return
        if (fence.owner, fence.epoch) != (sight.holder, sight.epoch):
            has = f"{sight.holder} has it in epoch {sight.epoch}"
            yield f"{node.name} wrote as {fence.owner} in epoch {fence.epoch}, and {has}"
        elif fence.owner is not None:
            self._owns(node, fence.owner, sight)

    def _owns(self, node: Node, worker: int, sight: Sight) -> None:
        hand = self._hands.get(worker)
        if hand is None or hand.node is not node:
            self._find(sight.id, [f"{node.name} wrote as worker {worker}, which it is not"])

    def _go_on(self, append: Append, sight: Sight) -> None:
        """Whose it is from here on, and when it is due."""
        holder = sight.holder
        if append.seize:
            sight.epoch += 1
            holder = append.fence.owner
            if sight.holder is not None:
                sight.due_us = append.at_us
        if append.renews is not None:
            (event,) = decoded(self._whole((append.renews,)))
            self._find(sight.id, sight.take((event,), self._program))
            sight.let_go(append.at_us)
        elif append.closes:
            sight.let_go(None)
        elif append.parks or holder is None:
            sight.let_go(append.due_us if append.parks else sight.due_us)
        else:
            sight.holder = holder

    def _wrote(self, append: Append, sight: Sight) -> Iterator[str]:
        """The documents of a commit: each follows the version before."""
        for write in append.documents:
            key = write.kind, write.id
            before = self._versions.get(key, 0)
            if write.expected != before:
                yield f"document {key} was written over version {write.expected}, not {before}"
            self._versions[key] = before + 1
            kept = at_once(self._store.document(*key))
            said = [(each.version, each.process_id) for each in kept[before:]]
            if said[:1] != [(before + 1, sight.id)] or kept[before].position != sight.place[1]:
                yield f"document {key} has no version {before + 1} that it wrote"

    def _carry(self, append: Append, sight: Sight, events: list[Event]) -> None:
        """What goes out with a commit has arrived."""
        started = {getattr(each, "child", None) for each in events}
        for new in append.births:
            child = self._born(new)
            if new.process_id not in started or child.snapshot.process.parent != sight.id:
                self._find(sight.id, [f"its child {new.process_id!r} is not in its history"])
        for to in {each.process_id for each in append.sends} & self._sights.keys():
            self._arrived(self._sights[to])
        for each in append.sends:
            target = self._sights.get(each.process_id)
            # what has a key may have come before
            if target is not None and not (target.came(each.data) or target.is_closed or each.key):
                self._find(target.id, [f"what {sight.id} sent with a commit did not arrive"])

    # -- taking up work ----------------------------------------------------------------------

    def _claimed(self, node: Node, arguments: tuple[Any, ...], claims: Claims) -> None:
        worker, definitions, limit, *more = arguments
        heirs, until_us = (*more, (), None)[:2] if more else ((), None)
        hand = self._hands.get(worker)
        if hand is not None:
            hand.has_room = limit > len(claims.taken)
            hand.definitions = frozenset((*definitions, *(older for older, _ in heirs)))
        now_us = to_us(self._now())
        for sight in self._sights.values():
            has_ended = sight.until_us is not None and sight.until_us <= now_us
            if has_ended and hand is not None and not self._is_paused:
                sight.let_go(sight.until_us)
        for loaded in claims.taken:
            sight = self._sights[loaded.row.process_id]
            self._find(sight.id, self._may_take(node, worker, sight, now_us))
            if loaded.row.epoch != sight.epoch + 1:
                epochs = f"{loaded.row.epoch} after {sight.epoch}"
                self._find(sight.id, [f"it was given to {node.name} in epoch {epochs}"])
            sight.holder, sight.epoch, sight.due_us = worker, loaded.row.epoch, None
            sight.until_us = until_us

    def _may_take(self, node: Node, worker: int, sight: Sight, now_us: int) -> Iterator[str]:
        hand = self._hands.get(worker)
        if hand is None or hand.node is not node:
            yield f"it was given to worker {worker}, which is not registered"
        if sight.holder is not None:
            yield f"it was given to worker {worker}, and {sight.holder} has it"
        elif sight.due_us is None or sight.due_us > now_us:
            yield f"it was given to worker {worker}, and was not due"
        if self._is_paused:
            yield f"it was given to worker {worker}, and the store is paused"

    def _tasks_claimed(self, node: Node, arguments: tuple[Any, ...], answer: Any) -> None:  # noqa: ARG002 - as all are called
        worker, queues, definitions, limit, *_ = arguments
        hand = self._hands.get(worker)
        if hand is not None:
            room = limit > len(answer.taken)
            hand.queues = frozenset(queues) if room and definitions else frozenset()
        for process_id, text in self._jobs.claim(worker, answer.taken):
            self._find(process_id, [text])

    def _task_completed(self, node: Node, arguments: tuple[Any, ...], answer: Any) -> None:
        if not self._acted(node, arguments, "completed", answer):
            return
        task, _, outcome, *_ = arguments
        sight = self._sights[task.process_id]
        self._arrived(sight)
        if not (sight.came(outcome) or sight.is_closed):
            self._find(sight.id, [f"the outcome of {task.path!r} did not arrive"])

    def _task_read(self, node: Node, arguments: tuple[int], answer: Any) -> None:  # noqa: ARG002 - as all are called
        """Somebody has its token, and may act in the name of who has it."""
        if answer is not None:
            self._tokens.add((node, answer.task, answer.epoch))

    def _task_alive(self, node: Node, arguments: tuple[Any, ...], answer: Any) -> None:
        self._acted(node, arguments, "kept alive", answer is not None)

    def _task_detached(self, node: Node, arguments: tuple[Any, ...], answer: Any) -> None:
        self._acted(node, arguments, "detached", answer)

    def _acted(self, node: Node, arguments: tuple[Any, ...], verb: str, taken: Any) -> bool:
        task, worker, *_ = arguments
        if taken:
            hand = None if worker is None else self._hands.get(worker)
            is_his = worker is None or (hand is not None and hand.node is node)
            if not (is_his or (node, task.task, task.epoch) in self._tokens):
                self._find(task.process_id, [f"{node.name} wrote as worker {worker}, and is not"])
            self._find(task.process_id, self._jobs.act(task, worker, verb))
        return bool(taken)

    def _tasks_returned(self, node: Node, arguments: tuple[Any, ...], answer: Any) -> None:  # noqa: ARG002 - as all are called
        worker, numbers, *_ = arguments
        self._jobs.free(worker, numbers)

    def _beaten(self, node: Node, arguments: tuple[Any, ...], answer: int) -> None:
        name, worker = (*arguments, None)[:2]
        if worker is None:
            self._hands[answer] = _Hand(node)
        elif worker in self._hands:
            self._hands[worker].beat += 1
            if not answer:
                self._find(name, [f"worker {worker} was told that it is gone, and is not"])
        elif answer:
            self._find(name, [f"worker {worker} was told that it lives, and was struck off"])

    def _buried(self, node: Node, arguments: tuple[Any, ...], answer: int) -> None:  # noqa: ARG002 - as all are called
        worker, beat = (*arguments, None)[:2]
        hand = self._hands.get(worker)
        if hand is None or beat not in (None, hand.beat):
            return
        del self._hands[worker]
        self._jobs.free(worker)
        orphans = [each for each in self._sights.values() if each.holder == worker]
        for sight in orphans:
            sight.let_go(to_us(self._now()))
        if len(orphans) != answer:
            text = f"{answer} processes were taken from worker {worker}, and it had {len(orphans)}"
            self._find("?", [text])

    def _was_paused(self, node: Node, arguments: tuple[Any, ...], answer: bool) -> None:  # noqa: ARG002, FBT001 - as all are called
        self._is_paused = answer

    # -- attempts ----------------------------------------------------------------------------

    def began(self, node: Node, start: Context) -> None:
        """The code of an attempt is about to run on this node: it is wanted, on the disk."""
        sight = self._sights.get(start.process_id)
        if sight is None:
            self._find(start.process_id, ["something of it runs, and it was never started"])
            return
        work = start.path, start.occurrence, start.attempt
        what = f"attempt {start.attempt} of {start.path!r} ({start.occurrence}) on {node.name}"
        wish = sight.wish(*work) if start.run == sight.place[0] else None
        if wish is None:
            rows = at_once(self._store.events(start.process_id, run=start.run))
            events = decoded(self._whole(rows))
            if not sight.has_wished(events, start.run, work, self._program):
                self._find(sight.id, [f"{what} has begun, and nothing on the disk wants it"])
        elif wish.at_most_once:
            key = start.process_id, start.run, *work
            if key in self._once:
                self._find(sight.id, [f"{what} has begun twice, and may run only once"])
            self._once.add(key)
            known = sight.snapshot.process.activity(start.path, start.occurrence)
            if not (known.started or known.queued == known.attempt):
                self._find(sight.id, [f"{what} may run only once, and its start is not recorded"])

    # -- liveness ----------------------------------------------------------------------------

    def ticked(self) -> None:
        """A virtual second is over: what is due has not been due for too long."""
        self._ticks += 1
        for hand in self._hands.values():
            hand.able = hand.able + 1 if hand.is_able() else 0
        if self._is_paused:
            return
        now_us = to_us(self._now())
        for sight in self._sights.values():
            is_due = sight.holder is None and sight.due_us is not None and sight.due_us <= now_us
            sight.waiting = sight.waiting + 1 if is_due else 0
            if sight.waiting > PATIENCE_SECONDS:
                self._overdue(sight)
        if self._ticks % PATIENCE_SECONDS == 0:
            self._find_overdue_tasks(now_us)

    def _overdue(self, sight: Sight) -> None:
        sha = sight.snapshot.process.sha
        late = f"it has been due for {PATIENCE_SECONDS} seconds"
        for hand in self._able():
            if sha in {self._definitions[id_].sha for id_ in hand.definitions}:
                self._find(sight.id, [f"{late}, and {hand.node.name} does not take it"])

    def _able(self) -> list[_Hand]:
        """The workers that could have taken something for long enough."""
        return [hand for hand in self._hands.values() if hand.able > PATIENCE_SECONDS]

    def _find_overdue_tasks(self, now_us: int) -> None:
        latest, able = now_us - PATIENCE_SECONDS * 1_000_000, self._able()
        late = f"has been due for {PATIENCE_SECONDS} seconds"
        for sight in self._sights.values() if able else ():
            for task in at_once(self._store.tasks_of(sight.id)):
                hand = next((each for each in able if task.queue in each.queues), None)
                if hand is not None and task.due_us is not None and task.due_us <= latest:
                    text = f"{late}, and {hand.node.name} does not take it"
                    self._find(sight.id, [f"the task of {task.path!r} {text}"])

    # -- the end -----------------------------------------------------------------------------

    async def ended(self) -> list[str]:
        """The story is over: look at everything once more, as `corago db check` would."""
        backend = LocalBackend(self._store, Calendar(self._now), KINDS, self._codecs)
        async for finding in audit(backend):
            if finding not in self.findings:
                self.findings.append(finding)
        asker = Asker(backend, self._coded)
        for sight in self._sights.values():
            if sight.is_closed:
                continue
            self._find(sight.id, self._lost(sight))
            around = Around(to_us(self._now()), self._is_paused, self._coded, self._sights)
            try:
                explanation = await asker.explain(sight.id)
                self._find(sight.id, untrue(sight, explanation, around))
            except Exception as error:  # noqa: BLE001 - explaining never fails
                text = f"it can't be explained: {type(error).__name__}: {error}"
                self._find(sight.id, [text])
        return self.findings

    def _lost(self, sight: Sight) -> Iterator[str]:
        """Messages that were acknowledged, and are neither recorded nor waiting; or from nobody."""
        for seq, data in sight.news.items():
            yield f"message {seq} has come, and nobody has sent it: {data!r}"
        waiting = {each.seq for each in at_once(self._store.messages(sight.instance, 0))}
        for seq in sight.mail.keys() - waiting:
            yield f"message {seq} is lost: {sight.mail[seq]!r}"

    _CALLS: ClassVar[Mapping[str, Callable[[Any, Any, Any, Any], None]]] = {
        "define": _defined,
        "start": _started,
        "send": _sent,
        "append": _appended,
        "claim": _claimed,
        "claim_tasks": _tasks_claimed,
        "complete_task": _task_completed,
        "heartbeat_task": _task_alive,
        "detach_task": _task_detached,
        "read_task": _task_read,
        "return_tasks": _tasks_returned,
        "beat": _beaten,
        "bury": _buried,
        "pause": _was_paused,
    }
    """What each call means; the others change nothing."""
