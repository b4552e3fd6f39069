"""What a world hears of its engines: the attempts that begin, and what is logged."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

from corago.activity import Context
from corago.runtime.listening import Listener, Subject
from corago.testing.simulator.nodes import CURRENT, Node
from corago.testing.simulator.watching import Watch

if TYPE_CHECKING:
    from corago.testing.simulator.world import World


class Ear(Listener):
    """Tells the watch of the attempts that begin on a node."""

    def __init__(self, node: Node, watch: Watch) -> None:
        """Take both."""
        self._node = node
        self._watch = watch

    def attempt_began(self, process: Subject, attempt: Context) -> None:  # noqa: ARG002 - as called
        """A step is about to run."""
        self._watch.began(self._node, attempt)


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
