"""Mermaid and DOT: every text arrives as it is, every shape and arrow has its sign."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corago.drawing.dot import dot
from corago.drawing.graph import Edge, Frame, Graph, Node
from corago.drawing.mermaid import mermaid
from tests.unit.drawing.graphs import DOOR, graphs

LAWS = settings(derandomize=True, deadline=None, database=None, max_examples=60)
QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


def node(text: str, **more: str) -> Graph:
    return Graph((Node("a", (text,), **more),))  # type: ignore[arg-type]


# -- Mermaid ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('say "hi"', "say #34;hi#34;"),
        ("a & b <c>", "a #38; b #60;c#62;"),
        ("issue #7; done", "issue #35;7; done"),
        ("{a} [b] (c) | d", "{a} [b] (c) | d"),
        ("two\nlines", "two<br/>lines"),
        ("`code` \\ 100 %", "#96;code#96; #92; 100 #37;"),
        ("1. first", "1#46; first"),
        ("12) twelfth", "12#41; twelfth"),
        ("- dash", "#45; dash"),
        ("übung → 日本", "übung → 日本"),
        ("$$x$$", "#36;\u2060#36;x#36;\u2060#36;"),
        ("C:\\new", "C:#92;\u2060new"),
        ("end", "end"),
    ],
)
def test_mermaid_texts_are_coded(text: str, told: str) -> None:
    graph = Graph((Node("a", (text,)),), (Edge("a", "a", (text,)),), (Frame("f", (text,)),))
    drawn = mermaid(graph)
    assert f'n1["{told}"]' in drawn
    assert f'n1 -->|"{told}"| n1' in drawn
    assert f'subgraph f2["{told.replace("<br/>", " · ")}"]' in drawn


@LAWS
@given(st.text(max_size=30))
def test_a_mermaid_text_never_leaves_its_quotes(text: str) -> None:
    """A line of a node begins and ends as it should, with nothing that ends a text between."""
    line = mermaid(node(text)).splitlines()[1]
    assert line.startswith('  n1["')
    assert line.endswith('"]')
    inner = line[6:-2]
    assert not set('"`\\') & set(inner)
    assert not re.search(r"#(?!\d+;)", inner)
    assert "<" not in inner.replace("<br/>", "")


def test_a_mermaid_title_is_one_quoted_line() -> None:
    graph = Graph(title='a "b"\n<i>c</i> & d', subtitle="version 1")
    head = mermaid(graph).splitlines()[:3]
    assert head == ["---", 'title: "a \\"b\\" (i)c(/i) + d · version 1"', "---"]


def test_mermaid_tells_shapes_lines_and_colours() -> None:
    drawn = mermaid(DOOR).splitlines()
    assert drawn[:5] == [
        "---",
        'title: "door · with locks"',
        "---",
        "flowchart TD",
        '  n1((" "))',
    ]
    assert '  n2["▶ closed"]' in drawn
    assert '  n3["· opened<br/>run ring"]' in drawn
    assert '  n5(["· broken"])' in drawn
    assert '  n3 -.->|"after 48 h"| n2' in drawn
    assert "  class n2 running" in drawn
    assert "  class n2 bold" in drawn
    assert any(line.startswith("  linkStyle 7,8 stroke:#") for line in drawn)


def test_mermaid_arrows_between_a_frame_and_its_inside_go_to_a_node() -> None:
    nodes = (Node("a", ("a",), inside="f"), Node("b", ("b",), inside="f"), Node("c", ("c",)))
    edges = (Edge("f", "b"), Edge("a", "f"), Edge("c", "f"), Edge("f", "f"), Edge("a", "b"))
    drawn = mermaid(Graph(nodes, edges, (Frame("f", ("F",)),)))
    arrows = [line.strip() for line in drawn.splitlines() if "-->" in line]
    assert arrows == ["n2 --> n2", "n1 --> n1", "n3 --> f4", "n2 --> n1", "n1 --> n2"]


# -- DOT -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('say "hi"', 'say \\"hi\\"'),
        ("a & b <c>", "a &amp; b <c>"),
        ("back\\slash \\n", "back\\\\slash \\\\n"),
        ("two\nlines", "two\\nlines"),
        ("[b] {c} | d; e", "[b] {c} | d; e"),
        ("übung → 日本", "übung → 日本"),
    ],
)
def test_dot_texts_are_quoted(text: str, told: str) -> None:
    graph = Graph((Node("a", (text,)),), (Edge("a", "a", (text,)),))
    drawn = dot(graph)
    assert f'"a" [label="{told}", shape=box' in drawn
    assert f'label="{told}", fontcolor' in drawn


@LAWS
@given(st.text(max_size=20), st.text(min_size=1, max_size=20))
def test_a_dot_text_never_leaves_its_quotes(text: str, id: str) -> None:
    """Without what is quoted, nothing but the language is left."""
    drawn = dot(Graph((Node(id, (text,)),), (Edge(id, id, (text,)),), title=text))
    assert_closed(drawn)


def test_an_id_that_ends_in_a_backslash_does_not_quote_its_quote() -> None:
    graph = Graph((Node("a\\", ("a",)), Node('b"', ("b\\",))), (Edge("a\\", 'b"'),), title="t\\")
    assert_closed(dot(graph))


def assert_closed(drawn: str) -> None:
    bare = QUOTED.sub("Q", drawn)
    assert re.fullmatch(r"[\w\s\[\]{}=,.;>-]*", bare)
    assert bare.count("{") == bare.count("}") == 1


def test_dot_tells_shapes_lines_and_colours() -> None:
    drawn = dot(DOOR)
    assert drawn.startswith('digraph "door" {\n')
    assert 'label="door\\lwith locks\\l"' in drawn
    assert '"start" [label="", shape=point' in drawn
    assert re.search(r'"closed" \[label="▶ closed".*penwidth=2\.4', drawn)
    assert re.search(r'"broken" \[.*peripheries=2', drawn)
    assert re.search(r'"opened" -> "closed" \[.*style=dashed, label="after 48 h"', drawn)
    assert drawn.endswith("}\n")


def test_dot_arrows_at_frames_are_cut_off_at_their_borders() -> None:
    nodes = (Node("a", ("a",), inside="f"), Node("b", ("b",), inside="f"), Node("c", ("c",)))
    edges = (Edge("f", "c"), Edge("c", "f"), Edge("f", "a"), Edge("a", "b"), Edge("c", "g"))
    drawn = dot(Graph(nodes, edges, (Frame("f", ("F",)), Frame("g"))))
    assert re.search(r'"b" -> "c" \[.*ltail="cluster_4"', drawn)
    assert re.search(r'"c" -> "a" \[.*lhead="cluster_4"', drawn)
    assert not re.search(r'"b" -> "a" \[.*ltail', drawn)
    assert re.search(r'"c" -> "cluster_5 " \[.*lhead="cluster_5"', drawn)
    assert '"cluster_5 " [style=invis' in drawn


def test_lanes_are_told_from_right_to_left() -> None:
    lanes = tuple(Frame(name, inside="f", lane=True) for name in ("one", "two"))
    nodes = (Node("a", ("a",), inside="one"), Node("b", ("b",), inside="two"))
    graph = Graph(nodes, (), (Frame("f", ("F",)), *lanes))
    assert mermaid(graph).index('n2["b"]') < mermaid(graph).index('n1["a"]')
    assert dot(graph).index('"b" [') < dot(graph).index('"a" [')


@LAWS
@given(graphs())
def test_both_languages_name_every_part_and_arrow(graph: Graph) -> None:
    """One line declares a part, one an arrow, and frames are closed as often as opened."""
    told, drawn = mermaid(graph).splitlines(), dot(graph)
    assert sum(bool(re.match(r"\s*n\d+[\[({]", line)) for line in told) == len(graph.nodes)
    assert sum(line.strip() == "end" for line in told) == len(graph.frames)
    assert sum("-->" in line or "-.->" in line for line in told) == len(graph.edges)
    assert drawn.count(" -> ") == len(graph.edges)
    assert drawn.count("subgraph ") == len(graph.frames)
