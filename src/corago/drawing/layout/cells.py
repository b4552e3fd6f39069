"""What stands in the rows of a sheet: items, and for each wire that passes a row, a cell too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from corago.drawing.layout.ranking import rows as ranked
from corago.drawing.layout.ranking import turned

ITEM_GAP, BEND_GAP = 28.0, 16.0
"""Between neighbours in a row, where one is an item, and where both are wires or labels."""

LABEL_PAD_X, LABEL_PAD_Y = 5.0, 3.0
"""What is kept free around a label."""

_AWAY = 80.0
"""How much narrower a row must be for a label to go there, a row further on."""


@dataclass(frozen=True, slots=True)
class Wire:
    """An arrow between two items of one sheet; `label` is the size of what stands at it."""

    tail: int
    head: int
    label: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """Something with a size. `beside` is room on its right that belongs to it.

    `uppers` and `lowers` say where wires must end, from its left side, where it can't choose.
    `stretch` gives it the height of its row.
    """

    width: float
    height: float
    beside: float = 0.0
    uppers: Mapping[int, float] | None = None
    lowers: Mapping[int, float] | None = None
    stretch: bool = False

    def fraction(self, wire: int, *, is_lower: bool) -> float:
        """Where on its side a wire ends, from 0 to 1: in the middle where it can choose."""
        fixed = self.lowers if is_lower else self.uppers
        return 0.05 + 0.9 * fixed[wire] / self.width if fixed else 0.5


@dataclass(frozen=True, slots=True)
class Plan:
    """Which row each item is in, and which wires are turned to lead down.

    `tops` and `bottoms` are items without a size on the upper and lower side of the sheet.
    """

    rows: tuple[int, ...]
    turned: frozenset[int]
    tops: frozenset[int]
    bottoms: frozenset[int]

    def ends(self, number: int, wire: Wire) -> tuple[int, int]:
        """The upper and the lower item of a wire."""
        return (wire.head, wire.tail) if number in self.turned else (wire.tail, wire.head)


def planned(
    count: int, wires: Sequence[Wire], tops: frozenset[int], bottoms: frozenset[int]
) -> Plan:
    """The rows of so many items; a label needs a row between."""
    border = tops | bottoms
    inner = [n for n, wire in enumerate(wires) if border.isdisjoint((wire.tail, wire.head))]
    doors = [wire.head for wire in wires if wire.tail in tops and wire.head not in border]
    closing = turned(count, [(wires[n].tail, wires[n].head) for n in inner], doors)
    turns = {inner[n] for n in closing}
    turns |= {n for n, wire in enumerate(wires) if wire.head in tops or wire.tail in bottoms}
    loose = Plan((), frozenset(turns), tops, bottoms)
    found = ranked(count, [(*loose.ends(n, wires[n]), 2 if wires[n].label else 1) for n in inner])
    above, below = (_margin(wires, side) for side in (tops, bottoms))
    last = above + max((found[n] for n in range(count) if n not in border), default=0)
    rows = tuple(
        0 if n in tops else last + below if n in bottoms else above + row
        for n, row in enumerate(found)
    )
    return Plan(rows, loose.turned, tops, bottoms)


def _margin(wires: Sequence[Wire], side: frozenset[int]) -> int:
    """How many rows a side of the sheet needs: one for its items, one for labels near to it."""
    has_labels = any(wire.label and not side.isdisjoint((wire.tail, wire.head)) for wire in wires)
    return bool(side) + (bool(side) and has_labels)


@dataclass(slots=True)
class Cell:
    """A place in a row, for an item, or (`item` is None) for a wire and perhaps its label."""

    row: int
    left: float = 0.0
    right: float = 0.0
    height: float = 0.0
    item: int | None = None
    has_label: bool = False
    is_border: bool = False
    at: float = 0.0

    @property
    def margin(self) -> float:
        """What is kept free on either side."""
        return (BEND_GAP if self.item is None or self.is_border else ITEM_GAP) / 2


Thread = list[int]
"""The cells of a wire, from its upper end to its lower end."""


@dataclass(frozen=True, slots=True)
class Weave:
    """All cells of a sheet (the items' own come first), its rows, and the thread of each wire."""

    cells: list[Cell]
    rows: list[list[int]]
    threads: list[Thread]


def woven(plan: Plan, items: Sequence[Item], wires: Sequence[Wire]) -> Weave:
    """Lead each wire through the rows; short ones choose first which row has their label."""
    cells = [
        Cell(row, item.width / 2, item.width / 2 + item.beside, item.height, number)
        for number, (row, item) in enumerate(zip(plan.rows, items, strict=True))
    ]
    for number in plan.tops | plan.bottoms:
        cells[number].is_border = True
    crowd = [0.0] * (max(plan.rows, default=-1) + 1)
    for cell in cells:
        crowd[cell.row] += cell.left + cell.right + 2 * cell.margin
    ends = [plan.ends(number, wire) for number, wire in enumerate(wires)]
    spans = [range(plan.rows[upper] + 1, plan.rows[lower]) for upper, lower in ends]
    threads: list[Thread] = [[] for _ in wires]
    for number in sorted(range(len(wires)), key=lambda number: len(spans[number])):
        label, between = wires[number].label, spans[number]
        passed = [Cell(row) for row in between]
        if label is not None:
            is_turned = number in plan.turned
            cell = passed[_label_place(between, crowd, is_turned=is_turned)]
            cell.left = cell.right = label[0] / 2 + LABEL_PAD_X
            cell.height, cell.has_label = label[1] + 2 * LABEL_PAD_Y, True
        for cell in passed:
            crowd[cell.row] += cell.left + cell.right + 2 * cell.margin
        first = len(cells)
        cells += passed
        upper, lower = ends[number]
        threads[number] = [upper, *range(first, len(cells)), lower]
    rows: list[list[int]] = [[] for _ in crowd]
    for number in range(len(items)):
        rows[cells[number].row].append(number)
    for thread in threads:
        for number in thread[1:-1]:
            rows[cells[number].row].append(number)
    return Weave(cells, rows, threads)


def _label_place(between: range, crowd: Sequence[float], *, is_turned: bool) -> int:
    """Near to where the arrow comes from, unless a row further on is much less crowded."""
    source = between[-1] if is_turned else between[0]
    return min(
        range(len(between)), key=lambda n: crowd[between[n]] + _AWAY * abs(between[n] - source)
    )
