"""A graph as SVG: one text that needs nothing else, with no script in it.

Drawn for light paper; it follows a reader's dark setting. It says in words too what it shows.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from corago.drawing import metrics
from corago.drawing.graph import Frame, Graph, Node, description
from corago.drawing.layout.geometry import Box, Point, Run
from corago.drawing.layout.levels import MARGIN, Layout, PlacedEdge, laid_out
from corago.drawing.layout.sheet import HEADING_PAD, PAD
from corago.drawing.metrics import GLYPH, GLYPH_GAP, Written
from corago.drawing.palette import GLYPHS, dark_rules, paint

_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
_SCOPE = "corago-drawing"
_HEAD, _HALF, _TRIM = 8.5, 3.6, 6.0
_ROUND = {"box": 8.0, "call": 8.0, "end": 10.0, "pill": 20.0}
_SLANT, _BAR, _INSET, _BEHIND = 10.0, 8.0, 3.5, 4.0
_DASHES = {"solid": "", "dashed": ' stroke-dasharray="6 4"', "dotted": ' stroke-dasharray="2 4"'}
_OPTIONAL = ' stroke-dasharray="5 3.5"'
_BASELINE = 0.35
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def svg(graph: Graph) -> str:
    """The drawing; equal graphs give equal texts."""
    return "\n".join(_drawn(laid_out(graph))) + "\n"


def _drawn(layout: Layout) -> Iterator[str]:
    graph = layout.graph
    width, height = _number(layout.width), _number(layout.height)
    key = hashlib.sha256(repr(graph).encode("utf-8", "backslashreplace")).hexdigest()[:10]
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{_SCOPE}" role="img" '
        f'aria-labelledby="t{key} d{key}" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="{_FONT}">'
    )
    yield f'<title id="t{key}">{_escaped(graph.title or "A drawing")}</title>'
    yield f'<desc id="d{key}">{_escaped(description(graph))}</desc>'
    yield f"<style>{dark_rules(_SCOPE)}</style>"
    yield f'<rect{paint("paper")} width="{width}" height="{height}"/>'
    yield from _title(graph)
    for frame in sorted(graph.frames, key=lambda each: -layout.boxes[each.id].width):
        yield from _frame(frame, layout.boxes[frame.id])  # outer ones first: they are wider
    for edge in sorted(layout.edges, key=lambda each: each.edge.tone != "faint"):
        yield from _edge(edge)
    for node in graph.nodes:
        yield from _node(node, layout.boxes[node.id])
    yield "</svg>"


def _title(graph: Graph) -> Iterator[str]:
    y = MARGIN
    for told, name, size, high, weight in (
        (graph.title, "title", metrics.TITLE, metrics.TITLE_LINE, "600"),
        (graph.subtitle, "quiet", metrics.SUBTITLE, metrics.DETAIL_LINE, "400"),
    ):
        if told:
            at = (MARGIN + PAD / 2, y + high / 2)
            yield _text(told, at, f'{paint(name)} font-weight="{weight}"', size)
            y += high


# -- parts -----------------------------------------------------------------------------------------


def _frame(frame: Frame, box: Box) -> Iterator[str]:
    look = frame.mark or "plain"
    yield f"<g>{_hint(frame.hint)}"
    if frame.lane:
        yield f"<rect{_rectangle(box.grown(-4.0), 8.0)}{paint('lane')}/>"
    else:
        name = f"frame-{look}"
        dashes = _OPTIONAL if frame.optional else ""
        if frame.repeated:
            behind = box.moved(_BEHIND, _BEHIND)
            yield f'<rect{_rectangle(behind, 12.0)}{paint(name)} stroke-opacity=".5"/>'
        yield f'<rect{_rectangle(box, 12.0)}{paint(name)} stroke-opacity=".75"{dashes}/>'
    yield from _written(
        metrics.frame_text(frame), frame.mark, (box.x + PAD, box.y + HEADING_PAD), look=look
    )
    yield "</g>"


def _node(node: Node, box: Box) -> Iterator[str]:
    yield f"<g>{_hint(node.hint)}"
    ink = paint(f"node-{node.look}")
    wide = "2.4" if node.bold else "1.2"
    ink += f' stroke-width="{wide}"' + (_OPTIONAL if node.optional else "")
    if node.shape == "dot":
        x, y = box.middle
        disc = paint(f"disc-{node.look}")
        yield f'<circle cx="{_number(x)}" cy="{_number(y)}" r="{_number(box.width / 2)}"{disc}/>'
    elif node.shape == "wait":
        yield f'<path d="{_hexagon(box)}" stroke-linejoin="round"{ink}/>'
    else:
        yield f"<rect{_rectangle(box, _ROUND[node.shape])}{ink}/>"
    if node.shape == "end":
        yield f'<rect{_rectangle(box.grown(-_INSET), 7.0)}{ink} fill-opacity="0"/>'
    if node.shape == "call":
        bars = "".join(
            f"M{_pair((x, box.y))}V{_number(box.bottom)}" for x in (box.x + _BAR, box.right - _BAR)
        )
        yield f'<path d="{bars}"{ink} fill-opacity="0"/>'
    text = metrics.node_text(node)
    corner = (box.x + (box.width - text.width) / 2, box.y + (box.height - text.height) / 2)
    is_centred = not node.mark
    yield from _written(
        text, node.mark, corner, look=node.look, is_bold=node.bold, is_centred=is_centred
    )
    yield "</g>"


def _edge(placed: PlacedEdge) -> Iterator[str]:
    edge = placed.edge
    *whole, last = placed.runs
    way = "".join(_way(run) for run in whole) + _way(last, trim=_TRIM)
    dashes = _DASHES[edge.line]
    wide = "1.8" if edge.tone in ("taken", "error") else "1.4"
    yield (
        f'<path d="{way}" fill="none"{paint("line-" + edge.tone)} stroke-width="{wide}" '
        f'stroke-linecap="{"round" if edge.line == "dotted" else "butt"}"{dashes}/>'
    )
    yield f'<path d="{_head(last)}"{paint("head-" + edge.tone)}/>'
    if placed.label is not None:
        box = placed.label
        x, y = box.middle[0], box.y + (box.height - metrics.label_text(edge).height) / 2
        for number, line in enumerate(metrics.label_text(edge).lines):
            at = (x, y + (number + 0.5) * metrics.LABEL_LINE)
            look = paint("label-" + edge.tone) + ' text-anchor="middle"'
            yield _text(line, at, look, metrics.LABEL)


def _written(
    text: Written,
    mark: str | None,
    corner: Point,
    *,
    look: str,
    is_bold: bool = False,
    is_centred: bool = False,
) -> Iterator[str]:
    """A mark and the lines beside it, with their corner here."""
    x, y = corner
    ink = paint(f"text-{look}")
    if mark is not None:
        yield from _glyph(mark, (x + GLYPH / 2, y + max(GLYPH, metrics.NAME_LINE) / 2))
        x += GLYPH + GLYPH_GAP
    if is_centred:
        x += text.width / 2
        ink += ' text-anchor="middle"'
    for number, line in enumerate(text.lines):
        is_name = number < text.names
        high = metrics.NAME_LINE if is_name else metrics.DETAIL_LINE
        size = metrics.NAME if is_name else metrics.DETAIL
        weight = "700" if is_bold else "500"
        look = f' font-weight="{weight}"' if is_name else ' fill-opacity=".85"'
        yield _text(line, (x, y + high / 2), ink + look, size)
        y += high


def _glyph(mark: str, middle: Point) -> Iterator[str]:
    x, y = _number(middle[0]), _number(middle[1])
    if not GLYPHS[mark]:
        yield f'<circle cx="{x}" cy="{y}" r="3.2"{paint("disc-" + mark)}/>'
        return
    yield f'<circle cx="{x}" cy="{y}" r="{_number(GLYPH / 2)}"{paint("disc-" + mark)}/>'
    fill = "#fff" if GLYPHS[mark].endswith("Z") else "none"
    yield (
        f'<path transform="translate({x} {y})" d="{GLYPHS[mark]}" fill="{fill}" stroke="#fff" '
        'stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round"/>'
    )


# -- figures ---------------------------------------------------------------------------------------


def _way(run: Run, trim: float = 0.0) -> str:
    """A run as a path, `trim` shorter at its end, where an arrow's head begins."""
    told = [f"M{_pair(run[0][0])}"]
    for number, segment in enumerate(run):
        points = list(segment[1:])
        if trim and number == len(run) - 1:
            points[-1] = _back(segment, trim)
        told.append(("L" if len(points) == 1 else "C") + " ".join(map(_pair, points)))
    return "".join(told)


