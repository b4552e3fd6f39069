"""Where the lists of a process stand, what each sees of the State, and what it may write. Pure."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, Mapping
from typing import Any

from corago.core import events as e
from corago.steps.frames import Frame
from corago.steps.nodes import Node, Nodes, Route

View = Mapping[str, Any]
Standing = tuple[Node, Frame, View, Route]
"""An element at which a list stands, with its frame, the State it sees, and the way to its list."""


def frame_at(root: Frame, route: Route) -> Frame | None:
    """The frame of the list to which a route leads."""
    frame: Frame | None = root
    for index in route:
        if frame is None:
            return None
        if frame.items is not None:
            frame = frame.items.open.get(index)
        else:
            frame = frame.branches[index] if index < len(frame.branches) else None
    return frame


def inner(node: Node, frame: Frame, index: int, view: View) -> tuple[Frame, View] | None:
    """The frame of an element's inner list (or item), and the State that it sees."""
    below: Frame | None
    if frame.items is not None:
        below = frame.items.open.get(index)
        given = {"item": _item(view, node.element["key"], index), "index": index}
        seen: View = ChainMap(given, view)  # type: ignore[arg-type] # it is only read
    else:
        below = frame.branches[index] if index < len(frame.branches) else None
        seen = view if frame.part is None else frame.part
    if below is None:
        return None
    return below, ChainMap(below.writes, seen) if below.writes else seen  # type: ignore[arg-type] # as above


def _item(view: View, key: str, index: int) -> Any:
    """An item of a loop; None once an undo has put something else in the place of the list."""
    items = view.get(key)
    return items[index] if isinstance(items, list) and index < len(items) else None


def standing(nodes: Nodes, frame: Frame, view: View, route: Route = ()) -> Iterator[Standing]:
    """Every element at which a list stands, stuck ones too; not those that wait for a place."""
    if frame.at is None:
        return
    node = nodes[frame.at]
    if frame.items is not None:
        for index in sorted(frame.items.open.keys() - frame.items.waiting):
            below = inner(node, frame, index, view)
            if below is not None:
                yield from standing(nodes, *below, (*route, index))
    elif frame.branches:
        if node.kind == "lens" and frame.branches[0].at is None:
            shown = {**(frame.part or {}), **frame.branches[0].writes}
            yield nodes[f"{node.path}/set"], frame, ChainMap({"substate": shown}, view), route  # type: ignore[arg-type] # as above
            return
        for index in range(len(frame.branches)):
            below = inner(node, frame, index, view)
            if below is not None:
                yield from standing(nodes, *below, (*route, index))
    elif node.kind == "lens" and frame.asked >= node.guards:
        yield nodes[f"{node.path}/get"], frame, view, route
    else:
        yield node, frame, view, route


def refusal(  # noqa: PLR0917 - where, and what
    nodes: Nodes, root: Frame, node: Node, route: Route, path: str, written: Any
) -> e.Failure | None:
    """Why a result can't be taken: it is no dict, or another branch has written a key of it."""
    if not isinstance(written, dict):
        return no_dict(path, written)
    if node.kind == "get":
        return None
    keys = set(written)
    for depth in range(len(route) - 1, -1, -1):
        parent = frame_at(root, route[:depth])
        if parent is None or parent.at is None:
            return None
        around = nodes[parent.at]
        if around.kind == "lens":
            return None
        if around.kind in ("focus", "foreach"):
            keys = {key_of(around)}
        for index, branch in enumerate(parent.branches):
            known = set() if index == route[depth] else _written(nodes, branch)
            both = min(keys & known, default=None)
            if both is not None:
                text = (
                    f"{path!r} wrote State[{both!r}], which another branch of {around.path!r} "
                    "wrote too; give each branch keys of its own"
                )
                return e.Failure("BranchConflictError", text)
    return None


def _written(nodes: Nodes, frame: Frame) -> set[str]:
    """The keys that a list has written, or is about to."""
    keys = set(frame.writes)
    if frame.at is None or not (frame.branches or frame.items):
        return keys
    node = nodes[frame.at]
    if node.kind in ("focus", "foreach"):
        keys.add(key_of(node))
    elif node.kind != "lens":
        for branch in frame.branches:
            keys |= _written(nodes, branch)
    return keys


def key_of(node: Node) -> str:
    """The key of the State that a focus or a loop writes."""
    element = node.element
    name: str = element["key"] if node.kind == "focus" else element.get("into") or element["name"]
    return name


def no_dict(path: str, written: Any) -> e.Failure:
    """A result that is no dict, as a failure."""
    text = f"the result of {path!r} is of type {type(written).__name__}, not a dict"
    return e.Failure("StepResultError", text)
