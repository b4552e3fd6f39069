"""A graph as a Mermaid flowchart, which README files and wikis show as a drawing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from corago.drawing.graph import SIGNS, Edge, Frame, Graph, Node, lines
from corago.drawing.outline import Outline
from corago.drawing.palette import PAINTS

_SHAPES = {
    "box": ("[", "]"),
    "pill": ("([", "])"),
    "wait": ("{{", "}}"),
    "call": ("[[", "]]"),
    "end": ("([", "])"),
    "dot": ("((", "))"),
}
_ARROWS = {"solid": "-->", "dashed": "-.->", "dotted": "-.->"}
_TONES = ("taken", "error", "faint")
_SPECIAL = re.compile(r"[\"#$%&<>\\`]|^[-+*](?=\s)|(?<=^\d)[.)]|(?<=^\d\d)[.)]")
"""What would end a text, begin a code, a directive or an element, or look like Markdown."""


_PAIR, _JOINED = re.compile(r"(?<=\\)(?=n)|(?<=\$)(?=\$)"), "\u2060"
"""What means something even as codes (a line's end, a formula), and what takes it apart unseen."""

_UNTITLED = str.maketrans("<>&", "()+")


def mermaid(graph: Graph) -> str:
    """The drawing; equal graphs give equal texts."""
    return "\n".join(_told(graph)) + "\n"


def _told(graph: Graph) -> Iterator[str]:
    outline = Outline(graph)
    if graph.title:
        title = " · ".join(each for each in (graph.title, graph.subtitle) if each)
        yield from ("---", f"title: {json.dumps(_plain(title), ensure_ascii=False)}", "---")
    yield "flowchart TD"
    yield from _members(outline, None, "  ")
    for edge in graph.edges:
        yield "  " + _edge(outline, edge)
    yield from _styles(graph, outline)


def _members(outline: Outline, level: str | None, indent: str) -> Iterator[str]:
    for member in outline.members(level):
        text = _text(_marked(member)) or " "
        if isinstance(member, Frame):
            text = text.replace("<br/>", " · ")  # a title has room for one line
        if isinstance(member, Node):
            left, right = _SHAPES[member.shape]
            label = " " if member.shape == "dot" else text
            yield f'{indent}{_id(outline, member.id)}{left}"{label}"{right}'
        else:
            yield f'{indent}subgraph {_id(outline, member.id)}["{text}"]'
            yield f"{indent}  direction TB"
            yield from _members(outline, member.id, indent + "  ")
            yield f"{indent}end"


def _edge(outline: Outline, edge: Edge) -> str:
    ends = []
    for end, other, inner in (
        (edge.source, edge.target, outline.last),
        (edge.target, edge.source, outline.first),
    ):
        # an arrow between a frame and its own inside is not possible: it goes to a node in there
        is_inner = outline.is_frame(end) and outline.is_within(other, end)
        ends.append(_id(outline, (inner(end) or end) if is_inner else end))
    text = _text(edge.text)
    label = f'|"{text}"|' if text else ""
    return f"{ends[0]} {_ARROWS[edge.line]}{label} {ends[1]}"


def _styles(graph: Graph, outline: Outline) -> Iterator[str]:
    """Colours by mark, thick outlines for what is bold, colours by tone for arrows."""
    classes: dict[str, list[str]] = {}
    for node in graph.nodes:
        classes.setdefault(node.look, []).append(_id(outline, node.id))
        for name, has in (
            ("first", node.shape == "dot"),
            ("bold", node.bold),
            ("optional", node.optional),
            ("last", node.shape == "end"),
        ):
            if has:
                classes.setdefault(name, []).append(_id(outline, node.id))
    for frame in graph.frames:
        name = "lane" if frame.lane else "frame"
        classes.setdefault(name, []).append(_id(outline, frame.id))
    for name, ids in classes.items():
        yield f"  classDef {name} {_LOOKS.get(name) or _look(name)}"
        yield f"  class {','.join(ids)} {name}"
    for tone in _TONES:
        numbers = [str(n) for n, edge in enumerate(graph.edges) if edge.tone == tone]
        if numbers:
            colour, text = PAINTS[f"line-{tone}"]["stroke"][0], PAINTS[f"label-{tone}"]["fill"][0]
            yield f"  linkStyle {','.join(numbers)} stroke:{colour},color:{text}"


_LOOKS = {
    "first": f"fill:{PAINTS['disc-plain']['fill'][0]}",
    "bold": "stroke-width:3px,font-weight:bold",
    "optional": "stroke-dasharray:5 4",
    "last": "stroke-width:3px",
    "lane": "fill:transparent,stroke:transparent",
    "frame": "fill:transparent,stroke:#8793a5",
}


def _look(mark: str) -> str:
    colours = PAINTS[f"node-{mark}"]
    fill, stroke = colours["fill"][0], colours["stroke"][0]
    return f"fill:{fill},stroke:{stroke},color:{PAINTS[f'text-{mark}']['fill'][0]}"


def _id(outline: Outline, id: str) -> str:
    return f"{'f' if outline.is_frame(id) else 'n'}{outline.number(id)}"


def _marked(member: Node | Frame) -> tuple[str, ...]:
    sign = "" if member.mark is None else SIGNS[member.mark]
    return (" ".join((sign, *member.text[:1])).strip(), *member.text[1:])


def _text(text: tuple[str, ...]) -> str:
    """Lines as they may stand between quotes, where `#` begins the code of a letter."""
    apart = (_PAIR.sub(_JOINED, line) for line in lines(text))
    return "<br/>".join(_SPECIAL.sub(_code, line) for line in apart)


def _code(found: re.Match[str]) -> str:
    return f"#{ord(found[0])};"


def _plain(title: str) -> str:
    """A title in one line, without what begins an element or a code: both would be dropped."""
    return " ".join(lines((title,))).translate(_UNTITLED)
