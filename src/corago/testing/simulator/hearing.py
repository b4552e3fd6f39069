"""What a world hears of its engines: the attempts that begin, and what is logged."""

from __future__ import annotations

import contextlib
import contextvars
import logging
import random
from collections.abc import Iterator
from typing import TYPE_CHECKING

from corago.activity import Context
from corago.core.events import ActivityResult
from corago.runtime.listening import Listener, Subject
from corago.testing.simulator.faults import Fault
from corago.testing.simulator.nodes import CURRENT, Node
from corago.testing.simulator.watching import Watch

if TYPE_CHECKING:
    from corago.testing.simulator.world import World


_INTO = (0.0005, 0.02, 0.3)
"""So many seconds after some code has begun, a node stands still that was to do so in it."""


class Ear(Listener):
    """Tells of the attempts that begin on a node: the watch, and whoever keeps account of them."""

    def __init__(self, node: Node, watch: Watch) -> None:
        """Take both."""
        self._node = node
        self._watch = watch

    def attempt_began(self, process: Subject, attempt: Context) -> None:  # noqa: ARG002 - as called
        """A step is about to run."""
        self._watch.began(self._node, attempt)
        node, world = self._node, self._node.world
        world.doings.began(node, attempt)
        fault = world.aim.begins(node)
        if fault is not None:
            chance = random.Random(f"{world.seed} {fault!r}")
            later = contextvars.Context()
            world.loop.call_later(chance.choice(_INTO), self._stall, fault, attempt, context=later)

    def _stall(self, fault: Fault, attempt: Context) -> None:
        """Let it stand still, in the midst of that code if it is not over by now."""
        node, world = self._node, self._node.world
        if not node.is_dead:
            world.happen(fault, node)
            what = f"attempt {attempt.attempt} of {attempt.path!r} of {attempt.process_id!r}"
            world.words[fault] = f"{node.name} stands still for {fault.seconds:g} s in {what}"
            node.pause(fault.seconds)

    def attempt_ended(
        self,
        process: Subject,  # noqa: ARG002 - as called
        attempt: Context,
        result: ActivityResult | None,
        seconds: float,  # noqa: ARG002 - as called
    ) -> None:
        """Its code has ended, and that is not recorded yet."""
        self._node.world.doings.ended(self._node, attempt, result)


class _Reader(logging.Handler):
    """Writes what engines log into the trace; what they did not expect is a finding."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def emit(self, record: logging.LogRecord) -> None:
        node = CURRENT.get()
        name, what = "the world" if node is None else node.name, record.getMessage()
        self._world.note(f"{name} logs {record.levelname}: {what}")
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            self._world.find(f"{name} broke: {what}: {type(error).__name__}: {error}")


@contextlib.contextmanager
def hearing_logs(world: World) -> Iterator[None]:
    """Within it, what engines log goes to the world's trace, and nowhere else."""
    logger, reader = logging.getLogger("corago"), _Reader(world)
    level, propagates = logger.level, logger.propagate
    logger.addHandler(reader)
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(reader)
        logger.setLevel(level)
        logger.propagate = propagates
