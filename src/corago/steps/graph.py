"""A step list as a drawing for the terminal, alone or with a process in it. Prints nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from corago.drawing.graph import SIGNS
from corago.steps.outline import Part, outline, told
from corago.steps.positions import Position

MARKS: Mapping[Position, str] = SIGNS
"""What stands before an element, by its position."""


def graph_text(
    document: Mapping[str, Any],
    position: Mapping[str, Position] | None = None,
    details: Mapping[str, str] | None = None,
) -> str:
    """A step list drawn with lines: an element each, branches with double lines.

    Args:
        document: a step list's document.
        position: by path, how far a process is (see `positions`); each element then has a mark of
            `MARKS` before its name.
        details: by path, what else to say of an element, such as `7 of 12` (see `counts`).
    """
    head = f"{document['name']} (version {document['version']}): {document['description']}"
    return "\n".join([head, *_Drawing(position, details or {}).listed(outline(document), "")])


class _Drawing:
    """Draws one document."""

    def __init__(self, position: Mapping[str, Position] | None, details: Mapping[str, str]) -> None:
        self._position = position
        self._details = details

    def listed(self, parts: tuple[Part, ...], indent: str) -> Iterator[str]:
        """A list, and under each element what is within it."""
        for part in parts:
            is_last = part is parts[-1]
            yield indent + ("└─ " if is_last else "├─ ") + self._line(part)
            yield from self._under(part, indent + ("   " if is_last else "│  "))

    def _under(self, part: Part, indent: str) -> Iterator[str]:
        if part.kind == "parallel":
            yield from self._forked(part, indent)
        else:
            for inner in part.lists:
                yield from self.listed(inner, indent)

    def _forked(self, part: Part, indent: str) -> Iterator[str]:
        """The branches of an element, each a little list at its fork."""
        for branch in part.lists:
            is_last = branch is part.lists[-1]
            fork, beside = ("╚═", "  ") if is_last else ("╠═", "║ ")
            for inner in branch:
                starts, ends = inner is branch[0], inner is branch[-1]
                joint = ("══ " if ends else "╤═ ") if starts else ("└─ " if ends else "├─ ")
                yield indent + (fork if starts else beside) + joint + self._line(inner)
                yield from self._under(inner, indent + beside + ("   " if ends else "│  "))

    def _line(self, part: Part) -> str:
        said = (self._details.get(part.path, ""), *told(part.element), part.condition)
        shown = ", ".join(each for each in said if each)
        mark = ""
        if self._position is not None:
            mark = f"{MARKS[self._position.get(part.path, 'pending')]} "
        return f"{mark}{part.name}{f'  ({shown})' if shown else ''}"
