"""The lines of wires through bands and gaps, drawn downwards."""

from __future__ import annotations

from corago.drawing.layout.geometry import Point, Run, Segment

STRAIGHT = 9.0
"""How far a line is straight where it leaves an item or arrives at one: an arrow's head fits."""

_RADIUS = 14.0
_ROUND = 0.5523
_SAME = 0.05


class Pen:
    """Draws runs. Straight lines that go on in one direction are one line."""

    def __init__(self, start: Point) -> None:
        """Begin here."""
        self._at = start
        self._start = start
        self._segments: list[Segment] = []

    def down(self, y: float) -> None:
        """A line straight down to this height."""
        self._at = (self._at[0], y)

    def over(self, to: Point, track: float | None) -> None:
        """To a point further down, in a curve, or level at the height of a track in between."""
        (ax, ay), (bx, by) = self._at, to
        if abs(ax - bx) < _SAME:
            return self.down(by)
        self._line()
        if track is None:
            half = (ay + by) / 2
            self._segments.append(((ax, ay), (ax, half), (bx, half), (bx, by)))
            self._at = self._start = to
            return None
        first, second = (min(_RADIUS, abs(ax - bx) / 2, high) for high in (track - ay, by - track))
        side = 1 if bx > ax else -1
        self.down(track - first)
        self._corner((ax, track), (ax + side * first, track))
        self._at = (bx - side * second, track)
        self._corner((bx, track), (bx, track + second))
        return self.down(by)

    def lifted(self, to: Point) -> Run:
        """What was drawn; the pen goes on elsewhere."""
        self._line()
        run, self._segments = tuple(self._segments), []
        self._at = self._start = to
        return run

    def _corner(self, corner: Point, end: Point) -> None:
        self._line()
        (ax, ay), (cx, cy), (bx, by) = self._at, corner, end
        first = (ax + (cx - ax) * _ROUND, ay + (cy - ay) * _ROUND)
        second = (bx + (cx - bx) * _ROUND, by + (cy - by) * _ROUND)
        self._segments.append((self._at, first, second, end))
        self._at = self._start = end

    def _line(self) -> None:
        if self._at != self._start:
            self._segments.append((self._start, self._at))
        self._start = self._at
