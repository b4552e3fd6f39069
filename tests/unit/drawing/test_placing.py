"""The order in rows, the columns, the ends of wires, the tracks: each on its own."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corago.drawing.layout.columns import Extent, Strand, placed
from corago.drawing.layout.ordering import Tie, ordered
from corago.drawing.layout.ports import CORNER, PORT_GAP, Side, room
from corago.drawing.layout.routes import Pen
from corago.drawing.layout.tracks import Span, tracks
from tests.unit.drawing.graphs import points

LAWS = settings(derandomize=True, deadline=None, database=None, max_examples=80)


def crossings(rows: Sequence[Sequence[int]], ties: Sequence[Tie]) -> int:
    at = {cell: place for row in rows for place, cell in enumerate(row)}
    count = 0
    for one in ties:
        for other in ties:
            if {one.upper, other.upper} <= set(rows[0]) or {one.upper, other.upper} <= set(rows[1]):
                above, below = at[one.upper] - at[other.upper], at[one.lower] - at[other.lower]
                count += above < 0 < below
    return count


ROWS = ([0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11])
TIES = st.lists(
    st.builds(
        lambda row, a, b: Tie(4 * row + a, 4 * row + 4 + b),
        st.integers(0, 1),
        st.integers(0, 3),
        st.integers(0, 3),
    ),
    max_size=12,
)


@LAWS
@given(TIES)
def test_an_order_keeps_every_cell_and_never_adds_a_crossing(ties: list[Tie]) -> None:
    """Rows are permuted, and strands cross no more often than before."""
    found = ordered(ROWS, ties)
    assert [sorted(row) for row in found] == [list(row) for row in ROWS]
    assert crossings(found, ties) <= crossings(ROWS, ties)


def test_crossings_that_need_not_be_are_gone() -> None:
    ties = [Tie(0, 7), Tie(1, 6), Tie(2, 5), Tie(3, 4), Tie(4, 8), Tie(7, 11), Tie(5, 9)]
    assert crossings(ROWS, ties) > 0
    assert crossings(ordered(ROWS, ties), ties) == 0


@pytest.mark.parametrize(
    "ends",
    [
        [(4, 7), (4, 6), (1, 6), (3, 6), (2, 11), (2, 6)],  # exchanging neighbours is not enough
        [(5, 6), (5, 7), (5, 11), (5, 7), (0, 7), (4, 7)],  # medians are not enough
    ],
)
def test_medians_and_exchanges_help_each_other(ends: list[tuple[int, int]]) -> None:
    rows = [list(range(6)), list(range(6, 12))]
    ties = [Tie(upper, lower) for upper, lower in ends]
    assert crossings(ordered(rows, ties), ties) == 0


def test_a_place_that_is_fixed_counts_in_the_order() -> None:
    """Two strands leave one cell at places of its own; what they lead to stands in their order."""
    rows = ordered([[0], [1, 2]], [Tie(0, 1, 0.9), Tie(0, 2, 0.1)])
    assert rows == [[0], [2, 1]]


@LAWS
@given(TIES, st.lists(st.booleans(), min_size=12, max_size=12), st.randoms(use_true_random=False))
def test_columns_keep_the_order_and_the_distances(
    ties: list[Tie], bends: list[bool], chance: object
) -> None:
    """In each row every cell has its room, whatever the strands are."""
    extents = [Extent(10.0 + n, 8.0 + 3 * n, bend) for n, bend in enumerate(bends)]
    strands = [Strand(tie.upper, tie.lower, 2.0, -3.0) for tie in ties]
    found = placed(ROWS, extents, strands)
    for row in ROWS:
        for one, other in pairwise(row):
            needed = extents[one].right + extents[other].left
            assert found[other] - found[one] >= needed - 0.001


def test_a_column_of_bends_is_straight() -> None:
    extents = [Extent(20, 20), Extent(20, 20), *[Extent(5, 5, bend=True)] * 3, Extent(20, 20)]
    rows = [[0, 1], [2], [3], [4], [5]]
    strands = [Strand(1, 2), Strand(2, 3), Strand(3, 4), Strand(4, 5)]
    found = placed(rows, extents, strands)
    assert len({round(found[cell], 6) for cell in (1, 2, 3, 4, 5)}) == 1


def test_wires_end_apart_within_the_corners_and_in_order() -> None:
    side = Side(100.0, [0, 1, 2], None)
    side.order({0: 3.0, 1: 1.0, 2: 2.0})
    assert side.wires == [1, 2, 0]
    side.spread(200.0, {0: 205.0, 1: 200.0, 2: 201.0})
    ends = [side.at[wire] for wire in side.wires]
    assert all(b - a >= PORT_GAP - 0.001 for a, b in pairwise(ends))
    assert ends[0] >= 150 + CORNER
    assert ends[-1] <= 250 - CORNER
    alone = Side(100.0, [7], None)
    alone.order({7: 0.0})
    alone.spread(200.0, {7: 212.0})
    assert alone.at == {7: 212.0}
    assert room(3) <= 100.0


def test_wires_end_where_they_must() -> None:
    side = Side(80.0, [4, 5], {4: 70.0, 5: 10.0})
    side.order({4: 0.0, 5: 1.0})
    side.spread(100.0, {4: 0.0, 5: 0.0})
    assert side.at == {4: 130.0, 5: 70.0}


SPANS = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 30)).map(lambda ab: (ab[0] * 20.0, ab[1] * 20.0)),
    max_size=10,
)


@LAWS
@given(SPANS)
def test_strands_side_by_side_have_tracks_of_their_own(spans: list[Span]) -> None:
    """No two strands on one track have a place in common."""
    found = tracks(spans)
    for n, one in enumerate(spans):
        for m, other in enumerate(spans[:n]):
            if found[n] is not None and found[n] == found[m]:
                assert min(one) > max(other) or min(other) > max(one)


def test_tracks_nest_without_crossing_and_what_would_cover_goes_in_a_curve() -> None:
    assert tracks([(0.0, 200.0), (20.0, 220.0)]) == [1, 0]
    assert tracks([(200.0, 0.0), (220.0, 20.0)]) == [0, 1]
    assert tracks([(0.0, 100.0), (200.0, 300.0), (50.0, 51.0)]) == [0, 0, None]
    assert tracks([(0.0, 100.0), (100.0, 0.0)]) == [None, None]
    assert tracks([(0.0, 100.0), (100.0, 180.0)]) == [1, 0]


def test_a_strand_that_would_cover_another_goes_past_those_between() -> None:
    """The first ends where the last begins: the last must be above, or they run on one another."""
    found = tracks([(262.0, 349.0), (143.0, 337.0), (349.0, 270.0)])
    assert found[0] is not None
    assert found[2] is not None
    assert found[2] < found[0]


@pytest.mark.parametrize("across", [-120.0, -8.0, 0.0, 5.0, 90.0])
@pytest.mark.parametrize("track", [None, 30.0])
def test_a_line_leads_downwards_within_its_gap_and_never_turns_back(
    across: float, track: float | None
) -> None:
    pen = Pen((100.0, 0.0))
    pen.down(10.0)
    pen.over((100.0 + across, 50.0), track)
    pen.down(60.0)
    run = pen.lifted((0.0, 0.0))
    way = list(points(run))
    assert (way[0], way[-1]) == ((100.0, 0.0), (100.0 + across, 60.0))
    heights = [round(y, 6) for _, y in way]
    assert heights == sorted(heights)
    offsets = [round((x - 100.0) * (1 if across >= 0 else -1), 6) for x, _ in way]
    assert offsets == sorted(offsets)
    ends = (100.0, 100.0 + across)
    assert all(round(x, 6) in ends for x, y in way if not 10 <= y <= 50)
    assert all(one[-1] == other[0] for one, other in pairwise(run))
