"""Where wires end on the sides of an item: in order, apart, and as straight as can be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

PORT_GAP, CORNER = 18.0, 14.0
"""Between two wires at one side, and between a wire and a corner."""

_LEAN = 0.35


def room(count: int) -> float:
    """The width that an item needs for so many wires at one side."""
    return 2 * CORNER + PORT_GAP * (count - 1) if count else 0.0


class Side:
    """One side of an item.

    Attributes:
        wires: those that end here, in order.
        nominal: by wire, where it ends if nothing else matters, counted from the middle.
        at: by wire, where it ends.
    """

    def __init__(
        self, width: float, wires: Sequence[int], fixed: Mapping[int, float] | None
    ) -> None:
        """`fixed` says, from the left corner, where wires must end."""
        self._width = width
        self.wires = list(wires)
        self._fixed = fixed
        self.nominal: dict[int, float] = {}
        self.at: dict[int, float] = {}

    def order(self, beyond: Mapping[int, float]) -> None:
        """Sort the wires by where they lead; equals stay as the wires are numbered."""
        self.wires.sort(key=lambda wire: (beyond[wire], wire))
        middle = (len(self.wires) - 1) / 2
        gap = self._gap()
        self.nominal = {wire: (n - middle) * gap for n, wire in enumerate(self.wires)}
        if self._fixed:
            self.nominal = {wire: self._fixed[wire] - self._width / 2 for wire in self.wires}

    def spread(self, middle: float, wanted: Mapping[int, float]) -> None:
        """Settle where the wires end, with the item's middle here and their other ends there.

        What can be straight is; what can't leans to where it leads.
        """
        if self._fixed or not self.wires:
            self.at = {wire: middle + offset for wire, offset in self.nominal.items()}
            return
        gap, reach = self._gap(), max(0.0, self._width / 2 - CORNER)
        aims = []
        for wire in self.wires:
            aim = wanted[wire] - middle
            if abs(aim) > reach:
                edge = reach if aim > 0 else -reach
                aim = self.nominal[wire] + _LEAN * (edge - self.nominal[wire])
            aims.append(aim)
        free = _rising([aim - n * gap for n, aim in enumerate(aims)])
        high = reach - gap * (len(aims) - 1)
        for n, (wire, aim) in enumerate(zip(self.wires, free, strict=True)):
            self.at[wire] = middle + min(max(aim, -reach), high) + n * gap

    def _gap(self) -> float:
        count = len(self.wires)
        return min(PORT_GAP, (self._width - 2 * CORNER) / (count - 1)) if count > 1 else 0.0


def _rising(aims: list[float]) -> list[float]:
    """The nearest numbers that never fall: neighbours that would are put at their mean."""
    pools: list[tuple[float, int]] = []
    for aim in aims:
        total, count = aim, 1
        while pools and pools[-1][0] / pools[-1][1] >= total / count:
            before = pools.pop()
            total, count = total + before[0], count + before[1]
        pools.append((total, count))
    return [total / count for total, count in pools for _ in range(count)]
