"""Where everything on a sheet is from left to right: the order, the columns, the ends of wires."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf

from corago.drawing.layout.cells import Cell, Item, Plan, Thread, Wire, woven
from corago.drawing.layout.columns import Extent, Strand, placed
from corago.drawing.layout.ordering import Tie, ordered
from corago.drawing.layout.ports import Side

_SAME = 0.05
_ROUNDS = 2


@dataclass(frozen=True, slots=True)
class Link:
    """A wire's way from a row to the next, and whether its cells there are its ends."""

    wire: int
    upper: int
    lower: int
    is_first: bool
    is_last: bool


class Across:
    """A sheet laid out from left to right.

    Attributes:
        cells: every cell, those of the items first, each with its middle.
        rows: the cells of each row, from left to right.
        threads: by wire, its cells downwards.
    """

    def __init__(
        self, plan: Plan, items: Sequence[Item], wires: Sequence[Wire], heading: float
    ) -> None:
        """`heading` is the width of a text at the left of the uppermost row, 0 if there is none."""
        weave = woven(plan, items, wires)
        self.cells: list[Cell] = weave.cells
        self.rows: list[list[int]] = weave.rows
        self.threads: list[Thread] = weave.threads
        self._chains = [list(self._linked(wire)) for wire in range(len(wires))]
        self._items = items
        self._plan = plan
        self._sides = dict(self._sided())
        self._order()
        self._columns(heading)
        for _ in range(_ROUNDS):  # the two ends of a wire look at each other
            self._settle(self._sides)
        for _ in range(_ROUNDS):
            self._straighten()

    def ends(self, link: Link) -> tuple[float, float]:
        """Where a link begins and where it ends."""
        upper = self._sides[link.upper, True].at[link.wire] if link.is_first else None
        lower = self._sides[link.lower, False].at[link.wire] if link.is_last else None
        return (
            self.cells[link.upper].at if upper is None else upper,
            self.cells[link.lower].at if lower is None else lower,
        )

    def move(self, by: float) -> None:
        """Move everything to the right."""
        for cell in self.cells:
            cell.at += by
        for side in self._sides.values():
            side.at = {wire: at + by for wire, at in side.at.items()}

    def links(self) -> Iterator[Link]:
        """Every wire's way from row to row."""
        for chain in self._chains:
            yield from chain

    def chain(self, wire: int) -> list[Link]:
        """A wire's way, downwards."""
        return self._chains[wire]

    def _linked(self, wire: int) -> Iterator[Link]:
        thread = self.threads[wire]
        last = len(thread) - 2
        for step, (upper, lower) in enumerate(pairwise(thread)):
            yield Link(wire, upper, lower, step == 0, step == last)

    def _sided(self) -> Iterator[tuple[tuple[int, bool], Side]]:
        """The lower (True) and upper sides of the items at which wires end."""
        ending: dict[tuple[int, bool], list[int]] = {}
        for wire, thread in enumerate(self.threads):
            ending.setdefault((thread[0], True), []).append(wire)
            ending.setdefault((thread[-1], False), []).append(wire)
        for (number, is_lower), wires in ending.items():
            item = self._items[number]
            fixed = item.lowers if is_lower else item.uppers
            yield (number, is_lower), Side(item.width, wires, fixed)

    def _order(self) -> None:
        """Settle the order in each row, and that of the wires on each side."""
        ties: dict[tuple[int, int], Tie] = {}
        for link in self.links():
            above = below = 0.5
            if link.is_first:
                above = self._items[link.upper].fraction(link.wire, is_lower=True)
            if link.is_last:
                below = self._items[link.lower].fraction(link.wire, is_lower=False)
            ties[link.wire, link.upper] = Tie(link.upper, link.lower, above, below)
        self.rows = ordered(self.rows, list(ties.values()))
        place = {cell: at for row in self.rows for at, cell in enumerate(row)}
        for (number, is_lower), side in self._sides.items():
            beyond = {}
            for wire in side.wires:
                tie = ties[wire, number if is_lower else self.threads[wire][-2]]
                beyond[wire] = (
                    place[tie.lower] + tie.lower_at if is_lower else place[tie.upper] + tie.upper_at
                )
            side.order(beyond)

    def _columns(self, heading: float) -> None:
        strands = []
        for link in self.links():
            above = self._sides[link.upper, True].nominal[link.wire] if link.is_first else 0.0
            below = self._sides[link.lower, False].nominal[link.wire] if link.is_last else 0.0
            strands.append(Strand(link.upper, link.lower, above, below))
        if heading and self._plan.tops:
            # wires come in beside the heading: it has a place in their row, the leftmost
            self.rows[0].insert(0, len(self.cells))
            self.cells.append(Cell(0, 0.0, heading, is_border=True))
        extents = [
            Extent(cell.left + cell.margin, cell.right + cell.margin, cell.item is None)
            for cell in self.cells
        ]
        for cell, at in zip(self.cells, placed(self.rows, extents, strands), strict=True):
            cell.at = at

    # -- ends, and straight lines ------------------------------------------------------------

    def _settle(self, keys: Iterable[tuple[int, bool]]) -> None:
        """Settle where wires end on these sides, row by row downwards."""
        for number, is_lower in sorted(keys, key=lambda key: (self._plan.rows[key[0]], key)):
            side = self._sides[number, is_lower]
            wanted = {}
            for wire in side.wires:
                thread = self.threads[wire]
                other = thread[1] if is_lower else thread[-2]
                wanted[wire] = self.cells[other].at
                if len(thread) == 2:  # noqa: PLR2004 - nothing between the ends
                    far = self._sides[other, not is_lower]
                    wanted[wire] = far.at.get(wire, wanted[wire] + far.nominal[wire])
            side.spread(self.cells[number].at, wanted)

    def _straighten(self) -> None:
        """Move the straight parts of wires sideways where that takes a bend out of the sheet."""
        place = {cell: at for row in self.rows for at, cell in enumerate(row)}
        for wire, thread in enumerate(self.threads):
            for part in list(self._parts(thread)):
                at = self.cells[thread[part.start]].at
                ends = (
                    self.ends(self.chain(wire)[part.start - 1])[0],
                    self.ends(self.chain(wire)[part.stop - 1])[1],
                )
                cells = [self.cells[thread[step]] for step in part]
                low, high = self._room([thread[step] for step in part], place)
                for shift in sorted((end - at for end in ends), key=abs):
                    if abs(shift) >= _SAME and low <= shift <= high:
                        self._shift(wire, part, cells, shift)

    def _parts(self, thread: Thread) -> Iterator[range]:
        """The steps of a wire that are straight above one another, its ends left out."""
        start = 1
        for step in range(1, len(thread) - 1):
            is_last = step == len(thread) - 2
            if (
                is_last
                or abs(self.cells[thread[step]].at - self.cells[thread[step + 1]].at) > _SAME
            ):
                yield range(start, step + 1)
                start = step + 1

    def _room(self, part: Sequence[int], place: Mapping[int, int]) -> tuple[float, float]:
        """How far a part can move to the left (a negative number) and to the right."""
        low, high = -inf, inf
        for number in part:
            cell = self.cells[number]
            row, at = self.rows[cell.row], place[number]
            if at:
                left = self.cells[row[at - 1]]
                needed = left.right + left.margin + cell.margin + cell.left
                low = max(low, left.at + needed - cell.at)
            if at + 1 < len(row):
                right = self.cells[row[at + 1]]
                needed = cell.right + cell.margin + right.margin + right.left
                high = min(high, right.at - needed - cell.at)
        return low, high

    def _shift(self, wire: int, part: range, cells: Sequence[Cell], shift: float) -> None:
        """Move a part, and the ends beside it, unless that makes no fewer bends."""
        chain = self.chain(wire)
        sides = [(chain[0].upper, True)] if part.start == 1 else []
        sides += [(chain[-1].lower, False)] if part.stop == len(chain) else []
        touched = {link for key in sides for link in self._ending(key)} | set(chain)
        before = self._bends(touched)
        kept = [(self._sides[key], dict(self._sides[key].at)) for key in sides]
        for cell in cells:
            cell.at += shift
        self._settle(sides)
        if self._bends(touched) < before:
            return
        for cell in cells:
            cell.at -= shift
        for side, at in kept:
            side.at = at

    def _ending(self, key: tuple[int, bool]) -> Iterator[Link]:
        """The links that end at a side."""
        for wire in self._sides[key].wires:
            yield self.chain(wire)[0 if key[1] else -1]

    def _bends(self, links: Iterable[Link]) -> int:
        return sum(abs(a - b) >= _SAME for a, b in map(self.ends, links))
