"""From one step list to another under a living process: what differs, and how it is carried over.

A process may go on by another list if that neither skips a step nor repeats one. Elements are the
same where their paths are, after `renames`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from corago.core import events as e
from corago.core.process import renamed
from corago.core.program import Difference
from corago.steps.frames import Frame, StepsState, Undo
from corago.steps.moving import Move
from corago.steps.nodes import Node, Nodes

if TYPE_CHECKING:
    from corago.steps.program import StepsProgram

_replace = msgspec.structs.replace


def differences(
    state: StepsState, before: StepsProgram, after: StepsProgram, renames: Mapping[str, str]
) -> tuple[Difference, ...]:
    """Why a process can't simply go on by another list; empty if it can."""
    if state.stopping is not None:
        return (Difference("", "it is being canceled"),)
    comparison = _Comparison(before.nodes, after.nodes, renames)
    comparison.names()
    comparison.lists(state.frame, before.first, after.first)
    comparison.undos(state.undo)
    return tuple(dict.fromkeys(comparison.verdict()))


def adopted(
    state: StepsState, before: StepsProgram, after: StepsProgram, event: e.DefinitionChanged
) -> StepsState:
    """The state in which a process goes on by another list. Raises ValueError if it can't."""
    carried = _carried(state.frame, before.nodes, after.nodes, event.renames)
    undo = tuple(_moved(each, event.renames) for each in state.undo)
    moved = _replace(state, frame=carried, undo=undo)
    return Move(after.nodes, moved, event.position).begin()


def _carried(frame: Frame, old: Nodes, new: Nodes, renames: Mapping[str, str]) -> Frame:
    if frame.at is None:
        return frame
    at = renamed(frame.at, renames)
    node = new.get(at)
    if node is None:
        raise ValueError(f"{at!r} is not in the new list")
    branches = tuple(_carried(each, old, new, renames) for each in frame.branches)
    if branches and node.kind == "parallel":
        branches += tuple(Frame(first) for first in node.branches[len(branches) :])
    items = frame.items
    if items is not None:
        moved = {index: _carried(each, old, new, renames) for index, each in items.open.items()}
        items = _replace(items, open=moved)
    return _replace(frame, at=at, branches=branches, items=items)


def _moved(undo: Undo, renames: Mapping[str, str]) -> Undo:
    return _replace(undo, path=renamed(undo.path, renames), node=renamed(undo.node, renames))


def chain(nodes: Nodes, first: str | None) -> Iterator[Node]:
    """The elements of one list, in order."""
    while first is not None:
        node = nodes[first]
        yield node
        first = node.following


def whole(nodes: Nodes, first: str | None) -> Iterator[Node]:
    """The elements of a list and of all lists within it."""
    for node in chain(nodes, first):
        yield from _with_inner(nodes, node)


def _with_inner(nodes: Nodes, node: Node) -> Iterator[Node]:
    yield node
    for first in node.branches:
        yield from whole(nodes, first)


