"""Points, boxes and the lines between them. The y axis points down, as on a screen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

Point = tuple[float, float]

Segment = tuple[Point, ...]
"""Two points are a straight line, four a cubic Bézier curve."""

Run = tuple[Segment, ...]
"""Segments of which each begins where the one before ends."""

_STEPS = 16


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

    def meets(self, other: Box) -> bool:
        """Whether they have more than an edge in common."""
        return (
            self.x < other.right
            and other.x < self.right
            and self.y < other.bottom
            and other.y < self.bottom
        )

    def holds(self, other: Box) -> bool:
        """Whether the other one lies wholly in this one."""
        return (
            self.x <= other.x
            and self.y <= other.y
            and other.right <= self.right
            and other.bottom <= self.bottom
        )


def moved(runs: Iterable[Run], dx: float, dy: float) -> tuple[Run, ...]:
    """The same lines, elsewhere."""
    return tuple(
        tuple(tuple((x + dx, y + dy) for x, y in segment) for segment in run) for run in runs
    )


def backwards(runs: Iterable[Run]) -> tuple[Run, ...]:
    """The same lines from their end to their beginning."""
    turned = [tuple(segment[::-1] for segment in run[::-1]) for run in runs]
    return tuple(turned[::-1])


def points(run: Run) -> Iterator[Point]:
    """Points along a run, close enough to tell what it meets."""
    for segment in run:
        if len(segment) == 2:  # noqa: PLR2004 - a straight line
            (ax, ay), (bx, by) = segment
            for step in range(_STEPS + 1):
                at = step / _STEPS
                yield (ax + (bx - ax) * at, ay + (by - ay) * at)
        else:
            for step in range(_STEPS + 1):
                yield _on_curve(segment, step / _STEPS)


def _on_curve(curve: Segment, at: float) -> Point:
    left = 1 - at
    shares = (left**3, 3 * at * left**2, 3 * at**2 * left, at**3)
    return (
        sum(share * x for share, (x, _) in zip(shares, curve, strict=True)),
        sum(share * y for share, (_, y) in zip(shares, curve, strict=True)),
    )
