"""Every place of a document where something is read, called or done: one walk for all who look.

Pointers are RFC 6901 pointers into the normal form. Whatever is broken (None) is left out, so that
a document with faults can be walked too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec

from corago.machine.faults import pointer

EDGE_KINDS = ("on", "when", "after", "done", "failed")
HOOK_KINDS = ("enter", "exit")
TIMED_KINDS = ("idle", "lifetime")
GLOBAL_KINDS = ("on_enter", "on_exit", "on_transition")

Role = Literal["guard", "set", "argument", "input"]
CallRole = Literal["guard", "set", "activity"]

_READS = {"on": ("event",), "done": ("result",), "failed": ("error",)}


class Move(msgspec.Struct, frozen=True):
    """An edge or a hook: where it stands, what it says, and whose it is.

    `kind` is the key that it stands under: on, when, after, done, failed, idle, lifetime, enter,
    exit, on_enter, on_exit or on_transition.
    """

    pointer: str
    body: Mapping[str, Any]
    kind: str
    state: str | None = None
    group: str | None = None
    reads: tuple[str, ...] = ()

    @property
    def is_edge(self) -> bool:
        """Whether it may have a guard and lead somewhere."""
        return self.kind not in HOOK_KINDS + GLOBAL_KINDS

    @property
    def is_sure(self) -> bool:
        """Whether it has no guard."""
        return "if" not in self.body and "unless" not in self.body


class Written(msgspec.Struct, frozen=True):
    """An expression: its pointer and text, what it is for, and what it may read.

    `reads` names the roots there besides external, internal and visits; `move` is the edge or hook
    that it belongs to (None: a state's run or children, or the validator); `target` is what a `set`
    value is for.
    """

    pointer: str
    text: str
    role: Role
    reads: tuple[str, ...] = ()
    state: str | None = None
    move: Move | None = None
    target: str = ""


class Called(msgspec.Struct, frozen=True):
    """A named Python function and what it is for; `args` are an activity's, by parameter."""

    pointer: str
    name: str
    role: CallRole
    args: Mapping[str, str] = {}
    move: Move | None = None
    state: str | None = None
    target: str = ""


def mapping(value: Any) -> Mapping[str, Any]:
    """The value, or nothing in place of what is broken or absent."""
    return value if isinstance(value, Mapping) else {}


def entries(value: Any) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The sound items of a list, with their indices."""
    for index, each in enumerate(value if isinstance(value, list) else ()):
        if isinstance(each, Mapping):
            yield index, each


def moves(document: Mapping[str, Any]) -> Iterator[Move]:
    """All edges and hooks, in the document's order."""
    troubled = ("error",)
    for state, body in mapping(document.get("states")).items():
        more = troubled if state == document.get("error") else ()
        place = pointer("states", state)
        for kind in EDGE_KINDS + HOOK_KINDS:
            reads = tuple(dict.fromkeys(_READS.get(kind, ()) + more))
            for index, move in entries(mapping(body).get(kind)):
                yield Move(f"{place}/{kind}/{index}", move, kind, state, None, reads)
    for group, body in mapping(document.get("groups")).items():
        place = pointer("groups", group)
        for kind in EDGE_KINDS:
            for index, move in entries(mapping(body).get(kind)):
                at = f"{place}/{kind}/{index}"
                yield Move(at, move, kind, None, group, _READS.get(kind, ()))
    for kind in TIMED_KINDS:
        if isinstance(timed := document.get(kind), Mapping):
            yield Move(pointer(kind), timed, kind)
    for kind in GLOBAL_KINDS:
        for index, move in entries(document.get(kind)):
            yield Move(pointer(kind, index), move, kind)


class Asked(msgspec.Struct, frozen=True):
    """An activity: a state's run, or an effect of `move`."""

    pointer: str
    body: Mapping[str, Any]
    state: str | None
    reads: tuple[str, ...] = ()
    move: Move | None = None


def activities(document: Mapping[str, Any]) -> Iterator[Asked]:
    """All activities: what states run, then the effects of edges and hooks."""
    for state, body in mapping(document.get("states")).items():
        if isinstance(run := mapping(body).get("run"), Mapping):
            reads = ("error",) if state == document.get("error") else ()
            yield Asked(pointer("states", state, "run"), run, state, reads)
    for move in moves(document):
        for index, effect in entries(move.body.get("effect")):
            yield Asked(f"{move.pointer}/effect/{index}", effect, move.state, move.reads, move)


def expressions_of(document: Mapping[str, Any]) -> Iterator[Written]:
    """All expressions: guards, `set` values, arguments, children's inputs, the validator."""
    if isinstance(text := document.get("validate"), str):
        yield Written("/validate", text, "guard")
    for move in moves(document):
        yield from _of_move(move)
    for asked in activities(document):
        for name, text in mapping(asked.body.get("args")).items():
            if isinstance(text, str):
                at = f"{asked.pointer}{pointer('args', name)}"
                yield Written(at, text, "argument", asked.reads, asked.state, asked.move)
    for state, body in mapping(document.get("states")).items():
        for child, wanted in mapping(mapping(body).get("children")).items():
            for key, text in mapping(mapping(wanted).get("input")).items():
                if isinstance(text, str):
                    at = pointer("states", state, "children", child, "input", key)
                    yield Written(at, text, "input", (), state)


def _of_move(move: Move) -> Iterator[Written]:
    for key in ("if", "unless"):
        if isinstance(text := move.body.get(key), str):
            yield Written(f"{move.pointer}/{key}", text, "guard", move.reads, move.state, move)
    for target, value in mapping(move.body.get("set")).items():
        if isinstance(value, str) and target != "call":
            at = f"{move.pointer}{pointer('set', target)}"
            yield Written(at, value, "set", move.reads, move.state, move, target)


def calls_of(document: Mapping[str, Any]) -> Iterator[Called]:
    """All named Python functions: guards, `set` functions and activities."""
    if name := _called(document.get("validate")):
        yield Called("/validate", name, "guard")
    for move in moves(document):
        for key in ("if", "unless"):
            if name := _called(move.body.get(key)):
                at = f"{move.pointer}/{key}"
                yield Called(at, name, "guard", move=move, state=move.state)
        given = move.body.get("set")
        if name := _called(given):
            yield Called(f"{move.pointer}/set", name, "set", move=move, state=move.state)
            continue
        for target, value in mapping(given).items():
            if name := _called(value):
                at = f"{move.pointer}{pointer('set', target)}"
                yield Called(at, name, "set", move=move, state=move.state, target=target)
    for asked in activities(document):
        activity, args = asked.body.get("activity"), mapping(asked.body.get("args"))
        if isinstance(activity, str):
            yield Called(asked.pointer, activity, "activity", args, asked.move, asked.state)


def _called(value: Any) -> str:
    name = value.get("call") if isinstance(value, Mapping) else None
    return name if isinstance(name, str) else ""
