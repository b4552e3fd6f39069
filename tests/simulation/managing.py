"""A world without engines: people decide and work by hand, slowly, twice, and too late."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any

from corago.activity import current
from corago.decider import ActivityAborted, ActivityCanceled, Retry, activity
from corago.errors import (
    InvalidDecisionError,
    StoreError,
    StoreUnavailableError,
    UnknownTaskError,
)
from corago.manual import ActivityTask, ActivityWorker, DecisionTask, DecisionWorker
from corago.testing.simulator import Fault, Simulation
from corago.testing.simulator.nodes import Node
from tests.simulation.clients import Plan, Start
from tests.simulation.deciders import ATTEMPTS, Json, Planner, planned
from tests.simulation.hands import Bench, Hand, HandManager, rest
from tests.simulation.keeping import Booked, Kept
from tests.simulation.lists import QUEUE
from tests.simulation.world import LEASE

DECISION_LEASE = timedelta(seconds=8)
QUEUES = (QUEUE, "default")

AGAIN = Retry(attempts=ATTEMPTS, delay=0.5, jitter=0.0)


class Managed(Kept):
    """Deciders whose decisions and activities are all in the hands of people, who are no engines.

    They are slow, forget what they have taken, say it twice, say it too late, and go home. Where it
    `is_rough`, processes are asked to stop, somebody acts without knowing, and all write one
    document: then the end is left to chance.
    """

    is_confluent = True
    workers = 3

    def draw(self) -> Iterator[Any]:
        """A parent and its children's."""
        self.words = count(1)
        self.is_rough = self.chance.random() < 0.3
        works, ledger = self._works(), self.ledger
        leaf = planned(ledger, "leaf", activities_by_kind=works)
        is_careful = self.is_rough and self.chance.random() < 0.6
        yield planned(ledger, "planned", (leaf,), is_careful=is_careful, activities_by_kind=works)

    def draw_plan(self) -> Plan:
        """A plan for each; nobody is told anything, but that it is to stop."""
        (workflow,), chance = self.workflows, self.chance
        pauses, given = chance.choice((0, 0, 0, 1)), self._given()
        if not self.is_rough:
            return Plan((Start("d", workflow, given),), pauses=pauses)
        after = chance.choice((None, chance.random() * 15))
        start = Start("d", workflow, given, cancel_after=after)
        return Plan((start,), acts=chance.choice((0, 3)), pauses=pauses)

    def told(self) -> Any:
        """What must be the same whatever goes wrong."""
        return {} if self.is_rough else super().told()

    def _given(self) -> Json:
        leaf = Planner(self.chance).plan(1, has_runs=False)
        given = Planner(self.chance, [("leaf", leaf)]).plan(2)
        for plan in (leaf, given):
            for stage in plan["stages"]:
                stage[:] = [item for item in stage if item["kind"] != "await"]
        return given

    def simulation(self, faults: tuple[Fault, ...], **given: Any) -> Simulation:
        """Where it is played."""
        return ByHand(self, faults, **given)

    def _works(self) -> dict[str, Any]:
        @activity(name="Near", retry=AGAIN)
        def near(item: Json) -> Any:
            return self._attempt(item)

        @activity(name="Far", retry=AGAIN, queue=QUEUE)
        def far(item: Json) -> Any:
            return self._attempt(item)

        @activity(name="Once", retry=AGAIN, at_most_once=True)
        def once(item: Json) -> Any:
            return self._attempt(item, at_most_once=True)

        return {"near": near, "far": far, "once": once}

    def _attempt(self, item: Json, *, at_most_once: bool = False) -> Any:
        here = current()
        self.ledger.begin(at_most_once=at_most_once, is_queued=True)
        for _ in range(item["beats"]):
            if here.heartbeat(next(self.words)):
                return ActivityCanceled("as asked")
            rest(item["seconds"])
        if here.attempt <= item["fails"]:
            raise OSError("no power")
        if item["end"] == "abort":
            return ActivityAborted("enough")
        if item["writes"]:
            self.ledger.write("note", "all" if self.is_rough else here.idempotency_key)
        return item["id"]


class ByHand(Booked):
    """A world whose nodes are managers, with people around them."""

    async def worker(self, node: Node) -> None:
        """A manager and his people, until they go home or the node dies."""
        bench = Bench(node, LEASE, DECISION_LEASE)
        try:
            await bench.open()
            shift = Shift(self, node, bench)
            loop = asyncio.get_running_loop()
            await asyncio.gather(*(loop.create_task(each) for each in shift.begin()))
            await bench.close()
        except StoreUnavailableError:
            pass
        except Exception as error:
            if node.is_dead:
                raise
            self.find(f"{node.name} broke: {type(error).__name__}: {error}")
        node.die()


class Shift:
    """The people of one node: who decide, and who work."""

    def __init__(self, simulation: ByHand, node: Node, bench: Bench) -> None:
        """They come."""
        self.simulation = simulation
        self.books = simulation.books
        self.node = node
        self.bench = bench
        self.manager = HandManager(bench)
        chance = random.Random(f"{simulation.seed} shift {node.number}")
        long = chance.choice((5.0, 15.0, 40.0, 1e9, 1e9, 1e9))
        self.ends = simulation.loop.time() + long

    def begin(self) -> Iterator[Any]:
        """Each of them, to be run."""
        for number, person in enumerate((Decider, Doer)):
            yield Hand().live(person(self, number).run)

    @property
    def is_over(self) -> bool:
        """Whether they go home."""
        return self.simulation.loop.time() >= self.ends

    def find(self, text: str) -> None:
        """Say what is wrong."""
        self.simulation.find(f"{self.node.name}: {text}")

    def bring(self, call: Callable[[], Any]) -> tuple[str, bool]:
        """What becomes of a call: taken, late, unsure; and whether the store was any trouble."""
        node, troubles = self.node, self.simulation.troubles
        before, was_full = troubles[node], node.is_full
        try:
            call()
            verdict = "taken"
        except UnknownTaskError:
            verdict = "late"
        except StoreError:
            verdict = "unsure"
        return verdict, was_full or troubles[node] > before


