"""Where each cell stands in its row: strands as straight as can be, cells above their middle.

After Brandes and Köpf: cells are tied into straight columns from above and from below, leftmost and
rightmost; each of the four drawings is pushed together, and the middle of them is taken. All four
keep the order and the distances in each row, so their middle does too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf

_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Extent:
    """How far a cell reaches from its anchor, distance to its neighbours included.

    A `bend` is a cell that only leads a strand (or holds its label), so it wants to be straight.
    """

    left: float
    right: float
    bend: bool = False


@dataclass(frozen=True, slots=True)
class Strand:
    """A line from a cell to one in the next row, and where it ends, counted from their anchors."""

    upper: int
    lower: int
    upper_at: float = 0.0
    lower_at: float = 0.0


def placed(
    rows: Sequence[Sequence[int]], extents: Sequence[Extent], strands: Sequence[Strand]
) -> list[float]:
    """The anchor of each cell."""
    if not extents:
        return []
    crossed = _crossed(rows, extents, strands)
    drawings = []
    for is_up in (False, True):
        for is_right in (False, True):
            alignment = _Alignment(rows, extents, strands, crossed, is_up=is_up, is_right=is_right)
            drawings.append(alignment.anchors())
    widths = []
    for anchors in drawings:
        low = min(x - extent.left for x, extent in zip(anchors, extents, strict=True))
        high = max(x + extent.right for x, extent in zip(anchors, extents, strict=True))
        widths.append((high - low, low, high))
    _, low, high = min(widths)
    for number, anchors in enumerate(drawings):
        shift = high - widths[number][2] if number % 2 else low - widths[number][1]
        drawings[number] = [x + shift for x in anchors]
    middles = (sorted(four) for four in zip(*drawings, strict=True))
    return [(four[1] + four[2]) / 2 for four in middles]


def _crossed(
    rows: Sequence[Sequence[int]], extents: Sequence[Extent], strands: Sequence[Strand]
) -> set[tuple[int, int]]:
    """The strands that cross one between two bends, and so must not be straight at its cost."""
    place = {cell: (number, at) for number, row in enumerate(rows) for at, cell in enumerate(row)}
    found = set()
    gaps: list[list[Strand]] = [[] for _ in rows]
    for strand in strands:
        gaps[place[strand.upper][0]].append(strand)
    for gap in gaps:
        inner = [each for each in gap if extents[each.upper].bend and extents[each.lower].bend]
        for one in gap:
            if one in inner:
                continue
            for other in inner:
                above = place[one.upper][1] - place[other.upper][1]
                below = place[one.lower][1] - place[other.lower][1]
                if above * below < 0:
                    found.add((one.upper, one.lower))
    return found


class _Alignment:
    """One of the four drawings; the others are the same, seen upside down or in a mirror."""

    def __init__(
        self,
        rows: Sequence[Sequence[int]],
        extents: Sequence[Extent],
        strands: Sequence[Strand],
        crossed: set[tuple[int, int]],
        *,
        is_up: bool,
        is_right: bool,
    ) -> None:
        self._sign = -1 if is_right else 1
        self._rows = [list(row)[:: self._sign] for row in rows][:: -1 if is_up else 1]
        self._place = {cell: at for row in self._rows for at, cell in enumerate(row)}
        self._extents = extents
        self._strands = strands
        self._before: list[list[tuple[int, float]]] = [[] for _ in extents]
        for each in strands:
            if (each.upper, each.lower) in crossed:
                continue
            here, there = (each.upper, each.lower) if is_up else (each.lower, each.upper)
            shift = each.upper_at - each.lower_at  # of the lower one, if the strand is straight
            self._before[here].append((there, self._sign * (-shift if is_up else shift)))
        self._root = list(range(len(extents)))
        self._next = list(range(len(extents)))
        self._shift = [0.0] * len(extents)
        self._align()

    def anchors(self) -> list[float]:
        """Where each cell stands, in the common sight."""
        at = self._pushed()
        return [
            self._sign * (at[self._root[cell]] + self._shift[cell])
            for cell in range(len(self._extents))
        ]

    def _align(self) -> None:
        """Tie each cell into a column with a middle one of its neighbours in the row before."""
        for row in self._rows:
            reached = -1
            for cell in row:
                ends = sorted(self._before[cell], key=lambda end: self._place[end[0]])
                middle = len(ends) // 2
                choice = ends[(len(ends) - 1) // 2 : middle + 1]
                for other, shift in choice:
                    if self._next[cell] == cell and reached < self._place[other]:
                        self._next[other] = cell
                        self._root[cell] = self._next[cell] = self._root[other]
                        self._shift[cell] = self._shift[other] + shift
                        reached = self._place[other]

    def _pushed(self) -> dict[int, float]:
        """Where each column stands: as far left as it can, then nearer to what it is tied to."""
        ahead: dict[int, dict[int, float]] = {root: {} for root in self._root}
        behind: dict[int, dict[int, float]] = {root: {} for root in self._root}
        for one, other, distance in self._neighbours():
            needed = max(distance, ahead[one].get(other, distance))
            ahead[one][other] = behind[other][one] = needed
        left = {root: len(before) for root, before in behind.items()}
        order = [root for root, count in left.items() if not count]
        at = dict.fromkeys(ahead, 0.0)
        for root in order:
            at[root] = max((at[each] + d for each, d in behind[root].items()), default=0.0)
            for other in ahead[root]:
                left[other] -= 1
                if not left[other]:
                    order.append(other)
        ties = self._ties()
        for _ in range(_ROUNDS):
            for root in (*reversed(order), *order):
                if ties[root]:
                    aims = sorted(at[other] + offset for other, offset in ties[root])
                    aim = (aims[(len(aims) - 1) // 2] + aims[len(aims) // 2]) / 2
                    low = max((at[each] + d for each, d in behind[root].items()), default=-inf)
                    high = min((at[each] - d for each, d in ahead[root].items()), default=inf)
                    at[root] = max(low, min(aim, high))
        return at

    def _ties(self) -> dict[int, list[tuple[int, float]]]:
        """By column, the others it is tied to, and how far from them the strand is straight."""
        found: dict[int, list[tuple[int, float]]] = {root: [] for root in self._root}
        for each in self._strands:
            upper, lower = self._root[each.upper], self._root[each.lower]
            if upper != lower:
                across = self._sign * (each.lower_at - each.upper_at)
                offset = self._shift[each.lower] - self._shift[each.upper] + across
                found[upper].append((lower, offset))
                found[lower].append((upper, -offset))
        return found

    def _neighbours(self) -> Iterator[tuple[int, int, float]]:
        """Every two columns that are neighbours in some row, with how far apart they must be."""
        for row in self._rows:
            for one, other in pairwise(row):
                left, right = self._extents[one], self._extents[other]
                needed = left.right + right.left if self._sign > 0 else left.left + right.right
                yield (
                    self._root[one],
                    self._root[other],
                    needed + self._shift[one] - self._shift[other],
                )
