"""Worlds of several versions of one workflow: deployments, adoption, and migration by hand."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from corago.activity import current
from corago.clock import to_us
from corago.core import codec
from corago.core import events as e
from corago.core import history as fold
from corago.core.history import History
from corago.core.process import renamed
from corago.core.program import Snapshot
from corago.machine import define
from corago.runtime.engine import EngineCore
from corago.steps.nodes import Node as Element
from corago.steps.program import StepsProgram
from corago.testing.simulator import Fault, Node, Simulation
from corago.testing.simulator.clients import Client
from corago.testing.simulator.faults import CLIENT
from corago.testing.simulator.sights import at_once
from tests.simulation.clients import Letter, Plan, Start
from tests.simulation.deciders import Planner, awaited, planned, works_of
from tests.simulation.editing import (
    LOUD,
    QUIET,
    Names,
    back,
    following,
    next_list,
    next_machine,
)
from tests.simulation.ledgers import Ledger, Use
from tests.simulation.lists import ITEMS, Shape, random_list
from tests.simulation.machines import written
from tests.simulation.world import LEASE, World

LATE = 90
"""The number of the node whose client starts processes of the newest version."""

STUCK_SECONDS = 6.0
"""What is due for so long is not about to be taken."""


@dataclass(frozen=True)
class Release:
    """One version of the code: what its nodes have, and what it calls the names of the one before.

    `main` is what is started; a node may have another version of it beside that.
    """

    main: Any
    beside: tuple[Any, ...] = ()
    names: Names = field(default_factory=dict)

    @property
    def workflows(self) -> tuple[Any, ...]:
        """What a node of this release has."""
        return (*self.beside, self.main)


# -- what is written down --------------------------------------------------------------------------


class Renamed(Ledger):
    """A ledger of processes whose names change: what was done keeps its first name here."""

    def __init__(self, forms: Callable[[], Mapping[str, Any]]) -> None:
        """`forms` gives every form of every workflow, by its sha."""
        super().__init__()
        self._forms = forms
        self._taken: set[tuple[Use, int]] = set()

    def take(self, process_id: str, outcome: Any) -> None:
        """The store has taken the outcome of a task."""
        row = next(each for each in self.processes() if each.process_id == process_id)
        path = _first(outcome.path, _names(self.history(process_id)))
        self._taken.add(((process_id, row.run, path, outcome.occurrence), outcome.attempt))

    def begin(
        self,
        *,
        at_most_once: bool = False,
        is_queued: bool = False,
        after: Iterable[str] = (),
    ) -> None:
        """An attempt begins here."""
        here = current()
        history = self.history(here.process_id, here.run)
        names = _names(history)
        path = _first(here.path, names)
        use = (here.process_id, here.run, path, here.occurrence)
        what = f"attempt {here.attempt} of {here.path} (use {here.occurrence}) of {use[0]}"
        self.starts[use, here.attempt] += 1
        if (use, here.attempt) in self._taken:
            self.faults.append(f"{what} began after its outcome was taken")
        known: list[Names] = []
        for event in history:
            match event:
                case e.DefinitionChanged():
                    known.append(event.renames)
                case e.ActivityClosed(occurrence=here.occurrence):
                    is_over = isinstance(event.result, e.ActivityCompleted)
                    is_over = is_over or event.attempt >= here.attempt
                    if _first(event.path, known) == path and is_over:
                        self.faults.append(f"{what} began after its end was recorded")
        if self.starts[use, here.attempt] > 1 and self._is_once(history, path):
            self.faults.append(f"{what} may begin only once, and began again")

    def _is_once(self, history: History, first: str) -> bool:
        """Whether all that this process has followed lets it run only once."""
        path, said = first, []
        for event in history.of(e.ProcessStarted, e.DefinitionChanged):
            path = renamed(path, getattr(event, "renames", {}))
            program = self._forms()[event.sha].program
            found = program.nodes.find(path) if isinstance(program, StepsProgram) else None
            said.append(found is not None and _once(found[0]))
        return all(said)

    def check(self, *, is_calm: bool) -> Iterator[str]:
        """What is wrong, once nothing more happens."""
        yield from self.faults
        ran = {use for use, _ in self.starts}
        for process_id, run, history in self.histories():
            skipped = {(each.path, each.occurrence) for each in history.of(e.StepSkipped)}
            known: list[Names] = []
            for event in history:
                if isinstance(event, e.DefinitionChanged):
                    known.append(event.renames)
                if not isinstance(event, e.ActivityClosed) or event.actor is not None:
                    continue
                use = (process_id, run, _first(event.path, known), event.occurrence)
                is_done = isinstance(event.result, e.ActivityCompleted)
                if is_done and use not in ran and (event.path, event.occurrence) not in skipped:
                    yield f"{process_id}: {event.path} has ended, and never began"


def _once(node: Element) -> bool:
    return node.at_most_once


def _names(history: History) -> list[Names]:
    return [each.renames for each in history.of(e.DefinitionChanged)]


def _first(path: str, names: Iterable[Names]) -> str:
    """What a path was called when the process began."""
    for each in reversed([*names]):
        path = renamed(path, back(each))
    return path


class Rolling(Simulation):
    """A simulation that tells its ledger of the outcomes that the store has taken."""

    ledger: Renamed

    def reached(self, node: Node, call: str, arguments: tuple[Any, ...], answer: Any) -> None:
        """Note a call that has taken effect on the disk."""
        super().reached(node, call, arguments, answer)
        if call == "complete_task" and answer:
            task, _, outcome, *_ = arguments
            self.ledger.take(task.process_id, codec.decode_message(outcome))


# -- the world -------------------------------------------------------------------------------------


class Versions(World):
    """Nodes with different code of one workflow, deployments at any time, and migrations by hand.

    Where the changes leave what it comes to, it must come to the same end in calm and in rough
    weather.
    """

    shape: ClassVar[Shape] = Shape(longest=4, nests=True, queued=0.5)

    def __init__(self, seed: int) -> None:
        """Draw its releases, and when they are deployed."""
        self.releases: list[Release] = []
        self.is_quiet = False
        super().__init__(seed)
        chance = self.chance
        self.at_client = chance.choice((0, 0, len(self.releases) - 1))
        rollouts = [(1,), (1,), (1, 0), (1, 0, 1)]
        if len(self.releases) > 2:
            rollouts = [(1, 2), (2,), (1, 0, 2), (1, 2, 1)]
        self.rollout = chance.choice(rollouts)
        self.newborn = [0]
        self.has_all = False
        self.has: dict[int, int] = {}
        self.untrue: list[str] = []

    # -- what is drawn -----------------------------------------------------------------------

    def draw(self) -> Iterator[Any]:
        """A workflow of some door, and what becomes of it."""
        self.ledger: Renamed = Renamed(lambda: self._by_sha)
        count = self.chance.choice((2, 2, 2, 2, 3))
        self.is_quiet = self.chance.random() < 0.25
        self.kind = self.chance.choice(("steps", "steps", "steps", "machine", "decider"))
        self.releases += getattr(self, f"_{self.kind}")(count)
        self._by_sha = {each.sha: each for each in self.forms()}
        yield self.releases[-1].main

    def _steps(self, count: int) -> Iterator[Release]:
        chance, ledger, shape = self.chance, self.ledger, self.shape
        inner = random_list(chance, ledger, Shape(longest=2, queued=0.3), "inner")
        if chance.random() < 0.5:
            shape = replace(shape, children=(("inner", {"items": ITEMS[:2]}),))
        main = random_list(chance, ledger, shape, "whole", (inner,) if shape.children else ())
        yield Release(main)
        kinds = QUIET if self.is_quiet else LOUD
        for number in range(1, count):
            apart = not self.is_quiet and chance.random() < 0.2
            version = main.version + apart
            older, (main, names) = main, next_list(chance, ledger, main, kinds, version)
            if shape.children and chance.random() < 0.5:
                inner, _ = next_list(chance, ledger, inner, QUIET)
                main = replace(main, children=(inner,))
            has_both = apart and number == 1 and chance.random() < 0.5 and not shape.children
            yield Release(main, (older,) if has_both else (), names)

    def _machine(self, count: int) -> Iterator[Release]:
        self.is_quiet = False
        document, functions = written(self.chance, self.ledger, "whole", queued=0.3)
        yield Release(define(document, functions))
        for _ in range(1, count):
            document, names = next_machine(self.chance, document, functions)
            yield Release(define(document, functions), (), names)

    def _decider(self, count: int) -> Iterator[Release]:
        chance, ledger, far = self.chance, self.ledger, "Far"
        for number in range(count):
            names: Names = {}
            if number and not self.is_quiet and chance.random() < 0.6:
                names = {far: f"Far {number}"}
                far = names[far]
            careful = bool(number % 2)
            works = works_of(ledger, far)
            main = planned(ledger, "whole", is_careful=careful, activities_by_kind=works)
            yield Release(main, (), names)

    def forms(self) -> Iterator[Any]:
        """Every form of every workflow."""
        for release in self.releases:
            for each in release.workflows:
                yield each
                yield from each.children

    def draw_plan(self) -> Plan:
        """A process by the client, another by a late one; what they wait for comes in time."""
        first, self.late = self._start("v0"), self._start("v1")
        return Plan((first,), pauses=self.chance.choice((0, 0, 0, 1)))

    def _start(self, name: str) -> Start:
        if self.kind == "decider":
            given = Planner(self.chance).plan()
            letters = tuple(Letter(1.0, each) for each in awaited(given))
            return Start(name, "whole", given, letters)
        return Start(name, "whole", {"items": ITEMS} if self.kind == "steps" else {})

    # -- who has which -----------------------------------------------------------------------

    def simulation(self, faults: tuple[Fault, ...], **ground: Any) -> Simulation:
        """Where it is played: with a worker for each release."""
        simulation = Rolling(
            self.seed,
            self.workflows,
            faults=faults,
            workers=len(self.releases),
            queues=self.queues,
            lease=LEASE,
            **ground,
        )
        simulation.ledger = self.ledger
        return simulation

    def enter(self, simulation: Simulation) -> None:
        """It is about to be played."""
        super().enter(simulation)
        simulation.code = self._code

    def _code(self, node: Node) -> tuple[Any, ...]:
        if node.number == CLIENT:
            return self.releases[self.at_client].workflows
        if node.number == LATE:
            return self.releases[-1].workflows
        if node.number not in self.has:
            self.has[node.number] = self._choice(node)
        return self.releases[self.has[node.number]].workflows

    def _choice(self, node: Node) -> int:
        """Which release a node is born with; in the end, one that no other node has."""
        if not self.has_all:
            return node.order.choice(self.newborn)
        there = self._there()
        return min(range(len(self.releases)), key=lambda number: (there.count(number), -number))

    def _workers(self) -> list[Node]:
        nodes = self.client.simulation.nodes
        return [each for each in nodes if not each.is_dead and each.number not in (CLIENT, LATE)]

    # -- what happens ------------------------------------------------------------------------

    async def story(self, engine: EngineCore) -> None:
        """Deployments and migrations beside the client's story, and what is left then."""
        plan = self.client.plan
        await asyncio.gather(self.client.run(engine), self._deploy(engine), self._late(engine))
        self.client.plan = replace(plan, starts=(), pauses=0)
        await self.client.run(engine)

    async def _deploy(self, engine: EngineCore) -> None:
        chance = self.client.chance("deploy")
        for number in self.rollout:
            await asyncio.sleep(chance.choice((0.1, 0.5, 2.0, 8.0)))
            self.newborn = [number, number, *set(self.has.values())]
            for node in self._workers():
                if self.has.get(node.number) != number:
                    await asyncio.sleep(chance.choice((0.0, 0.3, 2.0)))
                    self._end(node, chance)
            self.newborn = [number]
            await self._by_hand(engine, chance)
        await asyncio.sleep(chance.choice((0.0, STUCK_SECONDS + 2)))
        await self._hear(engine)
        for _ in range(chance.choice((0, 0, 2))):
            await self._by_hand(engine, chance)
        self.has_all = True
        while len(set(self._there())) < len(self.releases):
            there = self._there()
            doubled = (n for n in self._workers() if there.count(self.has.get(n.number)) > 1)
            for node in doubled:
                self._end(node, chance)
                break
            await asyncio.sleep(2.0)

    def _there(self) -> list[int | None]:
        """The releases of all workers."""
        return [self.has.get(each.number) for each in self._workers()]

    @staticmethod
    def _end(node: Node, chance: random.Random) -> None:
        if chance.random() < 0.7:
            node.leaving.set()
        else:
            node.die()

    async def _late(self, engine: EngineCore) -> None:
        """Somebody with the newest version starts one too, at some time."""
        simulation, chance = self.client.simulation, self.client.chance("late")
        await asyncio.sleep(chance.choice((0.0, 1.0, 5.0)))
        node = simulation.node("late client", number=LATE)

        async def life() -> None:
            async with Client(node, *simulation.parts(node, has_worker=False)) as late:
                await late.start("whole", self.late.input, id=self.late.id)

        await node.spawn(life())
        for number, letter in enumerate(self.late.letters):
            await self.client.send(self.late.id, letter, f"{self.late.id} {number}")

    async def _by_hand(self, engine: EngineCore, chance: random.Random) -> None:
        """An operator moves processes, perhaps with the names that became of theirs, or twice."""
        for start in (*self.plan.starts, self.late):
            if chance.random() < 0.5:
                continue
            # an activity that is open keeps its old name without them, and nobody has that
            is_named = chance.random() < 0.8 or self.kind == "decider"
            names = self._names(start.id) if is_named else {}
            dry_run = chance.random() < 0.2
            for _ in range(chance.choice((1, 1, 2))):
                await self.client.insist(
                    lambda id=start.id, names=names, dry_run=dry_run: engine.migrate(  # type: ignore[misc]
                        id, renames=names, dry_run=dry_run, actor="operator"
                    )
                )
            await asyncio.sleep(chance.choice((0.0, 0.5, 3.0)))

    def _names(self, process_id: str) -> Names:
        """What became of the names that a process has, in the newest definition."""
        rows = {row.process_id: row for row in self.ledger.processes()}
        if process_id not in rows:
            return {}
        shas = [release.main.sha for release in self.releases]
        known = at_once(self.ledger.rows.definitions("whole"))
        at, to = shas.index(rows[process_id].sha), shas.index(known[-1].sha)
        names: Names = {}
        for release in self.releases[min(at, to) + 1 : max(at, to) + 1]:
            names = following(names, release.names)
        return names if at <= to else back(names)

    # -- what is asked of it -----------------------------------------------------------------

    async def _hear(self, engine: EngineCore) -> None:
        """What is due and not taken, since nobody here may take it, is told to be so."""
        seen = {row.process_id: (row.position, row.epoch) for row in self.ledger.processes()}
        await asyncio.sleep(STUCK_SECONDS)
        for row in self.ledger.processes():
            is_stuck = row.owner is None and row.due_us is not None
            if not is_stuck or seen.get(row.process_id) != (row.position, row.epoch):
                continue
            explanation = await engine.explain(row.process_id)
            (after,) = (one for one in self.ledger.processes() if one.instance == row.instance)
            is_paused = at_once(self.ledger.rows.pause())
            is_changed = (after.position, after.epoch) != (row.position, row.epoch)
            if is_paused or is_changed or row.due_us > to_us(self.client.simulation.clock.now()):
                continue
            said = explanation.reason == "definition_changed"
            if said is not self._differs(row):
                self.untrue.append(f"{row.process_id} does not stand so: {explanation.sentence}")

    def _differs(self, row: Any) -> bool:
        """Whether it does not simply fit the newest form of its version."""
        known = at_once(self.ledger.rows.definitions(row.workflow))
        newest = [each for each in known if each.version == row.version][-1]
        form, snapshot = self._by_sha[row.sha], self._stands(row.process_id)
        if newest.sha == row.sha or self.kind == "machine":
            return False
        after = self._by_sha[newest.sha].program
        return bool(after.differences(snapshot.state, form.program, {}))

    def _stands(self, process_id: str) -> Snapshot:
        programs = {sha: form.program for sha, form in self._by_sha.items()}
        history = self.ledger.history(process_id)
        started = history[0]
        assert isinstance(started, e.ProcessStarted)
        return fold.fold(programs[started.sha], history, programs=programs)

    def told(self) -> Any:
        """What must be the same whatever goes wrong, where the changes leave it."""
        return super().told() if self.is_quiet else {}

    def findings(self, *, is_calm: bool) -> Iterator[str]:
        """What is wrong with the end of this world."""
        yield from self.untrue
        yield from super().findings(is_calm=is_calm)

    def judge(self, history: History) -> Iterator[str]:
        """Nobody goes over by himself to a list that does not fit, or to an older one."""
        started = history[0]
        assert isinstance(started, e.ProcessStarted)
        ids = {each.sha: each.id for each in at_once(self.ledger.rows.definitions())}
        form = self._by_sha[started.sha]
        snapshot: Snapshot = fold.begin(form.program, started)
        for event in history[1:]:
            if not isinstance(event, e.DefinitionChanged):
                snapshot = fold.evolve(form.program, snapshot, event)
                continue
            after = self._by_sha[event.sha]
            found = after.program.differences(snapshot.state, form.program, event.renames)
            if event.actor is None and (found or ids[event.sha] < ids[form.sha]):
                yield f"position {event.position}: it went over by itself, although {found}"
            if any(each.stops for each in found):
                yield f"position {event.position}: it went over, although {found}"
            snapshot = fold.change(form.program, after.program, snapshot, event)
            form = after
