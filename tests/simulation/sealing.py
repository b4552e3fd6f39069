"""A world with secrets: whatever goes wrong, nobody but the code they are for finds them."""

from __future__ import annotations

import asyncio
import base64
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any

import msgspec
from pydantic import BaseModel, SecretStr

from corago import (
    Retry,
    Secret,
    State,
    child,
    conditional,
    current,
    done,
    init,
    retrystep,
    step,
    wait_for,
    workflow,
)
from corago.backends.local.packing import Packing
from corago.codecs import Encrypted, PayloadCodec, Zlib
from corago.core import codec, sealing
from corago.core import events as e
from corago.core.history import History
from corago.decider import (
    ActivityEnded,
    Answer,
    CompleteProcess,
    Process,
    ScheduleActivity,
    Workflow,
    activity,
)
from corago.decider import Retry as AgainLater
from corago.runtime.engine import EngineCore
from corago.secrecy import Vault, using, vault_of
from corago.testing.simulator import CLIENT, Fault, Node, Simulation
from corago.testing.simulator.sights import at_once
from tests.simulation.clients import Letter, Plan, Start
from tests.simulation.ledgers import Ledger
from tests.simulation.lists import QUEUE
from tests.simulation.world import LEASE, World

AGAIN = Retry(attempts=4, delay=0.2, jitter=0)
NAMES = ("word", "pin", "made", "code", "seen")


class Code(BaseModel):
    """What comes with a signal."""

    by: str
    code: SecretStr


class Words:
    """The secrets of a seed, and a text that is none."""

    def __init__(self, chance: random.Random) -> None:
        """Draw them."""
        self.word, self.made, self.code, self.seen = (
            f"{name}-{chance.randrange(16**12):012x}" for name in ("word", "made", "code", "seen")
        )
        self.pin = chance.randrange(10**11, 10**12)
        self.user = f"user-{chance.randrange(16**12):012x}"

    @cached_property
    def pattern(self) -> re.Pattern[bytes]:
        """Every secret in every form in which it would be one no more."""
        return re.compile(b"|".join(map(re.escape, self._forms())))

    def _forms(self) -> Iterator[bytes]:
        for name in NAMES:
            text = str(getattr(self, name)).encode()
            yield text
            yield text.hex().encode()
            for before in range(3):
                inside = base64.b64encode(bytes(before) + text)
                yield inside[(0, 2, 3)[before] : -4]


@dataclass
class SealedLedger(Ledger):
    """Reads rows that went through codecs."""

    codecs: Sequence[PayloadCodec] = ()

    def history(self, process_id: str, run: int | None = None) -> History:
        """What was recorded of a process."""
        rows = at_once(self.rows.events(process_id, run=run))
        texts = at_once(Packing(self.codecs, self.rows.blobs).whole(rows))
        return History(map(codec.decode_event, texts))


@dataclass
class Customer:
    """The code for which the secrets are: it checks that it gets what was meant."""

    words: Words
    ledger: Ledger
    faults: list[str] = field(default_factory=list)

    async def takes(self, **given: Any) -> None:
        """It has begun with these; its first attempt fails, and tells everything."""
        self.ledger.begin(is_queued=current().path.startswith("Far"))
        for name, value in given.items():
            if value != getattr(self.words, name):
                self.faults.append(f"{current().idempotency_key} got {name} {value!r}")
        await asyncio.sleep(0.3)
        current().logger.warning("taking %s", "something")
        if current().attempt == 1:
            raise ConnectionError(f"refused: {given} or {[*given.values()]}")


def locked_list(chance: random.Random, customer: Customer) -> Any:
    """A list of steps that take secrets in every way."""
    words = customer.words

    @step("Back", retry=AGAIN)
    async def back(made: SecretStr) -> None:
        await customer.takes(made=made.get_secret_value())

    @retrystep("Use", retry=AGAIN, undo=back)
    async def use(word: SecretStr, pin: Annotated[int, Secret]) -> State:
        await customer.takes(word=word.get_secret_value(), pin=pin)
        return {"made": SecretStr(words.made), "kept": [word]}

    @retrystep("Far", retry=AGAIN, queue=QUEUE)
    async def far(made: Annotated[str, Secret]) -> State:
        await customer.takes(made=made)
        return {"copies": {"made": SecretStr(made)}}

    @retrystep("Heard", retry=AGAIN)
    async def heard(go: Code) -> State:
        await customer.takes(code=go.code.get_secret_value())
        return {"go": None, "heard": go}

    def is_right(pin: Annotated[int, Secret]) -> bool:
        return pin == words.pin

    @workflow("Inner")
    def inner() -> Any:
        return init >> use >> done

    steps: list[Any] = [wait_for("go") >> heard, conditional(is_right)(far), child(inner)]
    chance.shuffle(steps)

    @workflow("Locked", undo_on_failure=True)
    def locked() -> Any:
        listed: Any = init >> use
        for each in steps[: chance.randint(1, 3)]:
            listed = listed >> each
        return listed >> done

    return locked


