"""A document of steps, compiled: every element by its path, and how the paths of loops are read.

A path as definitions know it (`Ports/Configure`) has no indexes; one of a process within a loop has
(`Ports[3]/Configure`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from corago.core.retry import Retry

ITEM = -1
"""Stands in a node's route for the index of an item."""

Route = tuple[int, ...]
"""From the outermost list inwards: the number of a branch, or the index of an item."""

RESTING = frozenset({"step", "sleep", "done", "abort", "child"})
"""The kinds at which a frame stays until something happens."""

_INDEX = re.compile(r"\[(\d+)\](?=/)")


def bare(path: str) -> str:
    """A path without the indexes of loops, as definitions know it."""
    return _INDEX.sub("", path)


class Node(msgspec.Struct, frozen=True):
    """An element of a list, compiled.

    `route` leads to its list, `following` is what comes after it in there; with `leads_to_rest`
    nothing is passed through on the way there. `branches` are the first paths of its inner lists.
    `place` is the path at which its list stands while this is under way: its own, but for the two
    functions of a lens. `pieces` are its path, cut where the indexes of loops belong.
    """

    path: str
    kind: str
    element: Mapping[str, Any]
    route: Route
    place: str
    pieces: tuple[str, ...]
    following: str | None = None
    guards: int = 0
    branches: tuple[str | None, ...] = ()
    retry: Retry | None = None
    timeout: float | None = None
    at_most_once: bool = False
    queue: str | None = None
    undo: str | None = None
    leads_to_rest: bool = False

    def text(self, route: Route) -> str:
        """Its path in a process, where `route` has the indexes."""
        if len(self.pieces) == 1:
            return self.path
        if len(self.pieces) == 2:  # noqa: PLR2004 - one loop around it, as mostly
            outer, inner = self.pieces
            return f"{outer}[{route[self.route.index(ITEM)]}]{inner}"
        indexes = [given for given, known in zip(route, self.route, strict=True) if known == ITEM]
        rest = zip(indexes, self.pieces[1:], strict=True)
        return self.pieces[0] + "".join(f"[{index}]{piece}" for index, piece in rest)

    def filled(self, indexes: Sequence[int]) -> Route:
        """Its route with these indexes of items."""
        left = iter(indexes)
        return tuple(next(left) if each == ITEM else each for each in self.route)


class Nodes(dict[str, Node]):
    """Every node by its path, without indexes."""

    def __init__(self) -> None:
        self._looped: dict[str, list[tuple[re.Pattern[str], Node]]] = {}

    def find(self, path: str) -> tuple[Node, Route] | None:
        """The node of a path in a process, and its route; None for a path that is not here."""
        node = self.get(path)
        if node is not None and len(node.pieces) == 1:
            return node, node.route
        for pattern, looped in self._looped.get(bare(path), ()):
            match = pattern.fullmatch(path)
            if match is not None:
                return looped, looped.filled([int(each) for each in match.groups()])
        return None

    def look_alikes(self) -> Iterator[tuple[Node, Node]]:
        """Nodes whose paths in a process could not be told apart: of a loop, or named like one."""
        seen: dict[str, Node] = {}
        for path, node in self.items():
            other = seen.setdefault(bare(path), node)
            if other is not node and (node.pieces[1:] or other.pieces[1:]):
                yield other, node

    def close(self) -> None:
        """Make ready to find what is in loops."""
        for path, node in self.items():
            if len(node.pieces) > 1:
                # a name may look like an index: what is one, the pieces tell
                pattern = re.compile(r"\[(\d+)\]".join(map(re.escape, node.pieces)))
                self._looped.setdefault(bare(path), []).append((pattern, node))


def compile_nodes(elements: list[dict[str, Any]]) -> tuple[str | None, Nodes]:
    """The first path of a list, and every node in it by path."""
    nodes = Nodes()
    first = _compile(elements, ("",), (), {}, nodes)
    nodes.close()
    return first, nodes


def inner_lists(element: Mapping[str, Any]) -> list[list[dict[str, Any]]]:
    """The lists within an element, in order."""
    lists: list[list[dict[str, Any]]] = list(element.get("branches", ()))
    return [element["steps"]] if "steps" in element else lists


def _compile(
    elements: list[dict[str, Any]],
    prefix: tuple[str, ...],
    route: Route,
    used: dict[str, int],
    nodes: Nodes,
) -> str | None:
    names = [_name(element["name"], used) for element in elements]
    start = "".join(prefix)
    for index, (element, name) in enumerate(zip(elements, names, strict=True)):
        path, kind = start + name, element["kind"]
        following = start + names[index + 1] if index + 1 < len(names) else None
        pieces = (*prefix[:-1], prefix[-1] + name)
        inner = (*pieces, "/") if kind == "foreach" else (*pieces[:-1], pieces[-1] + "/")
        parts = ("get", "set") if kind == "lens" else ()
        below = dict.fromkeys(parts, 1)
        branches = tuple(
            _compile(each, inner, (*route, ITEM if kind == "foreach" else number), below, nodes)
            for number, each in enumerate(inner_lists(element))
        )
        for part in parts:
            nodes[f"{path}/{part}"] = Node(
                path=f"{path}/{part}",
                kind=part,
                element=element,
                route=route,
                place=path,
                pieces=(*pieces[:-1], f"{pieces[-1]}/{part}"),
                following=following,
                guards=len(element.get("guards", ())),
            )
        undo = element.get("undo")
        if undo is not None:
            nodes[f"{path}/undo"] = Node(
                path=f"{path}/undo",
                kind="undo",
                element=undo,
                route=route,
                place=path,
                pieces=(*pieces[:-1], f"{pieces[-1]}/undo"),
                **_policies(undo),
            )
        nodes[path] = Node(
            path=path,
            kind=kind,
            element=element,
            route=route,
            place=path,
            pieces=pieces,
            following=following,
            guards=len(element.get("guards", ())),
            branches=branches,
            undo=None if undo is None else f"{path}/undo",
            leads_to_rest=_kind_at(elements, index + 1) in RESTING,
            **_policies(element),
        )
    return start + names[0] if names else None


def _policies(element: Mapping[str, Any]) -> dict[str, Any]:
    retry = element.get("retry")
    return {
        "retry": None if retry is None else Retry(**retry),
        "timeout": element.get("timeout"),
        "at_most_once": element.get("at_most_once", False),
        "queue": element.get("queue"),
    }


def _kind_at(elements: list[dict[str, Any]], index: int) -> str:
    return elements[index]["kind"] if index < len(elements) else ""


def _name(name: str, used: dict[str, int]) -> str:
    used[name] = used.get(name, 0) + 1
    return name if used[name] == 1 else f"{name}#{used[name]}"
