"""The demo's story: a worker is killed, another takes over, and the books are checked.

Every step of it waits for a condition with a deadline, so that it holds on slow machines too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from corago import AsyncEngine, CoragoError, ProcessClosedError
from corago.clock import SystemClock
from corago.core.events import LeaseLost
from corago.core.history import History
from corago.demo import proof
from corago.demo.company import Company
from corago.demo.drawing import drawn
from corago.demo.proof import Attempt, Proof
from corago.demo.provisioning import provision
from corago.demo.stage import Stage

DEADLINE_SECONDS = 120.0
"""For each part of the story; a machine that needs longer has other troubles."""

LOOK_SECONDS = 0.05
CUSTOMERS = ("Ada", "Grace", "Edsger", "Barbara", "Alan", "Katherine")


class StoryError(CoragoError):
    """The story did not go as told."""

    code: ClassVar[str] = "demo"


@dataclass(slots=True)
class Story:
    """One performance in `folder`, which is there; `pace` multiplies every duration."""

    stage: Stage
    folder: Path
    process_count: int = 24
    pace: float = 1.0
    approved: set[str] = field(default_factory=set)

    @property
    def database(self) -> Path:
        """The database file."""
        return self.folder / "demo.db"

    @property
    def url(self) -> str:
        """The store's URL."""
        return f"sqlite:///{self.database}"

    @property
    def side_file(self) -> Path:
        """What the steps did to the world outside."""
        return self.folder / "outside.jsonl"

    async def tell(self) -> Proof:
        """Perform it all; gives what was proven. Raises StoryError, CompanyError or CoragoError."""
        stage = self.stage
        engine = AsyncEngine(self.url, workflows=[provision], worker=False)
        async with Company(self.url, self.folder, self.side_file, self.pace) as company, engine:
            stage.act("1. Work begins")
            first = await company.start()
            stage.say(
                f"A database: {self.database}. A worker in an OS process of its own: {first}. "
                f"{self.process_count} orders for network ports, each a durable process:"
            )
            stage.show(drawn(provision))
            stage.say(
                "Every third reservation fails at first, and is tried again. Some orders get their "
                "approval at once, the others wait for it."
            )
            half = self.process_count // 2
            await self._order(engine, range(1, half + 1))
            await self._until(engine, "some have completed", self._is_some_done)
            # only now the rest: so there is work in every part of the workflow at one time
            await self._order(engine, range(half + 1, self.process_count + 1))
            await self._until(engine, "some have come far", self._is_in_the_middle)
            before = await self._crash(engine, company, first)
            hero = await self._aftermath(engine, before)
            await self._approve(engine, outage=True)

            stage.act("3. Another worker takes over")
            second = await company.start()
            stage.say(
                f"OS process {second} runs the same code. The dead worker's file lock is free, "
                "which proves its death: no time-out has to pass."
            )
            await self._until(engine, "all have completed", self._is_over)
            after = await self._histories(engine)
            self._recovered(after, hero)
            noted = proof.notes(self.side_file)
            return proof.prove(before, after, noted, first)

    # -- 1: work begins ----------------------------------------------------------------------

    async def _order(self, engine: AsyncEngine, numbers: range) -> None:
        inputs = (
            (f"port-{number:02}", {"number": number, "customer": CUSTOMERS[number % 6]})
            for number in numbers
        )
        await engine.start_many(provision, inputs, actor="the demo")

    async def _is_some_done(self, engine: AsyncEngine) -> bool:
        left = await self._approve(engine, most=max(2, self.process_count // 4))
        return left >= 2 and (await engine.count()).get("completed", 0) >= 2

    async def _is_in_the_middle(self, engine: AsyncEngine) -> bool:
        """Steps run this very moment, in a process that has come far.

        Or that was missed, and all wait for their approval: then the crash finds less to do.
        """
        noted = proof.notes(self.side_file)
        ended = {note.attempt for note in noted if note.what == "ended"}
        running = proof.in_flight(noted, ended)
        if any(attempt.step.startswith("Prepare/") for attempt in running) and len(running) > 1:
            return True
        counts = await engine.count()
        return counts.get("waiting", 0) + counts.get("completed", 0) == self.process_count

    # -- 2: the crash ------------------------------------------------------------------------

    async def _crash(
        self, engine: AsyncEngine, company: Company, worker: int
    ) -> dict[str, History]:
        stage = self.stage
        await company.kill(worker)
        stage.act("2. The worker dies")
        before = await self._histories(engine)
        flying = proof.in_flight(proof.notes(self.side_file), proof.recorded(before))
        stage.say(
            f"kill -9 {worker}. {len(proof.recorded(before))} attempts of steps are in the "
            f"database; {len(flying)} were in flight. Nobody works now. What stands there?"
        )
        return before

    async def _aftermath(self, engine: AsyncEngine, before: dict[str, History]) -> str:
        """Show what one of the interrupted says of itself; gives its id."""
        stage = self.stage
        flying = proof.in_flight(proof.notes(self.side_file), proof.recorded(before))
        hero = max(before, key=lambda id: (_interest(id, flying), len(before[id])))
        stage.show(f"$ corago explain {hero}", "dim")
        stage.show(str(await engine.explain(hero)))
        stage.show(f"$ corago graph {hero}", "dim")
        stage.show(drawn(provision, before[hero]))
        return hero

    async def _approve(
        self, engine: AsyncEngine, *, most: int | None = None, outage: bool = False
    ) -> int:
        """Say yes to those who wait for it, `most` in all; gives how many go on waiting."""
        waiting = [
            info.id
            for info in await engine.processes(status="waiting", limit=self.process_count)
            if info.id not in self.approved and any(w.kind == "signal" for w in info.waits)
        ]
        heard = waiting if most is None else waiting[: max(0, most - len(self.approved))]
        for id in heard:
            try:
                await engine.signal(id, "approve", {"by": "you"}, key="demo", actor="you")
            except ProcessClosedError:
                continue
            self.approved.add(id)
        if outage and waiting:
            self.stage.say(
                f"Approvals come in meanwhile, for the {len(waiting)} that wait for one. They are "
                "accepted: a signal needs no worker."
            )
        return len(waiting) - len(heard)

    # -- 3: the recovery ---------------------------------------------------------------------

    async def _is_over(self, engine: AsyncEngine) -> bool:
        await self._approve(engine)
        counts = await engine.count()
        bad = {name: n for name, n in counts.items() if name in ("failed", "suspended")}
        if bad:
            raise StoryError(f"processes did not complete: {bad}; look into {self.url}")
        return counts.get("completed", 0) == self.process_count

    def _recovered(self, after: dict[str, History], hero: str) -> None:
        lost = [id for id, history in after.items() if history.of(LeaseLost)]
        self.stage.say(
            f"All {self.process_count} have completed. {len(lost)} of them had been in the dead "
            f"worker's hands, and their histories say so. {hero} again:"
        )
        self.stage.show(drawn(provision, after[hero]))

    # -- looking -----------------------------------------------------------------------------

    async def _histories(self, engine: AsyncEngine) -> dict[str, History]:
        return {
            info.id: await engine.history(info.id)
            for info in await engine.processes(limit=self.process_count)
        }

    async def _until(
        self,
        engine: AsyncEngine,
        what: str,
        holds: Callable[[AsyncEngine], Awaitable[bool]],
    ) -> None:
        """Show how things stand until it holds. Raises StoryError at the deadline."""
        clock = SystemClock()
        end = clock.monotonic() + DEADLINE_SECONDS
        while not await holds(engine):
            if clock.monotonic() > end:
                raise StoryError(
                    f"after {DEADLINE_SECONDS:g} s it was still not so that {what}; what the "
                    f"workers say of that: {self.folder / 'workers.log'}"
                )
            counts = await engine.count()
            self.stage.moment(" · ".join(f"{name} {n}" for name, n in counts.items()))
            await asyncio.sleep(LOOK_SECONDS)
        self.stage.calm()


def _interest(id: str, flying: set[Attempt]) -> int:
    """How much there is to see in a process: most where one of two branches was interrupted."""
    return max(
        (1 + attempt.step.startswith("Prepare/") for attempt in flying if attempt.process == id),
        default=0,
    )
