"""Random storms: workers killed, struck off, closed and opened, and a store that often fails.

Beside the shipped simulation this one lets *every* call of a worker fail, and asks for more: no
back-off is cut short, no acknowledged signal is lost or overtaken, nothing waits for long.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from corago import (
    CommandRefusedError,
    ProcessClosedError,
    Retry,
    State,
    StoreError,
    begin,
    current,
    parallel,
    sleep,
    step,
    wait_for,
)
from corago.core import events as e
from corago.runtime.engine import EngineCore
from corago.testing.simulator import BEGINNING
from tests.runtime.stage import AFTER, BEFORE, FlakyStore, Stage, listing

CALLS = ("append", "claim", "messages", "beat", "bury", "peers", "find", "load", "pause")
PROCESSES = 4
SIGNALS = 6


@dataclass
class Storm:
    """One seed's weather, and the ledger of what the steps did in it."""

    seed: int
    stage: Stage = field(default_factory=lambda: Stage(lease=6))
    chance: random.Random = field(default_factory=random.Random)
    starts: list[tuple[str, str, int, float]] = field(default_factory=list)
    is_over: bool = False

    def __post_init__(self) -> None:
        self.chance.seed(self.seed)

    def work(self, name: str, failures: int = 0, **options: Any) -> Any:
        seconds = self.chance.choice((0.0, 0.01, 0.5, 3.0))

        @step(name, **options)
        async def body() -> State:
            here = current()
            self.starts.append((here.process_id, here.path, here.attempt, self.stage.seconds))
            await asyncio.sleep(seconds)
            if here.attempt <= failures:
                raise ConnectionError(name)
            return {here.path: "done"}

        return body

    def workflow(self) -> Any:
        policy = Retry(attempts=3, delay=self.chance.choice((0.2, 2.0)), jitter=0)
        waits = [wait_for("s", into=f"k{number}") for number in range(SIGNALS)]
        branch = begin >> waits[2] >> self.work("Inner", 1, retry=policy) >> waits[3]
        return listing(
            self.work("First"),
            waits[0],
            self.work("Flaky", self.chance.randint(0, 2), retry=policy),
            self.work("Once", at_most_once=True),
            waits[1],
            parallel("Both", branch, self.work("Once too", at_most_once=True)),
            sleep(self.chance.choice((0.3, 2.0))),
            waits[4],
            self.work("Last"),
            waits[5],
        )

    async def weather(self, store: FlakyStore) -> None:
        """This connection fails now and then, for a moment."""
        while not self.is_over:
            await asyncio.sleep(self.chance.choice((0.05, 0.5, 2.0)))
            names = self.chance.sample(CALLS, 2)
            store.fail(*names, when=self.chance.choice((BEFORE, AFTER)), times=2)

    async def keep_workers(self, body: Any) -> None:
        """Two workers at a time; each is killed, struck off or closed at last."""
        tasks: set[asyncio.Task[None]] = set()
        while not self.is_over:
            while len(tasks) < 2:
                tasks.add(asyncio.create_task(self.life(body)))
            await asyncio.sleep(0.3)
            tasks = {task for task in tasks if not task.done()}

    async def life(self, body: Any) -> None:
        node = self.stage.node(f"w{len(self.stage.nodes)}")
        end = self.chance.choice(("killed", "struck off", "closed", "lives"))
        seconds = self.chance.choice((0.2, 1.0, 4.0, 9.0))

        async def main() -> None:
            engine = self.stage.engine(node, workflows=[body], grace=2)
            store = self.stage.stores[-1]
            with contextlib.suppress(StoreError):
                async with engine:
                    weather = asyncio.create_task(self.weather(store))
                    await asyncio.sleep(seconds)
                    if end == "struck off" and engine._worker is not None:
                        await self.stage.store.bury(engine._worker.id)
                        await asyncio.sleep(20)
                    if end == "lives":
                        await asyncio.sleep(60)
                    weather.cancel()

        running = node.spawn(main())
        if end == "killed":
            await asyncio.sleep(seconds)
            node.die()
        else:
            await running

    async def client(self, engine: EngineCore, body: Any, name: str) -> Any:
        """Start a process, signal it again and again, and be its operator."""
        await engine.start(body, id=name)
        number = 0
        while True:
            await asyncio.sleep(self.chance.choice((0.0, 0.1, 0.7)))
            if number < SIGNALS:
                with contextlib.suppress(ProcessClosedError):
                    await engine.signal(name, "s", number, key=f"k{number}")
                    number += 1
            info = await engine.info(name)
            if info.status == "completed":
                return info.result
            if info.status in {"failed", "suspended"}:
                with contextlib.suppress(CommandRefusedError, ProcessClosedError):
                    await engine.retry(name, actor="operator")

    async def story(self) -> list[Any]:
        body = self.workflow()
        keeper = asyncio.create_task(self.keep_workers(body))
        async with self.stage.client() as engine:
            names = [f"p{number}" for number in range(PROCESSES)]
            clients = [self.client(engine, body, name) for name in names]
            # workers that live for less than a lease bury nobody, and such a time may last
            results = await asyncio.wait_for(asyncio.gather(*clients), 3000)
            faults = [
                fault for name in names for fault in self.faults(name, await engine.history(name))
            ]
        self.is_over = True
        keeper.cancel()
        assert faults == []
        return results

    def faults(self, name: str, history: Any) -> list[str]:
        """What is wrong with the history of a process, seen beside the ledger."""
        found = []
        received = [event.data for event in history.of(e.SignalReceived)]
        if received != list(range(SIGNALS)):
            found.append(f"{name}: signals {received}")
        mine = [each for each in self.starts if each[0] == name]
        for _, path, attempt, at in mine:
            begun = [each for each in mine if each[1:3] == (path, attempt)]
            if "Once" in path and len(begun) > 1:
                found.append(f"{name}: {path} began {len(begun)} times in attempt {attempt}")
            due = [
                event.due
                for event in history.of(e.ActivityRetried)
                if (event.path, event.attempt) == (path, attempt - 1)
            ]
            resumed = history.of(e.ProcessResumed, e.ProcessReopened)
            if due and not resumed and BEGINNING + timedelta(seconds=at + 0.001) < due[0]:
                found.append(f"{name}: attempt {attempt} of {path} began before its time")
        done = [event.path for event in history.of(e.ActivityClosed) if _is_done(event)]
        if len(done) != len(set(done)):
            found.append(f"{name}: recorded twice: {done}")
        return found


def _is_done(event: e.ActivityClosed) -> bool:
    return isinstance(event.result, e.ActivityCompleted)


@pytest.mark.parametrize("seed", range(25))
def test_after_the_storm_every_process_is_complete_and_everything_happened_once(seed: int) -> None:
    storm = Storm(seed)
    results = storm.stage.run(storm.story(), limit=timedelta(hours=1))
    for result in results:
        assert [result[f"k{number}"] for number in range(SIGNALS)] == list(range(SIGNALS))
        assert sum(value == "done" for value in result.values()) == 6
