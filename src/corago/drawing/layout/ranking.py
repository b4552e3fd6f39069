"""Which row each item stands in: arrows that close a circle are turned, then all point downwards.

The rows are such that the arrows are as short as they can be altogether (network simplex).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Arc = tuple[int, int, int]
"""From, to, and how many rows further down the latter stands at least."""


def turned(count: int, arrows: Sequence[tuple[int, int]], doors: Sequence[int] = ()) -> set[int]:
    """The indexes of the arrows to turn, so that none closes a circle.

    Followed in the order given, from the `doors` and then from item 0 on, so the story that is told
    first runs downwards.
    """
    leaving: list[list[int]] = [[] for _ in range(count)]
    entered = [False] * count
    for index, (tail, head) in enumerate(arrows):
        leaving[tail].append(index)
        entered[head] = True
    found: set[int] = set()
    state = ["new"] * count
    for start in (*doors, *sorted(range(count), key=lambda item: item > 0 and entered[item])):
        if state[start] != "new":
            continue
        state[start] = "open"
        trail = [(start, iter(leaving[start]))]
        while trail:
            item, left = trail[-1]
            arrow = next(left, None)
            if arrow is None:
                state[item] = "closed"
                trail.pop()
                continue
            head = arrows[arrow][1]
            if state[head] == "open":
                found.add(arrow)
            elif state[head] == "new":
                state[head] = "open"
                trail.append((head, iter(leaving[head])))
    return found


def rows(count: int, arcs: Iterable[Arc]) -> list[int]:
    """The row of each item, from 0, for arcs without circles; each connected part starts at 0."""
    weights: dict[tuple[int, int], tuple[int, int]] = {}
    for tail, head, least in arcs:
        before, weight = weights.get((tail, head), (0, 0))
        weights[tail, head] = (max(before, least), weight + 1)
    links = [_Link(t, h, least, weight) for (t, h), (least, weight) in weights.items()]
    found = _longest(count, links)
    for part in _parts(count, links):
        members = set(part)
        _Tree(part, [link for link in links if link.tail in members], found).shorten()
        top = min(found[item] for item in part)
        for item in part:
            found[item] -= top
    return found


@dataclass(frozen=True, slots=True)
class _Link:
    tail: int
    head: int
    least: int
    weight: int


def _longest(count: int, links: list[_Link]) -> list[int]:
    """Rows by the longest way from a beginning."""
    left = [0] * count
    leaving: list[list[_Link]] = [[] for _ in range(count)]
    for link in links:
        left[link.head] += 1
        leaving[link.tail].append(link)
    found = [0] * count
    ready = [item for item in range(count) if not left[item]]
    for item in ready:
        for link in leaving[item]:
            found[link.head] = max(found[link.head], found[item] + link.least)
            left[link.head] -= 1
            if not left[link.head]:
                ready.append(link.head)
    return found


def _parts(count: int, links: list[_Link]) -> list[list[int]]:
    """The items of each connected part."""
    beside: list[list[int]] = [[] for _ in range(count)]
    for link in links:
        beside[link.tail].append(link.head)
        beside[link.head].append(link.tail)
    seen: set[int] = set()
    found = []
    for start in range(count):
        if start in seen:
            continue
        part = [start]
        seen.add(start)
        for item in part:
            fresh = [each for each in dict.fromkeys(beside[item]) if each not in seen]
            seen.update(fresh)
            part += fresh
        found.append(part)
    return found


class _Tree:
    """A spanning tree of tight links over one connected part, exchanged link by link."""

    def __init__(self, part: list[int], links: list[_Link], row: list[int]) -> None:
        self._part = part
        self._links = links
        self._row = row
        self._tree: list[_Link] = []

    def shorten(self) -> None:
        """Change the rows until no exchange makes the links shorter altogether."""
        if len(self._part) <= 1:
            return
        self._span()
        for _ in range(8 * len(self._part)):  # in practice it ends long before
            leaving, below = self._worst()
            if leaving is None:
                return
            entering = min(
                (each for each in self._links if each.tail in below and each.head not in below),
                key=self._slack,
            )
            shift = self._slack(entering)
            for item in below:
                self._row[item] += shift
            self._tree = [each for each in self._tree if each is not leaving] + [entering]

    def _slack(self, link: _Link) -> int:
        return self._row[link.head] - self._row[link.tail] - link.least

    def _span(self) -> None:
        """Grow a tree of tight links; where none is left, move the tree to the nearest item."""
        inside = {self._part[0]}
        beside = _touching(self._part, self._links)
        fresh = [self._part[0]]
        while len(inside) < len(self._part):
            for item in fresh:
                for link in beside[item]:
                    other = link.head if link.tail == item else link.tail
                    if other not in inside and not self._slack(link):
                        self._tree.append(link)
                        inside.add(other)
                        fresh.append(other)
            border = [
                link for link in self._links if (link.tail in inside) != (link.head in inside)
            ]
            if border:
                nearest = min(border, key=self._slack)
                is_above = nearest.tail in inside
                shift = self._slack(nearest) * (1 if is_above else -1)
                for item in inside:
                    self._row[item] += shift
                fresh = [nearest.tail if is_above else nearest.head]

    def _worst(self) -> tuple[_Link | None, set[int]]:
        """The tree's link whose two halves pull apart the most, and the half that may go down.

        Cutting the link, the half with its head goes nearer to what it is linked to if more weight
        leads from it into the other half than the other way.
        """
        beside = _touching(self._part, self._tree)
        pull = dict.fromkeys(self._part, 0)
        for link in self._links:
            pull[link.tail] += link.weight
            pull[link.head] -= link.weight
        above: dict[int, _Link] = {}
        order = [self._part[0]]
        for item in order:
            for link in beside[item]:
                other = link.head if link.tail == item else link.tail
                if link is not above.get(item):
                    above[other] = link
                    order.append(other)
        worst, least = None, 0
        for item in reversed(order[1:]):
            link = above[item]
            # the pull of a half is what leaves it minus what enters it
            value = -pull[item] if link.head == item else pull[item]
            if value < least:
                worst, least = (item, link), value
            pull[link.tail if link.head == item else link.head] += pull[item]
        if worst is None:
            return None, set()
        half = self._half(worst[0], worst[1], beside)
        if worst[1].head != worst[0]:
            half = set(self._part) - half
        return worst[1], half

    def _half(self, start: int, cut: _Link, beside: dict[int, list[_Link]]) -> set[int]:
        half, order = {start}, [start]
        for item in order:
            for link in beside[item]:
                other = link.head if link.tail == item else link.tail
                if link is not cut and other not in half:
                    half.add(other)
                    order.append(other)
        return half


def _touching(items: list[int], links: list[_Link]) -> dict[int, list[_Link]]:
    """By item, the links at it."""
    beside: dict[int, list[_Link]] = {item: [] for item in items}
    for link in links:
        beside[link.tail].append(link)
        beside[link.head].append(link)
    return beside
