"""One level of a drawing: items in rows, wires between them, nothing inside the items.

Each row has its band, and in it every item, label and passing wire has a place of its own: wires go
straight down through bands, and bend and cross only in the gaps between them. So no wire meets an
item or a label that is not its own, whatever the graph.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from corago.drawing.layout.across import Across, Link
from corago.drawing.layout.cells import LABEL_PAD_Y, Item, Plan, Wire
from corago.drawing.layout.geometry import Box, Run
from corago.drawing.layout.routes import STRAIGHT, Pen
from corago.drawing.layout.tracks import TRACK, tracks

PAD = 18.0
"""Between the contents of a sheet and its sides."""

HEADING_PAD = 10.0
"""Above and below the heading of a frame."""

_GAP_LEAST, _TRACK_PAD = 24.0, 12.0
_SLOPE, _CURVE_MOST = 0.5, 80.0


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Where everything on a sheet is. The runs of a wire lead downwards, turned or not."""

    width: float
    height: float
    boxes: list[Box]
    runs: list[tuple[Run, ...]]
    labels: dict[int, Box]


def arranged(
    plan: Plan,
    items: Sequence[Item],
    wires: Sequence[Wire],
    heading: tuple[float, float] | None = None,
    least: float = 0.0,
) -> Arrangement:
    """Place items and wires; `heading` is the size of a text in the upper left corner.

    `least` is the least width of the sheet.
    """
    return _Sheet(plan, items, wires, heading or (0.0, 0.0), least).arrangement()


class _Sheet:
    def __init__(
        self,
        plan: Plan,
        items: Sequence[Item],
        wires: Sequence[Wire],
        heading: tuple[float, float],
        least: float,
    ) -> None:
        self._plan = plan
        self._items = items
        self._across = Across(plan, items, wires, heading[0])
        self._cells = self._across.cells
        self._width = self._sides_moved(heading[0] + 2 * PAD if heading[0] else 0.0, least)
        self._tracks: dict[tuple[int, int], float] = {}
        self._bands: list[tuple[float, float]] = []
        self._height = self._banded(heading[1])

    def arrangement(self) -> Arrangement:
        """Everything in its place."""
        boxes = [self._box(number) for number in range(len(self._items))]
        labels: dict[int, Box] = {}
        count = len(self._across.threads)
        runs = [tuple(self._runs(wire, boxes, labels)) for wire in range(count)]
        return Arrangement(self._width, self._height, boxes, runs, labels)

    def _sides_moved(self, heading: float, least: float) -> float:
        """Move everything so that the sheet begins at 0; give its width."""
        low = min((cell.at - cell.left for cell in self._cells), default=0.0) - PAD
        high = max((cell.at + cell.right for cell in self._cells), default=0.0) + PAD
        if not self._plan.tops:  # else the heading has a place of its own
            least = max(heading, least)
        low -= max(0.0, least - (high - low)) / 2
        self._across.move(-low)
        return max(high - low, least)

    def _banded(self, heading: float) -> float:
        """Settle the upper and lower y of each row; give the height of the sheet."""
        high = heading + 2 * HEADING_PAD if heading else 0.0
        y = high or PAD
        if self._plan.tops:  # their wires come in from the very top, beside the heading
            y = 0.0
        gaps: list[list[Link]] = [[] for _ in self._across.rows]
        for link in self._across.links():
            gaps[self._cells[link.upper].row].append(link)
        for number, row in enumerate(self._across.rows):
            tallest = max((self._cells[cell].height for cell in row), default=0.0)
            if number == 0 and self._plan.tops:
                tallest = high
            self._bands.append((y, y + tallest))
            y += tallest
            if number + 1 < len(gaps):
                y += self._crossed(gaps[number], y)
        return y if self._plan.bottoms else y + PAD

    def _crossed(self, links: Sequence[Link], top: float) -> float:
        """Settle how wires cross a gap; give its height."""
        if not links:
            return PAD
        spans = [self._across.ends(link) for link in links]
        found = tracks(spans)
        count = max((track + 1 for track in found if track is not None), default=0)
        bent = (abs(a - b) for (a, b), track in zip(spans, found, strict=True) if track is None)
        steep = min(_SLOPE * max(bent, default=0.0), _CURVE_MOST)
        height = max(_GAP_LEAST, 2 * STRAIGHT + max(_TRACK_PAD + count * TRACK, steep))
        for link, track in zip(links, found, strict=True):
            if track is not None:
                level = top + height / 2 + (track - (count - 1) / 2) * TRACK
                self._tracks[link.wire, link.upper] = level
        return height

    def _box(self, number: int) -> Box:
        item, cell = self._items[number], self._cells[number]
        top, bottom = self._bands[cell.row]
        x = cell.at - item.width / 2
        if item.stretch:
            return Box(x, top, item.width, bottom - top)
        if number in self._plan.tops:
            return Box(x, top, item.width, 0.0)
        return Box(x, (top + bottom - item.height) / 2, item.width, item.height)

    def _runs(self, wire: int, boxes: Sequence[Box], labels: dict[int, Box]) -> Iterator[Run]:
        """The way of a wire downwards, interrupted where its label stands."""
        thread = self._across.threads[wire]
        first, last = thread[0], thread[-1]
        links = list(self._across.chain(wire))
        pen = Pen((self._across.ends(links[0])[0], boxes[first].bottom))
        pen.down(self._bands[self._cells[first].row][1] + STRAIGHT)
        for above, number in pairwise(thread[:-1]):
            cell = self._cells[number]
            top, bottom = self._bands[cell.row]
            pen.over((cell.at, top), self._tracks.get((wire, above)))
            if cell.has_label:
                upper = (top + bottom - cell.height) / 2
                label = Box(cell.at - cell.left, upper, cell.left + cell.right, cell.height)
                labels[wire] = label.grown(-LABEL_PAD_Y)
                pen.down(upper)
                yield pen.lifted((cell.at, upper + cell.height))
            pen.down(bottom)
        end = self._across.ends(links[-1])[1]
        pen.over(
            (end, self._bands[self._cells[last].row][0] - STRAIGHT),
            self._tracks.get((wire, thread[-2])),
        )
        pen.down(boxes[last].y)
        yield pen.lifted((0.0, 0.0))
