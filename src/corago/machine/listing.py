"""A machine as a drawing for the terminal, alone or with a process in it. Prints nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from corago.drawing.graph import SIGNS, Mark, lines
from corago.machine.captions import (
    Document,
    Way,
    cause,
    changes,
    effects,
    hooks,
    is_last,
    limits,
    ways,
    work,
)
from corago.machine.standing import Standing

_STAYS = "stays"


def graph_text(document: Document, standing: Standing | None = None) -> str:
    """A machine's document in lines: a block for each state, and a line for each of its edges.

    Args:
        document: a machine's document.
        standing: how far a process is; each state then has a mark of `SIGNS` before its name, and
            each edge that was taken says how often.
    """
    return "\n".join(_Listing(document, standing).lines())


class _Listing:
    """Lists one document."""

    def __init__(self, document: Document, standing: Standing | None) -> None:
        self._document = document
        self._counts: Mapping[str, int] = standing.counts if standing else {}
        self._current = standing.state if standing else None
        self._marks: Mapping[str, Mark] = standing.marks(document) if standing else {}

    def lines(self) -> Iterator[str]:
        """Line by line."""
        document = self._document
        head = f"{document['name']} (version {document['version']})"
        yield ": ".join(_line(each) for each in (head, document.get("description", "")) if each)
        yield f"● → {document['initial']}"
        for name, body in document["states"].items():
            yield from self._state(name, body)
        for name, group in document.get("groups", {}).items():
            members = ", ".join(group["members"])
            yield f"group {name}: {members}"
            yield from self._ways(list(ways(group, f"groups/{name}")))
        shared = list(limits(document))
        error = document.get("error")
        if shared or error:
            yield "any state"
            arrows = [("on an error", f"→ {error}", "")] if error else []
            yield from self._ways(shared, arrows)

    def _state(self, name: str, body: Document) -> Iterator[str]:
        mark = self._marks.get(name)
        told = [name]
        if is_last(self._document, name):
            told.append("■")
        if name == self._document.get("error"):
            told.append("(error state)")
        if name == self._current:
            told.append("← here")
        yield (f"{SIGNS[mark]} " if mark else "") + " ".join(told)
        yield from (f"    {_line(each)}" for each in (*work(body), *hooks(body)))
        yield from self._ways(list(ways(body, f"states/{name}")))

    def _ways(
        self, some: Sequence[Way], arrows: Sequence[tuple[str, str, str]] = ()
    ) -> Iterator[str]:
        """A line each: what it waits for, where it leads, and what it does."""
        told = [*map(self._way, some), *arrows]
        wide = max((len(why) for why, _, _ in told), default=0)
        far = max((len(where) for _, where, _ in told), default=0)
        for why, where, what in told:
            yield f"    {why:{wide}} {where:{far}} {what}".rstrip()

    def _way(self, way: Way) -> tuple[str, str, str]:
        count = self._counts.get(way.place, 0)
        does = "; ".join(filter(None, (effects(way.edge), changes(way.edge))))
        told = (f"/ {does}" if does else "", f"({count}x)" if count else "")
        where = f"→ {way.target}" if way.target else _STAYS
        return _line(cause(way)), _line(where), _line(" ".join(filter(None, told)))


def _line(text: str) -> str:
    return " ".join(lines((text,)))