def _back(segment: tuple[Point, ...], by: float) -> Point:
    """The point so far before the end of a segment."""
    (ax, ay), (bx, by_) = segment[-2], segment[-1]
    long = max(abs(bx - ax), abs(by_ - ay)) or 1.0
    return (bx - by * (bx - ax) / long, by_ - by * (by_ - ay) / long)


def _head(run: Run) -> str:
    """The head of an arrow, which comes straight down, up, or from a side."""
    (ax, ay), (bx, by) = run[-1][-2], run[-1][-1]
    along = abs(by - ay) > abs(bx - ax)
    x, y = _back(run[-1], _HEAD)
    left, right = ((x - _HALF, y), (x + _HALF, y)) if along else ((x, y - _HALF), (x, y + _HALF))
    return f"M{_pair(left)}L{_pair((bx, by))}L{_pair(right)}Z"


def _hexagon(box: Box) -> str:
    middle = box.middle[1]
    corners = (
        (box.x, middle),
        (box.x + _SLANT, box.y),
        (box.right - _SLANT, box.y),
        (box.right, middle),
        (box.right - _SLANT, box.bottom),
        (box.x + _SLANT, box.bottom),
    )
    return "M" + "L".join(map(_pair, corners)) + "Z"


def _rectangle(box: Box, radius: float) -> str:
    x, y, wide, high = (_number(each) for each in (box.x, box.y, box.width, box.height))
    rounded = _number(min(radius, box.height / 2))
    return f' x="{x}" y="{y}" width="{wide}" height="{high}" rx="{rounded}"'


def _text(text: str, at: Point, look: str, size: float) -> str:
    """A line of text with its middle at this height."""
    x, y = _number(at[0]), _number(at[1] + _BASELINE * size)
    return f'<text x="{x}" y="{y}"{look} font-size="{_number(size)}">{_escaped(text)}</text>'


def _hint(text: str) -> str:
    return f"<title>{_escaped(text)}</title>" if text else ""


def _pair(point: Point) -> str:
    return f"{_number(point[0])} {_number(point[1])}"


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0").replace("-0", "0") if value > -1 else f"{value:.1f}"


def _escaped(text: str) -> str:
    """A text as it may stand in XML, in an attribute too; what can't stand there is shown so."""
    text = _UNWRITABLE.sub("\ufffd", text)
    for sign, told in (("&", "amp"), ("<", "lt"), (">", "gt"), ('"', "quot")):
        text = text.replace(sign, f"&{told};")
    return text
