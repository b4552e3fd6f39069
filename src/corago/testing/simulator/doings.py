"""What the workers of a world did: each attempt that began, and how its code ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from corago.activity import Context
from corago.core.events import ActivityResult
from corago.testing.effects import Account, Effect

if TYPE_CHECKING:
    from corago.testing.simulator.nodes import Node


@dataclass(slots=True)
class Doings:
    """All that began in a world, in its order; `before` is called as the code of any begins."""

    account: Account = field(default_factory=Account)
    before: Callable[[], None] | None = None
    _running: dict[int, tuple[Node, Context, int]] = field(default_factory=dict)
    _untold: dict[tuple[str, str, str], Effect] = field(default_factory=dict)

    def began(self, node: Node, attempt: Context) -> None:
        """An attempt begins on a node."""
        if self.before is not None:
            self.before()
        place = self.account.began(attempt, node.name)
        self._running[id(attempt)] = node, attempt, place

    def ended(self, node: Node, attempt: Context, result: ActivityResult | None) -> None:
        """Its code has ended; None where nobody waited for it any more."""
        _, _, place = self._running.pop(id(attempt))
        if node.is_dead:
            return  # the world is being cleared away
        self.account.ended(place, result)
        if result is not None:
            self._untold[node.name, attempt.process_id, attempt.path] = self.account.effects[place]

    def told(self, node: Node, process: str, path: str) -> Effect | None:
        """What ended there on this node, when it is first to be recorded."""
        return self._untold.pop((node.name, process, path), None)

    @property
    def is_idle(self) -> bool:
        """Whether no code runs on any node that lives."""
        return all(node.is_dead for node, _, _ in self._running.values())

    def repeated(self) -> Iterator[str]:
        """The attempts that began more than once, each in a sentence with its key."""

        def of(effect: Effect) -> tuple[str, int]:
            return effect.key, effect.attempt

        for (key, attempt), group in groupby(sorted(self.account.effects, key=of), key=of):
            effects = list(group)
            if len(effects) > 1:
                where = ", and ".join(f"on {each.worker}, {_end(each)}" for each in effects)
                yield (
                    f"attempt {attempt} of {effects[0].use} began {len(effects)} times under its "
                    f"key {key!r}: {where}"
                )


def _end(effect: Effect) -> str:
    return f"where its code {effect.end}" if effect.end else "where it did not come to its end"
