"""Worlds that have once found something, with the few faults that it took: they are always played.

A change of what a world draws from its seed makes its rows worthless: look for others then.
"""

from __future__ import annotations

from dataclasses import dataclass

from corago.testing.simulator import Fault


@dataclass(frozen=True)
class Regression:
    """One of them; without `faults` it went wrong in calm."""

    world: str
    seed: int
    found: str
    faults: tuple[Fault, ...] = ()
    store: str = "memory"

    def __str__(self) -> str:
        return f"{self.world}-{self.seed}"


REGRESSIONS = (
    Regression("operated", 47, "a step ran again while its end waited for another's conflict"),
    Regression("operated", 158, "the same, in branches of items, at most once"),
    Regression("stopped", 41, "replay refused a decider that a cancel had ended"),
    Regression("orders", 8, "replay refused a signal before the first decision"),
    Regression("orders", 9, "replay refused an activity of a queue, called off in its back-off"),
    Regression("machines", 544, "replay refused work of a queue, called off before it began"),
)
