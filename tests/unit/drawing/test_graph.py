"""Graphs as values, and texts as they are measured."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corago.drawing import metrics
from corago.drawing.graph import Edge, Frame, Graph, Node, description, lines
from corago.drawing.text import balanced, width, wrapped
from tests.unit.drawing.graphs import DOOR

LAWS = settings(derandomize=True, deadline=None, database=None, max_examples=100)


def test_ids_are_used_once() -> None:
    with pytest.raises(ValueError, match="used twice in one graph: 'a', 'b'"):
        Graph((Node("a", ()), Node("a", ()), Node("b", ())), (), (Frame("b"),))


def test_edges_and_frames_are_those_of_the_graph() -> None:
    with pytest.raises(ValueError, match="the end 'b', which is not in this graph"):
        Graph((Node("a", ()),), (Edge("a", "b"),))
    with pytest.raises(ValueError, match="'a' is inside 'f', which is no frame"):
        Graph((Node("a", (), inside="f"),))


def test_a_frame_is_not_inside_itself() -> None:
    frames = (Frame("f", inside="g"), Frame("g", inside="f"))
    with pytest.raises(ValueError, match="'f' is inside itself"):
        Graph(frames=frames)


def test_texts_are_split_into_lines_that_can_be_shown() -> None:
    assert lines(("one\ntwo", " ", "thr\x07ee \ud800")) == ("one", "two", "thr\ufffdee \ufffd")


def test_a_description_tells_parts_and_arrows() -> None:
    told = description(DOOR)
    assert told.startswith("Parts: closed (running); opened (pending); locked (done)")
    assert "closed to opened (open); opened to closed (close)" in told
    assert description(Graph()) == ""


def test_wide_letters_need_more_room_and_marks_above_letters_none() -> None:
    assert width("iii", 10) < width("nnn", 10) < width("MMM", 10)
    assert width("日本", 10) > width("no", 10)
    assert width("e\u0301", 10) == width("e", 10)
    assert width("Ж", 10) > width("ж", 10)
    assert width("nn", 20) == 2 * width("nn", 10)


TEXTS = st.text(st.sampled_from("abW._/- "), max_size=60)


@LAWS
@given(TEXTS, st.integers(40, 200))
def test_wrapped_lines_fit_and_nothing_is_lost(text: str, limit: int) -> None:
    """Every line is as wide as allowed at most, and together they are the text."""
    found = list(wrapped(text, 10, limit))
    assert all(width(line, 10) <= limit + 0.001 for line in found)
    assert "".join(found).replace(" ", "") == text.replace(" ", "")
    assert all(line.strip() for line in found)


def test_words_are_broken_at_blanks_and_then_where_names_are_joined() -> None:
    assert list(wrapped("one two three", 10, 50)) == ["one two", "three"]
    assert list(wrapped("external.is_known", 10, 70)) == ["external.is_", "known"]


@LAWS
@given(TEXTS, st.integers(40, 200))
def test_balanced_lines_are_as_many_and_no_wider(text: str, limit: int) -> None:
    """The same words in as many lines, the widest of which is no wider."""
    plain, found = list(wrapped(text, 10, limit)), balanced(text, 10, limit)
    assert "".join(found).replace(" ", "") == text.replace(" ", "")
    assert len(found) == len(plain)
    widest = [max((width(line, 10) for line in lines), default=0) for lines in (found, plain)]
    assert widest[0] <= widest[1]


def test_a_label_leaves_no_word_alone_that_can_have_company() -> None:
    text = "after 30 min [internal.severity <= 2]"
    assert list(wrapped(text, 11, 170))[-1] == "<= 2]"
    assert balanced(text, 11, 170) == ["after 30 min", "[internal.severity <= 2]"]


def test_a_node_has_room_for_its_text_and_its_mark() -> None:
    plain, marked = Node("a", ("A step", "3 attempts")), Node("a", ("A step",), mark="done")
    wide, high = metrics.node_size(plain)
    assert wide > metrics.node_text(plain).width
    assert high > metrics.NAME_LINE + metrics.DETAIL_LINE
    assert metrics.node_text(marked).width > metrics.node_text(Node("a", ("A step",))).width
    assert metrics.node_size(Node("a", ("ignored",), "dot")) == (metrics.DOT, metrics.DOT)
