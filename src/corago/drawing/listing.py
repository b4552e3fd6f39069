"""A graph in lines of text: a part each, with what leads to it. For terminals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from corago.drawing.graph import SIGNS, Edge, Frame, Graph, Node, lines
from corago.drawing.outline import Outline

_INDENT = "   "
_HERE = "← here"
_ARROWS: Mapping[str, str] = {"solid": "←", "dashed": "⇠", "dotted": "⇠"}


def listing(graph: Graph) -> str:
    """The drawing; equal graphs give equal texts."""
    return "\n".join(_Listing(graph).lines())


class _Listing:
    """Lists one graph."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._outline = Outline(graph)
        self._names = {each.id: (lines(each.text) or ("●",))[0] for each in graph.members()}
        self._comings: dict[str, list[Edge]] = {}
        for edge in graph.edges:
            self._comings.setdefault(edge.target, []).append(edge)

    def lines(self) -> Iterator[str]:
        """Line by line."""
        title = lines((self._graph.title, self._graph.subtitle))
        if title:
            yield " · ".join(title)
        yield from self._level(None, "")

    def _level(self, level: str | None, indent: str) -> Iterator[str]:
        for member in self._outline.members(level):
            yield indent + self._line(member)
            if isinstance(member, Frame):
                yield from self._level(member.id, indent + _INDENT)

    def _line(self, member: Node | Frame) -> str:
        said = ", ".join(lines(member.text)[1:])
        told = (
            SIGNS[member.mark] if member.mark else "",
            self._names[member.id],
            f"({said})" if said else "",
            *self._ways(self._comings.get(member.id, ())),
            _HERE if isinstance(member, Node) and member.bold else "",
        )
        return " ".join(filter(None, told))

    def _ways(self, edges: Iterable[Edge]) -> Iterator[str]:
        """What leads there: a word for each kind of line, then the names."""
        sorts: dict[str, list[str]] = {}
        for edge in edges:
            said = " ".join(lines(edge.text))
            name = self._names[edge.source] + (f" [{said}]" if said else "")
            sorts.setdefault(_ARROWS[edge.line], []).append(name)
        for arrow, names in sorts.items():
            yield f" {arrow} {', '.join(names)}"
