"""A world of one machine's process, for generated tests: its work pretends, its worker may die."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from corago.activity import ActivityFunction
from corago.backends.local import LocalBackend
from corago.core.program import Snapshot
from corago.machine.definition import Machine
from corago.machine.program import MachineProgram
from corago.runtime.engine import EngineCore
from corago.runtime.executor import InlineExecutor
from corago.runtime.settings import Settings, Surround, Workflow
from corago.steps import done, init, workflow
from corago.testing.operating import PROCESS
from corago.testing.samples import Samples
from corago.testing.simulator import Node
from corago.testing.simulator.serving import queues_of
from corago.testing.staging import LEASE, NodeClock, Stage, StagedStore
from corago.wiring import KINDS

T = TypeVar("T")

ProgramOf = Callable[[Mapping[str, Any]], MachineProgram]

VERDICTS = ("well", "well", "other", "badly", "slowly")
"""How activities may end."""


@dataclass(frozen=True)
class Staged:
    """A machine as the engine gets it, with activities that only pretend."""

    name: str
    version: int
    sha: str
    document: Mapping[str, Any]
    functions: Mapping[str, Any]
    program: MachineProgram
    children: Sequence[Workflow]
    timeout: float | None
    canonical: bytes
    description: str


class MachineStage(Stage):
    """A world of one machine's process, whose worker dies when its fuse has burnt down."""

    def __init__(
        self, machine: type[Machine], also: Iterable[Workflow], program: ProgramOf
    ) -> None:
        """Take the machine, the workflows of its children, and what makes its program."""
        self.fuse = 0
        self.verdict = VERDICTS[0]
        self.samples = Samples(MachineProgram(machine.document).model)
        self.kinds = {**KINDS, machine.kind: program}
        self.client: Node | None = None
        self._face: EngineCore | None = None
        staged = self._staged(machine, program)
        others = _with_stubs(machine, tuple(also))
        super().__init__((staged, *others), self._burns, is_before=True)
        self.machine = staged
        self.program = staged.program

    def _staged(self, machine: type[Machine], program: ProgramOf) -> Staged:
        functions = {
            name: self._pretended(machine, each) if isinstance(each, ActivityFunction) else each
            for name, each in machine.functions.items()
        }
        return Staged(
            name=machine.name,
            version=machine.version,
            sha=machine.sha,
            document=machine.document,
            functions=functions,
            program=program(machine.document),
            children=(),
            timeout=machine.timeout,
            canonical=machine.canonical,
            description=machine.description,
        )

    def _pretended(self, machine: type[Machine], activity: ActivityFunction) -> ActivityFunction:
        runs = [body["run"] for body in machine.document["states"].values() if "run" in body]
        kinds = [
            run["result"] for run in runs if run["activity"] == activity.path and "result" in run
        ]
        results = self.samples.results(kinds[0]) if kinds else [None]
        named = [
            edge["error"]
            for body in machine.document["states"].values()
            for edge in body.get("failed", ())
            if "error" in edge
        ]

        async def pretend() -> Any:
            if self.verdict == "slowly":
                await asyncio.sleep(2.0)
            if self.verdict == "badly":
                raise type((named or ["Exception"])[0], (Exception,), {})("as the test wants it")
            return results[-1 if self.verdict == "other" else 0]

        return ActivityFunction(activity.path, pretend, True, lambda _: {}, lambda value: value)

    def engine(self, node: Node, *, has_worker: bool = True) -> EngineCore:
        """An engine that lives and dies with its node."""
        clock = NodeClock(self.time, node)
        store: Any = StagedStore(self, node, self.store)
        surround = Surround(clock, self.new_id, _hardly_ever, lambda _: InlineExecutor())
        queues = queues_of(self.workflows) if has_worker else ()
        made = Settings(has_worker=has_worker, lease=LEASE, queues=queues)
        backend = LocalBackend(store, clock, self.kinds)
        return EngineCore(backend, surround, made, self.workflows)

    def _burns(self, _number: int, _call: str, _arguments: tuple[Any, ...]) -> bool:
        if not self.fuse:
            return False
        self.fuse -= 1
        return not self.fuse

    def _is_still(self) -> bool:
        if self.first is not None and self.first.is_dead:
            self.first = None  # the next worker may be struck too
        return super()._is_still()

    def perform_now(self, main: Callable[[EngineCore], Awaitable[T]]) -> T:
        """Do something as a client, and wait until nothing more follows at this instant."""
        client = self.client = self.client or self.node("client")

        async def story() -> T:
            if self._face is None:
                self._face = self.engine(client, has_worker=False)
                await self._face.__aenter__()
            answer = await main(self._face)
            assert await self._rests(), "the machine is busy for ever"
            return answer

        async def watched() -> T:
            return await client.spawn(story())

        return self.go_on(watched(), limit=timedelta(days=36500))

    async def row(self) -> Snapshot:
        """What the store has of the process."""
        backend = LocalBackend(self.store, self.time, self.kinds)
        return (await backend.describe(PROCESS)).snapshot


async def _hardly_ever(_: float) -> None:
    """Nobody looks for other writers here, since all are heard at once."""
    await asyncio.sleep(LEASE.total_seconds())


def _with_stubs(machine: type[Machine], also: tuple[Workflow, ...]) -> tuple[Workflow, ...]:
    """The workflows that the machine's children are of; those nobody gave end well at once."""
    known = {each.name for each in also}
    found = list(also)
    for body in machine.document["states"].values():
        for child in body.get("children", {}).values():
            if child["workflow"] not in known:
                known.add(child["workflow"])
                found.append(_stub(child["workflow"]))
    return tuple(found)


def _stub(name: str) -> Workflow:
    def stub() -> Any:
        return init >> done

    stub.__name__ = name
    return workflow("Ends well at once")(stub)
