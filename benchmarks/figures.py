"""What a measurement gives, and how much is measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One measurement; `ratio` is what the goal speaks of, `note` is for the reader."""

    name: str
    ours: float
    floor: float
    ratio: float
    unit: str
    goal: str
    is_met: bool
    note: str = ""


@dataclass(frozen=True)
class Size:
    """How much is measured; `quick` only shows that everything runs."""

    is_quick: bool = False

    def of(self, full: int, quick: int) -> int:
        return quick if self.is_quick else full


def at_least(name: str, ours: float, floor: float, *, least: float, unit: str, note: str) -> Figure:
    """A figure of which more is better."""
    ratio = ours / floor
    return Figure(name, ours, floor, ratio, unit, f"≥ {least:.0%} of floor", ratio >= least, note)


def at_most(name: str, ours: float, floor: float, *, most: float, unit: str, goal: str) -> Figure:
    """A figure of which less is better."""
    ratio = ours / floor
    return Figure(name, ours, floor, ratio, unit, goal, ratio <= most)


def only(name: str, ours: float, floor: float, unit: str, note: str = "") -> Figure:
    """A figure without a goal."""
    return Figure(name, ours, floor, ours / floor if floor else 0.0, unit, "-", True, note)
