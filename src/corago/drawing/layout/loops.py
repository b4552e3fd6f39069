"""Arrows from an item to itself: a bow on its right side, with the label beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from corago.drawing.layout.geometry import Box, Run

_REACH, _HALF = 26.0, 7.0
_LEAST, _GAP, _PAD = 22.0, 6.0, 8.0


class Loops:
    """The loops of one item, by the sizes of their labels, from above to below.

    Attributes:
        width: what they need on the right of the item.
        height: how high the item must be to have them all.
    """

    def __init__(self, labels: Sequence[tuple[float, float] | None]) -> None:
        """Measure them."""
        self._labels = labels
        self._heights = [max(_LEAST, label[1] + _GAP if label else 0.0) for label in labels]
        widths = [_REACH + (label[0] + _GAP if label else 0.0) for label in labels]
        self.width = max(widths, default=0.0)
        self.height = sum(self._heights) + _PAD if labels else 0.0

    def drawn(self, box: Box) -> Iterator[tuple[Run, Box | None]]:
        """Each loop at the item with this box, and the box of its label."""
        y = box.y + (box.height - sum(self._heights)) / 2
        for label, height in zip(self._labels, self._heights, strict=True):
            middle = y + height / 2
            y += height
            x, far = box.right, box.right + _REACH
            upper, lower = middle - _HALF, middle + _HALF
            bow = ((x, upper), (far + 4, upper - 4), (far + 4, lower + 4), (x + 8, lower))
            run = (bow, ((x + 8, lower), (x, lower)))
            if label is None:
                yield run, None
            else:
                wide, high = label
                yield run, Box(far, middle - high / 2, wide, high)