@dataclass
class _Comparison:
    """Goes through two lists side by side, wherever the process stands in them."""

    old: Nodes
    new: Nodes
    renames: Mapping[str, str]
    found: list[Difference] = field(default_factory=list)
    behind: dict[str, str] = field(default_factory=dict)
    """The new paths of what the process has passed, and what it was called there."""
    passed: list[str] = field(default_factory=list)
    """What it would have passed, had it gone by the new list."""
    ahead: list[str] = field(default_factory=list)
    """What it would come to by the new list."""
    items: list[_Comparison] = field(default_factory=list)
    """Each item of a loop stands somewhere else, and is looked at by itself."""

    def names(self) -> None:
        """What is renamed must be there, before and after."""
        for old, new in self.renames.items():
            if old not in self.old:
                text = f"{old!r} is not in the list that the process follows"
                self.found.append(Difference(old, text))
            if new not in self.new:
                self.found.append(Difference(new, f"{new!r} is not in the new list"))

    def lists(self, frame: Frame, old_first: str | None, new_first: str | None) -> None:
        """Compare a list with the one in its place."""
        old, new = list(chain(self.old, old_first)), list(chain(self.new, new_first))
        if frame.at is None:
            self._pass(old)
            self._list(self.passed, new)
            return
        place = next(index for index, node in enumerate(old) if node.path == frame.at)
        self._pass(old[:place])
        here = renamed(frame.at, self.renames)
        at = next((index for index, node in enumerate(new) if node.path == here), None)
        if at is None:
            text = f"the process stands at {here!r}, which is not there (any more)"
            self.found.append(Difference(here, text))
            return
        self._list(self.passed, new[:at])
        self._list(self.ahead, new[at + 1 :])
        self._elements(frame, old[place], new[at])

    def _pass(self, nodes: list[Node]) -> None:
        for node in nodes:
            for each in _with_inner(self.old, node):
                self.behind[renamed(each.path, self.renames)] = each.path

    def _list(self, told: list[str], nodes: list[Node]) -> None:
        told += [each.path for node in nodes for each in _with_inner(self.new, node)]

    def _elements(self, frame: Frame, old: Node, new: Node) -> None:
        """Compare the elements at which the process stands."""
        if old.kind != new.kind:
            text = f"{new.path!r} was a {old.kind} and is a {new.kind}"
            self.found.append(Difference(new.path, text))
            return
        asked = [node.element.get("guards", [])[: frame.asked] for node in (old, new)]
        if asked[0] != asked[1]:
            text = f"the conditions of {new.path!r} have changed, and some are answered already"
            self.found.append(Difference(new.path, text))
        is_open = bool(frame.branches or frame.items) or frame.child == "open"
        for name in ("key", "workflow"):
            values = [node.element.get(name) for node in (old, new)]
            if is_open and values[0] != values[1]:
                text = f"the {name} of {new.path!r} was {values[0]!r} and is {values[1]!r}"
                self.found.append(Difference(new.path, text))
        if len(frame.branches) > len(new.branches):
            text = f"{new.path!r} had {len(frame.branches)} branches and has {len(new.branches)}"
            self.found.append(Difference(new.path, text))
            return
        for branch, first, other in zip(frame.branches, old.branches, new.branches, strict=False):
            self.lists(branch, first, other)
        if frame.items is not None:
            frames = list(frame.items.open.values())
            if any(result is not None for result in frame.items.results):
                frames.append(Frame(None))
            for item in frames:
                alone = _Comparison(self.old, self.new, self.renames)
                alone.lists(item, old.branches[0], new.branches[0])
                self.items.append(alone)
        elif not frame.branches:
            self._list(self.ahead, [])
            for first in new.branches:
                self._list(self.ahead, list(chain(self.new, first)))

    def undos(self, undos: tuple[Undo, ...]) -> None:
        """What finished steps would be taken back by must be there still."""
        for undo in undos:
            path = renamed(undo.node, self.renames)
            if path not in self.new:
                text = f"{undo.path!r} would take a finished step back, and is not there (any more)"
                self.found.append(Difference(path, text))

    def verdict(self) -> Iterator[Difference]:
        """All differences: what stops, what would be repeated, what would be skipped."""
        yield from self.found
        yield from self._order()
        for item in self.items:
            item.behind = {**self.behind, **item.behind}
            item.passed += self.passed
            item.ahead += self.ahead
            yield from item.verdict()

    def _order(self) -> Iterator[Difference]:
        gone = {_leaf(was): path for path, was in self.behind.items() if path not in self.new}
        known = {renamed(path, self.renames) for path in self.old}
        for path in dict.fromkeys(self.ahead):
            if path in self.behind:
                yield Difference(path, f"{path!r} was passed already and would come again")
            elif path not in known and _leaf(path) in gone:
                was = gone[_leaf(path)]
                text = f"{path!r} would come, but was passed already as {was!r}"
                yield Difference(path, text)
        for path in dict.fromkeys(self.passed):
            if path not in self.behind and path not in self.ahead:
                text = f"{path!r} stands before where the process is, and it has not passed it"
                yield Difference(path, text, stops=False)


def _leaf(path: str) -> str:
    return path.rpartition("/")[2]
