"""How large the parts of a drawing are: texts, nodes, labels, the headings of frames."""

from __future__ import annotations

from dataclasses import dataclass

from corago.drawing.graph import Edge, Frame, Graph, Node, Text, lines
from corago.drawing.text import balanced, width, wrapped

NAME, DETAIL, LABEL = 13.0, 11.0, 11.0
"""The sizes of letters: names, details, and what stands at edges."""

TITLE, TITLE_LINE, SUBTITLE = 16.0, 24.0, 12.0
"""The size and the height of the title of a drawing, and the size of its subtitle."""

NAME_LINE, DETAIL_LINE, LABEL_LINE = 18.0, 15.0, 14.0
"""The heights of lines."""

GLYPH, GLYPH_GAP = 16.0, 8.0
"""The diameter of a mark, and its distance to the text."""

DOT = 14.0
"""The diameter of a dot."""


_BOLD = 1.08
_NAME_LIMIT, _DETAIL_LIMIT, _LABEL_LIMIT, _LIST_LIMIT = 230.0, 240.0, 170.0, 270.0
_PAD_X = {"box": 14.0, "pill": 20.0, "wait": 22.0, "call": 22.0, "end": 18.0, "dot": 0.0}
_PAD_Y = {"box": 9.0, "pill": 8.0, "wait": 9.0, "call": 9.0, "end": 11.0, "dot": 0.0}
_LEAST_WIDTH = 64.0
_TITLE_GAP = 6.0


@dataclass(frozen=True, slots=True)
class Written:
    """A text in lines that fit: the first `names` of them are its name."""

    lines: tuple[str, ...]
    names: int
    width: float
    height: float


def written(text: Text, *, is_bold: bool = False, has_mark: bool = False) -> Written:
    """The text of a node or frame, and the room that it takes with its mark."""
    told = lines(text)
    factor = _BOLD if is_bold else 1.0
    names = [each for line in told[:1] for each in wrapped(line, NAME * factor, _NAME_LIMIT)]
    details = [each for line in told[1:] for each in balanced(line, DETAIL, _DETAIL_LIMIT)]
    wide = max(
        [width(each, NAME * factor) for each in names]
        + [width(each, DETAIL) for each in details]
        + [0.0]
    )
    mark = (GLYPH + (GLYPH_GAP if wide else 0.0)) if has_mark else 0.0
    high = len(names) * NAME_LINE + len(details) * DETAIL_LINE
    return Written(
        (*names, *details), len(names), wide + mark, max(high, GLYPH if has_mark else 0.0)
    )


def node_text(node: Node) -> Written:
    """The text within a node."""
    if node.shape == "dot":
        return Written((), 0, 0.0, 0.0)
    return written(node.text, is_bold=node.bold, has_mark=node.mark is not None)


def node_size(node: Node) -> tuple[float, float]:
    """How wide and high a node is, for its text alone."""
    if node.shape == "dot":
        return DOT, DOT
    text = node_text(node)
    wide = max(_LEAST_WIDTH, text.width + 2 * _PAD_X[node.shape])
    return wide, max(NAME_LINE, text.height) + 2 * _PAD_Y[node.shape]


def frame_size(frame: Frame) -> tuple[float, float] | None:
    """How wide and high the heading of a frame is, None for one without."""
    text = frame_text(frame)
    return (text.width, text.height) if text.height else None


def frame_text(frame: Frame) -> Written:
    """The heading of a frame."""
    return written(frame.text, has_mark=frame.mark is not None)


def label_text(edge: Edge) -> Written:
    """What stands at an edge; nothing has no size."""
    told = lines(edge.text)
    limit = _LABEL_LIMIT if len(told) == 1 else _LIST_LIMIT  # what goes on looks like the next
    found = [each for line in told for each in balanced(line, LABEL, limit)]
    wide = max((width(each, LABEL) for each in found), default=0.0)
    return Written(tuple(found), 1, wide, len(found) * LABEL_LINE)


def title_size(graph: Graph) -> tuple[float, float]:
    """The room for the title and subtitle, with the distance to what follows."""
    told = lines((graph.title,))[:1], lines((graph.subtitle,))[:1]
    wide = max(
        [width(each, TITLE * _BOLD) for each in told[0]]
        + [width(each, SUBTITLE) for each in told[1]]
        + [0.0]
    )
    high = len(told[0]) * TITLE_LINE + len(told[1]) * DETAIL_LINE
    return wide, high + (_TITLE_GAP if high else 0.0)