class Person:
    """Somebody who takes one thing after the other; what he has had is in his pocket."""

    def __init__(self, shift: Shift, number: int) -> None:
        """He comes."""
        self.shift = shift
        self.manager = shift.manager
        self.books = shift.books
        self.chance = random.Random(f"{shift.simulation.seed} person {shift.node.number} {number}")
        self.pocket: list[Any] = []

    def run(self) -> None:
        """Until he goes home."""
        with self.manager.presence():
            while not self.shift.is_over:
                try:
                    self.go_on()
                except StoreError:
                    rest(0.5)

    def go_on(self) -> None:
        """Take the next thing."""
        raise NotImplementedError

    def think(self) -> None:
        """Let some time pass; at times too much."""
        rest(self.chance.choice((0.0, 0.0, 0.1, 1.0, 3.0, 9.0)))

    @property
    def patience(self) -> float:
        """How long he waits for something to come."""
        return self.chance.choice((0.0, 4.0, 20.0))


class Decider(Person):
    """He decides as the workflows do, by the worker's loop or by hand."""

    def __init__(self, shift: Shift, number: int) -> None:
        """He comes."""
        super().__init__(shift, number)
        self._worker = _Slow(self)

    def go_on(self) -> None:
        """Decide something."""
        if self.chance.random() < 0.3:
            self._worker.step(self.patience)
            rest(1.0)
            return
        task = self.manager.next_decision(timeout=self.patience)
        if task is None:
            rest(1.0)
            return
        self.think()
        self.pocket.append(task)
        whim = self.chance.random()
        if whim < 0.05:
            return
        if whim < 0.1:
            self.shift.bring(partial(self.manager.fail, task, "no idea"))
            return
        if whim < 0.2:
            self._err(task)
        self._say(task)
        if self.chance.random() < 0.3:
            self._say(task)
        if self.chance.random() < 0.3:
            self._say(self.chance.choice(self.pocket))

    def _err(self, task: DecisionTask) -> None:
        """Say what makes no sense; it is still his to say it better."""
        try:
            verdict, _ = self.shift.bring(partial(self.manager.complete, task, "nonsense"))
        except InvalidDecisionError:
            return
        if verdict == "taken":
            self.shift.find(f"{task!r} was completed with nonsense")

    def _say(self, task: DecisionTask) -> None:
        books, sitting = self.books, task.sitting
        key = task.process_id, sitting.task.epoch
        is_another = books.taken[key[0]] != key[1]
        is_over = self.shift.bench.now() >= task.expires_at
        before = books.decided[key]
        verdict, is_troubled = self.shift.bring(partial(self.manager.complete, task))
        written = books.decided[key] - before
        if verdict == "taken" and (is_over or is_another or before):
            self.shift.find(f"{task!r} was completed, and was late: {is_over}, {is_another}")
        if written > 1 or (written and before):
            self.shift.find(f"{task!r} was written more than once")
        if not is_troubled and written != (verdict == "taken"):
            self.shift.find(f"{task!r} was {verdict}, and written {written} times")


class _Slow(DecisionWorker):
    """The loop as it is, by somebody who thinks, and can't always say."""

    def __init__(self, person: Person) -> None:
        super().__init__(person.manager)
        self._person = person

    def decide(self, task: DecisionTask) -> Any:
        self._person.think()
        if self._person.chance.random() < 0.1:
            raise ValueError("no idea either")
        return super().decide(task)


class Doer(Person):
    """He does what is to be done, by the worker's loop or by hand."""

    def __init__(self, shift: Shift, number: int) -> None:
        """He comes."""
        super().__init__(shift, number)
        self._worker = ActivityWorker(self.manager, QUEUES)

    def go_on(self) -> None:
        """Do something."""
        if self.chance.random() < 0.3:
            self._worker.step(self.patience)
            rest(1.0)
            return
        task = self.manager.next_activity(QUEUES, timeout=self.patience)
        if task is None:
            rest(1.0)
            return
        if self.shift.is_over or not self.manager.may_begin(task):
            return
        self.pocket.append(task)
        try:
            result: Any = self._worker.execute(task)
            self.think()
        except Exception as error:  # noqa: BLE001 - whatever it is, the activity has failed by it
            self._say(task, partial(self.manager.fail, error=error))
        else:
            way: Any = task.id if self.chance.random() < 0.3 else task
            self._say(task, partial(self.manager.complete, result=result), way)
        if self.chance.random() < 0.3:
            again = self.chance.choice(self.pocket)
            self._say(again, partial(self.manager.complete, result="again"), is_again=True)

    def _say(
        self,
        task: ActivityTask,
        say: Callable[..., Any],
        way: Any = None,
        *,
        is_again: bool = False,
    ) -> None:
        key = task.raw.number, task.raw.epoch
        before = self._ended(key)
        verdict, is_troubled = self.shift.bring(partial(say, task if way is None else way))
        ended = self._ended(key) - before
        if verdict == "taken" and (before or is_again) and not is_troubled:
            self.shift.find(f"{task!r} was completed once more")
        if not is_troubled and ended != (verdict == "taken"):
            self.shift.find(f"{task!r} was {verdict}, and ended {ended} times")

    def _ended(self, key: tuple[int, int]) -> int:
        return sum((end.work.number, end.work.epoch) == key for end in self.books.ends)
