"""Tests that are made from a machine's definition: any order of events, any crash, any clock.

The engine's code is the production code, on the simulator's virtual loop and a store in memory.
Needs Hypothesis, which the extra `test` brings.
"""

from __future__ import annotations

import asyncio
import itertools
import unittest
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeVar

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from corago.core import events as e
from corago.core.history import History
from corago.core.preview import Preview
from corago.core.program import Snapshot
from corago.errors import ProcessClosedError
from corago.machine.definition import Machine
from corago.machine.program import MachineProgram
from corago.runtime.engine import EngineCore
from corago.runtime.settings import Workflow
from corago.testing.laws import broken_laws
from corago.testing.machine_stage import VERDICTS, MachineStage, ProgramOf
from corago.testing.operating import PROCESS
from corago.testing.telling import told

T = TypeVar("T")

FUSE = 12
"""A worker dies at one of its next so many store calls."""


class MachineTest(RuleBasedStateMachine):
    """What `machine_test` gives for one machine; `made_for` is that one."""

    made_for: type[Machine]
    also: tuple[Workflow, ...] = ()
    given: Mapping[str, Any] = {}
    program: ProgramOf = MachineProgram

    def __init__(self) -> None:
        """Start a process."""
        super().__init__()
        self.stage = MachineStage(self.made_for, self.also, type(self).program)
        self._keys = itertools.count(1)
        self.sent: dict[str, str] = {}
        opening = self.stage.samples.opening(self.given)
        self.events = tuple(MachineProgram(self.made_for.document).model.known_events)
        self._do(lambda engine: engine.start(self.stage.machine, opening, id=PROCESS))

    def teardown(self) -> None:
        """Let the world end."""
        self.stage.end()

    def _do(self, main: Callable[[EngineCore], Awaitable[T]]) -> T:
        return self.stage.perform_now(main)

    @property
    def history(self) -> History:
        """The history of the process."""
        return self._do(lambda engine: engine.history(PROCESS))

    def _event(self, number: int) -> tuple[str, Any]:
        name = self.events[number % len(self.events)]
        data = self.stage.samples.events(name)
        return name, data[number // len(self.events) % len(data)]

    # -- what may happen ---------------------------------------------------------------------

    @precondition(lambda self: self.events)
    @rule(number=st.integers(0, 999), times=st.integers(1, 3))
    def event(self, number: int, times: int) -> None:
        """One event comes, perhaps several times with one key, as a preview has told."""
        name, data = self._event(number)
        self._foretold(
            {"signal": (name, data)}, lambda engine: self._send(engine, name, data, times)
        )

    @precondition(lambda self: self.events)
    @rule(numbers=st.lists(st.integers(0, 999), min_size=2, max_size=4), late=st.booleans())
    def several_events(self, numbers: list[int], late: bool) -> None:  # noqa: FBT001 - drawn
        """Some events come at once, the first one twice: at once, or again after the others."""
        events = [self._event(number) for number in numbers]

        async def send(engine: EngineCore) -> None:
            keys = [f"several {next(self._keys)}" for _ in events]
            pairs = list(zip(events, keys, strict=True))
            again = [*pairs, pairs[0]] if late else [pairs[0], *pairs]
            await asyncio.gather(
                *(self._sent(engine, name, data, key) for (name, data), key in again)
            )

        self._do(send)

    @rule(number=st.integers(0, 999))
    def update(self, number: int) -> None:
        """Outside code changes the external store, as a preview has told."""
        changes = list(self.stage.samples.updates())
        if changes:
            chosen = changes[number % len(changes)]

            async def send(engine: EngineCore) -> None:
                await _unless_closed(engine.update(PROCESS, chosen))

            self._foretold({"update": chosen}, send)

    @rule(seconds=st.sampled_from((0.0, 1.0, 3600.0, 10_000_000.0)))
    def time_passes(self, seconds: float) -> None:
        """The clock goes to the next instant that somebody waits for, or jumps far beyond it."""

        async def pass_(_: EngineCore) -> None:
            if seconds:
                self.stage.time.advance(seconds)
            else:
                self.stage.time.jump()

        self._do(pass_)

    @rule(fuse=st.integers(1, FUSE), is_before=st.booleans())
    def crash_soon(self, fuse: int, is_before: bool) -> None:  # noqa: FBT001 - drawn
        """The worker will die at one of its next writes, before or after it."""
        self.stage.fuse, self.stage.is_before = fuse, is_before

    @rule(verdict=st.sampled_from(VERDICTS))
    def work_will_end(self, verdict: str) -> None:
        """Activities end so from now on."""
        self.stage.verdict = verdict

    @rule(verb=st.sampled_from(("retry", "skip")))
    def person(self, verb: str) -> None:
        """An operator does something about what stands still."""

        async def act(engine: EngineCore) -> None:
            info = await engine.info(PROCESS)
            for wait in info.waits:
                if info.status == "suspended" and wait.kind == "incident":
                    await getattr(engine, verb)(PROCESS, step=wait.path or None)
                    return

        self._do(act)

    # -- sending -----------------------------------------------------------------------------

    async def _send(self, engine: EngineCore, name: str, data: Any, times: int) -> None:
        key = f"event {next(self._keys)}"
        for _ in range(times):
            await self._sent(engine, name, data, key)

    async def _sent(self, engine: EngineCore, name: str, data: Any, key: str) -> None:
        if await _unless_closed(engine.signal(PROCESS, name, data, key=key)):
            self.sent[key] = name

    def _foretold(
        self, question: dict[str, Any], send: Callable[[EngineCore], Awaitable[None]]
    ) -> None:
        """Send, and see that what is recorded first is what a preview said."""

        async def ask(engine: EngineCore) -> tuple[Preview, int]:
            said = await engine.preview(PROCESS, **question)
            return said, len(await engine.history(PROCESS))

        has_fuse = bool(self.stage.fuse)
        said, before = self._do(ask)
        self._do(send)
        after = self.history[before : before + len(said.decisions)]
        if not has_fuse:
            wanted, got = list(map(_plain, said.decisions)), list(map(_plain, after))
            assert got == wanted or not after, (
                f"the preview of {question} said\n{told(said.decisions)}\nand this came:\n"
                f"{told(after)}"
            )

    # -- what always holds -------------------------------------------------------------------

    @invariant()
    def the_history_holds(self) -> None:
        """One transition a position, timers fire once, no effect twice, and the row is right."""

        async def look(engine: EngineCore) -> tuple[History, Snapshot]:
            return await engine.history(PROCESS), await self.stage.row()

        recorded, row = self._do(look)
        for broken in broken_laws(self.stage.program, recorded, row):
            raise AssertionError(f"{broken}\n{told(recorded)}")
        received = [event.key for event in recorded.of(e.SignalReceived)]
        assert len(received) == len(set(received)), f"a signal was taken twice\n{told(recorded)}"
        lost = [f"{name} ({key})" for key, name in self.sent.items() if key not in received]
        if not row.process.is_closed:
            assert not lost, f"signals were lost: {', '.join(lost)}\n{told(recorded)}"


def machine_test(
    machine: type[Machine],
    given: Mapping[str, Any] | None = None,
    *,
    also: Iterable[Workflow] = (),
    steps: int = 12,
    examples: int = 30,
    program: ProgramOf = MachineProgram,
) -> type[unittest.TestCase]:
    """A test case that tries a machine out.

    Write `TestDoor = machine_test(Door)` into a test file. Hypothesis draws what comes: events with
    data (one by one, several at once, again with the same key), changes of the external store, time
    that passes or jumps, how work ends, a person who acts on what stands still, and crashes of the
    worker between any two writes. What always holds is looked at after each: a commit is what its
    preview said, every transition has one position and follows the one before, timers fire once, no
    effect is asked for twice, no signal is lost or taken twice, and the history gives what the
    store has.

    Args:
        machine: the machine; its guards are asked, its activities only pretend to run.
        given: the input; fields without a default that are not in it get a value.
        also: the workflows of its children; those that are missing end well at once.
        steps: so many things happen in one run at most.
        examples: so many runs are made.
        program: what runs its document, to see what such a test finds.
    """
    made: Any = type(
        f"{machine.name}Test",
        (MachineTest,),
        {
            "made_for": machine,
            "given": dict(given or {}),
            "also": tuple(also),
            "program": staticmethod(program),
        },
    )
    case = made.TestCase
    case.settings = settings(deadline=None, stateful_step_count=steps, max_examples=examples)
    found: type[unittest.TestCase] = case
    return found


async def _unless_closed(sending: Awaitable[None]) -> bool:
    try:
        await sending
    except ProcessClosedError:
        return False
    return True


_ELSEWHERE = ("position", "at", "due", "actor", "reason", "key")


def _plain(event: e.Event) -> dict[str, Any]:
    """An event without what only its moment and its sender tell."""
    fields: dict[str, Any] = msgspec.to_builtins(event)
    return {name: value for name, value in fields.items() if name not in _ELSEWHERE}
