"""Points, boxes and the lines between them. The y axis points down, as on a screen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

Point = tuple[float, float]

Segment = tuple[Point, ...]
"""Two points are a straight line, four a cubic Bézier curve."""

Run = tuple[Segment, ...]
"""Segments of which each begins where the one before ends."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle by its upper left corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The x of its right side."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """The y of its lower side."""
        return self.y + self.height

    @property
    def middle(self) -> Point:
        """The point in its middle."""
        return (self.x + self.width / 2, self.y + self.height / 2)

    def moved(self, dx: float, dy: float) -> Box:
        """The same, elsewhere."""
        return Box(self.x + dx, self.y + dy, self.width, self.height)

    def grown(self, by: float) -> Box:
        """With a margin all around; a negative one makes it smaller."""
        return Box(self.x - by, self.y - by, self.width + 2 * by, self.height + 2 * by)


def moved(runs: Iterable[Run], dx: float, dy: float) -> tuple[Run, ...]:
    """The same lines, elsewhere."""
    return tuple(
        tuple(tuple((x + dx, y + dy) for x, y in segment) for segment in run) for run in runs
    )


def backwards(runs: Iterable[Run]) -> tuple[Run, ...]:
    """The same lines from their end to their beginning."""
    turned = [tuple(segment[::-1] for segment in run[::-1]) for run in runs]
    return tuple(turned[::-1])