def locked_decider(customer: Customer) -> Any:
    """A decider that hands on what it was given and what came."""
    words = customer.words

    @activity(name="Try", retry=AgainLater(attempts=4, delay=0.2, jitter=0))
    async def attempt(word: SecretStr, pin: Annotated[int, Secret]) -> dict[str, Any]:
        await customer.takes(word=word.get_secret_value(), pin=pin)
        return {"made": SecretStr(words.made)}

    @activity(name="Far", queue=QUEUE, retry=AgainLater(attempts=4, delay=0.2, jitter=0))
    async def far(code: SecretStr) -> dict[str, Any]:
        await customer.takes(code=code.get_secret_value())
        return {"again": code}

    class Deciding(Workflow):
        """First one, then the other with what has come."""

        activities = (attempt, far)

        def decide(self, process: Process) -> Iterator[Answer]:
            ended = {each.id: each for each in process.history.of(ActivityEnded)}
            came = process.history.of(e.SignalReceived)
            begun = {each.id for each in process.unfinished_activities()} | ended.keys()
            if "one" not in begun:
                given = {name: process.input[name] for name in ("word", "pin")}
                yield ScheduleActivity(attempt, given, id="one")
            if came and "two" not in begun:
                yield ScheduleActivity(far, came[0].data["code"], id="two")
            if ended.keys() == {"one", "two"}:
                yield CompleteProcess({id: each.value for id, each in ended.items()})

    return Deciding


class Guarded(Simulation):
    """A world in which everything that goes to the store is searched."""

    def __init__(self, world: Sealed, faults: tuple[Fault, ...], **given: Any) -> None:
        """Take the world that is played."""
        super().__init__(
            world.seed,
            world.workflows,
            faults=faults,
            workers=world.workers,
            queues=world.queues,
            lease=LEASE,
            **given,
        )
        self._world = world
        self.codecs, self.vault = world.codecs, world.vault

    def reached(self, node: Node, call: str, arguments: tuple[Any, ...], answer: Any) -> None:
        """Something was put down, or asked for."""
        super().reached(node, call, arguments, answer)
        texts = msgspec.msgpack.encode(arguments, enc_hook=repr)
        for what in self._world.met(texts, is_stored=True):
            self.find(f"{what} is in clear in {call} of {node.name}")


class Sealed(World):
    """Secrets in inputs, results, errors, signals, external stores, tasks, children and undos.

    Keys are replaced: which of two is the newer one is not the same everywhere.
    """

    def __init__(self, seed: int) -> None:
        """As any world, with keys."""
        chance = random.Random(f"keys {seed}")
        self.keys = [base64.urlsafe_b64encode(chance.randbytes(32)).decode() for _ in range(2)]
        encrypted = Encrypted(*self.keys)
        self.codecs: tuple[PayloadCodec, ...] = chance.choice(
            ((), (encrypted,), (Zlib(minimum=256), encrypted))
        )
        self.words = Words(chance)
        super().__init__(seed)
        self.customer.ledger = self.ledger = SealedLedger(codecs=self.codecs)
        self.client.ledger = self.ledger
        self.shown: list[str] = []

    def draw(self) -> Iterator[Any]:
        """A list or a decider."""
        self.customer = Customer(self.words, self.ledger)
        if self.chance.random() < 0.5:
            yield locked_list(self.chance, self.customer)
        else:
            yield locked_decider(self.customer)

    def draw_plan(self) -> Plan:
        """One of it, to whom secrets are sent."""
        words, chance = self.words, self.chance
        given = {"user": words.user, "word": SecretStr(words.word), "pin": words.pin}
        code = {"by": "ann", "code": SecretStr(words.code)}
        seen = Letter(0.1, "", {"seen": SecretStr(words.seen)}, is_update=True)
        starts = [
            Start(
                f"s{number}",
                workflow,
                given,
                (Letter(chance.choice((0.0, 3.0)), "go", code, is_twice=True), seen),
            )
            for number, workflow in enumerate(self.workflows)
        ]
        return Plan(tuple(starts))

    def vault(self, node: Node) -> Vault:
        """The keys of a node; its odd workers seal with the second one."""
        is_odd = node.number != CLIENT and node.number % 2 == 1
        return vault_of(self.keys[::-1] if is_odd else self.keys)

    def simulation(self, faults: tuple[Fault, ...], **ground: Any) -> Simulation:
        """Where it is played."""
        return Guarded(self, faults, **ground)

    def met(self, texts: bytes, *, is_stored: bool) -> Iterator[str]:
        """What stands in clear there, and should not."""
        yield from {each.decode() for each in self.words.pattern.findall(texts)}
        if is_stored and self.codecs and self.words.user.encode() in texts:
            yield "what codecs encrypt"

    async def story(self, engine: EngineCore) -> None:
        """What its client lives through, and what it is shown at last."""
        await super().story(engine)
        for row in self.ledger.processes():
            id = row.process_id
            info, history = await engine.info(id), await engine.history(id)
            self.shown += [repr(info), *map(repr, history), str(await engine.explain(id))]

    def told(self) -> Any:
        """As any world's; secrets are compared by what they say."""
        vault = vault_of(self.keys)
        return {
            id: msgspec.json.decode(sealing.opened_text(msgspec.json.encode(end), vault.open))
            for id, end in super().told().items()
        }

    def findings(self, *, is_calm: bool) -> Iterator[str]:
        """As any world's, and what was shown in clear."""
        with using(vault_of(self.keys)):
            yield from [*super().findings(is_calm=is_calm)]
        yield from self.customer.faults
        lines = [*self.shown, *self.client.simulation.trace]
        recorded = [repr(each) for _, _, history in self.ledger.histories() for each in history]
        for line in (*lines, *recorded):
            yield from (
                f"{name} is in clear: {line}" for name in self.met(line.encode(), is_stored=False)
            )
