"""Where everything on a sheet is from left to right: the order, the columns, the ends of wires."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from corago.drawing.layout.cells import Cell, Item, Plan, Thread, Wire, woven
from corago.drawing.layout.columns import Extent, Strand, placed
from corago.drawing.layout.ordering import Tie, ordered
from corago.drawing.layout.ports import Side

_SAME, _SLIP, _BEND = 0.05, 14.0, 60.0
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
        self._wires = {cell: wire for wire, each in enumerate(self.threads) for cell in each[1:-1]}
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
                numbers = [thread[step] for step in part]
                for shift in sorted((end - at for end in ends), key=abs):
                    moves = self._moves(numbers, shift, place) if abs(shift) >= _SAME else {}
                    if moves:
                        self._shift(moves)

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

    def _moves(
        self, part: Sequence[int], shift: float, place: Mapping[int, int]
    ) -> dict[int, float]:
        """By cell, where it goes if a part moves and pushes what is in its way; items stay.

        Nothing, if an item is in the way.
        """
        found: dict[int, float] = {}
        side = 1 if shift > 0 else -1
        for number in part:
            cell, at = self.cells[number], self.cells[number].at + shift
            found[number] = at
            row = self.rows[cell.row]
            step = place[number] + side
            while 0 <= step < len(row):
                other = self.cells[row[step]]
                needed = cell.margin + other.margin
                needed += cell.right + other.left if side > 0 else cell.left + other.right
                if (other.at - at) * side >= needed:
                    break
                if other.item is not None or row[step] not in self._wires:
                    return {}
                found[row[step]] = at = at + side * needed
                cell, step = other, step + side
        return found

    def _shift(self, moves: Mapping[int, float]) -> None:
        """Move cells, and the ends of wires beside them, unless that makes no fewer bends."""
        wires = {self._wires[number] for number in moves}
        sides = set()
        for wire in wires:
            thread = self.threads[wire]
            sides |= {(thread[0], True)} if thread[1] in moves else set()
            sides |= {(thread[-1], False)} if thread[-2] in moves else set()
        touched = {link for key in sides for link in self._ending(key)}
        touched |= {link for wire in wires for link in self.chain(wire)}
        before = self._bends(touched)
        kept = [(self._sides[key], dict(self._sides[key].at)) for key in sides]
        were = {number: self.cells[number].at for number in moves}
        self._put(moves)
        self._settle(sides)
        if self._bends(touched) < before:
            return
        self._put(were)
        for side, at in kept:
            side.at = at

    def _put(self, moves: Mapping[int, float]) -> None:
        for number, at in moves.items():
            self.cells[number].at = at

    def _ending(self, key: tuple[int, bool]) -> Iterator[Link]:
        """The links that end at a side."""
        for wire in self._sides[key].wires:
            yield self.chain(wire)[0 if key[1] else -1]

    def _bends(self, links: Iterable[Link]) -> float:
        """What these cost: a length for each bend, two for one that looks like a slip, and ways."""
        apart = (abs(a - b) for a, b in map(self.ends, links))
        return sum(_BEND * (1 + (by <= _SLIP)) + by for by in apart if by >= _SAME)
