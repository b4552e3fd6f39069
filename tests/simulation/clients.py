"""The client of a world: it starts processes, gives them what they wait for, and acts at times."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from corago.clock import NEVER
from corago.core.events import CLOSED_STATUSES
from corago.errors import (
    CommandRefusedError,
    InvalidInputError,
    ProcessClosedError,
    ProcessNotFoundError,
    StoreFullError,
    StoreUnavailableError,
)
from corago.runtime.engine import EngineCore
from corago.runtime.views import ProcessInfo
from corago.testing.simulator import Simulation
from tests.simulation.ledgers import Ledger
from tests.simulation.machines import EVENTS, UPDATES

Ask = Callable[[], Awaitable[Any]]

REFUSED = (CommandRefusedError, InvalidInputError, ProcessClosedError, ProcessNotFoundError)
"""What a client may be told that came too late, or too early."""

AGAIN_SECONDS = 12.0
"""After so long it looks again, though nothing seems to have happened."""

MOVES = 7
"""So often a client does something to a machine before it only lets time pass."""

STILL = frozenset({"timer", "sleep", "signal", "deadline"})
PATIENT = STILL | {"child"}
"""What a machine may wait for that nothing moves in, and a process that a client need not help."""

ACTS = ("retry", "skip", "set_result", "cancel", "abort", "signal", "update")


@dataclass(frozen=True)
class Letter:
    """A signal or an update that a client sends so many seconds after the one before."""

    after: float
    name: str
    data: Any = None
    is_update: bool = False
    is_twice: bool = False


@dataclass(frozen=True)
class Start:
    """A process that a client starts, what it sends it, and when it asks it to stop, if ever."""

    id: str
    workflow: Any
    input: Any = None
    letters: tuple[Letter, ...] = ()
    cancel_after: float | None = None


@dataclass(frozen=True)
class Plan:
    """What a client does.

    It acts so many times as an operator who is never sure, and stops the engine so many times for a
    while. It looks again within `pace` seconds.
    """

    starts: tuple[Start, ...]
    acts: int = 0
    pauses: int = 0
    pace: tuple[float, ...] = (0.2, 0.7, 2.0)


@dataclass(frozen=True)
class Look:
    """How a process stood when it was last looked at: its row, and what it waited for."""

    row: tuple[Any, ...]
    kinds: frozenset[str]
    at: float


@dataclass
class Client:
    """One client, whose choices are the same whatever happens to the workers.

    It knows the rows of all processes, so that it asks for none in which nothing has happened.
    `resting` tells at which position a machine is left to its deadlines.
    """

    seed: int
    plan: Plan
    tenders: Mapping[str, Callable[[Client, ProcessInfo], Awaitable[None]]]
    ledger: Ledger
    simulation: Simulation = field(init=False)
    engine: EngineCore = field(init=False)
    looks: dict[str, Look] = field(default_factory=dict)
    moves: Counter[str] = field(default_factory=Counter)
    resting: dict[str, int] = field(default_factory=dict)
    accepted: set[tuple[str, int]] = field(default_factory=set)

    def chance(self, *of: object) -> random.Random:
        """A source of choices for one thing."""
        return random.Random(f"{self.seed} {of}")

    async def run(self, engine: EngineCore) -> None:
        """Start everything, and wait until all of it has ended."""
        self.engine = engine
        jobs = [self._begin(start) for start in self.plan.starts]
        jobs += [self._pause(number) for number in range(self.plan.pauses)]
        jobs += [self._act()] if self.plan.acts else []
        await asyncio.gather(*jobs)
        chance = self.chance("looks")
        while await self._looks():
            await asyncio.sleep(chance.choice(self.plan.pace))
            await self._leap()

    async def _leap(self) -> None:
        """Let days pass at once where machines rest, and all others wait for nobody but them."""
        left = self._open()
        if not any(self.resting.get(row.process_id) == row.position for row in left):
            return
        for row in left:
            look = self.looks.get(row.process_id)
            if look is None or look.row != _told(row) or row.status != "waiting":
                return
            is_resting = self.resting.get(row.process_id) == row.position
            is_answered = is_resting or "child" in look.kinds or "signal" not in look.kinds
            if not (is_answered and look.kinds <= PATIENT):
                return
        instant = await self.simulation.rest()
        if instant is not None and instant != NEVER:
            self.simulation.leap(instant)

    # -- calls -------------------------------------------------------------------------------

    async def insist(self, ask: Ask) -> bool:
        """Repeat a call until the store answers; gives whether it was taken."""
        while True:
            try:
                await ask()
            except REFUSED:
                return False
            except (StoreUnavailableError, StoreFullError):
                await asyncio.sleep(0.5)
            else:
                return True

    async def _begin(self, start: Start) -> None:
        engine = self.engine
        await self.insist(lambda: engine.start(start.workflow, start.input, id=start.id))
        await asyncio.gather(self._write(start), self._cancel(start))

    async def _write(self, start: Start) -> None:
        for number, letter in enumerate(start.letters):
            await asyncio.sleep(letter.after)
            for _ in range(1 + letter.is_twice):
                if await self.send(start.id, letter, f"{start.id} {number}"):
                    self.accepted.add((start.id, number))

    async def _cancel(self, start: Start) -> None:
        if start.cancel_after is not None:
            await asyncio.sleep(start.cancel_after)
            await self.insist(lambda: self.engine.cancel(start.id, actor="client"))

    async def send(self, process_id: str, letter: Letter, key: str) -> bool:
        """Send something, under this key."""
        engine = self.engine
        if letter.is_update:
            return await self.insist(lambda: engine.update(process_id, letter.data, key=key))
        return await self.insist(
            lambda: engine.signal(process_id, letter.name, letter.data, key=key)
        )

    async def _pause(self, number: int) -> None:
        chance = self.chance("pause", number)
        await asyncio.sleep(chance.random() * 10)
        await self.insist(self.engine.pause)
        await asyncio.sleep(chance.random() * 5)
        await self.insist(self.engine.unpause)

    # -- looking after processes -------------------------------------------------------------

    def _open(self) -> list[Any]:
        """The rows of all that may go on; a failed child goes on once its parent is retried."""
        return [
            row
            for row in self.ledger.processes()
            if row.status not in CLOSED_STATUSES or (row.status == "failed" and not row.parent)
        ]

    async def _looks(self) -> bool:
        """Give all that is open what it needs; gives whether anything is."""
        left, now = self._open(), asyncio.get_running_loop().time()
        for row in left:
            before = self.looks.get(row.process_id)
            is_new = before is None or before.row != _told(row) or now > before.at + AGAIN_SECONDS
            if is_new and row.owner is None:
                info = await self.engine.info(row.process_id)
                kinds = frozenset(wait.kind for wait in info.waits)
                self.looks[row.process_id] = Look(_told(row), kinds, now)
                await self.tenders[info.workflow](self, info)
        return bool(left)

    async def mend(self, info: ProcessInfo) -> None:
        """Retry what waits for a person, or pass over what lacks something, which fails again."""
        stuck = [wait for wait in info.waits if wait.kind == "incident"]
        if not stuck and info.status != "failed":
            return
        engine = self.engine
        lacking = [wait for wait in stuck if wait.detail.startswith("StepArgumentError")]
        # named, since a command that is given twice would hasten what waits for its next attempt
        is_one = len(stuck) == 1 and not stuck[0].detail.startswith("PoisonProcess")
        path = (lacking or stuck)[0].path if is_one or lacking else None
        act = engine.skip if lacking else engine.retry
        await self.insist(lambda: act(info.id, step=path, actor="operator"))

    # -- acting without knowing --------------------------------------------------------------

    async def _act(self) -> None:
        chance = self.chance("acts")
        for number in range(self.plan.acts):
            await asyncio.sleep(chance.choice((0.0, 0.5, 2.0, 7.0)))
            ids = [row.process_id for row in self.ledger.processes()]
            process_id = chance.choice(ids or [start.id for start in self.plan.starts])
            act = chance.choice(ACTS)
            await self.insist(lambda act=act, to=process_id, of=number: self._do(act, to, of))  # type: ignore[misc]

    async def _do(self, act: str, process_id: str, number: int) -> None:
        engine, key = self.engine, f"act {number}"
        match act:
            case "retry" | "skip":
                await getattr(engine, act)(process_id, actor="operator")
            case "set_result":
                result = {"ok": True, "number": 0}
                await engine.set_result(process_id, result, actor="operator")
            case "signal":
                await engine.signal(process_id, EVENTS[number % 3], {"amount": 2}, key=key)
            case "update":
                await engine.update(process_id, UPDATES[number % 3], key=key)
            case _:
                await getattr(engine, act)(process_id, actor="operator", reason=key)


def _told(row: Any) -> tuple[Any, ...]:
    """What is new where something has happened to a process."""
    return row.run, row.position, row.inbox_head, row.status


# -- what each door needs --------------------------------------------------------------------------


async def tend_list(client: Client, info: ProcessInfo) -> None:
    """A list gets each signal that it waits for."""
    await client.mend(info)
    for wait in info.waits:
        if wait.kind == "signal":
            letter = Letter(0.0, wait.detail, wait.detail)
            await client.send(info.id, letter, f"{wait.detail} at position {info.position}")


async def tend_decider(client: Client, info: ProcessInfo) -> None:
    """A decider gets its letters from its plan alone."""
    await client.mend(info)


async def tend_machine(client: Client, info: ProcessInfo) -> None:
    """A machine is left in peace until nothing moves there: then something comes, or time passes.

    Its work that has failed for good is passed over.
    """
    stuck = [wait for wait in info.waits if wait.kind == "incident"]
    if info.status in {"suspended", "failed"} and stuck:
        # what failed for good, or can't be said, fails again
        lasting = [wait for wait in stuck if not wait.detail.startswith(("LeaseLost", "Poison"))]
        engine, first = client.engine, (lasting or stuck)[0]
        path = None if first.detail.startswith("PoisonProcess") else first.path
        act = engine.skip if lasting else engine.retry
        await client.insist(lambda: act(info.id, step=path, actor="operator"))
        return
    is_still = {wait.kind for wait in info.waits} <= STILL
    if info.status != "waiting" or info.pending or not is_still:
        return
    if client.resting.get(info.id) == info.position:
        return
    number = client.moves[info.id]
    chance, client.moves[info.id] = client.chance("move", info.id, number), number + 1
    match (
        chance.choice(("event", "event", "event", "update", "time")) if number < MOVES else "time"
    ):
        case "event":
            awaited = sorted({wait.detail for wait in info.waits if wait.kind == "signal"})
            name = chance.choice(awaited if awaited and chance.random() < 0.8 else EVENTS)
            letter = Letter(0.0, name, {"amount": chance.randint(0, 5)})
        case "update":
            letter = Letter(0.0, "", chance.choice(UPDATES), is_update=True)
        case _:
            client.resting[info.id] = info.position
            return
    await client.send(info.id, letter, f"move {number} of {info.id}")
