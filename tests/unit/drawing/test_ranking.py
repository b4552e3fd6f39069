"""Rows: no arrow in a circle, none too short, and all of them short together."""

from __future__ import annotations

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from corago.drawing.layout.ranking import rows, turned

LAWS = settings(derandomize=True, deadline=None, database=None, max_examples=100)
COUNT = 6
ENDS = st.tuples(st.integers(0, COUNT - 1), st.integers(0, COUNT - 1)).filter(
    lambda ends: ends[0] != ends[1]
)


def total(found: list[int], arcs: list[tuple[int, int, int]]) -> int:
    return sum(found[head] - found[tail] for tail, head, _ in arcs)


@LAWS
@given(st.lists(ENDS, max_size=14))
def test_without_the_turned_arrows_there_is_no_circle(arrows: list[tuple[int, int]]) -> None:
    """What is left after turning can be put in rows."""
    found = turned(COUNT, arrows)
    ends = [(b, a) if n in found else (a, b) for n, (a, b) in enumerate(arrows)]
    left = set(range(COUNT))
    while left:
        free = {item for item in left if all(b != item or a not in left for a, b in ends)}
        assert free, "a circle"
        left -= free


def test_what_is_told_first_leads_downwards() -> None:
    assert turned(3, [(0, 1), (1, 2), (2, 0), (2, 1)]) == {2, 3}
    assert turned(3, [(1, 2), (2, 1), (0, 2)]) == {0}
    assert turned(2, [(1, 0), (0, 1)]) == {0}


@settings(LAWS, max_examples=40)
@given(st.lists(st.tuples(ENDS, st.integers(1, 2)), max_size=9))
def test_rows_are_as_close_as_can_be(drawn: list[tuple[tuple[int, int], int]]) -> None:
    """No other rows that keep the least distances have shorter arrows altogether."""
    arcs = [(min(a, b), max(a, b), least) for (a, b), least in drawn if max(a, b) < 5]
    found = rows(5, arcs)
    assert all(found[head] - found[tail] >= least for tail, head, least in arcs)
    best = min(
        total(list(each), arcs)
        for each in product(range(7), repeat=5)
        if all(each[head] - each[tail] >= least for tail, head, least in arcs)
    )
    assert total(found, arcs) <= best


def test_each_part_that_hangs_together_begins_at_the_top() -> None:
    assert rows(5, [(0, 1, 2), (2, 3, 1)]) == [0, 2, 0, 1, 0]
