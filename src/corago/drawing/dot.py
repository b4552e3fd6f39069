"""A graph in the DOT language of Graphviz, which lays it out by itself."""

from __future__ import annotations

from collections.abc import Iterator

from corago.drawing.graph import SIGNS, Edge, Frame, Graph, Node, lines
from corago.drawing.outline import Outline
from corago.drawing.palette import PAINTS

_SHAPES = {
    "box": 'shape=box, style="rounded,filled"',
    "pill": 'shape=box, style="rounded,filled"',
    "wait": 'shape=hexagon, style="filled"',
    "call": 'shape=box, peripheries=2, style="filled"',
    "end": 'shape=box, peripheries=2, style="rounded,filled"',
    "dot": "shape=point, width=0.15",
}
_FONT = 'fontname="Helvetica,Arial,sans-serif"'


def dot(graph: Graph) -> str:
    """The drawing; equal graphs give equal texts."""
    return "\n".join(_told(graph)) + "\n"


def _told(graph: Graph) -> Iterator[str]:
    outline = Outline(graph)
    title = _label((graph.title, graph.subtitle), is_left=True)
    yield f"digraph {_quoted(graph.title or 'drawing')} {{"
    yield f"  graph [compound=true, ranksep=0.6, {_FONT}, fontsize=12]"
    yield f"  graph [label={title}, labelloc=t, labeljust=l]"
    yield f"  node [{_FONT}, fontsize=11]"
    yield f'  edge [{_FONT}, fontsize=10, color="{_light("line-plain", "stroke")}"]'
    yield from _members(outline, None, "  ")
    for edge in graph.edges:
        yield "  " + _edge(outline, edge)
    yield "}"


def _members(outline: Outline, level: str | None, indent: str) -> Iterator[str]:
    for member in outline.members(level):
        if isinstance(member, Node):
            yield f"{indent}{_quoted(member.id)} [{_node(member)}]"
            continue
        yield f"{indent}subgraph {_quoted(_cluster(outline, member.id))} {{"
        yield f"{indent}  graph [{_frame(member)}]"
        if outline.first(member.id) is None:
            empty = _quoted(_cluster(outline, member.id) + " ")
            yield f'{indent}  {empty} [style=invis, label=""]'
        yield from _members(outline, member.id, indent + "  ")
        yield f"{indent}}}"


def _node(node: Node) -> str:
    name = f"node-{node.look}"
    shape = _SHAPES[node.shape]
    if node.optional:
        shape = shape.replace("filled", "filled,dashed")
    text = (" ".join((_sign(node), *node.text[:1])).strip(), *node.text[1:])
    label = '""' if node.shape == "dot" else _label(text)
    width = "2.4" if node.bold else "1.2"
    ground = _light(f"disc-{node.look}" if node.shape == "dot" else name, "fill")
    return (
        f'label={label}, {shape}, fillcolor="{ground}", '
        f'color="{_light(name, "stroke")}", penwidth={width}, '
        f'fontcolor="{_light(f"text-{node.look}", "fill")}"'
    )


def _frame(frame: Frame) -> str:
    name = "frame-" + (frame.mark or "plain")
    text = (" ".join((_sign(frame), *frame.text[:1])).strip(), *frame.text[1:])
    style = "rounded,filled" + (",dashed" if frame.optional else "")
    ground = _light("lane" if frame.lane else name, "fill")
    outline = ground if frame.lane else _light(name, "stroke")
    return (
        f'label={_label(text, is_left=True)}, labeljust=l, fontsize=11, style="{style}", '
        f'fillcolor="{ground}", color="{outline}"'
    )


def _edge(outline: Outline, edge: Edge) -> str:
    """An arrow; one at a frame goes to a node in it and is cut off at the frame's border."""
    told = [f'color="{_light("line-" + edge.tone, "stroke")}"', f"style={edge.line}"]
    if lines(edge.text):
        told.append(f"label={_label(edge.text)}")
        told.append(f'fontcolor="{_light("label-" + edge.tone, "fill")}"')
    ends = []
    for end, other, key, inner in (
        (edge.source, edge.target, "ltail", outline.last),
        (edge.target, edge.source, "lhead", outline.first),
    ):
        node = end
        if outline.is_frame(end):
            node = inner(end) or _cluster(outline, end) + " "
            if not outline.is_within(other, end):
                told.append(f"{key}={_quoted(_cluster(outline, end))}")
        ends.append(_quoted(node))
    return f"{ends[0]} -> {ends[1]} [{', '.join(told)}]"


def _cluster(outline: Outline, frame: str) -> str:
    return f"cluster_{outline.number(frame)}"


def _sign(member: Node | Frame) -> str:
    return "" if member.mark is None else SIGNS[member.mark]


def _light(name: str, attribute: str) -> str:
    return PAINTS[name][attribute][0]


def _label(text: tuple[str, ...], *, is_left: bool = False) -> str:
    """Lines as a label: a backslash is an escape there, and an ampersand begins an entity."""
    told = (line.replace("\\", "\\\\").replace("&", "&amp;") for line in lines(text))
    whole = "".join(f"{line}\\l" for line in told) if is_left else "\\n".join(told)
    return '"' + whole.replace('"', '\\"') + '"'


def _quoted(name: str) -> str:
    r"""An id: only quotes need a backslash there, and one at the end would quote the quote."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
