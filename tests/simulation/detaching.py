"""A world of work that ends elsewhere: activities hand their token to a partner, and he is late."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

from corago.activity import current
from corago.core import events as e
from corago.decider import Retry, activity
from corago.errors import EngineClosedError, StoreUnavailableError, UnknownTaskError
from corago.runtime.engine import EngineCore
from tests.simulation.clients import Plan, Start
from tests.simulation.deciders import ATTEMPTS, Json, planned
from tests.simulation.keeping import Kept
from tests.simulation.lists import QUEUE

AGAIN = Retry(attempts=ATTEMPTS, delay=0.5, jitter=0.0)


@dataclass(frozen=True)
class Errand:
    """What a partner was handed: a token, whose it is, and how often he asks whether to go on."""

    number: int
    token: str
    item: Json


class Detached(Kept):
    """Activities that somebody else ends: sooner than they return, twice, too late, or never."""

    def draw(self) -> Iterator[Any]:
        """One decider; at times it lets its activities end when it is cancelled."""
        self.words = count(1)
        self.numbers = count(1)
        self.desk: asyncio.Queue[Errand] = asyncio.Queue()
        works = {"sign": self._sign()}
        is_careful = self.chance.random() < 0.6
        yield planned(self.ledger, "signed", is_careful=is_careful, activities_by_kind=works)

    def draw_plan(self) -> Plan:
        """Some are asked to stop meanwhile."""
        (workflow,), chance = self.workflows, self.chance
        starts = tuple(
            Start(
                f"s{number}",
                workflow,
                {"stages": self._stages(), "told": [], "signals": []},
                cancel_after=chance.random() * 15 if chance.random() < 0.4 else None,
            )
            for number in range(2)
        )
        return Plan(starts, pauses=chance.choice((0, 0, 0, 1)))

    def _stages(self) -> list[list[Json]]:
        chance, numbers = self.chance, count(1)
        return [
            [self._item(f"sign{next(numbers)}") for _ in range(chance.randint(1, 3))]
            for _ in range(chance.randint(1, 2))
        ]

    def _item(self, id: str) -> Json:
        chance = self.chance
        limits = {"schedule_to_close": chance.choice((9.0, 20.0, 45.0))}
        for name in ("start_to_close", "heartbeat_timeout"):
            if chance.random() < 0.4:
                limits[name] = chance.choice((2.5, 6.0))
        return {
            "kind": "sign",
            "id": id,
            "limits": limits,
            "said": chance.random() < 0.5,
            "seconds": chance.choice((0.0, 0.0, 0.5, 3.0)),
            "returns": chance.choice(
                ("nothing", "nothing", "nothing", "nothing", "value", "error")
            ),
        }

    def _sign(self) -> Any:
        @activity(name="Sign", retry=AGAIN, queue=QUEUE, auto_complete=False)
        async def sign(item: Json) -> Any:
            here = current()
            self.ledger.begin(is_queued=True)
            if item["said"]:
                here.heartbeat(next(self.words))
            self.desk.put_nowait(Errand(next(self.numbers), here.token, item))
            await asyncio.sleep(item["seconds"])
            if item["returns"] == "error":
                raise OSError("no paper")
            return "here" if item["returns"] == "value" else None

        return sign

    # -- the partner -------------------------------------------------------------------------

    async def story(self, engine: EngineCore) -> None:
        """The client's, and the partner's beside it."""
        partner = asyncio.get_running_loop().create_task(self._serve(engine))
        try:
            await super().story(engine)
        finally:
            partner.cancel()

    async def _serve(self, engine: EngineCore) -> None:
        loop = asyncio.get_running_loop()
        errands = []
        while True:
            errand = await self.desk.get()
            errands.append(loop.create_task(Partner(self, engine, errand).run()))


class Partner:
    """What somebody does with one token."""

    def __init__(self, world: Detached, engine: EngineCore, errand: Errand) -> None:
        """He has it."""
        self.world = world
        self.engine = engine
        self.errand = errand
        self.chance = world.client.chance("partner", errand.number)

    async def run(self) -> None:
        """He sees to it in his own time, as long as the engine is open."""
        try:
            await self._see_to_it()
        except EngineClosedError:
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody should be told so
            self.world.books.find(self.errand.item["id"], f"the partner was told {error!r}")

    async def _see_to_it(self) -> None:
        chance = self.chance
        await asyncio.sleep(chance.choice((0.0, 0.02, 0.4, 2.0, 5.0, 30.0)))
        for _ in range(chance.choice((0, 0, 1, 3))):
            if await self._beat():
                await self._end("cancel")
            await asyncio.sleep(chance.choice((0.1, 1.0, 3.0)))
        if chance.random() < 0.1:
            return
        await self._end(chance.choice(("complete", "complete", "complete", "fail", "cancel")))
        while chance.random() < 0.4:
            await asyncio.sleep(chance.choice((0.0, 0.5, 10.0)))
            await self._end(chance.choice(("complete", "fail", "cancel")))
            await self._beat()

    async def _beat(self) -> bool:
        """Say that it goes on; gives whether it is to stop."""
        world, word = self.world, next(self.world.words)
        beat = partial(self.engine.heartbeat_activity, self.errand.token, word)
        told = None

        async def say() -> None:
            nonlocal told
            told = await beat()

        verdict = await self._bring(say)
        mine = [work for work in world.books.open_works() if self._is_mine(work)]
        if verdict == "taken" and mine and word not in mine[0].words:
            world.books.find(self.errand.item["id"], f"{word} was said, and is not on record")
        return bool(told)

    def _is_mine(self, work: Any) -> bool:
        return f"{work.number}.{work.epoch}" == self.errand.token

    async def _end(self, way: str) -> None:
        """Say how it ended; whatever is taken is so once."""
        world, token = self.world, self.errand.token
        word = f"{way} {next(world.words)}"
        ways: dict[str, Callable[[], Awaitable[None]]] = {
            "complete": partial(self.engine.complete_activity, token, word),
            "fail": partial(self.engine.fail_activity, token, word),
            "cancel": partial(self.engine.cancel_activity, token, word),
        }
        before = len(self._ends())
        verdict = await self._bring(ways[way])
        ended = [end for end in self._ends() if word in _words(end.result)]
        if verdict in {"taken", "late"} and len(ended) != (verdict == "taken"):
            text = f"{word!r} was {verdict}, and ended it {len(ended)} times"
            world.books.find(self.errand.item["id"], text)
        if verdict == "taken" and before:
            world.books.find(self.errand.item["id"], f"{word!r} was taken after another end")

    def _ends(self) -> list[Any]:
        return [end for end in self.world.books.ends if self._is_mine(end.work)]

    async def _bring(self, call: Callable[[], Awaitable[None]]) -> str:
        """What becomes of a call that is repeated until the store answers."""
        tries = 0
        while True:
            tries += 1
            try:
                await call()
            except UnknownTaskError:
                return "late" if tries == 1 else "unsure"
            except StoreUnavailableError:
                await asyncio.sleep(0.5)
            else:
                return "taken"


def _words(result: Any) -> str:
    match result:
        case e.ActivityCompleted(result=said) | e.ActivityCanceled(details=said):
            return str(said)
        case e.ActivityFailed(error=error):
            return error.message
        case _:
            return ""
