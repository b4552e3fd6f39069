"""SVG: sound XML that needs nothing else, for every text, on light and on dark paper."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corago.drawing import metrics
from corago.drawing.graph import SIGNS, Edge, Frame, Graph, Node
from corago.drawing.layout.levels import laid_out
from corago.drawing.palette import GLYPHS, PAINTS
from corago.drawing.svg import svg
from tests.unit.drawing.graphs import DOOR, MARKS, SHAPES, TONES, graphs

LAWS = settings(derandomize=True, deadline=None, database=None, max_examples=30)
SPACE = "{http://www.w3.org/2000/svg}"


def parsed(graph: Graph) -> ET.Element:
    return ET.fromstring(svg(graph))  # noqa: S314 - made by the code under test


def shown(graph: Graph) -> list[str]:
    return [each.text or "" for each in parsed(graph).iter(f"{SPACE}text")]


@LAWS
@given(graphs())
def test_every_graph_is_sound_xml_with_all_its_texts(graph: Graph) -> None:
    """The XML parses, has a title and a description, and shows every word."""
    root = parsed(graph)
    words = " ".join(shown(graph)).split()
    for node in graph.nodes if root is not None else ():
        for line in node.text if node.shape != "dot" else ():
            assert set(line.split()) <= set(words)
    title, description = root[0], root[1]
    assert (title.tag, description.tag) == (f"{SPACE}title", f"{SPACE}desc")
    assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    assert svg(graph) == svg(replace(graph))


@LAWS
@given(st.text(max_size=20))
def test_any_text_at_all_can_be_drawn(text: str) -> None:
    """No text breaks the XML, wherever it stands."""
    node = Node("a", (text, text), hint=text, inside="f")
    frame = Frame("f", (text,), hint=text)
    graph = Graph((node,), (Edge("a", "a", (text,)),), (frame,), text, text)
    assert parsed(graph).tag == f"{SPACE}svg"


def test_signs_of_xml_are_escaped() -> None:
    text = "<b onload=\"x\">&amp; 'quoted' </text><script>"
    graph = Graph((Node("a", (text,), hint=text),), title=text)
    drawn = svg(graph)
    assert "<script" not in drawn
    assert "<b " not in drawn
    assert text.split(maxsplit=1)[0] in shown(graph)[0]
    assert parsed(graph)[0].text == text


def test_what_xml_can_not_hold_is_replaced() -> None:
    root = parsed(Graph((Node("a", ("bell \x07",), hint="null \x00 half \udc00"),), title="\x1b"))
    assert root[0].text == "\ufffd"
    assert [each.text for each in root.iter(f"{SPACE}title")][1] == "null \ufffd half \ufffd"


def test_it_needs_nothing_else() -> None:
    drawn = svg(DOOR)
    assert "script" not in drawn
    assert "href" not in drawn
    assert "url(" not in drawn
    assert re.findall(r"https?://[^\"]*", drawn) == ["http://www.w3.org/2000/svg"]


def test_dark_paper_changes_every_colour_of_light_paper() -> None:
    drawn = svg(DOOR)
    dark = drawn[drawn.index("@media (prefers-color-scheme:dark)") : drawn.index("</style>")]
    used = set(re.findall(r'class="([^"]+)"', drawn)) - {"corago-drawing"}
    assert used <= set(PAINTS)
    for name in used:
        assert f".corago-drawing .{name}{{" in dark
    for name in ("text-plain", "text-pending", "text-done"):
        light, night = PAINTS[name]["fill"]
        assert brightness(light) < 130 < brightness(night)


def brightness(colour: str) -> float:
    red, green, blue = (int(colour[n : n + 2], 16) for n in (1, 3, 5))
    return (299 * red + 587 * green + 114 * blue) / 1000


def contrast(one: str, other: str) -> float:
    lights = sorted((luminance(one), luminance(other)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def luminance(colour: str) -> float:
    parts = (int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5))
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("mark", ["plain", *SIGNS])
@pytest.mark.parametrize("paper", [0, 1], ids=["light", "dark"])
def test_texts_can_be_told_from_their_ground(mark: str, paper: int) -> None:
    text = PAINTS[f"text-{mark}"]["fill"][paper]
    assert contrast(text, PAINTS[f"node-{mark}"]["fill"][paper]) >= 4.5
    assert contrast(text, PAINTS[f"frame-{mark}"]["fill"][paper]) >= 4.5


@pytest.mark.parametrize("tone", TONES)
@pytest.mark.parametrize("paper", [0, 1], ids=["light", "dark"])
def test_labels_can_be_told_from_the_paper(tone: str, paper: int) -> None:
    text = PAINTS[f"label-{tone}"]["fill"][paper]
    assert contrast(text, PAINTS["paper"]["fill"][paper]) >= 4.5


def test_every_mark_has_a_figure_and_every_shape_is_drawn() -> None:
    assert set(GLYPHS) == set(SIGNS)
    nodes = [
        Node(f"{shape} {mark}", (shape,), shape, mark, optional=True)
        for shape in SHAPES
        for mark in MARKS
    ]
    root = parsed(Graph(tuple(nodes)))
    groups = root.findall(f"{SPACE}g")
    assert len(groups) == len(nodes)
    assert all(len(group) for group in groups)


def test_a_line_is_dashed_and_its_head_is_at_its_end() -> None:
    graph = Graph((Node("a", ("a",)), Node("b", ("b",))), (Edge("a", "b", (), "dashed", "error"),))
    root = parsed(graph)
    line, head = (each for each in root if each.tag == f"{SPACE}path")
    assert line.get("stroke-dasharray")
    assert (line.get("class"), head.get("class")) == ("line-error", "head-error")
    x, y = laid_out(graph).edges[0].runs[-1][-1][-1]
    assert f"L{x:.1f} {y:.1f}L".replace(".0", "") in (head.get("d") or "").replace(".0", "")


def test_a_repeated_frame_has_a_second_one_behind_it() -> None:
    once, often = Graph(frames=(Frame("f"),)), Graph(frames=(Frame("f", repeated=True),))
    count = len(list(parsed(once).iter(f"{SPACE}rect")))
    assert len(list(parsed(often).iter(f"{SPACE}rect"))) == count + 1


@LAWS
@given(graphs())
def test_texts_stay_within_their_nodes(graph: Graph) -> None:
    """By the widths that are assumed, no text is wider than the box that it stands in."""
    found = laid_out(graph)
    for node in graph.nodes:
        box, text = found.boxes[node.id], metrics.node_text(node)
        assert text.width <= box.width
        assert text.height <= box.height
