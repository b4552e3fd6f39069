"""How strands cross a gap between two rows: near ones in a curve, far ones along a track each.

A track is a level in the gap. Strands that run side by side have tracks of their own, in an order
that lets few of them cross and none of them cover another.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

TRACK = 10.0
"""The distance between two tracks."""

NEAR = 12.0
"""As far as this to one side a strand goes in a curve."""

Span = tuple[float, float]
"""Where a strand comes into the gap, and where it leaves it."""

_APART = 6.0
_COVER = 100
_ROUNDS = 12
_MANY = 40
"""Of more strands than these none is moved far: it would take long, and nobody follows them."""


def tracks(spans: Sequence[Span]) -> list[int | None]:
    """The track of each strand, 0 is the uppermost; None for those that go in a curve."""
    found: list[int | None] = [None] * len(spans)
    far = [n for n, (a, b) in enumerate(spans) if abs(a - b) > NEAR]
    order = sorted(far, key=lambda n: _inner_first(spans[n]))
    order = _exchanged([n for n in order if not _is_swapped(n, far, spans)], spans)
    order = _uncovered(order, spans)
    for place, n in enumerate(order):
        above = [found[other] for other in order[:place] if _overlap(spans[n], spans[other])]
        found[n] = max((track + 1 for track in above if track is not None), default=0)
    return found


def _inner_first(span: Span) -> tuple[float, float]:
    """Of strands to one side, the one that begins furthest on that side is above."""
    a, b = span
    return (-a, -b) if b > a else (a, b)


def _is_swapped(n: int, others: Sequence[int], spans: Sequence[Span]) -> bool:
    """Whether a strand ends where another begins and the other way round: tracks would cover."""
    a, b = spans[n]
    return any(
        abs(spans[other][1] - a) < _APART and abs(spans[other][0] - b) < _APART for other in others
    )


def _overlap(one: Span, other: Span) -> bool:
    return min(one) - _APART < max(other) and min(other) - _APART < max(one)


def _exchanged(order: list[int], spans: Sequence[Span]) -> list[int]:
    """The order after exchanging neighbours as long as that helps."""
    for _ in range(_ROUNDS):
        has_changed = False
        for place in range(len(order) - 1):
            upper, lower = (spans[n] for n in order[place : place + 2])
            if _cost(upper, lower) > _cost(lower, upper):
                order[place : place + 2] = order[place + 1], order[place]
                has_changed = True
        if not has_changed:
            break
    return order


def _uncovered(order: list[int], spans: Sequence[Span]) -> list[int]:
    """The order after moving strands that cover others, however far, as long as that helps."""
    for _ in range(_ROUNDS if len(order) <= _MANY else 0):
        pairs = combinations(order, 2)
        covering = {n for pair in pairs if _cost(*(spans[n] for n in pair)) >= _COVER for n in pair}
        orders = [order]
        for n in (each for each in order if each in covering):
            others = [each for each in order if each != n]
            orders += [[*others[:at], n, *others[at:]] for at in range(len(order))]
        best = min(orders, key=lambda each: _total(each, spans))
        if best == order:
            break
        order = best
    return order


def _total(order: list[int], spans: Sequence[Span]) -> int:
    return sum(_cost(spans[one], spans[other]) for one, other in combinations(order, 2))


def _cost(upper: Span, lower: Span) -> int:
    """How bad it is to have these tracks in this order: crossings, and strands on one another."""
    if not _overlap(upper, lower):
        return 0
    covers = abs(upper[1] - lower[0]) < _APART
    return (
        _COVER * covers
        + (min(upper) < lower[0] < max(upper))
        + (min(lower) < upper[1] < max(lower))
    )
