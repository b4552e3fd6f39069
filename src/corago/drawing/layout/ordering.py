"""In which order the cells of each row stand, so that few strands cross.

Rows are swept down and up; each cell goes to the median of what it is tied to, then neighbours are
exchanged as long as that saves a crossing.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_SWEEPS = 12


@dataclass(frozen=True, slots=True)
class Tie:
    """A strand from a cell to one in the next row.

    The fractions (0 is the left end of a cell, 1 its right end) say where it ends on cells that
    can't choose; 0.5 on all others.
    """

    upper: int
    lower: int
    upper_at: float = 0.5
    lower_at: float = 0.5


Rows = list[list[int]]


def ordered(rows: Sequence[Sequence[int]], ties: Sequence[Tie]) -> Rows:
    """The rows in an order with few crossings; equal input gives equal output."""
    sorter = _Sorter(rows, ties)
    first = sorter.best([list(row) for row in rows])
    if not first[0]:
        return first[1]
    candidates = [first, *(sorter.best(start) for start in sorter.starts())]
    return min(candidates, key=lambda each: each[0])[1]


class _Sorter:
    def __init__(self, rows: Sequence[Sequence[int]], ties: Sequence[Tie]) -> None:
        self._given = rows
        self._row = {cell: number for number, row in enumerate(rows) for cell in row}
        self._gaps: list[list[Tie]] = [[] for _ in rows]
        self._above: dict[int, list[tuple[int, float]]] = {cell: [] for cell in self._row}
        self._below: dict[int, list[tuple[int, float]]] = {cell: [] for cell in self._row}
        for tie in ties:
            self._gaps[self._row[tie.upper]].append(tie)
            self._below[tie.upper].append((tie.lower, tie.lower_at))
            self._above[tie.lower].append((tie.upper, tie.upper_at))

    def starts(self) -> Iterable[Rows]:
        """Other orders to begin with: as cells are met from above, and from below."""
        yield self._met(range(len(self._given)))
        yield self._met(range(len(self._given) - 1, -1, -1))

    def _met(self, numbers: Iterable[int]) -> Rows:
        found: Rows = [[] for _ in self._given]
        seen: set[int] = set()
        for number in numbers:
            for start in self._given[number]:
                trail = [start]
                while trail:
                    cell = trail.pop()
                    if cell in seen:
                        continue
                    seen.add(cell)
                    found[self._row[cell]].append(cell)
                    trail += [other for other, _ in reversed(self._above[cell])]
                    trail += [other for other, _ in reversed(self._below[cell])]
        return found

    def best(self, rows: Rows) -> tuple[int, Rows]:
        """The fewest crossings found from this order on, and the order that has them."""
        at = {cell: place for row in rows for place, cell in enumerate(row)}
        best = (self._crossings(at), [list(row) for row in rows])
        for sweep in range(_SWEEPS):
            if not best[0]:
                break
            is_down = sweep % 2 == 0
            order = range(1, len(rows)) if is_down else range(len(rows) - 2, -1, -1)
            for number in order:
                rows[number] = self._by_median(
                    rows[number], at, is_down=is_down, is_late=sweep % 4 > 1
                )
                at.update((cell, place) for place, cell in enumerate(rows[number]))
            self._exchange(rows, at)
            count = self._crossings(at)
            if count < best[0]:
                best = (count, [list(row) for row in rows])
        return best

    def _by_median(
        self, row: list[int], at: dict[int, int], *, is_down: bool, is_late: bool
    ) -> list[int]:
        """The row by medians; cells without ties stay, and equals keep their order, or turn it."""
        side = self._above if is_down else self._below
        medians: dict[int, float] = {}
        for cell in row:
            ends = [at[other] + fraction for other, fraction in side[cell]]
            if ends:
                medians[cell] = _median(sorted(ends))
        tied = [cell for cell in row if cell in medians]
        if is_late:
            tied.reverse()
        moved = iter(sorted(tied, key=lambda cell: medians[cell]))
        return [next(moved) if cell in medians else cell for cell in row]

    def _exchange(self, rows: Rows, at: dict[int, int]) -> None:
        """Exchange neighbours as long as that saves a crossing."""
        stale = set(range(len(rows)))
        for _ in range(_SWEEPS):
            changed = set()
            for number in sorted(stale):
                row = rows[number]
                for place in range(len(row) - 1):
                    left, right = row[place], row[place + 1]
                    if self._saves(left, right, at):
                        row[place], row[place + 1] = right, left
                        at[left], at[right] = place + 1, place
                        changed.add(number)
            stale = {near for number in changed for near in (number - 1, number, number + 1)}
            stale &= set(range(len(rows)))
            if not stale:
                return

    def _saves(self, left: int, right: int, at: dict[int, int]) -> bool:
        """Whether two neighbours cross each other's strands more often so than exchanged."""
        more = 0
        for side in (self._above, self._below):
            ends = [at[cell] + fraction for cell, fraction in side[right]]
            for cell, fraction in side[left] if ends else ():
                here = at[cell] + fraction
                for there in ends:
                    more += (here > there) - (here < there)
        return more > 0

    def _crossings(self, at: dict[int, int]) -> int:
        count = 0
        for ties in self._gaps:
            ends = sorted((at[t.upper] + t.upper_at, at[t.lower] + t.lower_at) for t in ties)
            passed: list[float] = []
            for _, lower in ends:
                count += len(passed) - bisect_right(passed, lower)
                insort(passed, lower)
        return count


def _median(ends: list[float]) -> float:
    """The middle; of an even number, nearer to the side where the ends are closer together."""
    middle = len(ends) // 2
    if len(ends) % 2:
        return ends[middle]
    if len(ends) == 2:  # noqa: PLR2004 - a pair
        return (ends[0] + ends[1]) / 2
    left = ends[middle - 1] - ends[0]
    right = ends[-1] - ends[middle]
    if not left + right:
        return (ends[middle - 1] + ends[middle]) / 2
    return (ends[middle - 1] * right + ends[middle] * left) / (left + right)
